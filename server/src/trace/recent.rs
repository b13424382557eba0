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
