//! Damaged stores: what can be read is kept and is genuine, whatever byte was hit.

use super::super::{Store, facts, identity, journal};
use crate::{
    clock::Clock,
    engine::{Load, Loaded},
    fixture::{
        JOURNAL, TestClock, bring_order, enrolled, folder, note, open, order, picture, taken,
    },
    local::Local,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    journal::{Entry, Seq, link},
    record::Event,
    time::UnixMillis,
    workflow::SlotCode,
};
use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering},
};

const NOTES: usize = 400;

/// A handheld with [`NOTES`] notes in its journal, of which the server holds `held`
/// entries, and a photo in the last.
fn filled(data: &Path, clock: &Arc<TestClock>, held: u64) -> Local {
    let mut local = enrolled(data, clock);
    bring_order(&mut local, order(1));
    for number in 0..NOTES {
        let event = note(&format!("note {number}"));
        local.record(order(1), event, None, &[]).unwrap();
    }
    let work = |db: &rusqlite::Connection| {
        journal::mark_held(db, JOURNAL, Seq(held), UnixMillis(1)).map(|_| ())
    };
    local.store.write(work).unwrap();
    local
}

fn texts(local: &Local) -> Vec<String> {
    let db = local.store.read();
    let mut texts = Vec::new();
    let mut before = None;
    let mut from = Seq(1);
    while let Some(entry) = journal::run_from(db, JOURNAL, from, 1, 1).unwrap().pop() {
        let follows = match entry.id.seq {
            Seq(1) => Some(Digest::ZERO),
            seq if seq == from => before,
            _ => None,
        };
        if let Some(follows) = follows {
            let fits = link(JOURNAL, entry.id.seq, follows, Digest::of(&entry.bytes));
            assert_eq!(fits, entry.link, "entry {:?}", entry.id.seq);
        }
        before = Some(entry.link);
        from = entry.id.seq.next();
        if let Ok(Entry::Record(record)) = Entry::from_bytes(&entry.bytes)
            && let Event::Noted(noted) = record.event
        {
            texts.push(noted.text);
        }
    }
    texts
}

