//! Folding every order anew and comparing with the projection (I1): page by page, so that
//! memory does not grow with the number of orders. The projection can be dropped and built
//! again from the trace, but for contact and address, which are kept out of it.

use super::{
    feed_log::{StationLock, Subject},
    ledger::{self, projection},
    refold::{fold_row, owners, records_of, store_owners},
    rows::entry,
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::{order_person, service_order},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{OrderId, OrgId, PersonId},
    order::Sourced,
    record::{Accepted, Event, OrderDetails},
    wire,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, TryIntoModel, Value,
    sea_query::{Expr, ExprTrait},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Orders looked at together.
const ORDERS_AT_ONCE: u64 = 100;

/// Something in which the projection is not what the trace folds to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The order.
    pub order: OrderId,
    /// The column, or what else differs.
    pub column: String,
    /// What is stored.
    pub stored: String,
    /// What the trace folds to.
    pub folded: String,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many orders there are in the trace.
    pub orders: u64,
    /// How many of them differ.
    pub different: u64,
}

/// Folds every order anew and tells `found` of every difference. With `replace`, puts the
/// projection right and tells the feed.
///
/// # Errors
/// A problem of the database.
pub async fn rebuild(
    app: &App,
    replace: bool,
    mut found: impl FnMut(Difference),
) -> Result<Looked, Problem> {
    let mut looked = Looked::default();
    let mut after = Uuid::nil();
    loop {
        let this = app.clone();
        let page = app
            .store
            .snapshot(move |db| Box::pin(async move { page(db, &this, after).await }))
            .await?;
        let Some(last) = page.last() else {
            return Ok(looked);
        };
        after = last.order.0;
        for one in page {
            looked.orders += 1;
            looked.different += u64::from(!one.differences.is_empty());
            let differs = !one.differences.is_empty();
            one.differences.into_iter().for_each(&mut found);
            if let Some(station) = one.station.filter(|_| replace && differs) {
                put_right(app, station, one.order).await?;
            }
        }
    }
}

/// An order that was looked at.
struct Compared {
    order: OrderId,
    /// Its station, as the trace says; none when it was never accepted.
    station: Option<OrgId>,
    differences: Vec<Difference>,
}

/// The next orders of the trace or of the projection, whichever has them.
async fn page(db: &DatabaseTransaction, app: &App, after: Uuid) -> Result<Vec<Compared>, Problem> {
    let rows = service_order::Entity::find()
        .filter(service_order::Column::Id.gt(after))
        .order_by_asc(service_order::Column::Id)
        .limit(ORDERS_AT_ONCE)
        .all(db)
        .await?;
    let mut ids: BTreeSet<Uuid> = rows.iter().map(|row| row.id).collect();
    ids.extend(without_row(db, after).await?);
    let ids: Vec<OrderId> = ids
        .into_iter()
        .take(usize::try_from(ORDERS_AT_ONCE).unwrap_or(usize::MAX))
        .map(OrderId)
        .collect();
    let mut rows: BTreeMap<OrderId, service_order::Model> =
        rows.into_iter().map(|row| (OrderId(row.id), row)).collect();
    let mut records = records_of(db, &ids, None).await?;
    let mut ends = server_ends(db, &ids).await?;
    let mut people = people(db, &ids).await?;
    ids.into_iter()
        .map(|order| {
            let seen = Seen {
                order,
                row: rows.remove(&order),
                records: records.remove(&order).unwrap_or_default(),
                end: ends.remove(&order),
                people: people.remove(&order).unwrap_or_default(),
            };
            compare(app, seen)
        })
        .collect()
}

/// Orders of the trace that the projection lacks.
async fn without_row<C: ConnectionTrait>(db: &C, after: Uuid) -> Result<Vec<Uuid>, Problem> {
    let known = service_order::Entity::find()
        .select_only()
        .column(service_order::Column::Id)
        .into_query();
    Ok(entry::Entity::find()
        .select_only()
        .column(entry::Column::JournalId)
        .filter(Expr::col(entry::Column::JournalId).equals(entry::Column::OrderId))
        .filter(entry::Column::Seq.eq(1))
        .filter(entry::Column::JournalId.gt(after))
        .filter(entry::Column::JournalId.not_in_subquery(known))
        .order_by_asc(entry::Column::JournalId)
        .limit(ORDERS_AT_ONCE)
        .into_tuple()
        .all(db)
        .await?)
}

/// The end of the server's part of a trace: the position and link of its last entry.
type End = (i64, Vec<u8>);

async fn server_ends<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, End>, Problem> {
    let rows: Vec<(Uuid, i64, Vec<u8>)> = entry::Entity::find()
        .select_only()
        .columns([
            entry::Column::JournalId,
            entry::Column::Seq,
            entry::Column::Link,
        ])
        .filter(entry::Column::JournalId.is_in(orders.iter().map(|order| order.0)))
        .order_by_asc(entry::Column::JournalId)
        .order_by_asc(entry::Column::Seq)
        .into_tuple()
        .all(db)
        .await?;
    // Later ones replace earlier ones.
    Ok(rows
        .into_iter()
        .map(|(order, seq, link)| (OrderId(order), (seq, link)))
        .collect())
}

async fn people<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, BTreeSet<PersonId>>, Problem> {
    let rows = order_person::Entity::find()
        .filter(order_person::Column::OrderId.is_in(orders.iter().map(|order| order.0)))
        .all(db)
        .await?;
    let mut people: BTreeMap<OrderId, BTreeSet<PersonId>> = BTreeMap::new();
    for row in rows {
        let of_order = people.entry(OrderId(row.order_id)).or_default();
        of_order.insert(PersonId(row.person_id));
    }
    Ok(people)
}

