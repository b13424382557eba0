//! The ledger, kept outside of every process: what was attempted, what the handheld said it
//! had saved (K1), and of what a receipt was read (K2).
//!
//! Each attempt carries a mark that nothing else has: the text of a note, or the hash of the
//! photo of a step.

use crate::books::EntryRow;
use gridcrew_sync_protocol::{
    digest::Digest,
    journal::{Entry, EntryId},
    record::Event,
};
use std::collections::BTreeMap;

/// What is known of an attempt.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The photo that it promises.
    pub photo: Option<Digest>,
    /// K1: the handheld said so.
    pub saved: Option<EntryId>,
    /// The handheld said that nothing was recorded.
    pub refused: bool,
    /// K2: a receipt said so.
    pub received: bool,
    /// The handheld said that everything is with the server: it may give up the photo's
    /// file where space is short.
    pub synced: bool,
}

/// All attempts, by their mark.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By mark.
    pub attempts: BTreeMap<String, Attempt>,
}

/// What a comparison with rows found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Confirmed, and not there.
    pub lost: Vec<String>,
    /// There more than once.
    pub doubled: Vec<String>,
    /// There, though it was never confirmed.
    pub unconfirmed: Vec<String>,
    /// There, though nobody attempted it.
    pub foreign: Vec<String>,
}

impl Ledger {
    /// Notes that a note is about to be made.
    pub fn attempt(&mut self, mark: &str, photo: Option<Digest>) {
        let attempt = Attempt {
            photo,
            ..Attempt::default()
        };
        self.attempts.insert(mark.to_owned(), attempt);
    }

    /// Notes that the handheld saved it.
    pub fn saved(&mut self, mark: &str, id: EntryId) {
        if let Some(attempt) = self.attempts.get_mut(mark) {
            attempt.saved = Some(id);
        }
    }

    /// Notes that the handheld refused it.
    pub fn refused(&mut self, mark: &str) {
        if let Some(attempt) = self.attempts.get_mut(mark) {
            attempt.refused = true;
        }
    }

    /// Notes that the handheld said of everything that it is with the server.
    pub fn synced(&mut self) {
        for attempt in self.attempts.values_mut() {
            attempt.synced = attempt.saved.is_some();
        }
    }

    /// Notes that a receipt was read for it.
    pub fn received(&mut self, mark: &str) {
        if let Some(attempt) = self.attempts.get_mut(mark) {
            attempt.received = true;
        }
    }

    /// Compares with marks that are there; `promised` says which attempts must be.
    #[must_use]
    pub fn compare<'m>(
        &self,
        there: impl IntoIterator<Item = &'m str>,
        promised: impl Fn(&Attempt) -> bool,
    ) -> Found {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for mark in there {
            *counts.entry(mark).or_default() += 1;
        }
        let mut found = Found::default();
        for (mark, count) in &counts {
            match self.attempts.get(*mark) {
                None => found.foreign.push((*mark).to_owned()),
                Some(attempt) if attempt.saved.is_none() && !attempt.received => {
                    found.unconfirmed.push((*mark).to_owned());
                }
                Some(_) => {}
            }
            if *count > 1 {
                found.doubled.push((*mark).to_owned());
            }
        }
        found.lost = self
            .attempts
            .iter()
            .filter(|(mark, attempt)| promised(attempt) && !counts.contains_key(mark.as_str()))
            .map(|(mark, _)| mark.clone())
            .collect();
        found
    }
}

/// The mark of an event, if it is one of those that the sweeps make.
#[must_use]
pub fn mark_of(event: &Event) -> Option<String> {
    match event {
        Event::Noted(noted) => Some(noted.text.clone()),
        Event::StepDone(done) => done.photos.first().map(|photo| photo.digest.to_string()),
        _ => None,
    }
}

/// The marks of the server's entries.
#[must_use]
pub fn marks(entries: &[EntryRow]) -> Vec<String> {
    entries
        .iter()
        .filter_map(|row| match &row.entry {
            Entry::Record(record) => mark_of(&record.event),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{ids::JournalId, journal::Seq};
    use uuid::Uuid;

    #[test]
    fn what_was_confirmed_and_is_not_there_is_lost_and_what_is_there_twice_is_doubled() {
        let mut ledger = Ledger::default();
        for mark in ["a", "b", "c", "d"] {
            ledger.attempt(mark, None);
        }
        let id = EntryId {
            journal: JournalId(Uuid::nil()),
            seq: Seq(1),
        };
        ledger.saved("a", id);
        ledger.saved("b", id);
        let found = ledger.compare(["b", "b", "c", "x"], |attempt| attempt.saved.is_some());
        assert_eq!(found.lost, ["a"]);
        assert_eq!(found.doubled, ["b"]);
        assert_eq!(found.unconfirmed, ["c"]);
        assert_eq!(found.foreign, ["x"]);
    }
}
