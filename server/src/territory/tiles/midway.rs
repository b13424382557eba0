//! The lines midway between neighbouring places.

use super::{TileError, flat::Flat};
use crate::territory::{grid::Grid, planar::Line, shape::Shape};
use geo::{Coord, MultiPoint, TriangulateDelaunayUnconstrained};
use std::collections::{BTreeMap, HashMap};

/// The lines midway between neighbouring places, long enough to leave the boundary.
pub(super) fn middle_lines(
    boundary: &Shape,
    flat: &Flat,
    spots: &[[f64; 2]],
) -> Result<Vec<Line>, TileError> {
    if spots.is_empty() {
        return Ok(Vec::new());
    }
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
