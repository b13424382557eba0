//! The table of a preview.

use super::{Known, ManagerAt, SplitWishes, WeightBy, farthest};
use crate::territory::{
    content::{AreaContent, Content},
    naming::CellName,
    split::{
        Forced, Split, SplitCell,
        changes::{AreaChange, Load, changes},
    },
};
use gridcrew_sync_protocol::ids::PersonId;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;

/// Why a cell is more than a tenth off an equal share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForcedWhy {
    /// The station area named, with what must stay with it, is too heavy alone.
    TooHeavy,
    /// The station area named takes so much elsewhere that less is left here.
    TakenElsewhere,
    /// Barriers that may not be crossed leave no other number of cells here.
    Parted,
    /// The station areas are too heavy beside an equal share; the heaviest here is named.
    Coarse,
}

/// What forces a cell off an equal share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ForcedBy {
    /// Why.
    pub why: ForcedWhy,
    /// The code of the station area, where it is one.
    pub station_area: Option<String>,
}

/// A cell of a split.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellRow {
    /// Its code: that of the present cell with which it has most in common, or a new one.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The codes of its station areas.
    pub station_areas: Vec<String>,
    /// How many customers these supply.
    pub customers: u64,
    /// How many orders they had within the last year.
    pub orders: u64,
    /// What they weigh, by the weight that was asked for.
    pub weight: u64,
    /// How much more or less than an equal share that is: 0.1 is a tenth more.
    pub off_share: f64,
    /// What forces it to be more than a tenth off.
    pub forced_by: Option<ForcedBy>,
    /// Whether it was locked and is as before.
    pub locked: bool,
    /// Its area in square metres.
    pub area_m2: f64,
    /// The length of its border in metres.
    pub perimeter_m: f64,
    /// How much of that it shares with other cells.
    pub inner_border_m: f64,
    /// How compact it is, from 0 to 1, a disc being 1 (Polsby and Popper).
    pub polsby_popper: f64,
    /// The metres from the base of its A (of the present cell with its code) to the farthest
    /// of its station areas, as the crow flies; absent without an A or his base.
    pub longest_way_m: Option<f64>,
}

/// A station area that would change its cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct AreaMove {
    /// Its code.
    pub station_area: String,
    /// The code of its cell until now.
    pub from: Option<String>,
    /// The code of its cell afterwards.
    pub to: String,
    /// How many customers it supplies.
    pub customers: u64,
    /// How many of its orders are open.
    pub open_orders: u64,
}

/// What a manager would gain and lose, as A or as B.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManagerMove {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// Station areas that come to him.
    pub station_areas_gained: u64,
    /// Station areas that leave him.
    pub station_areas_lost: u64,
    /// Customers that come to him.
    pub customers_gained: u64,
    /// Customers that leave him.
    pub customers_lost: u64,
    /// Open orders that come to him.
    pub open_orders_gained: u64,
    /// Open orders that leave him.
    pub open_orders_lost: u64,
}

/// Station areas that came along with a group because they lie between its pieces.
#[derive(Debug, Serialize, ToSchema)]
pub struct Together {
    /// The codes of the group's first station areas, at most three.
    pub group: Vec<String>,
    /// The codes of those that came along.
    pub came_along: Vec<String>,
}

/// What a split would look like.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// What was evened out.
    pub weight: WeightBy,
    /// What each cell would weigh if all that are not locked weighed the same.
    pub share: f64,
    /// How far the worst cell is from that, as a share of it.
    pub imbalance: f64,
    /// The length of all borders between cells, in metres.
    pub inner_border_m: f64,
    /// The cells from north to south.
    pub cells: Vec<CellRow>,
    /// What would move from the present cells; empty when there are none yet.
    pub moves: Vec<AreaMove>,
    /// The customers of what would move.
    pub customers_moved: u64,
    /// The open orders of what would move.
    pub open_orders_moved: u64,
    /// The managers who would gain or lose.
    pub managers: Vec<ManagerMove>,
    /// What came along with groups that were to stay together.
    pub together: Vec<Together>,
    /// Points and borders of supply outlines that were mended.
    pub mended: usize,
    /// Ground that was in several supply outlines, in square metres.
    pub contested_m2: f64,
    /// Ground that was in none, in square metres.
    pub unclaimed_m2: f64,
    /// The cells as a GeoJSON FeatureCollection in WGS-84.
    #[schema(value_type = Object)]
    pub geojson: Value,
}

