//! What people did, noted outside of handhelds and server.
//!
//! Every record carries a mark of its own, a number, wherever its kind has room for one.
//! What a person was told is recorded must be held in the end, once. What he was not told,
//! because the process died, may be. What was lost with the only place that held it, when a
//! device or the server was set back to an older copy, is excused by name. Which places hold
//! a record is known here from what was done, not from what handhelds say: one that forgets
//! what it must keep is found.

use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{Entry, Seq},
    record::{Event, Value},
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A record's own number.
pub type Mark = u32;

/// A record.
#[derive(Clone, Debug)]
pub struct Line {
    /// In words.
    pub what: String,
    /// The person was told that it is recorded.
    pub told: bool,
    /// When, truly: milliseconds since the simulation began.
    pub at: i64,
    /// The photos that it promises.
    pub photos: Vec<Digest>,
}

/// Where a record is, as far as can be known from outside: on an installation since it was
/// recorded there, or since that was copied.
pub type Seats = BTreeSet<usize>;

/// What people did.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every record.
    pub lines: BTreeMap<Mark, Line>,
    /// The installations that must have it.
    on: BTreeMap<Mark, Seats>,
    /// What was on an installation when it was copied.
    copies: BTreeMap<usize, BTreeSet<Mark>>,
    /// Records that went with the only places that held them.
    perished: BTreeSet<Mark>,
    /// Photos that may have gone with the only places that held them.
    perished_photos: BTreeSet<Digest>,
}

/// What exists somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// Records.
    pub marks: BTreeSet<Mark>,
    /// Photos.
    pub photos: BTreeSet<Digest>,
}

/// Photos that the server has held for so long may be removed from a handheld.
const KEPT: i64 = 30 * 86_400_000;

impl Ledger {
    /// A mark that was never given.
    #[must_use]
    pub fn next(&self) -> Mark {
        let last = self.lines.keys().last().copied().unwrap_or(0);
        last + 1
    }

    /// A record was made on an installation.
    pub fn recorded(&mut self, mark: Mark, seat: usize, line: Line) {
        self.lines.insert(mark, line);
        self.on.entry(mark).or_default().insert(seat);
    }

    fn on(&self, seat: usize) -> BTreeSet<Mark> {
        let there = self.on.iter().filter(|(_, seats)| seats.contains(&seat));
        there.map(|(mark, _)| *mark).collect()
    }

    /// An installation was copied, to be set back to that perhaps.
    pub fn copied(&mut self, seat: usize) {
        let marks = self.on(seat);
        self.copies.insert(seat, marks);
    }

    /// An installation was cloned.
    pub fn cloned(&mut self, seat: usize, clone: usize) {
        for mark in self.on(seat) {
            self.on.entry(mark).or_default().insert(clone);
        }
    }

    /// An installation was set back to its copy, while the server held `held`: what was on it
    /// alone since then has perished.
    pub fn set_back(&mut self, seat: usize, held: &Existing) {
        let copy = self.copies.get(&seat).cloned().unwrap_or_default();
        for mark in self.on(seat).difference(&copy) {
            if let Some(seats) = self.on.get_mut(mark) {
                seats.remove(&seat);
            }
        }
        self.perish(held, None);
    }

    /// The server was restored and holds `held` now: what is on no installation any more has
    /// perished, and so have photos that installations need not have kept.
    pub fn restored(&mut self, held: &Existing, now: i64) {
        self.perish(held, Some(now));
    }

    fn perish(&mut self, held: &Existing, now: Option<i64>) {
        for (mark, line) in &self.lines {
            let nowhere = self.on.get(mark).is_none_or(BTreeSet::is_empty);
            if nowhere && !held.marks.contains(mark) {
                self.perished.insert(*mark);
            }
            let old = now.is_some_and(|now| now - line.at > KEPT);
            if nowhere || old {
                let gone = line
                    .photos
                    .iter()
                    .filter(|photo| !held.photos.contains(photo));
                self.perished_photos.extend(gone);
            }
        }
    }

    /// Whether nobody can have a record any more.
    #[must_use]
    pub fn has_perished(&self, mark: Mark) -> bool {
        self.perished.contains(&mark)
    }

    /// Whether perhaps nobody can have a photo any more.
    #[must_use]
    pub fn photo_may_have_perished(&self, photo: Digest) -> bool {
        self.perished_photos.contains(&photo)
    }
}

/// The link of an entry, written down once more from the description of the chain in
/// [`gridcrew_sync_protocol::journal`]: SHA-256 over a title, the journal's id, the position,
/// the link before and the hash of the bytes.
#[must_use]
pub fn link(journal: JournalId, seq: Seq, before: Digest, bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(b"gridcrew link 1\0");
    hasher.update(journal.0.as_bytes());
    hasher.update(seq.0.to_be_bytes());
    hasher.update(before.0);
    hasher.update(Sha256::digest(bytes));
    Digest(hasher.finalize().into())
}

/// The mark of a record.
#[must_use]
pub fn mark_of(entry: &[u8]) -> Option<Mark> {
    let Ok(Entry::Record(record)) = Entry::from_bytes(entry) else {
        return None;
    };
    match record.event {
        Event::Noted(noted) => noted.text.parse().ok(),
        Event::Taken(taken) => taken.eta_minutes,
        Event::Declined(declined) => declined.note.parse().ok(),
        Event::HandedOver(over) => over.note.parse().ok(),
        Event::StepDone(done) => done.values.values().find_map(|value| match value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64, photos: &[Digest]) -> Line {
        Line {
            what: String::new(),
            told: true,
            at,
            photos: photos.to_vec(),
        }
    }

    fn held(marks: &[Mark]) -> Existing {
        Existing {
            marks: marks.iter().copied().collect(),
            photos: BTreeSet::new(),
        }
    }

    #[test]
    fn a_record_perishes_with_the_only_device_that_had_it_and_not_with_the_server() {
        let mut ledger = Ledger::default();
        ledger.recorded(1, 0, line(0, &[]));
        ledger.copied(0);
        ledger.recorded(2, 0, line(0, &[]));
        ledger.recorded(3, 0, line(0, &[]));
        ledger.recorded(4, 0, line(0, &[]));
        ledger.cloned(0, 5);
        ledger.recorded(6, 0, line(0, &[]));
        ledger.restored(&held(&[]), 0);
        assert!(!ledger.has_perished(6), "the device has it");
        ledger.set_back(0, &held(&[3]));
        for (mark, perished) in [(1, false), (2, false), (3, false), (4, false), (6, true)] {
            assert_eq!(ledger.has_perished(mark), perished, "{mark}");
        }
        // The copy has 2 to 4; 3 is with the server until that is restored, too.
        ledger.restored(&held(&[]), 0);
        assert!(!ledger.has_perished(3));
    }

    #[test]
    fn a_photo_may_be_gone_from_a_device_only_after_thirty_days() {
        let photo = Digest::of(b"photo");
        let mut ledger = Ledger::default();
        ledger.recorded(1, 0, line(0, &[photo]));
        ledger.restored(&held(&[1]), KEPT);
        assert!(!ledger.photo_may_have_perished(photo));
        ledger.restored(&held(&[1]), KEPT + 1);
        assert!(ledger.photo_may_have_perished(photo));
    }
}