fn damage(data: &Path, work: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let path = data.join("handheld.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))
        .unwrap();
    drop(db);
    let mut bytes = fs::read(&path).unwrap();
    work(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    bytes
}

#[test]
fn a_page_of_the_journal_is_lost_and_all_others_are_kept() {
    for held in [401, 0] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = Arc::new(TestClock::default());
        let mut local = filled(&data, &clock, held);
        let taken = taken(&local, &picture(folder.path(), 1, 40));
        let slot = SlotCode::from("site");
        let photo = [(taken, slot)];
        local
            .record(order(1), note("with a photo"), None, &photo)
            .unwrap();
        drop(local);
        let damaged = damage(&data, |bytes| {
            let at = bytes
                .windows(8)
                .position(|window| window == b"note 200")
                .unwrap();
            let page = at / 4096 * 4096;
            // The head of the page, so that the check notices.
            bytes[page..page + 100].fill(0xff);
        });
        let local = open(&data, &clock);
        let kept = texts(&local);
        assert!(
            kept.len() > NOTES - 60 && kept.len() < NOTES,
            "{}",
            kept.len()
        );
        assert!(kept.contains(&"note 0".to_owned()) && kept.contains(&"note 399".to_owned()));
        assert!(kept.contains(&"with a photo".to_owned()));
        let db = local.store.read();
        let identity = identity::require(db).unwrap();
        assert!(identity.probe && identity.ask_photos);
        let waits = super::super::waiting::by_order(db).unwrap()[&OrderId(order(1).0)];
        assert_eq!(waits.photos, 1);
        let findings = facts::findings(db).unwrap();
        assert!(findings[0].contains("set aside as"), "{findings:?}");
        let aside = fs::read(data.join("handheld.db.damaged-1")).unwrap();
        assert!(aside == damaged, "it was changed");
        // What waits makes a batch: it follows what the server holds without a hole.
        let waiting = journal::first_queued(db, JOURNAL).unwrap().unwrap();
        let run = journal::run_from(db, JOURNAL, waiting, 9_999, 1 << 24).unwrap();
        for (entry, seq) in run.iter().zip(waiting.0..) {
            assert_eq!(entry.id.seq.0, seq);
        }
    }
}

#[test]
fn a_thousand_times_bytes_are_flipped_and_nothing_read_is_wrong() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    drop(filled(&data, &clock, 200));
    let whole = damage(&data, |_| {});
    let all: Vec<String> = (0..NOTES).map(|number| format!("note {number}")).collect();
    let (aside, kept) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..1_000 {
        let path = folder.path().join("flipped.db");
        let mut bytes = whole.clone();
        for _ in 0..1 + round % 8 {
            let at = usize::try_from(next()).unwrap() % bytes.len();
            bytes[at] ^= 1 << (next() % 8);
        }
        fs::write(&path, &bytes).unwrap();
        let found = Store::open(&path, None);
        match found {
            Ok(store) if facts::is_salvaged(store.read()).unwrap() => {
                aside.fetch_add(1, Ordering::Relaxed);
                let name = folder.path().join("flipped.db.damaged-1");
                assert!(fs::read(name).unwrap() == bytes, "round {round}");
                let mut before = (Seq(0), Digest::ZERO);
                let run = journal::run_from(store.read(), JOURNAL, Seq(1), 999, 1 << 24).unwrap();
                for entry in &run {
                    if entry.id.seq == before.0.next() {
                        let fits = link(JOURNAL, entry.id.seq, before.1, Digest::of(&entry.bytes));
                        assert_eq!(fits, entry.link, "round {round}");
                    }
                    before = (entry.id.seq, entry.link);
                    if let Ok(Entry::Record(record)) = Entry::from_bytes(&entry.bytes)
                        && let Event::Noted(noted) = record.event
                    {
                        assert!(all.contains(&noted.text), "round {round}: {}", noted.text);
                    }
                }
                let count = "SELECT count(*) FROM journal_entry";
                let db = store.read();
                let rows: i64 = db.query_row(count, [], |row| row.get(0)).unwrap();
                kept.fetch_add(usize::try_from(rows).unwrap(), Ordering::Relaxed);
            }
            // The check of SQLite does not look into values: a flip there is found by the
            // chain when it is sent. A flip of the version looks like a newer program's.
            Ok(_) | Err(crate::Error::TooNew { .. }) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
        for item in fs::read_dir(folder.path()).unwrap() {
            let path = item.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }
    let (aside, kept) = (aside.into_inner(), kept.into_inner());
    println!(
        "{aside} of 1000 were set aside, {kept} of {} entries kept",
        aside * (NOTES + 1)
    );
    assert!(aside > 100);
    assert!(kept > aside * NOTES * 3 / 4, "{kept} of {aside} stores");
}

#[test]
fn that_there_was_a_pin_is_known_of_a_damaged_store_too() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock, 0);
    local.store.write(facts::set_has_pin).unwrap();
    local
        .store
        .write(|db| facts::add_finding(db, "of the old store"))
        .unwrap();
    drop(local);
    damage(&data, |bytes| {
        let at = bytes
            .windows(8)
            .position(|window| window == b"note 200")
            .unwrap();
        let page = at / 4096 * 4096;
        bytes[page..page + 100].fill(0xff);
    });
    let local = open(&data, &clock);
    let findings = facts::findings(local.store.read()).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    // The file with the PIN is gone, too: that opens nothing.
    let closed = local.lock_state().unwrap();
    assert_eq!(closed, crate::Lock::Broken);
}

