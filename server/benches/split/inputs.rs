//! Territories to split: generated ones, and real ones from a folder that is not part of
//! the project.

use crate::field::Seeded;
use flate2::read::GzDecoder;
use geo::{ConvexHull, MultiPoint, Polygon, Scale, unary_union};
use gridcrew_server::territory::{import, shape::Shape, split::SplitArea};
use gridcrew_sync_protocol::position::Wgs84;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// A territory to split.
pub struct Input {
    pub name: String,
    pub boundary: Shape,
    pub areas: Vec<SplitArea>,
    pub cells: usize,
}

/// 50 to 200 customers, as station areas have.
fn customers(random: &mut Seeded) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below 200"
    )]
    let more = (150.0 * random.next()) as u64;
    50 + more
}

/// So many station areas strewn over a crooked township with a lake.
pub fn generated(count: usize, cells: usize, seed: u64) -> Input {
    let mut random = Seeded::new(seed);
    let place = |x: f64, y: f64| Wgs84::new(121.0 + x / 100.0, 32.0 + y / 100.0).unwrap();
    let around = (0..300).map(|n| {
        let angle = f64::from(n) / 300.0 * std::f64::consts::TAU;
        let far = 7.0 + 3.0 * random.next();
        place(far * angle.cos(), far * angle.sin())
    });
    let around = around.collect();
    let lake = [(1.0, 1.0), (2.0, 1.2), (1.8, 2.1), (0.9, 1.7)];
    let lake = lake.map(|(x, y)| place(x, y)).to_vec();
    let boundary = Shape::new(vec![vec![around, lake]]).unwrap();
    let inside = boundary.searchable();
    let [west, south, east, north] = boundary.bounds();
    let mut areas = Vec::with_capacity(count);
    while areas.len() < count {
        let lon = west + (east - west) * random.next();
        let lat = south + (north - south) * random.next();
        let at = Wgs84::new(lon, lat).unwrap();
        if inside.contains(at) {
            areas.push(SplitArea {
                at,
                outline: None,
                weight: customers(&mut random),
            });
        }
    }
    Input {
        name: format!("generated {count}, seed {seed}"),
        boundary,
        areas,
        cells,
    }
}

/// The nodes of the power network of a country, its outline their hull.
pub fn nodes(data: &Path, region: &str) -> Input {
    let file = File::open(data.join("power/osm_network_nodes.csv.gz")).unwrap();
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let mut random = Seeded::new(5);
    let mut seen = BTreeSet::new();
    let mut areas = Vec::new();
    for line in lines {
        let line = line.unwrap();
        let mut fields = line.split(',');
        if fields.next() != Some(region) {
            continue;
        }
        let [lon, lat] = [1, 0].map(|skip| fields.nth(skip).unwrap());
        if seen.insert((lon.to_owned(), lat.to_owned())) {
            areas.push(SplitArea {
                at: Wgs84::new(lon.parse().unwrap(), lat.parse().unwrap()).unwrap(),
                outline: None,
                weight: customers(&mut random),
            });
        }
    }
    let points: MultiPoint = areas
        .iter()
        .map(|area| (area.at.lon(), area.at.lat()))
        .collect();
    let hull = points.convex_hull().scale(1.02);
    let ring = hull.exterior().points();
    let ring = ring.map(|p| Wgs84::new(p.x(), p.y()).unwrap()).collect();
    Input {
        name: format!("{region}, {} nodes", areas.len()),
        boundary: Shape::new(vec![vec![ring]]).unwrap(),
        cells: areas.len() / 12,
        areas,
    }
}

/// The towns of Yunlin with their villages, and all villages together; each village has its
/// outline.
pub fn villages(data: &Path) -> Vec<Input> {
    let file = File::open(data.join("admin/taiwan_yunlin_towns_villages_wgs84.geojson.gz"));
    let mut text = String::new();
    GzDecoder::new(file.unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut random = Seeded::new(8);
    let mut towns: BTreeMap<String, (Option<Shape>, Vec<SplitArea>)> = BTreeMap::new();
    for feature in all["features"].as_array().unwrap() {
        let own = &feature["properties"];
        let town = towns
            .entry(own["TOWNCODE"].as_str().unwrap().to_owned())
            .or_default();
        let read = import::boundary(&feature["geometry"].to_string(), Some("WGS-84"));
        let outline = read.unwrap().value;
        if own["level"] == "town" {
            town.0 = Some(outline);
        } else {
            town.1.push(SplitArea {
                at: outline.point_inside(),
                weight: customers(&mut random),
                outline: Some(outline),
            });
        }
    }
    let together: Vec<SplitArea> = towns.values().flat_map(|town| town.1.clone()).collect();
    let mut inputs = vec![Input {
        name: format!("Yunlin, {} villages", together.len()),
        boundary: around(&together),
        cells: together.len() / 12,
        areas: together,
    }];
    inputs.extend(towns.into_iter().map(|(code, (boundary, areas))| Input {
        name: format!("Yunlin town {code}, {} villages", areas.len()),
        boundary: boundary.unwrap(),
        cells: (areas.len() / 6).max(2),
        areas,
    }));
    inputs
}

/// The outline of all outlines together, without the gaps inside.
fn around(areas: &[SplitArea]) -> Shape {
    let polygons = areas.iter().flat_map(|area| {
        let polygons = area.outline.as_ref().unwrap().polygons().iter();
        polygons.map(|rings| {
            let ring = rings[0].iter().map(|p| (p.lon(), p.lat())).collect();
            Polygon::new(ring, vec![])
        })
    });
    let polygons: Vec<Polygon> = polygons.collect();
    let union = unary_union(&polygons);
    let parts = union.iter().map(|polygon| {
        let ring = polygon.exterior().points();
        vec![ring.map(|p| Wgs84::new(p.x(), p.y()).unwrap()).collect()]
    });
    Shape::new(parts.collect()).unwrap()
}
