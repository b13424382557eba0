//! Do the cells tile the territory (I12)?
//!
//! Each cell is sound, so walking all borders with the inside on the left, and the boundary
//! the other way round, every step must meet its opposite: then each point of the ground is
//! in exactly one cell and nothing beyond the boundary is in any, and neighbours share the
//! points of their border. That is one pass over the borders. Only when steps are left over
//! are they cut into faces, and each face told by how many cells too many (overlap, or
//! beyond the boundary) or too few (gap) cover it.

use super::{
    grid::Grid,
    planar::{Face, Line, Subdivision, inside_of},
    shape::{SearchableShape, Shape, square_metres},
};
use gridcrew_sync_protocol::position::Wgs84;
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use std::collections::{BTreeSet, HashMap};

/// How many problems a report names.
pub const REPORTED: usize = 100;

/// Faces smaller than this, in square metres, are borders that do not quite meet rather
/// than ground.
pub const SLIVER_M2: f64 = 0.01;

/// One thing wrong. Cells are places in the list given.
#[derive(Clone, Debug, PartialEq)]
pub enum TilingProblem {
    /// Ground of the territory that is in no cell.
    Gap {
        /// A point in it.
        at: Wgs84,
        /// How large it is, in square metres.
        area_m2: f64,
        /// Some cells beside it.
        beside: Vec<usize>,
    },
    /// Ground that is in more than one cell.
    Overlap {
        /// A point in it.
        at: Wgs84,
        /// How large it is, in square metres.
        area_m2: f64,
        /// The cells.
        cells: Vec<usize>,
    },
    /// Ground of a cell that is not in the territory.
    Outside {
        /// A point in it.
        at: Wgs84,
        /// How large it is, in square metres.
        area_m2: f64,
        /// The cells.
        cells: Vec<usize>,
    },
    /// Borders that meet, or nearly, without sharing their points.
    NotShared {
        /// Where.
        at: Wgs84,
        /// Some cells beside it.
        beside: Vec<usize>,
    },
}

/// What the check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiling {
    /// What is wrong, the largest ground first, at most [`REPORTED`]; empty when the cells
    /// tile the territory.
    pub problems: Vec<TilingProblem>,
    /// How many there are.
    pub found: usize,
    /// The area of all cells together, in square metres.
    pub cells_m2: f64,
    /// The area of the territory, in square metres.
    pub boundary_m2: f64,
    /// The difference of the two as a share of the territory's, computed without rounding.
    pub difference: f64,
}

impl Tiling {
    /// Whether the cells tile the territory.
    #[must_use]
    pub fn tiles(&self) -> bool {
        self.found == 0
    }
}

/// Checks cells against their territory.
#[must_use]
pub fn check(boundary: &Shape, cells: &[&Shape]) -> Tiling {
    let [_, south, _, north] = boundary.bounds();
    let lat = f64::midpoint(south, north);
    let whole = boundary.doubled_area();
    let parts: i128 = cells.iter().map(|cell| cell.doubled_area()).sum();
    let left_over = left_over(boundary, cells);
    let (problems, found) = if left_over.is_empty() {
        (Vec::new(), 0)
    } else {
        Faces {
            boundary,
            cells,
            lat,
            left_over,
        }
        .problems()
    };
    Tiling {
        problems,
        found,
        cells_m2: square_metres(parts, lat),
        boundary_m2: square_metres(whole, lat),
        #[expect(clippy::cast_precision_loss, reason = "relative error 1e-16")]
        difference: (parts - whole) as f64 / whole as f64,
    }
}

/// Steps of borders that did not meet their opposite, by lower and higher end.
pub(super) fn left_over(boundary: &Shape, cells: &[&Shape]) -> Vec<Line> {
    let mut count: HashMap<(Grid, Grid), i32> = HashMap::new();
    let mut add = |a: Grid, b: Grid, sign: i32| {
        let (ends, sign) = if a < b {
            ((a, b), sign)
        } else {
            ((b, a), -sign)
        };
        *count.entry(ends).or_default() += sign;
    };
    for (a, b) in cells.iter().flat_map(|cell| cell.steps()) {
        add(a, b, 1);
    }
    for (a, b) in boundary.steps() {
        add(a, b, -1);
    }
    let open = count.into_iter().filter(|(_, borders)| *borders != 0);
    let mut lines: Vec<Line> = open
        .map(|((a, b), borders)| Line { a, b, borders })
        .collect();
    lines.sort_unstable_by_key(|line| (line.a, line.b));
    lines
}

