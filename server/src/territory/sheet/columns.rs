//! The columns of a sheet, and the row that names them.

use super::{Line, Sheet, Value};
use crate::territory::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a sheet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// A row is a station area, known by its code.
    StationAreas,
    /// A row is an account, known by its number.
    Accounts,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub key: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Other headings that mean it.
    others: &'static [&'static str],
    /// Whether its cells are texts, so that leading zeros stay.
    pub text: bool,
}

impl Column {
    /// The heading that is written: for people, and for whoever reads it in.
    #[must_use]
    pub fn heading(&self) -> String {
        format!("{} ({})", self.title, self.key)
    }

    fn is_meant_by(&self, heading: &str) -> bool {
        let heading = heading.trim().trim_matches('*').trim();
        // `title (key)`: either part will do.
        let parts = heading.split(['(', ')', '（', '）']).map(str::trim);
        parts
            .chain([heading])
            .filter(|part| !part.is_empty())
            .any(|part| {
                part.eq_ignore_ascii_case(self.key)
                    || part == self.title
                    || self.others.contains(&part)
            })
    }
}

const fn column(
    key: &'static str,
    title: &'static str,
    others: &'static [&'static str],
    text: bool,
) -> Column {
    Column {
        key,
        title,
        others,
        text,
    }
}

const LON: Column = column("lon", "经度", &["longitude"], false);
const LAT: Column = column("lat", "纬度", &["latitude"], false);
const DATUM: Column = column("datum", "坐标系", &["坐标系统"], true);

/// The columns of station areas; the first one tells which.
static STATION_AREAS: [Column; 9] = [
    column("code", "台区编号", &["台区编码", "编号"], true),
    column("name", "台区名称", &["名称"], true),
    column("feeder", "线路编号", &["线路", "馈线"], true),
    column("customers", "户数", &["用户数", "客户数"], false),
    column("area_class", "地区类别", &["地区类型"], true),
    column("cell", "网格编号", &["网格"], true),
    LON,
    LAT,
    DATUM,
];

/// The columns of accounts; the first one tells which.
static ACCOUNTS: [Column; 9] = [
    column("account_no", "户号", &["用户编号", "客户编号"], true),
    column("name", "户名", &["用户名称", "客户名称"], true),
    column("phone", "电话", &["联系电话", "电话号码", "手机"], true),
    column("address", "用电地址", &["地址"], true),
    column("meter_no", "表号", &["电能表资产号", "电表"], true),
    column("station_area", "台区编号", &["台区编码", "台区"], true),
    LON,
    LAT,
    DATUM,
];

impl Kind {
    /// Its columns; the first one tells which thing a row is about.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::StationAreas => &STATION_AREAS,
            Self::Accounts => &ACCOUNTS,
        }
    }
}

/// How many rows are looked at for the headings.
const LOOKED_AT: usize = 20;

/// A sheet whose headings were found.
pub(super) struct Table<'s> {
    pub(super) kind: Kind,
    /// For each column of the kind where it stands, and its heading there.
    places: Vec<Option<(usize, String)>>,
    pub(super) rows: &'s [Line],
    pub(super) notes: Vec<String>,
}

impl<'s> Table<'s> {
    /// Finds the headings: the row among the first that names most columns, at least two (or
    /// the only column that there is). What stands above is a title; a row below that names
    /// columns again is a second row of headings.
    ///
    /// # Errors
    /// `sheet.columns`.
    pub(super) fn find(sheet: &'s Sheet, kind: Kind) -> Result<Self, Problem> {
        let columns = kind.columns();
        let named = |line: &Line| {
            let known = columns
                .iter()
                .filter(|column| place(line, column).is_some());
            known.count()
        };
        let looked_at = sheet.rows.iter().take(LOOKED_AT).map(named);
        let best = looked_at
            .enumerate()
            .max_by_key(|(row, count)| (*count, std::cmp::Reverse(*row)));
        let (at, _) = best.filter(|(_, count)| *count >= 2).ok_or_else(|| {
            let known: Vec<String> = columns.iter().map(Column::heading).collect();
            let why = format!(
                "none of the first {LOOKED_AT} rows names two of its columns; name {}",
                known.join(", ")
            );
            Problem::Columns { why }
        })?;
        let head = &sheet.rows[at];
        let mut notes = sheet.notes.clone();
        if at > 0 {
            notes.push(format!("{at} rows above the headings were passed over"));
        }
        let places: Vec<Option<(usize, String)>> =
            columns.iter().map(|column| place(head, column)).collect();
        for column in columns {
            let twice = places_of(head, column).count();
            if twice > 1 {
                let why = format!("{} stands in it {twice} times; leave one", column.heading());
                return Err(Problem::Columns { why });
            }
        }
        if places[0].is_none() {
            let key = columns[0].heading();
            let why = format!("it has no column {key}, which tells what a row is about");
            return Err(Problem::Columns { why });
        }
        let mut first = at + 1;
        while sheet.rows.get(first).is_some_and(|line| named(line) >= 2) {
            first += 1;
        }
        if first > at + 1 {
            let more = first - at - 1;
            notes.push(format!("{more} more rows of headings were passed over"));
        }
        let unknown: Vec<String> = (0..head.cells.len())
            .filter(|at| !places.iter().flatten().any(|(place, _)| place == at))
            .map(|at| head.cell(at).value.shown())
            .filter(|heading| !heading.is_empty() && !super::report::is_own(heading))
            .collect();
        if !unknown.is_empty() {
            notes.push(format!(
                "columns that are not known were passed over: {}",
                unknown.join(", ")
            ));
        }
        Ok(Self {
            kind,
            places,
            rows: &sheet.rows[first..],
            notes,
        })
    }

    /// Where a column stands, and its heading there.
    pub(super) fn place(&self, key: &str) -> Option<(usize, &str)> {
        let columns = self.kind.columns();
        let at = columns.iter().position(|column| column.key == key)?;
        let (place, heading) = self.places[at].as_ref()?;
        Some((*place, heading))
    }

    /// What a row shows in each column of the kind.
    pub(super) fn shown(&self, line: &Line) -> Vec<String> {
        let places = self.places.iter();
        places
            .map(|place| {
                let place = place.as_ref().map(|(at, _)| line.cell(*at).value.shown());
                place.unwrap_or_default()
            })
            .collect()
    }
}

fn places_of<'l>(line: &'l Line, column: &'l Column) -> impl Iterator<Item = (usize, &'l str)> {
    let cells = line.cells.iter().enumerate();
    cells.filter_map(|(at, cell)| match &cell.value {
        Value::Text(heading) if column.is_meant_by(heading) => Some((at, &**heading)),
        _ => None,
    })
}

fn place(line: &Line, column: &Column) -> Option<(usize, String)> {
    let (at, heading) = places_of(line, column).next()?;
    Some((at, heading.chars().take(60).collect()))
}
