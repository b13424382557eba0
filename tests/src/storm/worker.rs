//! What one manager does with his handheld all day: take his orders, do their steps one
//! after the other with fields and photos, and sync when there is a network.
//!
//! He follows the workflow that came with the order, whatever it is: a step's fields are
//! filled in by what they ask for, its photo slots with real photos. He notes in the ledger
//! before and after each write.

use super::{
    ledger::Line,
    photos::{Photos, fresh},
};
use crate::failure::{Failure, Fallible};
use gridcrew_mobile_core::{
    Budget, Ended, Error, Handheld, List, NextStep, OrderCard, PhotoInput, Recorded, StepInput,
};
use gridcrew_sync_protocol::{
    arrival::NOT_THERE_REASON,
    code::Code,
    ids::{OrderId, PersonId},
    order::Status,
    record::Value,
    workflow::{FieldCode, FieldKind, FieldSpec, StepSpec},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

/// One shot in so many has bytes of its own.
const FRESH_EVERY: u64 = 3;
/// One order in so many is declined.
const DECLINED_ONE_IN: u32 = 80;
/// One order in so many is handed over to a colleague.
const HANDED_OVER_ONE_IN: u32 = 40;

/// Where a worker says what he does.
pub type Say = Box<dyn FnMut(Line) -> Fallible<()> + Send + Sync>;

/// A manager with his handheld.
pub struct Worker {
    handheld: Handheld,
    photos: Arc<Photos>,
    say: Say,
    randomness: ChaCha8Rng,
    /// Where fresh photos are made before the handheld copies them.
    scratch: PathBuf,
    /// Colleagues who work with a handheld themselves.
    colleagues: Vec<PersonId>,
    shots: u64,
    tried_no_picture: bool,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("shots", &self.shots)
            .finish_non_exhaustive()
    }
}

/// How a worker stands after a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The sync ended with nothing left to send or to fetch.
    pub done: bool,
    /// Orders that are still to do.
    pub to_do: usize,
}

impl Worker {
    /// A worker; `scratch` is a folder of his own.
    #[must_use]
    pub fn new(
        handheld: Handheld,
        photos: Arc<Photos>,
        scratch: PathBuf,
        colleagues: Vec<PersonId>,
        seed: u64,
        say: Say,
    ) -> Self {
        let randomness = ChaCha8Rng::seed_from_u64(seed);
        Self {
            handheld,
            photos,
            say,
            scratch,
            colleagues,
            shots: seed % 1_000,
            randomness,
            tried_no_picture: false,
        }
    }

    /// His handheld.
    #[must_use]
    pub fn handheld(&self) -> &Handheld {
        &self.handheld
    }

    /// Answers all new orders, then does at most `most` steps on his orders, the most urgent
    /// order first; how many things he did. Needs no network.
    ///
    /// # Errors
    /// When the handheld fails in a way in which it never may.
    pub fn work(&mut self, most: usize) -> Fallible<usize> {
        let mut did = 0;
        let lines = self.handheld.list(List::ToDo)?;
        let new = lines
            .iter()
            .filter(|line| line.status == Some(Status::Routed));
        for line in new {
            let card = self.handheld.show(line.order)?;
            did += usize::from(self.go_on_with(&card)?);
        }
        let most = most.saturating_add(did);
        for line in lines {
            while did < most {
                let card = self.handheld.show(line.order)?;
                if !self.go_on_with(&card)? {
                    break;
                }
                did += 1;
            }
            if did >= most {
                break;
            }
        }
        Ok(did)
    }

    /// Syncs for at most so many seconds.
    ///
    /// # Errors
    /// When the handheld fails in a way in which it never may.
    pub async fn sync(&self, seconds: u32) -> Fallible<Standing> {
        let report = self.handheld.sync(Budget::seconds(seconds)).await?;
        if matches!(report.ended, Ended::Blocked | Ended::StorageFailed) {
            return Err(Failure::new(format!("a handheld cannot go on: {report:?}")));
        }
        Ok(Standing {
            done: report.ended == Ended::Done,
            to_do: self.handheld.list(List::ToDo)?.len(),
        })
    }

