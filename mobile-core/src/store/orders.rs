//! The rows of orders: details, the entries that the feed brought, and the local fold.

use super::columns::{get_id, get_id_opt, get_seq, seq as column};
use crate::error::Error;
use gridcrew_sync_protocol::{
    feed::Closed,
    ids::{CellId, OrderId, PersonId},
    journal::EntryId,
    order::{OrderState, Status},
    record::{OrderDetails, Owner},
    wire,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// An order as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OrderRow {
    /// Which.
    pub(crate) id: OrderId,
    /// Contact and address, while the person may see them.
    pub(crate) details: Option<OrderDetails>,
    /// The local fold; `None` until the order's template is here.
    pub(crate) state: Option<OrderState>,
    /// The order in brief, where its entries are not here.
    pub(crate) closed: Option<Closed>,
    /// It left the scope and stays only until its own entries are held.
    pub(crate) gone: bool,
    /// Whether the last comparison with the server's fold agreed.
    pub(crate) agrees: Option<bool>,
}

const COLUMNS: &str = "id, details, state, gone, agrees, closed";

/// A row whose bodies are not yet decoded.
type Raw = (
    OrderId,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    bool,
    Option<bool>,
    Option<Vec<u8>>,
);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        get_id(row, 0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

fn decoded((id, details, state, gone, agrees, closed): Raw) -> Result<OrderRow, Error> {
    Ok(OrderRow {
        id,
        details: details.map(|body| wire::decode(&body)).transpose()?,
        state: state.map(|body| wire::decode(&body)).transpose()?,
        closed: closed.map(|body| wire::decode(&body)).transpose()?,
        gone,
        agrees,
    })
}

/// One order.
pub(crate) fn get(db: &Connection, id: OrderId) -> Result<Option<OrderRow>, Error> {
    let row = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM orders WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], raw)
        .optional()?;
    row.map(decoded).transpose()
}

/// All orders.
pub(crate) fn all(db: &Connection) -> Result<Vec<OrderRow>, Error> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM orders"))?;
    let rows = statement
        .query_map([], raw)?
        .collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(decoded).collect()
}

