//! How far dispatch reaches, as data: a rule set with an edition and a publisher (I10).

use gridcrew_sync_protocol::{position::Metres, time::UnixMillis};
use serde::Deserialize;
use std::sync::LazyLock;

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
    /// When the text is not TOML of that shape, or the reach is no length.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let reach = limits.reach_m.0;
        if reach.is_finite() && reach >= 0.0 {
            Ok(limits)
        } else {
            Err(format!("reach_m = {reach}: give metres, 0 or more"))
        }
    }

    /// The edition that ships with this build.
    #[must_use]
    pub fn shipped() -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "the text is part of the build, and a test reads it"
        )]
        static SHIPPED: LazyLock<Limits> = LazyLock::new(|| {
            Limits::from_toml(include_str!("../../rules/dispatch.1.toml"))
                .expect("the shipped limits of dispatch can be read")
        });
        &SHIPPED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_edition_can_be_read_and_a_senseless_one_is_refused() {
        assert_eq!(Limits::shipped().version, 1);
        let text = include_str!("../../rules/dispatch.1.toml").replace("20_000", "-1");
        assert!(Limits::from_toml(&text).is_err());
    }
}
