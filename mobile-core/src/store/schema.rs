//! The schema, one version a transaction; `user_version` says which a file has.
//!
//! A version that has been released is never changed: the next change is a new version.

#[cfg(feature = "simulated")]
pub(crate) mod aged;
mod answers;

use crate::error::Error;
use rusqlite::{Batch, Connection, TransactionBehavior, fallible_iterator::FallibleIterator};
use std::sync::OnceLock;

/// Version by version, what brings a store there from the one before.
const VERSIONS: &[&str] = &[V1, V2, answers::LOCAL_ANSWERS, V4];

const V1: &str = "
-- Whose handheld this is, and how it stands with the server.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal BLOB NOT NULL,
    public_key BLOB NOT NULL,
    person BLOB NOT NULL,
    person_name TEXT NOT NULL,
    server_url TEXT NOT NULL,
    server_key BLOB NOT NULL,
    epoch BLOB NOT NULL,
    -- ask the server what it holds of the journal even when nothing is queued
    probe INTEGER NOT NULL DEFAULT 0,
    -- ask the server which photos it holds
    ask_photos INTEGER NOT NULL DEFAULT 0,
    -- a fork: the last entry both sides agree on, and the key of the journal asked for
    reopen_common INTEGER,
    reopen_link BLOB,
    reopen_key BLOB
) STRICT;

-- The last server time heard.
CREATE TABLE anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    server_time INTEGER NOT NULL,
    boot BLOB NOT NULL,
    uptime INTEGER NOT NULL
) STRICT;

