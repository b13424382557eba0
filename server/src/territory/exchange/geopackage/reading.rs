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

/// Most rows of a table that says what is in the file: each is looked at.
const ANNOUNCED: i64 = 10_000;
/// Most bytes of values that are taken of a whole file. Pages may be shared by many rows, and
/// a column's default value stands once for all of them, so the file's own size is no limit.
const MAX_TAKEN: usize = 64 * 1024 * 1024;

/// The layers, and the columns of each that are read beside its geometry; no others are.
const LAYERS: [(&str, &[&str]); 3] = [
    ("boundary", &[]),
    ("cells", &["code", "name", "station_areas"]),
    (
        "station_areas",
        &["code", "name", "feeder", "customers", "area_class", "cell"],
    ),
];

/// Reads the layers of a GeoPackage.
pub(in crate::territory::exchange) fn read(bytes: &[u8]) -> Result<Layers, Problem> {
    let db = open(bytes).map_err(|error| unreadable("the GeoPackage", error))?;
    for table in [
        "gpkg_contents",
        "gpkg_geometry_columns",
        "gpkg_spatial_ref_sys",
    ] {
        of_moderate_length(&db, table)?;
    }
    let mut layers = Layers::default();
    let mut left = MAX_TAKEN;
    for (name, columns) in LAYERS {
        let found = announced(&db, name).map_err(|error| unreadable("the GeoPackage", error))?;
        let layer = match &found[..] {
            [] => continue,
            [(table, srs)] => read_layer(&db, table, *srs, columns, &mut left)?,
            _ => {
                let why = format!("the layer {name} stands twice in it; leave one");
                return Err(unreadable("the GeoPackage", why));
            }
        };
        if let Some(slot) = layers.slot(name) {
            *slot = Some(layer);
        }
    }
    if layers.boundary.is_none() && layers.cells.is_none() && layers.station_areas.is_none() {
        let why = "none of the layers boundary, cells, station_areas is in it";
        return Err(unreadable("the GeoPackage", why));
    }
    layers.notes = others(&db).map_err(|error| unreadable("the GeoPackage", error))?;
    Ok(layers)
}

fn unreadable(what: impl Into<String>, why: impl ToString) -> Problem {
    Problem::Unreadable {
        what: what.into(),
        why: why.to_string().chars().take(200).collect(),
    }
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

/// Refuses a table that is none, or whose values are computed: a value may then be of any
/// length, and take any time, in a file of a few bytes.
fn plain(db: &Connection, table: &str) -> Result<Vec<String>, Problem> {
    let what = || format!("the table {table:?}");
    let failed = |error: rusqlite::Error| unreadable(what(), error);
    let sql: Option<String> = db
        .query_row(
            "SELECT substr(sql, 1, 12) FROM sqlite_schema \
             WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            [table],
            |row| row.get(0),
        )
        .optional()
        .map_err(failed)?;
    if !sql.is_some_and(|sql| sql.eq_ignore_ascii_case("CREATE TABLE")) {
        return Err(unreadable(what(), "it is no plain table"));
    }
    let mut columns = db
        .prepare("SELECT name, hidden FROM pragma_table_xinfo(?1)")
        .map_err(failed)?;
    let columns: Vec<(String, i64)> = columns
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(failed)?;
    if let Some((computed, _)) = columns.iter().find(|(_, hidden)| *hidden != 0) {
        let computed: String = computed.chars().take(40).collect();
        let why = format!("its column {computed:?} is computed; store the values themselves");
        return Err(unreadable(what(), why));
    }
    Ok(columns.into_iter().map(|(name, _)| name).collect())
}

/// Refuses a table that says what is in the file when it is no plain one, or a very long one.
fn of_moderate_length(db: &Connection, table: &'static str) -> Result<(), Problem> {
    plain(db, table)?;
    let count: i64 = db
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get(0)
        })
        .map_err(|error| unreadable(format!("the table {table:?}"), error))?;
    if count > ANNOUNCED {
        return Err(Problem::Unpacked {
            what: format!("the table {table:?}"),
            limit: format!("{ANNOUNCED} rows"),
        });
    }
    Ok(())
}

