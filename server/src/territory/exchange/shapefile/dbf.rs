//! The `.dbf` file: a table of the dBASE III kind.
//!
//! A text is at most 254 bytes, so a longer one goes on in columns named after it: `name`,
//! `name_2` and so on, and is put together again when it is read. A piece never ends in a
//! space, for spaces at the end are what a text is filled up with.

use crate::territory::exchange::{
    table::{Field, Table as Rows, is_whole},
    text::Encoding,
};
use geojson::{JsonObject, JsonValue};
use gridcrew_sync_protocol::time::UnixMillis;

/// Most bytes of a text in one column.
const WIDEST: usize = 254;
/// Most columns that are looked at.
const MAX_COLUMNS: usize = 128;
/// Texts that may go on in further columns.
const CONTINUED: [&str; 4] = ["code", "name", "feeder", "cell"];
/// Digits of a whole number.
const DIGITS: usize = 10;

struct Column {
    name: String,
    kind: u8,
    from: usize,
    width: usize,
}

/// A table that was opened.
pub(super) struct Table<'b> {
    columns: Vec<Column>,
    rows: &'b [u8],
    row_length: usize,
    count: usize,
    mark: u8,
}

impl<'b> Table<'b> {
    /// Reads the head.
    ///
    /// # Errors
    /// Why it is no such table.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, String> {
        let broken = || "its head is broken".to_owned();
        let head: &[u8; 32] = bytes.first_chunk().ok_or_else(broken)?;
        let count = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let count = usize::try_from(count).map_err(|_| broken())?;
        let first_row = usize::from(u16::from_le_bytes([head[8], head[9]]));
        let row_length = usize::from(u16::from_le_bytes([head[10], head[11]]));
        let described = bytes.get(32..first_row).ok_or_else(broken)?;
        let mut columns = Vec::new();
        let mut from = 1; // after the mark of deletion
        for column in described.chunks_exact(32) {
            if column[0] == 0x0d || columns.len() == MAX_COLUMNS {
                break;
            }
            let name = column[..11].split(|byte| *byte == 0).next().unwrap_or(&[]);
            let width = usize::from(column[16]);
            columns.push(Column {
                name: String::from_utf8_lossy(name).trim().to_ascii_lowercase(),
                kind: column[11],
                from,
                width,
            });
            from += width;
        }
        if columns.is_empty() || from > row_length {
            return Err(broken());
        }
        let length = count.checked_mul(row_length);
        let rows = length.and_then(|length| bytes.get(first_row..first_row.checked_add(length)?));
        Ok(Self {
            columns,
            rows: rows.ok_or("it breaks off before its last row")?,
            row_length,
            count,
            mark: head[29],
        })
    }

    /// How many rows it has, the deleted ones counted.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// What its language mark says of the text's encoding.
    pub(super) const fn encoding(&self) -> Option<Encoding> {
        match self.mark {
            0x4d | 0x7a => Some(Encoding::Gbk),
            _ => None,
        }
    }

    /// A row, `None` when it was deleted.
    ///
    /// # Errors
    /// The bytes that are no text in this encoding.
    pub(super) fn row(
        &self,
        number: usize,
        encoding: Encoding,
    ) -> Result<Option<JsonObject>, &'b [u8]> {
        let row = &self.rows[number * self.row_length..][..self.row_length];
        if row[0] == b'*' {
            return Ok(None);
        }
        let mut values = JsonObject::new();
        for column in &self.columns {
            let raw = &row[column.from..column.from + column.width];
            let value = match column.kind {
                b'N' | b'F' => number_of(raw),
                _ => match encoding.decode(trimmed(raw)).ok_or(raw)? {
                    text if text.is_empty() => JsonValue::Null,
                    text => text.into(),
                },
            };
            match (continues(&column.name), value) {
                (Some(first), JsonValue::String(more)) => {
                    if let Some(JsonValue::String(text)) = values.get_mut(first) {
                        text.push_str(&more);
                    }
                }
                (Some(_), _) => {}
                (None, value) => {
                    values.insert(column.name.clone(), value);
                }
            }
        }
        Ok(Some(values))
    }
}

/// The column that this one continues.
fn continues(name: &str) -> Option<&str> {
    let (first, number) = name.rsplit_once('_')?;
    let further = number.len() == 1 && number >= "2";
    (further && CONTINUED.contains(&first)).then_some(first)
}

/// A text without what it was filled up with.
fn trimmed(raw: &[u8]) -> &[u8] {
    let end = raw.iter().rposition(|byte| !matches!(byte, b' ' | 0));
    end.map_or(&[], |end| &raw[..=end])
}

