//! One tile of ground for each place: all of the territory that lies nearer to it than to
//! any other, cut along the boundary.
//!
//! Tiles come out of one [`Subdivision`], so neighbours share every point of their border.
//! Where the boundary cuts a piece of a tile off from its place, the piece goes to the
//! neighbour with which it shares the longest border, so that tiles hang together.

use super::{
    grid::{Grid, PER_DEGREE, ray_step},
    planar::{Face, Line, Subdivision, Unresolved},
    shape::{Shape, metres_per_step},
};
use geo::{Coord, MultiPoint, TriangulateDelaunayUnconstrained};
use rstar::{RTree, primitives::GeomWithData};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A place in a tree, with its number.
pub(super) type Spot = GeomWithData<[f64; 2], usize>;

/// Tiles and how they lie beside each other, by the number of their place.
#[derive(Debug)]
pub(super) struct Tiles {
    /// The border steps of each tile, the tile on their left.
    pub(super) steps: Vec<Vec<(Grid, Grid)>>,
    /// The neighbours of each tile and the metres of border shared with each.
    pub(super) beside: Vec<BTreeMap<usize, f64>>,
    /// The points of the boundary and the bends of the lines between places: all points
    /// but those at which lines were cut.
    pub(super) given: HashSet<Grid>,
}

/// Metres east and north of the boundary's middle.
pub(super) struct Flat {
    middle: [f64; 2],
    scale: [f64; 2],
}

impl Flat {
    pub(super) fn around(shape: &Shape) -> Self {
        let [west, south, east, north] = shape.bounds();
        let middle = [f64::midpoint(west, east), f64::midpoint(south, north)];
        Self {
            middle,
            scale: metres_per_step(middle[1]).map(|m| m * PER_DEGREE),
        }
    }

    pub(super) fn place(&self, (lon, lat): (f64, f64)) -> [f64; 2] {
        [
            (lon - self.middle[0]) * self.scale[0],
            (lat - self.middle[1]) * self.scale[1],
        ]
    }

    /// None for a place so far off (or so near a pole) that the grid does not reach it.
    fn grid(&self, at: [f64; 2]) -> Option<Grid> {
        let lon = at[0] / self.scale[0] + self.middle[0];
        let lat = at[1] / self.scale[1] + self.middle[1];
        let within = lon.abs() < 1e5 && lat.abs() < 1e5;
        within.then(|| Grid::near(lon, lat))
    }

    pub(super) fn metres(&self, a: Grid, b: Grid) -> f64 {
        let [[ax, ay], [bx, by]] = [a, b].map(|p| self.place(p.degrees()));
        (bx - ax).hypot(by - ay)
    }
}

/// Why there are no tiles.
#[derive(Debug)]
pub(super) enum TileError {
    Unresolved,
    /// No ground is nearest to this place.
    NoGround(usize),
}

impl From<Unresolved> for TileError {
    fn from(_: Unresolved) -> Self {
        Self::Unresolved
    }
}

/// The tiles of places that lie inside a boundary, no two of them at the same point.
pub(super) fn tiles(boundary: &Shape, places: &[Grid]) -> Result<Tiles, TileError> {
    let flat = Flat::around(boundary);
    let spots: Vec<[f64; 2]> = places.iter().map(|p| flat.place(p.degrees())).collect();
    let mut lines = middle_lines(boundary, &flat, &spots)?;
    lines.extend(boundary.steps().map(|(a, b)| Line { a, b, borders: 1 }));
    let given = lines.iter().flat_map(|line| [line.a, line.b]).collect();
    let map = Subdivision::of(lines)?;
    let tree = tree(&spots);
    let mut owners: Vec<Option<usize>> = map
        .faces
        .iter()
        .map(|face| {
            if face.cover == 1 {
                owner(face, &flat, &tree)
            } else {
                None
            }
        })
        .collect();
    settle(&map, &flat, places, &mut owners)?;

    let mut result = Tiles {
        steps: vec![Vec::new(); places.len()],
        beside: vec![BTreeMap::new(); places.len()],
        given,
    };
    for (a, b, left, right) in &map.sides {
        let (left, right) = (owners[*left], owners[*right]);
        if left == right {
            continue;
        }
        if let Some(tile) = left {
            result.steps[tile].push((*a, *b));
        }
        if let Some(tile) = right {
            result.steps[tile].push((*b, *a));
        }
        if let (Some(left), Some(right)) = (left, right) {
            let length = flat.metres(*a, *b);
            *result.beside[left].entry(right).or_default() += length;
            *result.beside[right].entry(left).or_default() += length;
        }
    }
    match result.steps.iter().position(Vec::is_empty) {
        Some(place) => Err(TileError::NoGround(place)),
        None => Ok(result),
    }
}

pub(super) fn tree(spots: &[[f64; 2]]) -> RTree<Spot> {
    RTree::bulk_load(
        spots
            .iter()
            .enumerate()
            .map(|(n, at)| Spot::new(*at, n))
            .collect(),
    )
}

