//! Storing new entries, and what follows from them: parked or applied, promises of photos
//! noted, every touched order folded once and announced once, and whoever has to act on a
//! refusal told. A fixed number of statements for any number of entries, and some for each
//! order that its owner lets go of, which is read once for all records that do so.
//!
//! A record counts once, whatever journals bring it (I3): a handheld that was copied with
//! records that wait, and whose journal forked before them, brings them in a new journal, and
//! so does its copy. A record has its identity from the moment it was made, and that is in its
//! bytes: boot, uptime and wall clock, order and person. The journal that comes first brings
//! it; in others it is kept and parked.

use super::{
    apply::stored,
    handheld::{self, Handheld},
    incoming::{Content, Incoming},
    push::Head,
};
use crate::{
    app::App,
    dispatch::{self, hand_over},
    edge::Problem,
    media::{self, Promise},
    orders::rows::{order_person, service_order},
    people,
    trace::{
        epoch,
        feed_log::{StationLock, Subject},
        recent::Folded,
        refold::{Touched, refold_all},
        rows::{batch, entry},
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrderId, OrgId},
    journal::{EntryId, Item, Seq},
    order::Sourced,
    record::{Event, Record},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect, QueryTrait,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// Entries written by one statement: always the same number, so that the statement is
/// prepared once.
const ENTRIES_AT_ONCE: usize = 100;

/// What is known before the entries are stored.
pub(super) struct Before<'a> {
    /// The handheld, read under the lock.
    pub(super) handheld: &'a Handheld,
    /// How many entries at the batch's beginning are held already.
    pub(super) held: usize,
    /// The stations of the known orders that the batch names.
    pub(super) stations: &'a BTreeMap<OrderId, OrgId>,
    /// The locks of those stations and of the handheld's.
    pub(super) locks: &'a BTreeMap<OrgId, StationLock>,
    /// When the batch came: read under the locks.
    pub(super) now: UnixMillis,
}

/// What becomes of one new entry.
enum Fate {
    /// It belongs to no order.
    Apart,
    /// It is part of its order.
    Applied,
    /// It is kept, with the reason why it is not part of its order.
    Parked(Code),
}

/// Stores the entries that are new; gives what is held then, and what was folded.
pub(super) async fn take(
    tx: &DatabaseTransaction,
    app: &App,
    before: &Before<'_>,
    incoming: &Incoming,
) -> Result<(Head, Vec<Folded>), Problem> {
    let given = given(tx, before).await?;
    let brought = brought_before(tx, before, incoming).await?;
    let fates: Vec<Fate> = incoming
        .contents
        .iter()
        .zip(&incoming.batch.items)
        .map(|(content, item)| match (content, item) {
            (Content::Record(record), _) if names_no_slot(record) => {
                Fate::Parked(Code::RecordBadSlot)
            }
            (Content::Record(_), Item::Bytes(bytes)) if brought.contains(bytes.as_slice()) => {
                Fate::Parked(Code::RecordCopied)
            }
            _ => fate(content, before, &given),
        })
        .collect();
    let added = added(incoming, before, &fates);
    let announced = !added.is_empty();
    let positions = announce(tx, before, &added).await?;
    store_entries(tx, before, incoming, &fates, &given, &positions).await?;
    store_batch(tx, before, incoming).await?;
    store_promises(tx, before, incoming, &fates).await?;
    let head = Head {
        seq: incoming.batch.last(),
        link: incoming
            .links
            .last()
            .copied()
            .unwrap_or(incoming.batch.before),
    };
    handheld::store_head(tx, incoming.batch.journal, head, before.now).await?;
    let refusals = refusals(&added);
    let worked = worked_on(&added);
    let since = EntryId {
        journal: incoming.batch.journal,
        seq: Seq(incoming.batch.first.0.saturating_add(before.held as u64)),
    };
    let folded = refold_all(tx, app, touched(tx, added).await?, since).await?;
    for (order, records) in refusals {
        if let Some(station) = before.stations.get(&order) {
            dispatch::react(tx, app, lock_of(before, *station)?, order, &records).await?;
        }
    }
    hand_over::lapse_closed(tx, app, worked, |station| lock_of(before, station)).await?;
    if !announced {
        epoch::count_unannounced(tx).await?;
    }
    Ok((head, folded))
}

