//! Which stations changed: how far each group of stations has moved on.
//!
//! Every change of a territory moves on one mark of all changes, by which a process sees that
//! its snapshot is old, and the mark of the station's group, by which it sees whose part of
//! it. Stations fall into groups by a hash of their id. Both move by the same [`step`] in one
//! statement, so the marks of the groups add up to what the mark of all has risen by; where
//! they do not, someone raised only the one, and everything is loaded anew.
//!
//! A step is not one but a number drawn from the moment and the station. A database that was
//! restored from a backup and changed again, all between two looks, has another past than the
//! snapshot knows: marks that counted changes could stand where they stood, or have overtaken
//! it, and be taken for the same or for a few missed changes. Moments do not come twice, so
//! the marks of two pasts differ, and a group whose mark is the same has the same past. This
//! needs nothing beside the rows that there are, and no other state of the server: an epoch
//! tells of a restored database only once somebody has noticed that it was.

use gridcrew_sync_protocol::{digest::Digest, ids::OrgId, time::UnixMillis};
use std::collections::{BTreeMap, BTreeSet};

/// How many groups there are. A nation's stations are about eight times as many, so a change
/// of one of them loads eight anew.
const GROUPS: u32 = 4_096;

/// The row of the mark of all changes.
pub const ALL: i32 = 1;

/// The row of the mark of a station's group.
#[must_use]
pub fn group_of(station: OrgId) -> i32 {
    // FNV-1a: ids made in one batch differ in few bits.
    let hash = station
        .0
        .as_bytes()
        .iter()
        .fold(0x811C_9DC5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
    let group = (hash ^ (hash >> 16)) % GROUPS;
    // At most 4,097.
    ALL + 1 + i32::try_from(group).unwrap_or(0)
}

/// How far a change of a station at a moment moves the marks on: 1 to 2^24, so that two pasts
/// meet at one mark by chance once in sixteen millions, and the marks have room for 2^39
/// changes.
#[must_use]
pub fn step(station: OrgId, now: UnixMillis) -> i64 {
    let Digest([a, b, c, ..]) =
        Digest::of_parts(&[station.0.as_bytes().as_slice(), &now.0.to_be_bytes()]);
    i64::from(u32::from_be_bytes([0, a, b, c])) + 1
}

/// How far each group of stations has moved on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<i32, i64>);

impl Marks {
    /// The marks by their rows.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = (i32, i64)>) -> Self {
        Self(rows.into_iter().filter(|(row, _)| *row != ALL).collect())
    }

    /// The groups that changed since these were read, if that explains how far the mark of all
    /// moved on, `risen`; `None` when it does not, or when a mark went back or is gone: the
    /// database was restored.
    #[must_use]
    pub fn changed_since(&self, before: &Self, risen: i64) -> Option<BTreeSet<i32>> {
        if before.0.keys().any(|row| !self.0.contains_key(row)) {
            return None;
        }
        let mut explained = 0_i64;
        let mut changed = BTreeSet::new();
        for (row, mark) in &self.0 {
            let rise = mark - before.0.get(row).copied().unwrap_or(0);
            if rise < 0 {
                return None;
            }
            explained = explained.saturating_add(rise);
            if rise != 0 {
                changed.insert(*row);
            }
        }
        (explained == risen).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn groups_that_changed_are_known_only_when_all_changes_are_explained() {
        let before = Marks::of([(ALL, 9), (5, 2), (7, 1)]);
        let after = Marks::of([(ALL, 12), (5, 4), (7, 1), (8, 1)]);
        assert_eq!(
            after.changed_since(&before, 3),
            Some(BTreeSet::from([5, 8]))
        );
        // Another process raised the count of all alone.
        assert_eq!(after.changed_since(&before, 4), None);
        assert_eq!(before.changed_since(&before, 0), Some(BTreeSet::new()));
        let restored = Marks::of([(ALL, 10), (5, 4), (7, 0)]);
        assert_eq!(restored.changed_since(&before, 1), None);
        let without_a_group = Marks::of([(ALL, 10), (5, 4)]);
        assert_eq!(without_a_group.changed_since(&before, 2), None);
    }

    #[test]
    fn a_step_is_its_moment_s_and_its_station_s_own() {
        let station = |n| OrgId(Uuid::from_u128(n));
        let steps: BTreeSet<i64> = (0..1_000)
            .flat_map(|n| {
                [
                    step(station(1), UnixMillis(n)),
                    step(station(2), UnixMillis(n)),
                ]
            })
            .collect();
        assert!(steps.len() > 1_990, "{}", steps.len());
        assert!(steps.iter().all(|step| (1..=1 << 24).contains(step)));
    }

    #[test]
    fn stations_spread_over_the_groups() {
        let groups: BTreeSet<i32> = (0..30_000)
            .map(|n| group_of(OrgId(Uuid::from_u128(n))))
            .collect();
        assert!(groups.len() > 4_000, "{}", groups.len());
        assert!(groups.iter().all(|row| (2..=4_097).contains(row)));
    }
}
