//! How far dispatch reaches and what it assumes, as data: rule sets with an edition, a
//! publisher and a moment from which they count (I10). Every decision names its edition.

use crate::territory::locate::REACH;
use gridcrew_sync_protocol::{position::Metres, time::UnixMillis, workflow::AreaClass};
use serde::Deserialize;
use std::sync::LazyLock;

/// The editions that ship with this build, the oldest first.
const SHIPPED: [&str; 1] = [include_str!("../../rules/dispatch.1.toml")];

/// One edition of the limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Always `dispatch`.
    pub code: String,
    /// The edition, counting from 1; every decision names it.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// How far from the nearest cell a place may lie and still belong to it.
    pub reach_m: Metres,
    /// The class of a place of which nothing better is known.
    pub default_area_class: AreaClass,
    /// With so many open orders a team member is not free.
    pub busy_at_open_orders: u32,
    /// How many of the service team are asked for one order.
    pub most_of_team: u32,
    /// How many of the crews are asked for one order.
    pub most_of_crews: u32,
}

impl Limits {
    /// Reads an edition.
    ///
    /// # Errors
    /// When the text is not TOML of that shape, or the reach is no length or farther than
    /// the search looks.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if (0.0..=REACH.0).contains(&limits.reach_m.0) {
            Ok(limits)
        } else {
            Err(format!(
                "reach_m = {}: give metres, 0 to {}",
                limits.reach_m.0, REACH.0
            ))
        }
    }

    /// The newest edition that counts at `now`; before all of them the oldest.
    #[must_use]
    pub fn in_force(now: UnixMillis) -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "the texts are part of the build, and a test reads them"
        )]
        static EDITIONS: LazyLock<Vec<Limits>> = LazyLock::new(|| {
            SHIPPED
                .iter()
                .map(|text| Limits::from_toml(text))
                .collect::<Result<_, _>>()
                .expect("the shipped limits of dispatch can be read")
        });
        #[expect(clippy::expect_used, reason = "at least one edition ships")]
        Self::newest(&EDITIONS, now).expect("an edition ships")
    }

    /// Of editions, the oldest first, the newest that counts at `now`, else the oldest.
    fn newest(editions: &[Self], now: UnixMillis) -> Option<&Self> {
        let counts = |edition: &&Self| edition.effective_from <= now;
        editions.iter().rfind(counts).or(editions.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(from: &str, to: &str) -> Result<Limits, String> {
        assert!(SHIPPED[0].contains(from));
        Limits::from_toml(&SHIPPED[0].replace(from, to))
    }

    #[test]
    fn the_shipped_editions_can_be_read_and_a_senseless_one_is_refused() {
        assert_eq!(Limits::in_force(UnixMillis(1_700_000_000_000)).version, 1);
        for reach in ["-1", "nan", "50_001"] {
            assert!(edition("20_000", reach).is_err(), "{reach}");
        }
        assert!(edition("20_000", "50_000").is_ok());
    }

    #[test]
    fn the_newest_edition_that_counts_is_chosen() {
        let first = edition("version = 1", "version = 1").unwrap();
        let start = first.effective_from;
        let mut second = edition("version = 1", "version = 2").unwrap();
        second.effective_from = UnixMillis(start.0 + 10);
        let both = [first, second];
        let chosen = |at: i64| {
            Limits::newest(&both, UnixMillis(start.0 + at))
                .unwrap()
                .version
        };
        assert_eq!([-1, 0, 9, 10].map(chosen), [1, 1, 1, 2]);
    }
}
