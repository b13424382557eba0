//! The cells around something that was drawn, cut up by it.
//!
//! Each cell's border carries its own number, what was drawn a number above all of them. How
//! the borders go round a face then says exactly which cell has it and whether it was drawn,
//! with no point ever asked where it lies.

use super::EditError;
use crate::territory::{
    content::{CellContent, Content},
    grid::{Grid, float, meetings, ray_step, tree_of},
    planar::{Face, Line, Subdivision, inside_of, rings_of},
    shape::{Shape, square_metres},
    split::drawn::drop_idle_cuts,
    tiles::Flat,
};
use gridcrew_sync_protocol::position::Wgs84;
use rstar::AABB;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Degrees around what was drawn within which a cell is looked at: far more than cutting moves
/// any point.
const MARGIN: f64 = 1e-6;

/// Cells cut up. Faces and cells are numbered; cells as in the territory.
pub(super) struct Plane {
    map: Subdivision,
    /// Which cell has each face; of cells that were taken together the first.
    pub(super) cell: Vec<Option<usize>>,
    /// Whether each face is in what was drawn.
    pub(super) drawn: Vec<bool>,
    /// The points that were there or drawn, not cut.
    given: HashSet<Grid>,
    /// The cells that take part.
    pub(super) part: Vec<usize>,
    /// What lies beside each face: the other face and the metres of their common border.
    beside: Vec<Vec<(usize, f64)>>,
    lat: f64,
}

impl Plane {
    /// Cuts the cells that an outline may touch; with `of`, which gets it, and all around that.
    pub(super) fn by_outline(
        content: &Content,
        outline: &Shape,
        of: Option<usize>,
    ) -> Result<Self, EditError> {
        let mut part = touched(content, outline.bounds());
        if part.is_empty() {
            return Err(outside(content, outline.rings().flatten()));
        }
        if let Some(cell) = of.and_then(|cell| content.cells.get(cell)) {
            part.extend(touched(content, cell.outline.bounds()));
            part.sort_unstable();
            part.dedup();
        }
        let top = number(content.cells.len())?;
        let mut lines = borders(content, &part, |cell| cell)?;
        lines.extend(outline.steps().map(|(a, b)| Line { a, b, borders: top }));
        Self::cut(content, part, lines)
    }

