//! Why cells cannot be edited as asked.

use super::MAX_EDITS;
use crate::territory::{planar::Unresolved, shape::ShapeError, split::SplitError};
use gridcrew_sync_protocol::{code::Code, position::Wgs84};

/// Why cells cannot be edited as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// No edit at all, or more than are done at once.
    #[error("give 1 to {MAX_EDITS} edits")]
    HowMany,
    /// There are no cells yet.
    #[error("the territory has no cells yet; split it or import cells first")]
    NoCells,
    /// The present cells do not tile the territory.
    #[error(
        "the present cells have gaps or overlaps, so nothing can be cut from them; look at the \
         checks, and import or split anew"
    )]
    NotTiled,
    /// No such cell.
    #[error("there is no cell {0}; name one of the present cells")]
    UnknownCell(String),
    /// No such station area.
    #[error("there is no station area {0}; name one of the present")]
    UnknownArea(String),
    /// The code of a new cell is in use, or was before the edits.
    #[error(
        "there is a cell {0} already, or was before these edits; give the new cell another code"
    )]
    CodeTaken(String),
    /// Nothing that was drawn lies in the territory.
    #[error("what was drawn lies outside the territory{}", hint(.swapped))]
    Outside {
        /// With longitude and latitude the other way round it would lie inside.
        swapped: bool,
    },
    /// A cell would be without station areas.
    #[error("the cell {cell} would have no station area; leave it one, or merge it with another")]
    LosesAreas {
        /// Its code.
        cell: String,
    },
    /// A cell would be without ground.
    #[error("the cell {cell} would have no ground left; merge it with another instead")]
    LosesGround {
        /// Its code.
        cell: String,
    },
    /// A line that does not part what it should.
    #[error("the line does not part {what}: it must begin and end at or beyond its border")]
    DoesNotPart {
        /// What.
        what: String,
    },
    /// A line that crosses itself.
    #[error("the line crosses itself; draw it without loops")]
    LineCrossesItself,
    /// A line of too few points.
    #[error("a line needs at least 2 different points")]
    ShortLine,
    /// Cells that are not beside each other.
    #[error("{first} and {second} have no common border")]
    NotNeighbours {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Fewer than two different cells.
    #[error("name at least two different cells")]
    FewCells,
    /// The one that goes on is not among those that are merged.
    #[error("{0} is not among the cells that are merged")]
    NotAmongThem(String),
    /// A station area that is in the cell already.
    #[error("the station area {area} is in {cell} already")]
    ThereAlready {
        /// Its code.
        area: String,
        /// The cell's.
        cell: String,
    },
    /// Station areas that stand at one place cannot be parted.
    #[error("{first} and {second} stand at one place; move both or neither")]
    StandTogether {
        /// One that moves.
        first: String,
        /// One that does not.
        second: String,
    },
    /// Station areas without ground of their own.
    #[error("no ground is left for the station area {0} in its cell; correct its place")]
    NoGround(String),
    /// A cell cannot be split.
    #[error("{cell}: {error}")]
    Split {
        /// Its code.
        cell: String,
        /// Why.
        error: SplitError,
    },
    /// The lines cannot be cut.
    #[error("the ground cannot be cut at 0.01 mm; keep what is drawn away from borders nearby")]
    Unresolved,
    /// A cell came out unsound.
    #[error("a cell came out unsound{}", near(.at))]
    Shape {
        /// Where.
        at: Option<Wgs84>,
    },
    /// Cells that do not tile: a fault of the program.
    #[error("the edited cells do not tile their territory")]
    CameOutUnsound,
}

/// What to do about what was drawn outside.
const fn hint(swapped: &bool) -> &'static str {
    if *swapped {
        ": its longitude and latitude are swapped"
    } else {
        "; draw inside it"
    }
}

/// Where a cell is unsound.
fn near(at: &Option<Wgs84>) -> String {
    at.map_or_else(String::new, |at| {
        format!(" near lon {}, lat {}", at.lon(), at.lat())
    })
}

impl EditError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::HowMany
            | Self::UnknownCell(_)
            | Self::UnknownArea(_)
            | Self::FewCells
            | Self::NotAmongThem(_)
            | Self::ShortLine => Code::RequestInvalid,
            Self::CodeTaken(_) => Code::TerritoryCodeTwice,
            Self::Outside { .. } => Code::TerritoryOutsideBoundary,
            Self::LosesAreas { .. } | Self::LosesGround { .. } => {
                Code::TerritoryCellWithoutStationArea
            }
            Self::LineCrossesItself => Code::TerritorySelfCrossing,
            Self::Split { error, .. } => error.code(),
            Self::CameOutUnsound => Code::Internal,
            _ => Code::TerritoryCannotEdit,
        }
    }
}

impl From<Unresolved> for EditError {
    fn from(_: Unresolved) -> Self {
        Self::Unresolved
    }
}

impl From<ShapeError> for EditError {
    fn from(error: ShapeError) -> Self {
        Self::Shape { at: error.at() }
    }
}
