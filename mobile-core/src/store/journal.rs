//! The journal's rows: every entry that this handheld wrote, in the bytes first written.

mod holes;

pub(crate) use holes::{
    empty, insert_empty, is_held, is_linked, last_before, linked_before, linked_from, remove,
    remove_empty_after, set_link, whole_after, whole_at, whole_from,
};

use super::columns::{get_digest, get_id, get_id_opt, get_seq, get_u64, seq as column};
use crate::error::Error;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Entry, EntryId, Seq, link},
    time::UnixMillis,
};
use rusqlite::{Connection, OptionalExtension, params};

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Where it is.
    pub(crate) id: EntryId,
    /// Its bytes; none where the entry was lost and only its link is known.
    pub(crate) bytes: Vec<u8>,
    /// Its link.
    pub(crate) link: Digest,
    /// The order it belongs to; none for the opening.
    pub(crate) order: Option<OrderId>,
}

/// How many entries stand in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Not yet held by the server.
    pub(crate) queued: u64,
    /// Held by the server.
    pub(crate) held: u64,
    /// Held, but the server could not apply them.
    pub(crate) parked: u64,
}

/// The last entry and its link; position 0 and the zero link before the first.
pub(crate) fn head(db: &Connection, journal: JournalId) -> Result<(Seq, Digest), Error> {
    let head = db
        .prepare_cached(
            "SELECT seq, link FROM journal_entry WHERE journal = ?1 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([journal.0.as_bytes()], |row| {
            Ok((get_seq(row, 0)?, get_digest(row, 1)?))
        })
        .optional()?;
    Ok(head.unwrap_or((Seq(0), Digest::ZERO)))
}

/// Appends an entry: encodes it once, chains it and stores it as queued.
pub(crate) fn append(
    db: &Connection,
    journal: JournalId,
    entry: &Entry,
    now: UnixMillis,
) -> Result<EntryId, Error> {
    let (last, before) = head(db, journal)?;
    let order = match entry {
        Entry::Record(record) => Some(record.order),
        _ => None,
    };
    let row = chained(journal, last.next(), before, entry.to_bytes(), order);
    insert(db, &row, now)?;
    Ok(row.id)
}

/// The entry that `bytes` become after the link `before`.
pub(crate) fn chained(
    journal: JournalId,
    seq: Seq,
    before: Digest,
    bytes: Vec<u8>,
    order: Option<OrderId>,
) -> Stored {
    let link = link(journal, seq, before, Digest::of(&bytes));
    let id = EntryId { journal, seq };
    Stored {
        id,
        bytes,
        link,
        order,
    }
}

/// Stores an entry as queued.
pub(crate) fn insert(db: &Connection, row: &Stored, now: UnixMillis) -> Result<(), Error> {
    db.prepare_cached(
        "INSERT INTO journal_entry (journal, seq, bytes, link, order_id, state, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6)",
    )?
    .execute(params![
        row.id.journal.0.as_bytes(),
        column(row.id.seq)?,
        row.bytes,
        row.link.0,
        row.order.as_ref().map(|order| order.0.as_bytes()),
        now.0,
    ])?;
    Ok(())
}

