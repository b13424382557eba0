//! Small flaws of drawing, mended and told.
//!
//! Borders drawn cell by cell miss each other by centimetres, or one side has a point that
//! the other lacks. Nobody means that. Points closer than [`NEAR`] become one point, and a
//! point that close to a border becomes a point of it. Borders that meet already are not
//! touched. Anything larger is for people to decide, and the tiling check names it.

use super::{
    grid::Grid,
    planar::Line,
    shape::{Ring, Shape, ShapeError},
    split::partition::Sets,
    tiles::{Flat, Spot, tree},
    tiling::left_over,
};
use gridcrew_sync_protocol::position::{Metres, Wgs84, distance_m};
use rstar::{AABB, RTree};
use std::collections::{BTreeSet, HashMap};

/// How close points must be to be taken for one.
pub const NEAR: Metres = Metres(0.05);

/// What was mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairKind {
    /// A point that nearly repeated the one before it was dropped.
    RepeatDropped,
    /// A point was moved onto another, of a neighbour's border or the boundary.
    PointMoved,
    /// A border got a point that its neighbour has there.
    PointInserted,
}

/// One thing mended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repair {
    /// What was done.
    pub kind: RepairKind,
    /// Where.
    pub at: Wgs84,
    /// How far a point or border moved.
    pub moved: Metres,
}

/// Drops points that nearly repeat the one before, in a ring that is closed or not.
pub(super) fn without_repeats(ring: Ring, repairs: &mut Vec<Repair>) -> Ring {
    let mut kept: Ring = Vec::with_capacity(ring.len());
    let closed = ring.len() > 1 && ring.first() == ring.last();
    let count = if closed { ring.len() - 1 } else { ring.len() };
    let mut drop = |at: Wgs84, moved: Metres| {
        repairs.push(Repair {
            kind: RepairKind::RepeatDropped,
            at,
            moved,
        });
    };
    for point in ring.into_iter().take(count) {
        match kept.last().map(|last| distance_m(*last, point)) {
            Some(moved) if moved <= NEAR => drop(point, moved),
            _ => kept.push(point),
        }
    }
    while let [first, .., last] = kept[..]
        && distance_m(first, last) <= NEAR
    {
        drop(last, distance_m(first, last));
        kept.pop();
    }
    kept
}

/// A boundary and cells with small flaws between them mended.
pub(super) struct Mended {
    pub(super) boundary: Shape,
    pub(super) cells: Vec<Shape>,
    pub(super) repairs: Vec<Repair>,
}

/// Mends; an error says which cell (or the boundary, `None`) came out unsound.
pub(super) fn mend(
    boundary: Shape,
    cells: Vec<Shape>,
) -> Result<Mended, (Option<usize>, ShapeError)> {
    let mut mended = Mended {
        boundary,
        cells,
        repairs: Vec::new(),
    };
    let open = mended.open();
    if open.is_empty() {
        return Ok(mended);
    }
    let flat = Flat::around(&mended.boundary);
    let moves = mended.moves(&open, &flat);
    if !moves.is_empty() {
        mended.redraw(|ring| ring.iter().map(|p| *moves.get(p).unwrap_or(p)).collect())?;
    }
    // A point put into a border may lie near the next one: a few rounds settle it.
    for _ in 0..3 {
        let open = mended.open();
        let inserts = mended.inserts(&open, &flat);
        if inserts.is_empty() {
            break;
        }
        mended.redraw(|ring| with_inserts(ring, &inserts))?;
    }
    Ok(mended)
}

impl Mended {
    fn open(&self) -> Vec<Line> {
        left_over(&self.boundary, &self.cells.iter().collect::<Vec<_>>())
    }

    /// Where the ends of open border steps go: the boundary's point among those near, else
    /// the lowest.
    fn moves(&mut self, open: &[Line], flat: &Flat) -> HashMap<Grid, Grid> {
        let ends = ends(open);
        let fixed: BTreeSet<Grid> = self.boundary.steps().map(|(a, _)| a).collect();
        let (spots, tree) = spots(&ends, flat);
        let mut sets = Sets::new(ends.len());
        for (number, spot) in spots.iter().enumerate() {
            for other in near(&tree, *spot, *spot) {
                if flat.metres(ends[number], ends[other]) <= NEAR.0 {
                    sets.join(number, other);
                }
            }
        }
        let mut groups: HashMap<usize, Vec<Grid>> = HashMap::new();
        for (number, end) in ends.iter().enumerate() {
            groups.entry(sets.root(number)).or_default().push(*end);
        }
        let mut moves = HashMap::new();
        for group in groups.into_values().filter(|group| group.len() > 1) {
            let Some(target) = group
                .iter()
                .copied()
                .min_by_key(|p| (!fixed.contains(p), *p))
            else {
                continue;
            };
            moves.extend(
                group
                    .into_iter()
                    .filter(|p| *p != target)
                    .map(|p| (p, target)),
            );
        }
        let mut told: Vec<(&Grid, &Grid)> = moves.iter().collect();
        told.sort_unstable();
        for (from, to) in told {
            self.tell(RepairKind::PointMoved, *to, flat.metres(*from, *to));
        }
        moves
    }

