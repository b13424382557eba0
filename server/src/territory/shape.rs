//! The outline of a cell, a station area or a boundary.
//!
//! A [`Shape`] is one polygon or several, each with its holes, in WGS-84 on a grid of
//! 1e-10 degree (0.01 mm). One that exists is sound: rings are closed and have an
//! area, do not cross or touch themselves, holes lie in their polygon, parts lie apart.
//! Rings of one shape may share single points.

use super::grid::{
    Grid, PER_DEGREE, Piece, doubled_area, meetings, ray_step, snapped, tree_of, winding,
};
use gridcrew_sync_protocol::position::Wgs84;
use rstar::{AABB, RTree};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashSet;

/// One closed ring: its first point is repeated at the end.
pub type Ring = Vec<Wgs84>;

/// Polygons of rings of (longitude, latitude) in WGS-84, the outer ring of each polygon
/// first: the form of the feed and of the store.
pub type Pairs = Vec<Vec<Vec<(f64, f64)>>>;

/// A sound outline; see the module.
///
/// Serialised as polygons of rings of `[lon, lat]` in WGS-84, the outer ring of each
/// polygon first; read back, it is checked again.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    polygons: Vec<Vec<Ring>>,
}

/// Why rings do not make a shape.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// No polygon at all, or one without a ring.
    #[error("there is no polygon")]
    Empty,
    /// A ring of fewer than three different points, or without area.
    #[error("a ring encloses nothing near lon {}, lat {}", .at.lon(), .at.lat())]
    NoArea {
        /// A point of the ring.
        at: Wgs84,
    },
    /// A border crosses or touches itself.
    #[error("the border crosses or touches itself at lon {}, lat {}", .at.lon(), .at.lat())]
    SelfCrossing {
        /// Where.
        at: Wgs84,
    },
    /// A hole outside its polygon, or polygons within each other.
    #[error("a hole or part lies where it cannot, at lon {}, lat {}", .at.lon(), .at.lat())]
    Misplaced {
        /// A point of the ring.
        at: Wgs84,
    },
}

impl ShapeError {
    /// Where it is, if anywhere.
    #[must_use]
    pub const fn at(&self) -> Option<Wgs84> {
        match self {
            Self::Empty => None,
            Self::NoArea { at } | Self::SelfCrossing { at } | Self::Misplaced { at } => Some(*at),
        }
    }
}

impl Shape {
    /// A shape from polygons of rings, the outer ring of each first. Points are moved to
    /// the grid, points that repeat the one before are dropped, rings are closed and turned
    /// the right way.
    ///
    /// # Errors
    /// The first thing that is not sound.
    pub fn new(polygons: Vec<Vec<Ring>>) -> Result<Self, ShapeError> {
        if polygons.is_empty() || polygons.iter().any(Vec::is_empty) {
            return Err(ShapeError::Empty);
        }
        let polygons = polygons
            .into_iter()
            .map(|rings| {
                rings
                    .into_iter()
                    .enumerate()
                    .map(|(n, ring)| tidied(ring, n == 0))
                    .collect()
            })
            .collect::<Result<Vec<Vec<Ring>>, _>>()?;
        let shape = Self { polygons };
        shape.check_crossings()?;
        shape.check_places()?;
        Ok(shape)
    }

    /// The polygons: rings of each, the outer one first, counter-clockwise; holes
    /// clockwise; the first point of each ring repeated at its end.
    #[must_use]
    pub fn polygons(&self) -> &[Vec<Ring>] {
        &self.polygons
    }

