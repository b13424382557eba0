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
//! Borders are straight in longitude and latitude, as in GeoJSON. The search walks the tree
//! by a bound that is never too long, measures in the [`LocalPlane`] around the point, and
//! where two cells are closer to each other than that plane is true, measures those again
//! along geodesics.

use super::snapshot::{Leaf, TerritorySnapshot};
use geo::{Distance, Geodesic, Point};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    position::{LocalPlane, Metres, Wgs84},
};
use rstar::{AABB, ParentNode, RTreeNode};
use std::{cmp::Ordering, collections::BinaryHeap};

/// How far a point may lie from a cell that takes it. A point farther off is more likely a
/// wrong coordinate than an order.
pub const REACH: Metres = Metres(50_000.0);

/// Distances that differ by no more than this are equal.
pub const TIE: Metres = Metres(0.001);

/// How many cells the explanation names.
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

/// A cell that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The cell.
    pub cell: CellId,
    /// Its distance from the point; 0 inside.
    pub distance: Metres,
}

/// The answer with its explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The decision.
    pub located: Located,
    /// The nearest cells within [`REACH`], at most [`CANDIDATES`]: the one chosen first,
    /// the others by distance.
    pub candidates: Vec<Candidate>,
}

impl TerritorySnapshot {
    /// Finds the cell for a point; see the module for the rules.
    #[must_use]
    pub fn locate(&self, point: Wgs84) -> Answer {
        self.answer(Search::new(self, point, None).run())
    }

    /// Finds the cell for a point among those of some stations, as if there were no others:
    /// so that where boundaries of stations overlap, no cell of another hides theirs.
    #[must_use]
    pub fn locate_among(&self, point: Wgs84, stations: &[OrgId]) -> Answer {
        self.answer(Search::new(self, point, Some(stations)).run())
    }

    fn answer(&self, found: Found) -> Answer {
        let candidates: Vec<Candidate> = found
            .near
            .iter()
            .take(CANDIDATES)
            .map(|near| Candidate {
                cell: self.cells()[near.cell].id,
                distance: Metres(near.distance),
            })
            .collect();
        let located = match candidates.first() {
            None => Located::Nowhere,
            Some(Candidate { cell, distance }) if *distance <= TIE => Located::Inside {
                cell: *cell,
                shared: found.shared,
            },
            Some(Candidate { cell, distance }) => Located::Nearest {
                cell: *cell,
                distance: *distance,
                shared: found.shared,
            },
        };
        Answer {
            located,
            candidates,
        }
    }
}

/// A measured cell.
#[derive(Clone, Copy, Debug)]
struct Near {
    cell: usize,
    /// Metres; 0 inside.
    distance: f64,
    /// The corner that is nearest, if it is a corner.
    corner: Option<Wgs84>,
}

struct Found {
    near: Vec<Near>,
    shared: bool,
}

struct Search<'a> {
    snapshot: &'a TerritorySnapshot,
    point: Wgs84,
    plane: LocalPlane,
    /// Only cells of these stations, if they are given.
    stations: Option<&'a [OrgId]>,
    /// Metres per degree east and north, never too many within reach of the point.
    bound: [f64; 2],
    /// Doubt per square metre of a border piece's length.
    bend: f64,
    near: Vec<Near>,
}

impl<'a> Search<'a> {
    fn new(snapshot: &'a TerritorySnapshot, point: Wgs84, stations: Option<&'a [OrgId]>) -> Self {
        // Half a degree of latitude is more than REACH anywhere.
        let farthest = (point.lat().abs() + 0.5).min(90.0).to_radians();
        let degree = 1f64.to_radians();
        Self {
            snapshot,
            point,
            stations,
            plane: LocalPlane::around(point),
            // The radii are least at the equator: a, and a (1 - e2).
            bound: [6_378_137.0 * degree * farthest.cos(), 6_335_439.0 * degree],
            // A piece of length l lies off the plane's straight line by at most
            // l * l / 8 R * tan(latitude); a tenth more for good measure.
            bend: farthest.tan() * 1.1 / (8.0 * 6_335_439.0),
            near: Vec::with_capacity(2 * CANDIDATES),
        }
    }

