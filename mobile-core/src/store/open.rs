//! Opening the store's file.
//!
//! How it is opened depends on what is linked. The workspace's SQLite is new enough for WAL
//! with `synchronous=FULL`. SQLCipher comes with an older one, which can corrupt a store in
//! WAL mode: there it is a rollback journal with `synchronous=EXTRA`, the other of the two
//! ways that lose nothing when power fails (RELIABILITY table 0.1).
//!
//! In WAL mode the first to open a store makes a file of 32 KiB for the index of the log,
//! also when he only wants to read. On a full disk there is no room for it: then the store
//! is opened with that index in memory ([`Sharing::Alone`]), for this process alone, so
//! that what is there can still be seen (RELIABILITY, fault 9).

use super::{Store, identity, replace, schema};
use crate::{error::Error, seal::Seal};
use rusqlite::{Connection, OptionalExtension};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::Duration,
};

/// The oldest SQLite without the WAL-reset corruption (RELIABILITY F2).
const OLDEST_FOR_WAL: (u32, u32, u32) = (3, 51, 3);
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);
/// How a file begins that is not encrypted.
const PLAIN: &[u8] = b"SQLite format 3\0";

/// Whether others may have the store open beside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// They may.
    Shared,
    /// They find it busy, and nothing is written for sharing it.
    Alone,
}

impl Store {
    /// Opens the file, or makes it; encrypted when there is a seal. A damaged file is set
    /// aside under another name, never deleted; what can be read of this device's own records
    /// goes into the new file, with a finding that says so ([`replace`]). One opening at a
    /// time: whoever calls this has the right to.
    ///
    /// The seal's key is known to be the right one: what cannot be read with it is damaged.
    ///
    /// # Errors
    /// A store of a newer program, no cipher where one is needed, or a disk that fails.
    pub(crate) fn open(path: &Path, seal: Option<&Seal>) -> Result<Self, Error> {
        Self::open_through(path, seal, &mut || Ok(()))
    }

    /// The same for this process alone, without a word written for opening it, and without
    /// replacing a damaged one.
    ///
    /// # Errors
    /// As [`Self::open`], and for a damaged store; other processes find it busy.
    pub(crate) fn open_alone(path: &Path, seal: Option<&Seal>) -> Result<Self, Error> {
        Self::open_checked(path, seal, Sharing::Alone)
    }

    /// Goes on with replacing a damaged store where that was stopped.
    ///
    /// # Errors
    /// A disk that fails.
    pub(crate) fn finish_replacing(path: &Path) -> Result<(), Error> {
        replace::finish(path, &mut || Ok(()))
    }

    /// As [`Self::open`]; `before` is asked before each step of a replacement.
    pub(super) fn open_through(
        path: &Path,
        seal: Option<&Seal>,
        before: replace::BeforeStep<'_>,
    ) -> Result<Self, Error> {
        replace::finish(path, before)?;
        let source = if replace::is_emptied(path) {
            None
        } else {
            match Self::open_checked(path, seal, Sharing::Shared) {
                Err(fault)
                    if is_damage(&fault) || (seal.is_none() && lost_its_head(&fault, path)) =>
                {
                    tracing::error!(%fault, "the store is damaged");
                    Some(path.to_owned())
                }
                Ok(store) if replace::is_as_new(&store.db)? => match replace::left_behind(path)? {
                    None => return Ok(store),
                    found => found,
                },
                other => return other,
            }
        };
        replace::replace(path, seal, source.as_deref(), before)?;
        Self::open_sound(path, seal)
    }

    /// A store in memory, in the place of one that is about to be removed.
    pub(crate) fn of_nothing() -> Result<Self, Error> {
        let mut db = Connection::open_in_memory()?;
        schema::migrate(&mut db)?;
        Ok(Self { db })
    }

    /// Opens a sound store, with what is there of it checked.
    pub(super) fn open_sound(path: &Path, seal: Option<&Seal>) -> Result<Self, Error> {
        Self::open_checked(path, seal, Sharing::Shared)
    }

