//! One tile of ground for each place.
//!
//! A place that brought an outline has that; the others have all of the rest that lies
//! nearer to them than to any other. Locked grounds are left out, barriers cut. Tiles come
//! out of one [`Subdivision`], so neighbours share every point of their border.

mod flat;
mod midway;
mod owners;
mod walls;

pub(super) use flat::{Flat, Spot, tree};

use super::{
    grid::Grid,
    planar::{Line, Subdivision, Unresolved},
    shape::Shape,
    split::{Barrier, Crossing},
};
use midway::middle_lines;
use owners::{Owners, owners};
use std::collections::{BTreeMap, HashSet};
use walls::{Walls, lines_of};

/// What wants ground.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Where it stands.
    pub(super) at: Grid,
    /// The ground that it brought.
    pub(super) outline: Option<&'a Shape>,
}

/// What is cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    /// Around all of it.
    pub(super) boundary: &'a Shape,
    /// What wants ground; no two at the same point.
    pub(super) places: &'a [Place<'a>],
    /// Parts that are given away already.
    pub(super) locked: &'a [&'a Shape],
    /// Lines that are hard to cross.
    pub(super) barriers: &'a [Barrier],
}

/// How two tiles meet, in metres of border.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Border {
    /// Not along any barrier.
    pub(super) open: f64,
    /// Along barriers that may be crossed.
    pub(super) costly: f64,
    /// Along barriers that may not.
    pub(super) forbidden: f64,
}

/// Tiles and how they lie beside each other, by the number of their place.
#[derive(Debug)]
pub(super) struct Tiles {
    /// The border steps of each tile, the tile on their left; then those of the locked
    /// grounds.
    pub(super) steps: Vec<Vec<(Grid, Grid)>>,
    /// The neighbours of each tile and the border shared with each.
    pub(super) beside: Vec<BTreeMap<usize, Border>>,
    /// The points that were given and the bends of the lines between places: all points
    /// but those at which lines were cut.
    pub(super) given: HashSet<Grid>,
    /// How much ground was in more than one outline, in square metres.
    pub(super) contested_m2: f64,
    /// How much was in none though every place brought one, in square metres.
    pub(super) unclaimed_m2: f64,
}

/// Why there are no tiles.
#[derive(Debug)]
pub(super) enum TileError {
    Unresolved,
    /// No ground is left for this place.
    NoGround(usize),
}

impl From<Unresolved> for TileError {
    fn from(_: Unresolved) -> Self {
        Self::Unresolved
    }
}

/// The tiles of places that lie inside a boundary.
pub(super) fn tiles(ground: &Ground<'_>) -> Result<Tiles, TileError> {
    let flat = Flat::around(ground.boundary);
    let points: Vec<[f64; 2]> = ground
        .places
        .iter()
        .filter(|place| place.outline.is_none())
        .map(|place| flat.place(place.at.degrees()))
        .collect();
    let mut lines = middle_lines(ground.boundary, &flat, &points)?;
    let border = |shape: &Shape, borders: i32| -> Vec<Line> {
        let steps = shape.steps();
        steps.map(|(a, b)| Line { a, b, borders }).collect()
    };
    lines.extend(border(ground.boundary, 1));
    for shape in ground.locked {
        lines.extend(border(shape, -1));
    }
    for place in ground.places {
        lines.extend(
            place
                .outline
                .map_or_else(Vec::new, |shape| border(shape, 0)),
        );
    }
    lines.extend(lines_of(ground.barriers));
    let given = lines.iter().flat_map(|line| [line.a, line.b]).collect();
    let map = Subdivision::of(lines)?;
    let walls = Walls::of(ground.barriers, &flat);
    let owners = owners(ground, &map, &flat, &walls)?;
    gather(ground, &map, &flat, &walls, owners, given)
}

/// The borders of the faces of each owner.
fn gather(
    ground: &Ground<'_>,
    map: &Subdivision,
    flat: &Flat,
    walls: &Walls,
    owners: Owners,
    given: HashSet<Grid>,
) -> Result<Tiles, TileError> {
    let places = ground.places.len();
    let mut result = Tiles {
        steps: vec![Vec::new(); places + ground.locked.len()],
        beside: vec![BTreeMap::new(); places],
        given,
        contested_m2: owners.contested_m2,
        unclaimed_m2: owners.unclaimed_m2,
    };
    for (a, b, left, right) in &map.sides {
        let (left, right) = (owners.of_face[*left], owners.of_face[*right]);
        if left == right {
            continue;
        }
        if let Some(tile) = left {
            result.steps[tile].push((*a, *b));
        }
        if let Some(tile) = right {
            result.steps[tile].push((*b, *a));
        }
        if let (Some(left), Some(right)) = (left, right)
            && left.max(right) < places
        {
            let length = flat.metres(*a, *b);
            let kind = walls.along(*a, *b, flat);
            for (tile, other) in [(left, right), (right, left)] {
                let border = result.beside[tile].entry(other).or_default();
                match kind {
                    None => border.open += length,
                    Some(Crossing::Costly) => border.costly += length,
                    Some(Crossing::Forbidden) => border.forbidden += length,
                }
            }
        }
    }
    match result.steps.iter().take(places).position(Vec::is_empty) {
        Some(place) => Err(TileError::NoGround(place)),
        None => Ok(result),
    }
}
