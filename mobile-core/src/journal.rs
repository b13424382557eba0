//! From an act of the person to a durable, chained entry (I3), and on to another journal
//! when two devices wrote one (I4), or when the server does not know the one there is.

use crate::{
    error::Error,
    fold::{records, refold, template_of},
    local::Local,
    rules,
    store::{
        identity::{self, Identity},
        journal, orders, photos as rows,
        photos::Taken,
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId},
    journal::{Entry, EntryId, MAX_ENTRY_BYTES, Opened, Seq},
    order::fold,
    record::{Event, Fix, Record},
    time::{Millis, UnixMillis},
    workflow::SlotCode,
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Oldest fix whose time is taken as evidence (the protocol's rule for GNSS time).
const FRESH_FIX: Millis = Millis(60_000);

/// A place fix as the device gave it, with the satellites' time if there was one.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where, how sure and how old.
    pub fix: Fix,
    /// The time that the satellites gave with it.
    pub gnss_time: Option<UnixMillis>,
}

impl Place {
    /// The satellites' time carried on to now, where it is evidence: of a fix that is
    /// fresh, not from the future and not given by a mock provider.
    fn gnss_now(&self) -> Option<UnixMillis> {
        let age = self.fix.age;
        let counts = !self.fix.mock && (Millis(0)..=FRESH_FIX).contains(&age);
        self.gnss_time.filter(|_| counts).map(|at| at.plus(age))
    }
}

impl From<Fix> for Place {
    fn from(fix: Fix) -> Self {
        Self {
            fix,
            gnss_time: None,
        }
    }
}

impl Local {
    /// Whether the person may record `event` now, judged without recording anything.
    pub(crate) fn may_record(&self, order: OrderId, event: &Event) -> Result<(), Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        judge(db, &identity, order, event).map(|_| ())
    }

    /// Records an event of an order. When this returns, it is durable; when it fails,
    /// nothing was recorded.
    pub(crate) fn record(
        &mut self,
        order: OrderId,
        event: Event,
        place: Option<Place>,
        photos: &[(Taken, SlotCode)],
    ) -> Result<EntryId, Error> {
        let now = self.clock.now();
        let gnss = place.as_ref().and_then(Place::gnss_now);
        self.store.write(|db| {
            let identity = identity::require(db)?;
            let term = judge(db, &identity, order, &event)?;
            let record = Record {
                order,
                actor: identity.person,
                term,
                time: now.evidence(identity::anchor(db)?, gnss),
                fix: place.map(|place| place.fix),
                event,
            };
            let entry = Entry::Record(record);
            let length = entry.to_bytes().len();
            if length > MAX_ENTRY_BYTES {
                return Err(Error::Invalid(format!(
                    "the record has {length} bytes; at most {MAX_ENTRY_BYTES} are allowed"
                )));
            }
            let id = journal::append(db, identity.journal, &entry, now.wall)?;
            for (taken, slot) in photos {
                rows::put(db, taken, now.wall)?;
                rows::add_use(db, taken.digest, id, slot, order)?;
            }
            refold(db, order)?;
            Ok(id)
        })
    }
}

fn judge(
    db: &Connection,
    identity: &Identity,
    order: OrderId,
    event: &Event,
) -> Result<gridcrew_sync_protocol::record::Term, Error> {
    let known = orders::get(db, order)?;
    if known.is_none_or(|row| row.gone) {
        return Err(Error::UnknownOrder(order.to_string()));
    }
    let records = records(db, order)?;
    let template = template_of(db, &records)?.ok_or(Error::NoTemplate)?;
    let state = fold(&template, &records).ok_or(Error::NoTemplate)?;
    rules::term_for(&state, &template, identity.person, event)
}

/// Writes the opening of a journal, which is its first entry.
pub(crate) fn open_journal(
    db: &Connection,
    identity: &Identity,
    continues: Option<(JournalId, u64, Digest)>,
    now: UnixMillis,
) -> Result<(), Error> {
    let opened = Opened {
        person: identity.person,
        continues,
    };
    journal::append(db, identity.journal, &Entry::Opened(opened), now).map(|_| ())
}

