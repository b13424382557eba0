//! A territory as a file of another program: GeoJSON, Shapefile, GeoPackage.
//!
//! Out: [`table`] turns a [`Content`] into three tables (`boundary`, `cells`,
//! `station_areas`) in the datum that was asked for, and one writer for each format puts
//! them into bytes. In: one reader for each format turns bytes into [`Layers`] of features,
//! with what the file itself says of its datum ([`crs`]); from there on all formats go the
//! same way ([`import`](super::import), [`taking`](super::taking)), so the same flaws are
//! named by the same codes and mended alike. What was written is read in again as an equal
//! [`Content`].
//!
//! The bytes come from strangers. Nothing here trusts a count or a length that a file
//! states: archives are unpacked under limits ([`archive`]), shapes and tables are read
//! from slices that must hold what they claim, and a GeoPackage is opened in memory, for
//! reading only, by an SQLite that runs nothing of what is in it ([`geopackage`]).

mod archive;
mod crs;
mod geojson;
mod geopackage;
mod layers;
mod shapefile;
mod table;
mod text;

pub(super) use archive::Archive;
pub use layers::{Layers, Note};
pub use text::Encoding;
pub(super) use text::as_gbk;

use super::{content::Content, problem::Problem};
use gridcrew_sync_protocol::{position::Datum, time::UnixMillis};
use serde::Deserialize;
use utoipa::ToSchema;

/// Most bytes of a file that is taken in.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One feature collection; the property `kind` says what a feature is (RFC 7946, with a
    /// member `datum`).
    #[value(name = "geojson")]
    GeoJson,
    /// A zip archive with `boundary`, `cells` and `station_areas`, each as `.shp`, `.dbf`,
    /// `.prj` and `.cpg` (ESRI Shapefile Technical Description, 1998).
    #[value(name = "shapefile")]
    Shapefile,
    /// A database with the tables `boundary`, `cells` and `station_areas` (OGC 12-128r17).
    #[value(name = "geopackage")]
    GeoPackage,
}

impl Format {
    /// The media type of such a file.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::GeoJson => "application/geo+json",
            Self::Shapefile => "application/zip",
            Self::GeoPackage => "application/geopackage+sqlite3",
        }
    }

    /// The ending of such a file's name.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::GeoJson => "geojson",
            Self::Shapefile => "zip",
            Self::GeoPackage => "gpkg",
        }
    }
}

/// Reads the layers of a file. `encoding` is what is stated of its text from outside; only
/// shapefiles leave that open.
///
/// # Errors
/// What keeps the file from being read: `file.unreadable`, `file.too_large`,
/// `file.encoding`, `position.datum_unknown`, `territory.malformed`.
pub fn read(format: Format, bytes: &[u8], encoding: Option<Encoding>) -> Result<Layers, Problem> {
    match format {
        Format::GeoJson => geojson::read(bytes),
        Format::Shapefile => shapefile::read(bytes, encoding),
        Format::GeoPackage => geopackage::read(bytes),
    }
}

/// Writes a territory, coordinates in `datum`. `now` is the date that goes into the files of
/// formats that have one.
///
/// # Errors
/// `file.unreadable` when a writer fails, which no content makes it do.
pub fn write(
    format: Format,
    content: &Content,
    datum: Datum,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    let tables = table::tables(content, datum);
    match format {
        Format::GeoJson => Ok(geojson::write(&tables, datum)),
        Format::Shapefile => shapefile::write(&tables, datum, now),
        Format::GeoPackage => geopackage::write(&tables, datum, now),
    }
}

#[cfg(test)]
mod tests;
