//! GeoPackage: an SQLite database with tables of features (OGC 12-128r17).
//!
//! A database from a stranger can do more than hold rows: views, triggers, virtual tables
//! and functions in its schema run when it is read. So it is opened in memory, for reading
//! only, in SQLite's defensive mode with an untrusted schema; after a number of steps it is
//! over. Only plain tables are read: those with computed columns are refused, for such a
//! column turns a few bytes into any number of them. Of the others only the columns that a
//! layer needs are asked for, and what they hold is counted over the whole file, since a
//! default value or a page that rows share is stored once and read many times. Nothing is
//! written to a disk, and no file's name comes from the input.

mod blob;
mod reading;
mod writing;

pub(super) use reading::read;
pub(super) use writing::write;

use gridcrew_sync_protocol::position::Datum;

/// The id of a system of coordinates. The first two are EPSG's, the others have none there:
/// they are this project's own, and the definition beside them says what they are.
const fn srs_id(datum: Datum) -> i32 {
    match datum {
        Datum::Wgs84 => 4326,
        Datum::Cgcs2000 => 4490,
        Datum::Gcj02 => 940_202,
        Datum::Bd09 => 940_209,
    }
}
