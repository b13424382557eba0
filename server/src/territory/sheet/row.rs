//! One row, read cell by cell. A cell that cannot be taken is a refusal of its row; one that
//! is taken otherwise than it stands is a remark.

use super::{
    Cell, Line, Value,
    columns::Table,
    report::{Refusal, Remark, Report},
};
use crate::territory::{account::ascii_digits, import::looks_swapped};
use gridcrew_sync_protocol::{
    code::Code,
    position::{Datum, PositionError, TypedPosition},
};

/// What a row says in a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given<T> {
    /// The sheet has no such column: what is known stays.
    NoColumn,
    /// The cell is empty.
    Empty,
    /// This.
    Is(T),
}

impl<T> Given<T> {
    /// What it says; where there is no such column, what is known.
    pub(super) fn or_known(self, known: Option<T>, empty: impl FnOnce() -> Option<T>) -> Option<T> {
        match self {
            Self::NoColumn => known,
            Self::Empty => empty(),
            Self::Is(value) => Some(value),
        }
    }
}

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants {
    /// At most so many characters.
    pub(super) most: usize,
    /// Whether full-width digits are written as plain ones.
    pub(super) digits: bool,
}

/// Reads one row, and notes what is wrong with it.
pub(super) struct Row<'t> {
    table: &'t Table<'t>,
    pub(super) line: &'t Line,
    refused: Vec<Refusal>,
    remarks: Vec<Remark>,
}

impl<'t> Row<'t> {
    pub(super) fn new(table: &'t Table<'t>, line: &'t Line) -> Self {
        Self {
            table,
            line,
            refused: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Puts what was found into the report; whether the row can be taken.
    pub(super) fn done(self, report: &mut Report) -> bool {
        report.remarks.extend(self.remarks);
        if self.refused.is_empty() {
            return true;
        }
        let shown = self.table.shown(self.line);
        report.lines.insert(self.line.number, shown);
        report.refused.extend(self.refused);
        false
    }

    fn cell(&self, key: &str) -> Option<&'t Cell> {
        let (at, _) = self.table.place(key)?;
        Some(self.line.cell(at))
    }

    fn heading(&self, key: &str) -> String {
        let heading = self.table.place(key).map(|(_, heading)| heading);
        heading.unwrap_or(key).to_owned()
    }

    pub(super) fn refuse(&mut self, key: &str, code: Code, reason: impl Into<String>) {
        self.refused.push(Refusal {
            row: self.line.number,
            column: self.heading(key),
            value: self
                .cell(key)
                .map_or(String::new(), |cell| cell.value.shown()),
            code,
            reason: reason.into(),
        });
    }

    pub(super) fn remark(&mut self, key: &str, said: impl Into<String>) {
        self.remarks.push(Remark {
            row: self.line.number,
            column: self.heading(key),
            value: self
                .cell(key)
                .map_or(String::new(), |cell| cell.value.shown()),
            said: said.into(),
        });
    }

    fn wrong(&mut self, key: &str, reason: impl Into<String>) {
        self.refuse(key, Code::SheetValue, reason);
    }

    /// The text or number of a cell; `None` when the row is refused for it.
    fn plain(&mut self, key: &str) -> Option<Given<&'t Value>> {
        let Some(cell) = self.cell(key) else {
            return Some(Given::NoColumn);
        };
        match &cell.value {
            Value::Empty if cell.formula => {
                self.wrong(
                    key,
                    "is a formula that shows nothing; put what it should show in its place",
                );
                None
            }
            Value::Empty => Some(Given::Empty),
            value @ (Value::Text(_) | Value::Number(_)) => {
                if cell.formula {
                    self.remark(
                        key,
                        "is a formula; what it showed when it was saved was taken",
                    );
                }
                Some(Given::Is(value))
            }
            Value::Date(_) => {
                self.wrong(
                    key,
                    "is a date; format the column as text and write it again",
                );
                None
            }
            Value::Truth(_) => {
                self.wrong(key, "is TRUE or FALSE; write a text");
                None
            }
            Value::Error(_) => {
                self.wrong(
                    key,
                    "is a formula that failed; put what it should show in its place",
                );
                None
            }
            Value::Merged(range) => {
                let reason = format!("is part of the merged cells {range}; give each row its own");
                self.wrong(key, reason);
                None
            }
        }
    }

