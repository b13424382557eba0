//! What a version of a territory changed: kept with the version, shown in its history, and
//! asked when somebody else edited meanwhile or wants a version undone.

use super::shape::Shape;
use crate::edge::Problem;
use gridcrew_sync_protocol::ids::CellId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// How a version came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A whole territory was brought in, or nobody noted how it came about.
    #[default]
    Import,
    /// All cells were made anew by a split.
    Split,
    /// Cells were edited.
    Edit,
    /// A version was undone.
    Undo,
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellFate {
    /// It is new, or there again.
    Added,
    /// It is no more.
    Gone,
    /// It has another name.
    Renamed,
    /// It has other ground.
    Ground,
    /// Its border has other points, and the same ground.
    Points,
    /// It has other station areas.
    StationAreas,
}

/// A cell that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CellChange {
    /// The cell.
    pub cell: CellId,
    /// Its code.
    pub code: String,
    /// Its name afterwards; the last one when it is gone.
    pub name: String,
    /// What became of it.
    pub fates: BTreeSet<CellFate>,
}

impl CellChange {
    /// Whether more than points on its border changed.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.fates.iter().any(|fate| *fate != CellFate::Points)
    }
}

/// A station area that changed its cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AreaMoved {
    /// Its code.
    pub station_area: String,
    /// The code of its cell before; none when it was in none or is new.
    pub from: Option<String>,
    /// The code of its cell afterwards; none when it is in none or gone.
    pub to: Option<String>,
}

/// All that a version changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// How it came about.
    #[serde(default)]
    pub kind: ChangeKind,
    /// What was done, a sentence for each edit.
    #[serde(default)]
    pub said: Vec<String>,
    /// The cells that were changed, by code.
    #[serde(default)]
    pub cells: Vec<CellChange>,
    /// The station areas that changed their cell.
    #[serde(default)]
    pub station_areas: Vec<AreaMoved>,
}

impl Changes {
    /// What was stored.
    ///
    /// # Errors
    /// `internal` when it cannot be read.
    pub fn stored(text: &str) -> Result<Self, Problem> {
        serde_json::from_str(text).map_err(Problem::internal)
    }

    /// The codes of the cells that were changed in more than points on their border.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        let changed = self.cells.iter().filter(|change| change.matters());
        changed.map(|change| change.code.as_str())
    }
}

/// A cell of one side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct CellSide<'a> {
    /// Its id.
    pub id: CellId,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its outline.
    pub outline: &'a Shape,
    /// The codes of its station areas.
    pub areas: BTreeSet<&'a str>,
}

/// Compares the cells before with those afterwards.
#[must_use]
pub fn compare(before: &[CellSide<'_>], after: &[CellSide<'_>]) -> Vec<CellChange> {
    let old: BTreeMap<CellId, &CellSide<'_>> = before.iter().map(|cell| (cell.id, cell)).collect();
    let new: BTreeSet<CellId> = after.iter().map(|cell| cell.id).collect();
    let change = |cell: &CellSide<'_>, fates: BTreeSet<CellFate>| CellChange {
        cell: cell.id,
        code: cell.code.to_owned(),
        name: cell.name.to_owned(),
        fates,
    };
    let gone = before.iter().filter(|cell| !new.contains(&cell.id));
    let mut changes: Vec<CellChange> = gone
        .map(|cell| change(cell, BTreeSet::from([CellFate::Gone])))
        .collect();
    for cell in after {
        let fates = match old.get(&cell.id) {
            None => BTreeSet::from([CellFate::Added]),
            Some(old) => differences(old, cell),
        };
        if !fates.is_empty() {
            changes.push(change(cell, fates));
        }
    }
    changes.sort_by(|a, b| a.code.cmp(&b.code).then(a.cell.cmp(&b.cell)));
    changes
}

