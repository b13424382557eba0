//! The cells of a sheet, as they come.

use super::{
    super::{Cell, Line, MAX_COLUMNS, MAX_ROWS, Sheet, Value, too_many_rows},
    book::Book,
    kept::Kept,
    unreadable, xml,
};
use crate::territory::problem::Problem;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use std::sync::Arc;

/// Most groups of merged cells, and most cells in them that are marked.
const MAX_MERGED: usize = 100_000;
/// Longest name of merged cells; the longest that Excel writes is `XFD1048576:XFD1048576`.
const MAX_RANGE: usize = 24;

/// What was seen beside the cells.
struct Seen {
    kept: Kept,
    hidden: usize,
    wide: bool,
    merged: Vec<Merged>,
}

/// A group of merged cells: rows and columns, from 1 and from 0, both ends in it.
struct Merged {
    rows: (u32, u32),
    columns: (u32, u32),
    named: Arc<str>,
}

pub(super) fn read(text: &str, book: &Book, kept: Kept) -> Result<Sheet, Problem> {
    let mut sheet = Sheet::default();
    let mut seen = Seen {
        kept,
        hidden: 0,
        wide: false,
        merged: Vec::new(),
    };
    let mut reader = Reader::from_str(text);
    let mut number: u32 = 0;
    loop {
        match xml::next(&mut reader)? {
            Event::Start(start) if start.local_name().as_ref() == "row" => {
                number = next_number(&start, number)?;
                let line = line(&mut reader, number, book, &mut seen)?;
                if line.cells.iter().all(|cell| cell.value.is_empty()) {
                    continue;
                }
                if sheet.rows.len() == MAX_ROWS {
                    return Err(too_many_rows());
                }
                seen.hidden += usize::from(is_hidden(&start));
                sheet.rows.push(line);
            }
            Event::Empty(start) if start.local_name().as_ref() == "row" => {
                number = next_number(&start, number)?;
            }
            Event::Start(start) | Event::Empty(start)
                if start.local_name().as_ref() == "mergeCell" =>
            {
                let range = xml::attribute(&start, "ref").unwrap_or_default();
                seen.merged.extend(merged(&range)?);
                if seen.merged.len() > MAX_MERGED {
                    return Err(too_many_merged());
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    // Whatever order the file has them in.
    sheet.rows.sort_by_key(|line| line.number);
    mark(&mut sheet.rows, &seen.merged)?;
    if seen.hidden > 0 {
        let note = format!("{} hidden rows were read like all others", seen.hidden);
        sheet.notes.push(note);
    }
    if seen.wide {
        let note = format!("columns after the {MAX_COLUMNS}th were passed over");
        sheet.notes.push(note);
    }
    Ok(sheet)
}

/// The number of a row: stated, else one more than the one before.
fn next_number(start: &BytesStart<'_>, before: u32) -> Result<u32, Problem> {
    match xml::attribute(start, "r") {
        None => Ok(before.saturating_add(1)),
        Some(stated) => stated
            .trim()
            .parse()
            .map_err(|_| unreadable("a row has a number that is none")),
    }
}

fn is_hidden(start: &BytesStart<'_>) -> bool {
    xml::attribute(start, "hidden").is_some_and(|hidden| hidden == "1" || hidden == "true")
}

/// The cells of a row up to its end.
fn line(
    reader: &mut Reader<&[u8]>,
    number: u32,
    book: &Book,
    seen: &mut Seen,
) -> Result<Line, Problem> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut next = 0;
    loop {
        match xml::next(reader)? {
            Event::Start(start) if start.local_name().as_ref() == "c" => {
                let column = column_of(&start).unwrap_or(next);
                next = column.saturating_add(1);
                let cell = cell(reader, &start, book, &mut seen.kept)?;
                if cell.value == Value::Empty && !cell.formula {
                    continue;
                }
                if column >= MAX_COLUMNS {
                    seen.wide = true;
                    continue;
                }
                if cells.len() <= column {
                    let nothing = Cell {
                        value: Value::Empty,
                        formula: false,
                    };
                    cells.resize(column + 1, nothing);
                }
                cells[column] = cell;
            }
            Event::Empty(start) if start.local_name().as_ref() == "c" => {
                next = column_of(&start).unwrap_or(next).saturating_add(1);
            }
            Event::End(end) if end.local_name().as_ref() == "row" => {
                return Ok(Line { number, cells });
            }
            Event::Eof => return Err(unreadable("its XML breaks off")),
            _ => {}
        }
    }
}

fn cell(
    reader: &mut Reader<&[u8]>,
    start: &BytesStart<'_>,
    book: &Book,
    kept: &mut Kept,
) -> Result<Cell, Problem> {
    let kind = xml::attribute(start, "t").unwrap_or_default();
    let is_date = xml::number(start, "s").is_some_and(|style| book.dates.contains(&style));
    let (mut value, mut inline, mut formula) = (String::new(), None, false);
    loop {
        match xml::next(reader)? {
            Event::Start(part) => match part.local_name().as_ref() {
                "v" => value = xml::text(reader)?,
                "is" => inline = Some(xml::rich_text(reader)?),
                "f" => {
                    formula = true;
                    xml::text(reader)?;
                }
                _ => {
                    xml::text(reader)?;
                }
            },
            Event::Empty(part) if part.local_name().as_ref() == "f" => formula = true,
            Event::End(_) => break,
            Event::Eof => return Err(unreadable("its XML breaks off")),
            _ => {}
        }
    }
    let text = |text: Arc<str>| {
        if text.is_empty() {
            Value::Empty
        } else {
            Value::Text(text)
        }
    };
    let value = match kind.as_str() {
        "s" => {
            let shared = value
                .trim()
                .parse()
                .ok()
                .and_then(|n: usize| book.texts.get(n));
            let shared = shared.ok_or_else(|| unreadable("a cell names a text that is not there"));
            text(Arc::clone(shared?))
        }
        "inlineStr" => text(kept.text(&inline.unwrap_or_default())?),
        "str" => text(kept.text(&xml::unescaped(&value))?),
        "b" => Value::Truth(value.trim() == "1"),
        "e" => Value::Error(value.chars().take(20).collect()),
        "d" => Value::Date(value.chars().take(40).collect()),
        _ if value.trim().is_empty() => Value::Empty,
        _ => {
            let number: String = value.trim().chars().take(40).collect();
            if is_date {
                Value::Date(number)
            } else {
                Value::Number(number)
            }
        }
    };
    Ok(Cell { value, formula })
}

/// The column of a cell, from 0.
fn column_of(start: &BytesStart<'_>) -> Option<usize> {
    let (column, _) = place(&xml::attribute(start, "r")?)?;
    usize::try_from(column).ok()
}

/// A place such as `C7`: the column from 0, the row from 1.
fn place(text: &str) -> Option<(u32, u32)> {
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = text.split_at(digits);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let mut column = 0;
    for letter in letters.chars() {
        let letter = letter.to_ascii_uppercase();
        if !letter.is_ascii_uppercase() {
            return None;
        }
        column = column * 26 + u32::from(letter) - u32::from('A') + 1;
    }
    Some((column - 1, row.parse().ok()?))
}

/// The merged cells of a range such as `A1:C7`, if they are more than one and among those
/// that are looked at.
///
/// # Errors
/// A range that is longer than any, or that runs backwards: each of its rows would be gone
/// through in vain.
fn merged(range: &str) -> Result<Option<Merged>, Problem> {
    if range.len() > MAX_RANGE {
        return Err(unreadable("merged cells have a name longer than any"));
    }
    let ends = range
        .split_once(':')
        .and_then(|(from, to)| Some((place(from)?, place(to)?)));
    let Some(((left, top), (right, bottom))) = ends else {
        return Ok(None);
    };
    if left > right || top > bottom {
        return Err(unreadable(format!(
            "the merged cells {range} run backwards"
        )));
    }
    let looked_at = usize::try_from(left).is_ok_and(|left| left < MAX_COLUMNS);
    Ok(looked_at.then(|| Merged {
        rows: (top, bottom),
        columns: (left, right),
        named: range.into(),
    }))
}

/// Marks what belongs to merged cells and is not their first. Each row gone through has a
/// cell of the group, so counting cells counts rows as well.
fn mark(rows: &mut [Line], merged: &[Merged]) -> Result<(), Problem> {
    let mut marked = 0;
    for group in merged {
        let from = rows.partition_point(|line| line.number < group.rows.0);
        for line in &mut rows[from..] {
            if line.number > group.rows.1 {
                break;
            }
            for column in group.columns.0..=group.columns.1.min(MAX_COLUMNS as u32 - 1) {
                marked += 1;
                if marked > MAX_MERGED {
                    return Err(too_many_merged());
                }
                let first = line.number == group.rows.0 && column == group.columns.0;
                let column = column as usize;
                if first {
                    continue;
                }
                if line.cells.len() <= column {
                    let nothing = Cell {
                        value: Value::Empty,
                        formula: false,
                    };
                    line.cells.resize(column + 1, nothing);
                }
                line.cells[column].value = Value::Merged(Arc::clone(&group.named));
            }
        }
    }
    Ok(())
}

fn too_many_merged() -> Problem {
    Problem::Unpacked {
        what: "the sheet".to_owned(),
        limit: format!("{MAX_MERGED} merged cells"),
    }
}