    /// A text; a number is taken for one where nothing of it can be lost but zeros before it.
    pub(super) fn text(&mut self, key: &str, wants: Wants) -> Option<Given<String>> {
        let text = match self.plain(key)? {
            Given::NoColumn => return Some(Given::NoColumn),
            Given::Empty => return Some(Given::Empty),
            Given::Is(Value::Number(number)) => {
                let Some(text) = whole(number) else {
                    self.wrong(
                        key,
                        "is a number that a spreadsheet does not keep whole; format the column \
                         as text and write it again",
                    );
                    return None;
                };
                let said = format!("is a number; taken as {text:?}: are zeros missing before it?");
                self.remark(key, said);
                text
            }
            Given::Is(value) => value_text(value).trim().to_owned(),
        };
        let text = if wants.digits {
            self.plain_digits(key, &text)
        } else {
            text
        };
        let length = text.chars().count();
        if length > wants.most {
            let reason = format!("has {length} characters; at most {} are taken", wants.most);
            self.wrong(key, reason);
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(
                key,
                "has a line break or another control character in it; take it out",
            );
            return None;
        }
        Some(if text.is_empty() {
            Given::Empty
        } else {
            Given::Is(text)
        })
    }

    fn plain_digits(&mut self, key: &str, text: &str) -> String {
        let plain = ascii_digits(text);
        if plain != text {
            self.remark(key, format!("has full-width digits; taken as {plain:?}"));
        }
        plain
    }

    /// A whole number.
    pub(super) fn count(&mut self, key: &str) -> Option<Given<u32>> {
        let text = match self.plain(key)? {
            Given::NoColumn => return Some(Given::NoColumn),
            Given::Empty => return Some(Given::Empty),
            Given::Is(Value::Number(number)) => whole(number).unwrap_or_else(|| number.clone()),
            Given::Is(value) => self.plain_digits(key, value_text(value)),
        };
        match text.trim().parse() {
            Ok(count) => Some(Given::Is(count)),
            Err(_) => {
                self.wrong(key, "is no whole number, 0 or more");
                None
            }
        }
    }

    fn degrees(&mut self, key: &str) -> Option<Given<f64>> {
        let text = match self.plain(key)? {
            Given::NoColumn => return Some(Given::NoColumn),
            Given::Empty => return Some(Given::Empty),
            Given::Is(Value::Number(number)) => number.clone(),
            Given::Is(value) => self.plain_digits(key, value_text(value)),
        };
        match text.trim().parse() {
            Ok(degrees) => Some(Given::Is(degrees)),
            Err(_) => {
                self.wrong(key, "is no number; give decimal degrees, such as 116.6213");
                None
            }
        }
    }

    /// A place: both coordinates or none, and the datum of the row or the one stated.
    pub(super) fn position(&mut self, stated: Option<Datum>) -> Option<Given<TypedPosition>> {
        let (lon, lat) = (self.degrees("lon"), self.degrees("lat"));
        let wants = Wants {
            most: 20,
            digits: false,
        };
        let own = self.text("datum", wants);
        let (lon, lat, own) = (lon?, lat?, own?);
        let (lon, lat) = match (lon, lat) {
            (Given::Is(lon), Given::Is(lat)) => (lon, lat),
            (Given::NoColumn, Given::NoColumn) => return Some(Given::NoColumn),
            (Given::Is(_), _) => {
                self.wrong("lat", "is missing; give both coordinates or none");
                return None;
            }
            (_, Given::Is(_)) => {
                self.wrong("lon", "is missing; give both coordinates or none");
                return None;
            }
            _ => return Some(Given::Empty),
        };
        let own = match own {
            Given::Is(text) => match text.parse::<Datum>() {
                Ok(datum) => Some(datum),
                Err(error) => {
                    self.refuse("datum", error.code(), error.to_string());
                    return None;
                }
            },
            _ => None,
        };
        let datum = match (own, stated) {
            (Some(own), Some(stated)) if own != stated => {
                let reason =
                    format!("says {own}, the request says {stated}; find out which is true");
                self.refuse("datum", Code::TerritoryDatumConflict, reason);
                return None;
            }
            (Some(datum), _) | (None, Some(datum)) => datum,
            (None, None) => {
                let error = PositionError::DatumMissing;
                self.refuse("datum", error.code(), error.to_string());
                return None;
            }
        };
        match TypedPosition::new(lon, lat, datum) {
            Ok(_) if looks_swapped(lon, lat) => {
                let reason = format!(
                    "lon {lon}, lat {lat} is in the Arctic, and in China when swapped; give the \
                     longitude as lon"
                );
                self.refuse("lon", Code::PositionOutOfRange, reason);
                None
            }
            Ok(position) => Some(Given::Is(position)),
            Err(error) => {
                self.refuse("lon", error.code(), error.to_string());
                None
            }
        }
    }
}

fn value_text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        Value::Number(text) => text,
        _ => "",
    }
}

/// A number as whole digits, where a spreadsheet keeps all of them: 15.
fn whole(number: &str) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(number) && number.len() <= 15 {
        return Some(number.to_owned());
    }
    let value: f64 = number.parse().ok()?;
    if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        return Some(format!("{value:.0}"));
    }
    None
}
