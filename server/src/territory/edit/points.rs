//! Points that a cut puts into the border of one cell, put into the borders of all others that
//! share it.

use super::EditError;
use crate::territory::{
    content::Content,
    grid::Grid,
    planar::rings_of,
    repair::with_inserts,
    shape::{Ring, Shape},
};
use std::collections::{HashMap, HashSet};

/// Points to put into border steps, by lower and higher end, from the lower to the higher.
pub(super) type Inserts = HashMap<(Grid, Grid), Vec<Grid>>;

/// The points that ground has on its outer border and its outline had not. `steps` are those
/// of the parts that the ground was cut into.
pub(super) fn put_in(outline: &Shape, steps: impl IntoIterator<Item = (Grid, Grid)>) -> Inserts {
    let old: HashSet<Grid> = outline.steps().map(|(point, _)| point).collect();
    let mut inserts = Inserts::new();
    for mut ring in rings_of(steps) {
        ring.pop();
        let Some(first) = ring.iter().position(|point| old.contains(point)) else {
            continue;
        };
        ring.rotate_left(first);
        let (mut from, mut between) = (ring[0], Vec::new());
        let closing = [ring[0]];
        for point in ring[1..].iter().chain(&closing) {
            if !old.contains(point) {
                between.push(*point);
                continue;
            }
            let mut points = std::mem::take(&mut between);
            if !points.is_empty() {
                if from > *point {
                    points.reverse();
                }
                inserts.insert((from.min(*point), from.max(*point)), points);
            }
            from = *point;
        }
    }
    inserts
}

/// Puts the points into every cell but one.
pub(super) fn share(content: &mut Content, inserts: &Inserts, but: usize) -> Result<(), EditError> {
    if inserts.is_empty() {
        return Ok(());
    }
    for (number, cell) in content.cells.iter_mut().enumerate() {
        let meets = |(a, b): (Grid, Grid)| inserts.contains_key(&(a.min(b), a.max(b)));
        if number != but && cell.outline.steps().any(meets) {
            cell.outline = with_points(&cell.outline, inserts)?;
        }
    }
    Ok(())
}

fn with_points(outline: &Shape, inserts: &Inserts) -> Result<Shape, EditError> {
    let drawn = |ring: &Ring| -> Ring {
        let grid: Vec<Grid> = ring.iter().map(|point| Grid::of(*point)).collect();
        let points = with_inserts(&grid, inserts).into_iter();
        points.filter_map(|point| point.point().ok()).collect()
    };
    let polygons = outline.polygons().iter();
    let polygons = polygons.map(|rings| rings.iter().map(drawn).collect());
    Ok(Shape::new(polygons.collect())?)
}