    /// Cuts the cells that a line may touch; `together`, if any, as if they were one.
    pub(super) fn by_line(
        content: &Content,
        line: &[Wgs84],
        together: [usize; 2],
    ) -> Result<Self, EditError> {
        let points: Vec<Grid> = line.iter().map(|at| Grid::of(*at)).collect();
        if points.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(EditError::ShortLine);
        }
        if crosses_itself(&points) {
            return Err(EditError::LineCrossesItself);
        }
        let mut part = touched(content, bounds(line));
        if part.is_empty() {
            return Err(outside(content, line.iter()));
        }
        part.extend(together);
        part.sort_unstable();
        part.dedup();
        let [first, second] = together;
        let as_one = |cell| if cell == second { first } else { cell };
        let mut lines = borders(content, &part, as_one)?;
        let pieces = points.windows(2).map(|pair| Line {
            a: pair[0],
            b: pair[1],
            borders: 0,
        });
        lines.extend(pieces.filter(|line| line.a != line.b));
        Self::cut(content, part, lines)
    }

    fn cut(content: &Content, part: Vec<usize>, lines: Vec<Line>) -> Result<Self, EditError> {
        let given = lines.iter().flat_map(|line| [line.a, line.b]).collect();
        let top = number(content.cells.len())?;
        let map = Subdivision::of(lines)?;
        let cell_of = |face: &Face| usize::try_from(face.cover.rem_euclid(top) - 1).ok();
        let [_, south, _, north] = content.boundary.bounds();
        let flat = Flat::around(&content.boundary);
        let mut beside = vec![Vec::new(); map.faces.len()];
        for (a, b, left, right) in &map.sides {
            let length = flat.metres(*a, *b);
            beside[*left].push((*right, length));
            beside[*right].push((*left, length));
        }
        Ok(Self {
            cell: map.faces.iter().map(cell_of).collect(),
            drawn: map.faces.iter().map(|face| face.cover >= top).collect(),
            map,
            given,
            part,
            beside,
            lat: f64::midpoint(south, north),
        })
    }

    /// What lies beside a face, with the metres of each piece of common border.
    pub(super) fn beside(&self, face: usize) -> &[(usize, f64)] {
        &self.beside[face]
    }

    /// Faces that hang together, of those that `belongs` says the same of; those of which it
    /// says nothing are in none.
    pub(super) fn together<T: PartialEq>(
        &self,
        belongs: impl Fn(usize) -> Option<T>,
    ) -> Vec<BTreeSet<usize>> {
        let mut seen = vec![false; self.beside.len()];
        let mut found = Vec::new();
        for first in 0..self.beside.len() {
            let Some(of) = belongs(first).filter(|_| !seen[first]) else {
                continue;
            };
            let mut piece = BTreeSet::new();
            let mut open = vec![first];
            seen[first] = true;
            while let Some(face) = open.pop() {
                piece.insert(face);
                for (other, _) in &self.beside[face] {
                    if !seen[*other] && belongs(*other).as_ref() == Some(&of) {
                        seen[*other] = true;
                        open.push(*other);
                    }
                }
            }
            found.push(piece);
        }
        found
    }

    /// Twice the area of a face in square grid steps.
    pub(super) fn doubled_area(&self, face: usize) -> i128 {
        self.map.faces[face].doubled_area
    }

    /// The area of faces in square metres.
    pub(super) fn area_m2(&self, faces: impl IntoIterator<Item = usize>) -> f64 {
        let doubled = faces.into_iter().map(|face| self.doubled_area(face)).sum();
        square_metres(doubled, self.lat)
    }

    /// The face that each point lies on; none outside all cells that take part.
    pub(super) fn faces_of(&self, points: &[Grid]) -> Vec<Option<usize>> {
        let mut found = vec![None; points.len()];
        for (number, face) in self.map.faces.iter().enumerate().skip(1) {
            let ends = |of: fn(&Grid) -> i64| {
                let of = face.loops.iter().flatten().map(of);
                of.fold((i64::MAX, i64::MIN), |(low, high), v| {
                    (low.min(v), high.max(v))
                })
            };
            let ((west, east), (south, north)) = (ends(|p| p.x), ends(|p| p.y));
            for (point, found) in points.iter().zip(&mut found) {
                let near = (west..=east).contains(&point.x) && (south..=north).contains(&point.y);
                if near && found.is_none() && holds(face, *point) {
                    *found = Some(number);
                }
            }
        }
        found
    }

    /// Whether a face lies in an outline that no line of this plane crosses it with.
    pub(super) fn lies_in(&self, face: usize, outline: &Shape) -> bool {
        let loops = &self.map.faces[face].loops;
        let inside = loops
            .split_first()
            .and_then(|(ring, holes)| inside_of(ring, holes));
        inside
            .and_then(|(lon, lat)| Wgs84::new(lon, lat).ok())
            .is_some_and(|at| outline.contains(at))
    }

    /// Draws the cells that take part again, each face being its cell's now; then all that
    /// there are are drawn. `owner` may name cells beyond those of before: new ones.
    pub(super) fn draw(
        self,
        content: &mut Content,
        owner: &[Option<usize>],
        mut new: Vec<CellContent>,
    ) -> Result<(), EditError> {
        let before = content.cells.len();
        let mut numbers = self.part;
        numbers.extend(before..before + new.len());
        let place: HashMap<usize, usize> = numbers
            .iter()
            .enumerate()
            .map(|(n, cell)| (*cell, n))
            .collect();
        let mut steps: Vec<Vec<(Grid, Grid)>> = vec![Vec::new(); numbers.len()];
        for (a, b, left, right) in &self.map.sides {
            let [left, right] = [left, right].map(|face| owner[*face]);
            if left == right {
                continue;
            }
            if let Some(place) = left.and_then(|cell| place.get(&cell)) {
                steps[*place].push((*a, *b));
            }
            if let Some(place) = right.and_then(|cell| place.get(&cell)) {
                steps[*place].push((*b, *a));
            }
        }
        let mut rings: Vec<Vec<Vec<Grid>>> = steps.into_iter().map(rings_of).collect();
        drop_idle_cuts(&mut rings, &self.given);
        content.cells.append(&mut new);
        for (cell, rings) in numbers.into_iter().zip(rings) {
            let drawn = &mut content.cells[cell];
            if rings.is_empty() {
                return Err(EditError::LosesGround {
                    cell: drawn.code.clone(),
                });
            }
            drawn.outline = Shape::of_grid(rings)?;
        }
        around(content)
    }
}