struct Faces<'a> {
    boundary: &'a Shape,
    cells: &'a [&'a Shape],
    lat: f64,
    left_over: Vec<Line>,
}

impl Faces<'_> {
    fn problems(&self) -> (Vec<TilingProblem>, usize) {
        let beside = self.beside();
        let at_ends = |line: &Line| -> Vec<usize> {
            [line.a, line.b]
                .iter()
                .filter_map(|p| beside.get(p))
                .flatten()
                .copied()
                .collect()
        };
        let not_shared = |line: &Line| TilingProblem::NotShared {
            at: point(line.a.degrees(), self.boundary),
            beside: few(at_ends(line)),
        };
        let Ok(map) = Subdivision::of(self.left_over.clone()) else {
            return (self.left_over.iter().take(1).map(not_shared).collect(), 1);
        };
        let mut wrong: Vec<(&Face, f64)> = map
            .faces
            .iter()
            .filter(|face| face.cover != 0)
            .map(|face| (face, square_metres(face.doubled_area, self.lat)))
            .collect();
        wrong.sort_by(|a, b| b.1.total_cmp(&a.1));
        let ground = wrong
            .iter()
            .take_while(|(_, area)| *area >= SLIVER_M2)
            .count();
        if ground == 0 {
            // No ground is wrong, or only slivers: the borders miss each other's points.
            let lines = self.left_over.iter();
            return (
                lines.take(REPORTED).map(not_shared).collect(),
                self.left_over.len(),
            );
        }
        let boxes = self.boxes();
        let border = self.boundary.searchable();
        let problems = wrong[..ground.min(REPORTED)]
            .iter()
            .map(|(face, area)| self.name(face, *area, &beside, &boxes, &border))
            .collect();
        (problems, ground)
    }

    fn name(
        &self,
        face: &Face,
        area_m2: f64,
        beside: &HashMap<Grid, Vec<usize>>,
        boxes: &RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>,
        border: &SearchableShape,
    ) -> TilingProblem {
        let outer = face.loops.first().map(Vec::as_slice).unwrap_or_default();
        let holes = face.loops.get(1..).unwrap_or_default();
        let inside = inside_of(outer, holes).unwrap_or_default();
        let at = point(inside, self.boundary);
        if face.cover < 0 {
            let around = outer
                .iter()
                .filter_map(|p| beside.get(p))
                .flatten()
                .copied();
            return TilingProblem::Gap {
                at,
                area_m2,
                beside: few(around.collect()),
            };
        }
        let spot = AABB::from_point([at.lon(), at.lat()]);
        let mut cells: Vec<usize> = boxes
            .locate_in_envelope_intersecting(&spot)
            .map(|named| named.data)
            .filter(|cell| self.cells[*cell].contains(at))
            .collect();
        cells.sort_unstable();
        if border.contains(at) {
            TilingProblem::Overlap { at, area_m2, cells }
        } else {
            TilingProblem::Outside { at, area_m2, cells }
        }
    }

    /// Which cells have a point that is an end of a step left over.
    fn beside(&self) -> HashMap<Grid, Vec<usize>> {
        let mut beside: HashMap<Grid, Vec<usize>> = self
            .left_over
            .iter()
            .flat_map(|line| [line.a, line.b])
            .map(|p| (p, vec![]))
            .collect();
        for (number, cell) in self.cells.iter().enumerate() {
            for (a, _) in cell.steps() {
                if let Some(list) = beside.get_mut(&a) {
                    list.push(number);
                }
            }
        }
        beside
    }

    fn boxes(&self) -> RTree<GeomWithData<Rectangle<[f64; 2]>, usize>> {
        let boxes = self.cells.iter().enumerate().map(|(number, cell)| {
            let [west, south, east, north] = cell.bounds();
            let corners = Rectangle::from_corners([west, south], [east, north]);
            GeomWithData::new(corners, number)
        });
        RTree::bulk_load(boxes.collect())
    }
}

fn few(cells: Vec<usize>) -> Vec<usize> {
    cells
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .take(4)
        .collect()
}

/// A point in degrees; one of the boundary's if it should lie off the globe.
fn point((lon, lat): (f64, f64), boundary: &Shape) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap_or(boundary.polygons()[0][0][0])
}

#[cfg(test)]
#[path = "tiling_tests.rs"]
mod tests;