    /// Does the next thing on an order; whether there was one.
    fn go_on_with(&mut self, card: &OrderCard) -> Fallible<bool> {
        let Some(state) = card.state.as_ref().filter(|_| card.mine) else {
            return Ok(false);
        };
        match state.status {
            Status::Returned => Ok(false),
            Status::Accepted | Status::Routed => self.answer(card),
            Status::Taken | Status::Working => {
                let chosen = card.next.iter().find(|next| wanted(card.order, &next.spec));
                match chosen {
                    Some(next) => self.step(card.order, next),
                    None => Ok(false),
                }
            }
        }
    }

    /// Takes, declines or hands over. Never twice the same way round: an order that came by
    /// a hand-over or down the ladder is taken.
    fn answer(&mut self, card: &OrderCard) -> Fallible<bool> {
        let order = card.order;
        let first = card.state.as_ref().is_some_and(|state| state.term.0 == 1);
        let asked = card.records.iter().any(|record| {
            use gridcrew_sync_protocol::record::Event::{Declined, HandedOver};
            record.own && matches!(record.event, Declined(_) | HandedOver(_))
        });
        if asked {
            // Answered already; the server has yet to name the next owner.
            return Ok(false);
        }
        let reasons = card
            .template
            .as_ref()
            .map(|template| &template.decline_reasons);
        let reason = reasons.and_then(|reasons| reasons.first());
        let handheld = self.handheld.clone();
        let colleague = self.colleague();
        if let Some(reason) = reason.filter(|_| first && chosen(order, 1, DECLINED_ONE_IN)) {
            return self.record(order, "declined", || {
                handheld
                    .decline(order, &reason.code, "", None)
                    .map(without_photos)
            });
        }
        if let Some(to) = colleague.filter(|_| first && chosen(order, 2, HANDED_OVER_ONE_IN)) {
            return self.record(order, "handed_over", || {
                handheld
                    .hand_over(order, to, "nearer", None)
                    .map(without_photos)
            });
        }
        self.record(order, "taken", || {
            handheld.take(order, Some(25), None).map(without_photos)
        })
    }

    fn colleague(&mut self) -> Option<PersonId> {
        let me = self.handheld.status().ok()?.person;
        let others: Vec<PersonId> = self
            .colleagues
            .iter()
            .copied()
            .filter(|other| Some(*other) != me)
            .collect();
        if others.is_empty() {
            return None;
        }
        Some(others[self.randomness.random_range(0..others.len())])
    }

    fn step(&mut self, order: OrderId, next: &NextStep) -> Fallible<bool> {
        let spec = &next.spec;
        let values: BTreeMap<FieldCode, Value> = spec
            .fields
            .iter()
            // These handhelds have no satellites, so who arrives is asked why.
            .filter(|field| !field.optional || field.code.0 == NOT_THERE_REASON)
            .map(|field| (field.code.clone(), filled(order, field)))
            .collect();
        let mut photos = Vec::new();
        for slot in &spec.photos {
            for _ in 0..slot.min {
                let path = self.shot(order, &spec.code.0)?;
                photos.push(PhotoInput {
                    slot: slot.code.0.clone(),
                    path,
                });
            }
        }
        let input = StepInput {
            step: spec.code.0.clone(),
            values,
            photos,
        };
        if !input.photos.is_empty() && !self.tried_no_picture {
            self.try_no_picture(order, &input)?;
        }
        let handheld = self.handheld.clone();
        let what = spec.code.0.clone();
        let done = self.record(order, &what, || handheld.step(order, input.clone(), None));
        for photo in input
            .photos
            .iter()
            .filter(|photo| photo.path.starts_with(&self.scratch))
        {
            fs::remove_file(&photo.path)?;
        }
        done
    }