/// The boundary as the cells have it now: the same ground, with the points at which they meet
/// it.
pub(in crate::territory) fn around(content: &mut Content) -> Result<(), EditError> {
    let steps = content.cells.iter().flat_map(|cell| cell.outline.steps());
    content.boundary = Shape::of_grid(rings_of(steps))?;
    Ok(())
}

/// The borders of cells, each with the number of its cell; a border within what is taken for
/// one cell is none.
fn borders(
    content: &Content,
    part: &[usize],
    as_one: impl Fn(usize) -> usize,
) -> Result<Vec<Line>, EditError> {
    let mut net: HashMap<(Grid, Grid), i32> = HashMap::new();
    for cell in part {
        let borders = number(as_one(*cell))?;
        for (a, b) in content.cells[*cell].outline.steps() {
            let (ends, borders) = if a < b {
                ((a, b), borders)
            } else {
                ((b, a), -borders)
            };
            *net.entry(ends).or_default() += borders;
        }
    }
    let mut lines: Vec<Line> = net
        .into_iter()
        .filter(|(_, borders)| *borders != 0)
        .map(|((a, b), borders)| Line { a, b, borders })
        .collect();
    lines.sort_unstable_by_key(|line| (line.a, line.b));
    Ok(lines)
}

/// The number that a cell's border carries: from 1.
fn number(cell: usize) -> Result<i32, EditError> {
    i32::try_from(cell + 1).map_err(|_| EditError::Unresolved)
}

fn touched(content: &Content, [west, south, east, north]: [f64; 4]) -> Vec<usize> {
    let meets = |outline: &Shape| {
        let [w, s, e, n] = outline.bounds();
        w <= east + MARGIN && e >= west - MARGIN && s <= north + MARGIN && n >= south - MARGIN
    };
    let cells = content.cells.iter().enumerate();
    cells
        .filter(|(_, cell)| meets(&cell.outline))
        .map(|(number, _)| number)
        .collect()
}

fn bounds(line: &[Wgs84]) -> [f64; 4] {
    line.iter().fold(
        [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ],
        |b, p| {
            [
                b[0].min(p.lon()),
                b[1].min(p.lat()),
                b[2].max(p.lon()),
                b[3].max(p.lat()),
            ]
        },
    )
}

/// Whether a line meets itself anywhere but where one piece follows another.
fn crosses_itself(points: &[Grid]) -> bool {
    let mut seen = HashSet::new();
    let mut points: Vec<Grid> = points.to_vec();
    points.dedup();
    if points.iter().any(|point| !seen.insert(*point)) {
        return true;
    }
    let pieces: Vec<(Grid, Grid)> = points.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let tree = tree_of(pieces.iter().copied());
    pieces.iter().enumerate().any(|(number, (a, b))| {
        let window = AABB::from_corners(float(*a), float(*b));
        tree.locate_in_envelope_intersecting(&window)
            .filter(|other| other.number > number)
            .any(|other| meetings(*a, *b, other.a, other.b)[0].is_some())
    })
}

/// That nothing lies in the territory; whether it would with longitude and latitude swapped.
pub(super) fn outside<'p>(
    content: &Content,
    points: impl IntoIterator<Item = &'p Wgs84>,
) -> EditError {
    let [west, south, east, north] = content.boundary.bounds();
    let swapped = points.into_iter().all(|point| {
        (west..=east).contains(&point.lat()) && (south..=north).contains(&point.lon())
    });
    EditError::Outside { swapped }
}

fn holds(face: &Face, point: Grid) -> bool {
    let steps = face.loops.iter().flat_map(|ring| {
        let ends = (0..ring.len()).map(move |n| (ring[n], ring[(n + 1) % ring.len()]));
        ends.map(move |(a, b)| ray_step(a, b, point))
    });
    steps.sum::<i32>() > 0
}
