//! The ledger outside of everything: what was attempted and what was confirmed.
//!
//! Every handheld says before each write what it is about to do, and after it what it was
//! told (a [`Line`]). A handheld that runs as a process of its own says it on its standard
//! output, so that what it said survives its being killed. In the end the ledger is
//! compared with the trace: everything confirmed is there, once; nothing is there that
//! nobody attempted.

use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, journal::EntryId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a handheld says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// It is about to make a record.
    Attempt {
        /// Of which order.
        order: OrderId,
        /// What: `taken`, `declined`, `handed_over` or the code of a step.
        what: String,
    },
    /// The record is made: confirmed as durable on the handheld.
    Made {
        /// Its identity.
        entry: EntryId,
        /// The photos that it promises.
        photos: Vec<Digest>,
    },
    /// The attempt was refused, with the code: there is no record.
    Refused {
        /// The code.
        code: String,
    },
    /// A file that is no picture was refused, as it must be.
    NoPictureRefused,
    /// A file that is no picture was taken, as it must not be.
    NoPictureTaken,
    /// Nothing waits on the handheld any more and its orders are all returned.
    Finished,
}

/// An attempt of which it is not known whether it became a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// Of which order.
    pub order: OrderId,
    /// What.
    pub what: String,
}

/// What one handheld attempted and was told.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Records that the handheld confirmed, with their order and what they are.
    pub made: BTreeMap<EntryId, Open>,
    /// Photos that confirmed records promise.
    pub photos: BTreeSet<Digest>,
    /// How many promises of photos they make: the same photo may be promised twice.
    pub promises: u64,
    /// Attempts cut off by a kill: they may be records or not.
    pub open: Vec<Open>,
    /// Attempts that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// How many files that are no picture were refused.
    pub no_pictures_refused: u64,
    /// How many were taken.
    pub no_pictures_taken: u64,
    /// Identities that were confirmed twice: there must be none.
    pub twice: Vec<EntryId>,
    attempt: Option<Open>,
}

impl Ledger {
    /// Notes what the handheld says.
    pub fn note(&mut self, line: Line) {
        match line {
            Line::Attempt { order, what } => {
                self.cut_off();
                self.attempt = Some(Open { order, what });
            }
            Line::Made { entry, photos } => {
                let Some(attempt) = self.attempt.take() else {
                    self.twice.push(entry);
                    return;
                };
                self.promises += photos.len() as u64;
                self.photos.extend(photos);
                if self.made.insert(entry, attempt).is_some() {
                    self.twice.push(entry);
                }
            }
            Line::Refused { code } => {
                self.attempt = None;
                *self.refused.entry(code).or_default() += 1;
            }
            Line::NoPictureRefused => self.no_pictures_refused += 1,
            Line::NoPictureTaken => self.no_pictures_taken += 1,
            Line::Finished => {}
        }
    }

    /// Notes that the handheld was killed: an attempt under way stays open.
    pub fn cut_off(&mut self) {
        self.open.extend(self.attempt.take());
    }
}

/// A record of the trace that came from a handheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Its identity.
    pub entry: EntryId,
    /// Of which order.
    pub order: OrderId,
    /// What: as in [`Line::Attempt`].
    pub what: String,
}

/// How a ledger and the trace differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Confirmed and not in the trace: lost.
    pub lost: Vec<EntryId>,
    /// More than once in the trace.
    pub twice: Vec<EntryId>,
    /// In the trace, and nobody attempted it.
    pub invented: Vec<EntryId>,
    /// Confirmed as one thing and in the trace as another.
    pub changed: Vec<EntryId>,
    /// Attempts cut off by a kill that became records all the same.
    pub late: u64,
}

impl Difference {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.lost.is_empty()
            && self.twice.is_empty()
            && self.invented.is_empty()
            && self.changed.is_empty()
    }
}

/// Compares what was confirmed with what is in the trace.
pub fn compare<'l>(ledgers: impl IntoIterator<Item = &'l Ledger>, trace: &[Traced]) -> Difference {
    let mut difference = Difference::default();
    let (mut made, mut open): (BTreeMap<EntryId, &Open>, Vec<&Open>) = Default::default();
    for ledger in ledgers {
        difference.twice.extend(&ledger.twice);
        open.extend(&ledger.open);
        for (entry, what) in &ledger.made {
            if made.insert(*entry, what).is_some() {
                difference.twice.push(*entry);
            }
        }
    }
    open.sort();
    let mut seen = BTreeSet::new();
    for traced in trace {
        if !seen.insert(traced.entry) {
            difference.twice.push(traced.entry);
            continue;
        }
        let found = Open {
            order: traced.order,
            what: traced.what.clone(),
        };
        match made.get(&traced.entry) {
            Some(confirmed) if **confirmed == found => {}
            Some(_) => difference.changed.push(traced.entry),
            None => match open.binary_search(&&found) {
                Ok(at) => {
                    open.remove(at);
                    difference.late += 1;
                }
                Err(_) => difference.invented.push(traced.entry),
            },
        }
    }
    difference.lost = made
        .into_keys()
        .filter(|entry| !seen.contains(entry))
        .collect();
    difference
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{ids::JournalId, journal::Seq};
    use uuid::Uuid;

    fn entry(seq: u64) -> EntryId {
        EntryId {
            journal: JournalId(Uuid::from_u128(7)),
            seq: Seq(seq),
        }
    }

    fn order(n: u128) -> OrderId {
        OrderId(Uuid::from_u128(n))
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let attempt = |n, what: &str| Line::Attempt {
            order: order(n),
            what: what.to_owned(),
        };
        let made = |seq| Line::Made {
            entry: entry(seq),
            photos: Vec::new(),
        };
        for line in [
            attempt(1, "taken"),
            made(2),
            attempt(1, "arrived"),
            made(3),
            attempt(2, "taken"),
        ] {
            ledger.note(line);
        }
        ledger.cut_off();
        ledger
    }

    fn traced(seq: u64, n: u128, what: &str) -> Traced {
        Traced {
            entry: entry(seq),
            order: order(n),
            what: what.to_owned(),
        }
    }

    #[test]
    fn an_attempt_that_was_cut_off_may_be_a_record_or_not() {
        let mut trace = vec![traced(2, 1, "taken"), traced(3, 1, "arrived")];
        assert!(compare([&ledger()], &trace).is_none());
        trace.push(traced(4, 2, "taken"));
        let difference = compare([&ledger()], &trace);
        assert!(difference.is_none());
        assert_eq!(difference.late, 1);
    }

    #[test]
    fn what_is_lost_doubled_invented_or_changed_is_found() {
        let trace = [
            traced(2, 1, "taken"),
            traced(2, 1, "taken"),
            traced(3, 1, "return"),
            traced(5, 3, "taken"),
        ];
        let difference = compare([&ledger()], &trace);
        assert_eq!(difference.twice, [entry(2)]);
        assert_eq!(difference.changed, [entry(3)]);
        assert_eq!(difference.invented, [entry(5)]);
        assert_eq!(compare([&ledger()], &[]).lost, [entry(2), entry(3)]);
    }
}
