//! What is wrong with a territory as it is stored (I12), and what looks wrong around it.
//!
//! [`check`] is a rule: it takes all that is known and gives the flaws. Flaws of the ground
//! come from the [`tiling`] check, those of accounts and managers from [`Limits`] that are data,
//! those between stations from the [`neighbours`] in the snapshot. [`run`] reads what is needed,
//! answers who asks, and has every station checked again after each change of it and from time
//! to time, so that lists can say how many flaws there are without checking anything.

pub mod limits;
pub mod neighbours;
pub mod run;

pub use limits::Limits;

use super::{
    store::{NamedManager, StoredTerritory},
    tiling::{self, TilingProblem},
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    position::Wgs84,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What kind of flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlawKind {
    /// Ground in no cell.
    Gap,
    /// Ground in several cells.
    Overlap,
    /// Ground of a cell beyond the boundary.
    OutsideBoundary,
    /// Borders that do not share their points.
    BorderNotShared,
    /// A station area in no cell.
    StationAreaInNoCell,
    /// A station area outside the boundary.
    StationAreaOutsideBoundary,
    /// A cell without station areas.
    CellWithoutStationArea,
    /// A cell without A.
    CellWithoutA,
    /// A cell without B.
    CellWithoutB,
    /// A cell whose A and B are one person.
    AIsB,
    /// A cell whose A is disabled, of another station or no manager any more.
    AIsNoManager,
    /// A cell whose B is disabled, of another station or no manager any more.
    BIsNoManager,
    /// An account far from the station area that it is linked to: the link may be wrong.
    AccountFarFromStationArea,
    /// A person who is A or B in more cells than allowed.
    ManagerOfTooManyCells,
    /// Ground that another station has as well.
    GroundOfTwoStations,
    /// A station area that stands on ground of another station.
    StationAreaOnOthersGround,
}

/// One thing wrong.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Flaw {
    /// What.
    pub kind: FlawKind,
    /// The codes of the cells concerned.
    pub cells: Vec<String>,
    /// The code of the station area concerned.
    pub station_area: Option<String>,
    /// Where.
    pub at: Option<Wgs84>,
    /// How much ground, square metres.
    pub area_m2: Option<f64>,
    /// The account concerned; absent for who may not see customers.
    pub account_no: Option<String>,
    /// How far it is, in metres.
    pub distance_m: Option<f64>,
    /// The person concerned.
    pub person: Option<PersonId>,
    /// The other station concerned; absent when it is out of the caller's sight.
    pub other_station: Option<OrgId>,
}