/// Which of the named orders were ever given to the person.
async fn given<C: ConnectionTrait>(
    db: &C,
    before: &Before<'_>,
) -> Result<HashSet<OrderId>, Problem> {
    if before.stations.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<Uuid> = order_person::Entity::find()
        .select_only()
        .column(order_person::Column::OrderId)
        .filter(order_person::Column::PersonId.eq(before.handheld.writer.person.0))
        .filter(order_person::Column::OrderId.is_in(before.stations.keys().map(|order| order.0)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().map(OrderId).collect())
}

/// What other journals of the person hold of the orders that the new entries name, be it
/// parked. Nothing but for who has or had another handheld, or one that forked.
async fn brought_before<C: ConnectionTrait>(
    db: &C,
    before: &Before<'_>,
    incoming: &Incoming,
) -> Result<HashSet<Vec<u8>>, Problem> {
    let new = incoming.contents.iter().skip(before.held);
    let orders: BTreeSet<Uuid> = new
        .filter_map(|content| content.order().map(|order| order.0))
        .collect();
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    let journals = people::rows::handheld::Entity::find()
        .select_only()
        .column(people::rows::handheld::Column::Id)
        .filter(people::rows::handheld::Column::PersonId.eq(before.handheld.writer.person.0))
        .filter(people::rows::handheld::Column::Id.ne(incoming.batch.journal.0))
        .into_query();
    let found: Vec<Vec<u8>> = entry::Entity::find()
        .select_only()
        .column(entry::Column::Bytes)
        .filter(entry::Column::OrderId.is_in(orders))
        .filter(entry::Column::JournalId.in_subquery(journals))
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().collect())
}

/// An order of another station that was never his looks to the person like one that does
/// not exist.
fn fate(content: &Content, before: &Before<'_>, given: &HashSet<OrderId>) -> Fate {
    match content {
        Content::Opened => Fate::Apart,
        Content::Unknown { .. } => Fate::Parked(Code::RecordUnknownKind),
        Content::Record(record) if given.contains(&record.order) => Fate::Applied,
        Content::Record(record) => match before.stations.get(&record.order) {
            Some(station) if *station == before.handheld.station => {
                Fate::Parked(Code::RecordNeverAssigned)
            }
            _ => Fate::Parked(Code::RecordUnknownOrder),
        },
    }
}

/// Whether a photo of the record fills a slot that cannot be one.
fn names_no_slot(record: &Record) -> bool {
    match &record.event {
        Event::StepDone(done) => done.photos.iter().any(|photo| !media::is_slot(&photo.slot)),
        _ => false,
    }
}

/// Whether an entry counts for the order that it names, be it as a parked one: not for one
/// of another station that was never the person's, or he could write into what that
/// station reads. One that is not known here may come to be known.
fn may_name(order: OrderId, before: &Before<'_>, given: &HashSet<OrderId>) -> bool {
    let station = before.stations.get(&order);
    station.is_none_or(|station| *station == before.handheld.station) || given.contains(&order)
}

/// The records that are new, by order.
fn added(
    incoming: &Incoming,
    before: &Before<'_>,
    fates: &[Fate],
) -> BTreeMap<OrderId, Vec<Sourced>> {
    let mut added: BTreeMap<OrderId, Vec<Sourced>> = BTreeMap::new();
    for (id, content, fate) in new(incoming, before, fates) {
        if let (Content::Record(record), Fate::Applied) = (content, fate) {
            let record = record.clone();
            let of_order = added.entry(record.order).or_default();
            of_order.push(Sourced { id, record });
        }
    }
    added
}

/// The new entries with their ids and fates.
fn new<'a>(
    incoming: &'a Incoming,
    before: &Before<'_>,
    fates: &'a [Fate],
) -> impl Iterator<Item = (EntryId, &'a Content, &'a Fate)> {
    let journal = incoming.batch.journal;
    (incoming.batch.first.0..)
        .zip(incoming.contents.iter().zip(fates))
        .skip(before.held)
        .map(move |(seq, (content, fate))| {
            let seq = Seq(seq);
            (EntryId { journal, seq }, content, fate)
        })
}

/// Announces every order that gets records; gives the position of each.
async fn announce(
    tx: &DatabaseTransaction,
    before: &Before<'_>,
    added: &BTreeMap<OrderId, Vec<Sourced>>,
) -> Result<BTreeMap<OrderId, i64>, Problem> {
    let mut of_station: BTreeMap<OrgId, Vec<OrderId>> = BTreeMap::new();
    for order in added.keys() {
        if let Some(station) = before.stations.get(order) {
            of_station.entry(*station).or_default().push(*order);
        }
    }
    let mut positions = BTreeMap::new();
    for (station, orders) in of_station {
        let lock = lock_of(before, station)?;
        let changes: Vec<_> = orders
            .iter()
            .map(|order| (Subject::Order(*order), false))
            .collect();
        let first = lock.announce_all(tx, &changes).await?;
        positions.extend(orders.into_iter().zip(first..));
    }
    Ok(positions)
}

fn lock_of<'a>(before: &Before<'a>, station: OrgId) -> Result<&'a StationLock, Problem> {
    before
        .locks
        .get(&station)
        .ok_or_else(|| Problem::internal(format!("station {station} is not locked")))
}