#[test]
fn values_that_cannot_be_read_are_damage_although_every_page_is_sound() {
    for (what, is_known) in [
        ("UPDATE identity SET reopen_common = 3", true),
        ("UPDATE anchor SET boot = x'00'", true),
        ("UPDATE identity SET journal = x'00'", false),
    ] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = Arc::new(TestClock::default());
        let mut local = filled(&data, &clock, 7);
        local.hear_time(UnixMillis(1), clock.now().uptime).unwrap();
        drop(local);
        let db = rusqlite::Connection::open(data.join("handheld.db")).unwrap();
        db.execute(what, []).unwrap();
        drop(db);
        let opened = open(&data, &clock);
        let findings = facts::findings(opened.store.read()).unwrap();
        assert_eq!(findings.len(), 1, "{what}");
        let identity = identity::get(opened.store.read()).unwrap();
        assert_eq!(identity.is_some(), is_known, "{what}");
        assert_eq!(texts(&opened).len(), NOTES, "{what}");
        assert!(data.join("handheld.db.damaged-1").exists());
    }
}

#[test]
fn a_journal_with_a_hole_before_its_last_entry_can_still_ask_what_the_server_holds() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let all = NOTES as u64 + 1;
    drop(filled(&data, &clock, all));
    let db = rusqlite::Connection::open(data.join("handheld.db")).unwrap();
    let hole = "DELETE FROM journal_entry WHERE seq = ?1";
    assert_eq!(db.execute(hole, [NOTES as i64]).unwrap(), 1);
    drop(db);
    let mut opened = open(&data, &clock);
    let asked = opened.load(Load::Journal {
        from: None,
        probe: true,
        apart: false,
        max_entries: 500,
        max_bytes: 1 << 20,
    });
    match asked.unwrap() {
        Loaded::Batch(batch) => assert_eq!(batch.first, Seq(NOTES as u64 - 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_whose_standing_is_damaged_counts_as_held_when_it_is_known_when() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let all = NOTES as u64 + 1;
    drop(filled(&data, &clock, all));
    let db = rusqlite::Connection::open(data.join("handheld.db")).unwrap();
    for damage in [
        "PRAGMA ignore_check_constraints = on",
        "UPDATE journal_entry SET state = 'hXld' WHERE seq >= 395",
        "DELETE FROM journal_entry WHERE seq = 393",
        "UPDATE identity SET reopen_common = 3",
    ] {
        db.execute_batch(damage).unwrap();
    }
    drop(db);
    let opened = open(&data, &clock);
    let again = journal::first_queued(opened.store.read(), JOURNAL).unwrap();
    assert_eq!(
        again, None,
        "nothing is written again that the server holds"
    );
}

#[test]
fn an_entry_whose_journal_or_number_is_damaged_is_brought_back_to_where_it_stood() {
    for damage in [
        "UPDATE journal_entry SET journal = x'01a2290cd08d7b5292c1e1758468213a'
            WHERE seq IN (300, 301, 401)",
        "UPDATE journal_entry SET journal = x'01a2290cd08d7b5292c1e1758468213a' WHERE seq = 1",
        "UPDATE journal_entry SET seq = 9300 WHERE seq = 300",
    ] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = Arc::new(TestClock::default());
        drop(filled(&data, &clock, 200));
        let db = rusqlite::Connection::open(data.join("handheld.db")).unwrap();
        db.execute(damage, []).unwrap();
        let seen = "UPDATE identity SET reopen_common = 3";
        db.execute(seen, []).unwrap();
        drop(db);
        let opened = open(&data, &clock);
        let db = opened.store.read();
        let run = journal::run_from(db, JOURNAL, Seq(1), 999, 1 << 24).unwrap();
        assert_eq!(run.len(), NOTES + 1, "{damage}");
        let count = "SELECT count(*) FROM journal_entry";
        let rows: i64 = db.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, NOTES as i64 + 1, "{damage}");
        assert_eq!(texts(&opened).len(), NOTES, "{damage}");
    }
}
