//! Figures of a day.

use std::time::Duration;

/// Times, for their percentiles.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `percent` of a hundred do not exceed; zero when there are none.
    #[must_use]
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

/// So many a second, to one decimal.
#[must_use]
pub fn rate(count: u64, time: Duration) -> String {
    let tenths = u128::from(count) * 10_000 / time.as_millis().max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Bytes in a unit that reads well.
#[must_use]
pub fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut times: Times = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(times.percentile(50), Duration::from_millis(100));
        assert_eq!(times.percentile(99), Duration::from_millis(198));
        assert_eq!(Times::default().percentile(99), Duration::ZERO);
    }

    #[test]
    fn rates_and_bytes_read_well() {
        assert_eq!(rate(1_000, Duration::from_secs(3)), "333.3");
        assert_eq!(bytes(12_345), "12.3 kB");
    }
}