    fn open_checked(path: &Path, seal: Option<&Seal>, sharing: Sharing) -> Result<Self, Error> {
        let db = connect(path, seal)?;
        if sharing == Sharing::Alone {
            // Before anything of a log is looked at: later it would have its index already.
            db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        // Before anything else: a damaged file is set aside as it was found.
        let verdict = db.query_row("PRAGMA quick_check(1)", [], |row| {
            Ok(row.get_ref(0)?.as_bytes().map(<[u8]>::to_vec)?)
        })?;
        if verdict != b"ok" {
            let verdict = String::from_utf8_lossy(&verdict);
            return Err(Error::Storage(format!("{DAMAGED}: {verdict}")));
        }
        if schema::is_beheaded(&db)? {
            return Err(Error::Storage(format!("{DAMAGED}: it has no version")));
        }
        if !schema::is_as_made(&db)? {
            return Err(Error::Storage(format!("{DAMAGED}: it has another schema")));
        }
        prepare(&db)?;
        let mut store = Self { db };
        schema::migrate(&mut store.db)?;
        if !identity::is_sound(&store.db)? {
            let what = "whose handheld it is cannot be read";
            return Err(Error::Storage(format!("{DAMAGED}: {what}")));
        }
        Ok(store)
    }
}

/// Closes a store so that its file stands alone, with no log beside it.
pub(super) fn only_file(store: Store) -> Result<(), Error> {
    let mode: String = store
        .db
        .query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(Error::Storage(format!("the log stays: {mode}")));
    }
    store.db.close().map_err(|(_, error)| Error::from(error))
}

/// Connects to a file; nothing of it is read yet.
pub(crate) fn connect(path: &Path, seal: Option<&Seal>) -> Result<Connection, Error> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    if let Some(seal) = seal {
        if !has_cipher(&db)? {
            return Err(Error::NoCipher);
        }
        db.pragma_update(None, "key", seal.store_key().as_str())?;
    }
    Ok(db)
}

/// Whether a cipher is linked: without one, SQLite takes a key and ignores it.
fn has_cipher(db: &Connection) -> Result<bool, Error> {
    let version: Option<String> = db
        .query_row("PRAGMA cipher_version", [], |row| row.get(0))
        .optional()?;
    Ok(version.is_some_and(|version| !version.is_empty()))
}

/// # Errors
/// [`Error::NoCipher`] when a store could not be encrypted by this program.
pub(crate) fn assert_cipher() -> Result<(), Error> {
    if has_cipher(&Connection::open_in_memory()?)? {
        Ok(())
    } else {
        Err(Error::NoCipher)
    }
}

/// Whether the file can be read with that seal; it is not changed.
pub(crate) fn opens_with(path: &Path, seal: &Seal) -> Result<bool, Error> {
    let db = connect(path, Some(seal))?;
    let read = db.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()));
    Ok(read.is_ok())
}

/// Whether there is a store that is not encrypted.
pub(crate) fn is_plain(path: &Path) -> Result<bool, Error> {
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(PLAIN.len() as u64).read_to_end(&mut head)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(head == PLAIN)
}

const DAMAGED: &str = "the file is damaged";

/// Statements that are kept prepared: more than are written anywhere in this crate.
const STATEMENTS: usize = 256;

fn prepare(db: &Connection) -> Result<(), Error> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    let (journal, synchronous) = if may_use_wal() {
        ("wal", "FULL")
    } else {
        ("delete", "EXTRA")
    };
    let pragma = format!("PRAGMA journal_mode={journal}");
    let mode: String = db.query_row(&pragma, [], |row| row.get(0))?;
    if mode != journal {
        return Err(Error::Storage(format!(
            "the journal mode is {mode} and cannot be {journal} here"
        )));
    }
    db.pragma_update(None, "synchronous", synchronous)?;
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
        || text.contains("malformed")
        || text.contains("unsupported file format")
}

/// Whether a plain file lost what SQLite's file format fixes in its head, so that SQLite
/// takes it for a file of a kind that it may not write.
fn lost_its_head(fault: &Error, path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut head));
    let Ok(head) = <[u8; 100]>::try_from(head) else {
        // Nothing was written yet, or SQLite says itself that it is no database.
        return false;
    };
    let kinds = [head[18], head[19]]
        .iter()
        .all(|kind| matches!(kind, 1 | 2));
    let fractions = head[21..24] == [64, 32, 32] && head[20] == 0;
    let schema_format = head[44..47] == [0; 3] && head[47] <= 4;
    let encoding = head[56..59] == [0; 3] && head[59] <= 3;
    let is_sound = head.starts_with(PLAIN) && kinds && fractions && schema_format && encoding;
    matches!(fault, Error::Storage(_)) && read.is_ok() && !is_sound
}

/// Whether the SQLite that is linked can be trusted with WAL.
fn may_use_wal() -> bool {
    let version = rusqlite::version();
    let mut parts = version.splitn(3, '.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    (next(), next(), next()) >= OLDEST_FOR_WAL
}
