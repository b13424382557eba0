//! Whose is each face?
//!
//! A face in an outline belongs to the place that brought it; where outlines overlap, to the
//! first. Any other face belongs to the nearest place without an outline. What the boundary
//! or a barrier cuts off from its place, and what no outline covers, goes to the neighbour
//! with which it shares the longest border, not counting borders along a barrier, so that
//! tiles hang together.

use super::{
    Ground, TileError,
    flat::{Flat, Spot, tree},
    walls::Walls,
};
use crate::territory::{
    grid::{Grid, ray_step},
    planar::{Face, Subdivision, inside_of},
    shape::{SearchableShape, Shape, square_metres},
};
use gridcrew_sync_protocol::position::Wgs84;
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use std::collections::{BTreeMap, HashMap};

/// Who owns each face (locked grounds are numbered after the places), and how much ground
/// was in more than one outline or in none.
pub(super) struct Owners {
    pub(super) of_face: Vec<Option<usize>>,
    pub(super) contested_m2: f64,
    pub(super) unclaimed_m2: f64,
}

/// Outlines laid out for asking which hold a point.
struct Outlines {
    boxes: RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>,
    shapes: Vec<(usize, SearchableShape)>,
}

impl Outlines {
    fn of<'s>(shapes: impl Iterator<Item = (usize, &'s Shape)>) -> Self {
        let mut boxes = Vec::new();
        let mut laid_out = Vec::new();
        for (owner, shape) in shapes {
            let [west, south, east, north] = shape.bounds();
            let corners = Rectangle::from_corners([west, south], [east, north]);
            boxes.push(GeomWithData::new(corners, laid_out.len()));
            laid_out.push((owner, shape.searchable()));
        }
        Self {
            boxes: RTree::bulk_load(boxes),
            shapes: laid_out,
        }
    }

    /// The owners of the outlines around a point, lowest first.
    fn around(&self, at: (f64, f64)) -> Vec<usize> {
        let Ok(point) = Wgs84::new(at.0, at.1) else {
            return Vec::new();
        };
        let boxes = &self.boxes;
        let near = boxes.locate_in_envelope_intersecting(&AABB::from_point([at.0, at.1]));
        let mut owners: Vec<usize> = near
            .filter(|named| self.shapes[named.data].1.contains(point))
            .map(|named| self.shapes[named.data].0)
            .collect();
        owners.sort_unstable();
        owners
    }
}

/// The owners of all faces.
pub(super) fn owners(
    ground: &Ground<'_>,
    map: &Subdivision,
    flat: &Flat,
    walls: &Walls,
) -> Result<Owners, TileError> {
    let drawn = ground.places.iter().enumerate();
    let outlines = Outlines::of(drawn.filter_map(|(n, place)| Some((n, place.outline?))));
    let first_locked = ground.places.len();
    let locked = ground.locked.iter().enumerate();
    let locked = Outlines::of(locked.map(|(n, shape)| (first_locked + n, *shape)));
    let (points, numbers): (Vec<_>, Vec<_>) = ground
        .places
        .iter()
        .enumerate()
        .filter(|(_, place)| place.outline.is_none())
        .map(|(n, place)| (flat.place(place.at.degrees()), n))
        .unzip();
    let points = tree(&points);
    let [_, south, _, north] = ground.boundary.bounds();
    let lat = f64::midpoint(south, north);
    let mut found = Owners {
        of_face: Vec::with_capacity(map.faces.len()),
        contested_m2: 0.0,
        unclaimed_m2: 0.0,
    };
    for face in &map.faces {
        let inside = || {
            face.loops
                .split_first()
                .and_then(|(ring, holes)| inside_of(ring, holes))
        };
        let owner = match face.cover {
            1 if outlines.shapes.is_empty() => nearest(face, flat, &points).map(|n| numbers[n]),
            1 => {
                let around = inside().map(|at| outlines.around(at)).unwrap_or_default();
                if around.len() > 1 {
                    found.contested_m2 += square_metres(face.doubled_area, lat);
                }
                around.first().copied().or_else(|| {
                    if numbers.is_empty() {
                        found.unclaimed_m2 += square_metres(face.doubled_area, lat);
                    }
                    nearest(face, flat, &points).map(|n| numbers[n])
                })
            }
            0 if face.doubled_area > 0 && !locked.shapes.is_empty() => {
                // A point in a neck of the face, a hair wide, may be told to lie beside it.
                let points = inside().into_iter().chain(mean_corner(face));
                let mut around = points.flat_map(|at| locked.around(at));
                around.next()
            }
            _ => None,
        };
        found.of_face.push(owner);
    }
    settle(ground, map, flat, walls, &mut found.of_face)?;
    Ok(found)
}

