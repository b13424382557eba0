//! What other programs write: shapefiles, GeoPackages, spreadsheets.
//!
//! The first byte says what the rest is. An archive is as good as closed to a fuzzer: whatever
//! it changes breaks a checksum. So the parts of a shapefile and the sheet of a workbook also
//! come bare, and are packed here before they are read.

use gridcrew_server::territory::{
    content::Content,
    exchange::{self, Encoding, Format},
    sheet::{self, Kind, SheetFormat, accounts, areas},
    taking::{Around, Parts, Taken},
};
use gridcrew_sync_protocol::position::Datum;
use std::{
    io::{Cursor, Write},
    sync::OnceLock,
};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::seeds::NOW;

/// The first byte of what is GeoJSON.
pub const GEOJSON: u8 = 0;
/// The first byte of what is an archive with shapefiles.
pub const SHAPEFILE: u8 = 1;
/// The first byte of what is a GeoPackage.
pub const GEOPACKAGE: u8 = 2;
/// The first byte of what is [`PARTS`], each with its length before it.
pub const BARE_SHAPEFILE: u8 = 3;
/// The parts of a bare shapefile.
pub const PARTS: [&str; 4] = [
    "boundary.shp",
    "boundary.dbf",
    "station_areas.shp",
    "station_areas.dbf",
];

/// A file with a territory, put together as before it is stored. What is taken without mending
/// is written and read again as the same.
pub fn layers(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else {
        return false;
    };
    let packed;
    let (format, rest) = match *kind {
        GEOJSON => (Format::GeoJson, rest),
        SHAPEFILE => (Format::Shapefile, rest),
        GEOPACKAGE => (Format::GeoPackage, rest),
        BARE_SHAPEFILE => {
            packed = archive_of(&parts(rest));
            (Format::Shapefile, packed.as_slice())
        }
        _ => return false,
    };
    let Some(first) = taken(format, rest) else {
        return false;
    };
    if first.repairs.is_empty() {
        let again = exchange::write(format, &first.content, Datum::Wgs84, NOW);
        let again = again.ok().and_then(|bytes| taken(format, &bytes));
        let again = again.map(|again| again.content);
        assert_eq!(again, Some(first.content), "read again as the same");
    }
    true
}

fn taken(format: Format, bytes: &[u8]) -> Option<Taken> {
    let mut layers = exchange::read(format, bytes, None).ok()?;
    let boundary = layers.boundary.as_ref();
    let silent = boundary.is_none_or(|layer| layer.datum.is_none());
    let parts = Parts::of_layers(&mut layers, silent.then_some("WGS-84"), None).ok()?;
    parts.take(None, &Around::default()).ok()
}

fn parts(mut rest: &[u8]) -> Vec<(&'static str, &[u8])> {
    PARTS
        .iter()
        .map(|name| {
            let length = rest.split_first_chunk();
            let part = length.map_or(&[][..], |(length, after)| {
                let length = u32::from_le_bytes(*length) as usize;
                let (part, after) = after.split_at(length.min(after.len()));
                rest = after;
                part
            });
            (*name, part)
        })
        .collect()
}

/// An archive that is not compressed.
fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let put = zip.start_file(*name, options);
        assert!(
            put.is_ok() && zip.write_all(bytes).is_ok(),
            "memory takes it"
        );
    }
    zip.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// The first byte of what is CSV.
pub const CSV: u8 = 0;
/// The first byte of what is CSV in GBK.
pub const GBK: u8 = 1;
/// The first byte of what is a workbook.
pub const WORKBOOK: u8 = 2;
/// The first byte of what is the sheet of a workbook.
pub const BARE_SHEET: u8 = 3;

/// A spreadsheet, read as one of accounts and as one of station areas. Accounts that are taken
/// are written and read again as the same.
pub fn sheets(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else {
        return false;
    };
    let packed;
    let (format, encoding, rest) = match *kind {
        CSV => (SheetFormat::Csv, None, rest),
        GBK => (SheetFormat::Csv, Some(Encoding::Gbk), rest),
        WORKBOOK => (SheetFormat::Xlsx, None, rest),
        BARE_SHEET => {
            packed = archive_of(&[
                ("xl/workbook.xml", b"<w><sheet name=\"a\" r:id=\"1\"/></w>"),
                (
                    "xl/_rels/workbook.xml.rels",
                    b"<r><Relationship Id=\"1\" Target=\"sheet.xml\"/></r>",
                ),
                ("xl/sheet.xml", rest),
            ]);
            (SheetFormat::Xlsx, None, packed.as_slice())
        }
        _ => return false,
    };
    let Ok(sheet) = sheet::read(format, rest, encoding) else {
        return false;
    };
    let stated = Some(Datum::Wgs84);
    let of_areas = areas::read(&sheet, ground(), stated);
    if let Ok(read) = &of_areas {
        let _applied = areas::apply(ground(), &read.good);
        let refused = read.report.sheet(Kind::StationAreas, SheetFormat::Csv, NOW);
        assert!(refused.is_ok(), "refused rows can be written");
    }
    let known = known();
    let Ok(read) = accounts::read(&sheet, &known, stated) else {
        return of_areas.is_ok();
    };
    let rows = accounts::rows(&read.good, Datum::Wgs84);
    let again = sheet::write(Kind::Accounts, SheetFormat::Csv, rows, NOW)
        .and_then(|bytes| sheet::read(SheetFormat::Csv, &bytes, None))
        .and_then(|sheet| accounts::read(&sheet, &known, None));
    let again = again.map(|again| again.good).ok();
    if !read.good.is_empty() {
        assert_eq!(again, Some(read.good), "read again as the same");
    }
    true
}

fn known() -> accounts::Known {
    let areas = ground().station_areas.iter();
    accounts::Known {
        areas: areas
            .map(|area| (area.code.clone(), area.position))
            .collect(),
        ..accounts::Known::default()
    }
}

/// A territory with two station areas.
///
/// # Panics
/// When the file beside this one is no territory any more.
pub(super) fn ground() -> &'static Content {
    static GROUND: OnceLock<Content> = OnceLock::new();
    GROUND.get_or_init(|| {
        let read = taken(Format::GeoJson, include_bytes!("exchange/ground.geojson"));
        let Some(taken) = read else {
            unreachable!("ground.geojson is a territory: the seeds are made of it");
        };
        taken.content
    })
}
