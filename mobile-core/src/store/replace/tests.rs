//! Replacing a damaged store, stopped at every step; stores that an older order left behind.

use super::super::{Store, facts, identity, journal};
use crate::{
    error::Error,
    fixture::{JOURNAL, TestClock, bring_order, enrolled, folder, note, open, order},
};
use gridcrew_sync_protocol::journal::Seq;
use rusqlite::Connection;
use std::{fs, path::Path, sync::Arc};

const NOTES: usize = 20;

/// A handheld with notes that wait, its store damaged after `work`.
fn damaged(data: &Path, work: impl FnOnce(&Connection)) -> Arc<TestClock> {
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(data, &clock);
    bring_order(&mut local, order(1));
    for number in 0..NOTES {
        let event = note(&format!("note {number}"));
        local.record(order(1), event, None, &[]).unwrap();
    }
    drop(local);
    let db = Connection::open(data.join("handheld.db")).unwrap();
    work(&db);
    db.execute_batch("CREATE TABLE stray (x)").unwrap();
    drop(db);
    clock
}

fn names(data: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(data)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("handheld.db") && !name.ends_with("-shm"))
        .filter(|name| !name.ends_with("-wal"))
        .collect();
    names.sort();
    names
}

fn waiting(store: &Store) -> usize {
    let run = journal::run_from(store.read(), JOURNAL, Seq(1), 999, 1 << 20).unwrap();
    run.len()
}

#[test]
fn wherever_replacing_is_stopped_the_next_opening_has_everything_and_says_so() {
    let mut steps = 0;
    loop {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = damaged(&data, |_| {});
        let path = data.join("handheld.db");
        let mut left = steps;
        let stopped = Store::open_through(&path, None, &mut || match left {
            0 => Err(Error::DiskFull("just there".to_owned())),
            _ => {
                left -= 1;
                Ok(())
            }
        });
        let is_over = stopped.is_ok();
        drop(stopped);
        for _ in 0..2 {
            let local = open(&data, &clock);
            assert_eq!(waiting(&local.store), NOTES + 1, "stopped at {steps}");
            let db = local.store.read();
            assert!(identity::require(db).unwrap().probe);
            let findings = facts::findings(db).unwrap();
            assert_eq!(findings.len(), 1, "stopped at {steps}: {findings:?}");
            assert!(findings[0].contains("21 records"), "{findings:?}");
        }
        let expected = ["handheld.db", "handheld.db.damaged-1"];
        assert_eq!(names(&data), expected, "stopped at {steps}");
        if is_over {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 6, "only {steps} steps");
}

#[test]
fn what_was_set_aside_by_a_program_that_was_killed_before_it_saved_it_is_saved() {
    for beside in ["nothing", "an empty file", "a new store"] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = damaged(&data, |_| {});
        let path = data.join("handheld.db");
        fs::rename(&path, data.join("handheld.db.damaged-1")).unwrap();
        match beside {
            "an empty file" => fs::write(&path, b"").unwrap(),
            "a new store" => {
                let other = folder.path().join("other");
                drop(open(&other, &clock));
                fs::rename(other.join("handheld.db"), &path).unwrap();
            }
            _ => {}
        }
        for _ in 0..2 {
            let local = open(&data, &clock);
            assert_eq!(waiting(&local.store), NOTES + 1, "{beside}");
            let findings = facts::findings(local.store.read()).unwrap();
            assert!(findings[0].contains("damaged-1"), "{findings:?}");
        }
    }
}

#[test]
fn a_damaged_word_about_the_owner_keeps_no_record_from_being_saved() {
    for column in ["journal", "public_key", "person", "server_key", "epoch"] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = damaged(&data, |db| {
            let sql = format!("UPDATE identity SET {column} = x'07'");
            db.execute(&sql, []).unwrap();
        });
        for _ in 0..2 {
            let local = open(&data, &clock);
            assert_eq!(waiting(&local.store), NOTES + 1, "{column}");
            assert_eq!(identity::get(local.store.read()).unwrap(), None);
            let findings = facts::findings(local.store.read()).unwrap();
            assert!(findings[0].contains("enrol it again"), "{findings:?}");
        }
    }
}

#[test]
fn a_store_that_lost_everything_does_not_look_as_if_the_handheld_were_new() {
    for what in ["emptied", "gone"] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = Arc::new(TestClock::default());
        drop(enrolled(&data, &clock));
        let path = data.join("handheld.db");
        match what {
            "emptied" => fs::write(&path, b"").unwrap(),
            _ => fs::remove_file(&path).unwrap(),
        }
        let local = open(&data, &clock);
        let findings = facts::findings(local.store.read()).unwrap();
        assert_eq!(findings.len(), 1, "{what}");
        assert!(findings[0].contains("enrol it again"), "{findings:?}");
    }
}