/// The mean of a face's corners, in degrees.
fn mean_corner(face: &Face) -> Option<(f64, f64)> {
    let ring = face.loops.first()?;
    #[expect(clippy::cast_precision_loss, reason = "a count of corners")]
    let count = ring.len() as f64;
    let corners = ring.iter().map(|corner| corner.degrees());
    let (lon, lat) = corners.fold((0.0, 0.0), |sum, (lon, lat)| (sum.0 + lon, sum.1 + lat));
    (count > 0.0).then(|| (lon / count, lat / count))
}

/// The nearest place. Tiles are convex before anything cuts them, so the mean of a face's
/// corners lies in the same tile as the face.
fn nearest(face: &Face, flat: &Flat, tree: &RTree<Spot>) -> Option<usize> {
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
/// border), or all of its outline, and gives the other pieces to neighbours, as long as they
/// have any.
fn settle(
    ground: &Ground<'_>,
    map: &Subdivision,
    flat: &Flat,
    walls: &Walls,
    owners: &mut [Option<usize>],
) -> Result<(), TileError> {
    let places = ground.places;
    let mut pieces: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    let mut settled = vec![false; owners.len()];
    for (face, owner) in owners.iter().enumerate() {
        match owner {
            Some(place) if *place >= places.len() => settled[face] = true,
            Some(place) => pieces[*place].push(face),
            None => {}
        }
    }
    for (place, faces) in pieces.iter().enumerate() {
        if faces.is_empty() {
            return Err(TileError::NoGround(place));
        }
        if places[place].outline.is_some() {
            faces.iter().for_each(|face| settled[*face] = true);
            continue;
        }
        let stands_on = |face: &&usize| stands_on(&map.faces[**face], places[place].at);
        let own = *faces
            .iter()
            .find(stands_on)
            .or_else(|| faces.iter().max_by_key(|f| map.faces[**f].doubled_area))
            .unwrap_or(&faces[0]);
        settled[own] = true;
    }
    let mut loose: Vec<usize> = (0..owners.len())
        .filter(|face| map.faces[*face].cover == 1 && !settled[*face])
        .collect();
    let mut borders: HashMap<usize, Vec<(usize, f64, bool)>> =
        loose.iter().map(|face| (*face, Vec::new())).collect();
    for (a, b, left, right) in &map.sides {
        for (face, other) in [(left, right), (right, left)] {
            if let Some(list) = borders.get_mut(face) {
                let walled = walls.along(*a, *b, flat).is_some();
                list.push((*other, flat.metres(*a, *b), walled));
            }
        }
    }
    // Along barriers only when there is no other way.
    for over_walls in [false, true] {
        loop {
            let before = loose.len();
            let mut moved = Vec::new();
            loose.retain(|face| {
                let mut shared: BTreeMap<usize, f64> = BTreeMap::new();
                for (other, length, walled) in &borders[face] {
                    let place = owners[*other].filter(|place| *place < places.len());
                    if let Some(place) = place
                        && settled[*other]
                        && (over_walls || !walled)
                    {
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
            if loose.len() == before {
                break;
            }
        }
    }
    // What is left are islands: they stay with the place that is nearest.
    if loose.iter().any(|face| owners[*face].is_none()) {
        let all: Vec<[f64; 2]> = places.iter().map(|p| flat.place(p.at.degrees())).collect();
        let all = tree(&all);
        for face in loose {
            if owners[face].is_none() {
                owners[face] = nearest(&map.faces[face], flat, &all);
            }
        }
    }
    Ok(())
}

fn stands_on(face: &Face, place: Grid) -> bool {
    let around = face.loops.iter().flat_map(|ring| {
        (0..ring.len()).map(move |n| ray_step(ring[n], ring[(n + 1) % ring.len()], place))
    });
    around.sum::<i32>() > 0
}
