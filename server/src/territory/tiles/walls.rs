//! Lines that are hard to cross, and which borders run along them.

use super::flat::Flat;
use crate::territory::{
    grid::Grid,
    planar::Line as GridLine,
    split::{Barrier, Crossing},
};
use rstar::{
    RTree,
    primitives::{GeomWithData, Line},
};

/// How near, in metres, a border must be to a barrier to run along it: cut to the grid,
/// lines bend by up to 0.01 mm.
const NEAR: f64 = 0.001;

/// Barriers laid out for asking what runs along them.
pub(super) struct Walls {
    tree: RTree<GeomWithData<Line<[f64; 2]>, Crossing>>,
}

impl Walls {
    pub(super) fn of(barriers: &[Barrier], flat: &Flat) -> Self {
        let pieces = barriers.iter().flat_map(|barrier| {
            barrier.line.windows(2).map(|pair| {
                let [a, b] = [pair[0], pair[1]].map(|p| flat.place(Grid::of(p).degrees()));
                GeomWithData::new(Line::new(a, b), barrier.crossing)
            })
        });
        Self {
            tree: RTree::bulk_load(pieces.collect()),
        }
    }

    /// What kind of barrier a border runs along; the harder one where there are two.
    pub(super) fn along(&self, a: Grid, b: Grid, flat: &Flat) -> Option<Crossing> {
        let [a, b] = [a, b].map(|p| flat.place(p.degrees()));
        let middle = [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])];
        let near = |at: [f64; 2]| {
            let found = self.tree.locate_within_distance(at, NEAR * NEAR);
            found.map(|piece| piece.data).max()
        };
        let found = near(middle)?;
        (near(a).is_some() && near(b).is_some()).then_some(found)
    }
}

/// The pieces of all barriers.
pub(super) fn lines_of(barriers: &[Barrier]) -> impl Iterator<Item = GridLine> {
    let pairs = barriers.iter().flat_map(|barrier| barrier.line.windows(2));
    pairs.map(|pair| GridLine {
        a: Grid::of(pair[0]),
        b: Grid::of(pair[1]),
        borders: 0,
    })
}
