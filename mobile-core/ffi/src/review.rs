//! What makes a reviewer look twice at a record: an arrival whose place is not proved, and
//! flags of its photos. Nothing of it kept the person from working.

use crate::orders::Words;
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::{arrival, claims};

/// What follows from a record's place and photos.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Review {
    /// What is doubtful in its place; empty when it has none.
    pub doubts: Vec<Doubt>,
    /// What it proves; none of what is no arrival.
    pub arrival: Option<ArrivalProof>,
    /// The handheld that made it found the arrival to prove something else.
    pub claims_differ: bool,
    /// The flags of its photos, in their order; empty ones included.
    pub photos: Vec<Vec<PhotoFlag>>,
    /// All of that in words, a line each; empty when there is nothing to look at twice.
    pub lines: Vec<Words>,
}

/// What an arrival would prove.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ArrivalCheck {
    /// What.
    pub proof: ArrivalProof,
    /// In words.
    pub words: Words,
    /// The person is asked why, where the workflow asks.
    pub asks_why: bool,
}

/// Why a fix does not say where somebody was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Doubt {
    /// There was no fix.
    NoFix,
    /// It was older than a minute, or from the future.
    OldFix,
    /// It was less accurate than 200 m.
    VagueFix,
    /// The system said that a mock provider gave it.
    MockPlace,
    /// Nobody travels as fast as it says.
    ImpossibleSpeed,
    /// Nobody knows where the order's place is: not the person's doing.
    NoTarget,
}

/// What an arrival proves.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ArrivalProof {
    /// The person was there.
    Proved {
        /// How far from the place the fix was, metres.
        metres: u32,
    },
    /// It says neither.
    Unsure {
        /// Why.
        doubts: Vec<Doubt>,
        /// How far from the place the fix was, metres, for what that is worth.
        metres: Option<u32>,
    },
    /// A sure fix that is not there.
    FarAway {
        /// How far from the place it was, metres.
        metres: u32,
        /// How far it might have been, metres.
        allowed: u32,
    },
}

/// What makes a reviewer look twice at a photo.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PhotoFlag {
    /// Neither the photo nor its record says surely where it was taken.
    NoFix,
    /// It was taken far from the order's place.
    FarFromPlace {
        /// How far, metres.
        metres: u32,
    },
    /// It was taken long before its step.
    OlderThanStep {
        /// How long, minutes.
        minutes: u64,
    },
    /// It says that it was taken at another time than the satellites or the record say.
    TimeMismatch {
        /// By how much, minutes.
        minutes: u64,
    },
    /// It says that it was taken at another place than the record says.
    PlaceMismatch {
        /// By how much, metres.
        metres: u32,
    },
    /// The same file belongs to an earlier record.
    SamePicture {
        /// The order of that record.
        order: String,
    },
    /// It looks like a photo of another order.
    LooksLike {
        /// That order.
        order: String,
        /// In how many of 64 bits their looks differ.
        bits: u32,
    },
}

impl From<claims::Review> for Review {
    fn from(review: claims::Review) -> Self {
        let lines = core::review_lines(&review);
        let photos = review.photos.into_iter();
        Self {
            lines: lines.into_iter().map(Into::into).collect(),
            doubts: doubts(review.doubts),
            arrival: review.arrival.map(Into::into),
            claims_differ: review.claims_differ,
            photos: photos
                .map(|flags| flags.into_iter().map(Into::into).collect())
                .collect(),
        }
    }
}

fn doubts(doubts: Vec<arrival::Doubt>) -> Vec<Doubt> {
    doubts.into_iter().map(Into::into).collect()
}

impl From<arrival::Doubt> for Doubt {
    fn from(doubt: arrival::Doubt) -> Self {
        match doubt {
            arrival::Doubt::NoFix => Self::NoFix,
            arrival::Doubt::OldFix => Self::OldFix,
            arrival::Doubt::VagueFix => Self::VagueFix,
            arrival::Doubt::MockPlace => Self::MockPlace,
            arrival::Doubt::ImpossibleSpeed => Self::ImpossibleSpeed,
            arrival::Doubt::NoTarget => Self::NoTarget,
        }
    }
}

impl From<arrival::ArrivalProof> for ArrivalProof {
    fn from(proof: arrival::ArrivalProof) -> Self {
        use arrival::ArrivalProof as Core;
        match proof {
            Core::Proved { metres } => Self::Proved { metres },
            Core::Unsure { doubts, metres } => Self::Unsure {
                doubts: self::doubts(doubts),
                metres,
            },
            Core::FarAway { metres, allowed } => Self::FarAway { metres, allowed },
        }
    }
}

impl From<arrival::ArrivalProof> for ArrivalCheck {
    fn from(proof: arrival::ArrivalProof) -> Self {
        Self {
            words: core::arrival_words(&proof).into(),
            asks_why: proof.asks_why(),
            proof: proof.into(),
        }
    }
}

impl From<claims::PhotoFlag> for PhotoFlag {
    fn from(flag: claims::PhotoFlag) -> Self {
        use claims::PhotoFlag as Core;
        match flag {
            Core::NoFix => Self::NoFix,
            Core::FarFromPlace { metres } => Self::FarFromPlace { metres },
            Core::OlderThanStep { minutes } => Self::OlderThanStep { minutes },
            Core::TimeMismatch { minutes } => Self::TimeMismatch { minutes },
            Core::PlaceMismatch { metres } => Self::PlaceMismatch { metres },
            Core::SamePicture { order } => Self::SamePicture {
                order: order.to_string(),
            },
            Core::LooksLike { order, bits } => Self::LooksLike {
                order: order.to_string(),
                bits,
            },
        }
    }
}
