//! Time is evidence, not a number (I8).
//!
//! A record carries everything its handheld knew of the time when it was made
//! ([`TimeEvidence`]). [`TimeEvidence::trusted`] derives from it, the same way on both
//! ends, one [`TrustedTime`] that says how sure it is (DOMAIN section 7, row 6):
//!
//! 1. the last server time heard in this boot plus the monotonic time since,
//! 2. else the time of a GNSS fix, if that is not before the last server time heard: a
//!    receiver whose week number rolled over is years behind,
//! 3. else the wall clock, not before the last server time heard, flagged as unsure.
//!
//! Nothing here reads a clock: the evidence is gathered at the program's edge.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The moment `span` later; saturates at the ends of the scale.
    #[must_use]
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; negative when it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in milliseconds; may be negative.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// A span of whole minutes.
    #[must_use]
    pub fn minutes(minutes: u32) -> Self {
        Self(i64::from(minutes) * 60_000)
    }

    /// A span of whole seconds.
    #[must_use]
    pub fn seconds(seconds: u32) -> Self {
        Self(i64::from(seconds) * 1_000)
    }
}

/// One boot of a device: the kernel's boot id, or random bytes drawn once a boot.
/// Monotonic times compare only within one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(#[serde(with = "serde_bytes")] pub [u8; 16]);

/// The last time the server told this device, and when on the device's own monotonic
/// clock that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAnchor {
    /// What the server's clock said.
    #[serde(rename = "t")]
    pub server_time: UnixMillis,
    /// The boot in which it was heard.
    #[serde(rename = "b")]
    pub boot: BootId,
    /// The device's time since boot when it was heard.
    #[serde(rename = "u")]
    pub uptime: Millis,
}

/// All that a device knew of the time at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeEvidence {
    /// The device's wall clock, which its user may have set.
    #[serde(rename = "w")]
    pub wall: UnixMillis,
    /// The boot that `uptime` counts from.
    #[serde(rename = "b")]
    pub boot: BootId,
    /// Monotonic time since boot, sleep included.
    #[serde(rename = "u")]
    pub uptime: Millis,
    /// Now by a GNSS fix not older than a minute (its time and its age together), if there
    /// was one and no software had made it up.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub gnss: Option<UnixMillis>,
    /// The last server time heard, if ever.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<ServerAnchor>,
}

/// How a trusted time was come by, from surest to least sure.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sureness {
    /// The server's own clock, or the server's time carried on by the monotonic clock.
    Server,
    /// The time of a GNSS fix.
    Gnss,
    /// Only the wall clock: DOMAIN's `clock_unsure`. Never improves a deadline unseen.
    Unsure,
}

/// The moment at which something is held to have happened, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustedTime {
    /// The moment.
    pub at: UnixMillis,
    /// How it was come by.
    pub sureness: Sureness,
}

impl TimeEvidence {
    /// Evidence from the server itself, whose clock is the reference.
    #[must_use]
    pub fn of_server(now: UnixMillis) -> Self {
        let boot = BootId([0; 16]);
        let anchor = ServerAnchor {
            server_time: now,
            boot,
            uptime: Millis(0),
        };
        Self {
            wall: now,
            boot,
            uptime: Millis(0),
            gnss: None,
            anchor: Some(anchor),
        }
    }

    /// The moment that this evidence supports, by the rules in the module's head.
    #[must_use]
    pub fn trusted(&self) -> TrustedTime {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::WallClock) {
            return TrustedTime {
                at: self.wall,
                sureness: Sureness::Server,
            };
        }
        #[cfg(feature = "planted")]
        if let Some(anchor) = self.anchor
            && crate::planted::on(crate::planted::Bug::AnchorAcrossBoots)
        {
            let elapsed = Millis(self.uptime.0.saturating_sub(anchor.uptime.0));
            return TrustedTime {
                at: anchor.server_time.plus(elapsed),
                sureness: Sureness::Server,
            };
        }
        if let Some(anchor) = self.anchor
            && anchor.boot == self.boot
            && self.uptime >= anchor.uptime
        {
            let elapsed = Millis(self.uptime.0.saturating_sub(anchor.uptime.0));
            return TrustedTime {
                at: anchor.server_time.plus(elapsed),
                sureness: Sureness::Server,
            };
        }
        let floor = self.anchor.map(|anchor| anchor.server_time);
        if let Some(at) = self.gnss
            && floor.is_none_or(|floor| at >= floor)
        {
            return TrustedTime {
                at,
                sureness: Sureness::Gnss,
            };
        }
        TrustedTime {
            at: floor.map_or(self.wall, |floor| self.wall.max(floor)),
            sureness: Sureness::Unsure,
        }
    }

    /// How far the wall clock was off the trusted time; positive when it was ahead.
    /// Zero when there was nothing surer to compare with.
    #[must_use]
    pub fn wall_offset(&self) -> Millis {
        let trusted = self.trusted();
        match trusted.sureness {
            Sureness::Unsure => Millis(0),
            Sureness::Server | Sureness::Gnss => self.wall.since(trusted.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(wall: i64, boot: u8, uptime: i64) -> TimeEvidence {
        TimeEvidence {
            wall: UnixMillis(wall),
            boot: BootId([boot; 16]),
            uptime: Millis(uptime),
            gnss: None,
            anchor: Some(ServerAnchor {
                server_time: UnixMillis(1_000_000),
                boot: BootId([1; 16]),
                uptime: Millis(500),
            }),
        }
    }

    #[test]
    fn a_wrong_wall_clock_does_not_matter_within_the_boot_of_the_last_server_time() {
        let seen = evidence(99_999_999_999, 1, 2_500);
        assert_eq!(
            seen.trusted(),
            TrustedTime {
                at: UnixMillis(1_002_000),
                sureness: Sureness::Server
            }
        );
        assert_eq!(seen.wall_offset(), Millis(99_999_999_999 - 1_002_000));
    }

    #[test]
    fn after_a_reboot_the_fix_counts_and_without_one_the_time_is_unsure() {
        let mut seen = evidence(2_000_000, 2, 10);
        assert_eq!(seen.trusted().sureness, Sureness::Unsure);
        assert_eq!(seen.trusted().at, UnixMillis(2_000_000));
        seen.gnss = Some(UnixMillis(1_900_000));
        assert_eq!(
            seen.trusted(),
            TrustedTime {
                at: UnixMillis(1_900_000),
                sureness: Sureness::Gnss
            }
        );
    }

    #[test]
    fn a_fix_from_before_the_last_server_time_counts_for_nothing() {
        let mut seen = evidence(2_000_000, 2, 10);
        seen.gnss = Some(UnixMillis(999_999));
        assert_eq!(
            seen.trusted(),
            TrustedTime {
                at: UnixMillis(2_000_000),
                sureness: Sureness::Unsure
            }
        );
    }

    #[test]
    fn a_wall_clock_set_back_never_goes_before_the_last_server_time() {
        assert_eq!(evidence(5, 2, 10).trusted().at, UnixMillis(1_000_000));
    }
}