/// Hands on every entry that is not superseded.
pub(crate) fn each(
    db: &Connection,
    mut work: impl FnMut(EntryId, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = db.prepare(
        "SELECT journal, seq, bytes FROM journal_entry WHERE state <> 'superseded'
         ORDER BY journal, seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = EntryId {
            journal: get_id(row, 0)?,
            seq: get_seq(row, 1)?,
        };
        let bytes: Vec<u8> = row.get(2)?;
        work(id, &bytes)?;
    }
    Ok(())
}

/// The link of an entry; of position 0 the zero link.
pub(crate) fn link_at(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<Option<Digest>, Error> {
    if seq.0 == 0 {
        return Ok(Some(Digest::ZERO));
    }
    let Ok(position) = column(seq) else {
        return Ok(None);
    };
    let link = db
        .prepare_cached("SELECT link FROM journal_entry WHERE journal = ?1 AND seq = ?2")?
        .query_row(params![journal.0.as_bytes(), position], |row| {
            get_digest(row, 0)
        })
        .optional()?;
    Ok(link)
}

/// The first entry that waits.
pub(crate) fn first_queued(db: &Connection, journal: JournalId) -> Result<Option<Seq>, Error> {
    let seq = db
        .prepare_cached(
            "SELECT seq FROM journal_entry WHERE journal = ?1 AND state = 'queued'
             ORDER BY seq LIMIT 1",
        )?
        .query_row([journal.0.as_bytes()], |row| get_seq(row, 0))
        .optional()?;
    Ok(seq)
}

/// Consecutive entries from `from` on, up to the first hole, in whatever state: at most so
/// many, and of so many bytes together, but at least one.
pub(crate) fn run_from(
    db: &Connection,
    journal: JournalId,
    from: Seq,
    max_entries: usize,
    max_bytes: usize,
) -> Result<Vec<Stored>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT journal, seq, bytes, link, order_id FROM journal_entry
         WHERE journal = ?1 AND seq >= ?2 AND length(bytes) > 0 ORDER BY seq",
    )?;
    let mut rows = statement.query(params![journal.0.as_bytes(), column(from)?])?;
    let mut run = Vec::new();
    let mut total = 0usize;
    while let Some(row) = rows.next()? {
        let stored = stored(row)?;
        total = total.saturating_add(stored.bytes.len());
        let follows = run
            .last()
            .is_none_or(|last: &Stored| last.id.seq.next() == stored.id.seq);
        if !follows || run.len() >= max_entries || (total > max_bytes && !run.is_empty()) {
            break;
        }
        run.push(stored);
    }
    Ok(run)
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: EntryId {
            journal: get_id(row, 0)?,
            seq: get_seq(row, 1)?,
        },
        bytes: row.get(2)?,
        link: get_digest(row, 3)?,
        order: get_id_opt(row, 4)?,
    })
}

/// Marks everything up to `seq` as held.
pub(crate) fn mark_held(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
    now: UnixMillis,
) -> Result<u64, Error> {
    #[cfg(feature = "planted")]
    let seq = if crate::planted::on(crate::planted::Bug::ReceiptForAll) {
        Seq(1_000_000_000)
    } else {
        seq
    };
    let mut statement = db.prepare_cached(
        "UPDATE journal_entry SET state = 'held', held_at = ?3
         WHERE journal = ?1 AND seq <= ?2 AND state = 'queued'",
    )?;
    let changed = statement.execute(params![journal.0.as_bytes(), column(seq)?, now.0])?;
    #[cfg(feature = "planted")]
    crate::planted::forget_held(db)?;
    Ok(changed as u64)
}

/// Queues everything after `seq` again: the server no longer holds it. Gives the orders
/// whose entries are no longer parked by this.
pub(crate) fn requeue_after(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<Vec<OrderId>, Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::GapIgnored) {
        return Ok(Vec::new());
    }
    let after = params![journal.0.as_bytes(), column(seq)?];
    let mut statement = db.prepare(
        "SELECT DISTINCT order_id FROM journal_entry
         WHERE journal = ?1 AND seq > ?2 AND parked IS NOT NULL AND order_id IS NOT NULL",
    )?;
    let parked = statement
        .query_map(after, |row| get_id(row, 0))?
        .collect::<Result<Vec<OrderId>, _>>()?;
    db.execute(
        "UPDATE journal_entry SET state = 'queued', held_at = NULL, parked = NULL
         WHERE journal = ?1 AND seq > ?2 AND state = 'held'",
        after,
    )?;
    Ok(parked)
}

