//! All that one version of a station's territory says.

use super::{
    draft::TerritoryDraft,
    import::{CellDraft, MAX_BOUNDARY_POINTS, MAX_FEATURES, MAX_RINGS, StationAreaDraft},
    problem::Problem,
    shape::Shape,
};
use gridcrew_sync_protocol::{position::Wgs84, workflow::AreaClass};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// A whole territory, sound: the cells tile the boundary, and every station area names the
/// cell that it is in. Without cells, nothing is split yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The outline.
    pub boundary: Shape,
    /// The station areas, each code once.
    pub station_areas: Vec<AreaContent>,
    /// The cells, each code once.
    pub cells: Vec<CellContent>,
}

/// A station area in a territory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl AreaContent {
    /// Whether another is the same, in whichever cell.
    #[must_use]
    pub fn is_but_for_cell(&self, other: &Self) -> bool {
        let cell = self.cell.clone();
        let other = Self {
            cell,
            ..other.clone()
        };
        *self == other
    }
}

/// A cell in a territory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellContent {
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its outline.
    pub outline: Shape,
}

impl Content {
    /// A territory that is not split yet.
    #[must_use]
    pub fn without_cells(boundary: Shape, station_areas: Vec<StationAreaDraft>) -> Self {
        Self {
            boundary,
            station_areas: station_areas.into_iter().map(AreaContent::from).collect(),
            cells: Vec::new(),
        }
    }

    /// Whether it keeps to what an import takes, so that it can go out as a file and come in
    /// again. Edits, splits and sheets make territories too, a piece at a time.
    ///
    /// # Errors
    /// `territory.too_large`, with what is too large.
    pub fn check_sizes(&self) -> Result<(), Problem> {
        let within = |place: &str, what, count, limit| {
            if count <= limit {
                return Ok(());
            }
            let place = place.to_owned();
            Err(Problem::TooLarge {
                place,
                what,
                count,
                limit,
            })
        };
        let whole = "the territory";
        within(
            whole,
            "station areas",
            self.station_areas.len(),
            MAX_FEATURES,
        )?;
        within(whole, "cells", self.cells.len(), MAX_FEATURES)?;
        let cells = self.cells.iter();
        let cells = cells.map(|cell| (format!("cell {}", cell.code), &cell.outline));
        let boundary = ("the boundary".to_owned(), &self.boundary);
        for (place, outline) in std::iter::once(boundary).chain(cells) {
            within(&place, "points", outline.vertices(), MAX_BOUNDARY_POINTS)?;
            within(&place, "rings", outline.rings().count(), MAX_RINGS)?;
        }
        Ok(())
    }

    /// The station areas as an import would give them.
    #[must_use]
    pub fn area_drafts(&self) -> Vec<StationAreaDraft> {
        self.station_areas
            .iter()
            .map(StationAreaDraft::from)
            .collect()
    }

    /// The cells as an import would give them, with those of their station areas that are
    /// among `areas`.
    #[must_use]
    pub fn cell_drafts(&self, areas: &[StationAreaDraft]) -> Vec<CellDraft> {
        let known: BTreeSet<&str> = areas.iter().map(|area| area.code.as_str()).collect();
        let mut members: HashMap<&str, Vec<String>> = HashMap::new();
        for area in &self.station_areas {
            if let Some(cell) = area.cell.as_deref()
                && known.contains(area.code.as_str())
            {
                members.entry(cell).or_default().push(area.code.clone());
            }
        }
        self.cells
            .iter()
            .map(|cell| CellDraft {
                code: cell.code.clone(),
                name: cell.name.clone(),
                station_areas: members.remove(cell.code.as_str()).unwrap_or_default(),
                shape: cell.outline.clone(),
            })
            .collect()
    }
}

impl From<TerritoryDraft> for Content {
    fn from(draft: TerritoryDraft) -> Self {
        let mut cell_of: HashMap<String, String> = HashMap::new();
        let cells = draft.cells.into_iter().map(|cell| {
            let code = &cell.code;
            let named = cell.station_areas.into_iter();
            cell_of.extend(named.map(|area| (area, code.clone())));
            CellContent {
                code: cell.code,
                name: cell.name,
                outline: cell.shape,
            }
        });
        let cells = cells.collect();
        let areas = draft.station_areas.into_iter().map(|area| AreaContent {
            cell: cell_of.remove(&area.code),
            ..AreaContent::from(area)
        });
        Self {
            boundary: draft.boundary,
            station_areas: areas.collect(),
            cells,
        }
    }
}

impl From<&AreaContent> for StationAreaDraft {
    fn from(area: &AreaContent) -> Self {
        Self {
            code: area.code.clone(),
            name: area.name.clone(),
            customers: area.customers,
            feeder: area.feeder.clone(),
            area_class: area.area_class,
            at: area.position,
            outline: None,
        }
    }
}

impl From<StationAreaDraft> for AreaContent {
    fn from(area: StationAreaDraft) -> Self {
        Self {
            code: area.code,
            name: area.name,
            position: area.at,
            feeder: area.feeder,
            customers: area.customers,
            area_class: area.area_class,
            cell: None,
        }
    }
}
