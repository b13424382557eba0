//! From an act of the person to a durable, chained entry (I3), and on to another journal
//! when two devices wrote one (I4), or when the server does not know the one there is.

use crate::{
    claims,
    error::Error,
    fold::{records, refold, template_of},
    local::Local,
    rules,
    store::{
        identity::{self, Identity},
        journal, looks, orders, photos as rows,
        photos::Taken,
    },
};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Motion, Target, prove},
    claims::{Review, review},
    digest::Digest,
    ids::{JournalId, OrderId},
    journal::{Entry, EntryId, MAX_ENTRY_BYTES, Opened, Seq},
    order::{OrderState, Sourced, fold},
    record::{Event, Fix, Record, Term},
    stamp,
    time::{Millis, TimeEvidence, UnixMillis},
    workflow::{SlotCode, Template},
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Oldest fix whose time is taken as evidence (the protocol's rule for GNSS time).
const FRESH_FIX: Millis = claims::LIMITS.oldest_fix;

/// A place fix as the device gave it, with the satellites' time and the speed if there were
/// any. Whether a mock provider gave it stands in the fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where, how sure and how old.
    pub fix: Fix,
    /// The time that the satellites gave with it.
    pub gnss_time: Option<UnixMillis>,
    /// The person's speed by the receiver, in decimetres a second.
    pub speed_dm_s: Option<u32>,
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
            speed_dm_s: None,
        }
    }
}

impl Local {
    /// Judges whether the person may record `event` now, without recording anything; gives
    /// what is written on the copies of its photos.
    pub(crate) fn may_record(
        &self,
        order: OrderId,
        event: &Event,
        place: Option<&Place>,
    ) -> Result<Vec<String>, Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        let time = self.evidence(db, place)?;
        let judged = judge(db, &identity, order, event, (place, &time))?;
        let fix = place.map(|place| &place.fix);
        Ok(stamp::lines(&judged.order_no, time.trusted(), fix))
    }

    /// What an arrival at an order would prove now.
    pub(crate) fn prove_arrival(
        &self,
        order: OrderId,
        place: Option<&Place>,
    ) -> Result<ArrivalProof, Error> {
        let db = self.store.read();
        let time = self.evidence(db, place)?;
        let (records, _, state) = known(db, order)?;
        let target = claims::target(db, &records, &state)?;
        let motion = claims::motion(db, place, &time)?;
        let fix = place.map(|place| &place.fix);
        Ok(prove(fix, target.as_ref(), motion, claims::LIMITS))
    }

    fn evidence(&self, db: &Connection, place: Option<&Place>) -> Result<TimeEvidence, Error> {
        let gnss = place.and_then(Place::gnss_now);
        Ok(self.clock.now().evidence(identity::anchor(db)?, gnss))
    }

    /// Records an event of an order. When this returns, it is durable; when it fails,
    /// nothing was recorded. On a full disk it is tried once more with the space that is kept
    /// back for the last record. Gives what follows from its place and photos with its id.
    pub(crate) fn record(
        &mut self,
        order: OrderId,
        event: Event,
        place: Option<Place>,
        photos: &[(Taken, SlotCode)],
    ) -> Result<(EntryId, Review), Error> {
        let first = self.record_once(order, event.clone(), place.as_ref(), photos);
        match first {
            Err(Error::DiskFull(why)) => {
                if self.reserve.give_up()? {
                    self.record_once(order, event, place.as_ref(), photos)
                } else {
                    Err(Error::DiskFull(why))
                }
            }
            other => other,
        }
    }

    fn record_once(
        &mut self,
        order: OrderId,
        event: Event,
        place: Option<&Place>,
        photos: &[(Taken, SlotCode)],
    ) -> Result<(EntryId, Review), Error> {
        let time = self.evidence(self.store.read(), place)?;
        let now = time.wall;
        self.store.write(|db| {
            let identity = identity::require(db)?;
            let Judged {
                term,
                motion,
                target,
                arrival,
                template,
                ..
            } = judge(db, &identity, order, &event, (place, &time))?;
            let claims = claims::of_record(db, order, motion, target, arrival, photos)?;
            let looks: Vec<_> = claims.photos.iter().map(|photo| photo.look).collect();
            let record = Record {
                order,
                actor: identity.person,
                term,
                time,
                fix: place.map(|place| place.fix.clone()),
                event,
                claims: claims.any(),
            };
            let review = review(&record, Some(&template), target, claims::LIMITS);
            let entry = Entry::Record(record);
            let length = entry.to_bytes().len();
            if length > MAX_ENTRY_BYTES {
                return Err(Error::Invalid(format!(
                    "the record has {length} bytes; at most {MAX_ENTRY_BYTES} are allowed"
                )));
            }
            let id = journal::append(db, identity.journal, &entry, now)?;
            for ((taken, slot), look) in photos.iter().zip(looks) {
                rows::put(db, taken, now)?;
                rows::add_use(db, taken.digest, id, slot, order)?;
                if let Some(look) = look {
                    looks::put(db, taken.digest, look, now)?;
                }
            }
            claims::remember(db, place, &time)?;
            refold(db, order)?;
            Ok((id, review))
        })
    }
}

