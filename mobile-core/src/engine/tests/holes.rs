//! Journals and photos of which something was lost or damaged on the device: what is left
//! reaches the server, each record once (I3), whatever the server holds already.

use super::world::{Fate, World};
use crate::{
    engine::{Budget, Ended, Request},
    fixture::JOURNAL,
    store::{facts, identity, journal},
};
use gridcrew_sync_protocol::{digest::Digest, journal::Seq, media::MediaKind};
use rusqlite::{Connection, params};
use std::path::PathBuf;

fn hour() -> Budget {
    Budget::seconds(3_600)
}

impl World {
    fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("handheld.db")
    }

    /// Ends the program, changes the store's file and opens it again.
    fn behind_its_back(&mut self, work: impl FnOnce(&Connection)) {
        self.engine = None;
        self.asked.clear();
        self.local = None;
        let db = Connection::open(self.path()).unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        work(&db);
        drop(db);
        self.crash();
    }

    /// The same, and the store is damaged besides: what can be read of it is saved.
    fn damage(&mut self, work: impl FnOnce(&Connection)) {
        self.behind_its_back(|db| {
            work(db);
            db.execute_batch("CREATE TABLE stray (x)").unwrap();
        });
        let db = self.local().store.read();
        assert!(facts::is_salvaged(db).unwrap());
    }

    /// The server takes the queue, and the answer is lost.
    fn send_unheard(&mut self) {
        self.begin(hour());
        let is_push = |(_, request, _): &(_, Request, _)| matches!(request, Request::Push(_));
        let push = self.asked.iter().position(is_push).unwrap();
        self.meet(push, &Fate::AnswerLost);
        self.crash();
    }

    fn queued(&mut self) -> u64 {
        journal::counts(self.local().store.read()).unwrap().queued
    }
}

fn lose(db: &Connection, (first, last): (u64, u64)) {
    db.execute(
        "DELETE FROM journal_entry WHERE seq BETWEEN ?1 AND ?2",
        params![first as i64, last as i64],
    )
    .unwrap();
}

/// Flips a bit in the middle of a column of an entry.
fn flip(db: &Connection, column: &str, seq: u64) {
    let read = format!("SELECT {column} FROM journal_entry WHERE seq = ?1");
    let mut value: Vec<u8> = db.query_row(&read, [seq as i64], |row| row.get(0)).unwrap();
    let middle = value.len() / 2;
    value[middle] ^= 4;
    let write = format!("UPDATE journal_entry SET {column} = ?2 WHERE seq = ?1");
    db.execute(&write, params![seq as i64, value]).unwrap();
}

#[test]
fn what_a_damaged_journal_kept_comes_once_whatever_the_server_holds_of_it() {
    let holes: [&[(u64, u64)]; 8] = [
        &[(11, 13)],
        &[(1, 1)],
        &[(1, 3)],
        &[(20, 21)],
        &[(5, 5), (9, 9)],
        &[(2, 2), (4, 4), (6, 6)],
        &[(1, 9), (11, 21)],
        &[(8, 8), (14, 19)],
    ];
    let cases = holes.into_iter().flat_map(|lost| {
        let held = 0..=21usize;
        held.flat_map(move |held| [500, 3].map(|batches| (lost, held, batches)))
    });
    for (lost, held, batches) in cases {
        let mut world = World::new();
        for _ in 0..20 {
            world.note();
        }
        if held > 0 {
            world.send_unheard();
            let entries = world.server.books.journals.get_mut(&JOURNAL).unwrap();
            entries.truncate(held);
        }
        assert_eq!(world.queued(), 21);
        world.batches = batches;
        world.damage(|db| lost.iter().for_each(|lost| lose(db, *lost)));
        world.run(hour());
        world.note();
        let (ended, _) = world.run(hour());
        let what = format!("{lost:?} lost, {held} held, in {batches}s, ended {ended:?}");
        for (seq, text) in (2..).zip(world.noted.clone()) {
            let is_lost = lost
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&seq));
            let times = world.times_held(&text);
            if is_lost && seq > held as u64 {
                assert_eq!(times, 0, "{text}, {what}");
            } else if lost != [(1, 9), (11, 21)] {
                assert_eq!(times, 1, "{text}, {what}");
            } else {
                // Of an entry that stands alone nobody can be asked.
                assert!(times >= 1, "{text}, {what}");
            }
        }
        assert_eq!(world.queued(), 0, "{what}");
    }
}

