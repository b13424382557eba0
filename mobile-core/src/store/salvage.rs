//! What can be read of a damaged store goes into the new one: whose handheld it is, the
//! records that it made, its photos. Everything else comes again with the feed.
//!
//! Tables are read from both ends towards what is damaged, the journal then entry by entry
//! in between. Nothing is believed that cannot be checked: an entry counts only when its
//! bytes fit its link, and the links of its neighbours where they are there.
//!
//! An entry that waits behind a hole in the journal can never follow what the server holds:
//! it is written again, with the same content, behind the last entry before the hole. Holes
//! among the entries that the server holds do no harm. The server is asked what it holds of
//! the journal before anything else, as after any other way to fall back.

use super::{
    Store,
    columns::{get_digest, get_id, get_id_opt, get_seq},
    identity,
    journal::{self, Stored},
};
use crate::error::Error;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{EntryId, Seq, link},
    time::UnixMillis,
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
    /// Of these, those written again because they lay behind a hole.
    pub(crate) rewritten: u64,
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
    held: bool,
    /// State, reason for parking, when recorded, when held.
    standing: [Value; 4],
}

/// Reads what can be read and stores it, in one transaction.
pub(super) fn salvage(damaged: &Connection, store: &mut Store) -> Result<Saved, Error> {
    let entries = checked(read_journal(damaged));
    let identity = read(damaged, "identity", 1);
    let anchor = read(damaged, "anchor", 1);
    let photos = read(damaged, "photo", 1);
    let uses = read(damaged, "photo_use", 4);
    store.write(|db| {
        put(db, "identity", &identity);
        put(db, "anchor", &anchor);
        let mut saved = Saved {
            identity: identity::make_sound(db)?,
            ..Saved::default()
        };
        let present = identity::get(db)?.map(|identity| identity.journal);
        let mut moved = BTreeMap::new();
        for (journal, entries) in entries {
            saved.entries += entries.len() as u64;
            let behind = put_entries(db, &entries, Some(journal) == present)?;
            for (entry, recorded_at) in behind {
                let (last, before) = journal::head(db, journal)?;
                let again =
                    journal::chained(journal, last.next(), before, entry.bytes, entry.order);
                journal::insert(db, &again, recorded_at)?;
                moved.insert(entry.id, again.id);
                saved.rewritten += 1;
            }
        }
        saved.photos = put(db, "photo", &photos);
        put(db, "photo_use", &move_uses(uses, &moved));
        if let Some(mut identity) = identity::get(db)? {
            identity.probe = true;
            identity.ask_photos = true;
            identity::put(db, &identity)?;
        }
        Ok(saved)
    })
}

/// The rows of a table as far as they can be read, from both ends; `key` columns name one.
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

/// Stores rows; gives how many. One that the schema does not take was damaged.
fn put(db: &Connection, table: &str, rows: &Rows) -> u64 {
    let marks = vec!["?"; rows.columns.len()].join(", ");
    let sql = format!(
        "INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})",
        rows.columns.join(", ")
    );
    let mut count = 0u64;
    for row in &rows.rows {
        match db.execute(&sql, params_from_iter(row)) {
            Ok(stored) => count += stored as u64,
            Err(error) => tracing::warn!(table, %error, "a row of the damaged store is left out"),
        }
    }
    count
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
        held: state == "held",
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

/// Those whose bytes fit their link, by journal and in order.
fn checked(all: BTreeMap<EntryId, Kept>) -> BTreeMap<JournalId, Vec<Kept>> {
    let links: BTreeMap<EntryId, Digest> = all
        .iter()
        .map(|(id, kept)| (*id, kept.entry.link))
        .collect();
    let mut journals: BTreeMap<JournalId, Vec<Kept>> = BTreeMap::new();
    for (id, kept) in all {
        let before = EntryId {
            journal: id.journal,
            seq: Seq(id.seq.0.saturating_sub(1)),
        };
        let before = match before.seq {
            Seq(0) => Some(Digest::ZERO),
            _ => links.get(&before).copied(),
        };
        let fits = |before| link(id.journal, id.seq, before, Digest::of(&kept.entry.bytes));
        // Behind a hole, what it follows is not known: it stands by what follows it.
        if before.is_none_or(|before| fits(before) == kept.entry.link) {
            journals.entry(id.journal).or_default().push(kept);
        }
    }
    journals
}

/// Stores the entries that can stay where they were. Gives those that wait behind a hole
/// that the server cannot fill; only of the journal that is still written to.
fn put_entries(
    db: &Connection,
    entries: &[Kept],
    present: bool,
) -> Result<Vec<(Stored, UnixMillis)>, Error> {
    let held = entries
        .iter()
        .rev()
        .find(|kept| kept.held)
        .map_or(Seq(0), |kept| kept.entry.id.seq);
    let mut statement = db.prepare(
        "INSERT OR IGNORE INTO journal_entry
            (journal, seq, bytes, link, order_id, state, parked, recorded_at, held_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut behind = Vec::new();
    let mut next = held.next();
    for kept in entries {
        let entry = &kept.entry;
        if present && entry.id.seq > held {
            if entry.id.seq != next || !behind.is_empty() {
                let recorded_at = match kept.standing.get(2) {
                    Some(Value::Integer(at)) => UnixMillis(*at),
                    _ => UnixMillis(0),
                };
                let is_record = entry.order.is_some();
                behind.extend(is_record.then(|| (entry.clone(), recorded_at)));
                continue;
            }
            next = next.next();
        }
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
    Ok(behind)
}

/// What an entry promised that was written again, its new place promises.
fn move_uses(mut uses: Rows, moved: &BTreeMap<EntryId, EntryId>) -> Rows {
    let at = |name: &str| uses.columns.iter().position(|column| column == name);
    let (Some(journal), Some(seq)) = (at("journal"), at("seq")) else {
        return uses;
    };
    let to: BTreeMap<(Vec<u8>, i64), i64> = moved
        .iter()
        .filter_map(|(from, to)| {
            let journal = from.journal.0.as_bytes().to_vec();
            let place = |seq: Seq| i64::try_from(seq.0).ok();
            Some(((journal, place(from.seq)?), place(to.seq)?))
        })
        .collect();
    for row in &mut uses.rows {
        let place = match (row.get(journal), row.get(seq)) {
            (Some(Value::Blob(journal)), Some(Value::Integer(seq))) => (journal.clone(), *seq),
            _ => continue,
        };
        if let (Some(new), Some(value)) = (to.get(&place), row.get_mut(seq)) {
            *value = Value::Integer(*new);
        }
    }
    uses
}

#[cfg(test)]
mod tests;
