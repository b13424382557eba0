use super::*;
use crate::territory::{
    exchange::{Format, table::tables, write as write_file},
    fixture::two_cells,
    import,
    problem::Problems,
    taking::{Around, Parts, Taken},
};
use std::collections::BTreeMap;

const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

/// The files of an archive, and an archive of files.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut content = two_cells();
    content.cells[0].name = "丁集".to_owned();
    let bytes = write_file(Format::Shapefile, &content, Datum::Wgs84, NOW).unwrap();
    let mut archive = Archive::open(&bytes).unwrap();
    let names = archive.names();
    let read = |name: String| (name.clone(), archive.read(&name).unwrap().unwrap());
    names.into_iter().map(read).collect()
}

fn packed(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn take(files: &BTreeMap<String, Vec<u8>>, stated: Option<Encoding>) -> Result<Taken, Problems> {
    let mut layers = read(&packed(files), stated)?;
    Parts::of_layers(&mut layers, None, None)?.take(None, &Around::default())
}

/// The archive as it would be with text in GBK.
fn in_gbk() -> BTreeMap<String, Vec<u8>> {
    let mut files = files();
    let dbf = files.get_mut("cells.dbf").unwrap();
    let utf8 = "丁集".as_bytes();
    let at = dbf.windows(6).position(|six| six == utf8).unwrap();
    dbf[at..at + 6].copy_from_slice(b"\xb6\xa1\xbc\xaf  ");
    files.retain(|name, _| !name.ends_with(".cpg"));
    files
}

#[test]
fn text_in_gbk_is_named_and_read_only_when_somebody_says_so() {
    let mut files = in_gbk();
    let refused = take(&files, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.encoding");
    assert!(refused.to_string().contains("丁集"), "{refused}");
    let name = |taken: Result<Taken, Problems>| taken.unwrap().content.cells[0].name.clone();
    assert_eq!(name(take(&files, Some(Encoding::Gbk))), "丁集");

    files.insert("cells.cpg".to_owned(), b"GB2312\r\n".to_vec());
    let layers = read(&packed(&files), None).unwrap();
    assert!(
        layers.notes[0]
            .to_string()
            .contains("GBK, as the .cpg says")
    );
    assert_eq!(name(take(&files, None)), "丁集");
    let refused = take(&files, Some(Encoding::Utf8)).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.unreadable");
    files.insert("cells.cpg".to_owned(), b"BIG5".to_vec());
    assert!(take(&files, None).is_err());

    // The mark in the table's head is a statement too.
    files.remove("cells.cpg");
    files.get_mut("cells.dbf").unwrap()[29] = 0x4d;
    assert_eq!(name(take(&files, None)), "丁集");
}

#[test]
fn what_the_prj_says_must_be_known_and_agree() {
    let mut files = files();
    let projected = br#"PROJCS["CGCS2000_3_Degree_GK_CM_117E",GEOGCS["..."]]"#;
    files.insert("boundary.prj".to_owned(), projected.to_vec());
    let refused = take(&files, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "position.datum_unknown");
    files.remove("boundary.prj");
    let refused = take(&files, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "position.datum_missing");
    // One layer alone contradicts the request.
    files.insert(
        "boundary.prj".to_owned(),
        crs::wkt(Datum::Gcj02).into_bytes(),
    );
    let mut layers = read(&packed(&files), None).unwrap();
    let refused = Parts::of_layers(&mut layers, Some("WGS-84"), None).unwrap_err();
    assert_eq!(refused.code().as_str(), "territory.datum_conflict");
}

#[test]
fn numbers_that_are_no_places_are_named() {
    for (lon, code) in [
        (f64::NAN, "position.out_of_range"),
        (200.0, "position.out_of_range"),
        (f64::INFINITY, "position.out_of_range"),
    ] {
        let mut files = files();
        let shp = files.get_mut("station_areas.shp").unwrap();
        shp[112..120].copy_from_slice(&lon.to_le_bytes());
        assert_eq!(
            take(&files, None).unwrap_err().code().as_str(),
            code,
            "{lon}"
        );
    }
}

#[test]
fn a_row_that_was_deleted_and_rings_of_any_direction_are_read_as_meant() {
    let mut files = files();
    let before = take(&files, None).unwrap().content;
    // Each ring the other way round.
    for name in ["cells.shp", "boundary.shp"] {
        let shp = files.get_mut(name).unwrap();
        let mut at = 100;
        while at < shp.len() {
            let points = usize::try_from(i32::from_le_bytes(
                shp[at + 48..at + 52].try_into().unwrap(),
            ));
            let from = at + 8 + 44 + 4;
            let end = from + 16 * points.unwrap();
            let reversed: Vec<u8> = shp[from..end].rchunks(16).flatten().copied().collect();
            shp[from..end].copy_from_slice(&reversed);
            at = end;
        }
    }
    assert_eq!(take(&files, None).unwrap().content, before);

    let dbf = files.get_mut("station_areas.dbf").unwrap();
    let first = usize::from(u16::from_le_bytes([dbf[8], dbf[9]]));
    dbf[first] = b'*';
    let taken = take(&files, None).unwrap();
    assert_eq!(
        taken.content.station_areas.len(),
        before.station_areas.len() - 1
    );
}

#[test]
fn more_parts_than_an_outline_may_have_rings_are_not_read() {
    let mut files = files();
    let shp = files.get_mut("boundary.shp").unwrap();
    shp[144..148].copy_from_slice(&51_i32.to_le_bytes());
    let refused = take(&files, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "file.unreadable");
    assert!(refused.to_string().contains("51 rings"), "{refused}");
}

#[test]
fn parts_that_do_not_fit_each_other_are_named() {
    let whole = files();
    let with = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = whole.clone();
        change(files.get_mut(name).unwrap());
        take(&files, None).unwrap_err().to_string()
    };
    assert!(with("cells.dbf", &|dbf| dbf.truncate(40)).contains("cells.dbf"));
    assert!(with("cells.dbf", &|dbf| dbf[4] = 1).contains("1 rows for 2 shapes"));
    assert!(with("cells.shp", &|shp| shp.truncate(150)).contains("shape 1"));
    assert!(with("cells.shp", &|shp| shp[108] = 3).contains("line"));
    let mut files = whole.clone();
    files.remove("boundary.dbf");
    assert!(
        take(&files, None)
            .unwrap_err()
            .to_string()
            .contains("boundary.dbf")
    );
}

#[test]
fn another_reader_finds_the_same() {
    let mut content = two_cells();
    content.station_areas[0].name = format!("{}𠮷", "集".repeat(100));
    let tables = tables(&content, Datum::Wgs84);
    let areas = tables.iter().find(|table| table.points).unwrap();
    let (shp, shx) = shp::write(areas);
    let shapes = shapefile::ShapeReader::with_shx(Cursor::new(shp), Cursor::new(shx)).unwrap();
    let rows = shapefile::dbase::Reader::new(Cursor::new(dbf::write(areas, NOW))).unwrap();
    let mut reader = shapefile::Reader::new(shapes, rows);
    let read: Vec<_> = reader
        .iter_shapes_and_records_as::<shapefile::Point, shapefile::dbase::Record>()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(read.len(), 4);
    for ((point, row), area) in read.iter().zip(&content.station_areas) {
        assert_eq!(
            (point.x, point.y),
            (area.position.lon(), area.position.lat())
        );
        let text = |name: &str| match row.get(name) {
            Some(shapefile::dbase::FieldValue::Character(Some(text))) => text.clone(),
            _ => String::new(),
        };
        assert_eq!(text("code"), area.code);
        assert_eq!(text("name") + &text("name_2"), area.name);
    }

    let cells = tables.iter().find(|table| table.name == "cells").unwrap();
    let (shp, _) = shp::write(cells);
    let reader = shapefile::ShapeReader::new(Cursor::new(shp)).unwrap();
    let shapes = reader.read_as::<shapefile::Polygon>().unwrap();
    assert_eq!(shapes.len(), 2);
    let outer = |shape: &shapefile::Polygon| matches!(shape.rings(), [shapefile::PolygonRing::Outer(points)] if points.len() == 5);
    assert!(shapes.iter().all(outer));
}

#[test]
fn more_features_and_points_than_allowed_are_refused_in_no_time() {
    let mut files = files();
    // 500,000 points in one boundary: 8 MB.
    let points = 500_000_i32;
    let mut record = Vec::new();
    record.extend(5i32.to_le_bytes());
    record.extend([0; 32]);
    record.extend(1i32.to_le_bytes());
    record.extend(points.to_le_bytes());
    record.extend(0i32.to_le_bytes());
    for n in 0..points {
        let turn = f64::from(n) / 500_000.0 * std::f64::consts::TAU;
        record.extend((116.0 + 0.1 * turn.cos()).to_le_bytes());
        record.extend((32.0 + 0.1 * turn.sin()).to_le_bytes());
    }
    let mut shp = files["boundary.shp"][..100].to_vec();
    shp.extend(1i32.to_be_bytes());
    shp.extend(i32::try_from(record.len() / 2).unwrap().to_be_bytes());
    shp.extend(record);
    files.insert("boundary.shp".to_owned(), shp);
    let refused = take(&files, None).unwrap_err();
    assert_eq!(refused.code().as_str(), "territory.too_large");
    assert!(
        refused
            .to_string()
            .contains(&import::MAX_BOUNDARY_POINTS.to_string())
    );
}
