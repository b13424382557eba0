//! Cells drawn from the tiles in them.

use super::ground::Ground;
use crate::territory::{
    grid::Grid,
    planar::rings_of,
    shape::{Shape, ShapeError},
};
use std::collections::{HashMap, HashSet};

/// The boundary with the points at which cells meet it, and the cells: first those made,
/// then the locked ones. Neighbours share every point.
pub(super) fn drawn(
    ground: &Ground,
    cell_of_place: &[usize],
    cells: usize,
) -> Result<(Shape, Vec<Shape>), ShapeError> {
    let places = cell_of_place.len();
    let locked = ground.tiles.steps.len() - places;
    let mut steps = vec![Vec::new(); cells + locked];
    for (tile, of_tile) in ground.tiles.steps.iter().enumerate() {
        let cell = cell_of_place
            .get(tile)
            .copied()
            .unwrap_or(cells + tile.saturating_sub(places));
        steps[cell].extend(of_tile);
    }
    let mut rings: Vec<Vec<Vec<Grid>>> = steps.into_iter().map(rings_of).collect();
    drop_idle_cuts(&mut rings, &ground.tiles.given);
    let steps = rings
        .iter()
        .flatten()
        .flat_map(|ring| ring.windows(2).map(|p| (p[0], p[1])));
    let boundary = Shape::of_grid(rings_of(steps))?;
    let cells = rings.into_iter().map(Shape::of_grid);
    Ok((boundary, cells.collect::<Result<_, _>>()?))
}

/// Drops the points at which a line within one cell was cut off: cut to the grid, they bend
/// the boundary by up to 0.01 mm, and nothing meets there any more.
pub(in crate::territory) fn drop_idle_cuts(cells: &mut [Vec<Vec<Grid>>], given: &HashSet<Grid>) {
    let lines: HashSet<(Grid, Grid)> = cells
        .iter()
        .flatten()
        .flat_map(|ring| ring.windows(2).map(|p| (p[0].min(p[1]), p[0].max(p[1]))))
        .collect();
    let mut meeting: HashMap<Grid, usize> = HashMap::new();
    for (a, b) in lines {
        *meeting.entry(a).or_default() += 1;
        *meeting.entry(b).or_default() += 1;
    }
    for ring in cells.iter_mut().flatten() {
        ring.pop();
        ring.retain(|p| given.contains(p) || meeting.get(p).is_some_and(|n| *n > 2));
        if let Some(first) = ring.first().copied() {
            ring.push(first);
        }
    }
}
