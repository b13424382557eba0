//! A GeoPackage in.

use super::blob;
use crate::territory::{
    exchange::{
        crs::{self, Said},
        layers::{Layers, Note, feature},
    },
    import::{Layer, MAX_FEATURES},
    problem::Problem,
};
use geojson::{Feature, JsonObject, JsonValue};
use gridcrew_sync_protocol::position::Datum;
use rusqlite::{
    Connection, MAIN_DB, OptionalExtension, Row, config::DbConfig, limits::Limit, types::ValueRef,
};

/// Most bytes of one value or row.
const MAX_VALUE: i32 = 16 * 1024 * 1024;
/// Most columns of a table.
const MAX_COLUMNS: i32 = 128;
/// SQLite looks up each time it has done so many steps,
const STEPS: i32 = 1_000_000;
/// and ends after so many times: a few seconds, where 20,000 rows take some milliseconds.
const LOOKS: u32 = 200;
/// Most tables that are told to be passed over.
const TOLD: i64 = 20;

/// Reads the layers of a GeoPackage.
pub(in crate::territory::exchange) fn read(bytes: &[u8]) -> Result<Layers, Problem> {
    let unreadable = |error: rusqlite::Error| Problem::Unreadable {
        what: "the GeoPackage".to_owned(),
        why: error.to_string().chars().take(200).collect(),
    };
    let db = open(bytes).map_err(unreadable)?;
    let mut layers = Layers::default();
    for (table, srs) in feature_tables(&db).map_err(unreadable)? {
        match layers.slot(&table) {
            None => layers.notes.push(Note::Ignored {
                what: format!("the layer {:?}", table.chars().take(40).collect::<String>()),
            }),
            Some(slot) => *slot = Some(read_layer(&db, &table, srs)?),
        }
    }
    if layers.boundary.is_none() && layers.cells.is_none() && layers.station_areas.is_none() {
        return Err(Problem::Unreadable {
            what: "the GeoPackage".to_owned(),
            why: "none of the layers boundary, cells, station_areas is in it".to_owned(),
        });
    }
    Ok(layers)
}

/// Opens the bytes in memory, so that nothing in them can do anything but be read.
fn open(bytes: &[u8]) -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    db.set_limit(Limit::SQLITE_LIMIT_COLUMN, MAX_COLUMNS)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 100)?;
    db.deserialize_read_exact(MAIN_DB, bytes, bytes.len(), true)?;
    db.execute_batch("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;")?;
    let mut looks = 0;
    db.progress_handler(
        STEPS,
        Some(move || {
            looks += 1;
            looks > LOOKS
        }),
    )?;
    Ok(db)
}

/// The tables of features that it announces, and the system of each.
fn feature_tables(db: &Connection) -> rusqlite::Result<Vec<(String, i32)>> {
    let mut tables = db.prepare(
        "SELECT table_name, srs_id FROM gpkg_contents WHERE data_type = 'features' \
         ORDER BY table_name LIMIT ?1",
    )?;
    let named = tables.query_map([TOLD], |row| Ok((row.get(0)?, row.get(1)?)))?;
    named.collect()
}

fn read_layer(db: &Connection, table: &str, srs: i32) -> Result<Layer, Problem> {
    let unreadable = |why: String| Problem::Unreadable {
        what: format!("the table {table:?}"),
        why,
    };
    let failed = |error: rusqlite::Error| unreadable(error.to_string().chars().take(200).collect());
    let datum = match system(db, srs).map_err(failed)? {
        Said::Datum(datum) => Some(datum),
        Said::Nothing => None,
        Said::Other(said) => {
            return Err(Problem::OtherSystem {
                what: format!("the table {table:?}"),
                said,
            });
        }
    };
    let plain: Option<String> = db
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [table],
            |row| row.get(0),
        )
        .optional()
        .map_err(failed)?;
    let plain = plain.unwrap_or_default().to_ascii_uppercase();
    if !plain.starts_with("CREATE TABLE") {
        return Err(unreadable("it is no plain table".to_owned()));
    }
    let geometry: String = db
        .query_row(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?1 COLLATE NOCASE",
            [table],
            |row| row.get(0),
        )
        .map_err(failed)?;
    let quoted = table.replace('"', "\"\"");
    let mut rows = db
        .prepare(&format!("SELECT * FROM \"{quoted}\" LIMIT ?1"))
        .map_err(failed)?;
    let names: Vec<String> = rows
        .column_names()
        .into_iter()
        .map(str::to_ascii_lowercase)
        .collect();
    let geometry = geometry.to_ascii_lowercase();
    let at = names.iter().position(|name| *name == geometry);
    let at = at.ok_or_else(|| unreadable(format!("it has no column {geometry:?}")))?;
    // One more than allowed, so that whoever counts sees it.
    let most = i64::try_from(MAX_FEATURES)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut found = rows.query([most]).map_err(failed)?;
    let mut features = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let number = features.len() + 1;
        let feature =
            read_row(row, &names, at).map_err(|why| unreadable(format!("row {number}: {why}")))?;
        features.push(feature);
    }
    Ok(Layer { features, datum })
}

/// What a system of coordinates is: by EPSG's number, else by its definition.
fn system(db: &Connection, srs: i32) -> rusqlite::Result<Said> {
    let row = db
        .query_row(
            "SELECT organization, organization_coordsys_id, definition \
             FROM gpkg_spatial_ref_sys WHERE srs_id = ?1",
            [srs],
            |row| {
                let organization: String = row.get(0)?;
                let id: i64 = row.get(1)?;
                let definition: String = row.get(2)?;
                Ok((organization, id, definition))
            },
        )
        .optional()?;
    Ok(match row {
        Some((organization, 4326, _)) if organization.eq_ignore_ascii_case("epsg") => {
            Said::Datum(Datum::Wgs84)
        }
        Some((organization, 4490, _)) if organization.eq_ignore_ascii_case("epsg") => {
            Said::Datum(Datum::Cgcs2000)
        }
        Some((_, _, definition)) => crs::read(&definition),
        None => Said::Other(format!("a system {srs} that it does not define")),
    })
}

fn read_row(row: &Row<'_>, names: &[String], geometry: usize) -> Result<Feature, String> {
    let mut place = None;
    let mut properties = JsonObject::new();
    for (column, name) in names.iter().enumerate() {
        let value = row.get_ref(column).map_err(|error| error.to_string())?;
        if column == geometry {
            place = match value {
                ValueRef::Null => None,
                ValueRef::Blob(blob) => {
                    blob::read(blob).map_err(|why| format!("its geometry {why}"))?
                }
                _ => return Err("its geometry is no blob".to_owned()),
            };
            continue;
        }
        let value = match value {
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text);
                text.map_err(|_| format!("the text in {name:?} is not UTF-8"))?
                    .into()
            }
            ValueRef::Null | ValueRef::Blob(_) => JsonValue::Null,
        };
        properties.insert(name.clone(), value);
    }
    Ok(feature(place, properties))
}