/// The table.
pub(super) fn rows(
    content: &Content,
    wishes: &SplitWishes,
    known: &Known,
    groups: &[Vec<usize>],
    split: &Split,
    names: &[CellName],
) -> Preview {
    let code = |area: usize| {
        content
            .station_areas
            .get(area)
            .map(|area| area.code.clone())
    };
    let cells = split.cells.iter().zip(names);
    let rows = cells.map(|(cell, name)| row(content, known, cell, name));
    let came_along = split.came_along.iter().zip(groups);
    let together = came_along
        .filter(|(along, _)| !along.is_empty())
        .map(|(along, group)| Together {
            group: group
                .iter()
                .take(3)
                .filter_map(|area| code(*area))
                .collect(),
            came_along: along.iter().filter_map(|area| code(*area)).collect(),
        });
    let mut preview = Preview {
        weight: wishes.weight,
        share: split.share,
        imbalance: split.imbalance,
        inner_border_m: split.inner_border_m,
        cells: rows.collect(),
        moves: Vec::new(),
        customers_moved: 0,
        open_orders_moved: 0,
        managers: Vec::new(),
        together: together.collect(),
        mended: split.mended,
        contested_m2: split.contested_m2,
        unclaimed_m2: split.unclaimed_m2,
        geojson: Value::Null,
    };
    if !content.cells.is_empty() {
        tell_moves(&mut preview, content, known, split, names);
    }
    preview
}

fn members<'a>(content: &'a Content, cell: &'a SplitCell) -> impl Iterator<Item = &'a AreaContent> {
    let areas = cell.areas.iter();
    areas.filter_map(|area| content.station_areas.get(*area))
}

fn row(content: &Content, known: &Known, cell: &SplitCell, name: &CellName) -> CellRow {
    let areas = || members(content, cell);
    let orders = |code: &str| known.workloads.get(code).map_or(0, |load| load.orders);
    let forced = |forced: Forced| {
        let (why, area) = match forced {
            Forced::TooHeavy { area } => (ForcedWhy::TooHeavy, Some(area)),
            Forced::TakenElsewhere { area } => (ForcedWhy::TakenElsewhere, Some(area)),
            Forced::Parted => (ForcedWhy::Parted, None),
            Forced::Coarse { area } => (ForcedWhy::Coarse, Some(area)),
        };
        let area = area.and_then(|area| content.station_areas.get(area));
        ForcedBy {
            why,
            station_area: area.map(|area| area.code.clone()),
        }
    };
    let first = known.managers.get(&name.code).and_then(|[a, _]| a.as_ref());
    CellRow {
        code: name.code.clone(),
        name: name.name.clone(),
        station_areas: areas().map(|area| area.code.clone()).collect(),
        customers: areas().map(|area| u64::from(area.customers)).sum(),
        orders: areas().map(|area| u64::from(orders(&area.code))).sum(),
        weight: cell.weight,
        off_share: cell.off_share,
        forced_by: cell.forced.map(forced),
        locked: cell.locked,
        area_m2: cell.shape.area_m2(),
        perimeter_m: cell.perimeter_m,
        inner_border_m: cell.inner_border_m,
        polsby_popper: cell.polsby_popper(),
        longest_way_m: first
            .and_then(|manager| farthest(manager, &content.station_areas, &cell.areas)),
    }
}

fn tell_moves(
    preview: &mut Preview,
    content: &Content,
    known: &Known,
    split: &Split,
    names: &[CellName],
) {
    let mut cell_of: HashMap<usize, &str> = HashMap::new();
    for (cell, name) in split.cells.iter().zip(names) {
        cell_of.extend(cell.areas.iter().map(|area| (*area, name.code.as_str())));
    }
    let areas = content.station_areas.iter().enumerate();
    let compared = areas.filter_map(|(place, area)| {
        let open = known.workloads.get(&area.code).map_or(0, |load| load.open);
        Some(AreaChange {
            area: &area.code,
            from: area.cell.as_deref(),
            to: cell_of.get(&place).copied()?,
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
    let moved = changes(compared, |cell| {
        let pair = known.managers.get(cell).into_iter().flatten().flatten();
        pair.map(|manager| manager.person).collect()
    });
    preview.customers_moved = moved.customers;
    preview.open_orders_moved = moved.open_orders;
    let managers = moved.managers.into_iter();
    preview.managers = managers
        .map(|(person, load)| manager_move(person, people.get(&person).copied(), load))
        .collect();
    let areas = moved.areas.into_iter().map(|area| AreaMove {
        station_area: area.area.to_owned(),
        from: area.from.map(str::to_owned),
        to: area.to.to_owned(),
        customers: area.customers,
        open_orders: area.open_orders,
    });
    preview.moves = areas.collect();
}

pub(super) fn manager_move(person: PersonId, known: Option<&ManagerAt>, load: Load) -> ManagerMove {
    ManagerMove {
        person,
        name: known
            .map(|manager| manager.name.clone())
            .unwrap_or_default(),
        station_areas_gained: load.areas_gained,
        station_areas_lost: load.areas_lost,
        customers_gained: load.customers_gained,
        customers_lost: load.customers_lost,
        open_orders_gained: load.open_orders_gained,
        open_orders_lost: load.open_orders_lost,
    }
}