-- Every entry that this handheld wrote.
CREATE TABLE journal_entry (
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    link BLOB NOT NULL,
    order_id BLOB,
    state TEXT NOT NULL CHECK (state IN ('queued', 'held', 'superseded')),
    parked TEXT,
    recorded_at INTEGER NOT NULL,
    held_at INTEGER,
    PRIMARY KEY (journal, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_entry_by_order ON journal_entry (order_id, state);
CREATE INDEX journal_entry_queued ON journal_entry (journal, seq) WHERE state = 'queued';

-- Every photo that an entry promises.
CREATE TABLE photo (
    digest BLOB PRIMARY KEY,
    bytes INTEGER NOT NULL,
    format TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    original_state TEXT NOT NULL
        CHECK (original_state IN ('queued', 'held', 'refused', 'damaged')),
    original_reason TEXT,
    original_upload TEXT,
    original_held_at INTEGER,
    thinned_at INTEGER,
    preview_digest BLOB,
    preview_bytes INTEGER,
    preview_state TEXT NOT NULL
        CHECK (preview_state IN ('none', 'queued', 'held', 'refused', 'damaged')),
    preview_reason TEXT,
    preview_upload TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX photo_previews_queued ON photo (added_at) WHERE preview_state = 'queued';
CREATE INDEX photo_originals_queued ON photo (added_at) WHERE original_state = 'queued';

-- Which entries promise it.
CREATE TABLE photo_use (
    digest BLOB NOT NULL REFERENCES photo (digest),
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    slot TEXT NOT NULL,
    order_id BLOB NOT NULL,
    PRIMARY KEY (digest, journal, seq, slot),
    FOREIGN KEY (journal, seq) REFERENCES journal_entry (journal, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX photo_use_by_entry ON photo_use (journal, seq);
CREATE INDEX photo_use_by_order ON photo_use (order_id);

-- Where the feed stands.
CREATE TABLE feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    cursor TEXT,
    -- drop the scope when the next page is applied
    start_over INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What the feed brought. Bodies are CBOR of the protocol's types.
CREATE TABLE me (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE template (
    code TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (code, version)
) STRICT, WITHOUT ROWID;
CREATE TABLE cell (id BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE customer (
    id BLOB PRIMARY KEY,
    cell BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_by_cell ON customer (cell);
CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    details BLOB,
    -- the local fold, kept so that lists need not fold
    state BLOB,
    cell BLOB,
    owner BLOB,
    returned INTEGER NOT NULL DEFAULT 0,
    -- left the scope; stays only until its own entries are held
    gone INTEGER NOT NULL DEFAULT 0,
    -- whether the last comparison with the server's fold agreed
    agrees INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_cell ON orders (cell);
CREATE INDEX orders_by_owner ON orders (owner, returned);
CREATE TABLE order_entry (
    order_id BLOB NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    journal BLOB NOT NULL,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (order_id, journal, seq)
) STRICT, WITHOUT ROWID;

-- What is to be told to the person: the last success, what went wrong.
CREATE TABLE fact (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// The version that a store has.
pub(crate) fn version(db: &Connection) -> Result<u32, Error> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

const V2: &str = include_str!("schema/photo_look.sql");

/// What is asked after each batch, found without reading the rows of everything.
const V4: &str = "
CREATE INDEX orders_gone ON orders (id) WHERE gone = 1;
CREATE INDEX journal_entry_parked ON journal_entry (journal, seq) WHERE parked IS NOT NULL;
";

/// Brings the store to the newest version.
///
/// # Errors
/// A store of a newer program, or a disk that fails; then the store stays at the last
/// version that was reached.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), Error> {
    migrate_through(db, VERSIONS, &mut || {})
}

/// Whether the file holds tables and says that it has no version: versions come with their
/// tables or not at all, so that this is damage.
pub(super) fn is_beheaded(db: &Connection) -> Result<bool, Error> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    Ok(version < 0 || (version == 0 && tables > 0))
}

/// Whether a store has the schema of the version that it says it has, as made anew: the
/// check of SQLite does not notice when a name in it is damaged. Of a version that this
/// program does not know nothing can be said.
pub(super) fn is_as_made(db: &Connection) -> Result<bool, Error> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let reached = usize::try_from(version)
        .ok()
        .and_then(|version| VERSIONS.get(..version));
    let Some(reached) = reached else {
        return Ok(true);
    };
    Ok(shape(db)? == *made(reached)?)
}

/// The shape of a store that was brought through these versions, all of them from the first:
/// made once in a process.
fn made(reached: &[&str]) -> Result<&'static Shape, Error> {
    static MADE: [OnceLock<Shape>; VERSIONS.len() + 1] =
        [const { OnceLock::new() }; VERSIONS.len() + 1];
    let kept = &MADE[reached.len()];
    if let Some(shape) = kept.get() {
        return Ok(shape);
    }
    let mut new = Connection::open_in_memory()?;
    migrate_through(&mut new, reached, &mut || {})?;
    let shape = shape(&new)?;
    Ok(kept.get_or_init(|| shape))
}

/// As bytes: a damaged text may be none.
type Shape = Vec<(Vec<u8>, Vec<u8>, Vec<u8>, Option<Vec<u8>>)>;

fn shape(db: &Connection) -> Result<Shape, Error> {
    let sql = "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB),
                      CAST(sql AS BLOB) FROM sqlite_master
               WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name";
    let shape = db
        .prepare(sql)?
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<Shape, _>>()?;
    Ok(shape)
}

/// Brings the store through these versions; `done` is called after every statement.
fn migrate_through(
    db: &mut Connection,
    versions: &[&str],
    done: &mut dyn FnMut(),
) -> Result<(), Error> {
    let known = i64::try_from(versions.len()).unwrap_or(i64::MAX);
    loop {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > known || found < 0 {
            return Err(Error::TooNew { found, known });
        }
        let next = usize::try_from(found).ok().and_then(|at| versions.get(at));
        let Some(next) = next else { return Ok(()) };
        let mut statements = Batch::new(&tx, next);
        while let Some(mut statement) = statements.next()? {
            statement.execute([])?;
            done();
        }
        tx.pragma_update(None, "user_version", found + 1)?;
        done();
        tx.commit()?;
        done();
    }
}

#[cfg(test)]
mod tests;
