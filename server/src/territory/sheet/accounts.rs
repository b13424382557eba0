//! Accounts in and out: who is supplied, by which station area.
//!
//! A row is known by its account number. A column that the sheet does not have leaves what is
//! known as it is, so a sheet of numbers and telephones changes telephones; an empty cell
//! empties.

use super::{
    Kind, Out, Sheet,
    columns::Table,
    report::Report,
    row::{Given, Row, Wants},
};
use crate::territory::{
    account::{account_no, ascii_digits},
    fit::{self, Doubt, Moved, Pairs},
    grid::snapped,
    problem::Problem,
    store::NewCustomer,
};
use gridcrew_sync_protocol::{
    code::Code,
    position::{Datum, Metres, TypedPosition, Wgs84, distance_m},
};
use std::collections::{HashMap, HashSet};

/// A place within so much of the known one is the known one.
pub(super) const SAME_PLACE: Metres = Metres(0.001);

/// What is known of the accounts that a sheet names.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The station areas of the station, by their codes, and where they are.
    pub areas: HashMap<String, Wgs84>,
    /// Accounts of the station, by their numbers.
    pub held: HashMap<String, NewCustomer>,
    /// Numbers that another station has.
    pub foreign: HashSet<String>,
}

/// What a sheet says of accounts, compared with what is known.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Those that can be taken and are new or changed.
    pub good: Vec<NewCustomer>,
    /// What became of the rows.
    pub report: Report,
    /// Places that look like another datum.
    pub doubt: Option<Doubt>,
}

