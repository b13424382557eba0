//! What people did, noted outside of handhelds and server.
//!
//! Every record carries a mark of its own, a number, wherever its kind has room for one.
//! What a person was told is recorded must be held in the end, once. What he was not told,
//! because the process died, may be. What was lost with the only place that held it, when a
//! device or the server was set back to an older copy, is excused by name.

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

/// What people did.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every record.
    pub lines: BTreeMap<Mark, Line>,
    /// Records that went with the only place that held them.
    pub perished: BTreeSet<Mark>,
    /// Photos that went with the only place that held them.
    pub perished_photos: BTreeSet<Digest>,
}

/// What exists somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    /// Records.
    pub marks: BTreeSet<Mark>,
    /// Photos.
    pub photos: BTreeSet<Digest>,
}

impl Ledger {
    /// A mark that was never given.
    #[must_use]
    pub fn next(&self) -> Mark {
        let last = self.lines.keys().last().copied().unwrap_or(0);
        last + 1
    }

    /// Excuses what was there before something was set back, and is nowhere now.
    pub fn excuse(&mut self, before: &Existing, after: &Existing) {
        self.perished.extend(before.marks.difference(&after.marks));
        self.perished_photos
            .extend(before.photos.difference(&after.photos));
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
