//! Station areas in and out. A row is known by its code; station areas that the sheet does
//! not have stay, columns that it does not have leave what is known as it is.

use super::{
    Kind, Out, Sheet,
    accounts::{kept, place},
    columns::Table,
    report::Report,
    row::{Given, Row, Wants},
};
use crate::territory::{
    account::ascii_digits,
    content::{AreaContent, Content},
    draft::{Remark, TerritoryDraft},
    export::class_code,
    fit::{self, Doubt, Moved, Pairs},
    import::{MAX_CODE, MAX_NAME},
    problem::{Problem, Problems},
    shape::SearchableShape,
};
use gridcrew_sync_protocol::{
    code::Code,
    position::{Datum, TypedPosition, Wgs84},
    workflow::AreaClass,
};
use std::collections::{BTreeMap, HashMap};

/// What a sheet says of station areas, compared with what is stored.
#[derive(Clone, Debug, Default)]
pub struct Areas {
    /// Those that can be taken and are new or changed.
    pub good: Vec<AreaContent>,
    /// What became of the rows.
    pub report: Report,
    /// Places that look like another datum.
    pub doubt: Option<Doubt>,
}

/// What rows are compared with.
struct Held<'c> {
    areas: HashMap<&'c str, &'c AreaContent>,
    boundary: SearchableShape,
    cells: Vec<(&'c str, SearchableShape)>,
}

/// Reads a sheet.
///
/// # Errors
/// `sheet.columns`.
pub fn read(sheet: &Sheet, held: &Content, datum: Option<Datum>) -> Result<Areas, Problem> {
    let table = Table::find(sheet, Kind::StationAreas)?;
    let held = Held {
        areas: held
            .station_areas
            .iter()
            .map(|area| (area.code.as_str(), area))
            .collect(),
        boundary: held.boundary.searchable(),
        cells: held
            .cells
            .iter()
            .map(|cell| (cell.code.as_str(), cell.outline.searchable()))
            .collect(),
    };
    let mut areas = Areas::default();
    areas.report.notes.clone_from(&table.notes);
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut pairs: HashMap<Datum, Vec<Moved>> = HashMap::new();
    for line in table.rows {
        areas.report.rows += 1;
        let mut row = Row::new(&table, line);
        let read = one(&mut row, &held, datum, &mut seen, &mut pairs);
        if !row.done(&mut areas.report) {
            continue;
        }
        let Some(area) = read else { continue };
        match held.areas.get(area.code.as_str()) {
            Some(known) if **known == area => areas.report.unchanged += 1,
            known => {
                if known.is_some() {
                    areas.report.changed += 1;
                } else {
                    areas.report.added += 1;
                }
                areas.good.push(area);
            }
        }
    }
    areas.doubt = Datum::ALL
        .into_iter()
        .find_map(|datum| fit::by_places(pairs.get(&datum)?, Pairs::Same, datum));
    Ok(areas)
}

const TEXT: Wants = Wants {
    most: MAX_CODE,
    digits: false,
};

/// What a row says; `None` when it is refused.
fn one(
    row: &mut Row<'_>,
    held: &Held<'_>,
    datum: Option<Datum>,
    seen: &mut HashMap<String, u32>,
    pairs: &mut HashMap<Datum, Vec<Moved>>,
) -> Option<AreaContent> {
    let code = code(row, held)?;
    if let Some(first) = seen.insert(code.clone(), row.line.number) {
        let reason = format!("stands in row {first} too; leave one");
        row.refuse("code", Code::SheetRowTwice, reason);
        return None;
    }
    let known = held.areas.get(code.as_str()).copied();
    let name = row.text(
        "name",
        Wants {
            most: MAX_NAME,
            digits: false,
        },
    );
    let feeder = row.text("feeder", TEXT);
    let customers = row.count("customers");
    let class = class(row, known);
    let cell = row.text("cell", TEXT);
    let position = row.position(datum);
    let name = name.and_then(|name| needed(row, "name", name, known.map(|k| k.name.clone())));
    let customers = customers.and_then(|n| needed(row, "customers", n, known.map(|k| k.customers)));
    let at = position.and_then(|given| at(row, given, known, held, pairs));
    let feeder = match feeder? {
        Given::NoColumn => known.and_then(|known| known.feeder.clone()),
        Given::Empty => None,
        Given::Is(feeder) => Some(feeder),
    };
    let cell = match (cell?, at) {
        (Given::Is(cell), _) => cell_named(row, cell, held),
        (Given::NoColumn, Some(_)) if known.is_some() => known.map(|known| known.cell.clone()),
        (_, Some(at)) => cell_at(row, at, held),
        (_, None) => None,
    };
    Some(AreaContent {
        code,
        name: name?,
        position: at?,
        feeder,
        customers: customers?,
        area_class: class?,
        cell: cell?,
    })
}

fn code(row: &mut Row<'_>, held: &Held<'_>) -> Option<String> {
    let Given::Is(code) = row.text("code", TEXT)? else {
        row.refuse(
            "code",
            Code::SheetValue,
            "is empty; give the code of the station area",
        );
        return None;
    };
    let plain = ascii_digits(&code);
    if plain == code || held.areas.contains_key(code.as_str()) {
        return Some(code);
    }
    row.remark("code", format!("has full-width digits; taken as {plain:?}"));
    Some(plain)
}

