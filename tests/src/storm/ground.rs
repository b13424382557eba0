//! The territory that the requests are about: a boundary around them, and station areas
//! where they cluster.
//!
//! The boundary is the convex hull of all requests of the quarter, a few hundred metres
//! wider. A station area stands in the middle of each cluster and supplies as many
//! customers as the cluster has requests: what the split into cells weighs.

use super::requests::Place;
use geo::{ConvexHull, MultiPoint, Point, Polygon};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far the boundary lies outside of the outermost requests, in degrees: 300 to 450 m
/// at the latitudes of the data.
const MARGIN: f64 = 0.004;
/// Rounds of improving the clusters; after so many hardly any request changes its cluster.
const ROUNDS: usize = 8;

/// A station area made of a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// Its middle, rounded to a metre or so.
    pub middle: Place,
    /// How many requests it has.
    pub requests: u32,
}

/// The ring around `places`: closed, [lon, lat], counter-clockwise.
#[must_use]
pub fn boundary(places: &[Place]) -> Vec<[f64; 2]> {
    let corners = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    let widened: MultiPoint = places
        .iter()
        .flat_map(|place| {
            corners.map(|(x, y)| {
                let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
                Point::new(round(place.lon + x * MARGIN), round(place.lat + y * MARGIN))
            })
        })
        .collect();
    let hull: Polygon = widened.convex_hull();
    hull.exterior()
        .coords()
        .map(|corner| [corner.x, corner.y])
        .collect()
}

/// About `count` clusters of `places`, the same for the same seed. Clusters that stay empty
/// are left out.
#[must_use]
pub fn clusters(places: &[Place], count: usize, seed: u64) -> Vec<Cluster> {
    if places.is_empty() || count == 0 {
        return Vec::new();
    }
    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    let mut middles: Vec<Place> = (0..count)
        .map(|_| places[randomness.random_range(0..places.len())])
        .collect();
    let mut sums = Vec::new();
    for _ in 0..ROUNDS {
        sums = vec![(0.0, 0.0, 0u32); middles.len()];
        for place in places {
            let nearest = nearest(&middles, *place);
            let (lon, lat, requests) = &mut sums[nearest];
            *lon += place.lon;
            *lat += place.lat;
            *requests += 1;
        }
        for (middle, (lon, lat, requests)) in middles.iter_mut().zip(&sums) {
            if *requests > 0 {
                let round = |sum: f64| (sum / f64::from(*requests) * 1e5).round() / 1e5;
                *middle = Place {
                    lon: round(*lon),
                    lat: round(*lat),
                };
            }
        }
    }
    let mut clusters: Vec<Cluster> = middles
        .into_iter()
        .zip(sums)
        .filter(|(_, (_, _, requests))| *requests > 0)
        .map(|(middle, (_, _, requests))| Cluster { middle, requests })
        .collect();
    // Two clusters that met in one place are one.
    clusters.sort_by(|a, b| {
        (a.middle.lon, a.middle.lat)
            .partial_cmp(&(b.middle.lon, b.middle.lat))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    clusters.dedup_by(|later, kept| {
        let same = later.middle == kept.middle;
        if same {
            kept.requests += later.requests;
        }
        same
    });
    clusters
}

/// The nearest middle. A degree of longitude counts three quarters of one of latitude, as
/// at the latitudes of the data; clusters decide nothing that has to be exact.
fn nearest(middles: &[Place], place: Place) -> usize {
    let mut best = (f64::INFINITY, 0);
    for (index, middle) in middles.iter().enumerate() {
        let (x, y) = (0.75 * (middle.lon - place.lon), middle.lat - place.lat);
        let distance = x * x + y * y;
        if distance < best.0 {
            best = (distance, index);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Contains, LineString};

    fn places() -> Vec<Place> {
        let mut randomness = ChaCha8Rng::seed_from_u64(3);
        let mut near = |lon: f64, lat: f64| Place {
            lon: lon + randomness.random_range(-0.01..0.01),
            lat: lat + randomness.random_range(-0.01..0.01),
        };
        (0..300)
            .map(|n| {
                if n % 3 == 0 {
                    near(-71.1, 42.3)
                } else {
                    near(-71.0, 42.4)
                }
            })
            .collect()
    }

    #[test]
    fn the_boundary_is_a_closed_ring_around_every_request() {
        let ring = boundary(&places());
        assert_eq!(ring.first(), ring.last());
        let ring: LineString = ring.into_iter().map(|[x, y]| (x, y)).collect();
        let polygon = Polygon::new(ring, Vec::new());
        assert!(
            places()
                .iter()
                .all(|place| polygon.contains(&Point::new(place.lon, place.lat)))
        );
    }

    #[test]
    fn every_request_is_in_one_cluster_and_the_same_seed_gives_the_same_ones() {
        let clusters = clusters(&places(), 12, 5);
        assert!(clusters.len() > 6);
        assert_eq!(
            clusters.iter().map(|cluster| cluster.requests).sum::<u32>(),
            300
        );
        assert_eq!(clusters, super::clusters(&places(), 12, 5));
    }
}
