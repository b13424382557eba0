//! Every released version comes to the newest one with all that it holds, also when the
//! program is killed at any statement on the way.

use super::{VERSIONS, migrate, migrate_through};
use crate::{
    Error,
    fixture::{JOURNAL, ME, folder},
    store::{Store, identity, journal, orders, photos},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    journal::{Seq, link},
};
use rusqlite::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a handheld of each released version left: rows for the schema of that version.
const LEFT_BY: &[&str] = &[include_str!("fixtures/v1.sql")];

/// A change as a next version might make it, to go through more than one.
const TRIAL: &str = "
ALTER TABLE identity ADD COLUMN trial INTEGER NOT NULL DEFAULT 7;
CREATE TABLE trial (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO trial SELECT digest FROM photo;
DROP INDEX photo_use_by_order;
CREATE INDEX photo_use_by_order ON photo_use (order_id, digest);
";

/// A file of a released version, counted from 1, as it lay on a device.
fn left_by(path: &Path, version: usize) {
    let mut db = Connection::open(path).unwrap();
    db.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))
        .unwrap();
    let upto: Vec<&str> = VERSIONS.iter().take(version).copied().collect();
    migrate_through(&mut db, &upto, &mut || {}).unwrap();
    db.execute_batch(LEFT_BY[version - 1]).unwrap();
}

/// Everything that was recorded is there and fits together.
fn is_whole(db: &Connection) {
    let identity = identity::require(db).unwrap();
    assert_eq!((identity.person, identity.journal), (ME, JOURNAL));
    assert_eq!(identity.person_name, "王");
    let run = journal::run_from(db, JOURNAL, Seq(1), 99, 1 << 20).unwrap();
    assert_eq!(run.len(), 4);
    let mut before = Digest::ZERO;
    for entry in run {
        before = link(JOURNAL, entry.id.seq, before, Digest::of(&entry.bytes));
        assert_eq!(entry.link, before);
    }
    let counts = journal::counts(db).unwrap();
    assert_eq!((counts.queued, counts.held), (2, 2));
    assert_eq!(photos::unsent_originals(db).unwrap().len(), 1);
    assert_eq!(orders::all(db).unwrap().len(), 1);
    let broken: i64 = db
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(broken, 0);
}

fn version(db: &Connection) -> i64 {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn what_every_released_version_left_is_whole_in_the_newest() {
    let folder = folder();
    for released in 1..=LEFT_BY.len() {
        let path = folder.path().join(format!("v{released}.db"));
        left_by(&path, released);
        let store = Store::open(&path, None).unwrap();
        assert!(!super::super::facts::is_salvaged(store.read()).unwrap());
        is_whole(store.read());
        assert_eq!(version(store.read()), VERSIONS.len() as i64);
    }
}

/// The files of a store as a kill leaves them.
fn copy(path: &Path, to: &Path) {
    for suffix in ["", "-wal", "-journal"] {
        let with = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        if with(path).exists() {
            fs::copy(with(path), with(to)).unwrap();
        }
    }
}

#[test]
fn a_program_killed_at_any_statement_goes_on_where_a_version_was_reached() {
    let folder = folder();
    let mut versions = VERSIONS.to_vec();
    versions.push(TRIAL);
    for mode in ["WAL", "DELETE"] {
        for released in 0..=LEFT_BY.len() {
            let path = folder.path().join(format!("{mode}{released}.db"));
            if released > 0 {
                left_by(&path, released);
            }
            let mut db = Connection::open(&path).unwrap();
            db.query_row(&format!("PRAGMA journal_mode={mode}"), [], |_| Ok(()))
                .unwrap();
            // So small that pages of an open transaction reach the disk.
            db.pragma_update(None, "cache_size", 2).unwrap();
            let mut killed = Vec::new();
            migrate_through(&mut db, &versions, &mut || {
                let to = folder
                    .path()
                    .join(format!("{mode}{released}-{}.db", killed.len()));
                copy(&path, &to);
                killed.push(to);
            })
            .unwrap();
            drop(db);
            assert!(killed.len() >= 6, "{} statements", killed.len());
            let mut reached = released as i64;
            for (at, left) in killed.iter().enumerate() {
                let mut db = Connection::open(left).unwrap();
                let found = version(&db);
                assert!(
                    found >= reached,
                    "{mode} {released}: {found} after statement {at}"
                );
                reached = found;
                let check: String = db
                    .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                    .unwrap();
                assert_eq!(check, "ok");
                migrate_through(&mut db, &versions, &mut || {}).unwrap();
                assert_eq!(version(&db), versions.len() as i64);
                if released > 0 {
                    is_whole(&db);
                    let trial: i64 = db
                        .query_row("SELECT count(*) FROM trial", [], |row| row.get(0))
                        .unwrap();
                    assert_eq!(trial, 1);
                }
            }
            assert_eq!(reached, versions.len() as i64);
        }
    }
}

#[test]
fn a_statement_that_fails_leaves_the_version_before() {
    let folder = folder();
    let path = folder.path().join("a.db");
    left_by(&path, 1);
    let mut db = Connection::open(&path).unwrap();
    let mut versions = VERSIONS.to_vec();
    let fails = format!("{TRIAL} INSERT INTO nowhere VALUES (1);");
    versions.push(&fails);
    let reached = VERSIONS.len() as i64;
    assert!(matches!(
        migrate_through(&mut db, &versions, &mut || {}),
        Err(Error::Storage(_))
    ));
    assert_eq!(version(&db), reached);
    is_whole(&db);
    migrate(&mut db).unwrap();
    is_whole(&db);
}
