//! Boundary, station areas and cells put together: what a territory must be before it is
//! stored (I12).

use super::{
    import::{CellDraft, StationAreaDraft},
    locate::TIE,
    problem::{Problem, Problems},
    repair::{Mended, Repair, mend},
    shape::Shape,
    split::{Split, SplitArea, Wish, split},
    tiling::{self, TilingProblem},
};
use gridcrew_sync_protocol::position::{LocalPlane, Metres, Wgs84};
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use std::collections::HashMap;

/// A territory that may be stored: cells tile the boundary, every cell has a station area,
/// every station area is in exactly one cell and inside the boundary.
#[derive(Clone, Debug, PartialEq)]
pub struct TerritoryDraft {
    /// The boundary, with the points at which cells meet it.
    pub boundary: Shape,
    /// The station areas.
    pub station_areas: Vec<StationAreaDraft>,
    /// The cells.
    pub cells: Vec<CellDraft>,
    /// What was mended between them.
    pub repairs: Vec<Repair>,
    /// What is allowed but worth a look.
    pub remarks: Vec<Remark>,
}

/// Something that may be right but is often a mistake.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// A station area stands outside the cell that it is assigned to.
    StandsElsewhere {
        /// Its code.
        area: String,
        /// The code of its cell.
        cell: String,
        /// How far from the cell it stands.
        distance: Metres,
    },
}

impl TerritoryDraft {
    /// Mends small flaws, then checks everything.
    ///
    /// # Errors
    /// Everything found wrong.
    pub fn check(
        boundary: Shape,
        station_areas: Vec<StationAreaDraft>,
        mut cells: Vec<CellDraft>,
    ) -> Result<Self, Problems> {
        let mut problems = assignments(&station_areas, &cells);
        let shapes = cells.iter().map(|cell| cell.shape.clone()).collect();
        let Mended {
            boundary,
            cells: shapes,
            repairs,
        } = mend(boundary, shapes).map_err(|(cell, error)| {
            let place = cell.map_or("the boundary".to_owned(), |n| cells[n].code.clone());
            Problem::Mended { place, error }
        })?;
        problems.extend(tilings(&boundary, &shapes, &cells));
        problems.extend(outsiders(&boundary, &station_areas));
        let (station_areas, remarks) =
            Problems::or(problems, (station_areas, ())).map(|(areas, ())| {
                let remarks = remarks(&areas, &cells, &shapes);
                (areas, remarks)
            })?;
        for (cell, shape) in cells.iter_mut().zip(shapes) {
            cell.shape = shape;
        }
        Ok(Self {
            boundary,
            station_areas,
            cells,
            repairs,
            remarks,
        })
    }

    /// Splits a boundary into so many cells by its station areas; `name` gives each cell,
    /// counted from 1 from north to south, its code and name.
    ///
    /// # Errors
    /// Why it cannot be split, or what is wrong with the station areas.
    pub fn by_split(
        boundary: &Shape,
        station_areas: Vec<StationAreaDraft>,
        cells: usize,
        seed: u64,
        name: impl Fn(usize) -> (String, String),
    ) -> Result<Self, Problems> {
        let weighted: Vec<SplitArea> = station_areas
            .iter()
            .map(|area| SplitArea {
                at: area.at,
                outline: area.outline.clone(),
                weight: u64::from(area.customers),
            })
            .collect();
        Problems::or(outsiders(boundary, &station_areas), ())?;
        let Split {
            boundary, cells, ..
        } = split(&Wish::plain(boundary, &weighted, cells, seed), &|_| ())?;
        let drafts = cells.into_iter().enumerate().map(|(number, cell)| {
            let (code, name) = name(number + 1);
            let areas = cell.areas.iter().map(|n| station_areas[*n].code.clone());
            CellDraft {
                code,
                name,
                station_areas: areas.collect(),
                shape: cell.shape,
            }
        });
        let drafts = drafts.collect();
        Self::check(boundary, station_areas, drafts)
    }
}

