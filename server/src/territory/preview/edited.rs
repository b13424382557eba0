//! What edited cells would look like: the balance of all cells, and what would move.

use super::{
    Known, ManagerAt,
    rows::{AreaMove, ManagerMove, manager_move},
};
use crate::territory::{
    changes::{CellFate, Changes},
    content::{AreaContent, CellContent, Content},
    edit::Remark,
    export,
    split::{
        changes::{AreaChange, changes},
        figures::lengths,
    },
};
use gridcrew_sync_protocol::ids::PersonId;
use gridcrew_sync_protocol::position::{Datum, distance_m};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use utoipa::ToSchema;

/// A cell as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub struct EditedCell {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What would become of it; empty when it stays as it is.
    pub fates: BTreeSet<CellFate>,
    /// How many station areas it would have.
    pub station_areas: usize,
    /// How many customers these supply.
    pub customers: u64,
    /// How many orders they had within the last year.
    pub orders: u64,
    /// How many of their orders are open.
    pub open_orders: u64,
    /// How many more or less customers than an equal share that is: 0.1 is a tenth more.
    pub off_share: f64,
    /// Its area in square metres.
    pub area_m2: f64,
    /// The length of its border in metres.
    pub perimeter_m: f64,
    /// How much of that it shares with other cells.
    pub inner_border_m: f64,
    /// How compact it is, from 0 to 1, a disc being 1 (Polsby and Popper).
    pub polsby_popper: f64,
    /// The name of its A: a new cell has that of the cell that it was cut from, until another
    /// is named.
    pub role_a: Option<String>,
    /// The name of its B.
    pub role_b: Option<String>,
    /// The metres from the base of its A to the farthest of its station areas, as the crow
    /// flies; absent without an A or his base.
    pub longest_way_m: Option<f64>,
}

/// Something to look at before accepting.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EditRemark {
    /// A cell lies in several pieces.
    InPieces {
        /// Its code.
        cell: String,
        /// How many.
        pieces: usize,
    },
    /// A part of what was drawn lies beyond the territory and was left out.
    BeyondTerritory {
        /// How much, in square metres.
        area_m2: f64,
    },
    /// Ground that was cut off from its cell went to a neighbour.
    CutOff {
        /// The code of the cell that had it.
        from: String,
        /// The code of the cell that has it.
        to: String,
        /// How much, in square metres.
        area_m2: f64,
    },
}

impl From<&Remark> for EditRemark {
    fn from(remark: &Remark) -> Self {
        match remark.clone() {
            Remark::InPieces { cell, pieces } => Self::InPieces { cell, pieces },
            Remark::BeyondTerritory { area_m2 } => Self::BeyondTerritory { area_m2 },
            Remark::CutOff { from, to, area_m2 } => Self::CutOff { from, to, area_m2 },
        }
    }
}

/// What edited cells would look like.
#[derive(Debug, Serialize, ToSchema)]
pub struct EditPreview {
    /// What would be done, a sentence for each edit.
    pub said: Vec<String>,
    /// All cells as they would be, by code, with their balance.
    pub cells: Vec<EditedCell>,
    /// The codes of cells that would be no more.
    pub gone: Vec<String>,
    /// The customers of an equal share.
    pub share: f64,
    /// How far the worst cell would be from that, as a share of it.
    pub imbalance: f64,
    /// The station areas that would change their cell.
    pub moves: Vec<AreaMove>,
    /// Their customers.
    pub customers_moved: u64,
    /// Their open orders.
    pub open_orders_moved: u64,
    /// The managers who would gain or lose.
    pub managers: Vec<ManagerMove>,
    /// What to look at.
    pub remarks: Vec<EditRemark>,
    /// The cells that would be otherwise as a GeoJSON FeatureCollection in WGS-84.
    #[schema(value_type = Object)]
    pub geojson: Value,
}

/// The preview of a territory as it would be. `heirs` says of which present cell a new one has
/// its A and B.
#[must_use]
pub fn of_edits(
    before: &Content,
    after: &Content,
    changes: &Changes,
    (said, heirs): (Vec<String>, &BTreeMap<String, String>),
    remarks: &[Remark],
    known: &Known,
) -> EditPreview {
    let managers_of = |code: &str| answering(known, heirs, code);
    let fates: HashMap<&str, &BTreeSet<CellFate>> = changes
        .cells
        .iter()
        .filter(|change| !change.fates.contains(&CellFate::Gone))
        .map(|change| (change.code.as_str(), &change.fates))
        .collect();
    let gone = changes
        .cells
        .iter()
        .filter(|change| change.fates.contains(&CellFate::Gone));
    let shapes: Vec<_> = after
        .cells
        .iter()
        .map(|cell| cell.outline.clone())
        .collect();
    let table = Table {
        after,
        known,
        share: share(after),
    };
    let rows = after.cells.iter().zip(lengths(&after.boundary, &shapes));
    let mut cells: Vec<EditedCell> = rows
        .map(|(cell, lengths)| EditedCell {
            fates: fates
                .get(cell.code.as_str())
                .copied()
                .cloned()
                .unwrap_or_default(),
            ..table.row(cell, lengths, managers_of(&cell.code))
        })
        .collect();
    cells.sort_by(|a, b| a.code.cmp(&b.code));
    let mut preview = EditPreview {
        said,
        gone: gone.map(|change| change.code.clone()).collect(),
        share: table.share,
        imbalance: cells
            .iter()
            .map(|cell| cell.off_share.abs())
            .fold(0.0, f64::max),
        moves: Vec::new(),
        customers_moved: 0,
        open_orders_moved: 0,
        managers: Vec::new(),
        remarks: remarks.iter().map(EditRemark::from).collect(),
        geojson: drawn(after, &fates),
        cells,
    };
    tell_moves(&mut preview, before, after, known, managers_of);
    preview
}

