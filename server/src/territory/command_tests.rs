use super::*;
use serde_json::{Value, json};
use std::path::Path;

fn write(folder: &Path, name: &str, value: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path
}

fn boundary(corners: &[[f64; 2]]) -> Value {
    json!({ "type": "Polygon", "coordinates": [corners] })
}

fn area(code: &str, lon: f64, lat: f64) -> Value {
    let properties = json!({
        "code": code, "name": code, "customers": 100, "feeder": "F1", "area_class": "02",
    });
    let place = json!({ "type": "Point", "coordinates": [lon, lat] });
    json!({ "type": "Feature", "properties": properties, "geometry": place })
}

fn files(folder: &Path, corners: &[[f64; 2]]) -> SplitArgs {
    let areas: Vec<Value> = (0..12)
        .map(|n| {
            let (x, y) = (f64::from(n % 4), f64::from(n / 4));
            area(&format!("t{n:02}"), 120.01 + 0.02 * x, 30.01 + 0.02 * y)
        })
        .collect();
    let areas = json!({ "type": "FeatureCollection", "features": areas });
    SplitArgs {
        boundary: write(folder, "boundary.json", &boundary(corners)),
        areas: write(folder, "areas.json", &areas),
        present: None,
        barriers: None,
        orders: None,
        datum: Some("WGS-84".to_owned()),
        cells: Some(3),
        largest_weight: None,
        weight: WeightBy::Customers,
        feeders_together: false,
        together: Vec::new(),
        lock: Vec::new(),
        seed: 1,
        out: Some(folder.join("cells.json")),
        json: false,
    }
}

const SQUARE: [[f64; 2]; 5] = [
    [120.0, 30.0],
    [120.08, 30.0],
    [120.08, 30.06],
    [120.0, 30.06],
    [120.0, 30.0],
];

fn said(args: &SplitArgs) -> (String, String) {
    let (mut out, mut progress) = (Vec::new(), Vec::new());
    let result = run_split(args, &mut out, &mut progress);
    let out = String::from_utf8(out).unwrap();
    match result {
        Ok(()) => (out, String::from_utf8(progress).unwrap()),
        Err(error) => (error.to_string(), String::new()),
    }
}

#[test]
fn files_become_a_table_and_cells_that_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut args = files(folder.path(), &SQUARE);
    let (table, progress) = said(&args);
    assert!(
        table.contains("3 cells, an equal share is 400.0"),
        "{table}"
    );
    assert!(progress.ends_with("100 %\n"), "{progress}");
    args.present = args.out.clone();
    args.datum = None;
    let with_datum = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["datum"] = json!("WGS-84");
        std::fs::write(path, value.to_string()).unwrap();
    };
    with_datum(&args.boundary);
    with_datum(&args.areas);
    args.lock = vec!["G01".to_owned()];
    args.cells = Some(4);
    let (table, _) = said(&args);
    assert!(
        table.contains("[locked]") && table.contains("would move"),
        "{table}"
    );
    args.json = true;
    let value: Value = serde_json::from_str(&said(&args).0).unwrap();
    assert_eq!(value["cells"].as_array().unwrap().len(), 4);
}

#[test]
fn bad_files_are_named_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let bow = [
        [120.0, 30.0],
        [120.08, 30.06],
        [120.08, 30.0],
        [120.0, 30.06],
        [120.0, 30.0],
    ];
    let refused = said(&files(folder.path(), &bow)).0;
    assert!(refused.contains("territory.self_crossing"), "{refused}");
    let swapped = SQUARE.map(|[lon, lat]| [lat, lon]);
    let refused = said(&files(folder.path(), &swapped)).0;
    assert!(
        refused.contains("position.out_of_range") && refused.contains("swapped"),
        "{refused}"
    );
    let far = SQUARE.map(|[lon, lat]| [lon + 80.0, lat]);
    let refused = said(&files(folder.path(), &far)).0;
    assert!(refused.contains("position.out_of_range"), "{refused}");
    let mut many = files(folder.path(), &SQUARE);
    many.cells = Some(1_000);
    let refused = said(&many).0;
    assert!(refused.contains("territory.cannot_split"), "{refused}");
    std::fs::write(&many.boundary, vec![b' '; 17 << 20]).unwrap();
    let refused = said(&many).0;
    assert!(refused.contains("territory.too_large"), "{refused}");
    let text = r#"{"type":"Polygon","coordinates":[[[NaN,30],[121,30],[121,31]]]}"#;
    std::fs::write(&many.boundary, text).unwrap();
    let refused = said(&many).0;
    assert!(refused.contains("territory.malformed"), "{refused}");
    many.boundary = folder.path().join("nowhere.json");
    assert!(said(&many).0.contains("nowhere.json"));
}