async fn store_entries(
    tx: &DatabaseTransaction,
    before: &Before<'_>,
    incoming: &Incoming,
    fates: &[Fate],
    given: &HashSet<OrderId>,
    positions: &BTreeMap<OrderId, i64>,
) -> Result<(), Problem> {
    let written = incoming.batch.items.iter().zip(&incoming.links);
    let mut rows = new(incoming, before, fates)
        .zip(written.skip(before.held))
        .map(|((id, content, fate), (item, link))| {
            let bytes = match item {
                Item::Bytes(bytes) => bytes.to_vec(),
                Item::Digest(_) => Vec::new(),
            };
            let order = content
                .order()
                .filter(|order| may_name(*order, before, given));
            let position = match fate {
                Fate::Applied => order.and_then(|order| positions.get(&order)),
                Fate::Apart | Fate::Parked(_) => None,
            };
            let parked = match fate {
                Fate::Parked(code) => Some(code.as_str().to_owned()),
                Fate::Apart | Fate::Applied => None,
            };
            Ok(entry::ActiveModel {
                journal_id: Set(id.journal.0),
                seq: Set(stored(id.seq.0)?),
                link: Set(link.0.to_vec()),
                bytes: Set(bytes),
                order_id: Set(order.map(|order| order.0)),
                received_at: Set(before.now.0),
                parked: Set(parked),
                feed_position: Set(position.copied().unwrap_or(0)),
            })
        });
    loop {
        let some = rows
            .by_ref()
            .take(ENTRIES_AT_ONCE)
            .collect::<Result<Vec<_>, Problem>>()?;
        if some.is_empty() {
            return Ok(());
        }
        entry::Entity::insert_many(some)
            .exec_without_returning(tx)
            .await?;
    }
}

/// Keeps the signature: it covers the last link, and so the new entries as well as all.
async fn store_batch(
    tx: &DatabaseTransaction,
    before: &Before<'_>,
    incoming: &Incoming,
) -> Result<(), Problem> {
    let signed = &incoming.batch;
    let first = signed.first.0.saturating_add(before.held as u64);
    let row = batch::ActiveModel {
        journal_id: Set(signed.journal.0),
        first_seq: Set(stored(first)?),
        last_seq: Set(stored(signed.last().0)?),
        before_link: Set(before.handheld.head.link.0.to_vec()),
        signature: Set(signed.signature.to_vec()),
        received_at: Set(before.now.0),
    };
    batch::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Notes the photos that the new records promise, so that they are let in: those of parked
/// records too, which are kept as evidence.
async fn store_promises(
    tx: &DatabaseTransaction,
    before: &Before<'_>,
    incoming: &Incoming,
    fates: &[Fate],
) -> Result<(), Problem> {
    let promises: Vec<Promise<'_>> = new(incoming, before, fates)
        .filter_map(|(entry, content, fate)| {
            let Content::Record(record) = content else {
                return None;
            };
            let Event::StepDone(done) = &record.event else {
                return None;
            };
            let station = before.stations.get(&record.order);
            Some(Promise {
                station: station.copied().unwrap_or(before.handheld.station),
                order: matches!(fate, Fate::Applied).then_some(record.order),
                entry,
                photos: &done.photos,
            })
        })
        .collect();
    media::record_promises(tx, &promises).await
}

/// The rows of the touched orders, read under the locks, with what was added to each.
async fn touched<C: ConnectionTrait>(
    db: &C,
    mut added: BTreeMap<OrderId, Vec<Sourced>>,
) -> Result<Vec<Touched>, Problem> {
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let rows = service_order::Entity::find()
        .filter(service_order::Column::Id.is_in(added.keys().map(|order| order.0)))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let added = added.remove(&OrderId(row.id))?;
            Some(Touched { row, added })
        })
        .collect())
}

/// The orders on which a step was done: it may have closed them.
fn worked_on(added: &BTreeMap<OrderId, Vec<Sourced>>) -> Vec<OrderId> {
    let step = |sourced: &Sourced| matches!(sourced.record.event, Event::StepDone(_));
    let worked = added.iter().filter(|(_, records)| records.iter().any(step));
    worked.map(|(order, _)| *order).collect()
}

/// The records by which a person refuses an order or hands it over, by order.
fn refusals(added: &BTreeMap<OrderId, Vec<Sourced>>) -> Vec<(OrderId, Vec<Sourced>)> {
    let lets_go = |sourced: &&Sourced| {
        let event = &sourced.record.event;
        matches!(event, Event::Declined(_) | Event::HandedOver(_))
    };
    added
        .iter()
        .map(|(order, records)| (*order, records.iter().filter(lets_go).cloned().collect()))
        .filter(|(_, records): &(_, Vec<Sourced>)| !records.is_empty())
        .collect()
}
