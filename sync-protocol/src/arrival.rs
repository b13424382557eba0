//! Whether a record proves that somebody was there.
//!
//! 1. [`doubts`] looks at a fix alone: is it fresh, exact, from the satellites, and could
//!    the person have travelled there since the fix before ([`Travel`])?
//! 2. [`prove`] holds a fix that leaves no doubt against the [`Target`]: near enough is
//!    proved, else it is far away, with metres.
//! 3. [`still_asked`] says what a person has to add where the arrival is not proved: why,
//!    with a photo. Nobody is kept from working (DOMAIN section 7, row 4: flag, not block).
//!
//! A handheld computes this when it records and writes down what it went by
//! ([`crate::claims`]); whoever reads the trace computes it again.

use crate::{
    limits::Limits,
    position::{TypedPosition, distance_m},
    record::{Fix, PhotoRef, Value},
    time::Millis,
    workflow::{FieldCode, Missing, StepSpec},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The field of an arrival in which a person says why his place does not prove it. A workflow
/// that has it asks for it; one that has not leaves the arrival as it is.
pub const NOT_THERE_REASON: &str = "not_there_reason";

/// What is known of the place that somebody has to come to, from best to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The place that the order was given with.
    Order,
    /// The place of the order's customer.
    Customer,
    /// Only the transformer of the customer's station area.
    Transformer,
}

/// The place that somebody has to come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// Where.
    #[serde(rename = "p")]
    pub position: TypedPosition,
    /// Whose place it is.
    #[serde(rename = "k")]
    pub kind: TargetKind,
}

/// The way from the fix before to a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Travel {
    /// How far, in metres, beyond what the accuracies of both fixes explain.
    #[serde(rename = "m")]
    pub metres: u32,
    /// In what time.
    #[serde(rename = "t")]
    pub took: Millis,
}

impl Travel {
    /// The way between two fixes that were made `took` apart.
    #[must_use]
    pub fn between(before: &Fix, now: &Fix, took: Millis) -> Self {
        let way = distance_m(before.position.to_wgs84(), now.position.to_wgs84());
        let blur = (f64::from(before.accuracy_dm) + f64::from(now.accuracy_dm)) / 10.0;
        Self {
            metres: whole(way.0 - blur),
            took,
        }
    }

    /// How fast that is, in decimetres a second; less than a second counts as one.
    #[must_use]
    pub fn speed_dm_s(self) -> u32 {
        let millis = self.took.0.max(1_000).unsigned_abs();
        let speed = u64::from(self.metres).saturating_mul(10_000) / millis;
        u32::try_from(speed).unwrap_or(u32::MAX)
    }
}

/// How somebody moved, as far as his device knew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Motion {
    /// His speed by the receiver, in decimetres a second.
    pub speed_dm_s: Option<u32>,
    /// His way since the fix before.
    pub travel: Option<Travel>,
}

/// Why a fix does not say where somebody was.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// There was no fix.
    NoFix,
    /// It was older than allowed, or from the future.
    OldFix,
    /// It was less accurate than allowed.
    VagueFix,
    /// The operating system said that a mock provider gave it (DOMAIN section 7, row 5).
    MockPlace,
    /// Nobody travels as fast as it says (row 3).
    ImpossibleSpeed,
    /// Nobody knows where the order's place is (row 13).
    NoTarget,
}

impl Doubt {
    /// Whether the person can explain it: an order without a place is not his doing.
    #[must_use]
    pub fn is_his_to_explain(self) -> bool {
        self != Self::NoTarget
    }
}

/// What a record proves of an arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProof {
    /// The person was there.
    Proved {
        /// How far from the place the fix was.
        metres: u32,
    },
    /// It says neither.
    Unsure {
        /// Why; never empty.
        doubts: Vec<Doubt>,
        /// How far from the place the fix was, for what that is worth.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metres: Option<u32>,
    },
    /// A sure fix that is not there.
    FarAway {
        /// How far from the place it was.
        metres: u32,
        /// How far it might have been.
        allowed: u32,
    },
}

impl ArrivalProof {
    /// Whether the person is asked why.
    #[must_use]
    pub fn asks_why(&self) -> bool {
        match self {
            Self::Proved { .. } => false,
            Self::FarAway { .. } => true,
            Self::Unsure { doubts, .. } => doubts.iter().any(|doubt| doubt.is_his_to_explain()),
        }
    }
}

