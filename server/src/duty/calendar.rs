//! Days in China: which are worked and which are off, as data with a known end.
//!
//! Which days the State Council gives off, and which weekends it has people work for them,
//! is announced each November for the year after. Past the last year that is known a day goes
//! by its weekday, and whoever asks is told that it is not known ([`Day::known`]).

use gridcrew_sync_protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};
use time::{Date, OffsetDateTime, Time, UtcOffset, Weekday, macros::format_description};
use utoipa::ToSchema;

/// The calendar that ships with this build.
const SHIPPED: &str = include_str!("../../rules/calendar.1.toml");

/// What kind of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// Worked, a make-up day among them.
    Working,
    /// A weekend that is no holiday.
    Weekend,
    /// A public holiday, with the days around it that are given off for it.
    Holiday,
}

/// A day and how sure its kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// What kind.
    pub kind: DayKind,
    /// Whether its year is in the calendar; else it goes by the weekday.
    pub known: bool,
}

/// Days off and make-up days, by year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i32, Lists>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    off: BTreeSet<Date>,
    work: BTreeSet<Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "says what the file is to who reads it")]
    code: String,
    #[expect(dead_code, reason = "says which edition it is to who reads it")]
    version: u32,
    #[expect(dead_code, reason = "says whose it is to who reads it")]
    publisher: String,
    #[expect(dead_code, reason = "says where it is from to who reads it")]
    source: String,
    year: Vec<WrittenYear>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenYear {
    year: i32,
    off: Vec<String>,
    work: Vec<String>,
}

impl Calendar {
    /// Reads a calendar.
    ///
    /// # Errors
    /// When the text is not TOML of that shape, a date is none or of another year, or a day
    /// stands twice.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut years = BTreeMap::new();
        for one in written.year {
            let read = |list: &[String]| -> Result<BTreeSet<Date>, String> {
                let dates = list.iter().map(|text| {
                    let date = date_of(text).ok_or_else(|| format!("{text} is no date"))?;
                    let fits = date.year() == one.year;
                    fits.then_some(date)
                        .ok_or_else(|| format!("{text} is not of {}", one.year))
                });
                let dates: BTreeSet<Date> = dates.collect::<Result<_, String>>()?;
                let once = dates.len() == list.len();
                once.then_some(dates)
                    .ok_or_else(|| "a day stands twice".to_owned())
            };
            let lists = Lists {
                off: read(&one.off)?,
                work: read(&one.work)?,
            };
            if !lists.off.is_disjoint(&lists.work) || years.insert(one.year, lists).is_some() {
                return Err(format!("{} says two things of a day", one.year));
            }
        }
        Ok(Self { years })
    }

    /// The one that ships with this build.
    #[must_use]
    pub fn shipped() -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "the text is part of the build, and a test reads it"
        )]
        static CALENDAR: LazyLock<Calendar> = LazyLock::new(|| {
            Calendar::from_toml(SHIPPED).expect("the shipped calendar can be read")
        });
        &CALENDAR
    }

    /// What kind of day a date is.
    #[must_use]
    pub fn day(&self, date: Date) -> Day {
        let lists = self.years.get(&date.year());
        let off = lists.is_some_and(|lists| lists.off.contains(&date));
        let work = lists.is_some_and(|lists| lists.work.contains(&date));
        let kind = if off {
            DayKind::Holiday
        } else if work {
            DayKind::Working
        } else {
            by_weekday(date)
        };
        let known = lists.is_some();
        Day { kind, known }
    }

    /// The last year that it knows; none when it knows no year.
    #[must_use]
    pub fn last_year(&self) -> Option<i32> {
        self.years.keys().next_back().copied()
    }

    /// Whether what a day was taken for when only years up to that one were known still holds:
    /// it was known then, or is known now and is what its weekday says.
    #[must_use]
    pub fn confirms(&self, date: Date, known_to: i32) -> bool {
        let day = self.day(date);
        day.known && (date.year() <= known_to || day.kind == by_weekday(date))
    }

    /// The end of the `count`-th working day after the day of a moment, which itself does not
    /// count (DOMAIN 3: Civil Code articles 201 to 203), and whether all days on the way are
    /// known.
    #[must_use]
    pub fn end_of_working_day(&self, after: UnixMillis, count: u32) -> (UnixMillis, bool) {
        let (mut date, mut left, mut known) = (date_at(after), count, true);
        loop {
            let Some(next) = date.next_day() else {
                return (start_of(date), false);
            };
            if left == 0 {
                return (start_of(next), known);
            }
            date = next;
            let day = self.day(date);
            known &= day.known;
            left -= u32::from(day.kind == DayKind::Working);
        }
    }
}

