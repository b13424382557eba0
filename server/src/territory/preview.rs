//! What a split would look like: cells with names, a table of figures, and what would move.
//!
//! [`look`] takes a territory as it is, what people wish, and what is known of orders and
//! managers; it gives the territory as it would be and a [`Preview`] to decide by. [`of_edits`]
//! does the same for edits. Nothing is written.

mod edited;
mod rows;
mod wishes;

pub use edited::{EditPreview, EditRemark, EditedCell, of_edits};

pub use rows::{AreaMove, CellRow, ForcedBy, ForcedWhy, ManagerMove, Preview, Together};
pub(in crate::territory) use wishes::weights;
pub use wishes::{Known, LookError, ManagerAt, SplitWishes, WeightBy, Workload};

use super::{
    content::{AreaContent, CellContent, Content},
    export,
    naming::name_cells,
    split::{self, Split},
    tiling,
};
use gridcrew_sync_protocol::position::{Datum, distance_m};
use rows::rows;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The territory as it would be, and how that looks.
///
/// # Errors
/// Any [`LookError`].
pub fn look(
    content: Content,
    wishes: &SplitWishes,
    known: &Known,
    progress: &dyn Fn(f64),
) -> Result<(Content, Preview), LookError> {
    let wanted = wishes::resolve(&content, wishes, known)?;
    let split = split::split(&wanted.wish(&content, wishes), progress)
        .map_err(|error| LookError::of(error, &content))?;
    let shapes: Vec<_> = split.cells.iter().map(|cell| &cell.shape).collect();
    let report = tiling::check(&split.boundary, &shapes);
    if !report.tiles() || report.difference.abs() > 1e-9 {
        return Err(LookError::NotTiled);
    }
    let groups: Vec<Vec<usize>> = split.cells.iter().map(|cell| cell.areas.clone()).collect();
    let names = name_cells(
        &content.station_areas,
        &groups,
        &content.cells,
        &std::collections::BTreeSet::new(),
    );
    let mut preview = rows(&content, wishes, known, &wanted.together, &split, &names);
    let after = after(
        content,
        split,
        names.into_iter().map(|name| (name.code, name.name)),
    );
    preview.geojson = drawn(&after.cells, &preview.cells);
    Ok((after, preview))
}

/// The territory with its new cells.
fn after(before: Content, split: Split, names: impl Iterator<Item = (String, String)>) -> Content {
    let mut cell_of = HashMap::new();
    let cells = split
        .cells
        .into_iter()
        .zip(names)
        .map(|(cell, (code, name))| {
            cell_of.extend(cell.areas.iter().map(|area| (*area, code.clone())));
            CellContent {
                code,
                name,
                outline: cell.shape,
            }
        });
    let cells = cells.collect();
    let areas = before.station_areas.into_iter().enumerate();
    let areas = areas.map(|(place, area)| AreaContent {
        cell: cell_of.remove(&place),
        ..area
    });
    Content {
        boundary: split.boundary,
        station_areas: areas.collect(),
        cells,
    }
}

/// The metres from a place to the farthest of some station areas, as the crow flies.
fn farthest(from: &ManagerAt, areas: &[AreaContent], members: &[usize]) -> Option<f64> {
    let base = from.base?;
    let ways = members.iter().filter_map(|area| areas.get(*area));
    ways.map(|area| distance_m(base, area.position).0)
        .max_by(f64::total_cmp)
}

fn drawn(cells: &[CellContent], rows: &[CellRow]) -> Value {
    let features = cells.iter().zip(rows).map(|(cell, row)| {
        let properties = json!({
            "kind": "cell",
            "code": row.code,
            "name": row.name,
            "station_areas": row.station_areas,
            "customers": row.customers,
        });
        export::feature(export::outline(&cell.outline, Datum::Wgs84), properties)
    });
    export::collection(features.collect(), Datum::Wgs84)
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
