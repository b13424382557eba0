//! Station areas and accounts as a spreadsheet, out and in: XLSX and CSV.
//!
//! In: [`xlsx`] and [`csv`] turn bytes into a [`Sheet`] of cells as they stand, [`columns`]
//! finds the row of headings, [`areas`] and [`accounts`] read each row for what it says and
//! compare it with what is stored ([`row`] has the rules for one cell). A row that cannot be
//! taken is listed with its number, column, value and reason; the others can be taken or
//! left as one ([`Mode`]). The same sheet a second time changes nothing.
//!
//! Out: [`writing`] makes a sheet that can be read in again, and [`report`] one of the
//! refused rows with their reasons, to be mended and sent again. No text becomes a formula
//! in the program that opens it.
//!
//! The bytes come from strangers; what is said in [`exchange`](super::exchange) holds here.

pub mod accounts;
pub mod areas;
mod columns;
mod csv;
mod csv_text;
pub mod report;
mod row;
mod writing;
mod xlsx;

pub use columns::{Column, Kind};
pub use report::{Refusal, Remark, Report};
pub use writing::{Out, write};

use super::{exchange::Encoding, problem::Problem};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Most bytes of a sheet that is taken in.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most rows with anything in them.
pub const MAX_ROWS: usize = 50_000;
/// Most columns that are looked at.
const MAX_COLUMNS: usize = 64;
/// Most characters of one cell, as in Excel.
const MAX_TEXT: usize = 32_767;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SheetFormat {
    /// A workbook (ECMA-376); its first sheet that is not hidden counts.
    Xlsx,
    /// Text with a comma, a semicolon or a tab between cells (RFC 4180), in UTF-8 with a
    /// byte order mark when it is written here.
    Csv,
}

impl SheetFormat {
    /// The media type of such a file.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// The ending of such a file's name.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
        }
    }
}

/// What to do when some rows are refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Mode {
    /// Take nothing unless every row can be taken.
    #[default]
    AllOrNothing,
    /// Take the rows that can be taken.
    TakeGood,
}

/// A sheet as it stands in its file: the rows with anything in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    rows: Vec<Line>,
    /// What is worth saying of how it was read.
    pub notes: Vec<String>,
}

/// A row with anything in it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    /// Its number in the file, from 1.
    number: u32,
    cells: Vec<Cell>,
}

impl Line {
    fn cell(&self, column: usize) -> &Cell {
        static NOTHING: Cell = Cell {
            value: Value::Empty,
            formula: false,
        };
        self.cells.get(column).unwrap_or(&NOTHING)
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
struct Cell {
    value: Value,
    /// Whether what it shows was computed.
    formula: bool,
}

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq)]
enum Value {
    #[default]
    Empty,
    /// Many cells may have one text.
    Text(Arc<str>),
    /// A number, as it is written in the file.
    Number(String),
    /// A date or a time: a number that is shown as one.
    Date(String),
    Truth(bool),
    /// What a formula that failed shows.
    Error(String),
    /// Nothing of its own: the cell is part of merged ones, which share their name.
    Merged(Arc<str>),
}

impl Value {
    /// As it is shown to who sent it, at most 60 characters.
    fn shown(&self) -> String {
        let text: &str = match self {
            Self::Empty => "",
            Self::Text(text) | Self::Merged(text) => text,
            Self::Number(text) | Self::Date(text) | Self::Error(text) => text,
            Self::Truth(true) => "TRUE",
            Self::Truth(false) => "FALSE",
        };
        text.chars().take(60).collect()
    }

    const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty | Self::Merged(_))
    }
}

/// Reads a sheet. `encoding` is what is stated of the text of a CSV; without it, and without a
/// byte order mark, it is UTF-8.
///
/// # Errors
/// `file.unreadable`, `file.too_large`, `file.encoding`.
pub fn read(
    format: SheetFormat,
    bytes: &[u8],
    encoding: Option<Encoding>,
) -> Result<Sheet, Problem> {
    match format {
        SheetFormat::Xlsx => xlsx::read(bytes),
        SheetFormat::Csv => csv::read(bytes, encoding),
    }
}

/// The problem of a sheet with more rows than are taken.
fn too_many_rows() -> Problem {
    Problem::Unpacked {
        what: "the sheet".to_owned(),
        limit: format!("{MAX_ROWS} rows with anything in them"),
    }
}

#[cfg(test)]
mod tests;
