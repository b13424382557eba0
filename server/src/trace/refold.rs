//! Folding many orders in one go: the same as [`refold`](super::ledger::refold), with a handful of
//! statements for any number of orders.

use super::{
    ledger::{projection, sourced},
    recent::Folded,
    rows::entry,
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::{order_person, service_order},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{OrderId, PersonId},
    journal::EntryId,
    order::{OrderState, Sourced, fold},
    record::Owner,
    workflow::TemplateRef,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, sea_query::OnConflict,
};
use std::collections::HashMap;

/// Orders named in one statement.
const ORDERS_AT_ONCE: usize = 100;

/// An order to be folded anew.
#[derive(Debug)]
pub struct Touched {
    /// Its row as it stands, read under the lock of its station.
    pub row: service_order::Model,
    /// The records that were added to it in this transaction and are stored already.
    pub added: Vec<Sourced>,
}

/// The records of many orders as stored, without the parked ones; without what the journal
/// of `until` holds from there on, if it is given.
///
/// # Errors
/// A problem of the database, or `internal` when a stored entry cannot be read.
pub async fn records_of<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
    until: Option<EntryId>,
) -> Result<HashMap<OrderId, Vec<Sourced>>, Problem> {
    let mut found: HashMap<OrderId, Vec<Sourced>> = HashMap::new();
    for some in orders.chunks(ORDERS_AT_ONCE) {
        let rows = entry::Entity::find()
            .filter(entry::Column::OrderId.is_in(some.iter().map(|order| order.0)))
            .filter(entry::Column::Parked.is_null())
            .filter(before(until)?)
            .order_by_asc(entry::Column::JournalId)
            .order_by_asc(entry::Column::Seq)
            .all(db)
            .await?;
        for row in &rows {
            let record = sourced(row)?;
            found.entry(record.record.order).or_default().push(record);
        }
    }
    Ok(found)
}

fn before(until: Option<EntryId>) -> Result<Condition, Problem> {
    let Some(until) = until else {
        return Ok(Condition::all());
    };
    let seq = i64::try_from(until.seq.0).map_err(Problem::internal)?;
    Ok(Condition::any()
        .add(entry::Column::JournalId.ne(until.journal.0))
        .add(entry::Column::Seq.lt(seq)))
}

/// Folds an order's row from its records.
///
/// # Errors
/// `internal` when the order was never accepted, ``unavailable` when its edition
/// is not known here.
pub fn fold_row(
    app: &App,
    row: &service_order::Model,
    records: &[Sourced],
) -> Result<OrderState, Problem> {
    let reference = TemplateRef {
        code: row.template_code.clone(),
        version: u32::try_from(row.template_version).unwrap_or(0),
    };
    fold(app.templates.edition(&reference)?, records)
        .ok_or_else(|| Problem::internal(format!("order {} was never accepted", row.id)))
}

/// Folds orders anew and replaces their projections. What was added to them are entries of
/// the journal of `since`, from there on: these are not read again. What it gives is to be kept with
/// [`super::Recent::keep`] once the transaction is committed.
///
/// # Errors
/// As [`fold_row`], or a problem of the database.
pub async fn refold_all(
    tx: &DatabaseTransaction,
    app: &App,
    touched: Vec<Touched>,
    since: EntryId,
) -> Result<Vec<Folded>, Problem> {
    let mut known = Vec::with_capacity(touched.len());
    let mut unknown = Vec::new();
    for Touched { row, added } in touched {
        let records = app.recent.take(app.epoch(), &row);
        if records.is_none() {
            unknown.push(OrderId(row.id));
        }
        known.push((row, records, added));
    }
    let mut read = records_of(tx, &unknown, Some(since)).await?;
    let mut folded = Vec::with_capacity(known.len());
    let mut rows = Vec::with_capacity(known.len());
    let mut people = Vec::new();
    for (row, records, added) in known {
        let order = OrderId(row.id);
        let mut records = match records {
            Some(records) => records,
            None => read.remove(&order).unwrap_or_default(),
        };
        records.extend(added);
        let state = fold_row(app, &row, &records)?;
        // Only an assignment gives an order to anyone, and each is a term of its own.
        if i64::from(state.term.0) != row.term {
            people.extend(owners(&state).map(|person| (order, person)));
        }
        let changed = projection(row, &state);
        let state = digest(&changed)?;
        rows.push(changed);
        folded.push(Folded {
            order,
            state,
            records,
        });
    }
    store_owners(tx, people).await?;
    store_projections(tx, rows).await?;
    Ok(folded)
}

fn digest(changed: &service_order::ActiveModel) -> Result<Digest, Problem> {
    super::ledger::digest_of(changed.state_digest.as_ref())
}

/// The people who were given the order in any term.
pub(super) fn owners(state: &OrderState) -> impl Iterator<Item = PersonId> {
    state
        .assignments
        .iter()
        .filter_map(|assignment| match assignment.owner {
            Owner::Person(person) => Some(person),
            Owner::Desk(_) => None,
        })
}

/// Notes who was given which order; those noted before change nothing.
pub(super) async fn store_owners(
    tx: &DatabaseTransaction,
    owners: Vec<(OrderId, PersonId)>,
) -> Result<(), Problem> {
    if owners.is_empty() {
        return Ok(());
    }
    let rows = owners
        .into_iter()
        .map(|(order, person)| order_person::ActiveModel {
            order_id: Set(order.0),
            person_id: Set(person.0),
        });
    order_person::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([
                order_person::Column::OrderId,
                order_person::Column::PersonId,
            ])
            .do_nothing()
            .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

async fn store_projections(
    tx: &DatabaseTransaction,
    rows: Vec<service_order::ActiveModel>,
) -> Result<(), Problem> {
    use service_order::Column;
    let mut rows = rows.into_iter();
    loop {
        let some: Vec<_> = rows.by_ref().take(ORDERS_AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        service_order::Entity::insert_many(some)
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_columns([
                        Column::CustomerId,
                        Column::CellId,
                        Column::StationAreaId,
                        Column::Status,
                        Column::OwnerPerson,
                        Column::OwnerDesk,
                        Column::Term,
                        Column::AcceptedAt,
                        Column::NextDue,
                        Column::State,
                        Column::StateDigest,
                        Column::EntryCount,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
    }
}
