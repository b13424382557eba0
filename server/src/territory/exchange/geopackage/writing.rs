//! A GeoPackage out.

use super::{blob, srs_id};
use crate::territory::{
    exchange::{
        crs,
        table::{Field, Table, is_whole},
    },
    problem::Problem,
};
use gridcrew_sync_protocol::{position::Datum, time::UnixMillis};
use rusqlite::{Connection, MAIN_DB, ToSql, params, types::Null};
use time::format_description::well_known::Rfc3339;

/// The tables that every GeoPackage has (OGC 12-128r17, annex C).
const SCHEMA: &str = "
PRAGMA application_id = 0x47504B47;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT
);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL,
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
  srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id)
);
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL REFERENCES gpkg_contents(table_name), column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL REFERENCES gpkg_spatial_ref_sys(srs_id),
  z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name),
  UNIQUE (table_name)
);
";

/// Writes tables into a database in memory, and gives its bytes.
pub(in crate::territory::exchange) fn write(
    tables: &[Table],
    datum: Datum,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    database(tables, datum, now).map_err(|error| Problem::Unreadable {
        what: "the GeoPackage".to_owned(),
        why: error.to_string(),
    })
}

fn database(tables: &[Table], datum: Datum, now: UnixMillis) -> rusqlite::Result<Vec<u8>> {
    let mut db = Connection::open_in_memory()?;
    // Small pages: most of its tables have a row or two.
    db.execute_batch("PRAGMA page_size = 1024")?;
    let tx = db.transaction()?;
    tx.execute_batch(SCHEMA)?;
    let registered = matches!(datum, Datum::Wgs84 | Datum::Cgcs2000);
    let systems = [Datum::Wgs84, datum];
    // WGS-84 stands in every GeoPackage.
    for system in systems
        .iter()
        .take(if datum == Datum::Wgs84 { 1 } else { 2 })
    {
        let own = *system == datum && !registered;
        tx.execute(
            "INSERT INTO gpkg_spatial_ref_sys VALUES (?1, ?2, ?3, ?2, ?4, NULL)",
            params![
                system.name(),
                srs_id(*system),
                if own { "gridcrew" } else { "EPSG" },
                crs::wkt(*system)
            ],
        )?;
    }
    let at = time::OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    // Rfc3339 has no form for years beyond 9999; nobody has such a clock.
    let at = at.format(&Rfc3339).unwrap_or_default();
    for table in tables {
        let name = table.name;
        tx.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, srs_id) \
             VALUES (?1, 'features', ?1, ?2, ?3)",
            params![name, at, srs_id(datum)],
        )?;
        let kind = if table.points {
            "POINT"
        } else {
            "MULTIPOLYGON"
        };
        tx.execute(
            "INSERT INTO gpkg_geometry_columns VALUES (?1, 'geom', ?2, ?3, 0, 0)",
            params![name, kind, srs_id(datum)],
        )?;
        fill(&tx, table, kind, srs_id(datum))?;
    }
    tx.commit()?;
    Ok(db.serialize(MAIN_DB)?.to_vec())
}

/// The names come from [`super::super::table`], none from outside.
fn fill(db: &Connection, table: &Table, kind: &str, srs: i32) -> rusqlite::Result<()> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let kind = if is_whole(column) { "INTEGER" } else { "TEXT" };
            format!("{column} {kind}")
        })
        .collect();
    let name = table.name;
    db.execute_batch(&format!(
        "CREATE TABLE {name} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom {kind}, {})",
        columns.join(", ")
    ))?;
    let places = vec!["?"; table.columns.len() + 1].join(", ");
    let mut insert = db.prepare(&format!(
        "INSERT INTO {name} (geom, {}) VALUES ({places})",
        table.columns.join(", ")
    ))?;
    for row in &table.rows {
        let geometry = blob::write(&row.place, srs);
        let mut values: Vec<&dyn ToSql> = vec![&geometry];
        for field in &row.fields {
            values.push(match field {
                Field::Text(text) => text,
                Field::Whole(number) => number,
                Field::Nothing => &Null,
            });
        }
        insert.execute(&values[..])?;
    }
    Ok(())
}
