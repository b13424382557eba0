//! The nearest cells to a point: a walk from box to box, the nearest first, through the tree
//! of stations and the trees of their cells, until no box left can matter.

use super::{CANDIDATES, REACH, TIE, rings::winding_around};
use crate::territory::snapshot::{Node, SnapshotCell, StationGround, TerritorySnapshot};
use geo::{Distance, Geodesic, Point};
use gridcrew_sync_protocol::{
    ids::OrgId,
    position::{LocalPlane, Wgs84},
};
use static_aabb2d_index::AABB;
use std::{cmp::Ordering, collections::BinaryHeap};

/// Metres per degree east and north, never too many within reach of a point.
pub(super) fn metres_per_degree(point: Wgs84) -> [f64; 2] {
    // The radii are least at the equator: a, and a (1 - e2).
    let degree = 1f64.to_radians();
    [
        6_378_137.0 * degree * farthest(point).cos(),
        6_335_439.0 * degree,
    ]
}

/// The latitude farthest from the equator within reach of a point, in radians.
fn farthest(point: Wgs84) -> f64 {
    // Half a degree of latitude is more than REACH anywhere.
    (point.lat().abs() + 0.5).min(90.0).to_radians()
}

/// A measured cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near<'t> {
    pub(super) cell: SnapshotCell<'t>,
    /// Metres; 0 inside.
    pub(super) distance: f64,
    /// The corner that is nearest, if it is a corner.
    corner: Option<Wgs84>,
}

/// What was measured.
pub(super) struct Found<'t> {
    /// The chosen one first, the others by distance.
    pub(super) near: Vec<Near<'t>>,
    /// Others are as near as the first.
    pub(super) shared: bool,
}

/// A search on its way.
pub(super) struct Search<'s, 't> {
    snapshot: &'t TerritorySnapshot,
    point: Wgs84,
    plane: LocalPlane,
    /// Only cells of these stations, if they are given.
    stations: Option<&'s [OrgId]>,
    /// Metres per degree east and north, never too many within reach of the point.
    bound: [f64; 2],
    /// Doubt per square metre of a border piece's length.
    bend: f64,
    near: Vec<Near<'t>>,
}

impl<'s, 't> Search<'s, 't> {
    pub(super) fn new(
        snapshot: &'t TerritorySnapshot,
        point: Wgs84,
        stations: Option<&'s [OrgId]>,
    ) -> Self {
        Self {
            snapshot,
            point,
            stations,
            plane: LocalPlane::around(point),
            bound: metres_per_degree(point),
            // A piece of length l lies off the plane's straight line by at most
            // l * l / 8 R * tan(latitude); a tenth more for good measure.
            bend: farthest(point).tan() * 1.1 / (8.0 * 6_335_439.0),
            near: Vec::with_capacity(2 * CANDIDATES),
        }
    }

