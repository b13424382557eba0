//! The rules of a push: what becomes of a batch, given what is held.
//!
//! A batch that got this far is genuine: its form, its links and its signature were checked
//! ([`super::incoming`]). What is left is to compare its links with those that are held.
//! Since a link stands for everything before it, one comparison at each position is enough:
//!
//! | the batch | outcome |
//! |---|---|
//! | begins after the entry that follows the last one held | [`Plan::Gap`] |
//! | follows another link than the one that is held there | [`Plan::BadLink`] |
//! | has another link than is held somewhere | [`Plan::Fork`] after the last equal one |
//! | agrees as far as is held | [`Plan::Take`] what is new, which may be nothing |

use gridcrew_sync_protocol::{
    digest::Digest,
    journal::{Batch, Seq},
};

/// The last entry of a journal that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its position; 0 when nothing is held.
    pub seq: Seq,
    /// Its link; zero when nothing is held.
    pub link: Digest,
}

impl Head {
    /// Of a journal of which nothing is held.
    pub const NOTHING: Self = Self {
        seq: Seq(0),
        link: Digest::ZERO,
    };
}

/// What is held where a batch would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The link of the entry before the batch's first; zero before the first of all.
    pub before: Digest,
    /// The links from the batch's first entry on, as far as held and as the batch goes.
    pub links: Vec<Digest>,
}

/// What is to become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Entries before it are missing.
    Gap,
    /// The journal that it continues is not the one that is held: it forked before the
    /// batch's first entry.
    BadLink,
    /// It forks within the batch.
    Fork {
        /// The last entry on which both agree.
        common: Head,
    },
    /// Its first `held` entries are held already, the rest follows what is held.
    Take {
        /// How many are held already.
        held: usize,
    },
}

/// Whether entries are missing between what is held and a batch that begins at `first`.
#[must_use]
pub fn leaves_gap(head: Head, first: Seq) -> bool {
    first > head.seq.next()
}

/// Decides what becomes of `batch`, whose links are `links`.
#[must_use]
pub fn plan(head: Head, batch: &Batch, links: &[Digest], overlap: &Overlap) -> Plan {
    if leaves_gap(head, batch.first) {
        return Plan::Gap;
    }
    if batch.before != overlap.before {
        return Plan::BadLink;
    }
    let held = links
        .iter()
        .zip(&overlap.links)
        .take_while(|(sent, held)| sent == held)
        .count();
    if held == overlap.links.len() {
        return Plan::Take { held };
    }
    let common = match held.checked_sub(1).and_then(|last| links.get(last)) {
        Some(link) => Head {
            seq: Seq(batch.first.0.saturating_add(held as u64).saturating_sub(1)),
            link: *link,
        },
        None => Head {
            seq: Seq(batch.first.0.saturating_sub(1)),
            link: batch.before,
        },
    };
    Plan::Fork { common }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use gridcrew_sync_protocol::{ids::JournalId, journal::Item};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn batch(first: u64, before: Digest, contents: &[u8]) -> (Batch, Vec<Digest>) {
        let items = contents
            .iter()
            .map(|content| Item::Bytes(vec![*content].into()))
            .collect();
        let key = SigningKey::from_bytes(&[1; 32]);
        let journal = JournalId(Uuid::from_u128(1));
        let batch = Batch::sign(journal, Seq(first), before, items, &key);
        let links = batch.links();
        (batch, links)
    }

    /// What is held of a journal whose entries are `held`, seen from a batch of `len`
    /// entries at `first`.
    fn held(held: &[u8], first: u64, len: usize) -> (Head, Overlap) {
        let (_, links) = batch(1, Digest::ZERO, held);
        let head = links.last().map_or(Head::NOTHING, |link| Head {
            seq: Seq(links.len() as u64),
            link: *link,
        });
        let skip = first as usize - 1;
        let before = match skip {
            0 => Digest::ZERO,
            _ => links.get(skip - 1).copied().unwrap_or(Digest::ZERO),
        };
        let links = links.into_iter().skip(skip).take(len).collect();
        (head, Overlap { before, links })
    }

    proptest! {
        /// Whatever stretch of whatever branch is sent against whatever is held, the plan is
        /// what a comparison of the two lists of entries says.
        #[test]
        fn the_plan_is_what_comparing_both_lists_of_entries_says(
            common in prop::collection::vec(any::<u8>(), 0..6),
            ours in prop::collection::vec(0u8..4, 0..6),
            theirs in prop::collection::vec(0u8..4, 0..6),
            from in any::<prop::sample::Index>(),
            len in 1usize..8,
        ) {
            let mine: Vec<u8> = common.iter().chain(&ours).copied().collect();
            let sent: Vec<u8> = common.iter().chain(&theirs).copied().collect();
            prop_assume!(!sent.is_empty());
            let skip = from.index(sent.len());
            let contents: Vec<u8> = sent.iter().skip(skip).take(len).copied().collect();
            let (_, all) = batch(1, Digest::ZERO, &sent);
            let before = if skip == 0 { Digest::ZERO } else { all[skip - 1] };
            let first = skip as u64 + 1;
            let (sent_batch, links) = batch(first, before, &contents);
            let (head, overlap) = held(&mine, first, contents.len());
            let agree = mine.iter().zip(&sent).take_while(|(a, b)| a == b).count();
            let end = skip + contents.len();
            let expected = if skip > mine.len() {
                Plan::Gap
            } else if agree < skip {
                Plan::BadLink
            } else if agree >= end.min(mine.len()) {
                Plan::Take { held: end.min(mine.len()) - skip }
            } else {
                let link = if agree == 0 { Digest::ZERO } else { all[agree - 1] };
                Plan::Fork { common: Head { seq: Seq(agree as u64), link } }
            };
            prop_assert_eq!(plan(head, &sent_batch, &links, &overlap), expected);
        }
    }
}
