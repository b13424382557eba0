//! What a handheld noticed about a record that it made: how the person moved, what it took
//! for an arrival and by which target, and what each photo's own EXIF says.
//!
//! Claims are facts, signed with the record and no part of the order's state: a handheld that
//! does not know them folds the same. What follows from them, [`Review`], is computed by
//! whoever reads the record, with one function on both ends.

use crate::{
    arrival::{
        ArrivalProof, Doubt, Motion, Target, Travel, doubts, is_arrival, prove, reach, whole,
    },
    digest::Digest,
    ids::OrderId,
    limits::Limits,
    position::{TypedPosition, distance_m},
    record::{Event, Fix, PhotoRef, Record},
    time::UnixMillis,
    workflow::Template,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a handheld noticed about a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The person's speed by the receiver, in decimetres a second.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub speed_dm_s: Option<u32>,
    /// His way since the fix before.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub travel: Option<Travel>,
    /// What it took for the order's place, of a step with photos or an arrival.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What it found an arrival to prove.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<ArrivalProof>,
    /// What it noticed about the photos of the step, in their order.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<PhotoClaim>,
}

impl Claims {
    /// The claims, unless there is none.
    #[must_use]
    pub fn any(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    /// How the person moved.
    #[must_use]
    pub fn motion(&self) -> Motion {
        Motion {
            speed_dm_s: self.speed_dm_s,
            travel: self.travel,
        }
    }
}

/// What a handheld noticed about a photo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhotoClaim {
    /// When it was taken, by the camera's clock (its EXIF).
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<UnixMillis>,
    /// When the satellites said it was taken.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub gnss_at: Option<UnixMillis>,
    /// Where it was taken (its EXIF).
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TypedPosition>,
    /// What it looks like.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
    /// An earlier photo on the same handheld that it is, or looks like.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What the camera gave, when what is sent was made smaller by policy.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraOriginal>,
    /// Why it has no preview.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub no_preview: Option<NoPreview>,
}

/// The perceptual hash of a picture: of 8 rows, whether each of 8 steps from left to right
/// grows brighter. Pictures of the same look differ in few bits, whatever their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Look(pub u64);

impl Look {
    /// In how many of the 64 bits two looks differ.
    #[must_use]
    pub fn differs(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// An earlier photo that a photo is, or looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Before {
    /// The order that the earlier photo belongs to.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// The earlier photo.
    #[serde(rename = "h")]
    pub photo: Digest,
    /// In how many of 64 bits their looks differ; none when it is the same file.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<u32>,
}

/// The file that the camera gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CameraOriginal {
    /// SHA-256 of its bytes.
    #[serde(rename = "h")]
    pub digest: Digest,
    /// Its length in bytes.
    #[serde(rename = "l")]
    pub bytes: u64,
}

/// Why a photo was kept without a preview.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum NoPreview {
    /// HEIC is not decoded on the handheld, and the file holds no small JPEG.
    #[error("HEIC is not decoded on this device and the file holds no small JPEG")]
    HeicNotDecoded,
    /// It has more pixels than are decoded.
    #[error("the picture has more pixels than are decoded")]
    TooManyPixels,
    /// It cannot be decoded.
    #[error("the picture cannot be decoded")]
    Broken,
    /// No preview fits the limit on its size.
    #[error("no preview fits the limit on its size")]
    TooLarge,
}

/// What makes a reviewer look twice at a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhotoFlag {
    /// Neither the photo nor its record says surely where it was taken.
    NoFix,
    /// It was taken far from the order's place.
    FarFromPlace {
        /// How far, in metres.
        metres: u32,
    },
    /// It was taken long before its step.
    OlderThanStep {
        /// How long, in minutes.
        minutes: u64,
    },
    /// It says that it was taken at another time than the satellites or the record say.
    TimeMismatch {
        /// By how much, in minutes.
        minutes: u64,
    },
    /// It says that it was taken at another place than the record says.
    PlaceMismatch {
        /// By how much, in metres.
        metres: u32,
    },
    /// The same file belongs to another record too: as its handheld knows of an earlier one
    /// of its own, or as the server knows of any.
    SamePicture {
        /// Of that order.
        order: OrderId,
    },
    /// It looks like a photo of another order.
    LooksLike {
        /// That order.
        order: OrderId,
        /// In how many of 64 bits they differ.
        bits: u32,
    },
}

/// What follows from a record and its claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// What is doubtful in its place; empty when it has none.
    pub doubts: Vec<Doubt>,
    /// What an arrival proves; `None` for anything else.
    pub arrival: Option<ArrivalProof>,
    /// The handheld found the arrival to prove something else than its own facts do.
    pub claims_differ: bool,
    /// The flags of the photos of a step, in their order.
    pub photos: Vec<Vec<PhotoFlag>>,
}

