//! How much unevenness costs and how many cells a manager may have, as data: rule sets with
//! an edition, a publisher and a moment from which they count (I10).

use crate::editions::{Edition, Editions};
use gridcrew_sync_protocol::{position::Metres, time::UnixMillis};
use serde::Deserialize;
use std::sync::LazyLock;

/// The editions that ship with this build, the oldest first.
const SHIPPED: [&str; 1] = [include_str!("../../../rules/pairing.1.toml")];

/// The highest price of unevenness.
const MOST_EVEN: Metres = Metres(1_000_000.0);

/// One edition of the limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairingLimits {
    /// Always `pairing`.
    pub code: String,
    /// The edition, counting from 1; every proposal names it.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// What one equal share of load costs, as a way.
    pub even_m: Metres,
    /// In how many cells a manager may be A.
    pub most_as_a: u32,
    /// In how many cells a manager may be B.
    pub most_as_b: u32,
}

impl PairingLimits {
    /// Reads an edition.
    ///
    /// # Errors
    /// When the text is not TOML of that shape, or the price is no length up to 1,000 km.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if (0.0..=MOST_EVEN.0).contains(&limits.even_m.0) {
            Ok(limits)
        } else {
            Err(format!(
                "even_m = {}: give metres, 0 to {}",
                limits.even_m.0, MOST_EVEN.0
            ))
        }
    }

    /// The newest edition that counts at `now`; before all of them the oldest.
    #[must_use]
    pub fn in_force(now: UnixMillis) -> &'static Self {
        static EDITIONS: LazyLock<Editions<PairingLimits>> =
            LazyLock::new(|| Editions::shipped(&SHIPPED, PairingLimits::from_toml));
        EDITIONS.in_force(now)
    }
}

impl Edition for PairingLimits {
    fn effective_from(&self) -> UnixMillis {
        self.effective_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_editions_can_be_read_and_a_senseless_one_is_refused() {
        assert_eq!(PairingLimits::in_force(UnixMillis(0)).version, 1);
        for price in ["-1", "nan", "1_000_001"] {
            let text = SHIPPED[0].replace("even_m = 2_000", &format!("even_m = {price}"));
            assert!(PairingLimits::from_toml(&text).is_err(), "{price}");
        }
    }
}
