//! Small facts for the person: the last success, what went wrong, what was found.

use crate::error::Error;
use gridcrew_sync_protocol::time::UnixMillis;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

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
    let text: Option<String> = db
        .query_row("SELECT value FROM fact WHERE key = 'sync'", [], |row| {
            row.get(0)
        })
        .optional()?;
    // A fact that an older program wrote in another shape is worth no failure.
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Replaces the facts about syncing.
pub(crate) fn set_sync(db: &Connection, facts: &SyncFacts) -> Result<(), Error> {
    let text = serde_json::to_string(facts).map_err(|error| Error::Storage(error.to_string()))?;
    set(db, "sync", &text)
}

/// Adds a line to what was found at opening, such as a damaged store.
pub(crate) fn add_finding(db: &Connection, line: &str) -> Result<(), Error> {
    let mut lines = findings(db)?;
    lines.push(line.to_owned());
    let text = serde_json::to_string(&lines).map_err(|error| Error::Storage(error.to_string()))?;
    set(db, "findings", &text)
}

/// What was found at opening, oldest first.
pub(crate) fn findings(db: &Connection) -> Result<Vec<String>, Error> {
    let text: Option<String> = db
        .query_row("SELECT value FROM fact WHERE key = 'findings'", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

fn set(db: &Connection, key: &str, value: &str) -> Result<(), Error> {
    db.execute(
        "INSERT INTO fact (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, value],
    )?;
    Ok(())
}