/// What a day is when nothing was announced for it.
fn by_weekday(date: Date) -> DayKind {
    match date.weekday() {
        Weekday::Saturday | Weekday::Sunday => DayKind::Weekend,
        _ => DayKind::Working,
    }
}

/// China's one time, the year round.
#[expect(clippy::expect_used, reason = "eight hours are an offset")]
fn china() -> UtcOffset {
    UtcOffset::from_hms(8, 0, 0).expect("UTC+8")
}

/// The date in China at a moment; the first or last there is for one far beyond.
#[must_use]
pub fn date_at(moment: UnixMillis) -> Date {
    let seconds = moment.0.div_euclid(1_000);
    let there = OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.checked_to_offset(china()));
    there.map_or(if seconds < 0 { Date::MIN } else { Date::MAX }, |there| {
        there.date()
    })
}

/// When a time of a day in China is.
#[must_use]
pub fn moment_of(date: Date, at: Time) -> UnixMillis {
    let there = date.with_time(at).assume_offset(china());
    UnixMillis(there.unix_timestamp().saturating_mul(1_000))
}

/// When a day begins in China.
#[must_use]
pub fn start_of(date: Date) -> UnixMillis {
    moment_of(date, Time::MIDNIGHT)
}

/// A date from a text such as `2026-10-01`.
#[must_use]
pub fn date_of(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

/// A date as a text such as `2026-10-01`.
#[must_use]
pub fn date_text(date: Date) -> String {
    let (year, month) = (date.year(), u8::from(date.month()));
    format!("{year:04}-{month:02}-{:02}", date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> (DayKind, bool) {
        let day = Calendar::shipped().day(date_of(text).unwrap());
        (day.kind, day.known)
    }

    #[test]
    fn the_shipped_year_has_its_holidays_and_make_up_days_and_says_where_it_ends() {
        assert_eq!(kind("2026-10-01"), (DayKind::Holiday, true));
        assert_eq!(
            kind("2026-10-10"),
            (DayKind::Working, true),
            "a Saturday that is worked"
        );
        assert_eq!(kind("2026-10-11"), (DayKind::Weekend, true));
        assert_eq!(kind("2026-10-12"), (DayKind::Working, true));
        assert_eq!(kind("2027-10-01"), (DayKind::Working, false));
    }

    #[test]
    fn working_days_are_counted_over_holidays_and_the_first_day_does_not_count() {
        let at = |text: &str, hour| {
            moment_of(date_of(text).unwrap(), Time::from_hms(hour, 0, 0).unwrap())
        };
        let due = |from, days| Calendar::shipped().end_of_working_day(from, days);
        // Wednesday, then eight days off with a make-up Saturday behind them.
        let (end, known) = due(at("2026-09-30", 23), 3);
        assert_eq!(
            (end, known),
            (at("2026-10-11", 0), true),
            "8th, 9th and the 10th"
        );
        assert!(!due(at("2026-12-30", 8), 3).1, "2027 is not known");
    }

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let date = date_of("2026-06-01").unwrap();
        assert_eq!(date_at(start_of(date)), date);
        assert_eq!(
            date_at(UnixMillis(start_of(date).0 - 1)),
            date.previous_day().unwrap()
        );
        assert_eq!(date_text(date), "2026-06-01");
        for far in [i64::MIN, i64::MAX] {
            assert!(date_text(date_at(UnixMillis(far))).len() >= 10);
        }
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        for (from, to) in [
            ("\"2026-01-04\"", "\"2026-01-03\""),
            ("\"2026-01-04\"", "\"2025-01-04\""),
            ("\"2026-01-04\"", "\"2026-02-30\""),
            ("\"2026-01-02\"", "\"2026-01-01\""),
        ] {
            assert!(SHIPPED.contains(from));
            assert!(
                Calendar::from_toml(&SHIPPED.replacen(from, to, 1)).is_err(),
                "{to}"
            );
        }
    }
}
