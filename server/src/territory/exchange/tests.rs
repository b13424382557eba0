use super::*;
use crate::territory::{
    draft::TerritoryDraft,
    field::Seeded,
    fixture::{square, two_sound_cells as two_cells},
    import::StationAreaDraft,
    problem::Problems,
    repair::Repair,
    shape::{Ring, Shape},
    taking::{Around, Parts, Taken},
};
use gridcrew_sync_protocol::{position::Wgs84, workflow::AreaClass};
use proptest::prelude::*;
use rusqlite::Connection;

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);
const FORMATS: [Format; 3] = [Format::GeoJson, Format::Shapefile, Format::GeoPackage];

fn take(format: Format, bytes: &[u8], datum: Option<&str>) -> Result<Taken, Problems> {
    let mut layers = read(format, bytes, None)?;
    Parts::of_layers(&mut layers, datum, None)?.take(None, &Around::default())
}

/// Letters of one to four bytes, spaces, and what other programs take for syntax.
const LETTERS: [char; 16] = [
    'a', 'Z', '0', '7', '丁', '集', '镇', '０', '𠮷', '𪚥', ' ', '"', '\'', '=', 'ئ', ';',
];

fn text(random: &mut Seeded, longest: usize) -> String {
    let length = 1 + below(random, longest);
    let any: String = (0..length)
        .map(|_| LETTERS[below(random, LETTERS.len())])
        .collect();
    let kept = any.trim();
    if kept.is_empty() {
        "村".to_owned()
    } else {
        kept.to_owned()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn below(random: &mut Seeded, limit: usize) -> usize {
    ((random.next() * limit as f64) as usize).min(limit - 1)
}

/// Two parts, one of them with a lake that has an island.
fn ground() -> Shape {
    let rings = |shape: &Shape| shape.polygons()[0][0].clone();
    let hole = |ring: Ring| ring.into_iter().rev().collect::<Ring>();
    Shape::new(vec![
        vec![
            rings(&square(0.0, 0.0, 8.0, 6.0)),
            hole(rings(&square(3.0, 2.0, 5.0, 4.0))),
            hole(rings(&square(6.0, 1.0, 6.5, 1.5))),
        ],
        vec![rings(&square(3.5, 2.5, 4.5, 3.5))],
        vec![rings(&square(9.0, 1.0, 11.0, 3.0))],
    ])
    .unwrap()
}

fn territory(seed: u64) -> Content {
    let mut random = Seeded::new(seed);
    let boundary = ground();
    let inside = boundary.searchable();
    let mut areas = Vec::new();
    while areas.len() < 12 {
        let at = Wgs84::new(120.0 + 0.11 * random.next(), 30.0 + 0.06 * random.next()).unwrap();
        // As all points of a territory: on the grid.
        let at = crate::territory::grid::snapped(at);
        if inside.contains(at) {
            let number = areas.len();
            areas.push(StationAreaDraft {
                code: format!("{number:02}{}", text(&mut random, 62)),
                name: text(&mut random, 200),
                customers: u32::try_from(below(&mut random, 1000)).unwrap(),
                feeder: (number > 0).then(|| text(&mut random, 64)),
                area_class: [AreaClass::Urban, AreaClass::Rural, AreaClass::Remote][number % 3],
                at,
                outline: None,
            });
        }
    }
    if seed.is_multiple_of(5) {
        return Content::without_cells(boundary, areas);
    }
    let names: Vec<(String, String)> = (0..4)
        .map(|n| {
            (
                format!("{n}{}", text(&mut random, 60)),
                text(&mut random, 200),
            )
        })
        .collect();
    let made = TerritoryDraft::by_split(&boundary, areas, 4, seed, |n| names[n - 1].clone());
    made.unwrap_or_else(|problems| panic!("{problems}")).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn what_goes_out_comes_in_as_it_was(seed in any::<u64>()) {
        let content = territory(seed);
        for format in FORMATS {
            for datum in Datum::ALL {
                let bytes = write(format, &content, datum, NOW).unwrap();
                let taken = take(format, &bytes, Some(datum.name()));
                let taken = taken.unwrap_or_else(|problems| panic!("{format:?} {datum} {problems}"));
                prop_assert_eq!(&taken.content, &content, "{:?} {}", format, datum);
                prop_assert_eq!(&taken.repairs, &Vec::<Repair>::new());
                // The file says its datum itself, and another is a conflict.
                let taken = take(format, &bytes, None);
                prop_assert_eq!(&taken.unwrap().content, &content);
                let other = if datum == Datum::Bd09 { Datum::Gcj02 } else { Datum::Bd09 };
                let refused = take(format, &bytes, Some(other.name())).unwrap_err();
                prop_assert_eq!(refused.code().as_str(), "territory.datum_conflict");
            }
        }
    }
}

#[test]
fn a_territory_with_holes_and_islands_is_what_the_round_trip_is_tried_with() {
    let content = territory(1);
    assert_eq!(content.boundary.polygons().len(), 3);
    assert!(content.cells.len() == 4 && content.station_areas.len() == 12);
    assert!(
        content
            .station_areas
            .iter()
            .any(|area| area.name.len() > 254)
    );
}

#[test]
fn files_cut_or_altered_anywhere_are_refused_or_read_and_never_more() {
    let content = two_cells();
    for format in FORMATS {
        let whole = write(format, &content, Datum::Wgs84, NOW).unwrap();
        for place in 0..200 {
            let at = whole.len() * place / 200;
            let _ = take(format, &whole[..at], None);
            let mut altered = whole.clone();
            altered[at] ^= 0x81;
            let _ = take(format, &altered, None);
        }
        let code = read(format, b"no such file", None).unwrap_err().code();
        let wanted = if format == Format::GeoJson {
            "territory.malformed"
        } else {
            "file.unreadable"
        };
        assert_eq!(code.as_str(), wanted);
    }
}

/// A GeoPackage that was altered by whatever SQL does.
fn altered(sql: &str) -> Vec<u8> {
    let bytes = write(Format::GeoPackage, &two_cells(), Datum::Wgs84, NOW).unwrap();
    let mut db = Connection::open_in_memory().unwrap();
    db.deserialize_read_exact(rusqlite::MAIN_DB, &bytes[..], bytes.len(), false)
        .unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    db.execute_batch(sql).unwrap();
    db.serialize(rusqlite::MAIN_DB).unwrap().to_vec()
}

#[test]
fn a_geopackage_that_would_do_something_is_refused() {
    let cases = [
        (
            "ALTER TABLE cells RENAME TO hidden; CREATE VIEW cells AS SELECT * FROM hidden;",
            "no plain table",
        ),
        (
            "DROP TABLE cells; CREATE VIRTUAL TABLE cells USING rtree(fid, west, east);",
            "no plain table",
        ),
        (
            "DELETE FROM gpkg_geometry_columns WHERE table_name = 'cells';",
            "cells",
        ),
        (
            "UPDATE cells SET geom = x'4750000100000000010300000001000000ffffffff';",
            "broken",
        ),
        ("UPDATE cells SET geom = 'POLYGON';", "no blob"),
        (
            "UPDATE gpkg_contents SET srs_id = 0; DROP TABLE boundary;",
            "boundary",
        ),
        (
            "ALTER TABLE gpkg_contents RENAME TO other; CREATE VIEW gpkg_contents AS \
             SELECT 'cells' table_name, 'features' data_type, 4326 srs_id;",
            "gpkg_contents",
        ),
    ];
    for (sql, said) in cases {
        let refused = take(Format::GeoPackage, &altered(sql), None).unwrap_err();
        assert_eq!(
            refused.code().as_str(),
            "file.unreadable",
            "{sql}: {refused}"
        );
        assert!(refused.to_string().contains(said), "{sql}: {refused}");
    }
}

#[test]
fn a_small_geopackage_that_would_take_all_memory_is_refused() {
    let long = "printf('%.*c', 16000000, 'x')";
    for sql in [
        format!("ALTER TABLE cells ADD COLUMN junk TEXT AS ({long});"),
        format!(
            "ALTER TABLE station_areas RENAME COLUMN name TO old; \
             ALTER TABLE station_areas ADD COLUMN name TEXT AS ({long});"
        ),
        format!("ALTER TABLE gpkg_contents ADD COLUMN junk TEXT AS ({long});"),
    ] {
        let refused = read(Format::GeoPackage, &altered(&sql), None).unwrap_err();
        assert_eq!(refused.code().as_str(), "file.unreadable", "{sql}");
        assert!(refused.to_string().contains("is computed"), "{refused}");
    }
    // A default value stands once in the file, and in every row that is read.
    let default = "x".repeat(1_000_000);
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
                SELECT i, 'c' || i FROM n";
    let insert =
        format!("DELETE FROM station_areas; INSERT INTO station_areas (fid, code) {rows};");
    let taken = altered(&format!(
        "{insert} ALTER TABLE station_areas RENAME COLUMN name TO old; \
         ALTER TABLE station_areas ADD COLUMN name TEXT DEFAULT '{default}';"
    ));
    assert!(taken.len() < 3_000_000, "{}", taken.len());
    let refused = read(Format::GeoPackage, &taken, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.too_large", "{refused}");
    // In a column that nobody asks for it costs nothing.
    let passed = altered(&format!(
        "{insert} ALTER TABLE station_areas ADD COLUMN junk TEXT DEFAULT '{default}';"
    ));
    let layers = read(Format::GeoPackage, &passed, None).unwrap();
    assert_eq!(layers.station_areas.unwrap().features.len(), 20_000);
}

#[test]
fn no_number_of_other_layers_in_a_geopackage_hides_one_that_is_wanted() {
    let other = |name: String| {
        format!(
            "INSERT INTO gpkg_contents VALUES ('{name}', 'features', '{name}', '', '2026', \
             NULL, NULL, NULL, NULL, 4326);"
        )
    };
    let many: String = (0..30).map(|n| other(format!("a{n:02}"))).collect();
    let layers = read(Format::GeoPackage, &altered(&many), None).unwrap();
    assert!(layers.boundary.is_some() && layers.cells.is_some() && layers.station_areas.is_some());
    let notes: Vec<String> = layers.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 21, "{notes:?}");
    assert!(notes[19].contains("a19") && notes[20].contains("10 more layers"));
    let twice = altered(&other("CELLS".to_owned()));
    let refused = read(Format::GeoPackage, &twice, None).unwrap_err();
    assert!(
        refused.to_string().contains("cells stands twice"),
        "{refused}"
    );
}

#[test]
fn a_geopackage_says_its_system_and_others_are_named() {
    let other = altered(
        "UPDATE gpkg_contents SET srs_id = 4610; INSERT INTO gpkg_spatial_ref_sys VALUES \
         ('Xian 1980', 4610, 'EPSG', 4610, 'GEOGCS[\"Xian 1980\"]', NULL);",
    );
    let refused = take(Format::GeoPackage, &other, Some("WGS-84")).unwrap_err();
    assert_eq!(refused.code().as_str(), "position.datum_unknown");
    assert!(refused.to_string().contains("Xian 1980"), "{refused}");
    let silent = altered("UPDATE gpkg_contents SET srs_id = 0;");
    let refused = take(Format::GeoPackage, &silent, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "position.datum_missing");
    assert_eq!(
        take(Format::GeoPackage, &silent, Some("WGS-84"))
            .unwrap()
            .content,
        two_cells()
    );
    let more = altered(
        "CREATE TABLE roads (fid INTEGER PRIMARY KEY, geom LINESTRING); \
         INSERT INTO gpkg_contents VALUES ('roads', 'features', 'roads', '', '2026', \
         NULL, NULL, NULL, NULL, 4326);",
    );
    let layers = read(Format::GeoPackage, &more, None).unwrap();
    assert!(matches!(&layers.notes[..], [Note::Ignored { what }] if what.contains("roads")));
}

#[test]
fn an_archive_that_swells_is_refused_before_it_has_swollen() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("boundary.shp", options).unwrap();
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..64 {
        zip.write_all(&zeros).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 256 * 1024, "{}", bomb.len());
    let refused = read(Format::Shapefile, &bomb, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.too_large", "{refused}");

    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for number in 0..300 {
        zip.start_file(format!("{number}.shp"), options).unwrap();
    }
    let many = zip.finish().unwrap().into_inner();
    let refused = read(Format::Shapefile, &many, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.too_large", "{refused}");
}

#[test]
fn what_a_file_leaves_out_stays_as_it_is_stored() {
    let held = two_cells();
    // Only station areas: one of them moves to the other cell, one is new.
    let mut more = held.clone();
    more.station_areas[1].cell = Some("E".to_owned());
    let mut new = more.station_areas[0].clone();
    new.code = "t5".to_owned();
    more.station_areas.push(new);
    let bytes = write(Format::GeoPackage, &more, Datum::Gcj02, NOW).unwrap();
    let mut layers = read(Format::GeoPackage, &bytes, None).unwrap();
    (layers.boundary, layers.cells) = (None, None);
    let parts = Parts::of_layers(&mut layers, None, Some(&held)).unwrap();
    let taken = parts.take(Some(&held), &Around::default()).unwrap();
    assert_eq!(taken.content, more);

    // Only cells: station areas and their cells stay.
    let bytes = write(Format::Shapefile, &held, Datum::Wgs84, NOW).unwrap();
    let mut layers = read(Format::Shapefile, &bytes, None).unwrap();
    (layers.boundary, layers.station_areas) = (None, None);
    let parts = Parts::of_layers(&mut layers, None, Some(&held)).unwrap();
    let taken = parts.take(Some(&held), &Around::default()).unwrap();
    assert_eq!(taken.content, held);
    // Without anything stored there is no boundary.
    let parts = Parts::of_layers(&mut layers, None, None).unwrap();
    assert!(parts.take(None, &Around::default()).is_err());
}

#[test]
fn a_station_area_that_names_a_cell_that_there_is_not_is_named() {
    let held = two_cells();
    let mut more = held.clone();
    more.station_areas[1].cell = Some("Q".to_owned());
    let bytes = write(Format::GeoPackage, &more, Datum::Wgs84, NOW).unwrap();
    let mut layers = read(Format::GeoPackage, &bytes, None).unwrap();
    (layers.boundary, layers.cells) = (None, None);
    let parts = Parts::of_layers(&mut layers, None, Some(&held)).unwrap();
    let refused = parts.take(Some(&held), &Around::default()).unwrap_err();
    assert_eq!(refused.code().as_str(), "territory.station_area_in_no_cell");
    assert!(
        refused.to_string().contains("t2 names the cell Q"),
        "{refused}"
    );
    // Where there are no cells it means nothing.
    let bare = Content {
        cells: Vec::new(),
        ..held
    };
    let parts = Parts::of_layers(&mut layers, None, Some(&bare)).unwrap();
    assert!(parts.take(Some(&bare), &Around::default()).is_ok());
}

#[test]
fn a_station_area_and_a_cell_that_say_different_things_are_named() {
    let bytes = write(Format::GeoJson, &two_cells(), Datum::Wgs84, NOW).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    json["features"][1]["properties"]["station_areas"] = serde_json::json!(["t1", "t2", "t3"]);
    let refused = take(Format::GeoJson, json.to_string().as_bytes(), None).unwrap_err();
    assert_eq!(refused.code().as_str(), "territory.station_area_in_no_cell");
    assert!(refused.to_string().contains("t3"), "{refused}");
}

/// The polygons of a GeoJSON geometry as they stand in the file, nothing mended.
fn as_it_stands(geometry: &serde_json::Value) -> layers::Place {
    let several = geometry["type"] == "MultiPolygon";
    let polygons = geometry["coordinates"].clone();
    let polygons = if several {
        polygons
    } else {
        serde_json::json!([polygons])
    };
    layers::Place::Polygons(serde_json::from_value(polygons).unwrap())
}

#[test]
fn real_counties_are_mended_alike_in_every_format() {
    let file = "chongqing_counties_gcj02.geojson.gz";
    let Some(counties) = crate::territory::real_data_tests::features(file) else {
        return;
    };
    let (mut points, mut repairs) = (0, 0);
    for county in &counties {
        let name = county["properties"]["name"].as_str().unwrap_or_default();
        let text = county["geometry"].to_string();
        let plain = crate::territory::import::boundary(&text, Some("GCJ-02")).unwrap();
        points += plain.value.vertices();
        repairs += plain.repairs.len();
        let table = table::Table {
            name: "boundary",
            kind: "boundary",
            columns: &["kind"],
            points: false,
            rows: vec![table::Row {
                place: as_it_stands(&county["geometry"]),
                fields: vec![table::Field::Text(name.to_owned())],
            }],
        };
        let tables = [table];
        for (format, bytes) in [
            (
                Format::Shapefile,
                shapefile::write(&tables, Datum::Gcj02, NOW).unwrap(),
            ),
            (
                Format::GeoPackage,
                geopackage::write(&tables, Datum::Gcj02, NOW).unwrap(),
            ),
        ] {
            let layers = read(format, &bytes, None).unwrap();
            let read = crate::territory::import::boundary_of(&layers.boundary.unwrap(), None);
            assert_eq!(read.unwrap(), plain, "{name} as {format:?}");
        }
    }
    println!(
        "{} counties, {points} points, {repairs} repairs, alike in three formats",
        counties.len()
    );
}