fn number_of(raw: &[u8]) -> JsonValue {
    let text = String::from_utf8_lossy(trimmed(raw));
    let text = text.trim();
    if text.is_empty() || text.starts_with('*') {
        return JsonValue::Null;
    }
    // 12.000 is the whole number 12.
    let whole = text.split_once('.').map_or(text, |(whole, rest)| {
        if rest.bytes().all(|digit| digit == b'0') {
            whole
        } else {
            text
        }
    });
    if let Ok(number) = whole.parse::<u64>() {
        return number.into();
    }
    text.parse::<f64>()
        .map_or_else(|_| text.into(), JsonValue::from)
}

/// Writes a table, its text in UTF-8.
pub(super) fn write(table: &Rows, now: UnixMillis) -> Vec<u8> {
    // Each column as one or several, with the pieces of each row.
    let mut columns: Vec<(String, u8, Vec<String>)> = Vec::new();
    for (place, name) in table.columns.iter().enumerate() {
        let texts = table.rows.iter().map(|row| match &row.fields[place] {
            Field::Text(text) => text.clone(),
            Field::Whole(number) => format!("{number:>DIGITS$}"),
            Field::Nothing => String::new(),
        });
        if is_whole(name) {
            columns.push(((*name).to_owned(), b'N', texts.collect()));
            continue;
        }
        let mut rest: Vec<String> = texts.collect();
        for number in 1.. {
            let title = match number {
                1 => (*name).to_owned(),
                _ => format!("{name}_{number}"),
            };
            let pieces = rest.iter_mut().map(piece).collect();
            columns.push((title, b'C', pieces));
            if rest.iter().all(String::is_empty) {
                break;
            }
        }
    }
    let widths: Vec<usize> = columns
        .iter()
        .map(|(_, kind, texts)| match kind {
            b'N' => DIGITS,
            _ => texts.iter().map(String::len).max().unwrap_or(0).max(1),
        })
        .collect();
    let mut bytes = head(columns.len(), &widths, table.rows.len(), now);
    for ((name, kind, _), width) in columns.iter().zip(&widths) {
        let mut described = [0; 32];
        for (to, from) in described.iter_mut().zip(name.bytes().take(10)) {
            *to = from;
        }
        described[11] = *kind;
        described[16] = u8::try_from(*width).unwrap_or(u8::MAX);
        bytes.extend(described);
    }
    bytes.push(0x0d);
    for row in 0..table.rows.len() {
        bytes.push(b' ');
        for ((_, _, texts), width) in columns.iter().zip(&widths) {
            bytes.extend(texts[row].bytes());
            bytes.extend(std::iter::repeat_n(b' ', width - texts[row].len()));
        }
    }
    bytes.push(0x1a);
    bytes
}

/// Takes the first piece off a text: whole characters, not ending in a space unless nothing
/// comes after it.
fn piece(text: &mut String) -> String {
    if text.len() <= WIDEST {
        return std::mem::take(text);
    }
    let ends = || (1..=WIDEST).rev().filter(|end| text.is_char_boundary(*end));
    let end = ends().find(|end| !text[..*end].ends_with(' '));
    let end = end.or_else(|| ends().next()).unwrap_or(text.len());
    let rest = text.split_off(end);
    std::mem::replace(text, rest)
}

fn head(columns: usize, widths: &[usize], rows: usize, now: UnixMillis) -> Vec<u8> {
    let date = time::OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let year = u8::try_from((date.year() - 1900).clamp(0, 255)).unwrap_or(0);
    let two = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
    let mut head = vec![0x03, year, date.month() as u8, date.day()];
    head.extend(u32::try_from(rows).unwrap_or(u32::MAX).to_le_bytes());
    head.extend(two(32 + 32 * columns + 1));
    head.extend(two(1 + widths.iter().sum::<usize>()));
    head.resize(32, 0);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_never_after_a_space() {
        let long = format!("{} {}", "字".repeat(84), "𠮷 ".repeat(60));
        let (mut rest, mut pieces) = (long.trim_end().to_owned(), Vec::new());
        while !rest.is_empty() {
            pieces.push(piece(&mut rest));
        }
        assert!(
            pieces.len() > 1
                && pieces
                    .iter()
                    .all(|p| p.len() <= WIDEST && !p.ends_with(' '))
        );
        assert_eq!(pieces.concat(), long.trim_end());
    }

    #[test]
    fn numbers_of_other_programs_are_read_as_they_are_meant() {
        for (raw, wanted) in [
            ("     12", JsonValue::from(12)),
            ("12.000", 12.into()),
            ("12.5", 12.5.into()),
            ("*****", JsonValue::Null),
            ("  ", JsonValue::Null),
            ("-1", (-1.0).into()),
        ] {
            assert_eq!(number_of(raw.as_bytes()), wanted, "{raw:?}");
        }
    }
}
