//! Limits of leave, as data: rule sets with an edition, a publisher and a moment from which
//! they count (I10).

use crate::editions::{Edition, Editions};
use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use serde::Deserialize;
use std::sync::LazyLock;

/// The editions that ship with this build, the oldest first.
const SHIPPED: [&str; 1] = [include_str!("../../../rules/leave.1.toml")];

/// A day.
const DAY: i64 = 86_400_000;

/// One edition of the limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveLimits {
    /// Always `leave`.
    pub code: String,
    /// The edition, counting from 1.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// Within how many working days the statement of a sudden absence is due.
    pub statement_working_days: u32,
    /// How many days a leave may last.
    pub most_days: u32,
    /// How many days ago a sudden one may have begun.
    pub sudden_since_days: u32,
}

impl LeaveLimits {
    /// Reads an edition.
    ///
    /// # Errors
    /// When the text is not TOML of that shape, or a figure is beyond a few years.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let figures = [
            limits.statement_working_days,
            limits.most_days,
            limits.sudden_since_days,
        ];
        if figures.iter().all(|days| *days <= 1_000) {
            Ok(limits)
        } else {
            Err("days: give at most 1000".to_owned())
        }
    }

    /// The newest edition that counts at `now`; before all of them the oldest.
    #[must_use]
    pub fn in_force(now: UnixMillis) -> &'static Self {
        static EDITIONS: LazyLock<Editions<LeaveLimits>> =
            LazyLock::new(|| Editions::shipped(&SHIPPED, LeaveLimits::from_toml));
        EDITIONS.in_force(now)
    }

    /// How long a leave may last.
    #[must_use]
    pub fn longest(&self) -> Millis {
        Millis(i64::from(self.most_days) * DAY)
    }

    /// How long ago a sudden one may have begun.
    #[must_use]
    pub fn sudden_since(&self) -> Millis {
        Millis(i64::from(self.sudden_since_days) * DAY)
    }
}

impl Edition for LeaveLimits {
    fn effective_from(&self) -> UnixMillis {
        self.effective_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_editions_can_be_read_and_a_senseless_one_is_refused() {
        assert_eq!(
            LeaveLimits::in_force(UnixMillis(0)).statement_working_days,
            3
        );
        let text = SHIPPED[0].replace("most_days = 180", "most_days = 4_000_000");
        assert!(LeaveLimits::from_toml(&text).is_err());
    }
}