fn differences(old: &CellSide<'_>, new: &CellSide<'_>) -> BTreeSet<CellFate> {
    let mut fates = BTreeSet::new();
    if old.name != new.name {
        fates.insert(CellFate::Renamed);
    }
    if old.areas != new.areas {
        fates.insert(CellFate::StationAreas);
    }
    if old.outline != new.outline {
        fates.insert(if same_ground(old.outline, new.outline) {
            CellFate::Points
        } else {
            CellFate::Ground
        });
    }
    fates
}

/// Whether two outlines hold the same ground but for slivers along their borders. One has all
/// points of the other then: cutting puts points into borders and never takes any out.
fn same_ground(a: &Shape, b: &Shape) -> bool {
    let points = |shape: &Shape| -> BTreeSet<_> { shape.steps().map(|(point, _)| point).collect() };
    let (p, q) = (points(a), points(b));
    let nested = p.is_subset(&q) || q.is_subset(&p);
    nested && (a.area_m2() - b.area_m2()).abs() < super::tiling::SLIVER_M2
}

/// Which station areas changed their cell: `(code, cell)` before and afterwards.
#[must_use]
pub fn moved<'a>(
    before: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    after: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Vec<AreaMoved> {
    let before: BTreeMap<&str, Option<&str>> = before.into_iter().collect();
    let after: BTreeMap<&str, Option<&str>> = after.into_iter().collect();
    let codes: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    codes
        .into_iter()
        .filter_map(|code| {
            let from = before.get(code).copied().flatten();
            let to = after.get(code).copied().flatten();
            (from != to).then(|| AreaMoved {
                station_area: code.to_owned(),
                from: from.map(str::to_owned),
                to: to.map(str::to_owned),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::territory::fixture::square;
    use uuid::Uuid;

    fn side<'a>(id: u128, name: &'a str, outline: &'a Shape, areas: &[&'a str]) -> CellSide<'a> {
        CellSide {
            id: CellId(Uuid::from_u128(id)),
            code: name,
            name,
            outline,
            areas: areas.iter().copied().collect(),
        }
    }

    #[test]
    fn what_became_of_each_cell_is_told_and_what_stays_is_not() {
        let (west, east, wide) = (
            square(0.0, 0.0, 2.0, 2.0),
            square(2.0, 0.0, 4.0, 2.0),
            square(0.0, 0.0, 4.0, 2.0),
        );
        let before = [side(1, "W", &west, &["t1"]), side(2, "E", &east, &["t2"])];
        assert!(compare(&before, &before).is_empty());
        let after = [side(1, "W", &wide, &["t1", "t2"])];
        let changes = compare(&before, &after);
        let told: Vec<(&str, Vec<CellFate>)> = changes
            .iter()
            .map(|change| (&*change.code, change.fates.iter().copied().collect()))
            .collect();
        let grown = vec![CellFate::Ground, CellFate::StationAreas];
        assert_eq!(told, [("E", vec![CellFate::Gone]), ("W", grown)]);
    }

    #[test]
    fn a_point_more_on_a_border_is_no_other_ground() {
        let plain = square(0.0, 0.0, 2.0, 2.0);
        let mut ring = plain.polygons()[0][0].clone();
        let middle = gridcrew_sync_protocol::position::Wgs84::new(120.01, 30.0).unwrap();
        ring.insert(1, middle);
        let dotted = Shape::new(vec![vec![ring]]).unwrap();
        let changes = compare(&[side(1, "W", &plain, &[])], &[side(1, "W", &dotted, &[])]);
        assert_eq!(changes[0].fates, BTreeSet::from([CellFate::Points]));
        assert!(!changes[0].matters());
    }

    #[test]
    fn station_areas_are_told_with_where_from_and_where_to() {
        let before = [("t1", Some("W")), ("t2", Some("W")), ("t3", None)];
        let after = [("t1", Some("W")), ("t2", Some("E")), ("t4", Some("E"))];
        let told = moved(before, after);
        let told: Vec<_> = told
            .iter()
            .map(|one| (&*one.station_area, one.from.as_deref(), one.to.as_deref()))
            .collect();
        let wanted = [("t2", Some("W"), Some("E")), ("t4", None, Some("E"))];
        assert_eq!(told, wanted);
    }
}
