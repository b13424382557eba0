//! A sheet out.

use super::{Column, Kind, SheetFormat, csv_text::disarmed};
use crate::territory::problem::Problem;
use gridcrew_sync_protocol::time::UnixMillis;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

/// A cell that is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// A text, whatever it looks like.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing.
    Empty,
}

/// Writes a sheet of a kind: its headings, then a row for each of `rows`, with a cell for each
/// column. `now` goes into the properties of a workbook.
///
/// # Errors
/// `file.unreadable` when the writer fails, which no content makes it do.
pub fn write(
    kind: Kind,
    format: SheetFormat,
    rows: Vec<Vec<Out>>,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    let headings: Vec<String> = kind.columns().iter().map(Column::heading).collect();
    write_with(format, &headings, rows, now)
}

pub(super) fn write_with(
    format: SheetFormat,
    headings: &[String],
    rows: Vec<Vec<Out>>,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    let failed = |why: String| Problem::Unreadable {
        what: "the sheet".to_owned(),
        why,
    };
    match format {
        SheetFormat::Xlsx => workbook(headings, rows, now).map_err(|e| failed(e.to_string())),
        SheetFormat::Csv => text(headings, rows).map_err(|e| failed(e.to_string())),
    }
}

/// A workbook whose columns are texts, but for numbers: what is typed in later stays a text
/// too, with its leading zeros.
fn workbook(
    headings: &[String],
    rows: Vec<Vec<Out>>,
    now: UnixMillis,
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let at = ExcelDateTime::from_timestamp(now.0.div_euclid(1000))?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&at));
    let (bold, text) = (Format::new().set_bold(), Format::new().set_num_format("@"));
    let sheet = book.add_worksheet();
    for (column, heading) in (0..).zip(headings) {
        let is_number = ["(lon)", "(lat)", "(customers)", "(row)"]
            .iter()
            .any(|number| heading.ends_with(number));
        if !is_number {
            sheet.set_column_format(column, &text)?;
        }
        sheet.set_column_width(column, 16)?;
        sheet.write_string_with_format(0, column, heading, &bold)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (number, row) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(row) {
            match cell {
                Out::Text(cell) if cell.is_empty() => {}
                Out::Text(cell) => {
                    sheet.write_string_with_format(number, column, cell, &text)?;
                }
                Out::Number(cell) => {
                    sheet.write_number(number, column, cell)?;
                }
                Out::Empty => {}
            }
        }
    }
    book.save_to_buffer()
}

/// A CSV that a Chinese Excel opens as it is: UTF-8 with its mark, lines ended as there.
fn text(headings: &[String], rows: Vec<Vec<Out>>) -> Result<Vec<u8>, csv::Error> {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut bytes);
    writer.write_record(headings)?;
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| match cell {
            Out::Text(cell) => disarmed(&cell),
            Out::Number(cell) => cell.to_string(),
            Out::Empty => String::new(),
        }))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}
