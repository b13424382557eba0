//! Metres in a plane, good for one territory.

use crate::territory::{
    grid::{Grid, PER_DEGREE},
    shape::{Shape, metres_per_step},
};
use rstar::{RTree, primitives::GeomWithData};

/// A place in a tree, with its number.
pub(in crate::territory) type Spot = GeomWithData<[f64; 2], usize>;

/// Metres east and north of the boundary's middle.
pub(in crate::territory) struct Flat {
    middle: [f64; 2],
    scale: [f64; 2],
}

impl Flat {
    pub(in crate::territory) fn around(shape: &Shape) -> Self {
        let [west, south, east, north] = shape.bounds();
        let middle = [f64::midpoint(west, east), f64::midpoint(south, north)];
        Self {
            middle,
            scale: metres_per_step(middle[1]).map(|m| m * PER_DEGREE),
        }
    }

    pub(in crate::territory) fn place(&self, (lon, lat): (f64, f64)) -> [f64; 2] {
        [
            (lon - self.middle[0]) * self.scale[0],
            (lat - self.middle[1]) * self.scale[1],
        ]
    }

    /// None for a place so far off (or so near a pole) that the grid does not reach it.
    pub(super) fn grid(&self, at: [f64; 2]) -> Option<Grid> {
        let lon = at[0] / self.scale[0] + self.middle[0];
        let lat = at[1] / self.scale[1] + self.middle[1];
        let within = lon.abs() < 1e5 && lat.abs() < 1e5;
        within.then(|| Grid::near(lon, lat))
    }

    pub(in crate::territory) fn metres(&self, a: Grid, b: Grid) -> f64 {
        let [[ax, ay], [bx, by]] = [a, b].map(|p| self.place(p.degrees()));
        (bx - ax).hypot(by - ay)
    }
}

/// A search tree over places, numbered as they come.
pub(in crate::territory) fn tree(spots: &[[f64; 2]]) -> RTree<Spot> {
    let numbered = spots.iter().enumerate();
    RTree::bulk_load(numbered.map(|(n, at)| Spot::new(*at, n)).collect())
}