    pub(super) fn run(mut self) -> Found<'t> {
        let reach = REACH.0 * 1.001;
        let mut limit = reach * reach;
        let mut open: BinaryHeap<Open<'t>> = BinaryHeap::with_capacity(64);
        if let Some(root) = self.snapshot.tree().root() {
            self.open_stations(root, limit, &mut open);
        }
        while let Some(Open { bound, part }) = open.pop() {
            if bound > limit {
                break;
            }
            match part {
                Part::Stations(node) => self.open_stations(node, limit, &mut open),
                Part::Station(place) => self.open_station(place, limit, &mut open),
                Part::Cells(ground, node) => self.open_cells(ground, node, limit, &mut open),
                Part::Cell(ground, place) => {
                    // Outside its box a cell cannot hold the point.
                    self.measure(ground.cell(place), bound <= 0.0);
                    limit = limit.min(self.limit());
                }
            }
        }
        self.decide()
    }

    fn open_stations(&self, node: Node, limit: f64, open: &mut BinaryHeap<Open<'t>>) {
        let tree = self.snapshot.tree();
        for (place, aabb) in tree.children(node) {
            let bound = self.at_least(aabb);
            if bound <= limit {
                let part = match tree.below(node, place) {
                    Some(below) => Part::Stations(below),
                    None => Part::Station(place),
                };
                open.push(Open { bound, part });
            }
        }
    }

    fn open_station(&self, place: usize, limit: f64, open: &mut BinaryHeap<Open<'t>>) {
        let wanted = self
            .stations
            .is_none_or(|these| self.snapshot.is_among(place, these));
        if !wanted {
            return;
        }
        let ground = self.snapshot.station_at(place);
        if let Some(root) = ground.tree().root() {
            self.open_cells(ground, root, limit, open);
        }
    }

    fn open_cells(
        &self,
        ground: &'t StationGround,
        node: Node,
        limit: f64,
        open: &mut BinaryHeap<Open<'t>>,
    ) {
        let tree = ground.tree();
        for (place, aabb) in tree.children(node) {
            let bound = self.at_least(aabb);
            if bound <= limit {
                let part = match tree.below(node, place) {
                    Some(below) => Part::Cells(ground, below),
                    None => Part::Cell(ground, place),
                };
                open.push(Open { bound, part });
            }
        }
    }

    /// The square of a distance in metres that no point of the box falls short of, if it is
    /// within reach.
    fn at_least(&self, aabb: &AABB<f64>) -> f64 {
        let gap = |from: f64, to: f64, at: f64| (from - at).max(at - to).max(0.0);
        let mut x = gap(aabb.min_x, aabb.max_x, self.point.lon());
        if x > 180.0 {
            // The short way may be across the date line: say nothing.
            x = 0.0;
        }
        let y = gap(aabb.min_y, aabb.max_y, self.point.lat());
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

    fn measure(&mut self, cell: SnapshotCell<'t>, may_hold: bool) {
        let mut near = Near {
            cell,
            distance: 0.0,
            corner: None,
        };
        let winding = |ring| winding_around(ring, self.point);
        if !may_hold || cell.rings().map(winding).sum::<i32>() <= 0 {
            near.distance = f64::INFINITY;
            for ring in cell.rings() {
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
    fn decide(mut self) -> Found<'t> {
        let Some(first) = self.near.first().copied() else {
            return Found {
                near: self.near,
                shared: false,
            };
        };
        // Doubting all alike is enough to see that there is nothing to doubt.
        let doubt = |n: &Near<'_>| self.doubt(n.distance, self.snapshot.longest.0);
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
        let doubt = |n: &Near<'_>| match n.distance {
            0.0 => 0.0,
            _ => self.doubt(n.distance, n.cell.longest()),
        };
        let end = first.distance + doubt(&first) + TIE.0;
        let (mut rivals, others): (Vec<Near<'t>>, Vec<Near<'t>>) =
            self.near.iter().partition(|n| n.distance - doubt(n) <= end);
        let known =
            |n: &Near<'_>| n.distance == 0.0 || (n.corner.is_some() && n.corner == first.corner);
        if !rivals.iter().all(known) {
            for near in rivals.iter_mut().filter(|n| n.distance > 0.0) {
                let limit = near.distance + 2.0 * doubt(near);
                near.distance = self.along_geodesics(near.cell, limit);
            }
            rivals.sort_unstable_by(Near::order);
        }
        let equal = rivals[0].distance + TIE.0;
        let equals = rivals.iter().take_while(|n| n.distance <= equal).count();
        let lowest = (0..equals)
            .min_by_key(|i| rivals[*i].cell.id())
            .unwrap_or(0);
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
    fn along_geodesics(&self, cell: SnapshotCell<'t>, limit: f64) -> f64 {
        let pieces = cell.rings().flat_map(|ring| ring.windows(2));
        pieces
            .filter(|pair| self.plane.to_segment(pair[0], pair[1]).0 <= limit)
            .map(|pair| to_piece(self.point, pair[0], pair[1]))
            .fold(f64::INFINITY, f64::min)
    }
}

impl Near<'_> {
    fn order(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then_with(|| self.cell.id().cmp(&other.cell.id()))
    }
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
struct Open<'t> {
    bound: f64,
    part: Part<'t>,
}

enum Part<'t> {
    Stations(Node),
    /// The place of a station.
    Station(usize),
    Cells(&'t StationGround, Node),
    /// The place of a cell of a station.
    Cell(&'t StationGround, usize),
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
