use super::*;
use crate::territory::{
    content::{AreaContent, CellContent},
    fixture::{islands, two_sound_cells},
    shape::Shape,
};
use gridcrew_sync_protocol::{code::Code, position::Wgs84};

const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

/// Rows of accounts with an address each.
fn rows(count: usize, address: &str) -> Vec<Vec<Out>> {
    let row = |number: usize| {
        let text = |text: &str| Out::Text(text.to_owned());
        let mut row = vec![Out::Text(format!("{number:06}")), text("王"), text("")];
        row.extend([text(address), text(""), text("t1")]);
        row.extend([Out::Empty, Out::Empty, Out::Empty]);
        row
    };
    (0..count).map(row).collect()
}

fn csv(rows: Vec<Vec<Out>>, part: Option<usize>) -> Result<Vec<u8>, Problem> {
    sheet(Kind::Accounts, SheetFormat::Csv, rows, part, NOW)
}

fn numbers(bytes: &[u8]) -> Vec<String> {
    let read = sheet::read(SheetFormat::Csv, bytes, None).unwrap();
    sheet::accounts::numbers(&read).unwrap()
}

#[test]
fn more_rows_than_a_sheet_takes_go_out_in_parts_and_none_is_lost() {
    let all = MAX_ROWS + 1;
    assert_eq!(numbers(&csv(rows(7, "x"), None).unwrap()).len(), 7);
    let refused = csv(rows(all, "x"), None).unwrap_err();
    assert_eq!(refused.code(), Code::ExportTooLarge);
    let said = refused.to_string();
    assert!(said.contains("part=1 to part=6"), "{said}");
    let parts = (1..=6).flat_map(|part| {
        let bytes = csv(rows(all, "x"), Some(part)).unwrap();
        numbers(&bytes)
    });
    let wanted = (0..all).map(|number| format!("{number:06}"));
    assert!(parts.eq(wanted), "every row once, in order");
    for part in [0, 7] {
        let none = csv(rows(all, "x"), Some(part)).unwrap_err();
        assert_eq!(none, Problem::NoPart { part, parts: 6 });
    }
    assert!(csv(Vec::new(), Some(1)).is_ok() && csv(Vec::new(), Some(2)).is_err());
}

#[test]
fn rows_with_texts_too_long_for_a_file_go_out_in_parts() {
    let long = "长".repeat(300);
    let refused = csv(rows(20_000, &long), None).unwrap_err();
    assert_eq!(refused.code(), Code::ExportTooLarge, "{refused}");
    assert!(csv(rows(20_000, &long), Some(2)).is_ok());
}

/// A territory of one cell with so many points on its border.
fn round(points: i32) -> Content {
    let ring = (0..points).map(|n| {
        let turn = f64::from(n) / f64::from(points) * std::f64::consts::TAU;
        Wgs84::new(116.6 + 0.05 * turn.cos(), 32.8 + 0.04 * turn.sin()).unwrap()
    });
    let outline = Shape::new(vec![vec![ring.collect()]]).unwrap();
    let mut area = two_sound_cells().station_areas[0].clone();
    area.position = Wgs84::new(116.6, 32.8).unwrap();
    area.cell = Some("W".to_owned());
    let (code, name) = ("W".to_owned(), "west".to_owned());
    Content {
        boundary: outline.clone(),
        station_areas: vec![area],
        cells: vec![CellContent {
            code,
            name,
            outline,
        }],
    }
}

#[test]
fn a_cell_of_more_points_than_somebody_draws_goes_out_and_in() {
    let content = round(6_000);
    content.check_sizes().unwrap();
    for format in [Format::GeoJson, Format::Shapefile, Format::GeoPackage] {
        let bytes = territory(format, &content, Datum::Gcj02, NOW).unwrap();
        let mut layers = exchange::read(format, &bytes, None).unwrap();
        let parts = Parts::of_layers(&mut layers, None, None).unwrap();
        let cells = parts.cells.unwrap().value;
        assert_eq!(cells[0].shape, content.cells[0].outline);
    }
}

#[test]
fn a_file_larger_than_what_is_taken_in_is_not_handed_out() {
    let mut content = two_sound_cells();
    let area = content.station_areas[0].clone();
    let more = (0..18_000).map(|number| {
        let mut area = area.clone();
        area.code = format!("{number:0>64}");
        area.name = "村".repeat(200);
        area.feeder = Some("线".repeat(64));
        area
    });
    content.station_areas.extend(more);
    let refused = territory(Format::GeoJson, &content, Datum::Wgs84, NOW).unwrap_err();
    assert_eq!(refused.code(), Code::ExportTooLarge, "{refused}");
    assert!(refused.to_string().contains("bytes"), "{refused}");
}

#[test]
fn what_no_import_would_take_is_not_stored() {
    let mut many = two_sound_cells();
    let area = many.station_areas[0].clone();
    let more = (0..20_000).map(|number| {
        let code = format!("n{number}");
        AreaContent {
            code,
            ..area.clone()
        }
    });
    many.station_areas.extend(more);
    let refused = many.check_sizes().unwrap_err();
    assert_eq!(refused.code(), Code::TerritoryTooLarge);
    assert!(
        refused.to_string().contains("20004 station areas"),
        "{refused}"
    );

    let mut scattered = two_sound_cells();
    scattered.cells[0].outline = islands(51);
    let refused = scattered.check_sizes().unwrap_err().to_string();
    assert!(refused.contains("cell W has 51 rings"), "{refused}");
}
