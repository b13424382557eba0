//! How long to wait after wrong tries, and for how long the server was not heard.
//!
//! Neither can be shortened by setting the clock: within one boot only the time since boot
//! counts. After a restart of the device a wait goes on by trusted time where that is sure
//! at both ends, and else begins anew; the time without contact is then the longer of what
//! was counted and what the wall clock says.

use crate::clock::Moment;
use gridcrew_sync_protocol::time::{BootId, Millis, ServerAnchor, UnixMillis};
use serde::{Deserialize, Serialize};

/// How long the content stays open without contact, unless it is set otherwise (DOMAIN 7,
/// row 23).
pub const OFFLINE_AFTER: Millis = Millis(72 * 60 * 60 * 1000);

/// Wrong tries that cost nothing.
const FREE: u32 = 4;
/// Waits after the tries that follow; the last for all further ones.
const WAITS: [Millis; 6] = [
    Millis(30_000),
    Millis(60_000),
    Millis(5 * 60_000),
    Millis(15 * 60_000),
    Millis(60 * 60_000),
    Millis(4 * 60 * 60_000),
];

/// When a try was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    pub(super) boot: BootId,
    pub(super) uptime: Millis,
    /// The time, where it was sure.
    pub(super) at: Option<UnixMillis>,
}

/// What is left of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing.
    Over,
    /// So much.
    Left(Millis),
    /// That cannot be told: it begins again, this long.
    Anew(Millis),
}

/// The wait after so many wrong tries in a row.
pub(super) fn wait_after(tries: u32) -> Millis {
    let Some(over) = tries.checked_sub(FREE + 1) else {
        return Millis(0);
    };
    let at = usize::try_from(over).unwrap_or(usize::MAX);
    let last = Millis(4 * 60 * 60_000);
    WAITS.get(at).copied().unwrap_or(last)
}

/// What is left of the wait after the last of `tries` wrong tries.
pub(super) fn wait(tries: u32, last: Option<&Tried>, now: &Tried) -> Wait {
    let whole = wait_after(tries);
    let Some(last) = last.filter(|_| whole > Millis(0)) else {
        return Wait::Over;
    };
    let passed = if last.boot == now.boot {
        now.uptime.0.saturating_sub(last.uptime.0)
    } else if let (Some(then), Some(now)) = (last.at, now.at) {
        now.since(then).0
    } else {
        return Wait::Anew(whole);
    };
    let left = whole.0.saturating_sub(passed.max(0));
    if left > 0 {
        Wait::Left(Millis(left))
    } else {
        Wait::Over
    }
}

/// How long the server had not been heard when the handheld was last opened in another
/// boot than that of the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Which contact it counts from, by the server's clock.
    contact: UnixMillis,
    boot: BootId,
    uptime: Millis,
    offline: Millis,
}

/// Counts on.
pub(super) fn look(contact: &ServerAnchor, before: Option<&Seen>, now: Moment) -> Seen {
    Seen {
        contact: contact.server_time,
        boot: now.boot,
        uptime: now.uptime,
        offline: offline_for(contact, before, now),
    }
}

/// For how long the server was not heard.
pub(super) fn offline_for(contact: &ServerAnchor, seen: Option<&Seen>, now: Moment) -> Millis {
    if now.boot == contact.boot {
        return Millis(now.uptime.0.saturating_sub(contact.uptime.0).max(0));
    }
    let counted = match seen.filter(|seen| seen.contact == contact.server_time) {
        Some(seen) if seen.boot == now.boot => {
            let since = now.uptime.0.saturating_sub(seen.uptime.0).max(0);
            seen.offline.0.saturating_add(since)
        }
        Some(seen) => seen.offline.0.saturating_add(now.uptime.0.max(0)),
        None => now.uptime.0.max(0),
    };
    let by_wall = now.wall.since(contact.server_time).0;
    Millis(counted.max(by_wall))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 60 * 60_000;

    fn tried(boot: u8, uptime: i64, at: Option<i64>) -> Tried {
        Tried {
            boot: BootId([boot; 16]),
            uptime: Millis(uptime),
            at: at.map(UnixMillis),
        }
    }

    #[test]
    fn waits_grow_and_never_shrink() {
        assert_eq!(wait_after(4), Millis(0));
        assert_eq!(wait_after(5), Millis(30_000));
        for tries in 0..40 {
            assert!(wait_after(tries) <= wait_after(tries + 1));
        }
        assert_eq!(wait_after(u32::MAX), Millis(4 * HOUR));
    }

    #[test]
    fn a_restart_never_shortens_a_wait() {
        let last = tried(1, 1_000, Some(50_000));
        assert_eq!(wait(5, Some(&last), &tried(1, 31_000, None)), Wait::Over);
        let left = Wait::Left(Millis(1));
        assert_eq!(wait(5, Some(&last), &tried(1, 30_999, Some(0))), left);
        // Restarted without a sure time: from the beginning.
        let anew = Wait::Anew(Millis(30_000));
        assert_eq!(wait(5, Some(&last), &tried(2, 900_000, None)), anew);
        assert_eq!(wait(5, Some(&last), &tried(2, 1, Some(80_000))), Wait::Over);
        let back = wait(5, Some(&last), &tried(2, 1, Some(0)));
        assert_eq!(back, Wait::Left(Millis(30_000)));
    }

    proptest! {
        /// Whatever the wall clock and restarts do, the time without contact is never less
        /// than the time that the device ran.
        #[test]
        fn the_time_without_contact_is_at_least_the_time_that_the_device_ran(
            runs in prop::collection::vec((0i64..40 * HOUR, any::<i32>()), 1..8),
        ) {
            let contact = ServerAnchor {
                server_time: UnixMillis(1_000_000_000),
                boot: BootId([0; 16]),
                uptime: Millis(5_000),
            };
            let (mut seen, mut ran) = (None, 0);
            for (boot, (length, wall)) in (1u8..).zip(runs) {
                let opened = Moment {
                    wall: UnixMillis(i64::from(wall)),
                    boot: BootId([boot; 16]),
                    uptime: Millis(length),
                };
                ran += length;
                let state = look(&contact, seen.as_ref(), opened);
                prop_assert!(state.offline.0 >= ran);
                seen = Some(state);
            }
        }
    }
}
