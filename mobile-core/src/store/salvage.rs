//! What can be read of a damaged store goes into the new one: whose handheld it is, the
//! records that it made, its photos. Everything else comes again with the feed.
//!
//! Tables are read from both ends towards what is damaged, the journal then entry by entry
//! in between. Nothing is believed that cannot be checked: an entry counts only when its
//! bytes fit its link, and the links of its neighbours where they are there.
//!
//! An entry whose journal or number was damaged is brought back to where it stood ([`strays`]).
//! Every entry stays at its place, holes and all: the server is asked what it holds of the
//! journal before anything else, and only what lies beyond that is written again behind it
//! ([`crate::mending`]). Rows of photos are mended from the folder when the store is open
//! ([`crate::photos`]): until that is done, no photo is removed.
//!
//! A damaged row is left out; it never keeps the others from being saved.

mod strays;

use super::{
    Store,
    columns::{get_digest, get_id, get_id_opt, get_seq, get_u64},
    facts, identity,
    journal::Stored,
};
use crate::error::Error;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{EntryId, Seq, link},
};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Most entries looked for one by one between the two ends that could be read.
const MOST_SINGLE: u64 = 1_000_000;

/// What was read of a damaged store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Whose handheld it is could be read.
    pub(crate) identity: bool,
    /// Records and openings of journals.
    pub(crate) entries: u64,
    /// Photos.
    pub(crate) photos: u64,
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records and {} photos could be read of it and are kept",
            self.entries, self.photos
        )?;
        if !self.identity {
            f.write_str("; whose handheld it is could not: enrol it again")?;
        }
        Ok(())
    }
}

/// An entry with how it stood.
struct Kept {
    entry: Stored,
    /// State, reason for parking, when recorded, when held.
    standing: [Value; 4],
}

/// Reads what can be read and stores it, in one transaction with the finding that tells of it.
/// Nothing can be read where there is no connection.
pub(super) fn salvage(
    damaged: Option<&Connection>,
    store: &mut Store,
    finding: impl FnOnce(&Saved) -> String,
) -> Result<Saved, Error> {
    let table = |name: &str, key| damaged.map_or_else(Rows::default, |db| read(db, name, key));
    let entries = damaged.map_or_else(BTreeMap::new, read_journal);
    let entries = checked(strays::bring_home(entries));
    let identity = table("identity", 1);
    let anchor = table("anchor", 1);
    let pin = that_there_was_a_pin(table("fact", 1));
    let photos = table("photo", 1);
    let uses = table("photo_use", 4);
    store.write(|db| {
        put(db, "identity", &identity);
        put(db, "anchor", &anchor);
        put(db, "fact", &pin);
        let identity = identity::make_sound(db)?;
        if let Some(mut present) = identity::get(db)? {
            present.probe = true;
            present.ask_photos = true;
            identity::put(db, &present)?;
        }
        put_entries(db, &entries)?;
        put(db, "photo", &photos);
        db.execute(UNSOUND_PHOTOS, [])?;
        put(db, "photo_use", &uses);
        db.execute("DELETE FROM photo_use WHERE length(order_id) <> 16", [])?;
        let saved = Saved {
            identity,
            entries: entries.len() as u64,
            photos: db.query_row("SELECT count(*) FROM photo", [], |row| get_u64(row, 0))?,
        };
        facts::set_salvaged(db)?;
        facts::set_photos_unsure(db, true)?;
        facts::add_finding(db, &finding(&saved))?;
        Ok(saved)
    })
}

/// A row that says what no photo can be; it is made anew from the file.
const UNSOUND_PHOTOS: &str = "
    DELETE FROM photo WHERE length(digest) <> 32 OR bytes < 0 OR preview_bytes < 0
        OR (preview_digest IS NOT NULL AND length(preview_digest) <> 32)
        OR (preview_state IN ('queued', 'held')
            AND (preview_digest IS NULL OR preview_bytes IS NULL))";

/// The rows of a table as far as they can be read, from both ends; `key` columns name one.
#[derive(Default)]
struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

