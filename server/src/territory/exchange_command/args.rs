//! What `gridcrew territory` is told.

use crate::{
    config::Config,
    territory::{exchange::Encoding, sheet::Mode},
};
use gridcrew_sync_protocol::position::Datum;
use std::path::PathBuf;

/// What to do with a territory.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TerritoryCommand {
    /// Write a territory, station areas or accounts into a file.
    Export(ExportArgs),
    /// Take in a territory, station areas or accounts from a file.
    Import(ImportArgs),
}

/// Whose, and in whose name.
#[derive(Clone, Debug, clap::Args)]
pub struct About {
    /// Where the data is.
    #[command(flatten)]
    pub config: Config,
    /// The station, by its code.
    #[arg(long, value_name = "CODE")]
    pub station: String,
    /// In whose name, by the login: staff of the station or an administrator.
    #[arg(long, value_name = "LOGIN")]
    pub by: String,
    /// What it is.
    #[arg(long, value_enum, default_value = "territory")]
    pub what: What,
    /// What kind of file: geojson, shapefile, geopackage for a territory, xlsx, csv for the
    /// others.
    #[arg(long)]
    pub format: String,
    /// What coordinates refer to: WGS-84, GCJ-02, BD-09 or CGCS2000. An export without it is
    /// in WGS-84, an import without it takes what the file says.
    #[arg(long)]
    pub datum: Option<Datum>,
}

/// `gridcrew territory export`
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Whose, and in whose name.
    #[command(flatten)]
    pub about: About,
    /// Of a sheet only this part, from 1, of 10,000 rows: more than one file takes in again goes
    /// out in parts.
    #[arg(long, value_name = "NUMBER")]
    pub part: Option<usize>,
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// `gridcrew territory import`
#[derive(Clone, Debug, clap::Args)]
pub struct ImportArgs {
    /// Whose, and in whose name.
    #[command(flatten)]
    pub about: About,
    /// The file to take in.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The datum was looked at and is true, whatever it looks like.
    #[arg(long)]
    pub datum_confirmed: bool,
    /// The encoding of text that does not say it.
    #[arg(long, value_enum)]
    pub encoding: Option<Encoding>,
    /// Only look; write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// What to do when rows of a sheet are refused.
    #[arg(long, value_enum, default_value = "all_or_nothing")]
    pub mode: Mode,
    /// Where to write the refused rows of a sheet, with their reasons; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
    /// Why.
    #[arg(long, default_value = "imported on the command line")]
    pub reason: String,
}

/// What a file is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// The territory: boundary, cells, station areas.
    Territory,
    /// Station areas as a sheet.
    StationAreas,
    /// Accounts as a sheet.
    Accounts,
}
