//! Duty tables: who is on duty at night, at the weekend and on holidays (DOMAIN section 7 row
//! 29). While somebody is on duty, dispatch asks him before A and B.
//!
//! A table says which times of which days it is for ([`Window`]), who takes turns, and single
//! shifts that were agreed on otherwise. [`expand`] makes shifts of it by the calendar;
//! [`review`](review()) lists what stays empty, also because people are on leave, where two are
//! on duty at once, and from when on days were guessed. [`store`] keeps it.

mod review;
pub mod store;

pub use review::{Facts, Review, Stretch, review, unconfirmed_from};

use super::{
    calendar::{Calendar, DayKind, date_of, moment_of},
    presence::Span,
};
use gridcrew_sync_protocol::{
    ids::PersonId,
    time::{Millis, UnixMillis},
};
use serde::{Deserialize, Serialize};
use time::Time;
use utoipa::ToSchema;

/// Most days of a table.
pub const MOST_DAYS: usize = 400;
/// Most windows.
pub const MOST_WINDOWS: usize = 8;
/// Most people who take turns.
pub const MOST_TURNS: usize = 100;
/// Most shifts, agreed on and expanded together.
pub const MOST_SHIFTS: usize = 2_000;
/// Most days that a shift that was agreed on lasts.
pub const MOST_SHIFT_DAYS: i64 = 7;
/// Milliseconds of a day; China has no summer time.
const DAY: i64 = 86_400_000;
/// Midnight as the end of a day: a window ends with it, and none starts with it.
const MIDNIGHT_AFTER: &str = "24:00";

/// What a shift is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DutyKind {
    /// Every night.
    Night,
    /// Weekends that are no holidays.
    Weekend,
    /// Public holidays.
    Holiday,
}

impl DutyKind {
    const ALL: [Self; 3] = [Self::Night, Self::Weekend, Self::Holiday];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Night => "night",
            Self::Weekend => "weekend",
            Self::Holiday => "holiday",
        }
    }

    /// What was stored; none when it is no kind.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is on such a day.
    const fn is_on(self, day: DayKind) -> bool {
        match self {
            Self::Night => true,
            Self::Weekend => matches!(day, DayKind::Weekend),
            Self::Holiday => matches!(day, DayKind::Holiday),
        }
    }
}

/// A time of the days of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days.
    pub kind: DutyKind,
    /// From when, such as `18:00`, China's time.
    pub start: String,
    /// Until when, such as `08:00`: on the next day when that is not later.
    pub end: String,
}

/// A shift that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Who.
    pub person: PersonId,
    /// What for.
    pub kind: DutyKind,
    /// From when, included.
    pub from_at: UnixMillis,
    /// Until when, excluded.
    pub until_at: UnixMillis,
}

impl Shift {
    const fn span(&self) -> Span {
        Span {
            from: self.from_at,
            until: Some(self.until_at),
        }
    }
}

/// A duty table as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutyTable {
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Its first day, such as `2026-10-01`.
    pub from: String,
    /// Its last day.
    pub to: String,
    /// The times that somebody must be on duty.
    pub windows: Vec<Window>,
    /// Who takes turns, window after window; may be empty.
    #[serde(default)]
    pub turns: Vec<PersonId>,
    /// Shifts that were agreed on otherwise: no turn is made where one of the same kind is.
    #[serde(default)]
    pub shifts: Vec<Shift>,
}

/// Why a table cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A day that is none, or days in the wrong order.
    #[error(
        "from and to are days such as 2026-10-01, the last not before the first, at most {} of them",
        MOST_DAYS
    )]
    Days,
    /// A time that is none.
    #[error("{0:?} is no time such as 18:00; a window may end at 24:00 and starts at 00:00")]
    Time(String),
    /// Too much of something.
    #[error(
        "a table has at most {} windows, {} turns and {} shifts, and at least a window or a shift",
        MOST_WINDOWS,
        MOST_TURNS,
        MOST_SHIFTS
    )]
    Size,
    /// A shift that is none.
    #[error(
        "the shift of {0} ends when or before it begins, begins outside the days of the table, \
         ends later than a day after them, or is longer than {most} days",
        most = MOST_SHIFT_DAYS
    )]
    Shift(PersonId),
}

