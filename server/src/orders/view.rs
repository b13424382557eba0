//! The form in which one order is shown; [`super::show`] fills it.

use super::{
    names::{NamedCell, NamedOwner, NamedPerson, NamedUnit},
    photos::PhotoView,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{CustomerId, JournalId, OrderId, StationAreaId},
    order::{DeadlineOutcome, Status},
    record::{Rung, Term, Value},
    time::{Sureness, UnixMillis},
    workflow::{AreaClass, FieldCode, Milestone, Missing, StepCode, TemplateRef, Words},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    /// The order.
    pub id: OrderId,
    /// Where it came from.
    pub source: String,
    /// Its number there.
    pub outside_no: String,
    /// The workflow's edition that it keeps.
    pub template: TemplateRef,
    /// What the workflow is called.
    pub title: Words,
    /// The station.
    pub station: NamedUnit,
    /// Urban, rural or remote.
    pub area_class: AreaClass,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// The cell by which it was last routed.
    pub cell: Option<NamedCell>,
    /// The station area by which it was last routed.
    pub station_area: Option<StationAreaId>,
    /// Contact, address and what is wrong.
    pub details: DetailsView,
    /// When the customer reported it, as far as that was said; promises count from here.
    pub reported_at: UnixMillis,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// Who took it in.
    pub accepted_by: NamedPerson,
    /// Where it stands.
    pub status: Status,
    /// Who is responsible.
    pub owner: Option<NamedOwner>,
    /// The present term.
    pub term: Term,
    /// Every owner so far.
    pub assignments: Vec<AssignmentView>,
    /// When the present owner took it.
    pub taken_at: Option<UnixMillis>,
    /// The steps that were done, in the workflow's order.
    pub steps: Vec<StepView>,
    /// The steps that can be done now.
    pub next_steps: Vec<NextStep>,
    /// The deadlines, in the workflow's order.
    pub deadlines: Vec<DeadlineView>,
    /// Photos promised, and how many of them have come.
    pub photos: PhotoCount,
    /// Records that are kept and change nothing, with the reason.
    pub evidence: Vec<EvidenceView>,
    /// How many records there are in all.
    pub records: u32,
    /// The least sure time among the records that count.
    pub sureness: Sureness,
    /// SHA-256 of the state as folded: what a handheld compares with.
    pub state_digest: Digest,
}

/// The personal data of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetailsView {
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// Whom to call.
    pub contact_name: String,
    /// The number to call.
    pub contact_phone: String,
    /// Whether the number is shown only in part.
    pub phone_masked: bool,
    /// The address.
    pub address: String,
    /// The account number, if it was given.
    pub account_no: Option<String>,
}

/// An owner in a term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignmentView {
    /// The term.
    pub term: Term,
    /// Who.
    pub owner: NamedOwner,
    /// How he was found.
    pub rung: Rung,
    /// Stable code of the reason.
    pub reason: String,
    /// From when.
    pub since: UnixMillis,
}

/// A step that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its code.
    pub code: StepCode,
    /// What it is called.
    pub title: Words,
    /// When it counts as done.
    pub at: UnixMillis,
    /// How sure that is.
    pub sureness: Sureness,
    /// Who did it then.
    pub by: NamedPerson,
    /// Its newest fields.
    pub values: BTreeMap<FieldCode, Value>,
    /// Its newest photos.
    pub photos: Vec<PhotoView>,
    /// What is missing in them; empty when complete.
    pub missing: Vec<Missing>,
    /// How often it was recorded.
    pub times: u32,
}

/// A step that can be done now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    /// Its code.
    pub code: StepCode,
    /// What it is called.
    pub title: Words,
    /// The prompt card shown with it.
    pub hint: Words,
    /// It may be left out.
    pub optional: bool,
    /// Doing it closes the work.
    pub closes: bool,
}

/// How a deadline stands, and how that was come by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadlineView {
    /// The rule's code.
    pub code: String,
    /// What it is called.
    pub title: Words,
    /// Where it starts.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// The limit for the order's class of area.
    pub limit_minutes: u32,
    /// Where the limit comes from.
    pub source: String,
    /// When it is due, once started.
    pub due: Option<UnixMillis>,
    /// When its end happened.
    pub reached_at: Option<UnixMillis>,
    /// How sure that is.
    pub reached_sureness: Option<Sureness>,
    /// How it stands.
    pub outcome: DeadlineOutcome,
    /// It runs and is over.
    pub late: bool,
}

/// How many photos were promised and how many have come (I7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhotoCount {
    /// Different photos promised by its records.
    pub promised: u64,
    /// Those of them whose original is held.
    pub held: u64,
}

/// A record that is kept and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    /// The journal.
    pub journal: JournalId,
    /// The position in it.
    pub seq: u64,
    /// Stable code of the reason.
    pub reason: String,
}
