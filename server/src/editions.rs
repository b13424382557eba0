//! Rule sets that ship with the build: editions with a moment from which each counts (I10).
//!
//! What a rule set says is its capability's own; which of its editions counts is asked here.

use gridcrew_sync_protocol::time::UnixMillis;

/// An edition of a rule set.
pub trait Edition {
    /// From when it counts.
    fn effective_from(&self) -> UnixMillis;
}

/// The editions of one rule set; there is at least one.
#[derive(Clone, Debug)]
pub struct Editions<T> {
    oldest: T,
    /// The later ones, in the order in which they count.
    later: Vec<T>,
}

impl<T: Edition> Editions<T> {
    /// Reads the texts that ship with this build, the oldest first. Each rule set has a test
    /// that reads its own.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "there is a text, each is part of the build, and a test reads it"
    )]
    pub fn shipped<const N: usize>(
        texts: &[&str; N],
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Self {
        const { assert!(N > 0, "at least one edition ships") };
        let mut editions = texts
            .iter()
            .map(|text| read(text).expect("a rule set that ships with the build can be read"));
        let oldest = editions.next().expect("an edition ships");
        Self {
            oldest,
            later: editions.collect(),
        }
    }

    /// The newest edition that counts at `now`; before all of them the oldest.
    #[must_use]
    pub fn in_force(&self, now: UnixMillis) -> &T {
        let counts = |edition: &&T| edition.effective_from() <= now;
        self.later.iter().rfind(counts).unwrap_or(&self.oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Since(i64);

    impl Edition for Since {
        fn effective_from(&self) -> UnixMillis {
            UnixMillis(self.0)
        }
    }

    #[test]
    fn the_newest_edition_that_counts_is_chosen_and_before_all_of_them_the_oldest() {
        let editions = Editions::shipped(&["5", "10", "20"], |text| {
            text.parse().map(Since).map_err(|_| text.to_owned())
        });
        let chosen = |at| editions.in_force(UnixMillis(at)).0;
        assert_eq!(
            [4, 5, 9, 10, 19, 20, 99].map(chosen),
            [5, 5, 5, 10, 10, 20, 20]
        );
    }
}
