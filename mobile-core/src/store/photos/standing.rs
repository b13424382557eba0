//! How photos stand, for the screen: those of an order, and all of them in numbers.

use super::{
    super::columns::{get_digest, get_parsed, get_u64},
    LaneState,
};
use crate::error::Error;
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, workflow::SlotCode};
use rusqlite::Connection;

/// How a photo of an order stands, for the screen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PhotoStanding {
    /// Its name: the hash of its bytes.
    pub digest: Digest,
    /// The slot that it fills.
    pub slot: SlotCode,
    /// Its length in bytes.
    pub bytes: u64,
    /// How its preview stands.
    pub preview: LaneState,
    /// Why the preview stands so, if there is more to say.
    pub preview_reason: Option<String>,
    /// How its original stands.
    pub original: LaneState,
    /// Why the original stands so, if there is more to say.
    pub original_reason: Option<String>,
}

/// How the photos of this handheld's own records of an order stand.
pub(crate) fn of_order(db: &Connection, order: OrderId) -> Result<Vec<PhotoStanding>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT p.digest, u.slot, p.bytes, p.preview_state, p.preview_reason,
                p.original_state, p.original_reason
         FROM photo_use u JOIN photo p USING (digest)
         WHERE u.order_id = ?1 ORDER BY p.added_at, u.slot",
    )?;
    let rows = statement
        .query_map([order.0.as_bytes()], |row| {
            Ok(PhotoStanding {
                digest: get_digest(row, 0)?,
                slot: SlotCode(row.get(1)?),
                bytes: get_u64(row, 2)?,
                preview: get_parsed(row, 3, LaneState::parse)?,
                preview_reason: row.get(4)?,
                original: get_parsed(row, 5, LaneState::parse)?,
                original_reason: row.get(6)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// How the photos on this handheld stand, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PhotoCounts {
    /// All that records of this handheld promise.
    pub promised: u64,
    /// Previews that wait to be sent.
    pub previews_waiting: u64,
    /// Originals that wait to be sent.
    pub originals_waiting: u64,
    /// Bytes of the originals that wait.
    pub bytes_waiting: u64,
    /// Originals that the server has, verified.
    pub held: u64,
    /// Photos of which a lane was refused.
    pub refused: u64,
    /// Photos whose file is gone or changed.
    pub damaged: u64,
}

/// How the photos on this handheld stand, in numbers.
pub(crate) fn counts(db: &Connection) -> Result<PhotoCounts, Error> {
    let counts = db.query_row(
        "SELECT count(*),
                count(*) FILTER (WHERE preview_state = 'queued'),
                count(*) FILTER (WHERE original_state = 'queued'),
                coalesce(sum(bytes) FILTER (WHERE original_state = 'queued'), 0),
                count(*) FILTER (WHERE original_state = 'held'),
                count(*) FILTER (WHERE 'refused' IN (original_state, preview_state)),
                count(*) FILTER (WHERE 'damaged' IN (original_state, preview_state))
         FROM photo",
        [],
        |row| {
            Ok(PhotoCounts {
                promised: get_u64(row, 0)?,
                previews_waiting: get_u64(row, 1)?,
                originals_waiting: get_u64(row, 2)?,
                bytes_waiting: get_u64(row, 3)?,
                held: get_u64(row, 4)?,
                refused: get_u64(row, 5)?,
                damaged: get_u64(row, 6)?,
            })
        },
    )?;
    Ok(counts)
}
