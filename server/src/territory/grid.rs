//! Exact plane geometry on a fine grid.
//!
//! Whether two borders meet is a yes-or-no question, and floating point answers it with
//! "nearly". So everything that builds or checks borders works on whole steps of
//! 1e-10 degree (0.01 mm): products fit an `i128`, and every test below is exact. A grid point and
//! the degrees nearest to it stand for each other without loss.

use gridcrew_sync_protocol::position::{PositionError, Wgs84};
use rstar::{AABB, RTree, RTreeObject};
use std::cmp::Ordering;

/// Grid steps in one degree.
pub(super) const PER_DEGREE: f64 = 1e10;

/// A point of the grid, in steps of 1e-10 degree east and north.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Grid {
    pub(super) x: i64,
    pub(super) y: i64,
}

impl Grid {
    #[expect(clippy::cast_possible_truncation, reason = "at most 180e10")]
    pub(super) fn of(point: Wgs84) -> Self {
        Self {
            x: (point.lon() * PER_DEGREE).round() as i64,
            y: (point.lat() * PER_DEGREE).round() as i64,
        }
    }

    /// The grid point nearest to a place in degrees, which may lie off the globe.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    pub(super) fn near(lon: f64, lat: f64) -> Self {
        Self {
            x: (lon * PER_DEGREE).round() as i64,
            y: (lat * PER_DEGREE).round() as i64,
        }
    }

    /// The point in degrees; refused only off the globe.
    pub(super) fn point(self) -> Result<Wgs84, PositionError> {
        let (lon, lat) = self.degrees();
        Wgs84::new(lon, lat)
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    pub(super) fn degrees(self) -> (f64, f64) {
        (self.x as f64 / PER_DEGREE, self.y as f64 / PER_DEGREE)
    }
}

/// A point moved to the grid: the form in which the territory keeps all its points.
pub(super) fn snapped(point: Wgs84) -> Wgs84 {
    // The rounding cannot leave the globe: its edge is on the grid.
    Grid::of(point).point().unwrap_or(point)
}

/// Twice the signed area of the triangle: positive when `c` lies left of `a` to `b`.
pub(super) fn turn(a: Grid, b: Grid, c: Grid) -> i128 {
    let (abx, aby) = (i128::from(b.x - a.x), i128::from(b.y - a.y));
    let (acx, acy) = (i128::from(c.x - a.x), i128::from(c.y - a.y));
    abx * acy - aby * acx
}

/// Whether `p`, known to lie on the line through `a` and `b`, lies strictly between them.
fn strictly_between(a: Grid, b: Grid, p: Grid) -> bool {
    p != a
        && p != b
        && (a.x.min(b.x)..=a.x.max(b.x)).contains(&p.x)
        && (a.y.min(b.y)..=a.y.max(b.y)).contains(&p.y)
}

/// Twice the signed area of a ring (first point not repeated or repeated alike).
pub(super) fn doubled_area(ring: &[Grid]) -> i128 {
    let Some(&origin) = ring.first() else {
        return 0;
    };
    ring.windows(2)
        .map(|pair| turn(origin, pair[0], pair[1]))
        .sum()
}

/// Where two pieces meet apart from common ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meeting {
    /// They cross; the place is rounded to the grid.
    Cross(Grid),
    /// An end of one lies inside the other.
    Touch(Grid),
}

impl Meeting {
    pub(super) fn place(self) -> Grid {
        match self {
            Self::Cross(place) | Self::Touch(place) => place,
        }
    }
}

/// Where the pieces `a`-`b` and `c`-`d` meet apart from common ends: nothing, one crossing,
/// or up to two touches.
pub(super) fn meetings(a: Grid, b: Grid, c: Grid, d: Grid) -> [Option<Meeting>; 2] {
    let (tc, td) = (turn(a, b, c), turn(a, b, d));
    if (tc > 0 && td > 0) || (tc < 0 && td < 0) {
        return [None, None];
    }
    let (ta, tb) = (turn(c, d, a), turn(c, d, b));
    if (ta > 0 && tb > 0) || (ta < 0 && tb < 0) {
        return [None, None];
    }
    let mut found = [None, None];
    let mut count = 0;
    for (turned, end, from, to) in [(tc, c, a, b), (td, d, a, b), (ta, a, c, d), (tb, b, c, d)] {
        if turned == 0 && strictly_between(from, to, end) && count < 2 {
            found[count] = Some(Meeting::Touch(end));
            count += 1;
        }
    }
    if tc.signum() * td.signum() < 0 && ta.signum() * tb.signum() < 0 {
        found[0] = Some(Meeting::Cross(crossing(a, b, ta, tb)));
    }
    found
}

