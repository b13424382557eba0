//! How far dispatch reaches and what it assumes, as data: rule sets with an edition, a
//! publisher and a moment from which they count (I10). Every decision names its edition.

use crate::{
    editions::{Edition, Editions},
    territory::locate::REACH,
};
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
        static EDITIONS: LazyLock<Editions<Limits>> =
            LazyLock::new(|| Editions::shipped(&SHIPPED, Limits::from_toml));
        EDITIONS.in_force(now)
    }
}

impl Edition for Limits {
    fn effective_from(&self) -> UnixMillis {
        self.effective_from
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
}
