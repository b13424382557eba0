//! Opening the store's file.

use super::{Store, schema};
use crate::error::Error;
use rusqlite::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The oldest SQLite without the WAL-reset corruption (RELIABILITY F2).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

impl Store {
    /// Opens the file, or makes it. A damaged file is set aside under another name, never
    /// deleted, and [`Store::set_aside`] says so.
    ///
    /// # Errors
    /// An SQLite that is too old, a store of a newer program, or a disk that fails.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        assert_version()?;
        match Self::open_checked(path) {
            Err(fault) if is_damage(&fault) => {
                let aside = set_aside(path)?;
                tracing::error!(%fault, aside = %aside.display(), "the store was damaged");
                let mut store = Self::open_checked(path)?;
                store.set_aside = Some(aside.display().to_string());
                Ok(store)
            }
            other => other,
        }
    }

    fn open_checked(path: &Path) -> Result<Self, Error> {
        let db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        prepare(&db)?;
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Error::Storage(format!("{DAMAGED}: {verdict}")));
        }
        let mut store = Self {
            db,
            set_aside: None,
        };
        schema::migrate(&mut store.db)?;
        Ok(store)
    }
}

const DAMAGED: &str = "the file is damaged";

fn prepare(db: &Connection) -> Result<(), Error> {
    let mode: String = db.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::Storage(format!(
            "the journal mode is {mode} and cannot be WAL here"
        )));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::WalNormal) {
        db.pragma_update(None, "synchronous", "NORMAL")?;
    }
    db.pragma_update(None, "foreign_keys", true)?;
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Opened {
        synchronous: db.pragma_query_value(None, "synchronous", |row| row.get(0))?,
    })?;
    Ok(())
}

/// Whether opening failed because of what the file holds, not because of the disk.
fn is_damage(fault: &Error) -> bool {
    let Error::Storage(text) = fault else {
        return false;
    };
    text.starts_with(DAMAGED)
        || text.contains("file is not a database")
        || text.contains("database disk image is malformed")
}

/// Renames the file and what belongs to it; gives the new name of the file.
fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let number = (1u32..)
        .find(|number| !with(&format!(".damaged-{number}")).exists())
        .unwrap_or(u32::MAX);
    for part in ["-wal", "-shm", ""] {
        let from = with(part);
        if from.exists() {
            fs::rename(&from, with(&format!(".damaged-{number}{part}")))?;
        }
    }
    Ok(with(&format!(".damaged-{number}")))
}

fn assert_version() -> Result<(), Error> {
    let version = rusqlite::version();
    let mut parts = version.splitn(3, '.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    if (next(), next(), next()) < OLDEST_SQLITE {
        return Err(Error::Storage(format!(
            "SQLite {version} can corrupt a store that is written from two sides; 3.51.3 or \
             later is needed"
        )));
    }
    Ok(())
}