/// The account numbers that a sheet names, so that what is known of them can be looked up.
///
/// # Errors
/// `sheet.columns`.
pub fn numbers(sheet: &Sheet) -> Result<Vec<String>, Problem> {
    let table = Table::find(sheet, Kind::Accounts)?;
    let mut numbers = Vec::new();
    for line in table.rows {
        let mut row = Row::new(&table, line);
        if let Some(Given::Is(number)) = row.text("account_no", wants(32)) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

const fn wants(most: usize) -> Wants {
    Wants { most, digits: true }
}

const fn as_it_is(most: usize) -> Wants {
    Wants {
        most,
        digits: false,
    }
}

/// Reads a sheet.
///
/// # Errors
/// `sheet.columns`.
pub fn read(sheet: &Sheet, known: &Known, datum: Option<Datum>) -> Result<Accounts, Problem> {
    let table = Table::find(sheet, Kind::Accounts)?;
    let mut accounts = Accounts::default();
    accounts.report.notes.clone_from(&table.notes);
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut places = Places::default();
    for line in table.rows {
        accounts.report.rows += 1;
        let mut row = Row::new(&table, line);
        let read = one(&mut row, known, datum, &mut seen);
        if !row.done(&mut accounts.report) {
            continue;
        }
        let Some((new, place)) = read else { continue };
        places.add(&new, place, known);
        match known.held.get(&new.account_no) {
            Some(held) if *held == new => accounts.report.unchanged += 1,
            held => {
                if held.is_some() {
                    accounts.report.changed += 1;
                } else {
                    accounts.report.added += 1;
                }
                accounts.good.push(new);
            }
        }
    }
    accounts.doubt = places.doubt();
    Ok(accounts)
}

/// What a row says; `None` when it is refused.
fn one(
    row: &mut Row<'_>,
    known: &Known,
    datum: Option<Datum>,
    seen: &mut HashMap<String, u32>,
) -> Option<(NewCustomer, Option<TypedPosition>)> {
    let number = match row.text("account_no", wants(32))? {
        Given::Is(number) => account_no(&number),
        _ => {
            row.refuse(
                "account_no",
                Code::SheetValue,
                "is empty; give the account number",
            );
            return None;
        }
    };
    if let Some(first) = seen.insert(number.clone(), row.line.number) {
        let reason = format!("stands in row {first} too; leave one");
        row.refuse("account_no", Code::SheetRowTwice, reason);
        return None;
    }
    if known.foreign.contains(&number) {
        row.refuse("account_no", Code::Conflict, "is in use elsewhere");
        return None;
    }
    let held = known.held.get(&number);
    // All cells are read before any of them ends the row, so that all that is wrong is listed.
    let name = row.text("name", as_it_is(100));
    let phone = row.text("phone", wants(40));
    let address = row.text("address", as_it_is(300));
    let meter_no = row.text("meter_no", wants(32));
    let area = row.text("station_area", as_it_is(64));
    let position = row.position(datum);
    let area = area.and_then(|area| station_area(row, area, held, known));
    let empty = || Some(String::new());
    let of_held =
        |text: fn(&NewCustomer) -> &String| held.map_or_else(empty, |h| Some(text(h).clone()));
    let given = match &position {
        Some(Given::Is(place)) => Some(*place),
        _ => None,
    };
    let new = NewCustomer {
        account_no: number,
        name: name?.or_known(of_held(|h| &h.name), empty)?,
        phone: phone?.or_known(of_held(|h| &h.phone), empty)?,
        address: address?.or_known(of_held(|h| &h.address), empty)?,
        meter_no: meter_no?.or_known(of_held(|h| &h.meter_no), empty)?,
        station_area: area?,
        position: match position? {
            Given::NoColumn => held.and_then(|held| held.position),
            Given::Empty => None,
            Given::Is(place) => Some(kept(place.to_wgs84(), held.and_then(|held| held.position))),
        },
    };
    Some((new, given))
}

/// The place given, or the known one when it is the same.
pub(super) fn kept(given: Wgs84, known: Option<Wgs84>) -> Wgs84 {
    match known {
        Some(known) if distance_m(given, known) <= SAME_PLACE => known,
        _ => snapped(given),
    }
}

/// The code of the station area that supplies the account.
fn station_area(
    row: &mut Row<'_>,
    given: Given<String>,
    held: Option<&NewCustomer>,
    known: &Known,
) -> Option<String> {
    match given {
        Given::NoColumn if held.is_some() => held.map(|held| held.station_area.clone()),
        Given::NoColumn | Given::Empty => {
            row.refuse(
                "station_area",
                Code::SheetValue,
                "is empty; give the code of the station area that supplies the account",
            );
            None
        }
        Given::Is(code) if known.areas.contains_key(&code) => Some(code),
        Given::Is(code) => {
            let plain = ascii_digits(&code);
            if known.areas.contains_key(&plain) {
                row.remark(
                    "station_area",
                    format!("has full-width digits; taken as {plain:?}"),
                );
                return Some(plain);
            }
            row.refuse(
                "station_area",
                Code::SheetValue,
                "is no station area of the station; import it first, or correct the code",
            );
            None
        }
    }
}

/// Places of a sheet beside what is known, by the datum that they are in.
#[derive(Default)]
struct Places {
    same: HashMap<Datum, Vec<Moved>>,
    amid: HashMap<Datum, Vec<Moved>>,
}

impl Places {
    fn add(&mut self, new: &NewCustomer, place: Option<TypedPosition>, known: &Known) {
        let Some(place) = place else { return };
        let given = place.to_wgs84();
        let held = known
            .held
            .get(&new.account_no)
            .and_then(|held| held.position);
        let (pairs, beside) = match held {
            Some(held) => (&mut self.same, Some(held)),
            None => (&mut self.amid, known.areas.get(&new.station_area).copied()),
        };
        if let Some(known) = beside {
            pairs
                .entry(place.datum())
                .or_default()
                .push(Moved { known, given });
        }
    }

    fn doubt(&self) -> Option<Doubt> {
        Datum::ALL.into_iter().find_map(|datum| {
            let of = |pairs: &HashMap<Datum, Vec<Moved>>, worth| {
                fit::by_places(pairs.get(&datum)?, worth, datum)
            };
            of(&self.same, Pairs::Same).or_else(|| of(&self.amid, Pairs::Amid))
        })
    }
}

/// Accounts as the rows of a sheet, places in `datum`.
#[must_use]
pub fn rows(accounts: &[NewCustomer], datum: Datum) -> Vec<Vec<Out>> {
    let text = |text: &String| Out::Text(text.clone());
    accounts
        .iter()
        .map(|account| {
            let mut row = vec![
                text(&account.account_no),
                text(&account.name),
                text(&account.phone),
                text(&account.address),
                text(&account.meter_no),
                text(&account.station_area),
            ];
            row.extend(place(account.position, datum));
            row
        })
        .collect()
}

/// The three cells of a place.
pub(super) fn place(at: Option<Wgs84>, datum: Datum) -> [Out; 3] {
    match at.map(|at| TypedPosition::from_wgs84(at, datum)) {
        Some(at) => [
            Out::Number(at.lon()),
            Out::Number(at.lat()),
            Out::Text(datum.name().to_owned()),
        ],
        None => [Out::Empty, Out::Empty, Out::Empty],
    }
}
