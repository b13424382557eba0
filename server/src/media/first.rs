//! The record that promised a photo first: whose preview of it is taken, what is written on
//! the one that is made here, and what the photo is said to look like.

use super::promise;
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    claims::{Look, photos_of},
    digest::Digest,
    ids::{JournalId, OrderId, OrgId},
    journal::Entry,
    record::Record,
    stamp,
};
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait,
    sea_query::{Expr, JoinType, Order, Query},
};

/// The first promise of a photo.
struct First {
    journal: JournalId,
    station: OrgId,
    /// The entry that makes it.
    bytes: Vec<u8>,
}

impl First {
    /// The record; none when this version cannot read it.
    fn record(&self) -> Option<Record> {
        match Entry::from_bytes(&self.bytes) {
            Ok(Entry::Record(record)) => Some(record),
            _ => None,
        }
    }
}

async fn first<C: ConnectionTrait>(db: &C, photo: Digest) -> Result<Option<First>, DbErr> {
    let promise = |column| Expr::col(("photo_promise", column));
    let record = |column| Expr::col(("entry", column));
    let query = Query::select()
        .expr(promise("journal_id"))
        .expr(promise("station_id"))
        .expr(record("bytes"))
        .from("photo_promise")
        .join(
            JoinType::InnerJoin,
            "entry",
            record("journal_id")
                .equals(("photo_promise", "journal_id"))
                .and(record("seq").equals(("photo_promise", "seq"))),
        )
        .and_where(promise("photo").eq(photo.0.to_vec()))
        .order_by(("entry", "received_at"), Order::Asc)
        .order_by(("entry", "journal_id"), Order::Asc)
        .order_by(("entry", "seq"), Order::Asc)
        .limit(1)
        .take();
    let row = db.query_one(&query).await?;
    row.map(|row| {
        Ok(First {
            journal: JournalId(row.try_get_by_index(0)?),
            station: OrgId(row.try_get_by_index(1)?),
            bytes: row.try_get_by_index(2)?,
        })
    })
    .transpose()
}

/// Whether a record of the handheld was the first to promise the photo. An original proves
/// itself by its hash, whoever brings it; a preview does not, and others learn of the photo
/// from the feed before it comes.
///
/// # Errors
/// A problem of the database.
pub(super) async fn promised_first<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
    photo: Digest,
) -> Result<bool, DbErr> {
    match first(db, photo).await? {
        Some(first) => Ok(promise::lineage(db, journal)
            .await?
            .contains(&first.journal)),
        None => Ok(false),
    }
}

/// What is written on the preview of a photo: order, time and place of the record that
/// promised it first, as its handheld wrote them on its own. Nothing on one that no record
/// promises.
///
/// # Errors
/// A problem of the database.
pub(super) async fn stamp<C: ConnectionTrait>(
    db: &C,
    photo: Digest,
) -> Result<Vec<String>, Problem> {
    let first = first(db, photo).await?;
    let Some(record) = first.and_then(|first| first.record()) else {
        return Ok(Vec::new());
    };
    let Record {
        order, time, fix, ..
    } = record;
    // A parked record may name an order that is none: its id says as much as it does.
    let no = outside_no(db, order).await?;
    let no = no.unwrap_or_else(|| order.to_string());
    Ok(stamp::lines(&no, time.trusted(), fix.as_ref()))
}

/// What the photo looks like by the claims of that record, and whose station's it is; none
/// when it claims no look, as of a picture that is too plain.
///
/// # Errors
/// A problem of the database.
pub(super) async fn look<C: ConnectionTrait>(
    db: &C,
    photo: Digest,
) -> Result<Option<(OrgId, Look)>, DbErr> {
    let Some(first) = first(db, photo).await? else {
        return Ok(None);
    };
    let look = first.record().and_then(|record| {
        let promised = photos_of(&record.event);
        let at = promised.iter().position(|one| one.digest == photo)?;
        record.claims?.photos.get(at)?.look
    });
    Ok(look.map(|look| (first.station, look)))
}

async fn outside_no<C: ConnectionTrait>(db: &C, order: OrderId) -> Result<Option<String>, DbErr> {
    let query = Query::select()
        .expr(Expr::col("outside_no"))
        .from("service_order")
        .and_where(Expr::col("id").eq(order.0))
        .take();
    let row = db.query_one(&query).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}
