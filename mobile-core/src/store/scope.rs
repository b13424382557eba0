//! What the feed brought beside orders: the person, templates, cells, customers; and where
//! the feed stands.

use super::columns::get_id;
use crate::{answers::words, error::Error};
use gridcrew_sync_protocol::{
    feed::{Cell, Customer, Me},
    ids::{CellId, CustomerId},
    wire,
    workflow::{PromptCards, Template, TemplateRef},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Where the feed stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeedState {
    /// The cursor of the last page applied.
    pub(crate) cursor: Option<String>,
    /// Drop the scope when the next page is applied.
    pub(crate) start_over: bool,
}

/// Where the feed stands.
pub(crate) fn feed(db: &Connection) -> Result<FeedState, Error> {
    let state = db
        .query_row("SELECT cursor, start_over FROM feed", [], |row| {
            Ok(FeedState {
                cursor: row.get(0)?,
                start_over: row.get(1)?,
            })
        })
        .optional()?;
    Ok(state.unwrap_or_default())
}

/// Remembers where the feed stands.
pub(crate) fn set_feed(db: &Connection, state: &FeedState) -> Result<(), Error> {
    db.execute(
        "INSERT OR REPLACE INTO feed (one, cursor, start_over) VALUES (1, ?1, ?2)",
        params![state.cursor, state.start_over],
    )?;
    Ok(())
}

/// Asks for the whole scope anew: the next page drops what was brought before.
pub(crate) fn ask_anew(db: &Connection) -> Result<(), Error> {
    let state = FeedState {
        cursor: None,
        start_over: true,
    };
    set_feed(db, &state)
}

/// The person himself, if the feed brought him.
pub(crate) fn me(db: &Connection) -> Result<Option<Me>, Error> {
    let body: Option<Vec<u8>> = db
        .query_row("SELECT body FROM me", [], |row| row.get(0))
        .optional()?;
    Ok(body.map(|body| wire::decode(&body)).transpose()?)
}

/// Replaces the person himself.
pub(crate) fn set_me(db: &Connection, me: &Me) -> Result<(), Error> {
    db.execute(
        "INSERT OR REPLACE INTO me (one, body) VALUES (1, ?1)",
        [wire::encode(me)],
    )?;
    Ok(())
}

/// An edition of a template.
pub(crate) fn template(
    db: &Connection,
    reference: &TemplateRef,
) -> Result<Option<Template>, Error> {
    let body: Option<Vec<u8>> = db
        .prepare_cached("SELECT body FROM template WHERE code = ?1 AND version = ?2")?
        .query_row(params![reference.code, reference.version], |row| row.get(0))
        .optional()?;
    Ok(body.map(|body| wire::decode(&body)).transpose()?)
}

/// Stores an edition of a template.
pub(crate) fn put_template(db: &Connection, template: &Template) -> Result<(), Error> {
    db.execute(
        "INSERT OR REPLACE INTO template (code, version, body) VALUES (?1, ?2, ?3)",
        params![template.code, template.version, wire::encode(template)],
    )?;
    Ok(())
}

/// Stores an edition of prompt cards.
pub(crate) fn put_prompt_cards(db: &Connection, cards: &PromptCards) -> Result<(), Error> {
    db.execute(
        "INSERT OR REPLACE INTO prompt_cards (workflow, version, body) VALUES (?1, ?2, ?3)",
        params![cards.workflow, cards.version, wire::encode(cards)],
    )?;
    Ok(())
}

/// The editions of prompt cards of a workflow.
pub(crate) fn prompt_cards(db: &Connection, workflow: &str) -> Result<Vec<PromptCards>, Error> {
    let mut statement =
        db.prepare_cached("SELECT body FROM prompt_cards WHERE workflow = ?1 ORDER BY version")?;
    let bodies = statement
        .query_map([workflow], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    bodies.iter().map(|body| Ok(wire::decode(body)?)).collect()
}

/// Stores a cell.
pub(crate) fn put_cell(db: &Connection, cell: &Cell) -> Result<(), Error> {
    db.execute(
        "INSERT OR REPLACE INTO cell (id, body) VALUES (?1, ?2)",
        params![cell.id.0.as_bytes(), wire::encode(cell)],
    )?;
    Ok(())
}

/// All cells.
pub(crate) fn cells(db: &Connection) -> Result<Vec<Cell>, Error> {
    let mut statement = db.prepare_cached("SELECT body FROM cell ORDER BY id")?;
    let bodies = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>, _>>()?;
    bodies.iter().map(|body| Ok(wire::decode(body)?)).collect()
}

/// A cell.
pub(crate) fn cell(db: &Connection, id: CellId) -> Result<Option<Cell>, Error> {
    let body: Option<Vec<u8>> = db
        .query_row(
            "SELECT body FROM cell WHERE id = ?1",
            [id.0.as_bytes()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(body.map(|body| wire::decode(&body)).transpose()?)
}

/// Takes a cell and its customers out.
pub(crate) fn remove_cell(db: &Connection, id: CellId) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::CellsKept) {
        return Ok(());
    }
    db.execute("DELETE FROM cell WHERE id = ?1", [id.0.as_bytes()])?;
    db.execute("DELETE FROM customer WHERE cell = ?1", [id.0.as_bytes()])?;
    Ok(())
}

/// Stores a customer.
pub(crate) fn put_customer(db: &Connection, customer: &Customer) -> Result<(), Error> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO customer (id, cell, body, words) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        customer.id.0.as_bytes(),
        customer.cell.0.as_bytes(),
        wire::encode(customer),
        words::of(customer),
    ])?;
    Ok(())
}

/// Shows the words to be searched of every customer, one after the other.
pub(crate) fn each_searched(
    db: &Connection,
    mut look: impl FnMut(CustomerId, &str),
) -> Result<(), Error> {
    let mut statement = db.prepare_cached("SELECT id, words FROM customer")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let words = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        look(get_id(row, 0)?, words);
    }
    Ok(())
}

/// A customer.
pub(crate) fn customer(db: &Connection, id: CustomerId) -> Result<Option<Customer>, Error> {
    let body: Option<Vec<u8>> = db
        .query_row(
            "SELECT body FROM customer WHERE id = ?1",
            [id.0.as_bytes()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(body.map(|body| wire::decode(&body)).transpose()?)
}

/// Takes a customer out.
pub(crate) fn remove_customer(db: &Connection, id: CustomerId) -> Result<(), Error> {
    db.execute("DELETE FROM customer WHERE id = ?1", [id.0.as_bytes()])?;
    Ok(())
}

/// Takes every cell and customer out; templates stay, as they never change.
pub(crate) fn clear(db: &Connection) -> Result<(), Error> {
    db.execute_batch("DELETE FROM cell; DELETE FROM customer;")?;
    Ok(())
}

/// How many cells and customers there are.
pub(crate) fn counts(db: &Connection) -> Result<(u64, u64), Error> {
    let counts = db.query_row(
        "SELECT (SELECT count(*) FROM cell), (SELECT count(*) FROM customer)",
        [],
        |row| {
            Ok((
                super::columns::get_u64(row, 0)?,
                super::columns::get_u64(row, 1)?,
            ))
        },
    )?;
    Ok(counts)
}
