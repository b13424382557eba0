//! The state of an order.

use crate::{
    ids::{CellId, CustomerId, OrderId, OrgId, PersonId, StationAreaId},
    journal::EntryId,
    record::{Owner, Rung, StepDone, Term},
    time::{Sureness, TrustedTime, UnixMillis},
    workflow::{AreaClass, Done, Missing, StepCode, TemplateRef},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an order stands (the main line of DOMAIN 4.0; `working` lasts from the first step
/// on site to the closing one).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Taken in, not yet given to anyone.
    Accepted,
    /// Given to an owner who has not taken it.
    Routed,
    /// The owner has taken it.
    Taken,
    /// At least one step is done.
    Working,
    /// The closing step is done in the present term.
    Returned,
}

/// An assignment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its number.
    pub term: Term,
    /// The owner in this term.
    pub owner: Owner,
    /// How he was found.
    pub rung: Rung,
    /// Stable code of the reason.
    pub reason: String,
    /// From when.
    pub since: UnixMillis,
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneStep {
    /// The earliest time at which it counts as done.
    pub at: TrustedTime,
    /// Who did it then.
    pub by: PersonId,
    /// The record that holds its newest fields and photos.
    pub newest: EntryId,
    /// Those fields and photos.
    pub done: StepDone,
    /// What is missing in them; empty when complete.
    pub missing: Vec<Missing>,
    /// How often it was recorded.
    pub times: u32,
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineOutcome {
    /// Its start has not happened.
    NotStarted,
    /// It runs.
    Running,
    /// Met, by a sure time.
    Met,
    /// It would be met, but the time is not sure: shown, not counted as met (I8).
    MetUnsure,
    /// Missed.
    Missed,
    /// Neither met nor missed: the work was closed before it was due and before its end
    /// happened, or what would end it is not needed.
    Lapsed,
}

/// A deadline of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// The rule's code.
    pub code: String,
    /// When it is due, once started.
    pub due: Option<UnixMillis>,
    /// When its end happened.
    pub reached: Option<TrustedTime>,
    /// How it stands. `Running` does not look at the clock: whoever shows it compares
    /// `due` with the time.
    pub outcome: DeadlineOutcome,
}

/// Why a record is kept as evidence and changes nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceReason {
    /// By a previous owner, after his term had ended, or a closing step of his.
    PreviousOwner,
    /// By someone who was never given the order.
    NeverAssigned,
    /// An event that only the server may record.
    NotFromServer,
    /// A step that the template does not have.
    UnknownStep,
    /// The work had been closed before.
    AfterReturn,
}

impl EvidenceReason {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::PreviousOwner => "record.previous_owner",
            Self::NeverAssigned => "record.never_assigned",
            Self::NotFromServer => "record.not_from_server",
            Self::UnknownStep => "record.unknown_step",
            Self::AfterReturn => "record.after_return",
        }
    }
}

/// A record that is kept as evidence only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which record.
    pub record: EntryId,
    /// Why.
    pub reason: EvidenceReason,
}

/// The state of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The order.
    pub order: OrderId,
    /// The workflow's edition.
    pub template: TemplateRef,
    /// The station.
    pub station: OrgId,
    /// The class of its place.
    pub area_class: AreaClass,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// The cell by which it was last routed.
    pub cell: Option<CellId>,
    /// The station area by which it was last routed.
    pub station_area: Option<StationAreaId>,
    /// When the customer reported it at its source, as far as that was said; never after it
    /// was accepted.
    pub reported_at: UnixMillis,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// Where it stands.
    pub status: Status,
    /// Who is responsible; `None` only before the first assignment is recorded.
    pub owner: Option<Owner>,
    /// The present term.
    pub term: Term,
    /// Every assignment, by term.
    pub assignments: Vec<Assignment>,
    /// When the present owner took it: said so, or did his first step.
    pub taken_at: Option<TrustedTime>,
    /// When any owner first took it, by word or by deed: what the deadline for taking looks at.
    pub first_taken_at: Option<TrustedTime>,
    /// The steps that were done.
    pub steps: BTreeMap<StepCode, DoneStep>,
    /// The deadlines, in the template's order.
    pub deadlines: Vec<Deadline>,
    /// Photos promised by the newest records of all steps.
    pub photos_promised: u32,
    /// Records kept as evidence only.
    pub evidence: Vec<Evidence>,
    /// How many records there are in all.
    pub records: u32,
    /// The least sure time among the records that count.
    pub sureness: Sureness,
}

impl OrderState {
    /// The steps that are done, with what was filled in.
    #[must_use]
    pub fn done(&self) -> Done<'_> {
        self.steps
            .iter()
            .map(|(code, step)| (code, &step.done.values))
            .collect()
    }
}
