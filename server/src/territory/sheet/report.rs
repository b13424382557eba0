//! What became of the rows of a sheet, and the sheet of those that were refused.

use super::{
    Column, Kind, SheetFormat,
    writing::{Out, write_with},
};
use crate::territory::problem::Problem;
use gridcrew_sync_protocol::{code::Code, time::UnixMillis};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Why a row was refused. A row may be refused for several reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// The number of the row in the file, from 1.
    pub row: u32,
    /// The heading of the column, as the file has it.
    pub column: String,
    /// What stands there, at most 60 characters.
    pub value: String,
    /// The stable code.
    #[schema(value_type = String)]
    pub code: Code,
    /// What is wrong with it and what to do.
    pub reason: String,
}

/// Something that was taken otherwise than it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Remark {
    /// The number of the row in the file, from 1.
    pub row: u32,
    /// The heading of the column, as the file has it.
    pub column: String,
    /// What stands there, at most 60 characters.
    pub value: String,
    /// How it was taken.
    pub said: String,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many rows there are below the headings.
    pub rows: usize,
    /// Rows about something new.
    pub added: usize,
    /// Rows about something that is known otherwise.
    pub changed: usize,
    /// Rows about something that is known just so.
    pub unchanged: usize,
    /// Why rows were refused, by their numbers.
    pub refused: Vec<Refusal>,
    /// What was taken otherwise than it stands, by the numbers of the rows.
    pub remarks: Vec<Remark>,
    /// What is worth saying of how the sheet was read.
    pub notes: Vec<String>,
    /// What refused rows show in each column of their kind, by their numbers.
    pub(super) lines: BTreeMap<u32, Vec<String>>,
}

/// Headings that only the sheet of refused rows has.
const OWN: [(&str, &str); 4] = [
    ("row", "行号"),
    ("refused_column", "问题列"),
    ("refused_code", "代码"),
    ("reason", "原因"),
];

/// Whether a heading is one that only such a sheet has.
pub(super) fn is_own(heading: &str) -> bool {
    OWN.iter()
        .any(|(key, title)| heading == own_heading(key, title))
}

fn own_heading(key: &str, title: &str) -> String {
    format!("{title} ({key})")
}

impl Report {
    /// How many rows were refused.
    #[must_use]
    pub fn refused_rows(&self) -> usize {
        self.lines.len()
    }

    /// The refused rows as a sheet, each with its reasons; mended there it can be sent again.
    ///
    /// # Errors
    /// As [`super::write`].
    pub fn sheet(
        &self,
        kind: Kind,
        format: SheetFormat,
        now: UnixMillis,
    ) -> Result<Vec<u8>, Problem> {
        let columns = kind.columns();
        let mut headings: Vec<String> = columns.iter().map(Column::heading).collect();
        headings.extend(OWN.iter().map(|(key, title)| own_heading(key, title)));
        let mut reasons: BTreeMap<u32, Vec<&Refusal>> = BTreeMap::new();
        for refusal in &self.refused {
            reasons.entry(refusal.row).or_default().push(refusal);
        }
        let rows = self.lines.iter().map(|(row, shown)| {
            let reasons = reasons.remove(row).unwrap_or_default();
            let joined = |of: fn(&Refusal) -> &str| {
                let all: Vec<&str> = reasons.iter().map(|refusal| of(refusal)).collect();
                Out::Text(all.join("; "))
            };
            let mut cells: Vec<Out> = shown.iter().cloned().map(Out::Text).collect();
            cells.push(Out::Number(f64::from(*row)));
            cells.push(joined(|refusal| &refusal.column));
            cells.push(joined(|refusal| refusal.code.as_str()));
            cells.push(joined(|refusal| &refusal.reason));
            cells
        });
        write_with(format, &headings, rows.collect(), now)
    }
}
