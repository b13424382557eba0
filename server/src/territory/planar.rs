//! The plane cut up by a set of lines, exactly.
//!
//! Lines go in; [`Subdivision::of`] cuts them where they meet (rounding each meeting to the
//! grid and looking again until nothing meets but at ends) and walks the faces that they
//! enclose. Two faces on the sides of a line share its very points, so whatever is put
//! together from faces tiles by construction. Each line may carry a count of how often, and
//! which way, borders run along it; [`Face::cover`] then says how many borders go round a
//! face: splitting uses it to tell inside from outside, the tiling check to tell gaps (-1)
//! from overlaps (+1).

use super::grid::{Grid, by_angle, doubled_area, float, meetings, ray_step, tree_of, turn};
use rstar::AABB;
use std::collections::{BTreeMap, HashMap};

/// A line with its count: how many borders run from `a` to `b`, less those that run back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) a: Grid,
    pub(super) b: Grid,
    pub(super) borders: i32,
}

/// A face: its loops, each a closed walk with the face on its left.
#[derive(Clone, Debug, Default)]
pub(super) struct Face {
    /// Each without its first point at the end. The outer loop runs counter-clockwise.
    pub(super) loops: Vec<Vec<Grid>>,
    /// How many borders go round the face.
    pub(super) cover: i32,
    /// Twice its area in square grid steps; the unbounded face has less than nothing.
    pub(super) doubled_area: i128,
}

/// Lines and faces.
#[derive(Debug)]
pub(super) struct Subdivision {
    pub(super) faces: Vec<Face>,
    /// The faces left and right of each line.
    pub(super) sides: Vec<(Grid, Grid, usize, usize)>,
}

/// Cutting did not come to rest.
#[derive(Debug, thiserror::Error)]
#[error("the borders lie so close together that they cannot be told apart at 0.01 mm")]
pub(super) struct Unresolved;

impl Subdivision {
    pub(super) fn of(lines: Vec<Line>) -> Result<Self, Unresolved> {
        let lines = cut(lines)?;
        Ok(Walk::new(&lines).faces(&lines))
    }
}

/// One line for each pair of ends, counts added up, no line without length.
fn merged(lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let mut by_ends: BTreeMap<(Grid, Grid), i32> = BTreeMap::new();
    for line in lines {
        let (ends, borders) = if line.a < line.b {
            ((line.a, line.b), line.borders)
        } else {
            ((line.b, line.a), -line.borders)
        };
        if ends.0 != ends.1 {
            *by_ends.entry(ends).or_default() += borders;
        }
    }
    by_ends
        .into_iter()
        .map(|((a, b), borders)| Line { a, b, borders })
        .collect()
}