    /// Notes, records, notes. `false` when the handheld refused for a reason that happens
    /// to anyone: the order changed hands or was closed meanwhile.
    fn record(
        &mut self,
        order: OrderId,
        what: &str,
        act: impl FnOnce() -> Result<Recorded, Error>,
    ) -> Fallible<bool> {
        (self.say)(Line::Attempt {
            order,
            what: what.to_owned(),
        })?;
        match act() {
            Ok(recorded) => {
                let photos = recorded.photos.iter().map(|photo| photo.digest).collect();
                (self.say)(Line::Made {
                    entry: recorded.id,
                    photos,
                })?;
                Ok(true)
            }
            Err(error) => {
                let code = error.code();
                (self.say)(Line::Refused {
                    code: code.to_string(),
                })?;
                let usual = [Code::OrderNotOwner, Code::OrderClosed, Code::NotFound];
                if usual.contains(&code) {
                    Ok(false)
                } else {
                    Err(Failure::from(error).during(what))
                }
            }
        }
    }

    /// Once a day someone picks a file that is no picture: it must be refused, and nothing
    /// be recorded.
    fn try_no_picture(&mut self, order: OrderId, input: &StepInput) -> Fallible<()> {
        self.tried_no_picture = true;
        let files = self.photos.no_pictures();
        if files.is_empty() {
            return Ok(());
        }
        let file = files[self.randomness.random_range(0..files.len())].clone();
        let mut wrong = input.clone();
        if let Some(last) = wrong.photos.last_mut() {
            last.path = file;
        }
        match self.handheld.step(order, wrong, None) {
            Err(Error::NoPicture(_)) => (self.say)(Line::NoPictureRefused),
            _ => (self.say)(Line::NoPictureTaken),
        }
    }

    /// The path of the next shot.
    fn shot(&mut self, order: OrderId, step: &str) -> Fallible<PathBuf> {
        self.shots += 1;
        let real = self.photos.shot(self.shots).to_owned();
        if !self.shots.is_multiple_of(FRESH_EVERY) || fs::metadata(&real)?.len() > 200_000 {
            return Ok(real);
        }
        let comment = format!("{order} {step} {}", self.shots);
        let Some(bytes) = fresh(&fs::read(&real)?, &comment) else {
            return Ok(real);
        };
        let path = self.scratch.join(format!("{}.jpg", self.shots));
        fs::write(&path, bytes)?;
        Ok(path)
    }
}

fn without_photos(id: gridcrew_sync_protocol::journal::EntryId) -> Recorded {
    Recorded {
        id,
        photos: Vec::new(),
        review: gridcrew_sync_protocol::claims::Review::default(),
    }
}

/// Whether a step is done: what must be, always; what may be left out, for one order in
/// four.
fn wanted(order: OrderId, step: &StepSpec) -> bool {
    let salt = step.code.0.bytes().fold(3u32, |salt, byte| {
        salt.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    !step.optional || chosen(order, salt, 4)
}

/// One order in `one_in`, always the same ones for the same `salt`.
fn chosen(order: OrderId, salt: u32, one_in: u32) -> bool {
    let mut mixed = u64::from(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for byte in order.0.as_bytes() {
        mixed = (mixed ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    }
    (mixed >> 33) % u64::from(one_in) == 0
}

/// Something that the field takes.
fn filled(order: OrderId, field: &FieldSpec) -> Value {
    match field.kind {
        FieldKind::Flag => Value::Flag(true),
        FieldKind::Whole => Value::Whole(25),
        FieldKind::Decimal => Value::Text("219.5".to_owned()),
        FieldKind::Text => Value::Text("接户线绝缘破损,已更换".to_owned()),
        FieldKind::Choice => {
            let count = u32::try_from(field.choices.len()).unwrap_or(1).max(1);
            let picked = (0..count).find(|at| chosen(order, *at, count)).unwrap_or(0);
            let picked = field.choices.get(picked as usize);
            Value::Text(picked.cloned().unwrap_or_default())
        }
    }
}
