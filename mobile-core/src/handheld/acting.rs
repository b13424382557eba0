//! The part of the surface that records: taking, declining, handing over, remarks and steps
//! with their pictures. Each is durable before it returns, or nothing of it is there.

use super::Handheld;
use crate::{error::Error, journal::Place, photos::Taking};
use gridcrew_sync_protocol::{
    arrival::ArrivalProof,
    claims::Review,
    digest::Digest,
    ids::{OrderId, PersonId},
    journal::EntryId,
    record::{Declined, Event, HandedOver, Noted, PhotoRef, StepDone, Taken, Value},
    workflow::{FieldCode, SlotCode, StepCode},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// A step to be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepInput {
    /// Which step of the workflow.
    pub step: String,
    /// The fields that were filled in.
    pub values: BTreeMap<FieldCode, Value>,
    /// The pictures, by path.
    pub photos: Vec<PhotoInput>,
}

/// A picture for a slot of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotoInput {
    /// The slot that it fills.
    pub slot: String,
    /// Where the picture lies; it is copied.
    pub path: PathBuf,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its identity, from now on and for ever.
    pub id: EntryId,
    /// Its photos, in the order given.
    pub photos: Vec<PhotoRef>,
    /// What follows from its place and its photos, to be told at once.
    pub review: Review,
}

impl Handheld {
    /// Takes an order; `eta_minutes` is what the customer was told.
    ///
    /// # Errors
    /// Why it may not be recorded, or a disk that fails; then nothing was.
    pub fn take(
        &self,
        order: OrderId,
        eta_minutes: Option<u32>,
        place: Option<Place>,
    ) -> Result<EntryId, Error> {
        self.record(order, Event::Taken(Taken { eta_minutes }), place)
    }

    /// Declines an order for a reason of its workflow.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn decline(
        &self,
        order: OrderId,
        reason: &str,
        note: &str,
        place: Option<Place>,
    ) -> Result<EntryId, Error> {
        let (reason, note) = (reason.to_owned(), note.to_owned());
        self.record(order, Event::Declined(Declined { reason, note }), place)
    }

    /// Asks that another person become the owner.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn hand_over(
        &self,
        order: OrderId,
        to: PersonId,
        note: &str,
        place: Option<Place>,
    ) -> Result<EntryId, Error> {
        let note = note.to_owned();
        self.record(order, Event::HandedOver(HandedOver { to, note }), place)
    }

    /// Adds a remark.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn note(&self, order: OrderId, text: &str, place: Option<Place>) -> Result<EntryId, Error> {
        let text = text.to_owned();
        self.record(order, Event::Noted(Noted { text }), place)
    }

    /// Records a step with its fields and pictures. The pictures are copied and durable
    /// before the record that promises them; one that is no picture is refused before
    /// anything is recorded. An arrival whose place is not proved is recorded with that, and
    /// where the workflow asks for it, with the person's reason and a photo.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with everything that is missing, [`Error::NoPicture`],
    /// [`Error::PictureTooLarge`], and as [`Self::take`].
    pub fn step(
        &self,
        order: OrderId,
        input: StepInput,
        place: Option<Place>,
    ) -> Result<Recorded, Error> {
        let step = StepCode(input.step);
        let event = |photos: Vec<PhotoRef>| {
            Event::StepDone(StepDone {
                step: step.clone(),
                values: input.values.clone(),
                photos,
            })
        };
        // Judged with stand-ins first, so that a step that cannot be recorded copies
        // nothing.
        let stand_ins = input
            .photos
            .iter()
            .map(|photo| PhotoRef {
                digest: Digest::ZERO,
                bytes: 0,
                slot: SlotCode(photo.slot.clone()),
            })
            .collect();
        let (folder, random, policy, stamp) = self.inner.with_content(|local| {
            let stamp = local.may_record(order, &event(stand_ins), place.as_ref())?;
            if !input.photos.is_empty() {
                local.make_room()?;
            }
            let random = Arc::clone(&local.random);
            let policy = local.settings.photos;
            Ok::<_, Error>((local.folder.clone(), random, policy, stamp))
        })?;
        let taking = Taking {
            folder: &folder,
            random: random.as_ref(),
            policy,
            stamp: &stamp,
        };
        let taken = input
            .photos
            .iter()
            .map(|photo| {
                let taken = taking.take_over(&photo.path)?;
                Ok((taken, SlotCode(photo.slot.clone())))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let photos: Vec<PhotoRef> = taken
            .iter()
            .map(|(taken, slot)| PhotoRef {
                digest: taken.digest,
                bytes: taken.bytes,
                slot: slot.clone(),
            })
            .collect();
        let (id, review) = self
            .inner
            .with_content(|local| local.record(order, event(photos.clone()), place, &taken))?;
        self.inner.recorded.notify_one();
        Ok(Recorded { id, photos, review })
    }

    fn record(&self, order: OrderId, event: Event, place: Option<Place>) -> Result<EntryId, Error> {
        let (id, _) = self
            .inner
            .with_content(|local| local.record(order, event, place, &[]))?;
        self.inner.recorded.notify_one();
        Ok(id)
    }

    /// What an arrival at an order would prove at that place now: for asking the person why
    /// he is not there before he records it.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::NoTemplate`], or a store that cannot be read.
    pub fn prove_arrival(
        &self,
        order: OrderId,
        place: Option<&Place>,
    ) -> Result<ArrivalProof, Error> {
        self.inner
            .with_content(|local| local.prove_arrival(order, place))
    }
}
