//! The same rules on real ground: towns with the villages that tile them, and counties in
//! GCJ-02. The data is no part of the project; without it these tests say that they skip.

use super::{
    draft::TerritoryDraft,
    field::Seeded,
    import,
    shape::Shape,
    split::{SplitArea, Wish, split},
    tiling::{self, TilingProblem},
};
use geo::{Area, BooleanOps, MultiPolygon, Polygon};
use gridcrew_sync_protocol::position::Wgs84;
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Read, path::PathBuf};

pub(super) fn features(name: &str) -> Option<Vec<Value>> {
    let root = std::env::var_os("GRIDCREW_REAL_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let path = root.join("admin").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        println!("skipped: there is no {}", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    Some(std::mem::take(file["features"].as_array_mut().unwrap()))
}

fn random_areas(boundary: &Shape, count: usize, seed: u64) -> Vec<SplitArea> {
    let mut random = Seeded::new(seed);
    let [west, south, east, north] = boundary.bounds();
    let inside = boundary.searchable();
    std::iter::repeat_with(|| {
        let lon = west + (east - west) * random.next();
        let lat = south + (north - south) * random.next();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let weight = 50 + (150.0 * random.next()) as u64;
        SplitArea {
            at: Wgs84::new(lon, lat).unwrap(),
            outline: None,
            weight,
        }
    })
    .filter(|area| inside.contains(area.at))
    .take(count)
    .collect()
}

#[test]
fn real_villages_tile_their_towns_and_towns_can_be_split_anew() {
    let Some(all) = features("taiwan_yunlin_towns_villages_wgs84.geojson.gz") else {
        return;
    };
    let mut towns: BTreeMap<String, (Option<Value>, Vec<Value>)> = BTreeMap::new();
    for feature in all {
        let own = feature["properties"].clone();
        let town = towns
            .entry(own["TOWNCODE"].as_str().unwrap_or("?").to_owned())
            .or_default();
        if own["level"] == "town" {
            town.0 = Some(feature["geometry"].clone());
        } else {
            town.1.push(feature);
        }
    }
    if towns.len() == 1 || towns.contains_key("?") {
        panic!("villages do not name their town");
    }
    let mut sound = 0;
    for (code, (outline, villages)) in towns {
        let Some(outline) = outline else { continue };
        let boundary = import::boundary(&outline.to_string(), Some("WGS-84"))
            .unwrap()
            .value;
        let cells: Vec<Value> = villages
            .iter()
            .map(|village| {
                let own = &village["properties"];
                json!({"type": "Feature", "geometry": village["geometry"], "properties": {
                    "code": own["VILLCODE"], "name": own["VILLNAME"],
                    "station_areas": [own["VILLCODE"]],
                }})
            })
            .collect();
        let areas: Vec<Value> = villages
            .iter()
            .map(|village| {
                let own = &village["properties"];
                json!({"type": "Feature", "geometry": village["geometry"], "properties": {
                    "code": own["VILLCODE"], "name": own["VILLNAME"], "customers": 100,
                    "feeder": "F1", "area_class": "02",
                }})
            })
            .collect();
        let file =
            |features| json!({"type": "FeatureCollection", "features": features}).to_string();
        let cells = import::cells(&file(cells), Some("WGS-84")).unwrap().value;
        let areas = import::station_areas(&file(areas), Some("WGS-84"))
            .unwrap()
            .value;
        let count = cells.len();
        let shapes: Vec<Shape> = cells.iter().map(|cell| cell.shape.clone()).collect();
        match TerritoryDraft::check(boundary.clone(), areas.clone(), cells) {
            Ok(draft) => {
                sound += 1;
                assert_eq!(draft.remarks, []);
                println!(
                    "{code}: {count} villages tile it, {} repairs",
                    draft.repairs.len()
                );
            }
            // Some of the real borders are wrong: another way of computing must agree.
            Err(problems) => {
                println!("{code}: {problems}");
                agrees(&boundary, &shapes);
            }
        }
        let made = TerritoryDraft::by_split(&boundary, areas, count.div_ceil(3), 1, |n| {
            (format!("C{n:02}"), format!("cell {n}"))
        })
        .unwrap_or_else(|problems| panic!("{code}: {problems}"));
        assert!(made.cells.len() == count.div_ceil(3));
    }
    assert!(sound >= 10, "{sound} towns of 20");
}

/// Compares the ground that the check finds wrong with what overlaying gives.
fn agrees(boundary: &Shape, cells: &[Shape]) {
    let polygons = |shape: &Shape| -> MultiPolygon {
        let ring = |ring: &Vec<Wgs84>| ring.iter().map(|p| (p.lon(), p.lat())).collect();
        let polygon = |rings: &Vec<Vec<Wgs84>>| {
            Polygon::new(ring(&rings[0]), rings[1..].iter().map(ring).collect())
        };
        shape.polygons().iter().map(polygon).collect()
    };
    let scale = boundary.area_m2() / polygons(boundary).unsigned_area();
    let whole = polygons(boundary);
    let all: Vec<MultiPolygon> = cells.iter().map(polygons).collect();
    let union = all
        .iter()
        .fold(MultiPolygon::new(vec![]), |sum, cell| sum.union(cell));
    let gaps = whole.difference(&union).unsigned_area() * scale;
    let outside = union.difference(&whole).unsigned_area() * scale;
    let found = tiling::check(boundary, &cells.iter().collect::<Vec<_>>());
    let (mut own_gaps, mut own_outside) = (0.0, 0.0);
    for problem in &found.problems {
        match problem {
            TilingProblem::Gap { area_m2, .. } => own_gaps += area_m2,
            TilingProblem::Outside { area_m2, .. } => own_outside += area_m2,
            _ => {}
        }
    }
    println!("gaps {own_gaps:.2} / {gaps:.2} m2, outside {own_outside:.2} / {outside:.2} m2");
    assert!((own_gaps - gaps).abs() < 1.0 && (own_outside - outside).abs() < 1.0);
}

#[test]
fn real_counties_in_gcj02_come_in_and_split_exactly() {
    let Some(all) = features("chongqing_counties_gcj02.geojson.gz") else {
        return;
    };
    for (number, feature) in all.iter().enumerate() {
        let name = feature["properties"]["name"].as_str().unwrap_or_default();
        let text = feature["geometry"].to_string();
        let imported = import::boundary(&text, Some("GCJ-02"))
            .unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let areas = random_areas(&imported.value, 200, number as u64);
        let made = split(&Wish::plain(&imported.value, &areas, 16, 1), &|_| ())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let cells: Vec<&Shape> = made.cells.iter().map(|cell| &cell.shape).collect();
        let report = tiling::check(&made.boundary, &cells);
        assert!(
            report.tiles() && report.difference == 0.0,
            "{name}: {report:?}"
        );
        println!(
            "{name}: {} points, {} repairs, greatest difference from an equal share {:.1} %",
            imported.value.vertices(),
            imported.repairs.len(),
            made.imbalance * 100.0
        );
    }
}