/// The lines midway between neighbouring places, long enough to leave the boundary.
fn middle_lines(boundary: &Shape, flat: &Flat, spots: &[[f64; 2]]) -> Result<Vec<Line>, TileError> {
    let [west, south, east, north] = boundary.bounds();
    let ([x0, y0], [x1, y1]) = (flat.place((west, south)), flat.place((east, north)));
    // A ring of far places closes every tile well outside the boundary: each point of the
    // ground is nearer to any real place than to them.
    let far = 8.0 * (x1 - x0).hypot(y1 - y0) + 1_000.0;
    let ring = (0..12).map(|n| {
        let angle = f64::from(n) * std::f64::consts::TAU / 12.0 + 0.1;
        [far * angle.cos(), far * angle.sin()]
    });
    let all: Vec<[f64; 2]> = spots.iter().copied().chain(ring).collect();
    let bits = |at: [f64; 2]| at.map(f64::to_bits);
    let number: HashMap<[u64; 2], usize> = all
        .iter()
        .enumerate()
        .map(|(n, at)| (bits(*at), n))
        .collect();
    let points: MultiPoint<f64> = all.iter().map(|at| (at[0], at[1])).collect();
    let triangles = points
        .unconstrained_triangulation()
        .map_err(|_| TileError::Unresolved)?;
    let mut between: BTreeMap<(usize, usize), Vec<Grid>> = BTreeMap::new();
    for triangle in triangles {
        let corners = [triangle.v1(), triangle.v2(), triangle.v3()];
        let Some(centre) = centre(corners) else {
            continue;
        };
        let centre = flat.grid(centre).ok_or(TileError::Unresolved)?;
        let known = corners.map(|c| number.get(&bits([c.x, c.y])).copied());
        for (p, q) in [(0, 1), (1, 2), (2, 0)] {
            if let (Some(p), Some(q)) = (known[p], known[q])
                && p.min(q) < spots.len()
            {
                between
                    .entry((p.min(q), p.max(q)))
                    .or_default()
                    .push(centre);
            }
        }
    }
    Ok(between
        .into_values()
        .filter_map(|ends| match ends[..] {
            [a, b] => Some(Line { a, b, borders: 0 }),
            _ => None,
        })
        .collect())
}

/// The centre of the circle through three points; none when they lie on a line.
fn centre([a, b, c]: [Coord<f64>; 3]) -> Option<[f64; 2]> {
    let (bx, by, cx, cy) = (b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y);
    let d = 2.0 * (bx * cy - by * cx);
    let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy);
    let at = [a.x + (cy * b2 - by * c2) / d, a.y + (bx * c2 - cx * b2) / d];
    at.iter().all(|v| v.is_finite()).then_some(at)
}

/// The place that a face belongs to. Tiles are convex before the boundary cuts them, so the
/// mean of a face's corners lies in the same tile as the face.
fn owner(face: &Face, flat: &Flat, tree: &RTree<Spot>) -> Option<usize> {
    let ring = face.loops.first()?;
    let mut mean = [0.0, 0.0];
    for corner in ring {
        let [x, y] = flat.place(corner.degrees());
        mean = [mean[0] + x, mean[1] + y];
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of corners")]
    let count = ring.len() as f64;
    tree.nearest_neighbor(&[mean[0] / count, mean[1] / count])
        .map(|spot| spot.data)
}

/// Leaves each place the piece that it stands on (or its largest, when it stands on a
/// border) and gives the other pieces to neighbours, as long as they have any.
fn settle(
    map: &Subdivision,
    flat: &Flat,
    places: &[Grid],
    owners: &mut [Option<usize>],
) -> Result<(), TileError> {
    let mut pieces: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    for (face, owner) in owners.iter().enumerate() {
        if let Some(place) = owner {
            pieces[*place].push(face);
        }
    }
    let mut settled = vec![false; owners.len()];
    for (place, faces) in pieces.iter().enumerate() {
        let stands_on = |face: &&usize| stands_on(&map.faces[**face], places[place]);
        let own = match faces.len() {
            0 => return Err(TileError::NoGround(place)),
            1 => faces[0],
            _ => *faces
                .iter()
                .find(stands_on)
                .or_else(|| faces.iter().max_by_key(|f| map.faces[**f].doubled_area))
                .unwrap_or(&faces[0]),
        };
        settled[own] = true;
    }
    let mut loose: Vec<usize> = (0..owners.len())
        .filter(|f| owners[*f].is_some() && !settled[*f])
        .collect();
    let mut borders: HashMap<usize, Vec<(usize, f64)>> =
        loose.iter().map(|face| (*face, Vec::new())).collect();
    for (a, b, left, right) in &map.sides {
        for (face, other) in [(left, right), (right, left)] {
            if let Some(list) = borders.get_mut(face) {
                list.push((*other, flat.metres(*a, *b)));
            }
        }
    }
    loop {
        let before = loose.len();
        let mut moved = Vec::new();
        loose.retain(|face| {
            let mut shared: BTreeMap<usize, f64> = BTreeMap::new();
            for (other, length) in &borders[face] {
                if let Some(place) = owners[*other].filter(|_| settled[*other]) {
                    *shared.entry(place).or_default() += length;
                }
            }
            let best = shared.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((place, _)) = best {
                moved.push((*face, place));
            }
            best.is_none()
        });
        for (face, place) in moved {
            owners[face] = Some(place);
            settled[face] = true;
        }
        // What is left are islands: they stay with the place that is nearest.
        if loose.len() == before {
            return Ok(());
        }
    }
}

fn stands_on(face: &Face, place: Grid) -> bool {
    let around = face.loops.iter().flat_map(|ring| {
        (0..ring.len()).map(move |n| ray_step(ring[n], ring[(n + 1) % ring.len()], place))
    });
    around.sum::<i32>() > 0
}
