//! Records of orders that were folded lately, decoded.
//!
//! A handheld that comes back after a week sends its queue batch by batch, and one order's
//! records are spread over many batches. Reading all of an order again for each batch would
//! be quadratic in the length of the queue; so what was folded last is kept in memory.
//!
//! What is kept is never trusted by itself: entries are only ever added, so the kept
//! records are all of them exactly when the projection, read under the station's lock,
//! counts as many and has the digest that they folded to. Kept is only what was committed.

use crate::orders::rows::service_order;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, OrderId},
    order::Sourced,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Most records kept: some ten megabytes.
const MOST_RECORDS: usize = 20_000;

/// The records of an order and what they folded to.
#[derive(Debug)]
pub struct Folded {
    /// The order.
    pub order: OrderId,
    /// Digest of the state.
    pub state: Digest,
    /// All records of the order, the parked ones left out.
    pub records: Vec<Sourced>,
}

/// What was folded lately, the longest unused dropped first.
#[derive(Debug, Default)]
pub struct Recent {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    epoch: Option<Epoch>,
    orders: HashMap<OrderId, (u64, Folded)>,
    by_use: BTreeMap<u64, OrderId>,
    uses: u64,
    records: usize,
}

impl Recent {
    /// Takes the records of an order out, if those that are kept are the ones that `row`,
    /// read under the lock of its station, was folded from.
    #[must_use]
    pub fn take(&self, epoch: Epoch, row: &service_order::Model) -> Option<Vec<Sourced>> {
        let mut kept = self.lock();
        if kept.epoch != Some(epoch) {
            return None;
        }
        let folded = kept.remove(OrderId(row.id))?;
        let same = usize::try_from(row.entry_count) == Ok(folded.records.len())
            && row.state_digest == folded.state.0;
        same.then_some(folded.records)
    }

    /// Keeps what was folded and committed.
    pub fn keep(&self, epoch: Epoch, folded: Vec<Folded>) {
        let mut kept = self.lock();
        if kept.epoch != Some(epoch) {
            *kept = Kept {
                epoch: Some(epoch),
                ..Kept::default()
            };
        }
        for one in folded {
            kept.insert(one);
        }
    }

    /// A holder that panicked left the map whole: each change is complete before the next.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, order: OrderId) -> Option<Folded> {
        let (used, folded) = self.orders.remove(&order)?;
        self.by_use.remove(&used);
        self.records = self.records.saturating_sub(folded.records.len());
        Some(folded)
    }

    fn insert(&mut self, folded: Folded) {
        self.remove(folded.order);
        self.uses = self.uses.wrapping_add(1);
        self.records = self.records.saturating_add(folded.records.len());
        self.by_use.insert(self.uses, folded.order);
        self.orders.insert(folded.order, (self.uses, folded));
        while self.records > MOST_RECORDS {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{
        ids::{JournalId, PersonId},
        journal::{EntryId, Seq},
        record::{Event, Noted, Record, Term},
        time::{TimeEvidence, UnixMillis},
    };
    use uuid::Uuid;

    fn epoch(n: u128) -> Epoch {
        Epoch(Uuid::from_u128(n))
    }

    fn folded(order: u128, count: u64) -> Folded {
        let order = OrderId(Uuid::from_u128(order));
        let record = |seq| Sourced {
            id: EntryId {
                journal: JournalId(Uuid::from_u128(1)),
                seq: Seq(seq),
            },
            record: Record {
                order,
                actor: PersonId(Uuid::from_u128(2)),
                term: Term(1),
                time: TimeEvidence::of_server(UnixMillis(3)),
                fix: None,
                event: Event::Noted(Noted {
                    text: String::new(),
                }),
                claims: None,
            },
        };
        Folded {
            order,
            state: Digest::of(&count.to_be_bytes()),
            records: (1..=count).map(record).collect(),
        }
    }

    fn row(order: u128, count: i64, state: Digest) -> service_order::Model {
        service_order::Model {
            id: Uuid::from_u128(order),
            entry_count: count,
            state_digest: state.0.to_vec(),
            ..crate::trace::rebuild::blank(OrderId(Uuid::from_u128(order)))
        }
    }

    #[test]
    fn only_what_the_row_was_folded_from_is_taken_and_only_once() {
        let recent = Recent::default();
        let keep = || recent.keep(epoch(1), vec![folded(5, 3)]);
        let state = folded(5, 3).state;
        keep();
        let taken = recent.take(epoch(1), &row(5, 3, state));
        assert_eq!(taken.map(|records| records.len()), Some(3));
        assert_eq!(recent.take(epoch(1), &row(5, 3, state)), None);
        for other in [row(5, 4, state), row(5, 3, Digest::ZERO), row(6, 3, state)] {
            keep();
            assert_eq!(recent.take(epoch(1), &other), None);
        }
        keep();
        assert_eq!(recent.take(epoch(2), &row(5, 3, state)), None);
    }

    #[test]
    fn the_longest_unused_goes_when_there_is_no_room() {
        let recent = Recent::default();
        let half = MOST_RECORDS as u64 / 2;
        for order in 1..=3 {
            recent.keep(epoch(1), vec![folded(order, half)]);
        }
        let state = folded(1, half).state;
        let held = |order| {
            recent
                .take(epoch(1), &row(order, half as i64, state))
                .is_some()
        };
        assert_eq!([held(1), held(2), held(3)], [false, true, true]);
    }
}