/// The tables of features that are announced by a name, and the system of each. Two are
/// enough to see that it stands twice.
fn announced(db: &Connection, name: &str) -> rusqlite::Result<Vec<(String, i32)>> {
    let mut tables = db.prepare(
        "SELECT table_name, srs_id FROM gpkg_contents \
         WHERE data_type = 'features' AND table_name = ?1 COLLATE NOCASE LIMIT 2",
    )?;
    let named = tables.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    named.collect()
}

/// What is said of the layers that are none of the three.
fn others(db: &Connection) -> rusqlite::Result<Vec<Note>> {
    const OTHERS: &str = "FROM gpkg_contents WHERE data_type = 'features' AND table_name \
                          COLLATE NOCASE NOT IN ('boundary', 'cells', 'station_areas')";
    let count: i64 = db.query_row(&format!("SELECT count(*) {OTHERS}"), [], |row| row.get(0))?;
    let mut named = db.prepare(&format!(
        "SELECT CAST(substr(table_name, 1, 40) AS TEXT) {OTHERS} ORDER BY 1 LIMIT {TOLD}"
    ))?;
    let named = named.query_map([], |row| row.get::<_, String>(0))?;
    let mut notes = Vec::new();
    for name in named {
        let what = format!("the layer {:?}", name?);
        notes.push(Note::Ignored { what });
    }
    if count > TOLD {
        let what = format!("what {} more layers hold", count - TOLD);
        notes.push(Note::Ignored { what });
    }
    Ok(notes)
}

fn read_layer(
    db: &Connection,
    table: &str,
    srs: i32,
    wanted: &[&str],
    left: &mut usize,
) -> Result<Layer, Problem> {
    let what = || format!("the table {table:?}");
    let failed = |error: rusqlite::Error| unreadable(what(), error);
    let datum = match system(db, srs).map_err(failed)? {
        Said::Datum(datum) => Some(datum),
        Said::Nothing => None,
        Said::Other(said) => return Err(Problem::OtherSystem { what: what(), said }),
    };
    let columns = plain(db, table)?;
    let geometry: String = db
        .query_row(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?1 COLLATE NOCASE",
            [table],
            |row| row.get(0),
        )
        .map_err(failed)?;
    let is_geometry = |column: &str| column.eq_ignore_ascii_case(&geometry);
    let taken: Vec<&String> = columns
        .iter()
        .filter(|column| {
            is_geometry(column) || wanted.iter().any(|w| w.eq_ignore_ascii_case(column))
        })
        .collect();
    let at = taken.iter().position(|column| is_geometry(column));
    let at = at.ok_or_else(|| unreadable(what(), format!("it has no column {geometry:?}")))?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let list: Vec<String> = taken.iter().map(|column| quoted(column)).collect();
    let (list, from) = (list.join(", "), quoted(table));
    let mut rows = db
        .prepare(&format!("SELECT {list} FROM {from} LIMIT ?1"))
        .map_err(failed)?;
    let names: Vec<String> = taken
        .iter()
        .map(|column| column.to_ascii_lowercase())
        .collect();
    // One more than allowed, so that whoever counts sees it.
    let most = i64::try_from(MAX_FEATURES)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut found = rows.query([most]).map_err(failed)?;
    let mut features = Vec::new();
    while let Some(row) = found.next().map_err(failed)? {
        let number = features.len() + 1;
        let length = length(row, names.len()).map_err(failed)?;
        *left = left.checked_sub(length).ok_or_else(|| Problem::Unpacked {
            what: "the GeoPackage".to_owned(),
            limit: format!("{} MiB of values", MAX_TAKEN / 1024 / 1024),
        })?;
        let feature = read_row(row, &names, at)
            .map_err(|why| unreadable(what(), format!("row {number}: {why}")))?;
        features.push(feature);
    }
    Ok(Layer { features, datum })
}

/// How many bytes the values of a row have, seen without a copy of any.
fn length(row: &Row<'_>, columns: usize) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    for column in 0..columns {
        bytes += match row.get_ref(column)? {
            ValueRef::Text(value) | ValueRef::Blob(value) => value.len(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 0,
        };
    }
    Ok(bytes)
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
