//! CSV in.

use super::{
    Cell, Line, MAX_COLUMNS, MAX_ROWS, MAX_TEXT, Sheet, Value, csv_text::unarmed, too_many_rows,
};
use crate::territory::{
    exchange::{Encoding, as_gbk},
    problem::Problem,
};
use csv::{ErrorKind, ReaderBuilder, StringRecord};
use encoding_rs::{UTF_16BE, UTF_16LE};

pub(super) fn read(bytes: &[u8], stated: Option<Encoding>) -> Result<Sheet, Problem> {
    let mut sheet = Sheet::default();
    let text = text_of(bytes, stated, &mut sheet.notes)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    let mut wide = false;
    while reader.read_record(&mut record).map_err(unreadable)? {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if sheet.rows.len() == MAX_ROWS {
            return Err(too_many_rows());
        }
        let line = record.position().map_or(0, csv::Position::line);
        let number = u32::try_from(line).unwrap_or(u32::MAX);
        if let Some(long) = record.iter().find(|cell| cell.len() > 4 * MAX_TEXT) {
            return Err(Problem::Unreadable {
                what: format!("the CSV from line {number} on"),
                why: format!(
                    "a cell has {} bytes; is a quotation mark missing?",
                    long.len()
                ),
            });
        }
        wide |= record.iter().skip(MAX_COLUMNS).any(|cell| !cell.is_empty());
        let cells = record.iter().take(MAX_COLUMNS).map(cell).collect();
        sheet.rows.push(Line { number, cells });
    }
    if wide {
        let note = format!("columns after the {MAX_COLUMNS}th were passed over");
        sheet.notes.push(note);
    }
    Ok(sheet)
}

fn cell(text: &str) -> Cell {
    let value = match unarmed(text.trim()) {
        "" => Value::Empty,
        text => Value::Text(text.into()),
    };
    Cell {
        value,
        formula: false,
    }
}

fn unreadable(error: csv::Error) -> Problem {
    let why = match error.kind() {
        ErrorKind::Utf8 { .. } => "its text is not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    Problem::Unreadable {
        what: "the CSV".to_owned(),
        why,
    }
}

/// The text: by its byte order mark, else as stated, else UTF-8; nothing is guessed.
fn text_of(
    bytes: &[u8],
    stated: Option<Encoding>,
    notes: &mut Vec<String>,
) -> Result<String, Problem> {
    let wrong = |encoding: &str, gbk: Option<String>| Problem::Encoding {
        what: "the CSV".to_owned(),
        encoding: encoding.to_owned(),
        gbk,
    };
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Encoding::Utf8
            .decode(rest)
            .ok_or_else(|| wrong("UTF-8", None));
    }
    for (mark, encoding) in [(b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            notes.push("the text was read as UTF-16, as its byte order mark says".to_owned());
            let text = encoding.decode_without_bom_handling_and_without_replacement(rest);
            return text
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| wrong("UTF-16, as its byte order mark says", None));
        }
    }
    let encoding = stated.unwrap_or(Encoding::Utf8);
    if bytes.contains(&0) {
        let why = "it holds zero bytes; UTF-16 needs its byte order mark".to_owned();
        return Err(Problem::Unreadable {
            what: "the CSV".to_owned(),
            why,
        });
    }
    if encoding == Encoding::Gbk {
        notes.push("the text was read as GBK, as the request says".to_owned());
    }
    encoding.decode(bytes).ok_or_else(|| {
        let first = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let line = bytes[first..]
            .split(|byte| matches!(byte, b'\n' | b','))
            .next();
        let gbk = line.and_then(as_gbk).filter(|_| encoding == Encoding::Utf8);
        wrong(&encoding.to_string(), gbk)
    })
}

/// What stands between cells: whatever is most frequent in the first line with anything.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let count = |delimiter: &u8| {
        let bytes = first.unwrap_or_default().bytes().take(4 * MAX_TEXT);
        bytes.filter(|byte| byte == delimiter).count()
    };
    // Of equals the last, so the comma when there is none.
    let delimiters = [b'\t', b';', b','];
    delimiters.into_iter().max_by_key(count).unwrap_or(b',')
}
