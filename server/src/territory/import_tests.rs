use super::{super::draft::TerritoryDraft, *};
use serde_json::{Value, json};

fn square(x: f64, y: f64, side: f64) -> Value {
    let (x, y) = (120.0 + x / 100.0, 30.0 + y / 100.0);
    let s = side / 100.0;
    json!([[[x, y], [x + s, y], [x + s, y + s], [x, y + s], [x, y]]])
}

fn polygon(coordinates: &Value) -> Value {
    json!({"type": "Polygon", "coordinates": coordinates})
}

fn cell(code: &str, coordinates: &Value, areas: &[&str]) -> Value {
    json!({
        "type": "Feature", "geometry": polygon(coordinates),
        "properties": {"code": code, "name": format!("cell {code}"), "station_areas": areas},
    })
}

fn area(code: &str, x: f64, y: f64) -> Value {
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [120.0 + x / 100.0, 30.0 + y / 100.0]},
        "properties": {
            "code": code, "name": "area", "customers": 80, "feeder": "F1", "area_class": "02",
        },
    })
}

fn file(features: &[Value]) -> String {
    json!({"type": "FeatureCollection", "features": features}).to_string()
}

fn codes(problems: &Problems) -> Vec<&'static str> {
    problems.all().iter().map(|p| p.code().as_str()).collect()
}

const WGS: Option<&str> = Some("WGS-84");

/// Two cells side by side in a boundary that has no point where they meet.
fn checked(cells: &[Value], areas: &[Value]) -> Result<TerritoryDraft, Problems> {
    let outline = polygon(&json!([[
        [120.0, 30.0],
        [120.02, 30.0],
        [120.02, 30.01],
        [120.0, 30.01],
        [120.0, 30.0]
    ]]));
    TerritoryDraft::check(
        boundary(&outline.to_string(), WGS)?.value,
        station_areas(&file(areas), WGS)?.value,
        super::cells(&file(cells), WGS)?.value,
    )
}

#[test]
fn a_small_territory_comes_in_and_a_missing_point_of_the_boundary_is_put_in() {
    let cells = [
        cell("C1", &square(0.0, 0.0, 1.0), &["T1"]),
        cell("C2", &square(1.0, 0.0, 1.0), &["T2"]),
    ];
    let areas = [area("T1", 0.5, 0.5), area("T2", 1.5, 0.5)];
    let draft = checked(&cells, &areas).unwrap();
    assert_eq!(draft.boundary.vertices(), 7);
    assert_eq!(draft.repairs.len(), 2, "{:?}", draft.repairs);
    assert_eq!(draft.remarks, []);
    assert_eq!(draft.station_areas[0].area_class, AreaClass::Rural);

    let astray = checked(&cells, &[area("T1", 1.5, 0.4), area("T2", 1.5, 0.5)]).unwrap();
    assert_eq!(astray.remarks.len(), 1, "{:?}", astray.remarks);
}

#[test]
fn a_datum_must_be_stated_once_and_be_known() {
    let outline = polygon(&square(0.0, 0.0, 1.0));
    let code = |text: &str, datum| boundary(text, datum).unwrap_err().code().as_str();
    let text = outline.to_string();
    assert_eq!(code(&text, None), "position.datum_missing");
    assert_eq!(code(&text, Some("wgs84")), "position.datum_unknown");
    let mut typed = outline.clone();
    typed["datum"] = json!("GCJ-02");
    assert_eq!(code(&typed.to_string(), WGS), "territory.datum_conflict");
    typed["datum"] = json!(84);
    assert_eq!(code(&typed.to_string(), None), "position.datum_unknown");

    typed["datum"] = json!("GCJ-02");
    let moved = boundary(&typed.to_string(), None).unwrap();
    let plain = boundary(&text, WGS).unwrap();
    assert_eq!(moved.datum, Datum::Gcj02);
    let [a, b] = [&moved, &plain].map(|imported| imported.value.polygons()[0][0][0]);
    let shift = gridcrew_sync_protocol::position::distance_m(a, b).0;
    assert!((100.0..700.0).contains(&shift), "{shift}");
}

#[test]
fn files_of_the_wrong_shape_are_refused() {
    let code = |text: &str| boundary(text, WGS).unwrap_err().code().as_str();
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"type":"Polygon"}"#,
        r#"{"type":"FeatureCollection","features":[]}"#,
        r#"{"type":"Point","coordinates":[120,30]}"#,
        r#"{"type":"Polygon","coordinates":[]}"#,
        r#"{"type":"Polygon","coordinates":[[]]}"#,
        r#"{"type":"Polygon","coordinates":[[[120,30],[120,30],[120,30]]]}"#,
        r#"{"type":"MultiPolygon","coordinates":[]}"#,
    ] {
        assert_eq!(code(text), "territory.malformed", "{text}");
    }
    let short = r#"{"type":"Polygon","coordinates":[[[120],[]]]}"#;
    assert_eq!(code(short), "position.out_of_range");
    let bow = json!([[[120, 30], [121, 31], [121, 30], [120, 31], [120, 30]]]);
    assert_eq!(code(&polygon(&bow).to_string()), "territory.self_crossing");
    let swapped = json!([[[30, 120], [31, 120], [31, 121], [30, 120]]]);
    let error = boundary(&polygon(&swapped).to_string(), WGS).unwrap_err();
    assert_eq!(error.code().as_str(), "position.out_of_range");
    assert!(error.to_string().contains("swapped"), "{error}");
}

