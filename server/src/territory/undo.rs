//! Undoing a version: what it changed is as it was before it, whatever else changed since.

use super::{
    changes::{CellChange, CellSide, Changes, compare},
    content::{AreaContent, Content},
    planar::rings_of,
    repair::{Mended, mend},
    shape::Shape,
    tiling,
};
use gridcrew_sync_protocol::ids::CellId;
use std::collections::{BTreeMap, BTreeSet};

/// A territory with the ids of its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The version.
    pub version: i64,
    /// What it says.
    pub content: Content,
    /// The ids of its cells by code.
    pub ids: BTreeMap<String, CellId>,
}

/// Why a version cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// Nothing was before it.
    #[error("version {0} is the first; there is nothing before it to go back to")]
    First(i64),
    /// Later versions changed the same cells.
    #[error(
        "{cells} changed again in {versions}; undo the later first, or edit the cells as they are"
    )]
    ChangedAgain {
        /// The codes of the cells, or of the station area.
        cells: String,
        /// The versions.
        versions: String,
    },
    /// The territory itself, or its station areas, were brought in anew by this version.
    #[error("version {0} brought other ground or station areas, and versions came after it")]
    OtherGround(i64),
    /// A cell has the code of one that would come back.
    #[error("there is another cell {0} now; it stands in the way of the one before")]
    CodeTaken(String),
    /// What was before does not fit to what is now.
    #[error("the cells of before do not fit to their neighbours of now")]
    DoesNotFit,
}

/// A territory with a version undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// All of it.
    pub content: Content,
    /// The cells that come back, by code.
    pub revived: BTreeMap<String, CellId>,
}

/// The territory of now without what `undone` changed of `before`. `later` are the versions
/// after it with what they changed.
///
/// # Errors
/// Any [`UndoError`].
pub fn undo(
    before: Option<Version>,
    undone: &Version,
    present: Version,
    later: &[(i64, Changes)],
) -> Result<Undone, UndoError> {
    let before = before.ok_or(UndoError::First(undone.version))?;
    if undone.version == present.version {
        let gone = |code: &String| present.ids.get(code) != before.ids.get(code);
        let revived = before.ids.iter().filter(|(code, _)| gone(code));
        return Ok(Undone {
            revived: revived.map(|(code, id)| (code.clone(), *id)).collect(),
            content: before.content,
        });
    }
    let changed: Vec<CellChange> = differences(&before, undone);
    let touched: BTreeSet<CellId> = changed.iter().map(|change| change.cell).collect();
    in_the_way(undone, &present, &touched, later)?;
    if !same_areas(&before.content, &undone.content) {
        return Err(UndoError::OtherGround(undone.version));
    }
    let mut present = present;
    areas_back(&before, undone, &mut present.content)?;
    put_back(before, present, &touched)
}

/// Station areas that the version changed in something else than their cell are as before it
/// again; refused when they changed again since.
fn areas_back(before: &Version, undone: &Version, present: &mut Content) -> Result<(), UndoError> {
    let by_code = |version: &Version| -> BTreeMap<String, AreaContent> {
        let areas = version.content.station_areas.iter();
        areas
            .map(|area| (area.code.clone(), area.clone()))
            .collect()
    };
    let (old, new) = (by_code(before), by_code(undone));
    for (code, old) in old {
        let Some(new) = new.get(&code).filter(|new| !old.is_but_for_cell(new)) else {
            continue;
        };
        let areas = &mut present.station_areas;
        let still = areas
            .iter_mut()
            .find(|area| area.is_but_for_cell(new))
            .ok_or_else(|| UndoError::ChangedAgain {
                cells: format!("the station area {code}"),
                versions: "a later version".to_owned(),
            })?;
        *still = AreaContent {
            cell: still.cell.take(),
            ..old
        };
    }
    Ok(())
}

/// Which cells differ in more than points on their borders.
fn differences(one: &Version, other: &Version) -> Vec<CellChange> {
    let mut changes = compare(&sides(one), &sides(other));
    changes.retain(CellChange::matters);
    changes
}

fn sides(version: &Version) -> Vec<CellSide<'_>> {
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for area in &version.content.station_areas {
        if let Some(cell) = area.cell.as_deref() {
            members.entry(cell).or_default().insert(&area.code);
        }
    }
    let cells = version.content.cells.iter();
    cells
        .filter_map(|cell| {
            Some(CellSide {
                id: *version.ids.get(&cell.code)?,
                code: &cell.code,
                name: &cell.name,
                outline: &cell.outline,
                areas: members.get(cell.code.as_str()).cloned().unwrap_or_default(),
            })
        })
        .collect()
}

