//! Bare searches over the same outlines in plane metres: no explanation, no tie, no scope.

use rstar::{AABB, PointDistance, RTree, RTreeObject};
use static_aabb2d_index::{Control, StaticAABB2DIndex, StaticAABB2DIndexBuilder};

/// An outline in plane metres.
pub(crate) struct Bare {
    envelope: AABB<[f64; 2]>,
    pub(crate) number: usize,
    pub(crate) ring: Vec<[f64; 2]>,
}

impl Bare {
    pub(crate) fn new(number: usize, ring: Vec<[f64; 2]>) -> Self {
        Self {
            envelope: AABB::from_points(&ring),
            number,
            ring,
        }
    }

    fn holds(&self, point: &[f64; 2]) -> bool {
        let mut inside = false;
        let mut a = [self.ring[0][0] - point[0], self.ring[0][1] - point[1]];
        for corner in &self.ring[1..] {
            let b = [corner[0] - point[0], corner[1] - point[1]];
            if (a[1] > 0.0) != (b[1] > 0.0) && ((a[0] * b[1] - a[1] * b[0] > 0.0) == (b[1] > 0.0)) {
                inside = !inside;
            }
            a = b;
        }
        inside
    }
}

impl RTreeObject for Bare {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

impl PointDistance for Bare {
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        if self.holds(point) {
            return 0.0;
        }
        let mut least = f64::INFINITY;
        let mut a = [self.ring[0][0] - point[0], self.ring[0][1] - point[1]];
        for corner in &self.ring[1..] {
            let b = [corner[0] - point[0], corner[1] - point[1]];
            let step = [b[0] - a[0], b[1] - a[1]];
            let length = step[0] * step[0] + step[1] * step[1];
            let along = (-(a[0] * step[0] + a[1] * step[1]) / length).clamp(0.0, 1.0);
            let foot = [a[0] + along * step[0], a[1] + along * step[1]];
            least = least.min(foot[0] * foot[0] + foot[1] * foot[1]);
            a = b;
        }
        least
    }

    fn contains_point(&self, point: &[f64; 2]) -> bool {
        self.holds(point)
    }
}

/// Both trees over the same cells.
pub(crate) struct Rivals {
    rstar: RTree<Bare>,
    packed: StaticAABB2DIndex<f64>,
    cells: Vec<Bare>,
}

impl Rivals {
    pub(crate) fn new(rings: &[Vec<[f64; 2]>]) -> Self {
        let cells = || {
            let rings = rings.iter().cloned().enumerate();
            rings.map(|(number, ring)| Bare::new(number, ring))
        };
        let mut packed = StaticAABB2DIndexBuilder::new(rings.len());
        for cell in cells() {
            let ([west, south], [east, north]) = (cell.envelope.lower(), cell.envelope.upper());
            packed.add(west, south, east, north);
        }
        Self {
            rstar: RTree::bulk_load(cells().collect()),
            packed: packed.build().unwrap(),
            cells: cells().collect(),
        }
    }

    pub(crate) fn rstar_contains(&self, point: [f64; 2]) -> Option<usize> {
        self.rstar.locate_at_point(&point).map(|cell| cell.number)
    }

    pub(crate) fn rstar_nearest(&self, point: [f64; 2]) -> Option<usize> {
        self.rstar.nearest_neighbor(&point).map(|cell| cell.number)
    }

    pub(crate) fn packed_contains(&self, [x, y]: [f64; 2]) -> Option<usize> {
        let mut found = None;
        let mut visit = |place: usize| {
            if self.cells[place].holds(&[x, y]) {
                found = Some(place);
                return Control::Break(());
            }
            Control::Continue
        };
        self.packed.visit_query(x, y, x, y, &mut visit);
        found
    }

    pub(crate) fn packed_nearest(&self, [x, y]: [f64; 2]) -> Option<usize> {
        let mut best = (f64::INFINITY, None);
        let mut visit = |place: usize, bound: f64| {
            if bound > best.0 {
                return Control::Break(());
            }
            let distance = self.cells[place].distance_2(&[x, y]);
            if distance < best.0 {
                best = (distance, Some(place));
            }
            Control::Continue
        };
        self.packed.visit_neighbors(x, y, &mut visit);
        best.1
    }
}
