//! Whose ground is it: from what is known of an order to its cell (I11).
//!
//! Responsibility first: account → station area → cell. Without an account, of the stations
//! that may be given the order, the cell that contains the point; else, unless it lies in a
//! cell of another station, the nearest by metres within reach. Without a place, beyond reach,
//! or on the ground of another station, the station's desk. The first thing that is known decides; what was known as well
//! and did not decide stays in the explanation.

use crate::territory::{
    locate::{Answer, Located, TIE},
    snapshot::{SnapshotCell, TerritorySnapshot},
};
use compact_str::CompactString;
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, StationAreaId},
    position::{Metres, Wgs84},
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use utoipa::ToSchema;

/// What is known of where an order belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// What the account number says.
    pub account: Account,
    /// The point that was given with the order.
    pub point: Option<Wgs84>,
}

/// What the account number of an order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// None was given.
    NotGiven,
    /// No customer in the caller's scope has it.
    Unknown,
    /// It names a customer.
    Known {
        /// The station that serves the customer.
        station: OrgId,
        /// The station area that supplies the customer.
        area: StationAreaId,
    },
}

impl Account {
    /// As the snapshot that decides knows it. A customer's row may name a station area that
    /// came after the snapshot; the account then belongs where it did at the snapshot's
    /// moment, so that a decision rests on one state of the territory.
    #[must_use]
    pub fn as_of(self, territory: &TerritorySnapshot, number: Option<&str>) -> Self {
        let Self::Known { station, area } = self else {
            return self;
        };
        let ground = territory.station(station);
        let unknown = ground.filter(|ground| ground.area(area).is_none());
        let before = unknown.zip(number);
        match before.and_then(|(ground, number)| ground.area_of_account(number)) {
            Some(area) => Self::Known { station, area },
            None => self,
        }
    }
}

/// Why an order belongs where it does. Each is a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceReason {
    /// The account's station area is in the cell.
    AccountAreaCell,
    /// The point lies in the cell.
    InsideCell,
    /// The point lies on a border; of the cells there the one with the lowest id takes it.
    OnBorderLowestId,
    /// The point lies in no cell; of the cells that may take it this one is nearest.
    NearestCell,
    /// The point lies in no cell; of several that are equally near this has the lowest id.
    EquallyNearLowestId,
    /// No cell is near enough.
    NoCellInReach,
    /// The account's station area is in no cell, and there is no better place.
    AccountAreaWithoutCell,
    /// The place is on the ground of a station that the order cannot be given to from here.
    OtherStationsGround,
    /// Nothing is known of the place.
    NoPlace,
}

impl PlaceReason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccountAreaCell => "account_area_cell",
            Self::InsideCell => "inside_cell",
            Self::OnBorderLowestId => "on_border_lowest_id",
            Self::NearestCell => "nearest_cell",
            Self::EquallyNearLowestId => "equally_near_lowest_id",
            Self::NoCellInReach => "no_cell_in_reach",
            Self::AccountAreaWithoutCell => "account_area_without_cell",
            Self::OtherStationsGround => "other_stations_ground",
            Self::NoPlace => "no_place",
        }
    }
}

/// Why a cell that could take a place does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellPassedOver {
    /// Another is nearer.
    Farther,
    /// Another is as near and has a lower id.
    EquallyNearHigherId,
    /// It is farther away than a cell may be.
    OutOfReach,
    /// The place is on the ground of a station that the order cannot be given to from here.
    OtherStationsGround,
}

/// A cell that could take a place, of those that may be given the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CellLookedAt {
    /// The cell.
    pub cell: CellId,
    /// Its code within its station.
    #[schema(value_type = String)]
    pub code: CompactString,
    /// Its distance from the point; 0 inside.
    pub distance_m: Metres,
    /// Why it does not take the place; none for the one that does. Decisions of before this
    /// was written down have none.
    #[serde(default)]
    pub passed_over: Option<CellPassedOver>,
}

/// Where an order belongs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Placed {
    /// The station whose ground it is; none when the place does not say.
    pub station: Option<OrgId>,
    /// The cell.
    pub cell: Option<CellId>,
    /// The cell's code within the station.
    #[schema(value_type = Option<String>)]
    pub cell_code: Option<CompactString>,
    /// The account's station area.
    pub station_area: Option<StationAreaId>,
    /// The version of the territory of the order's station that was looked at (I12); 0 only
    /// when the station has none.
    pub territory_version: i64,
    /// Why.
    pub reason: PlaceReason,
    /// How far the cell is from the point, where the point decided.
    pub distance_m: Option<Metres>,
    /// An account number was given that no customer in scope has.
    pub account_unknown: bool,
    /// The cells of those stations that could take the point, the nearest first: inside one
    /// and off its border that one alone, else the nearest few.
    #[schema(value_type = Vec<CellLookedAt>)]
    pub cells: SmallVec<[CellLookedAt; 1]>,
}