/// Reviews a record. `target` is what the reader knows of the order's place; where he knows
/// nothing, what the handheld went by stands.
#[must_use]
pub fn review(
    record: &Record,
    template: Option<&Template>,
    target: Option<Target>,
    limits: &Limits,
) -> Review {
    let none = Claims::default();
    let claims = record.claims.as_deref().unwrap_or(&none);
    let target = target.or(claims.target);
    let fix = record.fix.as_ref();
    let motion = claims.motion();
    let mut review = Review::default();
    if fix.is_some() {
        review.doubts = doubts(fix, motion, limits);
    }
    let Event::StepDone(done) = &record.event else {
        return review;
    };
    let step = template.and_then(|template| template.step(&done.step));
    if step.is_some_and(is_arrival) {
        review.arrival = Some(prove(fix, target.as_ref(), motion, limits));
        let by_own = prove(fix, claims.target.as_ref(), motion, limits);
        review.claims_differ = claims.arrival.as_ref().is_some_and(|said| *said != by_own);
    }
    let unknown = PhotoClaim::default();
    let known = |at: usize| claims.photos.get(at).unwrap_or(&unknown);
    review.photos = photos_of(&record.event)
        .iter()
        .enumerate()
        .map(|(at, _)| photo_flags(record, known(at), target.as_ref(), motion, limits))
        .collect();
    review
}

/// The photos that an event promises.
#[must_use]
pub fn photos_of(event: &Event) -> &[PhotoRef] {
    match event {
        Event::StepDone(done) => &done.photos,
        _ => &[],
    }
}

fn photo_flags(
    record: &Record,
    claim: &PhotoClaim,
    target: Option<&Target>,
    motion: Motion,
    limits: &Limits,
) -> Vec<PhotoFlag> {
    let sure_fix = record
        .fix
        .as_ref()
        .filter(|fix| doubts(Some(fix), motion, limits).is_empty());
    let mut flags = place_flags(claim, sure_fix, target, limits);
    flags.extend(time_flags(record, claim, limits));
    flags.extend(claim.before.map(|before| match before.differs {
        None => PhotoFlag::SamePicture {
            order: before.order,
        },
        Some(bits) => PhotoFlag::LooksLike {
            order: before.order,
            bits,
        },
    }));
    flags
}

/// Its own place counts before the record's; EXIF gives no accuracy, so none is added.
fn place_flags(
    claim: &PhotoClaim,
    fix: Option<&Fix>,
    target: Option<&Target>,
    limits: &Limits,
) -> Vec<PhotoFlag> {
    let by_record = fix.map(|fix| (fix.position, fix.accuracy_dm));
    let Some((position, accuracy_dm)) = claim.place.map(|own| (own, 0)).or(by_record) else {
        return vec![PhotoFlag::NoFix];
    };
    let away = |other: TypedPosition| whole(distance_m(position.to_wgs84(), other.to_wgs84()).0);
    let mut flags = Vec::new();
    if let Some(target) = target {
        let metres = away(target.position);
        if metres > reach(accuracy_dm, target.kind, limits) {
            flags.push(PhotoFlag::FarFromPlace { metres });
        }
    }
    if let (Some(_), Some(fix)) = (claim.place, fix) {
        let metres = away(fix.position);
        if metres > limits.reach_m.saturating_add(fix.accuracy_dm.div_ceil(10)) {
            flags.push(PhotoFlag::PlaceMismatch { metres });
        }
    }
    flags
}

/// A camera goes by the wall clock of its device, right or wrong, so its time is held
/// against the record's wall clock; the satellites' time against the trusted one.
fn time_flags(record: &Record, claim: &PhotoClaim, limits: &Limits) -> Vec<PhotoFlag> {
    let minutes = |millis: i64| millis.unsigned_abs() / 60_000;
    let mut flags = Vec::new();
    let mut mismatch = 0i64;
    let mut oldest = 0i64;
    for (at, now) in [
        (claim.taken_at, record.time.wall),
        (claim.gnss_at, record.time.trusted().at),
    ] {
        let Some(at) = at else { continue };
        let age = now.since(at).0;
        oldest = oldest.max(age);
        if age < 0 {
            mismatch = mismatch.max(age.saturating_neg());
        }
    }
    if let (Some(taken), Some(gnss)) = (claim.taken_at, claim.gnss_at) {
        mismatch = mismatch.max(taken.since(gnss).0.saturating_abs());
    }
    if oldest > limits.oldest_photo.0 {
        let minutes = minutes(oldest);
        flags.push(PhotoFlag::OlderThanStep { minutes });
    }
    if mismatch > limits.clock_slack.0 {
        let minutes = minutes(mismatch);
        flags.push(PhotoFlag::TimeMismatch { minutes });
    }
    flags
}

#[cfg(test)]
mod tests;