    fn run(mut self) -> Found {
        let reach = REACH.0 * 1.001;
        let mut limit = reach * reach;
        let mut open: BinaryHeap<Open<'a>> = BinaryHeap::with_capacity(64);
        self.open(self.snapshot.tree.root(), limit, &mut open);
        while let Some(Open { bound, node }) = open.pop() {
            if bound > limit {
                break;
            }
            match node {
                Node::Parent(parent) => self.open(parent, limit, &mut open),
                Node::Leaf(leaf) if !self.wanted(leaf) => {}
                Node::Leaf(leaf) => {
                    // Outside its box a cell cannot hold the point.
                    self.measure(leaf, bound <= 0.0);
                    limit = limit.min(self.limit());
                }
            }
        }
        self.decide()
    }

    fn wanted(&self, leaf: &Leaf) -> bool {
        let station = self.snapshot.cells()[leaf.cell].station;
        self.stations
            .is_none_or(|stations| stations.contains(&station))
    }

    fn open(&self, parent: &'a ParentNode<Leaf>, limit: f64, open: &mut BinaryHeap<Open<'a>>) {
        for child in parent.children() {
            let (envelope, node) = match child {
                RTreeNode::Leaf(leaf) => (rstar::RTreeObject::envelope(leaf), Node::Leaf(leaf)),
                RTreeNode::Parent(parent) => (parent.envelope(), Node::Parent(parent)),
            };
            let bound = self.at_least(&envelope);
            if bound <= limit {
                open.push(Open { bound, node });
            }
        }
    }

    /// The square of a distance in metres that no point of the box falls short of, if it is
    /// within reach.
    fn at_least(&self, envelope: &AABB<[f64; 2]>) -> f64 {
        let ([west, south], [east, north]) = (envelope.lower(), envelope.upper());
        let gap = |from: f64, to: f64, at: f64| (from - at).max(at - to).max(0.0);
        let mut x = gap(west, east, self.point.lon());
        if x > 180.0 {
            // The short way may be across the date line: say nothing.
            x = 0.0;
        }
        let y = gap(south, north, self.point.lat());
        let (x, y) = (x * self.bound[0], y * self.bound[1]);
        x * x + y * y
    }

    /// The square of the distance beyond which no cell matters any more.
    fn limit(&self) -> f64 {
        let Some(last) = self.near.get(CANDIDATES - 1) else {
            return f64::INFINITY;
        };
        let worst = self.near[0].distance;
        let margin = TIE.0 + 2.0 * self.doubt(worst, self.snapshot.longest.0);
        let limit = last.distance.max(worst + margin);
        limit * limit
    }

    /// How far wrong a distance in the plane may be: the plane itself (12 mm at 20 km, with
    /// the cube of the distance) and the bend of the border.
    fn doubt(&self, distance: f64, longest: f64) -> f64 {
        1e-14 * distance * distance * distance + self.bend * longest * longest + 1e-7
    }

    fn measure(&mut self, leaf: &Leaf, may_hold: bool) {
        let first = &self.snapshot.points[leaf.start..leaf.end];
        let rings = || {
            let rest = leaf.more.then(|| self.snapshot.rings_of(leaf.cell).skip(1));
            std::iter::once(first).chain(rest.into_iter().flatten())
        };
        let mut near = Near {
            cell: leaf.cell,
            distance: 0.0,
            corner: None,
        };
        let winding = |ring| winding_around(ring, self.point);
        if !may_hold || rings().map(winding).sum::<i32>() <= 0 {
            near.distance = f64::INFINITY;
            for ring in rings() {
                if let Some(hit) = self.plane.to_path(ring)
                    && hit.distance.0 < near.distance
                {
                    near.distance = hit.distance.0;
                    near.corner = match hit.along {
                        0.0 => Some(ring[hit.segment]),
                        1.0 => Some(ring[hit.segment + 1]),
                        _ => None,
                    };
                }
            }
        }
        if near.distance <= REACH.0 {
            let place = self
                .near
                .partition_point(|other| other.order(&near).is_lt());
            self.near.insert(place, near);
        }
    }

