//! What records promised: whose photos may be uploaded, and how many have come (I7).

use super::rows::photo_promise;
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId, OrgId, PersonId},
    journal::EntryId,
    media::MediaKind,
    record::PhotoRef,
    workflow::SlotCode,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, Func, JoinType, OnConflict, Query},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Orders that are counted in one query.
const ORDERS_AT_ONCE: usize = 500;
/// Promises written by one statement.
const PROMISES_AT_ONCE: usize = 200;
/// How many forks back a handheld may still bring photos of.
const LONGEST_LINEAGE: usize = 16;

/// Most bytes of the name of a slot: more, and it would not go into an index.
const LONGEST_SLOT: usize = 200;

/// Whether a slot has a name that every table takes.
#[must_use]
pub fn is_slot(slot: &SlotCode) -> bool {
    let name = &slot.0;
    (1..=LONGEST_SLOT).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// Photos that an entry of a journal promises.
#[derive(Clone, Copy, Debug)]
pub struct Promise<'a> {
    /// The station.
    pub station: OrgId,
    /// The order of the entry; none when it is parked.
    pub order: Option<OrderId>,
    /// The entry.
    pub entry: EntryId,
    /// The photos.
    pub photos: &'a [PhotoRef],
}

/// Records that entries of journals promise photos. To be called in the transaction that
/// takes the entries in, for parked ones too (then the order is none), so that their photos
/// are let in. Again changes nothing, but that an order may become known.
///
/// # Errors
/// A problem of the database.
pub async fn record_promises<C: ConnectionTrait>(
    tx: &C,
    promises: &[Promise<'_>],
) -> Result<(), Problem> {
    use photo_promise::Column;
    let mut rows = promises.iter().flat_map(rows);
    loop {
        let some: Vec<_> = rows.by_ref().take(PROMISES_AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        let known = Func::coalesce([
            Expr::col(("excluded", Column::OrderId)),
            Expr::col(("photo_promise", Column::OrderId)),
        ]);
        let mut again =
            OnConflict::columns([Column::Photo, Column::JournalId, Column::Seq, Column::Slot]);
        again.value(Column::OrderId, known);
        photo_promise::Entity::insert_many(some)
            .on_conflict(again)
            .exec_without_returning(tx)
            .await?;
    }
}

/// One row for each photo of each slot. What has no proper name fills the slot without one:
/// its record is parked, its photo let in.
fn rows(promise: &Promise<'_>) -> Vec<photo_promise::ActiveModel> {
    let mut seen = BTreeSet::new();
    let named = promise.photos.iter().map(|photo| {
        let slot = Some(&photo.slot).filter(|slot| is_slot(slot));
        (photo, slot.map_or("", |slot| &slot.0))
    });
    named
        .filter(|(photo, slot)| seen.insert((photo.digest, *slot)))
        .map(|(photo, slot)| photo_promise::ActiveModel {
            photo: Set(photo.digest.0.to_vec()),
            journal_id: Set(promise.entry.journal.0),
            seq: Set(i64::try_from(promise.entry.seq.0).unwrap_or(i64::MAX)),
            slot: Set(slot.to_owned()),
            station_id: Set(promise.station.0),
            order_id: Set(promise.order.map(|order| order.0)),
            bytes: Set(i64::try_from(photo.bytes).unwrap_or(i64::MAX)),
        })
        .collect()
}

/// The photos that records promise which are part of no order: they are kept as evidence.
///
/// # Errors
/// A problem of the database.
pub async fn promised_of_parked<C: ConnectionTrait>(db: &C) -> Result<Vec<Digest>, Problem> {
    let rows: Vec<Vec<u8>> = photo_promise::Entity::find()
        .select_only()
        .column(photo_promise::Column::Photo)
        .distinct()
        .filter(photo_promise::Column::OrderId.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let broken = |_| Problem::internal("a row names a photo that is none");
    rows.into_iter()
        .map(|photo| photo.try_into().map(Digest).map_err(broken))
        .collect()
}

/// How many photos an order's trace promises, and how many of them have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhotoCounts {
    /// Different photos promised.
    pub promised: u64,
    /// Those of them whose original is held.
    pub held: u64,
}

/// The counts of the orders that promise any photo.
///
/// # Errors
/// A problem of the database.
pub async fn counts<C: ConnectionTrait>(
    db: &C,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, PhotoCounts>, Problem> {
    let promise = |column| Expr::col(("photo_promise", column));
    let object = |column| Expr::col(("media_object", column));
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let mut counts = BTreeMap::new();
    for some in orders.chunks(ORDERS_AT_ONCE) {
        let query = Query::select()
            .expr(promise("order_id"))
            .expr(Func::count_distinct(promise("photo")))
            .expr(Func::count_distinct(object("photo")))
            .from("photo_promise")
            .join(
                JoinType::LeftJoin,
                "media_object",
                object("photo")
                    .equals(("photo_promise", "photo"))
                    .and(object("kind").eq(MediaKind::Original.as_str())),
            )
            .and_where(promise("order_id").is_in(some.iter().map(|order| order.0)))
            .group_by_col(("photo_promise", "order_id"))
            .take();
        for row in db.query_all(&query).await? {
            let (order, promised, held): (Uuid, i64, i64) = (
                row.try_get_by_index(0)?,
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
            );
            let (promised, held) = (number(promised), number(held));
            counts.insert(OrderId(order), PhotoCounts { promised, held });
        }
    }
    Ok(counts)
}

/// Whose handheld a journal is.
///
/// # Errors
/// A problem of the database.
pub(super) async fn person_of<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Option<PersonId>, DbErr> {
    let query = Query::select()
        .expr(Expr::col("person_id"))
        .from("handheld")
        .and_where(Expr::col("id").eq(journal.0))
        .take();
    let row = db.query_one(&query).await?;
    row.map(|row| row.try_get_by_index(0).map(PersonId))
        .transpose()
}

/// The journals whose photos a handheld may bring: its own, and those that forked into it.
///
/// # Errors
/// A problem of the database.
pub(super) async fn lineage<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Vec<JournalId>, DbErr> {
    let mut lineage = vec![journal];
    let mut newest = journal;
    while lineage.len() < LONGEST_LINEAGE {
        let (mine, before) = ("mine", "before_it");
        let query = Query::select()
            .expr(Expr::col((before, "id")))
            .from_as("handheld", mine)
            .join_as(
                JoinType::InnerJoin,
                "handheld",
                before,
                Expr::col((before, "id"))
                    .equals((mine, "continues"))
                    .and(Expr::col((before, "person_id")).equals((mine, "person_id"))),
            )
            .and_where(Expr::col((mine, "id")).eq(newest.0))
            .take();
        let Some(row) = db.query_one(&query).await? else {
            break;
        };
        newest = JournalId(row.try_get_by_index(0)?);
        if lineage.contains(&newest) {
            break;
        }
        lineage.push(newest);
    }
    Ok(lineage)
}

/// Whether a record of the handheld promised the photo.
///
/// # Errors
/// A problem of the database.
pub(super) async fn is_promised<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
    photo: Digest,
) -> Result<bool, DbErr> {
    let journals = lineage(db, journal).await?;
    let found = photo_promise::Entity::find()
        .filter(photo_promise::Column::Photo.eq(photo.0.to_vec()))
        .filter(photo_promise::Column::JournalId.is_in(journals.iter().map(|journal| journal.0)))
        .one(db)
        .await?;
    Ok(found.is_some())
}