/// A table that was read: the times that somebody must be on duty, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What for and when.
    pub times: Vec<(DutyKind, Span)>,
}

/// Reads the times of a table.
///
/// # Errors
/// A day or time that is none, or too much of something.
pub fn wanted(table: &DutyTable, calendar: &Calendar) -> Result<Wanted, TableError> {
    let first = date_of(&table.from).ok_or(TableError::Days)?;
    let last = date_of(&table.to).ok_or(TableError::Days)?;
    let days = (last - first).whole_days();
    if !(0..MOST_DAYS).contains(&usize::try_from(days).unwrap_or(usize::MAX)) {
        return Err(TableError::Days);
    }
    let sizes = table.windows.len() <= MOST_WINDOWS
        && table.turns.len() <= MOST_TURNS
        && table.shifts.len() <= MOST_SHIFTS;
    if !sizes || table.windows.is_empty() && table.shifts.is_empty() {
        return Err(TableError::Size);
    }
    let clock = |text: &str| time_of(text).ok_or_else(|| TableError::Time(text.to_owned()));
    let windows: Vec<(DutyKind, Time, Time)> = table
        .windows
        .iter()
        .map(|window| {
            if window.start == MIDNIGHT_AFTER {
                return Err(TableError::Time(window.start.clone()));
            }
            Ok((window.kind, clock(&window.start)?, clock(&window.end)?))
        })
        .collect::<Result<_, TableError>>()?;
    let (mut times, mut date) = (Vec::new(), first);
    while date <= last {
        let day = calendar.day(date);
        let next = date.next_day().ok_or(TableError::Days)?;
        for (kind, start, end) in windows.iter().filter(|(kind, ..)| kind.is_on(day.kind)) {
            let until = moment_of(if end > start { date } else { next }, *end);
            let time = Span {
                from: moment_of(date, *start),
                until: Some(until),
            };
            times.push((*kind, time));
        }
        date = next;
    }
    let end = moment_of(date, Time::MIDNIGHT);
    let days = Span {
        from: moment_of(first, Time::MIDNIGHT),
        until: Some(end),
    };
    let outside = |shift: &&Shift| {
        let long = shift.until_at.0.saturating_sub(shift.from_at.0);
        let most = MOST_SHIFT_DAYS.saturating_mul(DAY);
        !(1..=most).contains(&long)
            || !days.has(shift.from_at)
            || shift.until_at > end.plus(Millis(DAY))
    };
    if let Some(shift) = table.shifts.iter().find(outside) {
        return Err(TableError::Shift(shift.person));
    }
    if times.len() + table.shifts.len() > MOST_SHIFTS {
        return Err(TableError::Size);
    }
    times.sort_by_key(|(kind, time)| (time.from, *kind));
    Ok(Wanted { times })
}

/// The shifts of a table: those agreed on, and in turn whoever is next wherever none of the
/// same kind was agreed on.
#[must_use]
pub fn expand(table: &DutyTable, wanted: &Wanted) -> Vec<Shift> {
    let mut shifts = table.shifts.clone();
    let mut turns = table.turns.iter().cycle();
    for (kind, time) in &wanted.times {
        let agreed = |shift: &Shift| shift.kind == *kind && shift.span().common(time).is_some();
        if table.shifts.iter().any(agreed) {
            continue;
        }
        if let (Some(person), Some(until_at)) = (turns.next(), time.until) {
            shifts.push(Shift {
                person: *person,
                kind: *kind,
                from_at: time.from,
                until_at,
            });
        }
    }
    shifts.sort_by_key(|shift| (shift.from_at, shift.kind, shift.person));
    shifts
}

/// A time of day from a text such as `18:00`; `24:00` is midnight.
fn time_of(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| -> Option<u8> {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    match (two(hour)?, two(minute)?) {
        (24, 0) => Some(Time::MIDNIGHT),
        (hour, minute) => Time::from_hms(hour, minute, 0).ok(),
    }
}

#[cfg(test)]
mod tests;
