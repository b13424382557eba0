//! Journals in: batches, forks and the journals that go on from them.

use super::{Model, books::Handheld};
use crate::{Failure, Fallible};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_mobile_core::engine::HttpReply;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Entry, EntryId, Item, Seq},
    push::{Parked, PushOutcome, PushReply, Receipt, ReopenReply, ReopenRequest},
    record::{Event, Owner, Record},
    wire,
};

impl Model {
    pub(super) fn push(
        &mut self,
        journal: JournalId,
        body: &[u8],
        revoked: bool,
    ) -> Fallible<HttpReply> {
        let batch: Batch = wire::unpack(body, 1 << 20)?;
        let Some(row) = self.books.handhelds.get(&batch.journal) else {
            return Ok(self.problem(Code::JournalNotYours));
        };
        if batch.journal != journal {
            return Ok(self.problem(Code::JournalNotYours));
        }
        let links = match batch.verify(&row.key) {
            Ok(links) => links,
            Err(error) => {
                self.complaints
                    .push(format!("a batch that is bad: {error}"));
                return Ok(self.problem(Code::JournalBadSignature));
            }
        };
        let outcome = if revoked {
            for item in &batch.items {
                if let Item::Bytes(bytes) = item {
                    self.books.apart.insert(bytes.to_vec());
                }
            }
            Ok(PushOutcome::Revoked)
        } else {
            self.outcome(&batch, &links)
        };
        Ok(match outcome {
            Ok(outcome) => self.packed(&PushReply {
                epoch: self.epoch,
                server_time: self.now(),
                outcome,
            }),
            Err(code) => self.problem(code),
        })
    }

    fn outcome(&mut self, batch: &Batch, links: &[Digest]) -> Result<PushOutcome, Code> {
        let held = self.books.journals.entry(batch.journal).or_default();
        let first = usize::try_from(batch.first.0).map_err(|_| Code::JournalMalformed)?;
        let link_before = |held: &[(Vec<u8>, Digest)], position: usize| match position {
            0 | 1 => Digest::ZERO,
            _ => held
                .get(position - 2)
                .map_or(Digest::ZERO, |(_, link)| *link),
        };
        if first > held.len() + 1 {
            let receipt = (!held.is_empty()).then(|| self.receipt(batch.journal));
            return Ok(PushOutcome::Gap { receipt });
        }
        if batch.before != link_before(held, first) {
            return Err(Code::JournalBadLink);
        }
        let mut fresh = Vec::new();
        let mut parked = Vec::new();
        for (place, (item, link)) in (first - 1..).zip(batch.items.iter().zip(links)) {
            let Item::Bytes(bytes) = item else {
                return Err(Code::JournalMalformed);
            };
            let id = EntryId {
                journal: batch.journal,
                seq: Seq(place as u64 + 1),
            };
            if let Some((_, known)) = held.get(place) {
                if known != link {
                    let link = link_before(held, place + 1);
                    let branch = batch.items[place + 1 - first..].iter();
                    let branch = branch.filter_map(|item| match item {
                        Item::Bytes(bytes) => Some(bytes.to_vec()),
                        _ => None,
                    });
                    self.books.branches.insert(id, branch.collect());
                    if let Some(row) = self.books.handhelds.get_mut(&batch.journal) {
                        row.forked = true;
                    }
                    return Ok(PushOutcome::Fork {
                        common: Seq(place as u64),
                        link,
                        parked,
                    });
                }
            } else {
                held.push((bytes.to_vec(), *link));
                fresh.push((id, bytes.to_vec()));
            }
            if let Some(code) = self.books.parked.get(&id) {
                parked.push(named(id, *code));
            }
        }
        for (id, bytes) in fresh {
            if let Some(code) = self.apply(id, &bytes) {
                self.books.parked.insert(id, code);
                parked.push(named(id, code));
            }
        }
        Ok(PushOutcome::Held {
            parked,
            receipt: self.receipt(batch.journal),
        })
    }

