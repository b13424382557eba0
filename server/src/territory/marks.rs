//! Which stations changed: how often each group of stations has.
//!
//! Every change of a territory raises one count of all changes, by which a process sees that
//! its snapshot is old, and the count of the station's group, by which it sees whose part of
//! it. Stations fall into groups by a hash of their id. Both are raised in one statement, so
//! the counts of the groups add up to what the count of all has risen by; where they do not,
//! someone raised only the one, and everything is loaded anew.

use gridcrew_sync_protocol::ids::OrgId;
use std::collections::{BTreeMap, BTreeSet};

/// How many groups there are. A nation's stations are about eight times as many, so a change
/// of one of them loads eight anew.
const GROUPS: u32 = 4_096;

/// The row that counts all changes.
pub const ALL: i32 = 1;

/// The row that counts the changes of a station's group.
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

/// How often each group of stations has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<i32, i64>);

impl Marks {
    /// The counts by their rows.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = (i32, i64)>) -> Self {
        Self(rows.into_iter().filter(|(row, _)| *row != ALL).collect())
    }

    /// The groups that changed since these were read, if that explains as many changes of
    /// all as there were; `None` when it does not, or when a count went back: the database was
    /// restored.
    #[must_use]
    pub fn changed_since(&self, before: &Self, changes: i64) -> Option<BTreeSet<i32>> {
        let mut explained = 0;
        let mut changed = BTreeSet::new();
        for (row, count) in &self.0 {
            let rise = count - before.0.get(row).copied().unwrap_or(0);
            if rise < 0 {
                return None;
            }
            explained += rise;
            if rise != 0 {
                changed.insert(*row);
            }
        }
        (explained == changes).then_some(changed)
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