/// Decides where an order belongs. Only the `stations` may be given the order: those in the
/// scope of whoever takes it in, or the one that has it already, in the order of their ids.
/// With it comes the cell itself, if there is one.
#[must_use]
pub fn place<'t>(
    known: &Known,
    territory: &'t TerritorySnapshot,
    reach: Metres,
    stations: &[OrgId],
) -> (Placed, Option<SnapshotCell<'t>>) {
    let mut placed = Placed {
        station: None,
        cell: None,
        cell_code: None,
        station_area: None,
        territory_version: 0,
        reason: PlaceReason::NoPlace,
        distance_m: None,
        account_unknown: known.account == Account::Unknown,
        cells: SmallVec::new(),
    };
    let mut stations = stations;
    let only;
    if let Account::Known { station, area } = known.account {
        placed.station = Some(station);
        placed.station_area = Some(area);
        placed.reason = PlaceReason::AccountAreaWithoutCell;
        if let Some(cell) = territory.cell_of_area(station, area) {
            placed.in_cell(cell, PlaceReason::AccountAreaCell);
            return (placed, Some(cell));
        }
        // The account decides the station, whatever the point says.
        only = [station];
        stations = &only;
    }
    let cell = known
        .point
        .and_then(|point| placed.by_point(point, territory, reach, stations));
    (placed, cell)
}

impl Placed {
    /// Of an order of this station, wherever the place is.
    #[must_use]
    pub fn for_station(mut self, station: OrgId, territory: &TerritorySnapshot) -> Self {
        if self.cell.is_none() {
            self.territory_version = territory.version_of(station);
        }
        self
    }

    fn in_cell(&mut self, cell: SnapshotCell<'_>, reason: PlaceReason) {
        self.station = Some(cell.station());
        self.cell = Some(cell.id());
        self.cell_code = Some(cell.code().clone());
        self.territory_version = cell.version();
        self.reason = reason;
    }

    fn by_point<'t>(
        &mut self,
        point: Wgs84,
        territory: &'t TerritorySnapshot,
        reach: Metres,
        stations: &[OrgId],
    ) -> Option<SnapshotCell<'t>> {
        let answer = territory.locate_among(point, stations);
        self.cells = looked_at(&answer);
        let near = |distance: Metres| distance <= reach;
        let (reason, distance) = match answer.located {
            Located::Inside { shared: true, .. } => (PlaceReason::OnBorderLowestId, Metres(0.0)),
            Located::Inside { shared: false, .. } => (PlaceReason::InsideCell, Metres(0.0)),
            _ if answer.foreign_ground => {
                return self.nowhere(
                    PlaceReason::OtherStationsGround,
                    CellPassedOver::OtherStationsGround,
                );
            }
            Located::Nearest {
                distance, shared, ..
            } if near(distance) => {
                let reason = if shared {
                    PlaceReason::EquallyNearLowestId
                } else {
                    PlaceReason::NearestCell
                };
                (reason, distance)
            }
            // None of theirs is near enough; perhaps another station's is.
            _ => match territory.locate(point).located {
                Located::Nearest { distance, .. } if near(distance) => {
                    return self
                        .nowhere(PlaceReason::OtherStationsGround, CellPassedOver::OutOfReach);
                }
                _ => return self.nowhere(PlaceReason::NoCellInReach, CellPassedOver::OutOfReach),
            },
        };
        let chosen = answer.candidates.first()?.cell;
        self.in_cell(chosen, reason);
        self.distance_m = Some(distance);
        Some(chosen)
    }

    /// The point did not help; an account that says the station is the better reason.
    fn nowhere<'t>(
        &mut self,
        reason: PlaceReason,
        why: CellPassedOver,
    ) -> Option<SnapshotCell<'t>> {
        if self.reason == PlaceReason::NoPlace {
            self.reason = reason;
        }
        for cell in &mut self.cells {
            cell.passed_over = Some(why);
        }
        None
    }
}

/// The candidates of an answer, the first of them chosen.
fn looked_at(answer: &Answer<'_>) -> SmallVec<[CellLookedAt; 1]> {
    let candidates = answer.candidates.iter();
    let distances = candidates.clone().map(|candidate| candidate.distance.0);
    let equal = distances.fold(f64::INFINITY, f64::min) + TIE.0;
    candidates
        .enumerate()
        .map(|(place, candidate)| CellLookedAt {
            cell: candidate.cell.id(),
            code: candidate.cell.code().clone(),
            distance_m: candidate.distance,
            passed_over: match place {
                0 => None,
                _ if candidate.distance.0 <= equal => Some(CellPassedOver::EquallyNearHigherId),
                _ => Some(CellPassedOver::Farther),
            },
        })
        .collect()
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