/// The same lines, meeting only at their ends.
fn cut(lines: Vec<Line>) -> Result<Vec<Line>, Unresolved> {
    let mut lines = merged(lines);
    for _ in 0..24 {
        let tree = tree_of(lines.iter().map(|line| (line.a, line.b)));
        let mut cuts: Vec<(usize, Grid)> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let window = AABB::from_corners(float(line.a), float(line.b));
            for other in tree.locate_in_envelope_intersecting(&window) {
                if other.number <= number {
                    continue;
                }
                for meeting in meetings(line.a, line.b, other.a, other.b)
                    .into_iter()
                    .flatten()
                {
                    let place = meeting.place();
                    cuts.push((number, place));
                    cuts.push((other.number, place));
                }
            }
        }
        cuts.retain(|(number, place)| *place != lines[*number].a && *place != lines[*number].b);
        if cuts.is_empty() {
            return Ok(lines);
        }
        let mut places: HashMap<usize, Vec<Grid>> = HashMap::new();
        for (number, place) in cuts {
            places.entry(number).or_default().push(place);
        }
        let pieces: Vec<Line> = lines
            .iter()
            .enumerate()
            .flat_map(|(number, line)| {
                let mut stops = places.remove(&number).unwrap_or_default();
                stops.sort_unstable_by_key(|p| {
                    i128::from(p.x - line.a.x) * i128::from(line.b.x - line.a.x)
                        + i128::from(p.y - line.a.y) * i128::from(line.b.y - line.a.y)
                });
                stops.push(line.b);
                let mut from = line.a;
                stops
                    .into_iter()
                    .map(|to| Line {
                        a: std::mem::replace(&mut from, to),
                        b: to,
                        ..*line
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        lines = merged(pieces);
    }
    Err(Unresolved)
}

/// Half-lines (line number twice, odd when walked from `b` to `a`) and how they follow.
struct Walk {
    next: Vec<usize>,
    from: Vec<Grid>,
}

impl Walk {
    fn new(lines: &[Line]) -> Self {
        let from: Vec<Grid> = lines.iter().flat_map(|line| [line.a, line.b]).collect();
        let mut leaving: HashMap<Grid, Vec<usize>> = HashMap::new();
        for (half, start) in from.iter().enumerate() {
            leaving.entry(*start).or_default().push(half);
        }
        let mut next = vec![0; from.len()];
        for (start, halves) in &mut leaving {
            halves.sort_by(|p, q| by_angle(*start, from[p ^ 1], from[q ^ 1]));
            for (place, half) in halves.iter().enumerate() {
                // Arriving along the twin of `half`, the face on the left goes on along the
                // next direction clockwise.
                let clockwise = halves[(place + halves.len() - 1) % halves.len()];
                next[half ^ 1] = clockwise;
            }
        }
        Self { next, from }
    }

    fn faces(&self, lines: &[Line]) -> Subdivision {
        let (loop_of, loops) = self.loops();
        let areas: Vec<i128> = loops.iter().map(|ring| closed_area(ring)).collect();
        // Loops that run clockwise belong to the face around them: the one on the near side
        // of the first line to the east, or the unbounded face, numbered 0.
        let tree = tree_of(lines.iter().map(|line| (line.a, line.b)));
        let mut around: Vec<Option<usize>> = vec![None; loops.len()];
        for (number, ring) in loops.iter().enumerate() {
            if areas[number] <= 0 {
                let far = ring.iter().copied().max().unwrap_or(Grid { x: 0, y: 0 });
                around[number] = first_to_the_east(&tree, far).map(|half| loop_of[half]);
            }
        }
        let mut faces = vec![Face::default()];
        let mut face_of: Vec<Option<usize>> = vec![None; loops.len()];
        for number in 0..loops.len() {
            if areas[number] > 0 {
                face_of[number] = Some(faces.len());
                faces.push(Face::default());
            }
        }
        for number in 0..loops.len() {
            // The way outwards goes strictly east, so it ends.
            let (mut at, mut seen) = (number, Vec::new());
            let face = loop {
                if let Some(face) = face_of[at] {
                    break face;
                }
                seen.push(at);
                match around[at] {
                    Some(outer) if seen.len() <= loops.len() => at = outer,
                    _ => break 0,
                }
            };
            for inner in seen {
                face_of[inner] = Some(face);
            }
        }
        let face_of: Vec<usize> = face_of.into_iter().map(Option::unwrap_or_default).collect();
        for (number, ring) in loops.into_iter().enumerate() {
            let face = &mut faces[face_of[number]];
            face.doubled_area += areas[number];
            if areas[number] > 0 {
                face.loops.insert(0, ring);
            } else {
                face.loops.push(ring);
            }
        }
        let side = |half: usize| face_of[loop_of[half]];
        let sides: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(n, line)| (line.a, line.b, side(2 * n), side(2 * n + 1)))
            .collect();
        count_cover(&mut faces, lines, &sides);
        Subdivision { faces, sides }
    }

    fn loops(&self) -> (Vec<usize>, Vec<Vec<Grid>>) {
        let mut loop_of = vec![usize::MAX; self.from.len()];
        let mut loops = Vec::new();
        for first in 0..self.from.len() {
            if loop_of[first] != usize::MAX {
                continue;
            }
            let (mut ring, mut half) = (Vec::new(), first);
            while loop_of[half] == usize::MAX {
                loop_of[half] = loops.len();
                ring.push(self.from[half]);
                half = self.next[half];
            }
            loops.push(ring);
        }
        (loop_of, loops)
    }
}

fn closed_area(ring: &[Grid]) -> i128 {
    // The triangle from the last point to the first has its tip there and adds nothing.
    doubled_area(ring)
}

/// The half-line whose left side one sees from just above `from`, looking east.
fn first_to_the_east(tree: &rstar::RTree<super::grid::Piece>, from: Grid) -> Option<usize> {
    let [x, y] = float(from);
    let ray = AABB::from_corners([x, y], [1e17, y]);
    let mut best: Option<((f64, f64), usize)> = None;
    for piece in tree.locate_in_envelope_intersecting(&ray) {
        let step = ray_step(piece.a, piece.b, from);
        if step == 0 {
            continue;
        }
        let ([ax, ay], [bx, by]) = (float(piece.a), float(piece.b));
        let slope = (bx - ax) / (by - ay);
        let at = (ax + (y - ay) * slope, slope);
        let nearer = best.is_none_or(|(so_far, _)| {
            if (at.0 - so_far.0).abs() < 1e-2 {
                at.1 < so_far.1
            } else {
                at.0 < so_far.0
            }
        });
        if nearer {
            // Upwards, the west is on the left of the walk from `a` to `b`.
            best = Some((
                at,
                if step > 0 {
                    2 * piece.number
                } else {
                    2 * piece.number + 1
                },
            ));
        }
    }
    best.map(|(_, half)| half)
}

/// Spreads the cover from the unbounded face, which has none, over the lines.
fn count_cover(faces: &mut [Face], lines: &[Line], sides: &[(Grid, Grid, usize, usize)]) {
    let mut over: Vec<Vec<(usize, i32)>> = vec![Vec::new(); faces.len()];
    for (line, (_, _, left, right)) in lines.iter().zip(sides) {
        over[*right].push((*left, line.borders));
        over[*left].push((*right, -line.borders));
    }
    let mut known = vec![false; faces.len()];
    let mut open = vec![0];
    known[0] = true;
    while let Some(face) = open.pop() {
        for (beyond, change) in std::mem::take(&mut over[face]) {
            if !known[beyond] {
                known[beyond] = true;
                faces[beyond].cover = faces[face].cover + change;
                open.push(beyond);
            }
        }
    }
}

/// Rings (first point repeated at the end) from directed steps with the inside on their
/// left: steps that run both ways cancel, and each ring passes a point only once.
pub(super) fn rings_of(steps: impl IntoIterator<Item = (Grid, Grid)>) -> Vec<Vec<Grid>> {
    let mut count: BTreeMap<(Grid, Grid), i32> = BTreeMap::new();
    for (a, b) in steps {
        if count.get(&(b, a)).is_some_and(|n| *n > 0) {
            count.entry((b, a)).and_modify(|n| *n -= 1);
        } else {
            *count.entry((a, b)).or_default() += 1;
        }
    }
    let mut leaving: HashMap<Grid, Vec<Grid>> = HashMap::new();
    let mut starts = Vec::new();
    for ((a, b), n) in count {
        for _ in 0..n {
            leaving.entry(a).or_default().push(b);
            starts.push(a);
        }
    }
    let mut rings = Vec::new();
    for start in starts {
        let mut path = vec![start];
        let mut place: HashMap<Grid, usize> = HashMap::from([(start, 0)]);
        while let Some(&at) = path.last() {
            let before = path.len().checked_sub(2).map(|i| path[i]);
            let Some(to) = leaving
                .get_mut(&at)
                .and_then(|ways| sharpest_left(ways, before, at))
            else {
                break;
            };
            if let Some(first) = place.get(&to).copied() {
                let mut ring: Vec<Grid> = path.drain(first + 1..).collect();
                for p in &ring {
                    place.remove(p);
                }
                ring.insert(0, to);
                ring.push(to);
                rings.push(ring);
            } else {
                place.insert(to, path.len());
                path.push(to);
            }
        }
    }
    rings
}

/// Takes the way that keeps the inside closest on the left.
fn sharpest_left(ways: &mut Vec<Grid>, before: Option<Grid>, at: Grid) -> Option<Grid> {
    if ways.len() < 2 {
        return ways.pop();
    }
    let before = before?;
    // Counter-clockwise order starting just after the way back; the sharpest left is last.
    let after_back = |p: Grid| by_angle(at, p, before).is_le();
    let best = (0..ways.len()).max_by(|i, j| {
        let (p, q) = (ways[*i], ways[*j]);
        after_back(p)
            .cmp(&after_back(q))
            .then_with(|| by_angle(at, p, q))
    })?;
    Some(ways.swap_remove(best))
}

/// A point strictly inside a ring that does not cross itself, in degrees: the middle of an
/// ear, or of the way from a corner to the point that blocks its ear. The rings of `holes`
/// lie in it.
pub(super) fn inside_of(ring: &[Grid], holes: &[Vec<Grid>]) -> Option<(f64, f64)> {
    let n = ring.len();
    let corner = (0..n).min_by_key(|i| ring[*i])?;
    let (v, a, b) = (
        ring[corner],
        ring[(corner + n - 1) % n],
        ring[(corner + 1) % n],
    );
    let blocking = ring
        .iter()
        .chain(holes.iter().flatten())
        .filter(|p| ![a, b, v].contains(p))
        .filter(|p| turn(a, v, **p) >= 0 && turn(v, b, **p) >= 0 && turn(b, a, **p) >= 0)
        .max_by_key(|p| turn(b, a, **p));
    let mean = |points: &[Grid]| {
        let (lon, lat) = points
            .iter()
            .map(|p| p.degrees())
            .fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
        #[expect(clippy::cast_precision_loss, reason = "two or three")]
        let count = points.len() as f64;
        (lon / count, lat / count)
    };
    Some(match blocking {
        Some(p) => mean(&[v, *p]),
        None => mean(&[v, a, b]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g(x: i64, y: i64) -> Grid {
        Grid { x, y }
    }

    fn ring(points: &[(i64, i64)], borders: i32) -> Vec<Line> {
        let at = |i: usize| g(points[i % points.len()].0, points[i % points.len()].1);
        (0..points.len())
            .map(|i| Line {
                a: at(i),
                b: at(i + 1),
                borders,
            })
            .collect()
    }

    #[test]
    fn crossing_squares_give_their_parts_with_cover_and_area() {
        let mut lines = ring(&[(0, 0), (10, 0), (10, 10), (0, 10)], 1);
        lines.extend(ring(&[(5, 5), (15, 5), (15, 15), (5, 15)], 1));
        let map = Subdivision::of(lines).unwrap();
        let mut parts: Vec<(i32, i128)> = map.faces[1..]
            .iter()
            .map(|f| (f.cover, f.doubled_area))
            .collect();
        parts.sort_unstable();
        assert_eq!(parts, [(1, 150), (1, 150), (2, 50)]);
    }

    #[test]
    fn a_hole_belongs_to_the_face_around_it() {
        let mut lines = ring(&[(0, 0), (20, 0), (20, 20), (0, 20)], 1);
        lines.extend(ring(&[(5, 5), (5, 15), (15, 15), (15, 5)], 1));
        lines.extend(ring(&[(8, 8), (12, 8), (12, 12), (8, 12)], 1));
        let map = Subdivision::of(lines).unwrap();
        let mut parts: Vec<(i32, i128, usize)> = map.faces[1..]
            .iter()
            .map(|f| (f.cover, f.doubled_area, f.loops.len()))
            .collect();
        parts.sort_unstable();
        assert_eq!(parts, [(0, 168, 2), (1, 32, 1), (1, 600, 2)]);
    }

    #[test]
    fn steps_become_rings_that_pass_each_point_once() {
        let walk = |points: &[(i64, i64)]| -> Vec<(Grid, Grid)> {
            ring(points, 1)
                .into_iter()
                .map(|line| (line.a, line.b))
                .collect()
        };
        // Two squares that share a side, and one that touches them at a corner only.
        let mut steps = walk(&[(0, 0), (10, 0), (10, 10), (0, 10)]);
        steps.extend(walk(&[(10, 0), (20, 0), (20, 10), (10, 10)]));
        steps.extend(walk(&[(20, 10), (30, 10), (30, 20), (20, 20)]));
        let rings = rings_of(steps);
        let mut areas: Vec<i128> = rings.iter().map(|r| doubled_area(r)).collect();
        areas.sort_unstable();
        assert_eq!(areas, [200, 400]);
        assert!(rings.iter().all(|r| r.first() == r.last()));
    }

    #[test]
    fn the_point_inside_is_inside() {
        let points = [(0, 0), (10, 0), (10, 10), (1, 1), (0, 10)].map(|(x, y)| g(x * 7, y * 7));
        let (lon, lat) = inside_of(&points, &[]).unwrap();
        let inside = Grid::near(lon, lat);
        let winding: i32 = (0..5)
            .map(|i| ray_step(points[i], points[(i + 1) % 5], inside))
            .sum();
        assert_eq!(winding, 1);
    }
}
