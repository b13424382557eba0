//! An order in full.

use crate::{
    error::reason_of,
    forms::{DeclineReason, NextStep},
    orders::{DeadlineLine, OrderOwner, OrderStatus, Words},
    trace::{self, Position, Reason, TraceLine},
};
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::{feed, record::OrderDetails};
use std::collections::BTreeMap;

/// An order in full, as this handheld knows it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct OrderCard {
    /// The order's id.
    pub order: String,
    /// Whether the person is its owner at present.
    pub mine: bool,
    /// Where it stands; none until its workflow has come.
    pub status: Option<OrderStatus>,
    /// Who is responsible.
    pub owner: Option<OrderOwner>,
    /// When it was accepted.
    pub accepted_unix_ms: Option<i64>,
    /// What its workflow is called.
    pub title: Option<Words>,
    /// Contact and address, while the person may see them.
    pub contact: Option<Contact>,
    /// The customer, if known and in scope.
    pub customer: Option<Customer>,
    /// The cell by which it was routed, if in scope.
    pub cell: Option<CellName>,
    /// The deadlines, in the workflow's order.
    pub deadlines: Vec<DeadlineLine>,
    /// The steps that can be done now.
    pub next: Vec<NextStep>,
    /// What the prompt cards say for every step.
    pub everywhere: Vec<Words>,
    /// The order in brief, when it is one of the past whose trace is not here.
    pub closed: Option<ClosedOrder>,
    /// The reasons for which it can be declined.
    pub decline_reasons: Vec<DeclineReason>,
    /// Every record of its trace that is here, oldest first.
    pub trace: Vec<TraceLine>,
    /// The photos of this handheld's own records.
    pub photos: Vec<PhotoStanding>,
    /// Whether the last comparison with the server's state agreed; none when it was never
    /// possible.
    pub agrees: Option<bool>,
}

/// An order of the past in brief.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ClosedOrder {
    /// Who was responsible for it last.
    pub owner: Option<OrderOwner>,
    /// When it was accepted.
    pub accepted_unix_ms: i64,
    /// When its work was closed.
    pub returned_unix_ms: Option<i64>,
    /// Codes of the deadlines that were missed.
    pub missed: Vec<String>,
}

/// Contact and address of an order.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Contact {
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// Whom to call.
    pub name: String,
    /// The number to call; masked while the person does not own the open order.
    pub phone: String,
    /// The address in words.
    pub address: String,
    /// The account number, if known.
    pub account_no: Option<String>,
}

/// A customer.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Customer {
    /// The id.
    pub customer: String,
    /// The account number.
    pub account_no: String,
    /// The asset number of the meter; empty when it is not known.
    pub meter_no: String,
    /// The account's name.
    pub name: String,
    /// The service address.
    pub address: String,
    /// Where it is, if known.
    pub position: Option<Position>,
}

/// A cell by name.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CellName {
    /// The id.
    pub cell: String,
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// How a photo of an order stands.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PhotoStanding {
    /// Its name: the hash of its bytes.
    pub photo: String,
    /// The slot that it fills.
    pub slot: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How its preview stands.
    pub preview: PhotoState,
    /// Why the preview stands so, if there is more to say.
    pub preview_reason: Option<Reason>,
    /// How its original stands.
    pub original: PhotoState,
    /// Why the original stands so, if there is more to say.
    pub original_reason: Option<Reason>,
}

/// How a preview or an original stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PhotoState {
    /// There is nothing to send: no preview could be made.
    Absent,
    /// Waits to be sent.
    Queued,
    /// The server has it, verified.
    Held,
    /// The server refused it; the reason says why.
    Refused,
    /// The file is gone or no longer what was recorded.
    Damaged,
}

impl From<core::OrderCard> for OrderCard {
    fn from(card: core::OrderCard) -> Self {
        let evidence: BTreeMap<_, _> = card
            .state
            .iter()
            .flat_map(|state| &state.evidence)
            .map(|one| (one.record, one.reason))
            .collect();
        let reasons = card.template.iter().flat_map(|one| &one.decline_reasons);
        Self {
            order: card.order.to_string(),
            mine: card.mine,
            status: card.state.as_ref().map(|state| state.status.into()),
            owner: card
                .state
                .as_ref()
                .and_then(|state| state.owner)
                .map(Into::into),
            accepted_unix_ms: card.state.as_ref().map(|state| state.accepted_at.0),
            decline_reasons: reasons
                .map(|reason| DeclineReason {
                    code: reason.code.clone(),
                    title: reason.title.clone().into(),
                })
                .collect(),
            title: card.template.map(|template| template.title.into()),
            contact: card.details.map(Into::into),
            customer: card.customer.map(Into::into),
            cell: card.cell.map(Into::into),
            deadlines: card.deadlines.into_iter().map(Into::into).collect(),
            next: card.next.into_iter().map(Into::into).collect(),
            everywhere: card.everywhere.into_iter().map(Into::into).collect(),
            closed: card.closed.map(Into::into),
            trace: card
                .records
                .into_iter()
                .map(|line| {
                    let evidence = evidence.get(&line.id).copied();
                    trace::line(line, evidence)
                })
                .collect(),
            photos: card.photos.into_iter().map(Into::into).collect(),
            agrees: card.agrees,
        }
    }
}

impl From<feed::Closed> for ClosedOrder {
    fn from(closed: feed::Closed) -> Self {
        Self {
            owner: closed.owner.map(Into::into),
            accepted_unix_ms: closed.accepted_at.0,
            returned_unix_ms: closed.returned_at.map(|at| at.0),
            missed: closed.missed,
        }
    }
}

impl From<OrderDetails> for Contact {
    fn from(details: OrderDetails) -> Self {
        Self {
            phenomenon: details.phenomenon,
            name: details.contact_name,
            phone: details.contact_phone,
            address: details.address,
            account_no: details.account_no,
        }
    }
}

impl From<feed::Customer> for Customer {
    fn from(customer: feed::Customer) -> Self {
        Self {
            customer: customer.id.to_string(),
            account_no: customer.account_no,
            meter_no: customer.meter_no,
            name: customer.name,
            address: customer.address,
            position: customer.position.map(Into::into),
        }
    }
}

impl From<feed::Cell> for CellName {
    fn from(cell: feed::Cell) -> Self {
        Self {
            cell: cell.id.to_string(),
            code: cell.code,
            name: cell.name,
        }
    }
}

impl From<core::PhotoStanding> for PhotoStanding {
    fn from(photo: core::PhotoStanding) -> Self {
        Self {
            photo: photo.digest.to_string(),
            slot: photo.slot.0,
            bytes: photo.bytes,
            preview: photo.preview.into(),
            preview_reason: photo.preview_reason.map(reason_of),
            original: photo.original.into(),
            original_reason: photo.original_reason.map(reason_of),
        }
    }
}

impl From<core::LaneState> for PhotoState {
    fn from(state: core::LaneState) -> Self {
        match state {
            core::LaneState::None => Self::Absent,
            core::LaneState::Queued => Self::Queued,
            core::LaneState::Held => Self::Held,
            core::LaneState::Refused => Self::Refused,
            core::LaneState::Damaged => Self::Damaged,
        }
    }
}
