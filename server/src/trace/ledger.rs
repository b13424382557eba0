//! The ledger: the server's own entries, and the fold that follows every change.

use super::{
    feed_log::{StationLock, Subject},
    refold::{fold_row, owners, store_owners},
    rows::{batch, entry},
};
use crate::{
    app::App,
    edge::Problem,
    media::{self, Promise},
    orders::rows::service_order,
    people::rows::handheld,
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Entry, EntryId, Item, Seq},
    order::{DeadlineOutcome, OrderState, Sourced},
    record::{Event, Owner, Record, Term},
    time::{TimeEvidence, UnixMillis},
    wire,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};

/// Appends events to the server's part of an order's trace, signed and chained, folds the
/// order anew and announces it. The order's row must exist, with its template.
///
/// # Errors
/// `not_found` when the order is not of the locked station, or a problem of the database.
pub async fn append(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    order: OrderId,
    actor: PersonId,
    events: Vec<Event>,
) -> Result<OrderState, Problem> {
    let row = locked_row(tx, lock, order).await?;
    let now = app.now();
    let assigns = events
        .iter()
        .any(|event| matches!(event, Event::Assigned(_)));
    let position = lock.announce(tx, Subject::Order(order), assigns).await?;
    let journal = JournalId(order.0);
    let first = Seq(u64::try_from(row.server_seq).unwrap_or(0)).next();
    let before = digest_of(&row.server_link)?;
    let given = given(&events);
    let items = entries(order, actor, &row, now, events);
    let batch = Batch::sign(journal, first, before, items, &app.keys.trace);
    store_batch(tx, &batch, order, now, position).await?;
    admit(tx, lock, order, given, position).await?;
    let mut changed = row.clone().into_active_model();
    changed.server_seq = Set(i64::try_from(batch.last().0).unwrap_or(i64::MAX));
    changed.server_link = Set(batch.head().0.to_vec());
    service_order::Entity::update(changed).exec(tx).await?;
    refold(tx, app, order).await
}

/// The people to whom an order is given by `events`.
fn given(events: &[Event]) -> Vec<PersonId> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Assigned(assigned) => match assigned.owner {
                Owner::Person(person) => Some(person),
                Owner::Desk(_) => None,
            },
            _ => None,
        })
        .collect()
}

/// Makes records that were parked, because the order had not been given to their person,
/// part of the order after all, and the photos that they promise with them: the same records
/// fold to the same state in whatever order they and the assignment came (I2). They came to
/// the order at `position`.
async fn admit(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    order: OrderId,
    people: Vec<PersonId>,
    position: i64,
) -> Result<(), Problem> {
    if people.is_empty() {
        return Ok(());
    }
    let journals = handheld::Entity::find()
        .select_only()
        .column(handheld::Column::Id)
        .filter(handheld::Column::PersonId.is_in(people.iter().map(|person| person.0)))
        .into_query();
    let codes = [Code::RecordNeverAssigned, Code::RecordUnknownOrder].map(Code::as_str);
    let which = Condition::all()
        .add(entry::Column::OrderId.eq(order.0))
        .add(entry::Column::Parked.is_in(codes))
        .add(entry::Column::JournalId.in_subquery(journals));
    let rows = entry::Entity::find().filter(which.clone()).all(tx).await?;
    if rows.is_empty() {
        return Ok(());
    }
    entry::Entity::update_many()
        .col_expr(entry::Column::Parked, Expr::value(None::<String>))
        .col_expr(entry::Column::FeedPosition, Expr::value(position))
        .filter(which)
        .exec(tx)
        .await?;
    let records: Vec<Sourced> = rows.iter().map(sourced).collect::<Result<_, _>>()?;
    let promises: Vec<Promise<'_>> = records
        .iter()
        .filter_map(|Sourced { id, record }| match &record.event {
            Event::StepDone(done) => Some(Promise {
                station: lock.station(),
                order: Some(order),
                entry: *id,
                photos: &done.photos,
            }),
            _ => None,
        })
        .collect();
    media::record_promises(tx, &promises).await
}

async fn locked_row(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    order: OrderId,
) -> Result<service_order::Model, Problem> {
    service_order::Entity::find_by_id(order.0)
        .filter(service_order::Column::StationId.eq(lock.station().0))
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)
}

fn entries(
    order: OrderId,
    actor: PersonId,
    row: &service_order::Model,
    now: UnixMillis,
    events: Vec<Event>,
) -> Vec<Item> {
    let present = Term(u32::try_from(row.term).unwrap_or(u32::MAX));
    events
        .into_iter()
        .map(|event| {
            let term = match &event {
                Event::Assigned(assigned) => assigned.term,
                _ => present,
            };
            let time = TimeEvidence::of_server(now);
            let record = Record {
                order,
                actor,
                term,
                time,
                fix: None,
                event,
                claims: None,
            };
            Item::Bytes(Entry::Record(record).to_bytes().into())
        })
        .collect()
}

