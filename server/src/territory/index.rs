//! The snapshot in force, swapped whole.

use super::snapshot::TerritorySnapshot;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Holds the snapshot that this process searches. Reading takes no lock; whoever has
/// loaded a snapshot keeps it, whole, however often it is swapped meanwhile.
#[derive(Debug)]
pub struct TerritoryIndex {
    current: ArcSwap<TerritorySnapshot>,
}

impl Default for TerritoryIndex {
    fn default() -> Self {
        Self::new(TerritorySnapshot::empty())
    }
}

impl TerritoryIndex {
    /// An index that begins with a snapshot.
    #[must_use]
    pub fn new(first: TerritorySnapshot) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
        }
    }

    /// The snapshot in force.
    #[must_use]
    pub fn load(&self) -> Arc<TerritorySnapshot> {
        self.current.load_full()
    }

    /// Puts a snapshot in force unless a later one is already; says whether it did. Two
    /// tasks that rebuild at once may thus finish in either order.
    pub fn swap(&self, next: TerritorySnapshot) -> bool {
        let next = Arc::new(next);
        let before = self.current.rcu(|current| {
            if current.change() > next.change() {
                Arc::clone(current)
            } else {
                Arc::clone(&next)
            }
        });
        before.change() <= next.change()
    }

    /// Puts a snapshot in force whatever the one before: the database was restored, and its
    /// count of changes began again from an older one.
    pub fn replace(&self, next: TerritorySnapshot) {
        self.current.store(Arc::new(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_snapshot_does_not_replace_a_newer_one() {
        let index = TerritoryIndex::default();
        let at = |change| TerritorySnapshot::build(change, vec![]).unwrap();
        let held = index.load();
        assert!(index.swap(at(7)));
        assert!(!index.swap(at(6)));
        assert!(index.swap(at(7)));
        assert_eq!(index.load().change(), 7);
        assert_eq!(held.change(), 0);
    }
}