/// The ids of all orders.
pub(crate) fn ids(db: &Connection) -> Result<Vec<OrderId>, Error> {
    let mut statement = db.prepare_cached("SELECT id FROM orders")?;
    let rows = statement
        .query_map([], |row| get_id(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Makes sure that the order is there and in scope, with its details as the feed has them.
pub(crate) fn put(
    db: &Connection,
    id: OrderId,
    details: Option<&OrderDetails>,
) -> Result<(), Error> {
    db.execute(
        "INSERT INTO orders (id, details) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET details = excluded.details, gone = 0",
        params![id.0.as_bytes(), details.map(wire::encode)],
    )?;
    Ok(())
}

/// Holds an order in brief instead of its entries.
pub(crate) fn put_closed(db: &Connection, closed: &Closed) -> Result<(), Error> {
    clear_entries(db, closed.order)?;
    let owner = match closed.owner {
        Some(Owner::Person(person)) => Some(person),
        _ => None,
    };
    db.prepare_cached(
        "INSERT INTO orders (id, details, closed, owner, cell, returned)
         VALUES (?1, ?2, ?3, ?4, ?5, 1)
         ON CONFLICT (id) DO UPDATE
         SET details = excluded.details, closed = excluded.closed, owner = excluded.owner,
             cell = excluded.cell, returned = 1, state = NULL, agrees = NULL, gone = 0",
    )?
    .execute(params![
        closed.order.0.as_bytes(),
        wire::encode(&closed.details),
        wire::encode(closed),
        owner.as_ref().map(|owner| owner.0.as_bytes()),
        closed.cell.as_ref().map(|cell| cell.0.as_bytes()),
    ])?;
    Ok(())
}

/// Whether an order is held in brief.
pub(crate) fn is_closed(db: &Connection, id: OrderId) -> Result<bool, Error> {
    let closed = db
        .prepare_cached("SELECT closed IS NOT NULL FROM orders WHERE id = ?1")?
        .query_row([id.0.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(closed.unwrap_or(false))
}

/// Forgets what is held of an order in brief: its entries come.
pub(crate) fn forget_closed(db: &Connection, id: OrderId) -> Result<(), Error> {
    db.prepare_cached("UPDATE orders SET closed = NULL WHERE id = ?1 AND closed IS NOT NULL")?
        .execute([id.0.as_bytes()])?;
    Ok(())
}

/// Stores the local fold of an order and what is looked up of it.
pub(crate) fn set_state(
    db: &Connection,
    id: OrderId,
    state: Option<&OrderState>,
) -> Result<(), Error> {
    let owner = state.and_then(|state| match state.owner {
        Some(Owner::Person(person)) => Some(person),
        _ => None,
    });
    let cell = state.and_then(|state| state.cell);
    let returned = state.is_some_and(|state| state.status == Status::Returned);
    db.prepare_cached(
        "UPDATE orders SET state = ?2, owner = ?3, cell = ?4, returned = ?5 WHERE id = ?1",
    )?
    .execute(params![
        id.0.as_bytes(),
        state.map(wire::encode),
        owner.as_ref().map(|owner| owner.0.as_bytes()),
        cell.as_ref().map(|cell| cell.0.as_bytes()),
        returned,
    ])?;
    Ok(())
}

/// Remembers whether the server's fold and ours agree.
pub(crate) fn set_agrees(db: &Connection, id: OrderId, agrees: bool) -> Result<(), Error> {
    db.execute(
        "UPDATE orders SET agrees = ?2 WHERE id = ?1",
        params![id.0.as_bytes(), agrees],
    )?;
    Ok(())
}

/// How many orders disagree with the server's fold.
pub(crate) fn disagreeing(db: &Connection) -> Result<Vec<OrderId>, Error> {
    let mut statement = db.prepare("SELECT id FROM orders WHERE agrees = 0 ORDER BY id")?;
    let rows = statement
        .query_map([], |row| get_id(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// The entries that the feed brought of an order.
pub(crate) fn entries(db: &Connection, id: OrderId) -> Result<Vec<(EntryId, Vec<u8>)>, Error> {
    let mut statement =
        db.prepare_cached("SELECT journal, seq, bytes FROM order_entry WHERE order_id = ?1")?;
    let rows = statement
        .query_map([id.0.as_bytes()], |row| {
            let id = EntryId {
                journal: get_id(row, 0)?,
                seq: get_seq(row, 1)?,
            };
            Ok((id, row.get(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Stores an entry that the feed brought.
pub(crate) fn put_entry(
    db: &Connection,
    order: OrderId,
    id: EntryId,
    bytes: &[u8],
) -> Result<(), Error> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO order_entry (order_id, journal, seq, bytes)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        order.0.as_bytes(),
        id.journal.0.as_bytes(),
        column(id.seq)?,
        bytes
    ])?;
    Ok(())
}

/// Drops the entries that the feed brought of an order.
pub(crate) fn clear_entries(db: &Connection, order: OrderId) -> Result<(), Error> {
    db.execute(
        "DELETE FROM order_entry WHERE order_id = ?1",
        [order.0.as_bytes()],
    )?;
    Ok(())
}

/// Takes an order out of the scope. While entries of this handheld wait for the server,
/// its row and trace stay, without the customer's details; else they go too.
pub(crate) fn leave_scope(db: &Connection, id: OrderId) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::ScopeRowsKept) {
        return Ok(());
    }
    db.execute(
        "UPDATE orders SET gone = 1, details = NULL, closed = NULL WHERE id = ?1",
        [id.0.as_bytes()],
    )?;
    remove_gone(db, Some(id))
}

/// Removes orders that left the scope and for which nothing waits any more.
pub(crate) fn remove_gone(db: &Connection, only: Option<OrderId>) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if only.is_none() && crate::planted::on(crate::planted::Bug::GoneRowsKept) {
        return Ok(());
    }
    db.execute(
        "DELETE FROM orders WHERE gone = 1 AND (?1 IS NULL OR id = ?1)
         AND NOT EXISTS (SELECT 1 FROM journal_entry e
                         WHERE e.order_id = orders.id AND e.state = 'queued')",
        [only.as_ref().map(|id| id.0.as_bytes())],
    )?;
    Ok(())
}

/// The orders routed by a cell that someone else owns.
pub(crate) fn of_cell_not_of(
    db: &Connection,
    cell: CellId,
    person: PersonId,
) -> Result<Vec<OrderId>, Error> {
    let mut statement =
        db.prepare("SELECT id, owner FROM orders WHERE cell = ?1 AND owner IS NOT ?2")?;
    let rows = statement
        .query_map(params![cell.0.as_bytes(), person.0.as_bytes()], |row| {
            let _: Option<PersonId> = get_id_opt(row, 1)?;
            get_id(row, 0)
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}