    /// Of the cells that may be equally near, measures again those that the plane cannot
    /// tell apart, and lets the lowest id win.
    fn decide(mut self) -> Found {
        let Some(first) = self.near.first().copied() else {
            return Found {
                near: self.near,
                shared: false,
            };
        };
        // Doubting all alike is enough to see that there is nothing to doubt.
        let doubt = |n: &Near| self.doubt(n.distance, self.snapshot.longest.0);
        let end = first.distance + doubt(&first) + TIE.0;
        let maybe = self
            .near
            .iter()
            .take_while(|n| n.distance - doubt(n) <= end)
            .count();
        if maybe < 2 {
            return Found {
                near: self.near,
                shared: false,
            };
        }
        let doubt = |n: &Near| match n.distance {
            0.0 => 0.0,
            _ => self.doubt(n.distance, self.snapshot.outlines[n.cell].longest),
        };
        let end = first.distance + doubt(&first) + TIE.0;
        let (mut rivals, others): (Vec<Near>, Vec<Near>) =
            self.near.iter().partition(|n| n.distance - doubt(n) <= end);
        let known =
            |n: &Near| n.distance == 0.0 || (n.corner.is_some() && n.corner == first.corner);
        if !rivals.iter().all(known) {
            for near in rivals.iter_mut().filter(|n| n.distance > 0.0) {
                let limit = near.distance + 2.0 * doubt(near);
                near.distance = self.along_geodesics(near.cell, limit);
            }
            rivals.sort_unstable_by(Near::order);
        }
        let equal = rivals[0].distance + TIE.0;
        let equals = rivals.iter().take_while(|n| n.distance <= equal).count();
        let lowest = (0..equals).min_by_key(|i| rivals[*i].cell).unwrap_or(0);
        rivals[..=lowest].rotate_right(1);
        rivals.extend(others);
        rivals[1..].sort_unstable_by(Near::order);
        self.near = rivals;
        Found {
            near: self.near,
            shared: equals > 1,
        }
    }

    /// The distance to a cell, by geodesics to the pieces of its border that may be nearest:
    /// those no farther than a limit in the plane.
    fn along_geodesics(&self, cell: usize, limit: f64) -> f64 {
        let pieces = self
            .snapshot
            .rings_of(cell)
            .flat_map(|ring| ring.windows(2));
        pieces
            .filter(|pair| self.plane.to_segment(pair[0], pair[1]).0 <= limit)
            .map(|pair| to_piece(self.point, pair[0], pair[1]))
            .fold(f64::INFINITY, f64::min)
    }
}

impl Near {
    fn order(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.cell.cmp(&other.cell))
    }
}

/// How often a ring goes round a point, counted along the ray to the east.
fn winding_around(ring: &[Wgs84], point: Wgs84) -> i32 {
    let mut winding = 0;
    let mut before: Option<(f64, f64)> = None;
    for corner in ring {
        let b = (corner.lon() - point.lon(), corner.lat() - point.lat());
        if let Some(a) = before
            && (a.1 <= 0.0) != (b.1 <= 0.0)
        {
            let turn = a.0 * b.1 - a.1 * b.0;
            if b.1 > 0.0 {
                winding += i32::from(turn > 0.0);
            } else {
                winding -= i32::from(turn < 0.0);
            }
        }
        before = Some(b);
    }
    winding
}

/// The shortest geodesic from a point to a piece that is straight in degrees: a search by
/// the golden section, which is enough because the distance along so short a piece falls
/// and then rises.
fn to_piece(point: Wgs84, a: Wgs84, b: Wgs84) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let from = Point::new(point.lon(), point.lat());
    let at = |share: f64| {
        // The ends are taken as they are, so that pieces that share an end agree.
        let to = Point::new(
            (1.0 - share) * a.lon() + share * b.lon(),
            (1.0 - share) * a.lat() + share * b.lat(),
        );
        Geodesic.distance(from, to)
    };
    let (mut low, mut high) = (0.0, 1.0);
    let (mut left, mut right) = (1.0 - GOLDEN, GOLDEN);
    let (mut at_left, mut at_right) = (at(left), at(right));
    for _ in 0..40 {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = at(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = at(right);
        }
    }
    at(0.0).min(at(1.0)).min(at_left).min(at_right)
}

/// A part of the tree still to look at.
struct Open<'a> {
    bound: f64,
    node: Node<'a>,
}

enum Node<'a> {
    Parent(&'a ParentNode<Leaf>),
    Leaf(&'a Leaf),
}

impl PartialEq for Open<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open<'_> {}

impl PartialOrd for Open<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open<'_> {
    /// The heap gives the greatest first; the nearest shall be it.
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound)
    }
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
