//! The trace of an order: what happened, and what of it counts.

use crate::{
    error::HandheldError,
    input::{Datum, FieldValue},
    orders::{OrderOwner, Words},
    review::Review,
};
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::{
    journal::EntryId, order::EvidenceReason, position::TypedPosition, record::Event, time,
};
use std::collections::HashMap;

/// The identity of a record, from the moment it was made and for ever.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RecordId {
    /// The journal that it is in.
    pub journal: String,
    /// Its number there.
    pub seq: u64,
}

/// What recording a step gives.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RecordedStep {
    /// The record.
    pub record: RecordId,
    /// Its photos, in the order given.
    pub photos: Vec<PhotoName>,
    /// What makes a reviewer look twice: to be told to the person at once.
    pub review: Review,
}

/// A photo that a record promises.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PhotoName {
    /// Its name: the hash of its bytes.
    pub photo: String,
    /// The slot that it fills.
    pub slot: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A record of the trace.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct TraceLine {
    /// Which.
    pub record: RecordId,
    /// When it is held to have happened.
    pub at_unix_ms: i64,
    /// How sure that is.
    pub sureness: Sureness,
    /// Who did it.
    pub actor: String,
    /// What.
    pub event: TraceEvent,
    /// It was recorded on this handheld.
    pub own: bool,
    /// The server holds it; always so of those that came from it.
    pub held: bool,
    /// Why the server could not apply it, and what to do.
    pub parked: Option<Reason>,
    /// Why it is kept as evidence and changes nothing, such as `record.previous_owner`.
    pub evidence: Option<Reason>,
    /// What makes a reviewer look twice at it.
    pub review: Review,
}

/// A record that the server holds but does not count, wherever it is.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct ParkedRecord {
    /// Which.
    pub record: RecordId,
    /// The order that it is about, if it names one.
    pub order: Option<String>,
    /// What was recorded; none of an entry that is no record.
    pub event: Option<TraceEvent>,
    /// Why it does not count, and what to do.
    pub reason: Reason,
}

/// Why something that the server has does not count, or was not taken, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Reason {
    /// The stable code.
    pub code: String,
    /// What it means.
    pub meaning: Words,
    /// What the person can do.
    pub action: Words,
}

impl From<core::ParkedRecord> for ParkedRecord {
    fn from(parked: core::ParkedRecord) -> Self {
        Self {
            record: parked.id.into(),
            order: parked.order.map(|order| order.to_string()),
            event: parked.event.map(Into::into),
            reason: parked.reason.into(),
        }
    }
}

impl From<core::Reason> for Reason {
    fn from(reason: core::Reason) -> Self {
        Self {
            code: reason.code,
            meaning: reason.meaning.into(),
            action: reason.action.into(),
        }
    }
}

/// How a time was come by, from surest to least sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Sureness {
    /// The server's time, carried on by the device's monotonic clock.
    Server,
    /// The time of a satellite fix.
    Gnss,
    /// Only the wall clock.
    Unsure,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum TraceEvent {
    /// The order was taken in.
    Accepted {
        /// Where it came from, such as `95598`.
        source: String,
        /// Its number there.
        outside_no: String,
        /// Where it is, if known.
        position: Option<Position>,
    },
    /// It was given to an owner.
    Assigned {
        /// Which assignment of the order this is, counting from 1.
        term: u32,
        /// To whom.
        owner: OrderOwner,
        /// Stable code of the reason.
        reason: String,
    },
    /// The owner took it.
    Taken {
        /// Minutes until he is there, as told to the customer.
        eta_minutes: Option<u32>,
    },
    /// The owner declined it.
    Declined {
        /// Code of the reason.
        reason: String,
        /// In words.
        note: String,
    },
    /// The owner asked that another become the owner.
    HandedOver {
        /// Whom.
        to: String,
        /// Why.
        note: String,
    },
    /// A step was done.
    StepDone {
        /// Which.
        step: String,
        /// What was filled in.
        values: HashMap<String, FieldValue>,
        /// Its photos.
        photos: Vec<PhotoName>,
    },
    /// A remark.
    Noted {
        /// The text.
        text: String,
    },
    /// Something that this version does not know.
    Other,
}

/// A position with what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct Position {
    /// Longitude in degrees, east positive.
    pub lon: f64,
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// What the two refer to.
    pub datum: Datum,
}

impl From<EntryId> for RecordId {
    fn from(id: EntryId) -> Self {
        Self {
            journal: id.journal.to_string(),
            seq: id.seq.0,
        }
    }
}

impl From<core::Recorded> for RecordedStep {
    fn from(recorded: core::Recorded) -> Self {
        Self {
            record: recorded.id.into(),
            photos: recorded.photos.into_iter().map(Into::into).collect(),
            review: recorded.review.into(),
        }
    }
}

impl From<gridcrew_sync_protocol::record::PhotoRef> for PhotoName {
    fn from(photo: gridcrew_sync_protocol::record::PhotoRef) -> Self {
        Self {
            photo: photo.digest.to_string(),
            slot: photo.slot.0,
            bytes: photo.bytes,
        }
    }
}

impl From<time::Sureness> for Sureness {
    fn from(sureness: time::Sureness) -> Self {
        match sureness {
            time::Sureness::Server => Self::Server,
            time::Sureness::Gnss => Self::Gnss,
            time::Sureness::Unsure => Self::Unsure,
        }
    }
}

impl Position {
    /// The position, checked.
    pub(crate) fn checked(self) -> Result<TypedPosition, HandheldError> {
        TypedPosition::new(self.lon, self.lat, self.datum.into())
            .map_err(|error| HandheldError::invalid(error.to_string()))
    }
}

impl From<TypedPosition> for Position {
    fn from(position: TypedPosition) -> Self {
        Self {
            lon: position.lon(),
            lat: position.lat(),
            datum: position.datum().into(),
        }
    }
}

impl From<Event> for TraceEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Accepted(accepted) => Self::Accepted {
                source: accepted.source,
                outside_no: accepted.outside_no,
                position: accepted.position.map(Into::into),
            },
            Event::Assigned(assigned) => Self::Assigned {
                term: assigned.term.0,
                owner: assigned.owner.into(),
                reason: assigned.reason,
            },
            Event::Taken(taken) => Self::Taken {
                eta_minutes: taken.eta_minutes,
            },
            Event::Declined(declined) => Self::Declined {
                reason: declined.reason,
                note: declined.note,
            },
            Event::HandedOver(handed) => Self::HandedOver {
                to: handed.to.to_string(),
                note: handed.note,
            },
            Event::StepDone(done) => Self::StepDone {
                step: done.step.0,
                values: done
                    .values
                    .into_iter()
                    .map(|(field, value)| (field.0, value.into()))
                    .collect(),
                photos: done.photos.into_iter().map(Into::into).collect(),
            },
            Event::Noted(noted) => Self::Noted { text: noted.text },
            _ => Self::Other,
        }
    }
}

/// A line of the trace; `evidence` is why it changes nothing, if that is so.
pub(crate) fn line(line: core::RecordLine, evidence: Option<EvidenceReason>) -> TraceLine {
    TraceLine {
        record: line.id.into(),
        at_unix_ms: line.at.at.0,
        sureness: line.at.sureness.into(),
        actor: line.actor.to_string(),
        event: line.event.into(),
        own: line.own,
        held: line.held,
        parked: line.parked.map(Into::into),
        evidence: evidence.map(|reason| core::reason(reason.code()).into()),
        review: line.review.into(),
    }
}
