//! What can be wrong with a territory that someone gives: each with a stable code, the
//! value or feature, the place, and what to do.

use super::{fit::Doubt, shape::ShapeError, split::SplitError};
use gridcrew_sync_protocol::{
    code::Code,
    position::{Datum, PositionError, Wgs84},
};
use std::fmt;

/// One feature of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureName {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its code, once known.
    pub code: Option<String>,
}

impl fmt::Display for FeatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "feature {} ({code})", self.number),
            None => write!(f, "feature {}", self.number),
        }
    }
}

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Not GeoJSON, or not of the kind wanted.
    #[error("this is not what is wanted ({why}); send {wanted}")]
    NotGeoJson {
        /// What the reader says.
        why: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// No datum, or one that is not known.
    #[error("{0}")]
    Datum(PositionError),
    /// Two datums.
    #[error("the request says {stated}, the file says {in_file}; find out which is true")]
    DatumConflict {
        /// In the request.
        stated: Datum,
        /// In the file.
        in_file: Datum,
    },
    /// More than allowed.
    #[error("{place} has {count} {what}, at most {limit} are allowed; simplify or split it")]
    TooLarge {
        /// The file or feature.
        place: String,
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A geometry of another kind, or none.
    #[error("{feature} is a {found}; give a {wanted}")]
    WrongGeometry {
        /// Which.
        feature: FeatureName,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A property that is missing or of the wrong kind.
    #[error("{feature}: the property {property:?} {why}")]
    Property {
        /// Which.
        feature: FeatureName,
        /// The property.
        property: &'static str,
        /// What is wrong and what to give.
        why: String,
    },
    /// A coordinate that is no place.
    #[error("{feature}: {error}")]
    Position {
        /// Which.
        feature: FeatureName,
        /// What is wrong.
        error: PositionError,
    },
    /// A coordinate far in the north that lies in China once swapped.
    #[error(
        "{feature}: lon {lon}, lat {lat} is in the Arctic, and in China when swapped; give the \
         longitude first"
    )]
    LooksSwapped {
        /// Which.
        feature: FeatureName,
        /// The longitude given.
        lon: f64,
        /// The latitude given.
        lat: f64,
    },
    /// Coordinates that look like another datum than the stated one.
    #[error("{0}")]
    Doubtful(Doubt),
    /// A file, or a part of one, that cannot be read.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What.
        what: String,
        /// What the reader says.
        why: String,
    },
    /// More comes out of an archive than is allowed.
    #[error("{what} is too large once unpacked: at most {limit}; make it smaller")]
    Unpacked {
        /// What.
        what: String,
        /// How much is allowed.
        limit: String,
    },
    /// An export that could not be taken in again.
    #[error("{what} cannot go out as one file that is taken in again: {why}; {instead}")]
    OneWay {
        /// What was to go out.
        what: &'static str,
        /// What is in the way.
        why: String,
        /// What to ask for instead.
        instead: String,
    },
    /// A part of a sheet that there is not.
    #[error("there is no part {part}; the sheet has the parts 1 to {parts}")]
    NoPart {
        /// Which was asked for.
        part: usize,
        /// How many there are.
        parts: usize,
    },
    /// Text that is not in the encoding that it should be in.
    #[error(
        "the text of {what} is not {encoding}{}",
        .gbk.as_ref().map_or_else(String::new, |text| format!(
            "; as GBK it reads {text:?}: if that is right, state the encoding GBK"
        ))
    )]
    Encoding {
        /// What.
        what: String,
        /// What it should be.
        encoding: String,
        /// What it would read as in GBK.
        gbk: Option<String>,
    },
    /// A sheet without headings that can be understood.
    #[error("the sheet's headings cannot be used: {why}")]
    Columns {
        /// What is wrong, and what to do.
        why: String,
    },
    /// A file that says coordinates of a system that is not taken.
    #[error(
        "{what} says that its coordinates are of {said}; give longitudes and latitudes in \
         WGS-84, GCJ-02, BD-09 or CGCS2000"
    )]
    OtherSystem {
        /// Which part of the file.
        what: String,
        /// What it says.
        said: String,
    },
    /// A file without a boundary, for a station that has none yet.
    #[error("there is no boundary, in the file or stored before; give one")]
    NoBoundary,
    /// A station area that says another cell than the one that lists it.
    #[error("station area {area} says that it is in {says}, but {listed} lists it; keep one")]
    MembershipConflict {
        /// Its code.
        area: String,
        /// The cell that it names.
        says: String,
        /// The cell that lists it.
        listed: String,
    },
    /// An outline that is not sound.
    #[error("{feature}: {error}; correct the border there")]
    Outline {
        /// Which.
        feature: FeatureName,
        /// What is wrong.
        error: ShapeError,
    },
    /// An outline that mending made unsound.
    #[error("{place}: {error}, once points within 5 cm were joined; correct the border there")]
    Mended {
        /// The cell's code, or the boundary.
        place: String,
        /// What is wrong.
        error: ShapeError,
    },
    /// One code twice.
    #[error("the {what} code {code:?} stands twice; give each its own")]
    CodeTwice {
        /// Of what.
        what: &'static str,
        /// The code.
        code: String,
    },
    /// A cell without station areas (I12).
    #[error("cell {cell} has no station area; give it some or join it to a neighbour")]
    CellWithoutStationArea {
        /// Its code.
        cell: String,
    },
    /// A cell that names a station area that there is not.
    #[error("cell {cell} names the station area {area}, which does not exist; import it first")]
    UnknownStationArea {
        /// The cell's code.
        cell: String,
        /// The code named.
        area: String,
    },
    /// A station area that names a cell that there is not.
    #[error(
        "station area {area} names the cell {cell}, which does not exist; correct the code, or \
         leave it empty to keep the present cell"
    )]
    UnknownCell {
        /// Its code.
        area: String,
        /// The code named.
        cell: String,
    },
    /// A station area in no cell (I12).
    #[error("station area {area} is in no cell; name it in one")]
    StationAreaInNoCell {
        /// Its code.
        area: String,
    },
    /// A station area in several cells (I12).
    #[error("station area {area} is in the cells {first} and {second}; keep one")]
    StationAreaInTwoCells {
        /// Its code.
        area: String,
        /// The one cell.
        first: String,
        /// The other.
        second: String,
    },
    /// A station area outside the boundary.
    #[error(
        "station area {area} at lon {}, lat {} lies outside the boundary; correct one of them",
        .at.lon(), .at.lat()
    )]
    StationAreaOutside {
        /// Its code.
        area: String,
        /// Where it is.
        at: Wgs84,
    },
    /// Ground of the territory in no cell (I12).
    #[error(
        "{area_m2:.2} m2 around lon {:.7}, lat {:.7} are in no cell ({}); extend a cell over them",
        .at.lon(), .at.lat(), beside(.cells)
    )]
    Gap {
        /// A point in it.
        at: Wgs84,
        /// Its area in square metres.
        area_m2: f64,
        /// Codes of cells beside it.
        cells: Vec<String>,
    },
    /// Ground in several cells (I12).
    #[error(
        "{area_m2:.2} m2 around lon {:.7}, lat {:.7} are in the cells {}; draw one border",
        .at.lon(), .at.lat(), .cells.join(", ")
    )]
    Overlap {
        /// A point in it.
        at: Wgs84,
        /// Its area in square metres.
        area_m2: f64,
        /// Codes of the cells.
        cells: Vec<String>,
    },
    /// Ground of a cell beyond the boundary (I12).
    #[error(
        "{area_m2:.2} m2 of cell {} around lon {:.7}, lat {:.7} lie beyond the boundary; \
         cut the cell or extend the boundary",
        .cells.join(", "), .at.lon(), .at.lat()
    )]
    Outside {
        /// A point in it.
        at: Wgs84,
        /// Its area in square metres.
        area_m2: f64,
        /// Codes of the cells.
        cells: Vec<String>,
    },
    /// Borders that do not share their points (I12).
    #[error(
        "borders near lon {:.7}, lat {:.7} do not share their points ({}); \
         give both sides the same points",
        .at.lon(), .at.lat(), beside(.cells)
    )]
    NotShared {
        /// Where.
        at: Wgs84,
        /// Codes of cells beside it.
        cells: Vec<String>,
    },
    /// A split that cannot be made.
    #[error("{0}")]
    Split(#[from] SplitError),
}