    /// All rings.
    pub fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.polygons.iter().flatten()
    }

    /// How many points all rings have, the repeated ones counted.
    #[must_use]
    pub fn vertices(&self) -> usize {
        self.rings().map(Vec::len).sum()
    }

    /// West, south, east and north end in degrees.
    #[must_use]
    pub fn bounds(&self) -> [f64; 4] {
        let wide = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        self.rings().flatten().fold(wide, |b, p| {
            [
                b[0].min(p.lon()),
                b[1].min(p.lat()),
                b[2].max(p.lon()),
                b[3].max(p.lat()),
            ]
        })
    }

    /// Whether a point lies inside, to the nearest 0.01 mm; a point on the border may count
    /// as either. Takes time in proportion to the vertices.
    #[must_use]
    pub fn contains(&self, point: Wgs84) -> bool {
        let from = Grid::of(point);
        self.steps().map(|(a, b)| ray_step(a, b, from)).sum::<i32>() > 0
    }

    /// The same, laid out for asking about many points.
    #[must_use]
    pub fn searchable(&self) -> SearchableShape {
        SearchableShape {
            steps: tree_of(self.steps()),
        }
    }

    /// The area in square metres: exact in degrees, turned into metres by the radii of the
    /// ellipsoid at the latitude of the shape's middle (true to 0.1 % for a township).
    #[must_use]
    pub fn area_m2(&self) -> f64 {
        let [_, south, _, north] = self.bounds();
        square_metres(self.doubled_area(), (south + north) / 2.0)
    }

    /// A point inside: of the largest polygon, away from its border where that is easy.
    #[must_use]
    pub fn point_inside(&self) -> Wgs84 {
        let largest = self.polygons.iter().max_by_key(|rings| {
            rings
                .iter()
                .map(|ring| doubled_area(&grid_ring(ring)))
                .sum::<i128>()
        });
        let centre = largest
            .and_then(|rings| centroid(&rings[0]))
            .filter(|c| self.contains(*c));
        centre
            .or_else(|| largest.and_then(|rings| self.middle_of_widest_cut(&rings[0])))
            .unwrap_or(self.polygons[0][0][0])
    }

    /// Twice the area in square grid steps.
    pub(super) fn doubled_area(&self) -> i128 {
        self.rings()
            .map(|ring| doubled_area(&grid_ring(ring)))
            .sum()
    }

    /// All border steps, the inside on their left.
    pub(super) fn steps(&self) -> impl Iterator<Item = (Grid, Grid)> {
        self.rings().flat_map(|ring| {
            ring.windows(2)
                .map(|pair| (Grid::of(pair[0]), Grid::of(pair[1])))
        })
    }

    /// The middle of the widest stretch inside, along the parallel through the ring's
    /// middle height.
    fn middle_of_widest_cut(&self, ring: &[Wgs84]) -> Option<Wgs84> {
        let low = ring.iter().map(|p| p.lat()).fold(f64::INFINITY, f64::min);
        let high = ring
            .iter()
            .map(|p| p.lat())
            .fold(f64::NEG_INFINITY, f64::max);
        let lat = low + (high - low) * 0.5;
        let mut cuts: Vec<f64> = self
            .rings()
            .flat_map(|ring| ring.windows(2))
            .filter(|pair| (pair[0].lat() <= lat) != (pair[1].lat() <= lat))
            .map(|pair| {
                let share = (lat - pair[0].lat()) / (pair[1].lat() - pair[0].lat());
                pair[0].lon() + share * (pair[1].lon() - pair[0].lon())
            })
            .collect();
        cuts.sort_by(f64::total_cmp);
        let widest = cuts
            .chunks_exact(2)
            .max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
        Wgs84::new(f64::midpoint(widest[0], widest[1]), lat).ok()
    }

    fn check_crossings(&self) -> Result<(), ShapeError> {
        let crossing = |place: Grid, fallback: Wgs84| ShapeError::SelfCrossing {
            at: place.point().unwrap_or(fallback),
        };
        for ring in self.rings() {
            let mut seen = HashSet::new();
            if let Some(twice) = ring[1..].iter().find(|p| !seen.insert(Grid::of(**p))) {
                return Err(ShapeError::SelfCrossing { at: *twice });
            }
        }
        let steps: Vec<_> = self.steps().collect();
        let tree = tree_of(steps.iter().copied());
        let mut along = HashSet::new();
        for (number, (a, b)) in steps.iter().copied().enumerate() {
            if !along.insert((a.min(b), a.max(b))) {
                return Err(crossing(a, self.polygons[0][0][0]));
            }
            let window = AABB::from_corners(super::grid::float(a), super::grid::float(b));
            for other in tree.locate_in_envelope_intersecting(&window) {
                if other.number > number
                    && let [Some(meeting), _] = meetings(a, b, other.a, other.b)
                {
                    return Err(crossing(meeting.place(), self.polygons[0][0][0]));
                }
            }
        }
        Ok(())
    }

    /// Outer rings lie in no other part, holes in exactly one. Rings do not cross (checked
    /// before), so one step of each tells; doubled, its middle is a grid point.
    fn check_places(&self) -> Result<(), ShapeError> {
        let double = |p: Wgs84| {
            let p = Grid::of(p);
            Grid {
                x: 2 * p.x,
                y: 2 * p.y,
            }
        };
        let count = self.rings().count();
        if count == 1 {
            return Ok(());
        }
        for (number, ring) in self.rings().enumerate() {
            let (a, b) = (Grid::of(ring[0]), Grid::of(ring[1]));
            let middle = Grid {
                x: a.x + b.x,
                y: a.y + b.y,
            };
            let around: i32 = self
                .rings()
                .enumerate()
                .filter(|(other, _)| *other != number)
                .flat_map(|(_, other)| other.windows(2))
                .map(|pair| ray_step(double(pair[0]), double(pair[1]), middle))
                .sum();
            let hole = doubled_area(&grid_ring(ring)) < 0;
            if around != i32::from(hole) {
                return Err(ShapeError::Misplaced { at: ring[0] });
            }
        }
        Ok(())
    }

    /// A shape from grid rings, each closed: those that run counter-clockwise are outer
    /// rings, each hole goes to the smallest of them around it.
    pub(super) fn of_grid(rings: Vec<Vec<Grid>>) -> Result<Self, ShapeError> {
        let (mut outers, holes): (Vec<_>, Vec<_>) =
            rings.into_iter().partition(|ring| doubled_area(ring) > 0);
        outers.sort_by_key(|ring| doubled_area(ring));
        let mut polygons: Vec<Vec<Vec<Grid>>> = outers.into_iter().map(|r| vec![r]).collect();
        for hole in holes {
            let (a, b) = (hole[0], hole[1]);
            let middle = Grid {
                x: a.x + b.x,
                y: a.y + b.y,
            };
            let around = polygons.iter_mut().find(|rings| {
                let steps = rings[0].windows(2).map(|pair| {
                    let [p, q] = [pair[0], pair[1]].map(|p| Grid {
                        x: 2 * p.x,
                        y: 2 * p.y,
                    });
                    ray_step(p, q, middle)
                });
                steps.sum::<i32>() > 0
            });
            if let Some(rings) = around {
                rings.push(hole);
            }
        }
        // West to east, so that the same shape is always written the same way.
        polygons.sort_by_key(|rings| rings[0].iter().copied().min());
        let polygons = polygons
            .into_iter()
            .map(|rings| {
                rings
                    .into_iter()
                    .map(|ring| ring.into_iter().filter_map(|p| p.point().ok()).collect())
                    .collect()
            })
            .collect();
        Self::new(polygons)
    }
}

