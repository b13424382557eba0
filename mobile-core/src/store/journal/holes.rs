//! The journal's rows where some of them are missing or damaged ([`crate::mending`]).
//!
//! An entry is whole that has bytes, and linked when it is whole and the link before it is
//! known. A row without bytes only says what the link at its position is.

use super::{Stored, stored};
use crate::{
    error::Error,
    store::columns::{get_seq, seq as column},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{EntryId, Seq},
    time::UnixMillis,
};
use rusqlite::{Connection, OptionalExtension, params};

const LINKED: &str = "length(e.bytes) > 0 AND (e.seq = 1 OR EXISTS (
    SELECT 1 FROM journal_entry b WHERE b.journal = e.journal AND b.seq = e.seq - 1))";

fn find(
    db: &Connection,
    which: &str,
    order: &str,
    journal: JournalId,
    at: Seq,
) -> Result<Option<Seq>, Error> {
    let sql = format!(
        "SELECT e.seq FROM journal_entry e WHERE e.journal = ?1 AND e.seq {which}
         ORDER BY e.seq {order} LIMIT 1"
    );
    let Ok(at) = column(at) else {
        return Ok(None);
    };
    let found = db
        .prepare_cached(&sql)?
        .query_row(params![journal.0.as_bytes(), at], |row| get_seq(row, 0))
        .optional()?;
    Ok(found)
}

/// The first whole entry at or after a position.
pub(crate) fn whole_from(
    db: &Connection,
    journal: JournalId,
    from: Seq,
) -> Result<Option<Seq>, Error> {
    find(db, ">= ?2 AND length(e.bytes) > 0", "ASC", journal, from)
}

/// The first linked entry at or after a position.
pub(crate) fn linked_from(
    db: &Connection,
    journal: JournalId,
    from: Seq,
) -> Result<Option<Seq>, Error> {
    find(db, &format!(">= ?2 AND {LINKED}"), "ASC", journal, from)
}

/// The last linked entry before a position.
pub(crate) fn linked_before(
    db: &Connection,
    journal: JournalId,
    at: Seq,
) -> Result<Option<Seq>, Error> {
    find(db, &format!("< ?2 AND {LINKED}"), "DESC", journal, at)
}

/// The last position before another whose link is known.
pub(crate) fn last_before(
    db: &Connection,
    journal: JournalId,
    at: Seq,
) -> Result<Option<Seq>, Error> {
    find(db, "< ?2", "DESC", journal, at)
}

/// Whether the entry at a position is linked.
pub(crate) fn is_linked(db: &Connection, journal: JournalId, seq: Seq) -> Result<bool, Error> {
    let found = find(db, &format!("= ?2 AND {LINKED}"), "ASC", journal, seq)?;
    Ok(found.is_some())
}

/// The entry at a position, if it is whole.
pub(crate) fn whole_at(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<Option<Stored>, Error> {
    let Ok(at) = column(seq) else {
        return Ok(None);
    };
    let found = db
        .prepare_cached(
            "SELECT journal, seq, bytes, link, order_id FROM journal_entry
             WHERE journal = ?1 AND seq = ?2 AND length(bytes) > 0",
        )?
        .query_row(params![journal.0.as_bytes(), at], stored)
        .optional()?;
    Ok(found)
}

/// Every whole entry after a position, in order, with when it was recorded.
pub(crate) fn whole_after(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<Vec<(Stored, UnixMillis)>, Error> {
    let mut statement = db.prepare(
        "SELECT journal, seq, bytes, link, order_id, recorded_at FROM journal_entry
         WHERE journal = ?1 AND seq > ?2 AND length(bytes) > 0 ORDER BY seq",
    )?;
    let rows = statement
        .query_map(params![journal.0.as_bytes(), column(seq)?], |row| {
            Ok((stored(row)?, UnixMillis(row.get(5)?)))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Whether the server holds an entry.
pub(crate) fn is_held(db: &Connection, id: EntryId) -> Result<bool, Error> {
    let place = params![id.journal.0.as_bytes(), column(id.seq)?];
    let sql = "SELECT state = 'held' FROM journal_entry WHERE journal = ?1 AND seq = ?2";
    let found = db.query_row(sql, place, |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(false))
}

/// Puts the link of an entry right.
pub(crate) fn set_link(db: &Connection, id: EntryId, link: Digest) -> Result<(), Error> {
    db.execute(
        "UPDATE journal_entry SET link = ?3 WHERE journal = ?1 AND seq = ?2",
        params![id.journal.0.as_bytes(), column(id.seq)?, link.0],
    )?;
    Ok(())
}

/// Removes a row.
pub(crate) fn remove(db: &Connection, id: EntryId) -> Result<(), Error> {
    db.execute(
        "DELETE FROM journal_entry WHERE journal = ?1 AND seq = ?2",
        params![id.journal.0.as_bytes(), column(id.seq)?],
    )?;
    Ok(())
}

/// Leaves of an entry only its link.
pub(crate) fn empty(db: &Connection, id: EntryId) -> Result<(), Error> {
    db.execute(
        "UPDATE journal_entry SET bytes = x'', order_id = NULL, parked = NULL
         WHERE journal = ?1 AND seq = ?2",
        params![id.journal.0.as_bytes(), column(id.seq)?],
    )?;
    Ok(())
}

/// Stores the link of an entry that is not here and that the server holds.
pub(crate) fn insert_empty(
    db: &Connection,
    id: EntryId,
    link: Digest,
    now: UnixMillis,
) -> Result<(), Error> {
    db.execute(
        "INSERT INTO journal_entry (journal, seq, bytes, link, state, recorded_at, held_at)
         VALUES (?1, ?2, x'', ?3, 'held', ?4, ?4)",
        params![id.journal.0.as_bytes(), column(id.seq)?, link.0, now.0],
    )?;
    Ok(())
}

/// Removes the rows after a position that only say what the link there was.
pub(crate) fn remove_empty_after(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<(), Error> {
    let after = params![journal.0.as_bytes(), column(seq)?];
    db.execute(
        "DELETE FROM photo_use WHERE journal = ?1 AND seq IN (
            SELECT seq FROM journal_entry
            WHERE journal = ?1 AND seq > ?2 AND length(bytes) = 0)",
        after,
    )?;
    db.execute(
        "DELETE FROM journal_entry WHERE journal = ?1 AND seq > ?2 AND length(bytes) = 0",
        after,
    )?;
    Ok(())
}