impl Flaw {
    /// One of a kind, about nothing in particular.
    #[must_use]
    pub const fn of(kind: FlawKind) -> Self {
        Self {
            kind,
            cells: Vec::new(),
            station_area: None,
            at: None,
            area_m2: None,
            account_no: None,
            distance_m: None,
            person: None,
            other_station: None,
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Checks {
    /// The version checked.
    pub version: i64,
    /// What is wrong; of flaws in the ground, of accounts and between stations at most the
    /// hundred largest.
    pub flaws: Vec<Flaw>,
    /// How many flaws there are.
    pub found: usize,
    /// How many of each kind.
    #[schema(value_type = Object)]
    pub kinds: BTreeMap<FlawKind, usize>,
    /// The area of all cells together, square metres.
    pub cells_m2: f64,
    /// The area of the territory, square metres.
    pub boundary_m2: f64,
}

/// Flaws of which only the first are named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SomeFlaws {
    /// Those that are named.
    pub named: Vec<Flaw>,
    /// How many there are of them, by kind.
    pub found: BTreeMap<FlawKind, usize>,
}

/// What is known of a territory.
#[derive(Debug)]
pub struct Facts {
    /// As it is stored.
    pub territory: StoredTerritory,
    /// Who of its A and B can be it.
    pub active: BTreeSet<PersonId>,
    /// Accounts that are far from their station area.
    pub accounts: SomeFlaws,
    /// What it has in common with other stations.
    pub between: SomeFlaws,
}

/// Finds what is wrong.
#[must_use]
pub fn check(facts: &Facts, limits: &Limits) -> Checks {
    let territory = &facts.territory;
    let content = &territory.content;
    let outlines: Vec<_> = content.cells.iter().map(|cell| &cell.outline).collect();
    let tiling = tiling::check(&content.boundary, &outlines);
    let unnamed = tiling.found.saturating_sub(tiling.problems.len());
    let codes: Vec<&str> = content
        .cells
        .iter()
        .map(|cell| cell.code.as_str())
        .collect();
    let ground = tiling
        .problems
        .into_iter()
        .map(|problem| of_ground(problem, &codes));
    let mut flaws: Vec<Flaw> = ground.collect();
    flaws.extend(of_areas(territory));
    flaws.extend(of_roles(territory, &facts.active));
    flaws.extend(of_managers(territory, limits.most_cells_of_manager));
    let mut kinds: BTreeMap<FlawKind, usize> = BTreeMap::new();
    for flaw in &flaws {
        *kinds.entry(flaw.kind).or_default() += 1;
    }
    if let (true, Some(first)) = (unnamed > 0, flaws.first()) {
        *kinds.entry(first.kind).or_default() += unnamed;
    }
    for some in [&facts.accounts, &facts.between] {
        flaws.extend(some.named.iter().cloned());
        for (kind, count) in &some.found {
            *kinds.entry(*kind).or_default() += count;
        }
    }
    Checks {
        version: territory.version,
        found: kinds.values().sum(),
        kinds,
        flaws,
        cells_m2: tiling.cells_m2,
        boundary_m2: tiling.boundary_m2,
    }
}

fn of_ground(problem: TilingProblem, codes: &[&str]) -> Flaw {
    let (kind, at, area_m2, cells) = match problem {
        TilingProblem::Gap {
            at,
            area_m2,
            beside,
        } => (FlawKind::Gap, at, Some(area_m2), beside),
        TilingProblem::Overlap { at, area_m2, cells } => {
            (FlawKind::Overlap, at, Some(area_m2), cells)
        }
        TilingProblem::Outside { at, area_m2, cells } => {
            (FlawKind::OutsideBoundary, at, Some(area_m2), cells)
        }
        TilingProblem::NotShared { at, beside } => (FlawKind::BorderNotShared, at, None, beside),
    };
    let named = cells.into_iter().filter_map(|cell| codes.get(cell));
    Flaw {
        cells: named.map(|code| (*code).to_owned()).collect(),
        at: Some(at),
        area_m2,
        ..Flaw::of(kind)
    }
}

fn of_areas(territory: &StoredTerritory) -> impl Iterator<Item = Flaw> {
    let content = &territory.content;
    let inside = content.boundary.searchable();
    content.station_areas.iter().flat_map(move |area| {
        let flaw = |kind| Flaw {
            cells: area.cell.iter().cloned().collect(),
            station_area: Some(area.code.clone()),
            at: Some(area.position),
            ..Flaw::of(kind)
        };
        let homeless = area.cell.is_none();
        let outside = !inside.contains(area.position);
        [
            homeless.then(|| flaw(FlawKind::StationAreaInNoCell)),
            outside.then(|| flaw(FlawKind::StationAreaOutsideBoundary)),
        ]
        .into_iter()
        .flatten()
    })
}

/// Flaws of cells in who answers for them; `active` can be A or B.
fn of_roles(
    territory: &StoredTerritory,
    active: &BTreeSet<PersonId>,
) -> impl Iterator<Item = Flaw> {
    let gone = |holder: &Option<NamedManager>| {
        let holder = holder.as_ref();
        holder.is_some_and(|holder| !active.contains(&holder.person))
    };
    let areas = &territory.content.station_areas;
    let filled: BTreeSet<&str> = areas
        .iter()
        .filter_map(|area| area.cell.as_deref())
        .collect();
    territory.cells.iter().flat_map(move |cell| {
        let flaw = |kind| Flaw {
            cells: vec![cell.code.clone()],
            ..Flaw::of(kind)
        };
        let (a, b) = (&cell.role_a, &cell.role_b);
        [
            (!filled.contains(cell.code.as_str())).then(|| flaw(FlawKind::CellWithoutStationArea)),
            a.is_none().then(|| flaw(FlawKind::CellWithoutA)),
            b.is_none().then(|| flaw(FlawKind::CellWithoutB)),
            (a.is_some() && a == b).then(|| flaw(FlawKind::AIsB)),
            gone(a).then(|| flaw(FlawKind::AIsNoManager)),
            gone(b).then(|| flaw(FlawKind::BIsNoManager)),
        ]
        .into_iter()
        .flatten()
    })
}

/// People who are A or B in more cells than `most`.
fn of_managers(territory: &StoredTerritory, most: usize) -> impl Iterator<Item = Flaw> {
    let mut cells_of: BTreeMap<PersonId, BTreeSet<&str>> = BTreeMap::new();
    for cell in &territory.cells {
        for manager in [&cell.role_a, &cell.role_b].into_iter().flatten() {
            cells_of
                .entry(manager.person)
                .or_default()
                .insert(&cell.code);
        }
    }
    let many = cells_of
        .into_iter()
        .filter(move |(_, cells)| cells.len() > most);
    many.map(|(person, cells)| Flaw {
        cells: cells.into_iter().map(str::to_owned).collect(),
        person: Some(person),
        ..Flaw::of(FlawKind::ManagerOfTooManyCells)
    })
}

#[cfg(test)]
mod tests;
