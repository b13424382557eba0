//! What is to be said of a duty table: times that nobody is on duty in, times that several are,
//! and days that were guessed. Rules without I/O.
//!
//! A table says who is on duty; whether he is there, his leave says. So a time is a gap as well
//! when all who are on the table for it are away.

use super::{DutyKind, DutyTable, MOST_DAYS, Shift, Wanted};
use crate::duty::{
    calendar::{Calendar, date_of, date_text},
    presence::Span,
};
use gridcrew_sync_protocol::{ids::PersonId, time::UnixMillis};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use time::Date;
use utoipa::ToSchema;

/// Most gaps and most overlaps that are listed.
const LISTED: usize = 200;

/// A time of a table that nobody is on duty in, or two are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stretch {
    /// What for.
    pub kind: DutyKind,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when.
    pub until_at: UnixMillis,
    /// Who is; in a gap those who are on the table and away, or not at the station any more.
    pub people: Vec<PersonId>,
}

/// What is to be said of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Review {
    /// Times that somebody should be on duty and nobody is, or only people who are on leave;
    /// the first 200.
    pub gaps: Vec<Stretch>,
    /// Times that several are on duty; the first 200.
    pub overlaps: Vec<Stretch>,
    /// The first day that was guessed by its weekday when the table was written and that the
    /// calendar has not confirmed: it does not know the day yet, or says otherwise. Writing the
    /// table again has it follow the calendar.
    pub calendar_unknown_from: Option<String>,
}

/// What a table is looked over by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// When people are away.
    pub away: &'a HashMap<PersonId, Vec<Span>>,
    /// The first day that was guessed and is not confirmed ([`unconfirmed_from`]).
    pub unconfirmed_from: Option<Date>,
}

/// Looks a table over. Shifts are in the order of their beginning.
#[must_use]
pub fn review(wanted: &Wanted, shifts: &[Shift], facts: Facts<'_>) -> Review {
    Review {
        gaps: gaps(wanted, shifts, facts.away),
        overlaps: overlaps(shifts),
        calendar_unknown_from: facts.unconfirmed_from.map(date_text),
    }
}

/// The first day of a table that was guessed when its shifts were made, by a calendar that knew
/// years up to `known_to`, and that this calendar does not confirm.
#[must_use]
pub fn unconfirmed_from(table: &DutyTable, calendar: &Calendar, known_to: i32) -> Option<Date> {
    let last = date_of(&table.to)?;
    let days = std::iter::successors(date_of(&table.from), |date| date.next_day());
    days.take(MOST_DAYS)
        .take_while(|date| *date <= last)
        .find(|date| !calendar.confirms(*date, known_to))
}

/// What of each time nobody has who is there.
fn gaps(wanted: &Wanted, shifts: &[Shift], away: &HashMap<PersonId, Vec<Span>>) -> Vec<Stretch> {
    let mut gaps: Vec<Stretch> = Vec::new();
    for (kind, time) in &wanted.times {
        let Some(end) = time.until else { continue };
        let here = shifts
            .iter()
            .filter(|one| one.span().common(time).is_some());
        let here: Vec<&Shift> = here.collect();
        let moments: Vec<UnixMillis> = moments(time, &here, away).into_iter().collect();
        let first = gaps.len();
        for (place, from) in moments.iter().enumerate() {
            let until = moments.get(place + 1).copied().unwrap_or(end);
            let on_table = here.iter().filter(|shift| shift.span().has(*from));
            let people: BTreeSet<PersonId> = on_table.map(|shift| shift.person).collect();
            if people.iter().any(|one| !is_away(away, *one, *from)) {
                continue;
            }
            let people: Vec<PersonId> = people.into_iter().collect();
            match gaps[first..].last_mut() {
                Some(Stretch {
                    until_at,
                    people: same,
                    ..
                }) if *until_at == *from && *same == people => *until_at = until,
                _ => gaps.push(Stretch {
                    kind: *kind,
                    from_at: *from,
                    until_at: until,
                    people,
                }),
            }
        }
        if gaps.len() >= LISTED {
            break;
        }
    }
    gaps.truncate(LISTED);
    gaps
}

fn is_away(away: &HashMap<PersonId, Vec<Span>>, who: PersonId, moment: UnixMillis) -> bool {
    let mut spans = away.get(&who).into_iter().flatten();
    spans.any(|span| span.has(moment))
}

/// The moments of a time at which who is there can change, its first among them.
fn moments(
    time: &Span,
    shifts: &[&Shift],
    away: &HashMap<PersonId, Vec<Span>>,
) -> BTreeSet<UnixMillis> {
    let absences = shifts.iter().filter_map(|shift| away.get(&shift.person));
    let spans = absences.flatten().copied();
    let spans = spans.chain(shifts.iter().map(|shift| shift.span()));
    let ends = spans
        .flat_map(|span| [Some(span.from), span.until])
        .flatten();
    let within = ends.filter(|moment| time.has(*moment));
    within.chain([time.from]).collect()
}

/// Where a shift runs into one of another person.
fn overlaps(shifts: &[Shift]) -> Vec<Stretch> {
    let mut overlaps = Vec::new();
    for (place, one) in shifts.iter().enumerate() {
        let later = shifts[place + 1..].iter();
        for other in later.take_while(|other| other.from_at < one.until_at) {
            if other.person != one.person && overlaps.len() < LISTED {
                overlaps.push(Stretch {
                    kind: other.kind,
                    from_at: other.from_at,
                    until_at: one.until_at.min(other.until_at),
                    people: vec![one.person, other.person],
                });
            }
        }
    }
    overlaps
}
