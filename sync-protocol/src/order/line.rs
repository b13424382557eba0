//! The records of an order in line: each with the time at which it counts, in the order in
//! which they happened.
//!
//! Between journals the trusted times decide. Within one journal the sequence decides,
//! because nobody can have done the second thing before the first: a clock that was set back
//! or a battery that was changed never turns the order of what one handheld recorded. And
//! what the server's clock is sure of bounds the rest of the same journal: a time that is not
//! sure lies between the sure ones before and after it, whatever the wall clock said (I8).

use super::fold::Sourced;
use crate::{
    ids::JournalId,
    time::{Sureness, TrustedTime, UnixMillis},
};
use std::collections::BTreeMap;

/// A record with its time and its place in line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed<'r> {
    /// When it counts as done.
    pub at: TrustedTime,
    /// Its place among the records of all journals; never before an earlier record of the
    /// same journal.
    pub place: UnixMillis,
    /// The record.
    pub sourced: &'r Sourced,
}

impl Timed<'_> {
    /// Whether it comes after `other`. Two of different journals at one moment do not come
    /// after one another.
    pub(super) fn after(&self, other: &Self) -> bool {
        let (this, that) = (self.sourced.id, other.sourced.id);
        if this.journal == that.journal {
            this.seq > that.seq
        } else {
            self.place > other.place
        }
    }
}

/// Each record once, in line: by place, then journal, then sequence number.
pub(super) fn in_line(records: &[Sourced]) -> Vec<Timed<'_>> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::FoldedAsTheyCame) {
        return records
            .iter()
            .map(|sourced| Timed {
                at: sourced.record.time.trusted(),
                place: sourced.record.time.trusted().at,
                sourced,
            })
            .collect();
    }
    let mut journals: BTreeMap<JournalId, BTreeMap<_, &Sourced>> = BTreeMap::new();
    for sourced in records {
        let journal = journals.entry(sourced.id.journal).or_default();
        journal.entry(sourced.id.seq).or_insert(sourced);
    }
    let mut line: Vec<Timed<'_>> = Vec::with_capacity(records.len());
    for journal in journals.into_values() {
        let mut place = UnixMillis(i64::MIN);
        for (at, sourced) in bounded(journal.into_values().collect()) {
            place = place.max(at.at);
            line.push(Timed { at, place, sourced });
        }
    }
    line.sort_by_key(|timed| (timed.place, timed.sourced.id));
    line
}

/// The records of one journal, by sequence number, each with its time: one that the server's
/// clock is not sure of is held between those around it that it is sure of.
fn bounded(journal: Vec<&Sourced>) -> Vec<(TrustedTime, &Sourced)> {
    let mut times: Vec<TrustedTime> = journal
        .iter()
        .map(|sourced| sourced.record.time.trusted())
        .collect();
    let sure = |time: &TrustedTime| time.sureness == Sureness::Server;
    let mut latest = UnixMillis(i64::MAX);
    for time in times.iter_mut().rev() {
        if sure(time) {
            latest = latest.min(time.at);
        } else if time.at > latest {
            *time = unsure(latest);
        }
    }
    let mut earliest = UnixMillis(i64::MIN);
    for time in &mut times {
        if sure(time) {
            earliest = earliest.max(time.at);
        } else if time.at < earliest {
            *time = unsure(earliest);
        }
    }
    times.into_iter().zip(journal).collect()
}

const fn unsure(at: UnixMillis) -> TrustedTime {
    TrustedTime {
        at,
        sureness: Sureness::Unsure,
    }
}