    /// The points to put into open border steps, by lower and higher end.
    fn inserts(&mut self, open: &[Line], flat: &Flat) -> HashMap<(Grid, Grid), Vec<Grid>> {
        let ends = ends(open);
        let (_, tree) = spots(&ends, flat);
        let mut inserts: HashMap<(Grid, Grid), Vec<Grid>> = HashMap::new();
        for line in open {
            let [a, b] = [line.a, line.b].map(|p| flat.place(p.degrees()));
            let step = [b[0] - a[0], b[1] - a[1]];
            let length = step[0] * step[0] + step[1] * step[1];
            let mut found: Vec<(f64, Grid)> = near(&tree, a, b)
                .map(|number| ends[number])
                .filter(|p| *p != line.a && *p != line.b)
                .filter_map(|p| {
                    let at = flat.place(p.degrees());
                    let share = ((at[0] - a[0]) * step[0] + (at[1] - a[1]) * step[1]) / length;
                    let off =
                        (at[0] - a[0] - share * step[0]).hypot(at[1] - a[1] - share * step[1]);
                    ((0.0..1.0).contains(&share) && off <= NEAR.0).then(|| {
                        self.tell(RepairKind::PointInserted, p, off);
                        (share, p)
                    })
                })
                .collect();
            found.sort_by(|p, q| p.0.total_cmp(&q.0));
            if !found.is_empty() {
                let points = found.into_iter().map(|(_, p)| p).collect();
                inserts.insert((line.a, line.b), points);
            }
        }
        inserts
    }

    fn tell(&mut self, kind: RepairKind, at: Grid, moved: f64) {
        if let Ok(at) = at.point() {
            self.repairs.push(Repair {
                kind,
                at,
                moved: Metres(moved),
            });
        }
    }

    /// Draws every ring anew.
    fn redraw(
        &mut self,
        change: impl Fn(&[Grid]) -> Vec<Grid>,
    ) -> Result<(), (Option<usize>, ShapeError)> {
        let drawn = |shape: &Shape| {
            let ring = |ring: &Ring| -> Ring {
                let grid: Vec<Grid> = ring.iter().map(|p| Grid::of(*p)).collect();
                change(&grid)
                    .into_iter()
                    .filter_map(|p| p.point().ok())
                    .collect()
            };
            Shape::new(
                shape
                    .polygons()
                    .iter()
                    .map(|rings| rings.iter().map(ring).collect())
                    .collect(),
            )
        };
        self.boundary = drawn(&self.boundary).map_err(|error| (None, error))?;
        for (number, cell) in self.cells.iter_mut().enumerate() {
            *cell = drawn(cell).map_err(|error| (Some(number), error))?;
        }
        Ok(())
    }
}

fn ends(open: &[Line]) -> Vec<Grid> {
    let ends: BTreeSet<Grid> = open.iter().flat_map(|line| [line.a, line.b]).collect();
    ends.into_iter().collect()
}

fn spots(points: &[Grid], flat: &Flat) -> (Vec<[f64; 2]>, RTree<Spot>) {
    let spots: Vec<[f64; 2]> = points.iter().map(|p| flat.place(p.degrees())).collect();
    let tree = tree(&spots);
    (spots, tree)
}

/// The spots in the box between two corners, a little widened.
fn near(tree: &RTree<Spot>, a: [f64; 2], b: [f64; 2]) -> impl Iterator<Item = usize> {
    let by = NEAR.0;
    let low = [a[0].min(b[0]) - by, a[1].min(b[1]) - by];
    let high = [a[0].max(b[0]) + by, a[1].max(b[1]) + by];
    let found: Vec<usize> = tree
        .locate_in_envelope(&AABB::from_corners(low, high))
        .map(|spot| spot.data)
        .collect();
    found.into_iter()
}

/// A ring with points put into its steps, which are named by lower and higher end and whose
/// points go from the lower to the higher.
pub(super) fn with_inserts(ring: &[Grid], inserts: &HashMap<(Grid, Grid), Vec<Grid>>) -> Vec<Grid> {
    let mut drawn = Vec::with_capacity(ring.len() + 4);
    for pair in ring.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        drawn.push(a);
        if let Some(points) = inserts.get(&(a.min(b), a.max(b))) {
            if a < b {
                drawn.extend(points);
            } else {
                drawn.extend(points.iter().rev());
            }
        }
    }
    drawn.extend(ring.last());
    drawn
}
