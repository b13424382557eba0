//! Why a territory cannot be split as asked.

use crate::territory::shape::ShapeError;
use gridcrew_sync_protocol::{code::Code, position::Wgs84};

/// Why a territory cannot be split as asked. Station areas, locked cells and barriers are
/// counted from 0 in the lists given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// No station areas.
    #[error("there are no station areas to make cells from; import them first")]
    NoAreas,
    /// More station areas than are split at once.
    #[error("{areas} station areas are too many; at most {limit} can be split at once")]
    TooManyAreas {
        /// How many there are.
        areas: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// No cells wanted.
    #[error("0 cells are no split; ask for at least 1")]
    NoCells,
    /// No weight allowed.
    #[error("a largest weight of 0 allows no cell; ask for at least 1")]
    NoWeight,
    /// More cells than there are places to make them from.
    #[error(
        "{cells} cells cannot be made from {areas} station areas that stand in {places} groups \
         or places; ask for at most {places}"
    )]
    TooManyCells {
        /// How many were wanted.
        cells: usize,
        /// How many station areas there are.
        areas: usize,
        /// How many of them can be parted.
        places: usize,
    },
    /// Locked cells leave none to make, or more than are needed.
    #[error(
        "{locked} cells are locked, which leaves none to make from {areas} station areas; unlock \
         some or ask for more cells"
    )]
    LockedLeaveNone {
        /// How many are locked.
        locked: usize,
        /// How many station areas there are.
        areas: usize,
    },
    /// Barriers part the ground more often than cells are wanted.
    #[error(
        "barriers that may not be crossed part the ground into {pieces} pieces, {cells} cells \
         cannot cover them; ask for at least {pieces}, or allow crossings"
    )]
    Parted {
        /// Into how many pieces.
        pieces: usize,
        /// How many cells were wanted.
        cells: usize,
    },
    /// No weight at all.
    #[error("no station area weighs anything, so nothing can be balanced; give their numbers")]
    NoCustomers,
    /// A station area outside the boundary.
    #[error(
        "station area number {area} at lon {}, lat {} lies outside the boundary; \
         correct its place or the boundary",
        .at.lon(), .at.lat()
    )]
    AreaOutside {
        /// Which.
        area: usize,
        /// Where it is.
        at: Wgs84,
    },
    /// A station area without ground.
    #[error(
        "no ground is left for station area number {area} at lon {}, lat {}: it stands in a \
         locked cell or on the ground of another; correct one of them",
        .at.lon(), .at.lat()
    )]
    NoGround {
        /// Which.
        area: usize,
        /// Where it is.
        at: Wgs84,
    },
    /// No number of cells keeps to the largest weight.
    #[error("no split was found in which no cell weighs more than {largest}; allow more")]
    NotLight {
        /// The largest weight wanted.
        largest: u64,
    },
    /// The ground cannot be cut.
    #[error("the ground cannot be cut at 0.01 mm; look for slivers in the boundary")]
    Unresolved,
    /// A cell came out unsound.
    #[error("a cell came out unsound: {0}")]
    Shape(#[from] ShapeError),
}

impl SplitError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::AreaOutside { .. } => Code::TerritoryOutsideBoundary,
            Self::TooManyAreas { .. } => Code::TerritoryTooLarge,
            _ => Code::TerritoryCannotSplit,
        }
    }
}