/// Every cell has station areas, every station area one cell, all codes are unique.
fn assignments(areas: &[StationAreaDraft], cells: &[CellDraft]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut cell_of: HashMap<&str, Option<usize>> = HashMap::new();
    for area in areas {
        if cell_of.insert(&area.code, None).is_some() {
            problems.push(Problem::CodeTwice {
                what: "station area",
                code: area.code.clone(),
            });
        }
    }
    let mut codes: HashMap<&str, usize> = HashMap::new();
    for (number, cell) in cells.iter().enumerate() {
        if codes.insert(&cell.code, number).is_some() {
            problems.push(Problem::CodeTwice {
                what: "cell",
                code: cell.code.clone(),
            });
        }
        if cell.station_areas.is_empty() {
            problems.push(Problem::CellWithoutStationArea {
                cell: cell.code.clone(),
            });
        }
        for area in &cell.station_areas {
            match cell_of.get_mut(area.as_str()) {
                None => problems.push(Problem::UnknownStationArea {
                    cell: cell.code.clone(),
                    area: area.clone(),
                }),
                Some(Some(first)) => problems.push(Problem::StationAreaInTwoCells {
                    area: area.clone(),
                    first: cells[*first].code.clone(),
                    second: cell.code.clone(),
                }),
                Some(free) => *free = Some(number),
            }
        }
    }
    for area in areas {
        if cell_of.get(area.code.as_str()).is_some_and(Option::is_none) {
            problems.push(Problem::StationAreaInNoCell {
                area: area.code.clone(),
            });
        }
    }
    problems
}

fn tilings(boundary: &Shape, shapes: &[Shape], cells: &[CellDraft]) -> Vec<Problem> {
    let found = tiling::check(boundary, &shapes.iter().collect::<Vec<_>>());
    let codes = |numbers: Vec<usize>| numbers.into_iter().map(|n| cells[n].code.clone()).collect();
    found
        .problems
        .into_iter()
        .map(|problem| match problem {
            TilingProblem::Gap {
                at,
                area_m2,
                beside,
            } => Problem::Gap {
                at,
                area_m2,
                cells: codes(beside),
            },
            TilingProblem::Overlap { at, area_m2, cells } => Problem::Overlap {
                at,
                area_m2,
                cells: codes(cells),
            },
            TilingProblem::Outside { at, area_m2, cells } => Problem::Outside {
                at,
                area_m2,
                cells: codes(cells),
            },
            TilingProblem::NotShared { at, beside } => Problem::NotShared {
                at,
                cells: codes(beside),
            },
        })
        .collect()
}

/// Station areas outside the boundary.
fn outsiders(boundary: &Shape, areas: &[StationAreaDraft]) -> Vec<Problem> {
    let inside = boundary.searchable();
    areas
        .iter()
        .filter(|area| !inside.contains(area.at))
        .map(|area| Problem::StationAreaOutside {
            area: area.code.clone(),
            at: area.at,
        })
        .collect()
}

/// Station areas that stand outside their own cell.
fn remarks(areas: &[StationAreaDraft], cells: &[CellDraft], shapes: &[Shape]) -> Vec<Remark> {
    let boxes = shapes.iter().enumerate().map(|(number, shape)| {
        let [west, south, east, north] = shape.bounds();
        GeomWithData::new(
            Rectangle::from_corners([west, south], [east, north]),
            number,
        )
    });
    let tree = RTree::bulk_load(boxes.collect());
    let mut cell_of = HashMap::new();
    for (number, cell) in cells.iter().enumerate() {
        cell_of.extend(
            cell.station_areas
                .iter()
                .map(|area| (area.as_str(), number)),
        );
    }
    areas
        .iter()
        .filter_map(|area| {
            let own = *cell_of.get(area.code.as_str())?;
            let spot = AABB::from_point([area.at.lon(), area.at.lat()]);
            let inside = tree
                .locate_in_envelope_intersecting(&spot)
                .any(|named| named.data == own && shapes[own].contains(area.at));
            let distance = if inside {
                Metres(0.0)
            } else {
                distance(area.at, &shapes[own])
            };
            (distance > TIE).then(|| Remark::StandsElsewhere {
                area: area.code.clone(),
                cell: cells[own].code.clone(),
                distance,
            })
        })
        .collect()
}

fn distance(from: Wgs84, shape: &Shape) -> Metres {
    let plane = LocalPlane::around(from);
    let hits = shape
        .rings()
        .filter_map(|ring| plane.to_path(ring))
        .map(|hit| hit.distance.0);
    Metres(hits.fold(f64::INFINITY, f64::min))
}