fn read(db: &Connection, table: &str, key: usize) -> Rows {
    let columns = columns(db, table);
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    if columns.is_empty() {
        return Rows { columns, rows };
    }
    for direction in ["ASC", "DESC"] {
        let order: Vec<String> = columns
            .iter()
            .take(key)
            .map(|column| format!("{column} {direction}"))
            .collect();
        let sql = format!(
            "SELECT {} FROM {table} ORDER BY {}",
            columns.join(", "),
            order.join(", ")
        );
        let Ok(mut statement) = db.prepare(&sql) else {
            continue;
        };
        let Ok(mut found) = statement.query([]) else {
            continue;
        };
        while let Ok(Some(row)) = found.next() {
            let values: Result<Vec<Value>, _> = (0..columns.len()).map(|at| row.get(at)).collect();
            let Ok(values) = values else { continue };
            let name = format!("{:?}", values.get(..key));
            if !seen.insert(name) {
                break;
            }
            rows.push(values);
        }
    }
    Rows { columns, rows }
}

/// Of the facts only that there was a PIN: without it, a lock whose file is gone would open.
/// All others tell of the damaged store, or are found out again.
fn that_there_was_a_pin(facts: Rows) -> Rows {
    let Rows { columns, mut rows } = facts;
    let is_pin =
        |row: &Vec<Value>| matches!(row.first(), Some(Value::Text(key)) if key == "has_pin");
    rows.retain(is_pin);
    Rows { columns, rows }
}

fn columns(db: &Connection, table: &str) -> Vec<String> {
    let Ok(mut statement) = db.prepare("SELECT name FROM pragma_table_info(?1)") else {
        return Vec::new();
    };
    let found = statement.query_map([table], |row| row.get::<_, String>(0));
    // The names go into a statement: a damaged schema may say anything.
    let is_name = |name: &String| {
        name.chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    found
        .map(|names| names.flatten().filter(is_name).collect())
        .unwrap_or_default()
}

/// Stores rows. One that the schema does not take was damaged.
fn put(db: &Connection, table: &str, rows: &Rows) {
    let marks = vec!["?"; rows.columns.len()].join(", ");
    let sql = format!(
        "INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})",
        rows.columns.join(", ")
    );
    for row in &rows.rows {
        if let Err(error) = db.execute(&sql, params_from_iter(row)) {
            tracing::warn!(table, %error, "a row of the damaged store is left out");
        }
    }
}

const ENTRY: &str = "journal, seq, bytes, link, order_id, state, parked, recorded_at, held_at";

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let id = EntryId {
        journal: get_id(row, 0)?,
        seq: get_seq(row, 1)?,
    };
    let parked = match row.get(6)? {
        Value::Text(code) => Value::Text(code),
        _ => Value::Null,
    };
    let at = |column: usize| {
        let value = row.get(column)?;
        Ok::<_, rusqlite::Error>(Some(value).filter(|value| matches!(value, Value::Integer(_))))
    };
    let (recorded_at, held_at) = (at(7)?, at(8)?);
    // What is said about an entry may be damaged while the entry is not. One of which nothing
    // is known waits: the server knows it again if it holds it.
    let state = match row.get(5)? {
        Value::Text(state) if ["queued", "held", "superseded"].contains(&state.as_str()) => state,
        _ if held_at.is_some() => "held".to_owned(),
        _ => "queued".to_owned(),
    };
    Ok(Kept {
        entry: Stored {
            id,
            bytes: row.get(2)?,
            link: get_digest(row, 3)?,
            order: get_id_opt(row, 4)?,
        },
        standing: [
            Value::Text(state),
            parked,
            recorded_at.unwrap_or(Value::Integer(0)),
            held_at.unwrap_or(Value::Null),
        ],
    })
}