/// The place on `a`-`b` that divides it as the two turns do.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the share is between 0 and 1, and the steps are below 2^53"
)]
fn crossing(a: Grid, b: Grid, ta: i128, tb: i128) -> Grid {
    let share = ta as f64 / (ta - tb) as f64;
    Grid {
        x: a.x + ((b.x - a.x) as f64 * share).round() as i64,
        y: a.y + ((b.y - a.y) as f64 * share).round() as i64,
    }
}

/// Whether the step `a` to `b` crosses the ray from `from` towards the east, a hair above
/// its height: +1 upwards, -1 downwards, 0 not.
pub(super) fn ray_step(a: Grid, b: Grid, from: Grid) -> i32 {
    match (a.y <= from.y, b.y <= from.y) {
        (true, false) if turn(a, b, from) > 0 => 1,
        (false, true) if turn(a, b, from) < 0 => -1,
        _ => 0,
    }
}

/// How directions from one point follow each other, counter-clockwise from the east.
pub(super) fn by_angle(from: Grid, a: Grid, b: Grid) -> Ordering {
    let lower = |p: Grid| p.y < from.y || (p.y == from.y && p.x < from.x);
    lower(a)
        .cmp(&lower(b))
        .then_with(|| 0.cmp(&turn(from, a, b)))
}

/// One piece in a search tree, with a number that says which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) a: Grid,
    pub(super) b: Grid,
    pub(super) number: usize,
}

impl RTreeObject for Piece {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(float(self.a), float(self.b))
    }
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub(super) fn float(p: Grid) -> [f64; 2] {
    [p.x as f64, p.y as f64]
}

/// A search tree over pieces, numbered as they come.
pub(super) fn tree_of(pieces: impl IntoIterator<Item = (Grid, Grid)>) -> RTree<Piece> {
    RTree::bulk_load(
        pieces
            .into_iter()
            .enumerate()
            .map(|(number, (a, b))| Piece { a, b, number })
            .collect(),
    )
}

/// How often the pieces of a tree, taken as directed steps, go round a point.
pub(super) fn winding(tree: &RTree<Piece>, at: Grid) -> i32 {
    let [x, y] = float(at);
    let ray = AABB::from_corners([x, y], [1e17, y]);
    tree.locate_in_envelope_intersecting(&ray)
        .map(|piece| ray_step(piece.a, piece.b, at))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g(x: i64, y: i64) -> Grid {
        Grid { x, y }
    }

    #[test]
    fn degrees_and_grid_stand_for_each_other() {
        for x in [121_123_456_789i64, -180_000_000_000, 1, 0, 73_999_999_999] {
            let there = g(x, x / 3);
            assert_eq!(Grid::of(there.point().unwrap()), there);
        }
    }

    #[test]
    fn pieces_cross_touch_or_stay_apart() {
        let at = |a, b, c, d| meetings(a, b, c, d);
        assert_eq!(
            at(g(0, 0), g(4, 4), g(0, 4), g(4, 0))[0],
            Some(Meeting::Cross(g(2, 2)))
        );
        assert_eq!(
            at(g(0, 0), g(4, 0), g(2, 0), g(2, 5))[0],
            Some(Meeting::Touch(g(2, 0)))
        );
        assert_eq!(at(g(0, 0), g(4, 0), g(4, 0), g(4, 5)), [None, None]);
        assert_eq!(at(g(0, 0), g(4, 0), g(0, 1), g(4, 1)), [None, None]);
        let along = at(g(0, 0), g(6, 0), g(2, 0), g(4, 0));
        assert_eq!(
            along,
            [Some(Meeting::Touch(g(2, 0))), Some(Meeting::Touch(g(4, 0)))]
        );
        assert_eq!(at(g(0, 0), g(4, 0), g(0, 0), g(4, 0)), [None, None]);
    }

    #[test]
    fn angles_go_round_counter_clockwise_from_the_east() {
        let round = [
            g(5, 0),
            g(5, 5),
            g(0, 5),
            g(-5, 1),
            g(-5, 0),
            g(-5, -1),
            g(0, -5),
            g(5, -1),
        ];
        assert!(
            round
                .windows(2)
                .all(|p| by_angle(g(0, 0), p[0], p[1]).is_lt())
        );
    }
}