/// What judging an event found out.
struct Judged {
    term: Term,
    /// The order's number at its source.
    order_no: String,
    motion: Motion,
    target: Option<Target>,
    arrival: Option<ArrivalProof>,
    template: Template,
}

fn known(db: &Connection, order: OrderId) -> Result<(Vec<Sourced>, Template, OrderState), Error> {
    match orders::get(db, order)? {
        Some(row) if row.closed.is_some() => return Err(Error::Closed),
        Some(row) if !row.gone => {}
        _ => return Err(Error::UnknownOrder(order.to_string())),
    }
    let records = records(db, order)?;
    let template = template_of(db, &records)?.ok_or(Error::NoTemplate)?;
    let state = fold(&template, &records).ok_or(Error::NoTemplate)?;
    Ok((records, template, state))
}

fn judge(
    db: &Connection,
    identity: &Identity,
    order: OrderId,
    event: &Event,
    (place, time): (Option<&Place>, &TimeEvidence),
) -> Result<Judged, Error> {
    let (records, template, state) = known(db, order)?;
    let target = claims::target(db, &records, &state)?;
    let motion = claims::motion(db, place, time)?;
    let arrival = claims::arrival(&template, event, place, target.as_ref(), motion);
    let term = rules::term_for(&state, &template, identity.person, event, arrival.as_ref())?;
    let order_no = claims::accepted(&records).map(|accepted| accepted.outside_no.clone());
    Ok(Judged {
        term,
        order_no: order_no.unwrap_or_default(),
        motion,
        target,
        arrival,
        template,
    })
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

/// Folds orders anew whose entries changed, each once.
pub(crate) fn refold_those(db: &Connection, mut touched: Vec<OrderId>) -> Result<(), Error> {
    touched.sort_unstable();
    touched.dedup();
    for order in touched {
        if orders::get(db, order)?.is_some() {
            refold(db, order)?;
        }
    }
    Ok(())
}

/// Which entries of other journals go into the one that a server gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gathered {
    /// All: the server knows nothing of those journals.
    All,
    /// Those that wait: the server holds the others.
    Waiting,
}

/// Goes on in the journal that a server gave at enrolment which does not know the one there
/// was: everything that was ever recorded goes into it, each record once, in order, with
/// the same content. What is in other journals stays, marked as superseded. `journals` are
/// those that are here, oldest first.
///
/// The journal is new, or one of those: then it is offered as it was written, what is in the
/// journals that it goes on from is with the server, which knows it, and what came after is
/// written behind it. It names no other as continued: only one that was opened after a fork
/// can, and the server has never heard of the present one.
pub(crate) fn gather(
    db: &Connection,
    identity: &Identity,
    journals: &[JournalId],
    what: Gathered,
    now: UnixMillis,
) -> Result<(), Error> {
    let new = identity.journal;
    let goes_on_from = lineage(db, new)?;
    let mut all = Vec::new();
    for journal in journals.iter().filter(|one| !goes_on_from.contains(one)) {
        all.extend(match what {
            Gathered::All => journal::supersede_after(db, *journal, Seq(0))?,
            Gathered::Waiting => journal::supersede_waiting(db, *journal)?,
        });
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
pub(crate) fn lineage(db: &Connection, last: JournalId) -> Result<Vec<JournalId>, Error> {
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
