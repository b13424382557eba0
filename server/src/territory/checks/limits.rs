//! What counts as a flaw, as data: rule sets with an edition, a publisher and a moment from
//! which they count (I10).

use crate::editions::{Edition, Editions};
use gridcrew_sync_protocol::{position::Metres, time::UnixMillis};
use serde::Deserialize;
use std::sync::LazyLock;

/// The editions that ship with this build, the oldest first.
const SHIPPED: [&str; 1] = [include_str!("../../../rules/territory.1.toml")];

/// One edition of the limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Always `territory`.
    pub code: String,
    /// The edition, counting from 1.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// How far an account may be from its station area's transformer.
    pub account_far_m: Metres,
    /// In how many cells one person may be A or B.
    pub most_cells_of_manager: usize,
    /// How much ground two stations must claim to be told, in square metres.
    pub overlap_m2: f64,
}

impl Limits {
    /// Reads an edition.
    ///
    /// # Errors
    /// When the text is not TOML of that shape or a limit makes no sense.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let metres = (1.0..=100_000.0).contains(&limits.account_far_m.0);
        let ground = (0.0..=1e9).contains(&limits.overlap_m2);
        if metres && ground && limits.most_cells_of_manager > 0 {
            Ok(limits)
        } else {
            Err("give account_far_m 1 to 100000, overlap_m2 0 to 1e9, and \
                 most_cells_of_manager 1 or more"
                .to_owned())
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

    #[test]
    fn the_shipped_edition_can_be_read_and_senseless_ones_are_refused() {
        let limits = Limits::in_force(UnixMillis(1_700_000_000_000));
        assert_eq!((limits.version, limits.account_far_m), (1, Metres(1_500.0)));
        for (from, to) in [
            ("account_far_m = 1_500", "account_far_m = nan"),
            ("most_cells_of_manager = 6", "most_cells_of_manager = 0"),
            ("overlap_m2 = 100", "overlap_m2 = -1"),
        ] {
            assert!(SHIPPED[0].contains(from));
            assert!(
                Limits::from_toml(&SHIPPED[0].replace(from, to)).is_err(),
                "{to}"
            );
        }
    }
}