/// What a row must say unless it is known.
fn needed<T>(row: &mut Row<'_>, key: &str, given: Given<T>, known: Option<T>) -> Option<T> {
    match (given, known) {
        (Given::Is(value), _) => Some(value),
        (Given::NoColumn, Some(known)) => Some(known),
        _ => {
            row.refuse(key, Code::SheetValue, "is empty; a station area needs it");
            None
        }
    }
}

fn class(row: &mut Row<'_>, known: Option<&AreaContent>) -> Option<AreaClass> {
    let wants = Wants {
        most: 20,
        digits: true,
    };
    let given = row.text("area_class", wants)?;
    let text = match needed(
        row,
        "area_class",
        given,
        known.map(|k| class_code(k.area_class).to_owned()),
    )? {
        text if text.len() == 1 => format!("0{text}"),
        text => text,
    };
    match text.as_str() {
        "01" | "城市" => Some(AreaClass::Urban),
        "02" | "农村" => Some(AreaClass::Rural),
        "03" | "特殊边远" | "边远" => Some(AreaClass::Remote),
        _ => {
            let reason = "is none of 01 (urban), 02 (rural), 03 (remote)";
            row.refuse("area_class", Code::SheetValue, reason);
            None
        }
    }
}

fn at(
    row: &mut Row<'_>,
    given: Given<TypedPosition>,
    known: Option<&AreaContent>,
    held: &Held<'_>,
    pairs: &mut HashMap<Datum, Vec<Moved>>,
) -> Option<Wgs84> {
    let place = match (given, known) {
        (Given::Is(place), _) => place,
        (Given::NoColumn, Some(known)) => return Some(known.position),
        _ => {
            row.refuse(
                "lon",
                Code::SheetValue,
                "is empty; a station area needs a place",
            );
            return None;
        }
    };
    let at = kept(place.to_wgs84(), known.map(|known| known.position));
    if let Some(known) = known {
        let moved = Moved {
            known: known.position,
            given: at,
        };
        pairs.entry(place.datum()).or_default().push(moved);
    }
    if held.boundary.contains(at) {
        return Some(at);
    }
    let reason = "lies outside the boundary of the territory; correct it, or the datum";
    row.refuse("lon", Code::TerritoryOutsideBoundary, reason);
    None
}

/// The cell of a code; outer `None` when the row is refused.
#[expect(clippy::option_option, reason = "refused, in no cell yet, in this one")]
fn cell_named(row: &mut Row<'_>, cell: String, held: &Held<'_>) -> Option<Option<String>> {
    if held.cells.iter().any(|(code, _)| *code == cell) {
        return Some(Some(cell));
    }
    row.refuse(
        "cell",
        Code::TerritoryStationAreaInNoCell,
        "is no cell of the territory; correct the code, or leave it empty for the cell around it",
    );
    None
}

/// The cell around a place.
#[expect(clippy::option_option, reason = "refused, in no cell yet, in this one")]
fn cell_at(row: &mut Row<'_>, at: Wgs84, held: &Held<'_>) -> Option<Option<String>> {
    if held.cells.is_empty() {
        return Some(None);
    }
    let around = held.cells.iter().find(|(_, shape)| shape.contains(at));
    let Some((code, _)) = around else {
        row.refuse(
            "cell",
            Code::TerritoryStationAreaInNoCell,
            "is empty, and the place is on a border; give the code of the cell",
        );
        return None;
    };
    row.remark(
        "cell",
        format!("is empty; taken as {code:?}, which is around the place"),
    );
    Some(Some((*code).to_owned()))
}

/// The territory with station areas changed and added, checked as a whole.
///
/// # Errors
/// Everything wrong with it: a cell that would have no station area any more.
pub fn apply(held: &Content, good: &[AreaContent]) -> Result<(Content, Vec<Remark>), Problems> {
    let mut given: BTreeMap<&str, &AreaContent> =
        good.iter().map(|area| (area.code.as_str(), area)).collect();
    let mut areas: Vec<AreaContent> = held
        .station_areas
        .iter()
        .map(|area| given.remove(area.code.as_str()).unwrap_or(area).clone())
        .collect();
    areas.extend(given.into_values().cloned());
    let content = Content {
        boundary: held.boundary.clone(),
        station_areas: areas,
        cells: held.cells.clone(),
    };
    let drafts = content.area_drafts();
    if content.cells.is_empty() {
        return Ok((content, Vec::new()));
    }
    let cells = content.cell_drafts(&drafts);
    let draft = TerritoryDraft::check(content.boundary, drafts, cells)?;
    let remarks = draft.remarks.clone();
    Ok((draft.into(), remarks))
}

/// Station areas as the rows of a sheet, places in `datum`.
#[must_use]
pub fn rows(content: &Content, datum: Datum) -> Vec<Vec<Out>> {
    let text = |text: &String| Out::Text(text.clone());
    let known = |text: &Option<String>| text.clone().map_or(Out::Empty, Out::Text);
    content
        .station_areas
        .iter()
        .map(|area| {
            let mut row = vec![
                text(&area.code),
                text(&area.name),
                known(&area.feeder),
                Out::Number(f64::from(area.customers)),
                Out::Text(class_code(area.area_class).to_owned()),
                known(&area.cell),
            ];
            row.extend(place(Some(area.position), datum));
            row
        })
        .collect()
}
