//! Small facts: for the person, the last success, what went wrong, what was found; for the
//! sync, what it did already and need not do again.

use super::{identity::Said, journal::Stored};
use crate::error::Error;
use gridcrew_sync_protocol::{
    diagnostics::Diagnostics,
    ids::OrderId,
    journal::EntryId,
    record::Fix,
    time::{BootId, Millis, UnixMillis},
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

/// What a sync left to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncFacts {
    /// When the last sync ended with nothing left to send or fetch, by the wall clock.
    pub(crate) last_success: Option<UnixMillis>,
    /// When the last sync began, by the wall clock.
    pub(crate) last_attempt: Option<UnixMillis>,
    /// Why the last sync did not end so.
    pub(crate) problem: Option<crate::engine::Problem>,
}

/// The facts about syncing.
pub(crate) fn sync(db: &Connection) -> Result<SyncFacts, Error> {
    get(db, "sync")
}

/// Replaces the facts about syncing.
pub(crate) fn set_sync(db: &Connection, facts: &SyncFacts) -> Result<(), Error> {
    set(db, "sync", facts)
}

/// Most findings that are kept: the last ones.
const MOST_FINDINGS: usize = 100;

/// Adds a line to what was found at opening, such as a damaged store; once, as long as nobody
/// acknowledged it.
pub(crate) fn add_finding(db: &Connection, line: &str) -> Result<(), Error> {
    let mut lines = findings(db)?;
    if lines.iter().any(|known| known == line) {
        return Ok(());
    }
    lines.push(line.to_owned());
    let too_many = lines.len().saturating_sub(MOST_FINDINGS);
    set(db, "findings", &lines.split_off(too_many))
}

/// Forgets what was found: the person has seen it.
pub(crate) fn forget_findings(db: &Connection) -> Result<(), Error> {
    set(db, "findings", &Vec::<String>::new())
}

/// Whether this store was made of what could be read of a damaged one.
pub(crate) fn is_salvaged(db: &Connection) -> Result<bool, Error> {
    get(db, "salvaged")
}

/// Remembers that this store was made of what could be read of a damaged one.
pub(crate) fn set_salvaged(db: &Connection) -> Result<(), Error> {
    set(db, "salvaged", &true)
}

/// Whether photos may lie in the folder whose rows were lost: none is removed meanwhile.
pub(crate) fn photos_unsure(db: &Connection) -> Result<bool, Error> {
    get(db, "photos_unsure")
}

/// Says whether photos may lie in the folder whose rows were lost.
pub(crate) fn set_photos_unsure(db: &Connection, unsure: bool) -> Result<(), Error> {
    set(db, "photos_unsure", &unsure)
}

/// What was found at opening, oldest first.
pub(crate) fn findings(db: &Connection) -> Result<Vec<String>, Error> {
    get(db, "findings")
}

/// An entry of the journal that was damaged, as it was found: evidence, hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetApart {
    entry: EntryId,
    bytes: String,
    link: String,
    found_at: UnixMillis,
}

impl SetApart {
    /// An entry that is found to be damaged.
    pub(crate) fn of(entry: &Stored, found_at: UnixMillis) -> Self {
        Self {
            entry: entry.id,
            bytes: hex::encode(&entry.bytes),
            link: entry.link.to_string(),
            found_at,
        }
    }
}

/// Keeps a damaged entry as evidence.
pub(crate) fn set_entry_apart(db: &Connection, entry: &SetApart) -> Result<(), Error> {
    let EntryId { journal, seq } = entry.entry;
    let key = format!("damaged/{journal}/{}/{}", seq.0, entry.found_at.0);
    set(db, &key, entry)
}

/// The last entry that the server was heard to hold beyond the end of a journal here, and
/// for which the feed was begun anew.
pub(crate) fn beyond(db: &Connection) -> Result<Option<EntryId>, Error> {
    get(db, "beyond")
}

/// Remembers what the server holds beyond the end of a journal.
pub(crate) fn set_beyond(db: &Connection, last: EntryId) -> Result<(), Error> {
    set(db, "beyond", &last)
}

/// The orders of which fewer entries were here than the server counts, and for which the
/// feed was begun anew.
pub(crate) fn short(db: &Connection) -> Result<BTreeSet<OrderId>, Error> {
    get(db, "short")
}

/// Replaces the orders of which fewer entries were here than the server counts.
pub(crate) fn set_short(db: &Connection, orders: &BTreeSet<OrderId>) -> Result<(), Error> {
    set(db, "short", orders)
}