/// A and B of a cell; of a new one those of the cell that it was cut from.
fn answering<'k>(
    known: &'k Known,
    heirs: &BTreeMap<String, String>,
    code: &str,
) -> [Option<&'k ManagerAt>; 2] {
    let code = heirs.get(code).map_or(code, String::as_str);
    let pair = known.managers.get(code);
    [0, 1].map(|role: usize| pair.and_then(|pair| pair[role].as_ref()))
}

struct Table<'a> {
    after: &'a Content,
    known: &'a Known,
    share: f64,
}

impl Table<'_> {
    fn row(
        &self,
        cell: &CellContent,
        [perimeter_m, inner_border_m]: [f64; 2],
        [a, b]: [Option<&ManagerAt>; 2],
    ) -> EditedCell {
        let areas: Vec<&AreaContent> = self
            .after
            .station_areas
            .iter()
            .filter(|area| area.cell.as_deref() == Some(&*cell.code))
            .collect();
        let load = |code: &str| self.known.workloads.get(code).copied().unwrap_or_default();
        let customers: u64 = areas.iter().map(|area| u64::from(area.customers)).sum();
        let area_m2 = cell.outline.area_m2();
        let around = (perimeter_m * perimeter_m).max(f64::MIN_POSITIVE);
        let base = a.and_then(|manager| manager.base);
        let ways = areas
            .iter()
            .filter_map(|area| Some(distance_m(base?, area.position).0));
        #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
        let off_share = customers as f64 / self.share.max(f64::MIN_POSITIVE) - 1.0;
        EditedCell {
            code: cell.code.clone(),
            name: cell.name.clone(),
            fates: BTreeSet::new(),
            station_areas: areas.len(),
            customers,
            orders: areas
                .iter()
                .map(|area| u64::from(load(&area.code).orders))
                .sum(),
            open_orders: areas
                .iter()
                .map(|area| u64::from(load(&area.code).open))
                .sum(),
            off_share,
            area_m2,
            perimeter_m,
            inner_border_m,
            polsby_popper: 4.0 * std::f64::consts::PI * area_m2 / around,
            role_a: a.map(|manager| manager.name.clone()),
            role_b: b.map(|manager| manager.name.clone()),
            longest_way_m: ways.max_by(f64::total_cmp),
        }
    }
}

fn share(content: &Content) -> f64 {
    let areas = content.station_areas.iter();
    let customers: u64 = areas.map(|area| u64::from(area.customers)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let share = customers as f64 / content.cells.len().max(1) as f64;
    share
}

fn tell_moves<'k>(
    preview: &mut EditPreview,
    before: &Content,
    after: &Content,
    known: &Known,
    managers_of: impl Fn(&str) -> [Option<&'k ManagerAt>; 2],
) {
    let stood: HashMap<&str, Option<&str>> = before
        .station_areas
        .iter()
        .map(|area| (area.code.as_str(), area.cell.as_deref()))
        .collect();
    let areas = after.station_areas.iter().filter_map(|area| {
        let open = known.workloads.get(&area.code).map_or(0, |load| load.open);
        Some(AreaChange {
            area: &area.code,
            from: stood.get(area.code.as_str()).copied().flatten(),
            to: area.cell.as_deref()?,
            customers: u64::from(area.customers),
            open_orders: u64::from(open),
        })
    });
    let people: HashMap<PersonId, &ManagerAt> = known
        .managers
        .values()
        .flatten()
        .flatten()
        .map(|manager| (manager.person, manager))
        .collect();
    let moved = changes(areas, |cell| {
        let pair = managers_of(cell).into_iter().flatten();
        pair.map(|manager| manager.person).collect()
    });
    preview.customers_moved = moved.customers;
    preview.open_orders_moved = moved.open_orders;
    preview.managers = moved
        .managers
        .into_iter()
        .map(|(person, load)| manager_move(person, people.get(&person).copied(), load))
        .collect();
    preview.moves = moved
        .areas
        .into_iter()
        .map(|area| AreaMove {
            station_area: area.area.to_owned(),
            from: area.from.map(str::to_owned),
            to: area.to.to_owned(),
            customers: area.customers,
            open_orders: area.open_orders,
        })
        .collect();
}

fn drawn(after: &Content, fates: &HashMap<&str, &BTreeSet<CellFate>>) -> Value {
    let changed = after.cells.iter().filter_map(|cell| {
        let fates = fates.get(cell.code.as_str())?;
        let properties = json!({
            "kind": "cell",
            "code": cell.code,
            "name": cell.name,
            "fates": fates,
        });
        Some(export::feature(
            export::outline(&cell.outline, Datum::Wgs84),
            properties,
        ))
    });
    export::collection(changed.collect(), Datum::Wgs84)
}