/// Says which entries of `first..=last` are parked and why; the others of them are not.
/// Gives the orders whose entries changed in this.
pub(crate) fn set_parked(
    db: &Connection,
    journal: JournalId,
    (first, last): (Seq, Seq),
    parked: &[(Seq, String)],
) -> Result<Vec<OrderId>, Error> {
    let mut changed = Vec::new();
    let range = params![journal.0.as_bytes(), column(first)?, column(last)?];
    let mut statement = db.prepare_cached(
        "UPDATE journal_entry SET parked = NULL
         WHERE journal = ?1 AND seq BETWEEN ?2 AND ?3 AND parked IS NOT NULL
         RETURNING order_id",
    )?;
    for order in statement.query_map(range, |row| get_id_opt::<OrderId>(row, 0))? {
        changed.extend(order?);
    }
    let mut statement = db.prepare_cached(
        "UPDATE journal_entry SET parked = ?3 WHERE journal = ?1 AND seq = ?2 RETURNING order_id",
    )?;
    for (seq, code) in parked {
        if *seq < first || *seq > last {
            continue;
        }
        let row = params![journal.0.as_bytes(), column(*seq)?, code];
        for order in statement.query_map(row, |row| get_id_opt::<OrderId>(row, 0))? {
            changed.extend(order?);
        }
    }
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// Marks every entry after `seq` as superseded by a new journal and gives them, in order.
pub(crate) fn supersede_after(
    db: &Connection,
    journal: JournalId,
    seq: Seq,
) -> Result<Vec<Stored>, Error> {
    let after = params![journal.0.as_bytes(), column(seq)?];
    let mut statement = db.prepare(
        "SELECT journal, seq, bytes, link, order_id FROM journal_entry
         WHERE journal = ?1 AND seq > ?2 AND state <> 'superseded' ORDER BY seq",
    )?;
    let rows = statement
        .query_map(after, stored)?
        .collect::<Result<Vec<_>, _>>()?;
    db.execute(
        "UPDATE journal_entry SET state = 'superseded' WHERE journal = ?1 AND seq > ?2",
        after,
    )?;
    Ok(rows)
}

/// Marks the entries of a journal that wait as superseded and gives them, in order.
pub(crate) fn supersede_waiting(db: &Connection, journal: JournalId) -> Result<Vec<Stored>, Error> {
    let mut statement = db.prepare(
        "SELECT journal, seq, bytes, link, order_id FROM journal_entry
         WHERE journal = ?1 AND state = 'queued' ORDER BY seq",
    )?;
    let rows = statement
        .query_map([journal.0.as_bytes()], stored)?
        .collect::<Result<Vec<_>, _>>()?;
    db.execute(
        "UPDATE journal_entry SET state = 'superseded' WHERE journal = ?1 AND state = 'queued'",
        [journal.0.as_bytes()],
    )?;
    Ok(rows)
}

/// The journals of which entries are here, the one that was begun first at first.
pub(crate) fn all(db: &Connection) -> Result<Vec<JournalId>, Error> {
    let mut statement = db.prepare(
        "SELECT journal FROM journal_entry GROUP BY journal ORDER BY min(recorded_at), journal",
    )?;
    let journals = statement
        .query_map([], |row| get_id(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(journals)
}

/// Whose records a journal holds, if an entry of it can be read.
pub(crate) fn owner(db: &Connection, journal: JournalId) -> Result<Option<PersonId>, Error> {
    let run = run_from(db, journal, Seq::FIRST, 1, 1)?;
    let first = run.first().map(|first| Entry::from_bytes(&first.bytes));
    Ok(match first {
        Some(Ok(Entry::Opened(opened))) => Some(opened.person),
        Some(Ok(Entry::Record(record))) => Some(record.actor),
        _ => None,
    })
}

/// Queues every entry of a journal that is offered anew; gives those that another journal
/// had superseded, in order.
pub(crate) fn revive(db: &Connection, journal: JournalId) -> Result<Vec<Stored>, Error> {
    let mut statement = db.prepare(
        "SELECT journal, seq, bytes, link, order_id FROM journal_entry
         WHERE journal = ?1 AND state = 'superseded' ORDER BY seq",
    )?;
    let rows = statement
        .query_map([journal.0.as_bytes()], stored)?
        .collect::<Result<Vec<_>, _>>()?;
    db.execute(
        "UPDATE journal_entry SET state = 'queued', held_at = NULL, parked = NULL
         WHERE journal = ?1",
        [journal.0.as_bytes()],
    )?;
    Ok(rows)
}

/// This handheld's own entries of an order that count in its fold: neither parked nor
/// superseded.
pub(crate) fn of_order(db: &Connection, order: OrderId) -> Result<Vec<(EntryId, Vec<u8>)>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT journal, seq, bytes FROM journal_entry
         WHERE order_id = ?1 AND state <> 'superseded' AND parked IS NULL",
    )?;
    let rows = statement
        .query_map([order.0.as_bytes()], |row| {
            let id = EntryId {
                journal: get_id(row, 0)?,
                seq: get_seq(row, 1)?,
            };
            Ok((id, row.get(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// Whether entries of this handheld of an order wait for the server.
pub(crate) fn waits_of(db: &Connection, order: OrderId) -> Result<bool, Error> {
    let found = db
        .prepare_cached("SELECT 1 FROM journal_entry WHERE order_id = ?1 AND state = 'queued'")?
        .query_row([order.0.as_bytes()], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// An entry with how it stands, for the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Where it is.
    pub(crate) id: EntryId,
    /// The server holds it.
    pub(crate) held: bool,
    /// Why the server could not apply it.
    pub(crate) parked: Option<String>,
}

/// How this handheld's own entries of an order stand.
pub(crate) fn standing(db: &Connection, order: OrderId) -> Result<Vec<Standing>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT journal, seq, state = 'held', parked FROM journal_entry
         WHERE order_id = ?1 AND state <> 'superseded' ORDER BY recorded_at, seq",
    )?;
    let rows = statement
        .query_map([order.0.as_bytes()], |row| {
            Ok(Standing {
                id: EntryId {
                    journal: get_id(row, 0)?,
                    seq: get_seq(row, 1)?,
                },
                held: row.get(2)?,
                parked: row.get(3)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// When the oldest entry that waits was recorded, by the wall clock.
pub(crate) fn waiting_since(db: &Connection) -> Result<Option<UnixMillis>, Error> {
    let since: Option<i64> = db.query_row(
        "SELECT min(recorded_at) FROM journal_entry WHERE state = 'queued'",
        [],
        |row| row.get(0),
    )?;
    Ok(since.map(UnixMillis))
}

/// An entry that the server holds but does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParkedRow {
    /// Where it is.
    pub(crate) id: EntryId,
    /// The order that it is about.
    pub(crate) order: Option<OrderId>,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// The server's code.
    pub(crate) code: String,
}

/// The entries that the server holds but does not count, oldest first.
pub(crate) fn parked(db: &Connection) -> Result<Vec<ParkedRow>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT journal, seq, order_id, bytes, parked FROM journal_entry
         WHERE parked IS NOT NULL AND state <> 'superseded' ORDER BY recorded_at, seq",
    )?;
    let rows = statement
        .query_map([], |row| {
            Ok(ParkedRow {
                id: EntryId {
                    journal: get_id(row, 0)?,
                    seq: get_seq(row, 1)?,
                },
                order: get_id_opt(row, 2)?,
                bytes: row.get(3)?,
                code: row.get(4)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// How many entries wait.
pub(crate) fn queued(db: &Connection) -> Result<u64, Error> {
    count(
        db,
        "SELECT count(*) FROM journal_entry WHERE state = 'queued'",
    )
}

/// How many entries stand in which state. Counted in indexes: the entries themselves, which
/// are many and large, are not read.
pub(crate) fn counts(db: &Connection) -> Result<Counts, Error> {
    let held = "SELECT count(*) FROM journal_entry INDEXED BY journal_entry_by_order
                WHERE state = 'held'";
    let parked = "SELECT count(*) FROM journal_entry
                  WHERE parked IS NOT NULL AND state <> 'superseded'";
    Ok(Counts {
        queued: queued(db)?,
        held: count(db, held)?,
        parked: count(db, parked)?,
    })
}

fn count(db: &Connection, sql: &str) -> Result<u64, Error> {
    Ok(db
        .prepare_cached(sql)?
        .query_row([], |row| get_u64(row, 0))?)
}
