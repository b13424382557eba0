//! The part of the surface that records. Each act is durable when its call returns, or
//! nothing of it is there.

use crate::{
    error::HandheldError,
    handheld::{Handheld, guarded},
    input::{self, Place, StepInput},
    review::ArrivalCheck,
    trace::{RecordId, RecordedStep},
};
use gridcrew_sync_protocol::ids::{OrderId, PersonId};

fn order(text: &str) -> Result<OrderId, HandheldError> {
    input::id("an order", text)
}

#[uniffi::export]
impl Handheld {
    /// Takes an order; `eta_minutes` is what the customer was told. Durable when it
    /// returns, like everything that records.
    ///
    /// # Errors
    /// Why it may not be recorded, or a disk that fails; then nothing was.
    pub fn take(
        &self,
        order: String,
        eta_minutes: Option<u32>,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let id = self.engine.take(self::order(&order)?, eta_minutes, place)?;
            Ok(id.into())
        })
    }

    /// Declines an order for a reason of its workflow.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn decline(
        &self,
        order: String,
        reason: String,
        note: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let order = self::order(&order)?;
            Ok(self.engine.decline(order, &reason, &note, place)?.into())
        })
    }

    /// Asks that another person become the owner.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn hand_over(
        &self,
        order: String,
        to: String,
        note: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let to: PersonId = input::id("a person", &to)?;
            let order = self::order(&order)?;
            Ok(self.engine.hand_over(order, to, &note, place)?.into())
        })
    }

    /// Adds a remark.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn note(
        &self,
        order: String,
        text: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            Ok(self.engine.note(self::order(&order)?, &text, place)?.into())
        })
    }

    /// Records a step with its fields and pictures. The pictures are copied and durable
    /// before the record that promises them; one that is no picture is refused before
    /// anything is recorded. What makes a reviewer look twice comes back at once; it keeps
    /// nobody from working, but where the workflow asks, an arrival that is not proved needs
    /// a reason and a photo.
    ///
    /// # Errors
    /// [`HandheldError::Incomplete`] with everything that is missing,
    /// [`HandheldError::Invalid`], and as [`Self::take`].
    pub fn step(
        &self,
        order: String,
        input: StepInput,
        place: Option<Place>,
    ) -> Result<RecordedStep, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let order = self::order(&order)?;
            Ok(self.engine.step(order, input.into(), place)?.into())
        })
    }

    /// What an arrival at an order would prove at that place now: for asking the person why
    /// he is not there before he records it.
    ///
    /// # Errors
    /// [`HandheldError::NotFound`], [`HandheldError::NotAllowed`] until the workflow has
    /// come, [`HandheldError::Invalid`], or a store that cannot be read.
    pub fn prove_arrival(
        &self,
        order: String,
        place: Option<Place>,
    ) -> Result<ArrivalCheck, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let proof = self
                .engine
                .prove_arrival(self::order(&order)?, place.as_ref())?;
            Ok(proof.into())
        })
    }
}
