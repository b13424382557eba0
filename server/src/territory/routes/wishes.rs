//! Edits as they are sent, and as the rules take them.

use super::text;
use crate::{
    edge::Problem,
    territory::{
        edit::{Called, Edit, EditError, MAX_EDITS},
        import::{self, MAX_CODE, MAX_NAME},
        split::Size,
    },
};
use gridcrew_sync_protocol::code::Code;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Most codes in one edit.
const MAX_CODES: usize = 2_000;

/// One edit. Cells and station areas are named by their codes, outlines are GeoJSON Polygons or
/// MultiPolygons of up to 5,000 points, lines GeoJSON LineStrings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum EditWish {
    /// A new cell takes this ground, and the station areas on it, from its neighbours.
    Draw {
        /// Its ground.
        #[schema(value_type = Object)]
        outline: Value,
        /// Its code; absent: the first number that is free.
        code: Option<String>,
        /// Its name; absent: that of its largest station area.
        name: Option<String>,
    },
    /// A cell gets another outline.
    Outline {
        /// The cell.
        cell: String,
        /// Its ground afterwards.
        #[schema(value_type = Object)]
        outline: Value,
    },
    /// Two neighbours get another border between them.
    Border {
        /// The two cells.
        cells: Vec<String>,
        /// The border, from one end of their common ground to the other.
        #[schema(value_type = Object)]
        line: Value,
    },
    /// A cell becomes several of about equal weight. Either `into` or `largest_weight` is given.
    Split {
        /// The cell.
        cell: String,
        /// Into how many.
        into: Option<u16>,
        /// Into as many as it takes so that none has more customers.
        largest_weight: Option<u64>,
        /// The same seed gives the same cells.
        #[serde(default)]
        seed: u64,
    },
    /// A cell becomes two along a line.
    SplitAlong {
        /// The cell.
        cell: String,
        /// The line, from one end of its ground to the other.
        #[schema(value_type = Object)]
        line: Value,
        /// The code of the new one; absent: the first number that is free.
        code: Option<String>,
        /// The name of the new one; absent: that of its largest station area.
        name: Option<String>,
    },
    /// Neighbours become one cell.
    Merge {
        /// The cells.
        cells: Vec<String>,
        /// Which of them goes on; absent: the one with most customers.
        into: Option<String>,
    },
    /// Station areas go to another cell and take their ground along.
    Move {
        /// The station areas.
        station_areas: Vec<String>,
        /// The cell that they go to.
        to: String,
    },
    /// A cell gets another name.
    Rename {
        /// The cell.
        cell: String,
        /// Its name afterwards.
        name: String,
    },
}

/// Reads edits, the coordinates in `datum` unless they say it themselves.
pub(super) fn read_all(wishes: &[EditWish], datum: Option<&str>) -> Result<Vec<Edit>, Problem> {
    if wishes.is_empty() || wishes.len() > MAX_EDITS {
        return Err(Problem::new(
            Code::RequestInvalid,
            format!("{}.", EditError::HowMany),
        ));
    }
    wishes
        .iter()
        .zip(1..)
        .map(|(wish, number)| {
            read(wish, datum).map_err(|problem| Problem {
                detail: format!("Edit {number}: {}", problem.detail),
                ..problem
            })
        })
        .collect()
}

fn read(wish: &EditWish, datum: Option<&str>) -> Result<Edit, Problem> {
    Ok(match wish {
        EditWish::Draw {
            outline,
            code,
            name,
        } => Edit::Draw {
            outline: import::outline(&outline.to_string(), datum)?.value,
            called: called(code, name)?,
        },
        EditWish::Outline { cell, outline } => Edit::Outline {
            cell: cell.clone(),
            outline: import::outline(&outline.to_string(), datum)?.value,
        },
        EditWish::Border { cells, line } => {
            let [first, second] = &cells[..] else {
                let detail = "Name the two cells whose border it is.";
                return Err(Problem::new(Code::RequestInvalid, detail));
            };
            Edit::Border {
                cells: [first.clone(), second.clone()],
                line: import::line(&line.to_string(), datum)?.value,
            }
        }
        EditWish::Split {
            cell,
            into,
            largest_weight,
            seed,
        } => Edit::SplitInto {
            cell: cell.clone(),
            size: size(*into, *largest_weight)?,
            seed: *seed,
        },
        EditWish::SplitAlong {
            cell,
            line,
            code,
            name,
        } => Edit::SplitAlong {
            cell: cell.clone(),
            line: import::line(&line.to_string(), datum)?.value,
            called: called(code, name)?,
        },
        EditWish::Merge { cells, into } => Edit::Merge {
            cells: few(cells)?,
            into: into.clone(),
        },
        EditWish::Move { station_areas, to } => Edit::Move {
            station_areas: few(station_areas)?,
            to: to.clone(),
        },
        EditWish::Rename { cell, name } => Edit::Rename {
            cell: cell.clone(),
            name: text("name", name, 1, MAX_NAME)?,
        },
    })
}

fn called(code: &Option<String>, name: &Option<String>) -> Result<Called, Problem> {
    let given = |what: &str, given: &Option<String>, most: usize| {
        given
            .as_ref()
            .map(|given| text(what, given, 1, most))
            .transpose()
    };
    Ok(Called {
        code: given("code", code, MAX_CODE)?,
        name: given("name", name, MAX_NAME)?,
    })
}

fn size(into: Option<u16>, largest: Option<u64>) -> Result<Size, Problem> {
    match (into, largest) {
        (Some(cells), None) if cells > 1 => Ok(Size::Cells(usize::from(cells))),
        (None, Some(largest)) => Ok(Size::LargestWeight(largest)),
        _ => Err(Problem::new(
            Code::RequestInvalid,
            "Give either into (2 or more) or largest_weight.",
        )),
    }
}

fn few(codes: &[String]) -> Result<Vec<String>, Problem> {
    if (1..=MAX_CODES).contains(&codes.len()) {
        return Ok(codes.to_vec());
    }
    let detail = format!("Name 1 to {MAX_CODES} of them.");
    Err(Problem::new(Code::RequestInvalid, detail))
}
