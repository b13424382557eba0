//! The edge where the server reads the clock and draws randomness (I8). Everything else is
//! given a [`Clock`] or a [`Randomness`].
//!
//! A machine's clock may be put back while the server runs; its own time never goes back
//! ([`SteadyClock`]). Between two runs the database remembers how far it had come ([`mark`]):
//! a server whose clock is behind that does not start (RELIABILITY, fault 25).

pub mod mark;

use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use uuid::Uuid;

/// How far the machine's clock may be behind what the server has told already before that
/// counts as gone back: what keeping it right by the network moves it, and more.
pub const TOLERANCE: Millis = Millis(60_000);

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> UnixMillis;

    /// How far the machine's clock is behind what this one tells; 0 when it is not.
    fn behind(&self) -> Millis {
        Millis(0)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixMillis {
        self.as_ref().now()
    }

    fn behind(&self) -> Millis {
        self.as_ref().behind()
    }
}

/// Draws random bytes.
pub trait Randomness: Send + Sync + std::fmt::Debug {
    /// Fills `bytes` with random ones, fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the server reads the clock"
    )]
    fn now(&self) -> UnixMillis {
        let now = std::time::SystemTime::now();
        let millis = now
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis());
        UnixMillis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// What was told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The time.
    at: UnixMillis,
    /// When that was by the time since the machine was started, which nobody can set.
    uptime: Millis,
}

/// The next time to tell: the machine's, unless that is behind what was told. Behind by
/// little, time stands until the machine has caught up; by more than [`TOLERANCE`], it goes
/// on by itself.
fn next(told: Told, wall: UnixMillis, uptime: Millis) -> UnixMillis {
    let behind = told.at.since(wall);
    if behind <= Millis(0) {
        wall
    } else if behind <= TOLERANCE {
        told.at
    } else {
        let passed = uptime.0.saturating_sub(told.uptime.0).max(0);
        told.at.plus(Millis(passed))
    }
}

/// A clock that goes by another one and never goes back.
#[derive(Debug)]
pub struct SteadyClock<C> {
    machine: C,
    began: Instant,
    told: Mutex<Told>,
}

impl<C: Clock> SteadyClock<C> {
    /// A clock by `machine`, which tells nothing before `least`.
    #[must_use]
    pub fn from(machine: C, least: UnixMillis) -> Self {
        let told = Told {
            at: least,
            uptime: Millis(0),
        };
        Self {
            machine,
            began: Instant::now(),
            told: Mutex::new(told),
        }
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    fn now(&self) -> UnixMillis {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let uptime = Millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX));
        let at = next(*told, self.machine.now(), uptime);
        *told = Told { at, uptime };
        at
    }

    fn behind(&self) -> Millis {
        let now = self.now();
        Millis(now.since(self.machine.now()).0.max(0))
    }
}

/// The machine's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rng(), bytes);
    }
}

/// A new UUID version 7 from the given clock and randomness.
#[must_use]
pub fn new_id(clock: &dyn Clock, randomness: &dyn Randomness) -> Uuid {
    let mut random = [0; 10];
    randomness.fill(&mut random);
    let millis = u64::try_from(clock.now().0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(told: i64, wall: i64, uptime: i64) -> i64 {
        let told = Told {
            at: UnixMillis(told),
            uptime: Millis(5_000),
        };
        next(told, UnixMillis(wall), Millis(uptime)).0
    }

    #[test]
    fn time_stands_while_the_machine_is_a_little_behind_and_goes_on_when_it_is_far() {
        assert_eq!(after(1_000_000, 1_000_700, 5_700), 1_000_700);
        assert_eq!(after(1_000_000, 999_000, 5_700), 1_000_000);
        assert_eq!(after(1_000_000, 940_000, 5_700), 1_000_000);
        assert_eq!(after(1_000_000, 939_999, 5_700), 1_000_700);
        assert_eq!(after(1_000_000, -5, 5_000), 1_000_000);
    }

    proptest! {
        #[test]
        fn it_never_goes_back(walls in proptest::collection::vec(-400_000_000i64..400_000_000, 1..40)) {
            let mut told = Told { at: UnixMillis(0), uptime: Millis(0) };
            for (step, wall) in (1i64..).zip(walls) {
                let uptime = Millis(step * 1_000);
                let at = next(told, UnixMillis(wall), uptime);
                prop_assert!(at >= told.at && at >= UnixMillis(wall));
                told = Told { at, uptime };
            }
        }
    }
}