/// A shape laid out for asking about many points.
#[derive(Debug)]
pub struct SearchableShape {
    steps: RTree<Piece>,
}

impl SearchableShape {
    /// As [`Shape::contains`], without going through all vertices.
    #[must_use]
    pub fn contains(&self, point: Wgs84) -> bool {
        winding(&self.steps, Grid::of(point)) > 0
    }
}

fn grid_ring(ring: &[Wgs84]) -> Vec<Grid> {
    ring.iter().map(|p| Grid::of(*p)).collect()
}

fn tidied(ring: Ring, outer: bool) -> Result<Ring, ShapeError> {
    let mut ring: Ring = ring.into_iter().map(snapped).collect();
    ring.dedup();
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let Some(&first) = ring.first() else {
        return Err(ShapeError::Empty);
    };
    ring.push(first);
    let area = doubled_area(&grid_ring(&ring));
    if ring.len() < 4 || (area == 0 && ring.len() < 5) {
        return Err(ShapeError::NoArea { at: first });
    }
    if (area > 0) != outer {
        ring.reverse();
    }
    Ok(ring)
}

/// The centre of mass of a ring, by the plane of degrees.
fn centroid(ring: &[Wgs84]) -> Option<Wgs84> {
    let origin = ring.first()?;
    let (mut x, mut y, mut area) = (0.0, 0.0, 0.0);
    for pair in ring.windows(2) {
        let [(ax, ay), (bx, by)] =
            [pair[0], pair[1]].map(|p| (p.lon() - origin.lon(), p.lat() - origin.lat()));
        let part = ax * by - ay * bx;
        x += part * (ax + bx);
        y += part * (ay + by);
        area += part;
    }
    Wgs84::new(
        origin.lon() + x / (3.0 * area),
        origin.lat() + y / (3.0 * area),
    )
    .ok()
}

