//! Making a store older, for a simulation in which the program is exchanged for a newer one:
//! what a program of an older version would have had of it, in that version's schema.
//!
//! Versions so far only add; so what they added is left out, and the rest is the same.

use super::{VERSIONS, migrate_through};
use crate::error::Error;
use rusqlite::Connection;
use std::{fs, path::Path};

/// Versions of the schema that were released, the newest last; they count from 1.
pub(crate) fn versions() -> u32 {
    u32::try_from(VERSIONS.len()).unwrap_or(u32::MAX)
}

/// Makes the store at `path`, which nobody has open, one of an older version.
///
/// # Errors
/// No such version, or a disk that fails.
pub(crate) fn age(path: &Path, version: u32) -> Result<(), Error> {
    let reached = usize::try_from(version)
        .ok()
        .and_then(|version| VERSIONS.get(..version));
    let reached = reached.ok_or_else(|| Error::Storage(format!("no version {version}")))?;
    let aged = path.with_extension("aged");
    let mut db = Connection::open(&aged)?;
    db.pragma_update(None, "foreign_keys", false)?;
    migrate_through(&mut db, reached, &mut || {})?;
    let newer = path.to_str();
    db.execute("ATTACH ?1 AS newer", [newer])?;
    for table in names(
        &db,
        "SELECT name FROM main.sqlite_master WHERE type = 'table'",
    )? {
        let sql = format!("SELECT name FROM pragma_table_info('{table}', 'main')");
        let columns = names(&db, &sql)?.join(", ");
        db.execute_batch(&format!(
            "INSERT OR REPLACE INTO main.{table} ({columns})
             SELECT {columns} FROM newer.{table};"
        ))?;
    }
    db.execute_batch("DETACH newer")?;
    db.close().map_err(|(_, error)| error)?;
    for end in ["db-wal", "db-shm"] {
        match fs::remove_file(path.with_extension(end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Storage(error.to_string()));
            }
            _ => {}
        }
    }
    fs::rename(aged, path).map_err(|error| Error::Storage(error.to_string()))
}

fn names(db: &Connection, sql: &str) -> Result<Vec<String>, Error> {
    let mut statement = db.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