/// Everything that is stored of an order.
struct Seen {
    order: OrderId,
    row: Option<service_order::Model>,
    records: Vec<Sourced>,
    end: Option<End>,
    people: BTreeSet<PersonId>,
}

/// What the trace says that the projection of an order is to be.
struct Folded {
    row: service_order::Model,
    people: BTreeSet<PersonId>,
    accepted: Accepted,
}

fn compare(app: &App, seen: Seen) -> Result<Compared, Problem> {
    let order = seen.order;
    let differs = |column: &str, stored: String, folded: String| Difference {
        order,
        column: column.to_owned(),
        stored,
        folded,
    };
    let Some(folded) = fold_seen(app, &seen)? else {
        let difference = differs("trace", "no record of its intake".to_owned(), String::new());
        return Ok(Compared {
            order,
            station: None,
            differences: vec![difference],
        });
    };
    let mut differences = Vec::new();
    match &seen.row {
        None => differences.push(differs("row", "missing".to_owned(), "there".to_owned())),
        Some(row) => {
            for column in service_order::Column::iter() {
                let (stored, folded) = (row.get(column), folded.row.get(column));
                if stored != folded {
                    let column = format!("{column:?}");
                    differences.push(differs(&column, text(&stored), text(&folded)));
                }
            }
            let held = Digest::of(&row.details);
            if held != folded.accepted.details {
                let expected = folded.accepted.details.to_string();
                differences.push(differs("details", held.to_string(), expected));
            }
        }
    }
    if seen.people != folded.people {
        let (stored, folded) = (format!("{:?}", seen.people), format!("{:?}", folded.people));
        differences.push(differs("people", stored, folded));
    }
    Ok(Compared {
        order,
        station: Some(folded.accepted.station),
        differences,
    })
}

/// Folds an order; none when the record of its intake is missing.
fn fold_seen(app: &App, seen: &Seen) -> Result<Option<Folded>, Problem> {
    let accepted = seen
        .records
        .iter()
        .find_map(|sourced| match &sourced.record.event {
            Event::Accepted(accepted) if sourced.from_server() => {
                Some((accepted.clone(), sourced.record.actor))
            }
            _ => None,
        });
    let Some((accepted, actor)) = accepted else {
        return Ok(None);
    };
    let mut row = seen.row.clone().unwrap_or_else(|| blank(seen.order));
    row.station_id = accepted.station.0;
    row.accepted_by = actor.0;
    row.source.clone_from(&accepted.source);
    row.outside_no.clone_from(&accepted.outside_no);
    row.template_code.clone_from(&accepted.template.code);
    row.template_version = i64::from(accepted.template.version);
    if let Some((seq, link)) = &seen.end {
        row.server_seq = *seq;
        row.server_link.clone_from(link);
    }
    let state = fold_row(app, &row, &seen.records)?;
    let people = owners(&state).collect();
    Ok(Some(Folded {
        row: projection(row, &state).try_into_model()?,
        people,
        accepted,
    }))
}

/// A row of which only the trace is left.
pub(super) fn blank(order: OrderId) -> service_order::Model {
    service_order::Model {
        id: order.0,
        station_id: Uuid::nil(),
        source: String::new(),
        outside_no: String::new(),
        intake_digest: Digest::ZERO.0.to_vec(),
        accepted_by: Uuid::nil(),
        template_code: String::new(),
        template_version: 0,
        customer_id: None,
        cell_id: None,
        station_area_id: None,
        status: String::new(),
        owner_person: None,
        owner_desk: None,
        term: 0,
        accepted_at: 0,
        next_due: None,
        details: wire::encode(&OrderDetails::default()),
        server_seq: 0,
        server_link: Digest::ZERO.0.to_vec(),
        state: Vec::new(),
        state_digest: Digest::ZERO.0.to_vec(),
        entry_count: 0,
    }
}

/// A value for people to read.
fn text(value: &Value) -> String {
    match value {
        Value::Bytes(Some(bytes)) if bytes.len() > 32 => {
            format!("{} bytes with the hash {}", bytes.len(), Digest::of(bytes))
        }
        Value::Bytes(Some(bytes)) => hex::encode(bytes),
        other => format!("{other:?}"),
    }
}

/// Replaces an order's projection by what its trace folds to, and tells the feed.
async fn put_right(app: &App, station: OrgId, order: OrderId) -> Result<(), Problem> {
    let this = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let lock = StationLock::take(tx, station).await?;
                replace(tx, &this, order).await?;
                lock.announce(tx, Subject::Order(order), true).await?;
                Ok(())
            })
        })
        .await
}

async fn replace(tx: &DatabaseTransaction, app: &App, order: OrderId) -> Result<(), Problem> {
    let seen = Seen {
        order,
        row: service_order::Entity::find_by_id(order.0).one(tx).await?,
        records: ledger::records(tx, order).await?,
        end: server_ends(tx, &[order]).await?.remove(&order),
        people: BTreeSet::new(),
    };
    let Some(folded) = fold_seen(app, &seen)? else {
        return Ok(());
    };
    service_order::Entity::delete_by_id(order.0)
        .exec(tx)
        .await?;
    service_order::Entity::insert(folded.row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    order_person::Entity::delete_many()
        .filter(order_person::Column::OrderId.eq(order.0))
        .exec(tx)
        .await?;
    let people: Vec<_> = folded
        .people
        .into_iter()
        .map(|person| (order, person))
        .collect();
    store_owners(tx, people).await
}