    /// What a new entry brings about, or why it does not count.
    fn apply(&mut self, id: EntryId, bytes: &[u8]) -> Option<Code> {
        let Ok(Entry::Record(record)) = Entry::from_bytes(bytes) else {
            return None;
        };
        if let Event::StepDone(done) = &record.event {
            let photos = done.photos.iter().map(|photo| photo.digest);
            self.books.promised.extend(photos);
        }
        if self.is_copy(id.journal, bytes) {
            return Some(Code::RecordCopied);
        }
        if is_parked(&record) {
            self.seen.note(super::Fault::Parked);
            return Some(Code::RecordUnknownOrder);
        }
        self.books.join(record.order, id, bytes);
        if let Some((order, to)) = self.next_owner(&record) {
            self.give(order, to);
        }
        None
    }

    /// Whether another journal brought the very record before.
    fn is_copy(&self, journal: JournalId, bytes: &[u8]) -> bool {
        let others = self.books.journals.iter().filter(|(id, _)| **id != journal);
        let mut held = others.flat_map(|(_, entries)| entries);
        held.any(|(held, _)| held == bytes)
    }

    /// To whom an order goes by what its owner recorded.
    fn next_owner(&self, record: &Record) -> Option<(OrderId, PersonId)> {
        let state = self.books.state_of(record.order).ok()??;
        let counts = state.owner == Some(Owner::Person(record.actor)) && state.term == record.term;
        let to = match &record.event {
            Event::HandedOver(over) if counts => over.to,
            Event::Declined(_) if counts => {
                let people = Self::people();
                let place = people.iter().position(|one| *one == record.actor)?;
                people.get((place + 1) % people.len()).copied()?
            }
            _ => return None,
        };
        Some((record.order, to))
    }

    fn receipt(&self, journal: JournalId) -> Receipt {
        let held = self.books.journals.get(&journal);
        let last = held.and_then(|held| held.last());
        Receipt::sign(
            self.epoch,
            journal,
            Seq(held.map_or(0, |held| held.len() as u64)),
            last.map_or(Digest::ZERO, |(_, link)| *link),
            self.now(),
            &Self::key(),
        )
    }

    pub(super) fn reopen(
        &mut self,
        caller: JournalId,
        token: &str,
        body: &[u8],
    ) -> Fallible<HttpReply> {
        let request: ReopenRequest = wire::unpack(body, 1 << 16)?;
        let Some(old) = self.books.handhelds.get(&request.old).cloned() else {
            return Ok(self.problem(Code::JournalNotYours));
        };
        let text = ReopenRequest::signed_text(request.old, &request.public_key);
        if old
            .key
            .verify_strict(&text, &Signature::from_bytes(&request.signature))
            .is_err()
        {
            self.complaints
                .push("a new journal asked for with a bad signature".into());
            return Ok(self.problem(Code::JournalBadSignature));
        }
        let key = VerifyingKey::from_bytes(&request.public_key)
            .map_err(|error| Failure::new(error.to_string()))?;
        let before =
            self.books.handhelds.iter().find(|(_, row)| {
                row.continues == Some(request.old) && row.key == key && !row.revoked
            });
        if let Some(journal) = before.map(|(journal, _)| *journal) {
            self.bind(token, journal);
            return Ok(self.packed(&ReopenReply { journal }));
        }
        if caller != request.old {
            return Ok(self.problem(Code::JournalNotYours));
        }
        if !old.forked {
            return Ok(self.problem(Code::Conflict));
        }
        let journal = JournalId(self.fresh_id());
        let row = Handheld {
            person: old.person,
            key,
            continues: Some(request.old),
            revoked: false,
            forked: false,
        };
        self.books.handhelds.insert(journal, row);
        self.bind(token, journal);
        Ok(self.packed(&ReopenReply { journal }))
    }
}

fn named(id: EntryId, code: Code) -> Parked {
    Parked {
        seq: id.seq,
        code: code.to_string(),
    }
}

/// Some records cannot be applied, by what they are: an odd one out of many notes.
fn is_parked(record: &Record) -> bool {
    matches!(&record.event, Event::Noted(noted) if noted.text.ends_with('7'))
}
