//! Codes and names for the cells of a split.
//!
//! A code says which cell it is: its id, its A and B and its orders hang on it. So a new
//! cell takes the code and name of the present cell with which it has most customers in
//! common, each present cell once; what is left over gets new codes, and the name of its
//! largest station area.

use super::content::{AreaContent, CellContent};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// What a cell is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellName {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// Codes and names for groups of station areas, given as places in `areas`; `present` are
/// the cells that the station areas name now; no new cell gets a code of `before` either.
#[must_use]
pub fn name_cells(
    areas: &[AreaContent],
    groups: &[Vec<usize>],
    present: &[CellContent],
    before: &BTreeSet<String>,
) -> Vec<CellName> {
    let mut kept = kept_codes(areas, groups);
    let present: BTreeMap<&str, &str> = present
        .iter()
        .map(|cell| (cell.code.as_str(), cell.name.as_str()))
        .collect();
    let mut fresh = (1..)
        .map(|number| format!("G{number:02}"))
        .filter(|code| !present.contains_key(code.as_str()) && !before.contains(code));
    groups
        .iter()
        .enumerate()
        .map(|(place, group)| match kept.remove(&place) {
            Some(code) => CellName {
                name: present.get(code).copied().unwrap_or(code).to_owned(),
                code: code.to_owned(),
            },
            None => CellName {
                code: fresh.next().unwrap_or_default(),
                name: largest(areas, group),
            },
        })
        .collect()
}

/// Which group keeps the code of which present cell.
fn kept_codes<'a>(areas: &'a [AreaContent], groups: &[Vec<usize>]) -> BTreeMap<usize, &'a str> {
    let mut common: BTreeMap<(usize, &str), u64> = BTreeMap::new();
    for (place, group) in groups.iter().enumerate() {
        for area in group.iter().filter_map(|area| areas.get(*area)) {
            if let Some(code) = area.cell.as_deref() {
                // One more, so that ground without customers counts too.
                *common.entry((place, code)).or_default() += u64::from(area.customers) + 1;
            }
        }
    }
    let mut common: Vec<_> = common.into_iter().collect();
    common.sort_by_key(|((place, code), weight)| (Reverse(*weight), *code, *place));
    let mut kept = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for ((place, code), _) in common {
        if !kept.contains_key(&place) && taken.insert(code) {
            kept.insert(place, code);
        }
    }
    kept
}

/// The name of the station area with most customers.
fn largest(areas: &[AreaContent], group: &[usize]) -> String {
    group
        .iter()
        .filter_map(|area| areas.get(*area))
        .max_by_key(|area| (area.customers, Reverse(area.code.as_str())))
        .map_or_else(String::new, |area| area.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{position::Wgs84, workflow::AreaClass};

    fn area(code: &str, customers: u32, cell: Option<&str>) -> AreaContent {
        AreaContent {
            code: code.to_owned(),
            name: format!("{code} village"),
            position: Wgs84::new(120.0, 30.0).unwrap(),
            feeder: None,
            customers,
            area_class: AreaClass::Rural,
            cell: cell.map(str::to_owned),
        }
    }

    fn codes(names: &[CellName]) -> Vec<&str> {
        names.iter().map(|name| name.code.as_str()).collect()
    }

    #[test]
    fn first_cells_are_numbered_and_named_after_their_largest_station_area() {
        let areas = [
            area("t1", 5, None),
            area("t2", 9, None),
            area("t3", 9, None),
        ];
        let names = name_cells(&areas, &[vec![0, 1], vec![2]], &[], &BTreeSet::new());
        assert_eq!(codes(&names), ["G01", "G02"]);
        assert_eq!(names[0].name, "t2 village");
    }

    #[test]
    fn a_new_cell_keeps_the_code_with_which_it_has_most_in_common() {
        let areas = [
            area("t1", 50, Some("G01")),
            area("t2", 10, Some("G01")),
            area("t3", 10, Some("G02")),
            area("t4", 50, Some("G02")),
        ];
        let outline = crate::territory::shape::Shape::new(vec![vec![
            [(120.0, 30.0), (120.1, 30.0), (120.1, 30.1)]
                .map(|(lon, lat)| Wgs84::new(lon, lat).unwrap())
                .to_vec(),
        ]])
        .unwrap();
        let present = ["G01", "G02"].map(|code| CellContent {
            code: code.to_owned(),
            name: format!("cell {code}"),
            outline: outline.clone(),
        });
        let groups = [vec![2, 3], vec![1], vec![0]];
        let names = name_cells(&areas, &groups, &present, &BTreeSet::new());
        assert_eq!(codes(&names), ["G02", "G03", "G01"]);
        assert_eq!(names[0].name, "cell G02");
        let gone = BTreeSet::from(["G03".to_owned()]);
        let names = name_cells(&areas, &groups, &present, &gone);
        assert_eq!(codes(&names), ["G02", "G04", "G01"], "G03 was another cell");
    }
}
