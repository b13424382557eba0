//! How long to wait before the next try: twice as long after each failure, up to a limit,
//! spread by chance so that handhelds that failed together do not come back together.

use gridcrew_sync_protocol::time::Millis;

/// The wait after the first failure.
const BASE: u64 = 1_000;
/// The longest wait that failures alone lead to.
const LONGEST: u64 = 5 * 60_000;
/// The longest wait that a server can ask for.
const LONGEST_ASKED: i64 = 60 * 60_000;
/// The wait when a server is busy and does not say for how long.
const BUSY: Millis = Millis(5_000);

/// A spreader of waits: the engine's only randomness, from a seed that is passed in
/// (`splitmix64`; nothing secret depends on it).
#[derive(Clone, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`, both included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least.saturating_add(self.next() % span)
    }
}

/// When something may be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Millis>,
}

impl Backoff {
    /// It failed.
    pub(super) fn fail(&mut self, now: Millis, jitter: &mut Jitter) {
        let doubled = BASE
            .checked_shl(self.failures)
            .filter(|wait| wait >> self.failures.min(63) == BASE)
            .unwrap_or(LONGEST)
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let wait = jitter.between(doubled / 2, doubled);
        self.wait(now, i64::try_from(wait).unwrap_or(i64::MAX));
        #[cfg(feature = "planted")]
        if self.failures >= 3 && crate::planted::on(crate::planted::Bug::BackoffForEver) {
            self.wait(now, i64::MAX / 4);
        }
    }

    /// The server asked for a pause: no failure, so it does not count as one.
    pub(super) fn pause(&mut self, now: Millis, asked: Option<Millis>, jitter: &mut Jitter) {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::RetryAfterIgnored) {
            return;
        }
        let asked = asked.unwrap_or(BUSY).0.clamp(0, LONGEST_ASKED);
        let spread = jitter.between(0, u64::try_from(asked / 4).unwrap_or(0).max(250));
        let spread = i64::try_from(spread).unwrap_or(0);
        self.wait(now, asked.saturating_add(spread));
    }

    /// Whatever it waits for, it waits until then at least.
    pub(super) fn not_before(&mut self, until: Millis) {
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }

    /// Waits so long, and no shorter than it waited for already: a request that breaks off
    /// while the server wants quiet is no leave to come sooner.
    fn wait(&mut self, now: Millis, wait: i64) {
        self.not_before(Millis(now.0.saturating_add(wait)));
    }

    /// It worked, or the network changed: try at once.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// How often it failed in a row.
    #[cfg(test)]
    fn failures(&self) -> u32 {
        self.failures
    }

    /// Until when to wait, if at all.
    pub(super) fn until(&self, now: Millis) -> Option<Millis> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_number_of_failures_and_no_clock_overflows_a_wait(
            seed in any::<u64>(), now in any::<i64>(), failures in 0u32..300,
            asked in proptest::option::of(any::<i64>()),
        ) {
            let mut jitter = Jitter::new(seed);
            let mut backoff = Backoff { failures: u32::MAX - 2, until: None };
            backoff.fail(Millis(now), &mut jitter);
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff.fail(Millis(now), &mut jitter);
                let until = backoff.until.map_or(now, |until| until.0);
                prop_assert!(until >= now);
                prop_assert!(until.saturating_sub(now) <= 300_000);
            }
            let failed = backoff.failures();
            backoff.pause(Millis(now), asked.map(Millis), &mut jitter);
            let until = backoff.until.map_or(now, |until| until.0);
            prop_assert!(until >= now && until.saturating_sub(now) <= LONGEST_ASKED * 5 / 4);
            prop_assert_eq!(backoff.failures(), failed);
        }
    }

    #[test]
    fn a_failure_does_not_shorten_the_pause_that_the_server_asked_for() {
        let mut jitter = Jitter::new(7);
        let mut backoff = Backoff::default();
        backoff.pause(Millis(0), Some(Millis(60_000)), &mut jitter);
        backoff.fail(Millis(10), &mut jitter);
        assert!(backoff.until(Millis(59_999)).is_some());
    }

    #[test]
    fn waits_double_up_to_five_minutes_and_a_success_forgets_them() {
        let mut jitter = Jitter::new(7);
        let mut backoff = Backoff::default();
        let mut longest = Vec::new();
        for _ in 0..12 {
            backoff.fail(Millis(0), &mut jitter);
            longest.push(backoff.until.map_or(0, |until| until.0));
        }
        for (times, wait) in longest.iter().enumerate() {
            let full = (1_000i64 << times.min(20)).min(300_000);
            assert!((full / 2..=full).contains(wait), "{times}: {wait}");
        }
        backoff.reset();
        assert_eq!(backoff.until(Millis(0)), None);
    }
}
