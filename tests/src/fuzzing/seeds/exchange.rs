//! Seeds of what other programs write.

use super::NOW;
use crate::fuzzing::exchange::{
    BARE_SHAPEFILE, BARE_SHEET, CSV, GBK, GEOJSON, GEOPACKAGE, PARTS, SHAPEFILE, WORKBOOK, ground,
};
use gridcrew_server::territory::{
    content::Content,
    exchange::{self, Format},
    sheet::{self, Kind, SheetFormat, areas},
};
use gridcrew_sync_protocol::position::Datum;
use std::io::{Cursor, Read};
use zip::ZipArchive;

fn marked(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind], bytes].concat()
}

fn written(format: Format, content: &Content, datum: Datum) -> Vec<u8> {
    exchange::write(format, content, datum, NOW).unwrap_or_default()
}

/// Files with a territory. The GeoPackage changes with the version of SQLite.
pub(super) fn layers() -> Vec<(&'static str, Vec<u8>)> {
    let whole = ground();
    let shapefile = written(Format::Shapefile, whole, Datum::Gcj02);
    let geopackage = written(Format::GeoPackage, whole, Datum::Wgs84);
    let cut = geopackage.get(..geopackage.len() / 2).unwrap_or_default();
    let not_split = Content {
        cells: Vec::new(),
        station_areas: whole
            .station_areas
            .iter()
            .cloned()
            .map(|mut area| {
                area.cell = None;
                area
            })
            .collect(),
        ..whole.clone()
    };
    let bare = written(Format::Shapefile, &not_split, Datum::Wgs84);
    vec![
        (
            "geojson",
            marked(GEOJSON, &written(Format::GeoJson, whole, Datum::Bd09)),
        ),
        ("shapefile", marked(SHAPEFILE, &shapefile)),
        ("bare", marked(BARE_SHAPEFILE, &parts_of(&bare))),
        ("geopackage", marked(GEOPACKAGE, &geopackage)),
        ("no-half-geopackage", marked(GEOPACKAGE, cut)),
        ("no-boundary", marked(BARE_SHAPEFILE, &[0; 8])),
    ]
}

/// The parts of an archive, each with its length before it.
fn parts_of(archive: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let Ok(mut archive) = ZipArchive::new(Cursor::new(archive)) else {
        return all;
    };
    for name in PARTS {
        let mut part = Vec::new();
        if let Ok(mut file) = archive.by_name(name) {
            // An archive in memory can be read.
            let _length = file.read_to_end(&mut part);
        }
        let length = u32::try_from(part.len()).unwrap_or(0);
        all.extend(length.to_le_bytes());
        all.extend(part);
    }
    all
}

/// Spreadsheets.
pub(super) fn sheets() -> Vec<(&'static str, Vec<u8>)> {
    let accounts = "户号,户名,电话,台区编号,经度,纬度,坐标系\r\n\
        001,王建国,'+86 138,T1,120.005,30.005,WGS-84\r\n\
        ００２,\"𠮷,\"\"田\",,T9,,,\r\n";
    // 户号,户名,台区编号 in GBK, and an account.
    let gbk = b"\xbb\xa7\xba\xc5,\xbb\xa7\xc3\xfb,\xcc\xa8\xc7\xf8\xb1\xe0\xba\xc5\n001,\xb6\xa1\xbc\xaf,T1\n";
    let rows = areas::rows(ground(), Datum::Cgcs2000);
    let workbook = sheet::write(Kind::StationAreas, SheetFormat::Xlsx, rows, NOW);
    let bare = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>account_no\
        </t></is></c><c t=\"str\"><v>station_area</v></c><c t=\"str\"><v>name</v></c></row>\
        <row r=\"3\" hidden=\"1\"><c r=\"A3\"><f>1+1</f><v>2</v></c><c t=\"str\"><v>T1</v></c>\
        <c t=\"inlineStr\"><is><r><t>a</t></r><rPh sb=\"0\"><t>b</t></rPh></is></c></row>\
        </sheetData><mergeCells><mergeCell ref=\"B3:B4\"/></mergeCells></worksheet>";
    vec![
        ("accounts", marked(CSV, accounts.as_bytes())),
        ("gbk", marked(GBK, gbk)),
        ("workbook", marked(WORKBOOK, &workbook.unwrap_or_default())),
        ("bare", marked(BARE_SHEET, bare.as_bytes())),
        ("no-headings", marked(CSV, b"a,b\n1,2\n")),
        ("no-gbk", marked(CSV, gbk)),
    ]
}
