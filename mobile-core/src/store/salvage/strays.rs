//! Entries whose journal or number was damaged, while their bytes and their link are whole.
//!
//! A link covers the journal, the number, the link before and the bytes. So of all places that
//! are free, a stray fits only the one where it stood, and it can be brought back there. Left
//! where it says it is, one that waits would never be sent, and one that the server holds would
//! come with the feed a second time.

use super::{Kept, link_before};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{EntryId, Seq},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most places that strays are tried at, all together: a second of hashing.
const MOST_TRIES: usize = 1_000_000;

/// The entries, each stray at the place that its link fits; one that fits none stays.
pub(super) fn bring_home(mut all: BTreeMap<EntryId, Kept>) -> BTreeMap<EntryId, Kept> {
    let links = all.iter().map(|(id, kept)| (*id, kept.entry.link));
    let links: BTreeMap<EntryId, Digest> = links.collect();
    let follows = |id: &EntryId, kept: &Kept| {
        link_before(*id, &links).is_some_and(|before| kept.stands_behind(*id, before))
    };
    let (settled, strays): (Vec<_>, Vec<_>) = all.iter().partition(|(id, kept)| follows(id, kept));
    // The bytes are hashed once, not at every place.
    let mut strays: Vec<(EntryId, Digest)> = strays
        .into_iter()
        .map(|(id, kept)| (*id, Digest::of(&kept.entry.bytes)))
        .collect();
    if strays.is_empty() {
        return all;
    }
    let journals: BTreeSet<JournalId> = settled.iter().map(|(id, _)| id.journal).collect();
    let ends = settled.iter().map(|(id, kept)| (**id, kept.entry.link));
    let begins = journals.into_iter().map(|journal| {
        let seq = Seq(0);
        (EntryId { journal, seq }, Digest::ZERO)
    });
    let mut open: Vec<(EntryId, Digest)> = ends.chain(begins).collect();
    let mut tries = MOST_TRIES;
    while let Some((last, before)) = open.pop() {
        let place = EntryId {
            journal: last.journal,
            seq: last.seq.next(),
        };
        if all.contains_key(&place) {
            continue;
        }
        tries = tries.saturating_sub(strays.len());
        if tries == 0 {
            tracing::warn!("too much of the journal is damaged to bring all of it back");
            break;
        }
        let fits = |(id, content): &(EntryId, Digest)| {
            let kept = all.get(id);
            kept.is_some_and(|kept| kept.has_link_of(place, before, *content))
        };
        let Some(at) = strays.iter().position(fits) else {
            continue;
        };
        if let Some(mut kept) = all.remove(&strays.swap_remove(at).0) {
            kept.entry.id = place;
            open.push((place, kept.entry.link));
            all.insert(place, kept);
        }
    }
    all
}