async fn store_batch(
    tx: &DatabaseTransaction,
    signed: &Batch,
    order: OrderId,
    now: UnixMillis,
    position: i64,
) -> Result<(), Problem> {
    let rows = signed
        .items
        .iter()
        .zip(signed.links())
        .zip(signed.first.0..)
        .filter_map(|((item, link), seq)| match item {
            Item::Bytes(bytes) => Some(entry::ActiveModel {
                journal_id: Set(signed.journal.0),
                seq: Set(i64::try_from(seq).unwrap_or(i64::MAX)),
                link: Set(link.0.to_vec()),
                bytes: Set(bytes.to_vec()),
                order_id: Set(Some(order.0)),
                received_at: Set(now.0),
                parked: Set(None),
                feed_position: Set(position),
            }),
            Item::Digest(_) => None,
        });
    entry::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    let row = batch::ActiveModel {
        journal_id: Set(signed.journal.0),
        first_seq: Set(i64::try_from(signed.first.0).unwrap_or(i64::MAX)),
        last_seq: Set(i64::try_from(signed.last().0).unwrap_or(i64::MAX)),
        before_link: Set(signed.before.0.to_vec()),
        signature: Set(signed.signature.to_vec()),
        received_at: Set(now.0),
    };
    batch::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The records of an order as stored, without the parked ones.
///
/// # Errors
/// A problem of the database, or `internal` when a stored entry cannot be read.
pub async fn records<C: ConnectionTrait>(db: &C, order: OrderId) -> Result<Vec<Sourced>, Problem> {
    let rows = entry::Entity::find()
        .filter(entry::Column::OrderId.eq(order.0))
        .filter(entry::Column::Parked.is_null())
        .order_by_asc(entry::Column::JournalId)
        .order_by_asc(entry::Column::Seq)
        .all(db)
        .await?;
    rows.iter().map(sourced).collect()
}

/// A stored entry as a record with its source.
///
/// # Errors
/// `internal` when it cannot be read or is no record: then it should have been parked.
pub fn sourced(row: &entry::Model) -> Result<Sourced, Problem> {
    let seq = Seq(u64::try_from(row.seq).unwrap_or(0));
    let id = EntryId {
        journal: JournalId(row.journal_id),
        seq,
    };
    match Entry::from_bytes(&row.bytes) {
        Ok(Entry::Record(record)) => Ok(Sourced { id, record }),
        Ok(_) => Err(Problem::internal(format!("entry {id:?} is no record"))),
        Err(error) => Err(Problem::internal(format!("entry {id:?}: {error}"))),
    }
}

/// Folds an order from its stored records.
///
/// # Errors
/// `internal` when the order was never accepted, or a problem of the database.
pub async fn folded<C: ConnectionTrait>(
    db: &C,
    app: &App,
    row: &service_order::Model,
) -> Result<OrderState, Problem> {
    let records = records(db, OrderId(row.id)).await?;
    fold_row(app, row, &records)
}

/// Folds an order anew and replaces its projection.
///
/// # Errors
/// As [`folded`].
pub async fn refold(
    tx: &DatabaseTransaction,
    app: &App,
    order: OrderId,
) -> Result<OrderState, Problem> {
    let row = service_order::Entity::find_by_id(order.0)
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    let state = folded(tx, app, &row).await?;
    let people = owners(&state).map(|person| (order, person)).collect();
    store_owners(tx, people).await?;
    service_order::Entity::update(projection(row, &state))
        .exec(tx)
        .await?;
    Ok(state)
}

/// The columns of an order that come from its state.
#[must_use]
pub fn projection(row: service_order::Model, state: &OrderState) -> service_order::ActiveModel {
    let encoded = wire::encode(state);
    let (owner_person, owner_desk) = match state.owner {
        Some(Owner::Person(person)) => (Some(person.0), None),
        Some(Owner::Desk(desk)) => (None, Some(desk.0)),
        None => (None, None),
    };
    let next_due = state
        .deadlines
        .iter()
        .filter(|deadline| deadline.outcome == DeadlineOutcome::Running)
        .filter_map(|deadline| deadline.due)
        .min();
    let mut changed = row.into_active_model();
    changed.customer_id = Set(state.customer.map(|customer| customer.0));
    changed.cell_id = Set(state.cell.map(|cell| cell.0));
    changed.station_area_id = Set(state.station_area.map(|area| area.0));
    changed.status = Set(status_text(state));
    changed.owner_person = Set(owner_person);
    changed.owner_desk = Set(owner_desk);
    changed.term = Set(i64::from(state.term.0));
    changed.accepted_at = Set(state.accepted_at.0);
    changed.next_due = Set(next_due.map(|due| due.0));
    changed.state_digest = Set(Digest::of(&encoded).0.to_vec());
    changed.state = Set(encoded);
    changed.entry_count = Set(i64::from(state.records));
    changed
}

fn status_text(state: &OrderState) -> String {
    serde_json::to_value(state.status)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Reads a stored hash.
///
/// # Errors
/// `internal` when it is not 32 bytes.
pub fn digest_of(bytes: &[u8]) -> Result<Digest, Problem> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| Problem::internal("a stored hash is not 32 bytes"))
}
