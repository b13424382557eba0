//! All that one version of a station's territory says.

use super::shape::Shape;
use gridcrew_sync_protocol::{position::Wgs84, workflow::AreaClass};
use serde::Serialize;

/// A whole territory, sound: the cells tile the boundary, and every station area names the
/// cell that it is in. Without cells, nothing is split yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Content {
    /// The outline.
    pub boundary: Shape,
    /// The station areas, each code once.
    pub station_areas: Vec<AreaContent>,
    /// The cells, each code once.
    pub cells: Vec<CellContent>,
}

/// A station area in a territory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AreaContent {
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where its transformer stands.
    pub position: Wgs84,
    /// The code of the feeder that supplies it.
    pub feeder: Option<String>,
    /// How many customers it supplies.
    pub customers: u32,
    /// What class of area it is.
    pub area_class: AreaClass,
    /// The code of the cell that it is in.
    pub cell: Option<String>,
}

/// A cell in a territory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellContent {
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its outline.
    pub outline: Shape,
}