/// Refuses when a cell that the version changed is not any more as it left it.
fn in_the_way(
    undone: &Version,
    present: &Version,
    touched: &BTreeSet<CellId>,
    later: &[(i64, Changes)],
) -> Result<(), UndoError> {
    let mut again = differences(undone, present);
    again.retain(|change| touched.contains(&change.cell));
    if again.is_empty() {
        return Ok(());
    }
    let concerned: BTreeSet<CellId> = again.iter().map(|change| change.cell).collect();
    let versions = later.iter().filter(|(_, changes)| {
        let mut cells = changes.cells.iter();
        cells.any(|change| change.matters() && concerned.contains(&change.cell))
    });
    let versions: Vec<String> = versions
        .map(|(version, _)| format!("version {version}"))
        .collect();
    let codes: Vec<&str> = again.iter().map(|change| change.code.as_str()).collect();
    Err(UndoError::ChangedAgain {
        cells: codes.join(", "),
        versions: versions.join(", "),
    })
}

fn same_areas(one: &Content, other: &Content) -> bool {
    let codes = |content: &Content| -> BTreeSet<String> {
        content
            .station_areas
            .iter()
            .map(|area| area.code.clone())
            .collect()
    };
    let ground = one.boundary.area_m2() / other.boundary.area_m2() - 1.0;
    codes(one) == codes(other) && ground.abs() < 1e-9
}

/// The cells of now, but those that were touched as they were before.
fn put_back(
    before: Version,
    present: Version,
    touched: &BTreeSet<CellId>,
) -> Result<Undone, UndoError> {
    let id_in = |version: &Version, code: &str| version.ids.get(code).copied();
    let goes = |code: &str| id_in(&present, code).is_some_and(|id| touched.contains(&id));
    let comes = |code: &str| id_in(&before, code).is_some_and(|id| touched.contains(&id));
    let mut content = present.content.clone();
    content.cells.retain(|cell| !goes(&cell.code));
    let mut revived = BTreeMap::new();
    for cell in before.content.cells.iter().filter(|cell| comes(&cell.code)) {
        if content.cells.iter().any(|other| other.code == cell.code) {
            return Err(UndoError::CodeTaken(cell.code.clone()));
        }
        let id = id_in(&before, &cell.code);
        if let Some(id) = id.filter(|_| id_in(&present, &cell.code) != id) {
            revived.insert(cell.code.clone(), id);
        }
        content.cells.push(cell.clone());
    }
    let homes: BTreeMap<&str, &str> = before
        .content
        .station_areas
        .iter()
        .filter_map(|area| Some((area.code.as_str(), area.cell.as_deref()?)))
        .filter(|(_, cell)| comes(cell))
        .collect();
    for area in &mut content.station_areas {
        if let Some(cell) = homes.get(area.code.as_str()) {
            area.cell = Some((*cell).to_owned());
        }
    }
    content.cells.sort_by(|a, b| a.code.cmp(&b.code));
    fit(&mut content)?;
    Ok(Undone { content, revived })
}

/// Puts the points that borders got since then into those of before.
fn fit(content: &mut Content) -> Result<(), UndoError> {
    let shapes = content
        .cells
        .iter()
        .map(|cell| cell.outline.clone())
        .collect();
    let Mended {
        boundary, cells, ..
    } = mend(content.boundary.clone(), shapes).map_err(|_| UndoError::DoesNotFit)?;
    let shapes: Vec<&Shape> = cells.iter().collect();
    if !tiling::check(&boundary, &shapes).tiles() {
        return Err(UndoError::DoesNotFit);
    }
    let steps = cells.iter().flat_map(Shape::steps);
    content.boundary = Shape::of_grid(rings_of(steps)).map_err(|_| UndoError::DoesNotFit)?;
    for (cell, outline) in content.cells.iter_mut().zip(cells) {
        cell.outline = outline;
    }
    let homes: BTreeSet<&str> = content
        .cells
        .iter()
        .map(|cell| cell.code.as_str())
        .collect();
    let homeless = content.station_areas.iter().any(|area| {
        area.cell
            .as_deref()
            .is_none_or(|cell| !homes.contains(cell))
    });
    if homeless {
        Err(UndoError::DoesNotFit)
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