/// Goes on in a new journal: the identity changes over to it, and every entry after
/// `common` is written into it again, in order, with the same content. The old branch
/// stays, marked as superseded.
pub(crate) fn change_over(
    db: &Connection,
    identity: &Identity,
    old: JournalId,
    (common, link): (Seq, Digest),
    now: UnixMillis,
) -> Result<(), Error> {
    identity::put(db, identity)?;
    let branch = journal::supersede_after(db, old, common)?;
    #[cfg(feature = "planted")]
    let branch = if crate::planted::on(crate::planted::Bug::DropOnFork) {
        Vec::new()
    } else {
        branch
    };
    open_journal(db, identity, Some((old, common.0, link)), now)?;
    let new = identity.journal;
    let (mut seq, mut before) = journal::head(db, new)?;
    let mut touched: Vec<OrderId> = Vec::new();
    for entry in branch.into_iter().filter(|entry| entry.order.is_some()) {
        seq = seq.next();
        let row = journal::chained(new, seq, before, entry.bytes, entry.order);
        before = row.link;
        journal::insert(db, &row, now)?;
        rows::move_uses(db, entry.id, row.id)?;
        touched.extend(entry.order);
    }
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::BranchCountsAsHeld) {
        journal::mark_held(db, new, seq, now)?;
    }
    refold_those(db, touched)
}

fn refold_those(db: &Connection, mut touched: Vec<OrderId>) -> Result<(), Error> {
    touched.sort_unstable();
    touched.dedup();
    for order in touched {
        if orders::get(db, order)?.is_some() {
            refold(db, order)?;
        }
    }
    Ok(())
}

/// Goes on in the journal that a server gave at enrolment which does not know the one there
/// was: everything that was ever recorded goes into it, each record once, in order, with
/// the same content. What is in other journals stays, marked as superseded.
///
/// The journal is new, or one from before a fork: then it is offered as it was written, and
/// what came after is written behind it. It names no other as continued: only one that was
/// opened after a fork can, and the server has never heard of the present one.
pub(crate) fn gather(
    db: &Connection,
    identity: &Identity,
    present: JournalId,
    now: UnixMillis,
) -> Result<(), Error> {
    let new = identity.journal;
    let mut all = Vec::new();
    for journal in lineage(db, present)? {
        if journal != new {
            all.extend(journal::supersede_after(db, journal, Seq(0))?);
        }
    }
    identity::put(db, identity)?;
    let mut written: BTreeMap<Vec<u8>, Vec<EntryId>> = BTreeMap::new();
    for entry in journal::revive(db, new)?.into_iter().rev() {
        written.entry(entry.bytes).or_default().push(entry.id);
    }
    let (mut seq, mut before) = journal::head(db, new)?;
    if seq == Seq(0) {
        open_journal(db, identity, None, now)?;
        (seq, before) = journal::head(db, new)?;
    }
    let mut touched: Vec<OrderId> = Vec::new();
    for entry in all.into_iter().filter(|entry| entry.order.is_some()) {
        touched.extend(entry.order);
        // It was a copy of this one.
        if let Some(first) = written.get_mut(&entry.bytes).and_then(Vec::pop) {
            rows::move_uses(db, entry.id, first)?;
            continue;
        }
        seq = seq.next();
        let row = journal::chained(new, seq, before, entry.bytes, entry.order);
        before = row.link;
        journal::insert(db, &row, now)?;
        rows::move_uses(db, entry.id, row.id)?;
    }
    refold_those(db, touched)
}

/// The journals that `last` goes on from, oldest first, and `last`.
fn lineage(db: &Connection, last: JournalId) -> Result<Vec<JournalId>, Error> {
    let mut all = vec![last];
    let mut next = Some(last);
    while let Some(journal) = next {
        let first = journal::run_from(db, journal, Seq::FIRST, 1, 1)?
            .into_iter()
            .next();
        next = first
            .and_then(|first| match Entry::from_bytes(&first.bytes) {
                Ok(Entry::Opened(opened)) => opened.continues,
                _ => None,
            })
            .map(|(before, ..)| before)
            .filter(|before| !all.contains(before));
        all.extend(next);
    }
    all.reverse();
    Ok(all)
}