/// Everything that is doubtful in a fix.
#[must_use]
pub fn doubts(fix: Option<&Fix>, motion: Motion, limits: &Limits) -> Vec<Doubt> {
    let Some(fix) = fix else {
        return vec![Doubt::NoFix];
    };
    let too_fast = |speed: u32| speed > limits.fastest_dm_s;
    let travelled = motion.travel.map(Travel::speed_dm_s);
    let fresh = (Millis(0)..=limits.oldest_fix).contains(&fix.age);
    let exact = fix.accuracy_dm <= limits.worst_accuracy_m.saturating_mul(10);
    let found = [
        (!fresh, Doubt::OldFix),
        (!exact, Doubt::VagueFix),
        (fix.mock, Doubt::MockPlace),
        (
            motion.speed_dm_s.is_some_and(too_fast) || travelled.is_some_and(too_fast),
            Doubt::ImpossibleSpeed,
        ),
    ];
    found
        .into_iter()
        .filter_map(|(is_so, doubt)| is_so.then_some(doubt))
        .collect()
}

/// What a fix proves of an arrival at `target`.
#[must_use]
pub fn prove(
    fix: Option<&Fix>,
    target: Option<&Target>,
    motion: Motion,
    limits: &Limits,
) -> ArrivalProof {
    let mut doubts = doubts(fix, motion, limits);
    let place = match (fix, target) {
        (Some(fix), Some(target)) => Some(from_target(fix, target, limits)),
        _ => None,
    };
    if target.is_none() {
        doubts.push(Doubt::NoTarget);
    }
    match place {
        Some((metres, allowed)) if doubts.is_empty() && metres > allowed => {
            ArrivalProof::FarAway { metres, allowed }
        }
        Some((metres, _)) if doubts.is_empty() => ArrivalProof::Proved { metres },
        place => ArrivalProof::Unsure {
            doubts,
            metres: place.map(|(metres, _)| metres),
        },
    }
}

/// How far a fix is from its target in metres, and how far it may be.
pub(crate) fn from_target(fix: &Fix, target: &Target, limits: &Limits) -> (u32, u32) {
    let metres = distance_m(fix.position.to_wgs84(), target.position.to_wgs84());
    (whole(metres.0), reach(fix.accuracy_dm, target.kind, limits))
}

/// How far from its target, in metres, something of that accuracy may be (row 4).
pub(crate) fn reach(accuracy_dm: u32, kind: TargetKind, limits: &Limits) -> u32 {
    let beside = match kind {
        TargetKind::Order | TargetKind::Customer => 0,
        TargetKind::Transformer => limits.transformer_reach_m,
    };
    let accuracy = accuracy_dm.div_ceil(10);
    let reach = limits.reach_m.saturating_add(accuracy);
    reach.saturating_add(beside)
}

/// Metres without a fraction; what is below zero is zero.
pub(crate) fn whole(metres: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of the type"
    )]
    let whole = metres.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
}

/// Whether doing a step means to have come to the place.
#[must_use]
pub fn is_arrival(step: &StepSpec) -> bool {
    step.counts_from_previous_owner
}

/// What an arrival that is not proved still needs: why, and a photo. Nothing when it is
/// proved, or when the workflow does not ask.
#[must_use]
pub fn still_asked(
    step: &StepSpec,
    proof: &ArrivalProof,
    values: &BTreeMap<FieldCode, Value>,
    photos: &[PhotoRef],
) -> Vec<Missing> {
    let why = FieldCode::from(NOT_THERE_REASON);
    let asks = step.fields.iter().any(|field| field.code == why);
    if !is_arrival(step) || !asks || !proof.asks_why() {
        return Vec::new();
    }
    let mut missing = Vec::new();
    if !values.contains_key(&why) {
        missing.push(Missing::Field(why));
    }
    if let Some(slot) = step.photos.first()
        && photos.is_empty()
    {
        missing.push(Missing::Photos {
            slot: slot.code.clone(),
            have: 0,
            need: 1,
        });
    }
    missing
}

#[cfg(test)]
mod tests;