fn beside(cells: &[String]) -> String {
    if cells.is_empty() {
        "no cell near".to_owned()
    } else {
        format!("near {}", cells.join(", "))
    }
}

impl Problem {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotGeoJson { .. } | Self::WrongGeometry { .. } | Self::Property { .. } => {
                Code::TerritoryMalformed
            }
            Self::Datum(error) | Self::Position { error, .. } => error.code(),
            Self::LooksSwapped { .. } => Code::PositionOutOfRange,
            Self::Doubtful(_) => Code::TerritoryDatumDoubtful,
            Self::Unreadable { .. } => Code::FileUnreadable,
            Self::Unpacked { .. } => Code::FileTooLarge,
            Self::OneWay { .. } => Code::ExportTooLarge,
            Self::NoPart { .. } => Code::RequestInvalid,
            Self::Encoding { .. } => Code::FileEncoding,
            Self::Columns { .. } => Code::SheetColumns,
            Self::OtherSystem { .. } => Code::PositionDatumUnknown,
            Self::NoBoundary => Code::TerritoryMalformed,
            Self::DatumConflict { .. } => Code::TerritoryDatumConflict,
            Self::TooLarge { .. } => Code::TerritoryTooLarge,
            Self::Outline {
                error: ShapeError::Empty | ShapeError::NoArea { .. },
                ..
            } => Code::TerritoryMalformed,
            Self::Outline { .. } | Self::Mended { .. } => Code::TerritorySelfCrossing,
            Self::CodeTwice { .. } => Code::TerritoryCodeTwice,
            Self::CellWithoutStationArea { .. } => Code::TerritoryCellWithoutStationArea,
            Self::UnknownStationArea { .. }
            | Self::StationAreaInNoCell { .. }
            | Self::StationAreaInTwoCells { .. }
            | Self::UnknownCell { .. }
            | Self::MembershipConflict { .. } => Code::TerritoryStationAreaInNoCell,
            Self::StationAreaOutside { .. } | Self::Outside { .. } => {
                Code::TerritoryOutsideBoundary
            }
            Self::Gap { .. } => Code::TerritoryGap,
            Self::Overlap { .. } => Code::TerritoryCellsOverlap,
            Self::NotShared { .. } => Code::TerritoryBorderNotShared,
            Self::Split(error) => error.code(),
        }
    }
}

/// Everything that was found wrong, at least one thing, at most [`Problems::NAMED`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// How many problems are named at once.
    pub const NAMED: usize = 100;

    /// All of them; the first is the most important.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }

    /// The stable code of the first.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0
            .first()
            .map_or(Code::TerritoryMalformed, Problem::code)
    }

    /// An error if there is anything wrong.
    pub(super) fn or<T>(mut found: Vec<Problem>, value: T) -> Result<T, Self> {
        if found.is_empty() {
            return Ok(value);
        }
        found.truncate(Self::NAMED);
        Err(Self(found))
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl From<SplitError> for Problems {
    fn from(error: SplitError) -> Self {
        Self(vec![Problem::Split(error)])
    }
}
