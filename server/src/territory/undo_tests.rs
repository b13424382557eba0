use super::*;
use crate::territory::{
    edit::{Called, Edit, apply, plane::around},
    fixture::{self, square},
};
use gridcrew_sync_protocol::position::Wgs84;
use uuid::Uuid;

/// The two cells, with the points at which they meet the boundary.
fn two_cells() -> Content {
    let mut content = fixture::two_cells();
    around(&mut content).unwrap();
    content
}

/// The versions that edits make, each with its ids.
struct Line {
    versions: Vec<Version>,
    changes: Vec<(i64, Changes)>,
    next: u128,
}

impl Line {
    fn new() -> Self {
        let mut line = Self {
            versions: Vec::new(),
            changes: Vec::new(),
            next: 1,
        };
        line.store(two_cells());
        line
    }

    fn store(&mut self, content: Content) {
        let known = self
            .versions
            .last()
            .map(|last| last.ids.clone())
            .unwrap_or_default();
        let ids = content.cells.iter().map(|cell| {
            let id = known.get(&cell.code).copied().unwrap_or_else(|| {
                self.next += 1;
                CellId(Uuid::from_u128(self.next))
            });
            (cell.code.clone(), id)
        });
        let version = Version {
            version: i64::try_from(self.versions.len() + 1).unwrap(),
            ids: ids.collect(),
            content,
        };
        if let Some(last) = self.versions.last() {
            let changes = Changes {
                cells: compare(&sides(last), &sides(&version)),
                ..Changes::default()
            };
            self.changes.push((version.version, changes));
        }
        self.versions.push(version);
    }

    fn edit(&mut self, edit: Edit) {
        let last = self.versions.last().unwrap().content.clone();
        self.store(apply(last, &[edit]).unwrap().content);
    }

    fn undo(&self, version: usize) -> Result<Undone, UndoError> {
        let before = version.checked_sub(2).map(|n| self.versions[n].clone());
        let number = i64::try_from(version).unwrap();
        let later: Vec<_> = self
            .changes
            .iter()
            .filter(|(later, _)| *later > number)
            .cloned()
            .collect();
        let present = self.versions.last().unwrap().clone();
        undo(before, &self.versions[version - 1], present, &later)
    }
}

fn split(cell: &str, x: f64, code: &str) -> Edit {
    let at = |y: f64| Wgs84::new(120.0 + x / 100.0, 30.0 + y / 100.0).unwrap();
    Edit::SplitAlong {
        cell: cell.to_owned(),
        line: vec![at(-1.0), at(3.0)],
        called: Called {
            code: Some(code.to_owned()),
            name: None,
        },
    }
}

fn told(content: &Content) -> Vec<(String, String)> {
    let areas = content.station_areas.iter();
    areas
        .map(|area| (area.code.clone(), area.cell.clone().unwrap_or_default()))
        .collect()
}

#[test]
fn the_last_version_is_undone_to_the_very_same_cells() {
    let mut line = Line::new();
    line.edit(Edit::Merge {
        cells: vec!["W".to_owned(), "E".to_owned()],
        into: None,
    });
    let undone = line.undo(2).unwrap();
    assert_eq!(undone.content, two_cells());
    let west = line.versions[0].ids["W"];
    assert_eq!(undone.revived, BTreeMap::from([("W".to_owned(), west)]));
    assert_eq!(line.undo(1), Err(UndoError::First(1)));
}

#[test]
fn an_earlier_version_is_undone_under_later_ones_that_changed_other_cells() {
    let mut line = Line::new();
    line.edit(split("W", 1.0, "N"));
    line.edit(split("E", 3.0, "S"));
    line.edit(Edit::Rename {
        cell: "S".to_owned(),
        name: "south".to_owned(),
    });
    let undone = line.undo(2).unwrap();
    let codes: Vec<&str> = undone
        .content
        .cells
        .iter()
        .map(|cell| &*cell.code)
        .collect();
    assert_eq!(codes, ["E", "S", "W"]);
    assert_eq!(undone.content.cells[1].name, "south");
    let of = |code: &str, cell: &str| (code.to_owned(), cell.to_owned());
    let all = told(&undone.content);
    assert_eq!(all[..2], [of("t1", "W"), of("t2", "W")]);
    assert_ne!(all[2].1, all[3].1);
    assert!(undone.revived.is_empty(), "W was there all the time");
}

#[test]
fn later_changes_of_the_same_cells_stand_in_the_way_and_are_named() {
    let mut line = Line::new();
    line.edit(split("W", 1.0, "N"));
    line.edit(split("E", 3.0, "S"));
    line.edit(Edit::Rename {
        cell: "N".to_owned(),
        name: "north".to_owned(),
    });
    let Err(UndoError::ChangedAgain { cells, versions }) = line.undo(2) else {
        panic!("it was undone");
    };
    assert_eq!((cells.as_str(), versions.as_str()), ("N", "version 4"));
    line.edit(Edit::Rename {
        cell: "N".to_owned(),
        name: line.versions[1]
            .content
            .cells
            .iter()
            .find(|c| c.code == "N")
            .unwrap()
            .name
            .clone(),
    });
    assert!(line.undo(2).is_ok(), "as it left them is as it left them");
}

#[test]
fn other_ground_under_later_versions_is_not_undone() {
    let mut line = Line::new();
    let mut wider = two_cells();
    wider.boundary = square(0.0, 0.0, 5.0, 2.0);
    wider.cells[1].outline = square(2.0, 0.0, 5.0, 2.0);
    around(&mut wider).unwrap();
    line.store(wider);
    assert!(line.undo(2).is_ok(), "as long as it is the last");
    line.edit(split("W", 1.0, "N"));
    assert_eq!(line.undo(2), Err(UndoError::OtherGround(2)));
}

#[test]
fn what_a_version_changed_of_a_station_area_is_as_before_or_the_area_is_named() {
    let called = |line: &mut Line, name: &str| {
        let mut content = line.versions.last().unwrap().content.clone();
        content.station_areas[0].name = name.to_owned();
        line.store(content);
    };
    let mut line = Line::new();
    called(&mut line, "the mill");
    line.edit(split("W", 1.0, "N"));
    let undone = line.undo(2).unwrap().content;
    let present = &line.versions[2].content;
    assert_eq!(undone.station_areas[0].name, "village t1");
    assert_eq!(told(&undone), told(present), "cells stay as they are");
    called(&mut line, "the old mill");
    let Err(UndoError::ChangedAgain { cells, .. }) = line.undo(2) else {
        panic!("it was undone");
    };
    assert_eq!(cells, "the station area t1");
}
