//! A clock that the demonstration's history is told by: it stands where it was put.

use crate::clock::Clock;
use gridcrew_sync_protocol::time::UnixMillis;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that is set by hand.
#[derive(Debug)]
pub(super) struct ToldClock(AtomicI64);

impl ToldClock {
    /// A clock that stands at `at`.
    pub(super) fn at(at: UnixMillis) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Puts the clock.
    pub(super) fn set(&self, at: UnixMillis) {
        self.0.store(at.0, Ordering::Relaxed);
    }
}

impl Clock for ToldClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}