/// Every entry that can be read: from both ends, and one by one in between.
fn read_journal(db: &Connection) -> BTreeMap<EntryId, Kept> {
    let mut all = BTreeMap::new();
    for direction in ["ASC", "DESC"] {
        let sql = format!(
            "SELECT {ENTRY} FROM journal_entry ORDER BY journal {direction}, seq {direction}"
        );
        let Ok(mut statement) = db.prepare(&sql) else {
            continue;
        };
        let Ok(rows) = statement.query_map([], kept) else {
            continue;
        };
        for row in rows {
            match row {
                Ok(kept) => drop(all.insert(kept.entry.id, kept)),
                // A row whose columns are damaged is passed over, a page ends the way.
                Err(rusqlite::Error::SqliteFailure(..)) => break,
                Err(_) => {}
            }
        }
    }
    let mut ends: BTreeMap<JournalId, (u64, u64)> = BTreeMap::new();
    for id in all.keys() {
        let end = ends.entry(id.journal).or_insert((id.seq.0, id.seq.0));
        *end = (end.0.min(id.seq.0), end.1.max(id.seq.0));
    }
    let sql = format!("SELECT {ENTRY} FROM journal_entry WHERE journal = ?1 AND seq = ?2");
    let Ok(mut statement) = db.prepare(&sql) else {
        return all;
    };
    for (journal, (_, last)) in ends {
        for seq in (1..last).take(usize::try_from(MOST_SINGLE).unwrap_or(usize::MAX)) {
            let id = EntryId {
                journal,
                seq: Seq(seq),
            };
            if all.contains_key(&id) {
                continue;
            }
            let place = params![journal.0.as_bytes(), i64::try_from(seq).unwrap_or(i64::MAX)];
            if let Ok(kept) = statement.query_row(place, kept) {
                all.insert(id, kept);
            }
        }
    }
    all
}

impl Kept {
    /// Whether its bytes and its link are those of this place, behind this link.
    fn stands_behind(&self, id: EntryId, before: Digest) -> bool {
        self.has_link_of(id, before, Digest::of(&self.entry.bytes))
    }

    /// The same where the digest of its bytes is known.
    fn has_link_of(&self, id: EntryId, before: Digest, content: Digest) -> bool {
        link(id.journal, id.seq, before, content) == self.entry.link
    }
}

/// The link that an entry follows, where it is known.
fn link_before(id: EntryId, links: &BTreeMap<EntryId, Digest>) -> Option<Digest> {
    let before = EntryId {
        journal: id.journal,
        seq: Seq(id.seq.0.saturating_sub(1)),
    };
    match before.seq {
        Seq(0) => Some(Digest::ZERO),
        _ => links.get(&before).copied(),
    }
}

/// Those whose bytes fit their link, in order.
fn checked(all: BTreeMap<EntryId, Kept>) -> Vec<Kept> {
    let links: BTreeMap<EntryId, Digest> = all
        .iter()
        .map(|(id, kept)| (*id, kept.entry.link))
        .collect();
    let mut sound = Vec::new();
    for (id, kept) in all {
        let before = link_before(id, &links);
        // Behind a hole, what it follows is not known: it stands by what follows it.
        if before.is_none_or(|before| kept.stands_behind(id, before)) {
            sound.push(kept);
        }
    }
    sound
}

/// Stores the entries where they were.
fn put_entries(db: &Connection, entries: &[Kept]) -> Result<(), Error> {
    let mut statement = db.prepare(
        "INSERT OR IGNORE INTO journal_entry
            (journal, seq, bytes, link, order_id, state, parked, recorded_at, held_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for kept in entries {
        let entry = &kept.entry;
        let [state, parked, recorded_at, held_at] = &kept.standing;
        statement.execute(params![
            entry.id.journal.0.as_bytes(),
            super::columns::seq(entry.id.seq)?,
            entry.bytes,
            entry.link.0,
            entry.order.as_ref().map(|order| order.0.as_bytes()),
            state,
            parked,
            recorded_at,
            held_at,
        ])?;
    }
    // What stands before an entry that the server holds is held, whatever its row says.
    db.execute(
        "UPDATE journal_entry SET state = 'held' WHERE state = 'queued' AND EXISTS (
            SELECT 1 FROM journal_entry h
            WHERE h.journal = journal_entry.journal AND h.seq > journal_entry.seq
                  AND h.state = 'held')",
        [],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
