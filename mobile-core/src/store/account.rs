//! Everything that is in the store, row by row: for comparing with what should be.

use super::columns::{get_digest, get_id, get_parsed, get_seq};
use super::photos::LaneState;
use crate::{
    drive::{EntryLine, PhotoLine},
    error::Error,
};
use gridcrew_sync_protocol::{
    ids::{CellId, CustomerId},
    journal::EntryId,
};
use rusqlite::Connection;

/// Every entry, by journal and sequence number.
pub(crate) fn entries(db: &Connection) -> Result<Vec<EntryLine>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT journal, seq, bytes, link, state FROM journal_entry ORDER BY journal, seq",
    )?;
    let rows = statement
        .query_map([], |row| {
            Ok(EntryLine {
                id: EntryId {
                    journal: get_id(row, 0)?,
                    seq: get_seq(row, 1)?,
                },
                bytes: row.get(2)?,
                link: get_digest(row, 3)?,
                state: row.get(4)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Every photo, by digest.
pub(crate) fn photos(db: &Connection) -> Result<Vec<PhotoLine>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT digest, original_state, preview_state, thinned_at IS NOT NULL FROM photo
         ORDER BY digest",
    )?;
    let rows = statement
        .query_map([], |row| {
            Ok(PhotoLine {
                digest: get_digest(row, 0)?,
                original: get_parsed(row, 1, LaneState::parse)?,
                preview: get_parsed(row, 2, LaneState::parse)?,
                thinned: row.get(3)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Every cell and every customer.
pub(crate) fn scope(db: &Connection) -> Result<(Vec<CellId>, Vec<CustomerId>), Error> {
    let mut statement = db.prepare_cached("SELECT id FROM cell ORDER BY id")?;
    let cells = statement
        .query_map([], |row| get_id(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut statement = db.prepare_cached("SELECT id FROM customer ORDER BY id")?;
    let customers = statement
        .query_map([], |row| get_id(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok((cells, customers))
}
