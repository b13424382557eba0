//! XLSX in (ECMA-376): an archive of XML.
//!
//! Written here, and not by a reader of spreadsheets, because such readers believe what the
//! file states: how many texts there are, which number a formula has, how far a sheet
//! reaches. Here a sheet is read as it comes, row by row, and what is not there takes no
//! room: neither a million empty rows nor a cell in the last corner. A text that many cells
//! share is kept once, and all text together is counted. What such readers do not tell is
//! told as well: merged cells, hidden rows, formulas.

mod book;
mod kept;
mod rows;
mod xml;

use super::Sheet;
use crate::territory::{exchange::Archive, problem::Problem};
use book::Book;
use kept::Kept;

/// Reads the first sheet that is not hidden.
pub(super) fn read(bytes: &[u8]) -> Result<Sheet, Problem> {
    if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(unreadable(
            "it is an old .xls or has a password; save it as .xlsx without one",
        ));
    }
    let mut archive = Archive::open(bytes)?;
    let mut kept = Kept::new();
    let book = Book::open(&mut archive, &mut kept)?;
    let text = xml::part(&mut archive, &book.path)?
        .ok_or_else(|| unreadable("its first sheet is missing"))?;
    let mut sheet = rows::read(&text, &book, kept)?;
    if book.others > 0 {
        let note = format!(
            "only the sheet {:?} was read; {} others were passed over",
            book.title, book.others
        );
        sheet.notes.push(note);
    }
    Ok(sheet)
}

fn unreadable(why: impl Into<String>) -> Problem {
    Problem::Unreadable {
        what: "the workbook".to_owned(),
        why: why.into(),
    }
}
