//! How far the splits are that are being made at this moment.
//!
//! A county's split takes seconds; who waits for it can ask how far it is. It is known by the
//! process that makes it, and forgotten when it is done or given up.

use gridcrew_sync_protocol::ids::OrgId;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

type Splits = BTreeMap<OrgId, Vec<Arc<AtomicU64>>>;

/// The splits under way in this process, by station; the newest of a station last.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<Splits>);

/// A split that is being made; it is under way until this is dropped.
#[derive(Debug)]
pub struct Making {
    station: OrgId,
    /// The share that is done, as bits.
    share: Arc<AtomicU64>,
    all: Arc<UnderWay>,
}

impl UnderWay {
    /// Notes that a split begins.
    #[must_use]
    pub fn begin(self: &Arc<Self>, station: OrgId) -> Making {
        let share = Arc::new(AtomicU64::new(0f64.to_bits()));
        let of_station = Arc::clone(&share);
        self.lock().entry(station).or_default().push(of_station);
        Making {
            station,
            share,
            all: Arc::clone(self),
        }
    }

    /// What share of a station's split is done, 0 to 1, if one is under way; of several the
    /// newest.
    #[must_use]
    pub fn done(&self, station: OrgId) -> Option<f64> {
        let splits = self.lock();
        let newest = splits.get(&station)?.last()?;
        Some(f64::from_bits(newest.load(Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, Splits> {
        // Whoever panicked with it left the map whole: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Making {
    /// Notes what share is done, 0 to 1.
    pub fn tell(&self, share: f64) {
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        let mut splits = self.all.lock();
        if let Some(of_station) = splits.get_mut(&self.station) {
            of_station.retain(|share| !Arc::ptr_eq(share, &self.share));
            if of_station.is_empty() {
                splits.remove(&self.station);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_split_is_under_way_until_it_is_done() {
        let station = |n| OrgId(Uuid::from_u128(n));
        let all = Arc::new(UnderWay::default());
        assert_eq!(all.done(station(1)), None);
        let first = all.begin(station(1));
        first.tell(0.7);
        let second = all.begin(station(1));
        second.tell(0.1);
        assert_eq!(
            (all.done(station(1)), all.done(station(2))),
            (Some(0.1), None)
        );
        drop(second);
        assert_eq!(all.done(station(1)), Some(0.7));
        drop(first);
        assert_eq!(all.done(station(1)), None);
    }
}
