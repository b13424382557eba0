//! Times, and what share of them was how short.

use std::time::Duration;

/// Times that something took.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time within which that share of them (0 to 1) was done.
    pub fn at(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        sorted.get(at).copied().unwrap_or_default()
    }

    /// In words.
    pub fn print(&self, what: &str) -> String {
        format!(
            "{what}: p50 {:?}, p99 {:?}, most {:?} of {}",
            self.at(0.50),
            self.at(0.99),
            self.at(1.0),
            self.0.len()
        )
    }
}
