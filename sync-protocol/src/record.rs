//! Records: what the events of an order's trace are made of.
//!
//! A [`Record`] is one event of one order with the person who did it, the assignment term
//! he believed in, the time evidence and the place. It is made on a handheld or by the
//! server, encoded once, appended to a journal ([`crate::journal`]) and never encoded
//! again. An order is the list of its records and nothing else (I1); [`crate::order`]
//! folds them.
//!
//! Personal data of customers is kept out of records, which cannot be erased: an accepted
//! order carries the digest of its details, the details travel beside it.

use crate::{
    claims::Claims,
    digest::Digest,
    ids::{CellId, CustomerId, OrderId, OrgId, PersonId, StationAreaId},
    position::TypedPosition,
    time::{Millis, TimeEvidence, UnixMillis},
    workflow::{AreaClass, FieldCode, SlotCode, StepCode, TemplateRef},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// One event of one order, as it was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The order it belongs to.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// Who did it.
    #[serde(rename = "p")]
    pub actor: PersonId,
    /// The assignment term that the actor knew of: the fence against late records of a
    /// previous owner (DOMAIN section 7, row 9).
    #[serde(rename = "n")]
    pub term: Term,
    /// When, as evidence.
    #[serde(rename = "t")]
    pub time: TimeEvidence,
    /// Where, if there was a fix.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// What.
    #[serde(rename = "e")]
    pub event: Event,
    /// What the handheld noticed about it: no part of the order's state.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Box<Claims>>,
}

/// The number of an assignment of one order, counting from 1; 0 before the first.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(transparent)]
pub struct Term(pub u32);

/// A place fix, as the device gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// Where, with its datum.
    #[serde(rename = "p")]
    pub position: TypedPosition,
    /// Radius of the 68 % circle in decimetres.
    #[serde(rename = "a")]
    pub accuracy_dm: u32,
    /// How old the fix was when the record was made.
    #[serde(rename = "o")]
    pub age: Millis,
    /// The operating system said that the place was given by a mock provider.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The order was taken in (DOMAIN 4.1 step 1). Only the server says so.
    Accepted(Accepted),
    /// The order was given to an owner, in a new term (step 3). Only the server says so.
    Assigned(Assigned),
    /// The owner takes the order (step 4).
    Taken(Taken),
    /// The owner declines; the ladder goes on.
    Declined(Declined),
    /// The owner asks that another person become the owner.
    HandedOver(HandedOver),
    /// A step of the workflow was done.
    StepDone(StepDone),
    /// A remark.
    Noted(Noted),
}

/// An order was taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Where the order came from, such as `95598`, `hall`, `console`.
    pub source: String,
    /// The order's number there; with `source` it names the order once for all.
    pub outside_no: String,
    /// The workflow and the edition of it that the order keeps (I10).
    pub template: TemplateRef,
    /// Urban, rural or remote, which the deadlines depend on.
    pub area_class: AreaClass,
    /// The station that the order belongs to.
    pub station: OrgId,
    /// The customer, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// The place, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<TypedPosition>,
    /// When the customer reported it at the source, if the source said so: from then, not
    /// from when the server heard of it, the customer waits (GB/T 28583).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<UnixMillis>,
    /// Hash of the encoded [`OrderDetails`].
    pub details: Digest,
}

/// The part of an order that is personal data, kept beside the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderDetails {
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// Whom to call.
    pub contact_name: String,
    /// The number to call.
    pub contact_phone: String,
    /// The address in words.
    pub address: String,
    /// The account number as text (10 or 13 digits, DOMAIN 2.3), if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_no: Option<String>,
    /// 16 random bytes, so that the digest in the trace tells nothing about the details.
    #[serde(with = "serde_bytes")]
    #[schema(value_type = String)]
    pub salt: Vec<u8>,
}

/// Who is responsible for an order at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A station-area manager or another person.
    Person(PersonId),
    /// The duty desk of a station.
    Desk(OrgId),
}

/// The rung of the ladder by which an owner was found (I11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The A manager of the cell.
    RoleA,
    /// The B manager of the cell.
    RoleB,
    /// The nearest free manager of the same service team.
    Team,
    /// The leader of the crew.
    Crew,
    /// The station's duty desk.
    Station,
    /// Named by a person: in a hand-over, in a duty table, or as who covers.
    HandOver,
}

/// By what somebody stands in for A and B. Beside the [`Rung`] and not a rung of its own, so
/// that builds that do not know it still read who the owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandIn {
    /// On duty by a table of the station or the team: at night, at the weekend, on a holiday.
    Duty,
    /// Covers the cell while its A or B is on leave.
    Cover,
}

/// An order was given to an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// The new term.
    pub term: Term,
    /// The new owner.
    pub owner: Owner,
    /// How he was found.
    pub rung: Rung,
    /// By what he stands in, if he does. The folded state does not hold it, so that builds
    /// that know it and builds that do not agree on that state's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<StandIn>,
    /// Stable code of the reason, such as `account_area_cell` or `no_place`.
    pub reason: String,
    /// The cell by which it was routed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellId>,
    /// The station area by which it was routed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station_area: Option<StationAreaId>,
    /// The version of the territory by which it was routed (I12).
    pub territory_version: i64,
}

/// The owner takes the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Taken {
    /// Minutes until he is there, as told to the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_minutes: Option<u32>,
}

/// The owner declines the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Declined {
    /// A reason code of the template.
    pub reason: String,
    /// In words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The owner asks that another become the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandedOver {
    /// The person who shall own the order.
    pub to: PersonId,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A step of the workflow was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepDone {
    /// Which step of the template.
    pub step: StepCode,
    /// The fields that were filled in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<FieldCode, Value>,
    /// The photos that belong to it; their bytes come by the second lane (I7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<PhotoRef>,
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Noted {
    /// The text.
    pub text: String,
}

/// What a field was filled with. Decimals are text, so that no float is ever hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Text, a choice's code, or a decimal number as text.
    Text(String),
}

impl<'de> Deserialize<'de> for Value {
    /// By hand: the derived form tries each kind in turn and words an error for each that
    /// does not fit, which took a tenth of the time of a push.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl Visitor<'_> for AnyValue {
    type Value = Value;

    fn expecting(&self, form: &mut fmt::Formatter<'_>) -> fmt::Result {
        form.write_str("yes or no, a whole number of 64 bits, or text")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Whole(whole))
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Value, E> {
        i64::try_from(whole)
            .map(Value::Whole)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(whole), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }
}

/// A photo that a record promises, named by the hash of its bytes (I7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhotoRef {
    /// SHA-256 of the original's bytes.
    #[serde(rename = "h")]
    pub digest: Digest,
    /// Length of the original in bytes.
    #[serde(rename = "l")]
    pub bytes: u64,
    /// The slot of the step that it fills.
    #[serde(rename = "s")]
    pub slot: SlotCode,
}

#[cfg(test)]
mod tests;
