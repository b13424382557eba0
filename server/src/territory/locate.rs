//! Which cell a place belongs to.
//!
//! Responsibility is looked up first (account → station area → cell); this is for places
//! without an account. The rules, in metres on the ellipsoid (I9):
//!
//! - A point inside a cell belongs to it. In a hole of a cell it is outside that cell.
//! - Outside all cells the nearest cell within [`REACH`] takes it; farther away none does.
//! - Cells whose distances differ by at most [`TIE`] are equally near: a point on a border,
//!   or within a millimetre of it, touches every cell there. Of equally near cells the one
//!   with the lowest id takes the point, so that every process decides alike.
//!
//! Borders are straight in longitude and latitude, as in GeoJSON. Most points lie inside one
//! cell and off every border: [`hold`] finds that cell without measuring anything, and no
//! other cell is a candidate. All others are measured by [`near`]: the nearest cells, walked
//! to by a bound that is never too long, measured in a plane around the point, and where two
//! cells are closer to each other than that plane is true, again along geodesics. Both give
//! the same answer wherever both can; [`TerritorySnapshot::look_around`] always measures.

mod hold;
mod near;
mod rings;

use super::snapshot::{SnapshotCell, TerritorySnapshot};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    position::{Metres, Wgs84},
};
use near::{Found, Search};
use smallvec::{SmallVec, smallvec};

/// How far a point may lie from a cell that takes it. A point farther off is more likely a
/// wrong coordinate than an order.
pub const REACH: Metres = Metres(50_000.0);

/// Distances that differ by no more than this are equal.
pub const TIE: Metres = Metres(0.001);

/// How many cells are named where distances decide.
pub const CANDIDATES: usize = 3;

/// Which cell takes a point, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Located {
    /// The point lies inside this cell, or on its border.
    Inside {
        /// The cell.
        cell: CellId,
        /// Other cells touch the point too; their ids are higher.
        shared: bool,
    },
    /// The point lies in no cell; this one is nearest.
    Nearest {
        /// The cell.
        cell: CellId,
        /// How far it is.
        distance: Metres,
        /// Other cells are just as near; their ids are higher.
        shared: bool,
    },
    /// No cell within [`REACH`].
    Nowhere,
}

impl Located {
    /// The cell that takes the point.
    #[must_use]
    pub const fn cell(&self) -> Option<CellId> {
        match self {
            Self::Inside { cell, .. } | Self::Nearest { cell, .. } => Some(*cell),
            Self::Nowhere => None,
        }
    }

    /// The stable word for why, for the stored explanation.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Inside { shared: false, .. } => "inside_cell",
            Self::Inside { shared: true, .. } => "on_border_lowest_id",
            Self::Nearest { shared: false, .. } => "nearest_cell",
            Self::Nearest { shared: true, .. } => "equally_near_lowest_id",
            Self::Nowhere => "no_cell_in_reach",
        }
    }
}

/// A cell that could take the point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'t> {
    /// The cell.
    pub cell: SnapshotCell<'t>,
    /// Its distance from the point; 0 inside.
    pub distance: Metres,
}

/// The answer with its explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'t> {
    /// The decision.
    pub located: Located,
    /// The cells that could take the point, the one chosen first, the others by distance.
    /// Inside one cell and off its border that one alone; where distances decide, the
    /// nearest within [`REACH`], at most [`CANDIDATES`].
    pub candidates: SmallVec<[Candidate<'t>; CANDIDATES]>,
    /// The point lies in none of the cells that were asked for, but in another's.
    pub foreign_ground: bool,
}

impl TerritorySnapshot {
    /// Finds the cell for a point; see the module for the rules.
    #[must_use]
    pub fn locate(&self, point: Wgs84) -> Answer<'_> {
        self.found(point, None)
    }

    /// Finds the cell for a point among those of some stations, as if there were no others:
    /// so that where boundaries of stations overlap, no cell of another hides theirs. The
    /// stations stand in the order of their ids.
    #[must_use]
    pub fn locate_among(&self, point: Wgs84, stations: &[OrgId]) -> Answer<'_> {
        self.found(point, Some(stations))
    }

    /// As [`Self::locate_among`], with the nearest cells around as candidates also where the
    /// point lies inside one: for people who look at a map, not for a decision.
    #[must_use]
    pub fn look_around(&self, point: Wgs84, stations: &[OrgId]) -> Answer<'_> {
        let quick = self.found(point, Some(stations));
        let measured = self.measured(point, Some(stations));
        Answer {
            foreign_ground: quick.foreign_ground,
            ..measured
        }
    }

    fn found(&self, point: Wgs84, stations: Option<&[OrgId]>) -> Answer<'_> {
        let held = self.hold(point, stations);
        if let Some(cell) = held.only() {
            return Answer {
                located: Located::Inside {
                    cell: cell.id(),
                    shared: false,
                },
                candidates: smallvec![Candidate {
                    cell,
                    distance: Metres(0.0),
                }],
                foreign_ground: false,
            };
        }
        let mut answer = self.measured(point, stations);
        if !matches!(answer.located, Located::Inside { .. }) {
            answer.foreign_ground = held.foreign
                || (held.foreign_border
                    && matches!(self.measured(point, None).located, Located::Inside { .. }));
        }
        answer
    }

    fn measured(&self, point: Wgs84, stations: Option<&[OrgId]>) -> Answer<'_> {
        let Found { near, shared } = Search::new(self, point, stations).run();
        let candidates: SmallVec<[Candidate<'_>; CANDIDATES]> = near
            .iter()
            .take(CANDIDATES)
            .map(|near| Candidate {
                cell: near.cell,
                distance: Metres(near.distance),
            })
            .collect();
        let located = match candidates.first() {
            None => Located::Nowhere,
            Some(Candidate { cell, distance }) if *distance <= TIE => Located::Inside {
                cell: cell.id(),
                shared,
            },
            Some(Candidate { cell, distance }) => Located::Nearest {
                cell: cell.id(),
                distance: *distance,
                shared,
            },
        };
        Answer {
            located,
            candidates,
            foreign_ground: false,
        }
    }
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