#[test]
fn too_much_is_refused_before_any_work() {
    let ring: Vec<[f64; 2]> = (0..50_001).map(|n| [120.0, f64::from(n) / 1e6]).collect();
    let error = boundary(&polygon(&json!([ring])).to_string(), WGS).unwrap_err();
    assert_eq!(error.code().as_str(), "territory.too_large");
    let rings: Vec<Value> = (0..51)
        .map(|n| square(f64::from(n), 0.0, 0.5)[0].clone())
        .collect();
    let error = boundary(&polygon(&json!(rings)).to_string(), WGS).unwrap_err();
    assert_eq!(error.code().as_str(), "territory.too_large");
    let many = vec![area("T", 0.0, 0.0); 20_001];
    let error = station_areas(&file(&many), WGS).unwrap_err();
    assert_eq!(error.code().as_str(), "territory.too_large");
}

#[test]
fn every_wrong_property_is_named_at_once() {
    let mut wrong = area("T1", 0.5, 0.5);
    wrong["properties"] = json!({"code": 17, "customers": -3, "feeder": "", "area_class": "04"});
    let error = station_areas(&file(&[wrong]), WGS).unwrap_err();
    assert_eq!(error.all().len(), 4, "{error}");
    assert!(
        error
            .all()
            .iter()
            .all(|p| p.code().as_str() == "territory.malformed")
    );
    assert!(error.to_string().contains("feature 1 (17)"), "{error}");
    let error = station_areas(&file(&[area("T", 0.0, 0.0), area("T", 1.0, 0.0)]), WGS).unwrap_err();
    assert_eq!(codes(&error), ["territory.code_twice"]);
}

#[test]
fn what_does_not_fit_together_is_named_with_its_code() {
    let good = [area("T1", 0.5, 0.5), area("T2", 1.5, 0.5)];
    let first = cell("C1", &square(0.0, 0.0, 1.0), &["T1"]);
    let second = |areas: &[&str]| cell("C2", &square(1.0, 0.0, 1.0), areas);
    let wrong = |cells: &[Value], areas: &[Value]| checked(cells, areas).unwrap_err();

    let empty = wrong(&[first.clone(), second(&[])], &good);
    assert_eq!(
        codes(&empty),
        [
            "territory.cell_without_station_area",
            "territory.station_area_in_no_cell"
        ]
    );
    let twice = wrong(&[first.clone(), second(&["T2", "T1"])], &good);
    assert_eq!(codes(&twice), ["territory.station_area_in_no_cell"]);
    let unknown = wrong(&[first.clone(), second(&["T2", "T9"])], &good);
    assert!(unknown.to_string().contains("T9"));
    let outside = wrong(
        &[first.clone(), second(&["T2"])],
        &[good[0].clone(), area("T2", 5.0, 0.5)],
    );
    assert_eq!(codes(&outside), ["territory.outside_boundary"]);

    let gap = wrong(std::slice::from_ref(&first), &good[..1]);
    assert_eq!(codes(&gap), ["territory.gap"]);
    let overlap = cell(
        "C2",
        &json!([[
            [120.008, 30.0],
            [120.02, 30.0],
            [120.02, 30.01],
            [120.008, 30.01],
            [120.008, 30.0]
        ]]),
        &["T2"],
    );
    let overlap = wrong(&[first, overlap], &good);
    assert_eq!(codes(&overlap), ["territory.cells_overlap"]);
    assert!(overlap.to_string().contains("C1, C2"), "{overlap}");
}

#[test]
fn borders_a_few_centimetres_apart_are_joined_and_told() {
    // 3 cm east, and a point on one side only, 2 cm off the line.
    let off = 3e-7;
    let right = json!([[
        [120.01 + off, 30.0],
        [120.02, 30.0],
        [120.02, 30.01],
        [120.01 + off, 30.01],
        [120.01 - 2e-7, 30.005],
        [120.01 + off, 30.0]
    ]]);
    let cells = [
        cell("C1", &square(0.0, 0.0, 1.0), &["T1"]),
        cell("C2", &right, &["T2"]),
    ];
    let draft = checked(&cells, &[area("T1", 0.5, 0.5), area("T2", 1.5, 0.5)]).unwrap();
    assert!(draft.repairs.len() >= 3, "{:?}", draft.repairs);
    assert!(
        draft
            .repairs
            .iter()
            .all(|r| r.moved <= super::super::repair::NEAR)
    );

    let repeat = json!([[
        [120.0, 30.0],
        [120.0, 30.0],
        [120.01, 30.0],
        [120.010_000_1, 30.0],
        [120.01, 30.01],
        [120.0, 30.0]
    ]]);
    let mended = boundary(&polygon(&repeat).to_string(), WGS).unwrap();
    assert_eq!((mended.repairs.len(), mended.value.vertices()), (2, 4));
}

#[test]
fn a_split_becomes_a_draft_that_passes_its_own_check() {
    let areas: Vec<Value> = (0..40)
        .map(|n| {
            area(
                &format!("T{n}"),
                0.1 + f64::from(n % 8) / 5.0,
                0.1 + f64::from(n / 8) / 6.0,
            )
        })
        .collect();
    let outline = polygon(&square(0.0, 0.0, 2.0)).to_string();
    let draft = TerritoryDraft::by_split(
        &boundary(&outline, WGS).unwrap().value,
        station_areas(&file(&areas), WGS).unwrap().value,
        5,
        9,
        |n| (format!("C{n:02}"), format!("cell {n}")),
    )
    .unwrap();
    assert_eq!(draft.cells.len(), 5);
    assert_eq!((draft.repairs.len(), draft.remarks.len()), (0, 0));
}