/// Turns twice an area in square grid steps into square metres at a latitude.
pub(super) fn square_metres(doubled: i128, lat: f64) -> f64 {
    let [east, north] = metres_per_step(lat);
    #[expect(clippy::cast_precision_loss, reason = "relative error 1e-16")]
    let steps = doubled as f64 / 2.0;
    steps * east * north
}

/// Metres in one grid step east and north at a latitude.
pub(super) fn metres_per_step(lat: f64) -> [f64; 2] {
    let (sin, cos) = lat.to_radians().sin_cos();
    let w = 1.0 - 0.006_694_379_990_141_316 * sin * sin;
    let prime = 6_378_137.0 / w.sqrt();
    let step = (1.0 / PER_DEGREE).to_radians();
    [
        step * prime * cos,
        step * prime * (1.0 - 0.006_694_379_990_141_316) / w,
    ]
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_pairs().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plain = Pairs::deserialize(deserializer)?;
        let polygons = plain
            .into_iter()
            .map(|rings| {
                rings
                    .into_iter()
                    .map(|ring| {
                        ring.into_iter()
                            .map(|(lon, lat)| Wgs84::new(lon, lat))
                            .collect()
                    })
                    .collect()
            })
            .collect::<Result<Vec<Vec<Ring>>, _>>()
            .map_err(serde::de::Error::custom)?;
        Self::new(polygons).map_err(serde::de::Error::custom)
    }
}

impl Shape {
    /// The shape as plain pairs.
    #[must_use]
    pub fn to_pairs(&self) -> Pairs {
        let ring = |ring: &Ring| ring.iter().map(|p| (p.lon(), p.lat())).collect();
        self.polygons
            .iter()
            .map(|rings| rings.iter().map(ring).collect())
            .collect()
    }

    /// A shape from plain pairs; none when they do not make a sound one.
    #[must_use]
    pub fn of_pairs(pairs: Pairs) -> Option<Self> {
        let ring = |ring: Vec<(f64, f64)>| -> Option<Ring> {
            let points = ring.into_iter().map(|(lon, lat)| Wgs84::new(lon, lat).ok());
            points.collect()
        };
        let polygons = pairs.into_iter();
        let polygons: Option<_> = polygons
            .map(|rings| rings.into_iter().map(ring).collect())
            .collect();
        Self::new(polygons?).ok()
    }

    /// A GeoJSON geometry in WGS-84.
    #[must_use]
    pub fn to_geojson(&self) -> geojson::Geometry {
        let ring = |ring: &Ring| ring.iter().map(|p| vec![p.lon(), p.lat()]).collect();
        let mut polygons: Vec<Vec<Vec<Vec<f64>>>> = self
            .polygons
            .iter()
            .map(|rings| rings.iter().map(ring).collect())
            .collect();
        if polygons.len() == 1
            && let Some(only) = polygons.pop()
        {
            return geojson::Geometry::new_polygon(only);
        }
        geojson::Geometry::new_multi_polygon(polygons)
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