#[test]
fn one_damaged_entry_is_kept_as_evidence_and_holds_up_none_behind_it() {
    for damaged in 2..=9u64 {
        for held in [0, 3, 9] {
            let mut world = World::new();
            for _ in 0..8 {
                world.note();
            }
            if held > 0 {
                world.send_unheard();
                let entries = world.server.books.journals.get_mut(&JOURNAL).unwrap();
                entries.truncate(held);
            }
            world.behind_its_back(|db| flip(db, "bytes", damaged));
            assert_eq!(world.run(hour()).0, Ended::Done);
            world.note();
            assert_eq!(world.run(hour()).0, Ended::Done);
            for (seq, text) in (2..).zip(world.noted.clone()) {
                let times = usize::from(seq != damaged || seq <= held as u64);
                assert_eq!(world.times_held(&text), times, "{text}, {damaged}, {held}");
            }
            let db = world.local().store.read();
            let findings = facts::findings(db).unwrap();
            // What the server holds needs no mending.
            let is_noticed = damaged > held as u64;
            assert_eq!(findings.len(), usize::from(is_noticed), "{findings:?}");
            let kept: i64 = db
                .query_row(
                    "SELECT count(*) FROM fact WHERE key LIKE 'damaged/%'",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(kept, i64::from(is_noticed));
            assert_eq!(world.queued(), 0);
        }
    }
}

#[test]
fn a_damaged_link_is_put_right_by_what_follows_it() {
    for damaged in 1..=8u64 {
        let mut world = World::new();
        for _ in 0..8 {
            world.note();
        }
        world.behind_its_back(|db| flip(db, "link", damaged));
        assert_eq!(world.run(hour()).0, Ended::Done);
        world.assert_converged();
        let findings = facts::findings(world.local().store.read()).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
}

#[test]
fn a_photo_whose_row_was_lost_stays_and_is_sent() {
    let mut world = World::new();
    let photo = world.photograph(40);
    world.damage(|db| {
        db.execute_batch("DELETE FROM photo_use; DELETE FROM photo")
            .unwrap();
    });
    // The second opening is the one that tidies.
    world.crash();
    assert!(world.local().folder.photo(photo).exists());
    assert_eq!(world.run(hour()).0, Ended::Done);
    let held = &world.server.books.held;
    let original = held.get(&(photo, MediaKind::Original)).unwrap();
    assert_eq!(Digest::of(original), photo);
}

#[test]
fn a_photo_whose_record_was_lost_is_sent_where_the_server_holds_the_record() {
    let mut world = World::new();
    let photo = world.photograph(40);
    world.send_unheard();
    world.damage(|db| {
        db.execute_batch("DELETE FROM journal_entry WHERE seq > 1")
            .unwrap();
    });
    world.crash();
    assert!(world.local().folder.photo(photo).exists());
    world.run(hour());
    let held = &world.server.books.held;
    assert!(held.contains_key(&(photo, MediaKind::Original)));
    assert!(held.contains_key(&(photo, MediaKind::Preview)));
}

#[test]
fn a_photo_that_is_neither_here_nor_with_the_server_is_said_to_be_damaged() {
    let mut world = World::new();
    let photo = world.photograph(40);
    std::fs::remove_file(world.local().folder.photo(photo)).unwrap();
    world.damage(|db| {
        db.execute_batch("DELETE FROM photo_use; DELETE FROM photo")
            .unwrap();
    });
    assert_eq!(world.run(hour()).0, Ended::Done);
    let db = world.local().store.read();
    assert_eq!(crate::store::photos::counts(db).unwrap().damaged, 1);
    assert_eq!(identity::require(db).unwrap().journal, JOURNAL);
    assert_eq!(journal::head(db, JOURNAL).unwrap().0, Seq(2));
}
