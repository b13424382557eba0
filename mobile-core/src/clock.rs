//! Time and randomness, passed in: nothing else in this crate reads a clock or draws
//! random bytes (I8). [`SystemClock`] and [`SystemRandom`] are the real ones; tests and
//! simulations bring their own.

use gridcrew_sync_protocol::time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis};
use rand::RngCore;
use rustix::time::{ClockId, clock_gettime};
use std::{fs, str::FromStr};
use uuid::Uuid;

/// What a device's own clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, which the user may have set.
    pub wall: UnixMillis,
    /// The boot that `uptime` counts from.
    pub boot: BootId,
    /// Monotonic time since boot, sleep included.
    pub uptime: Millis,
}

impl Moment {
    /// This moment as evidence, with the last server time heard and the time of a fix.
    #[must_use]
    pub fn evidence(self, anchor: Option<ServerAnchor>, gnss: Option<UnixMillis>) -> TimeEvidence {
        TimeEvidence {
            wall: self.wall,
            boot: self.boot,
            uptime: self.uptime,
            gnss,
            anchor,
        }
    }
}

/// A device's clocks.
pub trait Clock: Send + Sync {
    /// What they say now.
    fn now(&self) -> Moment;
}

/// A source of random bytes; keys are made of them, so the real one must be
/// cryptographically strong.
pub trait Random: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The clocks of the system that the program runs on.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    boot: BootId,
}

impl SystemClock {
    /// Reads the kernel's boot id once; where there is none, random bytes stand for it, so
    /// that times of this run never compare with those of another.
    #[must_use]
    pub fn new() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| Uuid::from_str(text.trim()).ok())
            .map_or_else(
                || {
                    let mut bytes = [0; 16];
                    SystemRandom.fill(&mut bytes);
                    bytes
                },
                Uuid::into_bytes,
            );
        Self { boot: BootId(boot) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of the handheld where the wall clock is read"
        )]
        let now = std::time::SystemTime::now();
        let wall = match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis())
                .unwrap_or(i64::MAX)
                .saturating_neg(),
        };
        let uptime = clock_gettime(ClockId::Boottime);
        let millis = uptime
            .tv_sec
            .saturating_mul(1_000)
            .saturating_add(uptime.tv_nsec / 1_000_000);
        Moment {
            wall: UnixMillis(wall),
            boot: self.boot,
            uptime: Millis(millis),
        }
    }
}

/// The operating system's random source, by way of a generator that it seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        rand::rng().fill_bytes(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_stays_and_the_uptime_goes_on() {
        let clock = SystemClock::new();
        let (first, then) = (clock.now(), clock.now());
        assert_eq!(first.boot, then.boot);
        assert!(then.uptime >= first.uptime && first.uptime.0 > 0);
        assert_eq!(SystemClock::new().now().boot, first.boot);
    }
}
