//! What photos look like: which earlier photo a photo is, or looks like.

use super::columns::{get_digest, get_id};
use crate::error::Error;
use gridcrew_sync_protocol::{
    claims::{Before, Look},
    digest::Digest,
    ids::OrderId,
    time::UnixMillis,
};
use rusqlite::{Connection, OptionalExtension, params};

/// With how many of the newest photos a photo is compared: some weeks of work, and never so
/// many that recording slows down.
const MOST_COMPARED: u32 = 2_000;

/// Remembers what a photo looks like.
pub(crate) fn put(
    db: &Connection,
    photo: Digest,
    look: Look,
    now: UnixMillis,
) -> Result<(), Error> {
    db.execute(
        "INSERT OR IGNORE INTO photo_look (digest, look, noted_at) VALUES (?1, ?2, ?3)",
        params![photo.0, look.0.cast_signed(), now.0],
    )?;
    Ok(())
}

/// The earlier photo that this one is, whatever its order, or else the one of another order
/// that it looks like in all but `alike` bits (DOMAIN section 7, row 19).
pub(crate) fn before(
    db: &Connection,
    order: OrderId,
    photo: Digest,
    look: Option<Look>,
    alike: u32,
) -> Result<Option<Before>, Error> {
    let same = db
        .prepare_cached("SELECT order_id FROM photo_use WHERE digest = ?1 LIMIT 1")?
        .query_row([photo.0], |row| get_id(row, 0))
        .optional()?;
    if let Some(order) = same {
        return Ok(Some(Before {
            order,
            photo,
            differs: None,
        }));
    }
    let Some(look) = look else { return Ok(None) };
    let mut statement = db.prepare_cached(
        "SELECT l.digest, l.look, u.order_id
         FROM (SELECT digest, look FROM photo_look ORDER BY noted_at DESC LIMIT ?2) l
         JOIN photo_use u USING (digest) WHERE u.order_id <> ?1",
    )?;
    let mut rows = statement.query(params![order.0.as_bytes(), MOST_COMPARED])?;
    let mut nearest: Option<Before> = None;
    while let Some(row) = rows.next()? {
        let other = Look(row.get::<_, i64>(1)?.cast_unsigned());
        let bits = look.differs(other);
        let best = nearest.and_then(|nearest| nearest.differs);
        if bits <= alike && best.is_none_or(|best| bits < best) {
            nearest = Some(Before {
                order: get_id(row, 2)?,
                photo: get_digest(row, 0)?,
                differs: Some(bits),
            });
        }
    }
    Ok(nearest)
}
