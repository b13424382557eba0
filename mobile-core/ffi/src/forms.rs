//! What the next steps of an order ask for, as a workflow says it.

use crate::{error::MissingPart, orders::Words};
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::workflow::{self, StepSpec};

/// A step that can be done now: what to ask for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NextStep {
    /// Its code.
    pub step: String,
    /// What it is called.
    pub title: Words,
    /// One line shown with it.
    pub hint: Words,
    /// It may be left out.
    pub optional: bool,
    /// Doing it closes the work.
    pub closes: bool,
    /// What is filled in.
    pub fields: Vec<FieldForm>,
    /// What is photographed.
    pub photos: Vec<PhotoForm>,
    /// What it needs before it is complete, when nothing is filled in yet.
    pub needs: Vec<MissingPart>,
    /// Its prompt card, if the station has one.
    pub prompt: Option<PromptCard>,
}

/// The prompt card of a step: what the station wants thought of while it is done.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PromptCard {
    /// What to ask the customer.
    pub ask: Vec<Words>,
    /// What to take along, or have at hand.
    pub take_along: Vec<Words>,
    /// What safety demands.
    pub safety: Vec<Words>,
    /// How to behave.
    pub behaviour: Vec<Words>,
    /// What to say.
    pub say: Vec<Words>,
    /// What never to say or do.
    pub never: Vec<Words>,
}

/// A field of a step.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct FieldForm {
    /// Its code.
    pub field: String,
    /// What it is called.
    pub title: Words,
    /// What goes into it.
    pub kind: FieldKind,
    /// It may stay empty.
    pub optional: bool,
    /// The codes to choose from, of a choice.
    pub choices: Vec<String>,
}

/// What goes into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FieldKind {
    /// Free text of at most 2,000 characters.
    Text,
    /// One of the choices.
    Choice,
    /// Yes or no.
    Flag,
    /// A whole number.
    Whole,
    /// A decimal number, as text such as `219.5`.
    Decimal,
}

/// A photo slot of a step.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PhotoForm {
    /// Its code.
    pub slot: String,
    /// What must be visible.
    pub title: Words,
    /// Fewest photos.
    pub min: u32,
    /// Most photos.
    pub max: u32,
}

/// A reason for which an order can be declined.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DeclineReason {
    /// Stable code.
    pub code: String,
    /// What it is called.
    pub title: Words,
}

impl From<core::NextStep> for NextStep {
    fn from(next: core::NextStep) -> Self {
        let StepSpec {
            code,
            title,
            optional,
            closes,
            hint,
            fields,
            photos,
            ..
        } = next.spec;
        Self {
            step: code.0,
            title: title.into(),
            hint: hint.into(),
            optional,
            closes,
            fields: fields.into_iter().map(Into::into).collect(),
            photos: photos.into_iter().map(Into::into).collect(),
            needs: next.needs.iter().map(Into::into).collect(),
            prompt: next.prompt.map(Into::into),
        }
    }
}

impl From<workflow::PromptCard> for PromptCard {
    fn from(card: workflow::PromptCard) -> Self {
        let words = |all: Vec<workflow::Words>| all.into_iter().map(Into::into).collect();
        Self {
            ask: words(card.ask),
            take_along: words(card.take_along),
            safety: words(card.safety),
            behaviour: words(card.behaviour),
            say: words(card.say),
            never: words(card.never),
        }
    }
}

impl From<workflow::FieldSpec> for FieldForm {
    fn from(field: workflow::FieldSpec) -> Self {
        Self {
            field: field.code.0,
            title: field.title.into(),
            kind: match field.kind {
                workflow::FieldKind::Text => FieldKind::Text,
                workflow::FieldKind::Choice => FieldKind::Choice,
                workflow::FieldKind::Flag => FieldKind::Flag,
                workflow::FieldKind::Whole => FieldKind::Whole,
                workflow::FieldKind::Decimal => FieldKind::Decimal,
            },
            optional: field.optional,
            choices: field.choices,
        }
    }
}

impl From<workflow::PhotoSlot> for PhotoForm {
    fn from(slot: workflow::PhotoSlot) -> Self {
        Self {
            slot: slot.code.0,
            title: slot.title.into(),
            min: slot.min,
            max: slot.max,
        }
    }
}
