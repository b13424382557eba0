//! From what was given to what is stored: the parts of a territory, put together with those
//! that stay as they are.

use super::{
    content::Content,
    draft::{Remark, TerritoryDraft},
    exchange::{Layers, Note},
    fit::{self, Moved, Pairs},
    import::{self, CellDraft, Imported, StationAreaDraft},
    problem::{Problem, Problems},
    repair::Repair,
    shape::Shape,
};
use gridcrew_sync_protocol::position::Datum;
use std::collections::HashMap;

/// The parts of a territory that were given; what is absent stays as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The boundary.
    pub boundary: Option<Imported<Shape>>,
    /// The station areas.
    pub station_areas: Option<Imported<Vec<StationAreaDraft>>>,
    /// The cells.
    pub cells: Option<Imported<Vec<CellDraft>>>,
    /// The cells that station areas name themselves, by the codes of both.
    pub cell_of_area: HashMap<String, String>,
}

/// A territory that may be stored, and what was found on the way.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What it says.
    pub content: Content,
    /// What was mended.
    pub repairs: Vec<Repair>,
    /// What is allowed but worth a look.
    pub remarks: Vec<Remark>,
    /// What is worth saying of how the file was read.
    pub notes: Vec<Note>,
}

/// What is known around, to see whether a datum fits.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Boundaries of territories near by.
    pub neighbours: Vec<Shape>,
    /// Somebody said that the datum is right, whatever it looks like.
    pub confirmed: bool,
}

impl Parts {
    /// Reads the layers of a file; `held` is what is stored.
    ///
    /// # Errors
    /// Everything found wrong with the first layer that is wrong.
    pub fn of_layers(
        layers: &mut Layers,
        datum: Option<&str>,
        held: Option<&Content>,
    ) -> Result<Self, Problems> {
        let cell_of_area = layers.cell_of_area();
        layers.fill_members(held);
        let boundary = layers.boundary.as_ref();
        let areas = layers.station_areas.as_ref();
        let cells = layers.cells.as_ref();
        let boundary = boundary.map(|layer| import::boundary_of(layer, datum));
        let station_areas = areas.map(|layer| import::station_areas_of(layer, datum));
        let cells = cells.map(|layer| import::cells_of(layer, datum));
        Ok(Self {
            boundary: boundary.transpose()?,
            station_areas: station_areas.transpose()?,
            cells: cells.transpose()?,
            cell_of_area,
        })
    }

    /// Puts the parts together with what is `held`, and checks the whole.
    ///
    /// # Errors
    /// Everything found wrong.
    pub fn take(self, held: Option<&Content>, around: &Around) -> Result<Taken, Problems> {
        if !around.confirmed {
            self.check_datum(held, around)?;
        }
        let mut repairs = Vec::new();
        let boundary = match self.boundary {
            Some(given) => {
                repairs.extend(given.repairs);
                given.value
            }
            None => held
                .map(|held| held.boundary.clone())
                .ok_or(Problem::NoBoundary)?,
        };
        let areas = match self.station_areas {
            Some(given) => {
                repairs.extend(given.repairs);
                given.value
            }
            None => held.map_or_else(Vec::new, Content::area_drafts),
        };
        let given = self.cells.is_some();
        let cells = match self.cells {
            Some(given) => {
                repairs.extend(given.repairs);
                let cells = given.value;
                agreed(&cells, &self.cell_of_area)?;
                cells
            }
            None => match held {
                Some(held) => moved(held.cell_drafts(&areas), &areas, &self.cell_of_area)?,
                None => Vec::new(),
            },
        };
        if !given && cells.is_empty() {
            return Ok(Taken {
                content: not_split(boundary, areas)?,
                repairs,
                remarks: Vec::new(),
                notes: Vec::new(),
            });
        }
        let draft = TerritoryDraft::check(boundary, areas, cells)?;
        repairs.extend(draft.repairs.iter().copied());
        Ok(Taken {
            remarks: draft.remarks.clone(),
            content: draft.into(),
            repairs,
            notes: Vec::new(),
        })
    }

    /// Whether the stated datum fits what is known.
    fn check_datum(&self, held: Option<&Content>, around: &Around) -> Result<(), Problem> {
        let doubt = self
            .station_areas
            .as_ref()
            .and_then(|given| doubt_of_areas(held, &given.value, given.datum))
            .or_else(|| {
                let given = self.boundary.as_ref()?;
                let mut known: Vec<&Shape> = around.neighbours.iter().collect();
                known.extend(held.map(|held| &held.boundary));
                fit::by_borders(&given.value, &known, given.datum)
            });
        doubt.map_or(Ok(()), |doubt| Err(Problem::Doubtful(doubt)))
    }
}

/// Whether station areas that are known by their codes lie as another datum would have them.
#[must_use]
pub fn doubt_of_areas(
    held: Option<&Content>,
    given: &[StationAreaDraft],
    datum: Datum,
) -> Option<fit::Doubt> {
    let known = held.iter().flat_map(|held| &held.station_areas);
    let known: HashMap<&str, _> = known
        .map(|area| (area.code.as_str(), area.position))
        .collect();
    let pairs: Vec<Moved> = given
        .iter()
        .filter_map(|area| {
            Some(Moved {
                known: *known.get(area.code.as_str())?,
                given: area.at,
            })
        })
        .collect();
    fit::by_places(&pairs, Pairs::Same, datum)
}

/// Cells list what station areas name, where both say something.
fn agreed(cells: &[CellDraft], cell_of_area: &HashMap<String, String>) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for cell in cells {
        for area in &cell.station_areas {
            if let Some(says) = cell_of_area.get(area)
                && *says != cell.code
            {
                problems.push(Problem::MembershipConflict {
                    area: area.clone(),
                    says: says.clone(),
                    listed: cell.code.clone(),
                });
            }
        }
    }
    Problems::or(problems, ())
}

/// The present cells, with station areas moved to the cells that they name. Where there are
/// no cells, what they name means nothing.
fn moved(
    mut cells: Vec<CellDraft>,
    areas: &[StationAreaDraft],
    cell_of_area: &HashMap<String, String>,
) -> Result<Vec<CellDraft>, Problems> {
    if cells.is_empty() {
        return Ok(cells);
    }
    let number: HashMap<String, usize> = cells
        .iter()
        .enumerate()
        .map(|(number, cell)| (cell.code.clone(), number))
        .collect();
    for cell in &mut cells {
        cell.station_areas
            .retain(|area| !cell_of_area.contains_key(area));
    }
    let mut problems = Vec::new();
    for area in areas {
        let Some(named) = cell_of_area.get(&area.code) else {
            continue;
        };
        match number.get(named) {
            Some(cell) => cells[*cell].station_areas.push(area.code.clone()),
            None => problems.push(Problem::UnknownCell {
                area: area.code.clone(),
                cell: named.clone(),
            }),
        }
    }
    Problems::or(problems, cells)
}

/// A territory without cells: its station areas must at least stand in it.
fn not_split(boundary: Shape, areas: Vec<StationAreaDraft>) -> Result<Content, Problem> {
    let inside = boundary.searchable();
    if let Some(area) = areas.iter().find(|area| !inside.contains(area.at)) {
        return Err(Problem::StationAreaOutside {
            area: area.code.clone(),
            at: area.at,
        });
    }
    Ok(Content::without_cells(boundary, areas))
}