/// The kinds of the feed's items that this program did not know and left out.
pub(crate) fn left_out(db: &Connection) -> Result<BTreeSet<String>, Error> {
    get(db, "left_out")
}

/// Most kinds that are remembered as left out.
const MOST_LEFT_OUT: usize = 64;
/// Longest name of a kind that is remembered, in bytes.
const LONGEST_KIND: usize = 64;

/// Remembers kinds of items that were left out: as many as a newer program may have, and
/// none that no program would call so.
pub(crate) fn add_left_out(db: &Connection, new: &BTreeSet<&str>) -> Result<(), Error> {
    let before = left_out(db)?;
    let mut kinds = before.clone();
    for kind in new.iter().filter(|kind| kind.len() <= LONGEST_KIND) {
        if kinds.len() >= MOST_LEFT_OUT {
            tracing::warn!("the feed has more kinds of items than can be remembered");
            break;
        }
        kinds.insert((*kind).to_owned());
    }
    match kinds == before {
        true => Ok(()),
        false => set(db, "left_out", &kinds),
    }
}

/// Forgets which kinds were left out: the scope is asked for anew.
pub(crate) fn forget_left_out(db: &Connection) -> Result<(), Error> {
    set(db, "left_out", &BTreeSet::<String>::new())
}

/// The orders that were told short while more pages were to come, each with how many entries
/// the server counts.
pub(crate) fn maybe_short(db: &Connection) -> Result<BTreeMap<OrderId, u32>, Error> {
    get(db, "maybe_short")
}

/// Replaces the orders that were told short while more pages were to come.
pub(crate) fn set_maybe_short(
    db: &Connection,
    orders: &BTreeMap<OrderId, u32>,
) -> Result<(), Error> {
    set(db, "maybe_short", orders)
}

/// The last entry that a server keeps apart, which took this handheld for revoked.
pub(crate) fn apart(db: &Connection) -> Result<Option<EntryId>, Error> {
    get(db, "apart")
}

/// Remembers up to where the server keeps entries apart; nothing for nowhere.
pub(crate) fn set_apart(db: &Connection, last: Option<EntryId>) -> Result<(), Error> {
    set(db, "apart", &last)
}

/// How the handheld stood when the server was last told.
pub(crate) fn diagnosed(db: &Connection) -> Result<Option<Diagnostics>, Error> {
    get(db, "diagnosed")
}

/// Remembers what the server was told of how the handheld stands.
pub(crate) fn set_diagnosed(db: &Connection, told: &Diagnostics) -> Result<(), Error> {
    set(db, "diagnosed", told)
}

/// The server knows nothing any more of how the handheld stands.
pub(crate) fn forget_diagnosed(db: &Connection) -> Result<(), Error> {
    db.execute("DELETE FROM fact WHERE key = 'diagnosed'", [])?;
    Ok(())
}

/// A place fix, and when it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastFix {
    pub(crate) fix: Fix,
    /// The boot in which it was made, and when in it.
    pub(crate) boot: BootId,
    pub(crate) uptime: Millis,
    /// When it was made, if that is sure.
    pub(crate) at: Option<UnixMillis>,
}

/// The fix before.
pub(crate) fn last_fix(db: &Connection) -> Result<Option<LastFix>, Error> {
    get(db, "last_fix")
}

/// Remembers the last fix.
pub(crate) fn set_last_fix(db: &Connection, last: &LastFix) -> Result<(), Error> {
    set(db, "last_fix", last)
}

/// A server time that lies before the one heard last, and that no other answer fitted yet.
pub(crate) fn doubted_time(db: &Connection) -> Result<Option<Said>, Error> {
    get(db, "doubted_time")
}

/// Remembers a server time that is doubted; nothing for none.
pub(crate) fn set_doubted_time(db: &Connection, said: Option<&Said>) -> Result<(), Error> {
    set(db, "doubted_time", &said)
}

/// Whether a PIN was ever set: without its file, the lock stays closed.
pub(crate) fn has_pin(db: &Connection) -> Result<bool, Error> {
    get(db, "has_pin")
}

/// Remembers that a PIN was set.
pub(crate) fn set_has_pin(db: &Connection) -> Result<(), Error> {
    set(db, "has_pin", &true)
}

/// A fact; an unknown one, or one that an older program wrote in another shape, is none.
fn get<T: DeserializeOwned + Default>(db: &Connection, key: &str) -> Result<T, Error> {
    let text: Option<String> = db
        .query_row("SELECT value FROM fact WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

fn set<T: Serialize>(db: &Connection, key: &str, value: &T) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::Storage(error.to_string()))?;
    db.execute(
        "INSERT INTO fact (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, text],
    )?;
    Ok(())
}
