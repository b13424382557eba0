use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;

fn person(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(n))
}

fn window(kind: DutyKind, start: &str, end: &str) -> Window {
    Window {
        kind,
        start: start.to_owned(),
        end: end.to_owned(),
    }
}

fn table(from: &str, to: &str) -> DutyTable {
    DutyTable {
        name: "duty".to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        windows: vec![
            window(DutyKind::Night, "18:00", "08:00"),
            window(DutyKind::Weekend, "08:00", "18:00"),
            window(DutyKind::Holiday, "08:00", "18:00"),
        ],
        turns: vec![person(1), person(2), person(3)],
        shifts: vec![],
    }
}

fn at(day: &str, hour: u8) -> UnixMillis {
    moment_of(date_of(day).unwrap(), Time::from_hms(hour, 0, 0).unwrap())
}

fn made(table: &DutyTable) -> (Vec<Shift>, Review) {
    made_with(table, &HashMap::new())
}

/// With people who are away.
fn made_with(table: &DutyTable, away: &HashMap<PersonId, Vec<Span>>) -> (Vec<Shift>, Review) {
    let calendar = Calendar::shipped();
    let wanted = wanted(table, calendar).unwrap();
    let shifts = expand(table, &wanted);
    let known_to = calendar.last_year().unwrap();
    let facts = Facts {
        away,
        unconfirmed_from: unconfirmed_from(table, calendar, known_to),
    };
    let review = review(&wanted, &shifts, facts);
    (shifts, review)
}

#[test]
fn turns_go_round_over_nights_weekends_and_holidays_by_the_calendar() {
    // A Wednesday, then the holiday until the 7th, two working days, a make-up Saturday, a
    // Sunday.
    let (shifts, review) = made(&table("2026-09-30", "2026-10-11"));
    let of = |kind| shifts.iter().filter(|shift| shift.kind == kind).count();
    assert_eq!(
        [DutyKind::Night, DutyKind::Holiday, DutyKind::Weekend].map(of),
        [12, 7, 1]
    );
    let who: Vec<PersonId> = shifts.iter().take(4).map(|shift| shift.person).collect();
    assert_eq!(who, [1, 2, 3, 1].map(person));
    assert_eq!(shifts[0].from_at, at("2026-09-30", 18));
    assert_eq!(shifts[0].until_at, at("2026-10-01", 8));
    assert_eq!((review.gaps, review.overlaps), (vec![], vec![]));
    assert_eq!(review.calendar_unknown_from, None);
}

#[test]
fn what_was_agreed_on_takes_the_place_of_a_turn_and_its_gap_and_overlap_are_listed() {
    let mut table = table("2026-10-12", "2026-10-13");
    table.shifts = vec![Shift {
        person: person(9),
        kind: DutyKind::Night,
        from_at: at("2026-10-12", 20),
        until_at: at("2026-10-13", 19),
    }];
    let (shifts, review) = made(&table);
    // It reaches into the second night, so that has no turn either.
    assert_eq!(shifts.len(), 1);
    let gaps: Vec<_> = review
        .gaps
        .iter()
        .map(|gap| (gap.from_at, gap.until_at))
        .collect();
    assert_eq!(
        gaps,
        [
            (at("2026-10-12", 18), at("2026-10-12", 20)),
            (at("2026-10-13", 19), at("2026-10-14", 8))
        ]
    );
    table.shifts.push(Shift {
        person: person(8),
        ..table.shifts[0]
    });
    let (_, review) = made(&table);
    assert_eq!(review.overlaps.len(), 1);
    assert_eq!(review.overlaps[0].people, [person(8), person(9)]);
}

#[test]
fn days_past_the_calendar_are_flagged() {
    let (shifts, review) = made(&table("2026-12-30", "2027-01-03"));
    assert_eq!(review.calendar_unknown_from.as_deref(), Some("2027-01-01"));
    assert!(!shifts.is_empty());
}

#[test]
fn a_guessed_day_stays_marked_until_the_calendar_knows_it_and_says_the_same() {
    // The 1st of January 2027 is a Friday, the 2nd and 3rd a weekend.
    let table = table("2026-12-30", "2027-01-04");
    let from = |calendar: &Calendar, known_to| unconfirmed_from(&table, calendar, known_to);
    let year = |off: &str, work: &str| {
        let shipped = include_str!("../../../rules/calendar.1.toml");
        let year = format!("\n[[year]]\nyear = 2027\noff = [{off}]\nwork = [{work}]\n");
        Calendar::from_toml(&format!("{shipped}{year}")).unwrap()
    };
    let day = |text: &str| Some(date_of(text).unwrap());
    assert_eq!(from(Calendar::shipped(), 2026), day("2027-01-01"));
    // The calendar says what was guessed.
    assert_eq!(from(&year("", ""), 2026), None);
    // It says otherwise of a Friday, or of a Sunday.
    assert_eq!(from(&year("\"2027-01-01\"", ""), 2026), day("2027-01-01"));
    assert_eq!(from(&year("", "\"2027-01-03\""), 2026), day("2027-01-03"));
    // Written anew by what is known now.
    assert_eq!(from(&year("\"2027-01-01\"", ""), 2027), None);
}

#[test]
fn who_is_on_the_table_and_away_leaves_a_gap_with_his_name_as_long_as_nobody_else_is_there() {
    let mut table = table("2026-10-12", "2026-10-12");
    let shift = |who, from_at, until_at| Shift {
        person: person(who),
        kind: DutyKind::Night,
        from_at,
        until_at,
    };
    let (evening, morning) = (at("2026-10-12", 18), at("2026-10-13", 8));
    table.shifts = vec![
        shift(1, evening, at("2026-10-13", 2)),
        shift(2, at("2026-10-12", 23), morning),
    ];
    let span = |from, until| Span { from, until };
    let mut away = HashMap::from([(person(1), vec![span(at("2026-10-12", 20), None)])]);
    let gaps = |away: &HashMap<PersonId, Vec<Span>>| made_with(&table, away).1.gaps;
    let gap = |from_at, until_at, people: &[u128]| Stretch {
        kind: DutyKind::Night,
        from_at,
        until_at,
        people: people.iter().map(|n| person(*n)).collect(),
    };
    let second = at("2026-10-12", 23);
    assert_eq!(gaps(&HashMap::new()), []);
    assert_eq!(gaps(&away), [gap(at("2026-10-12", 20), second, &[1])]);
    away.insert(person(2), vec![span(evening, Some(at("2026-10-13", 6)))]);
    assert_eq!(
        gaps(&away),
        [
            gap(at("2026-10-12", 20), second, &[1]),
            gap(second, at("2026-10-13", 2), &[1, 2]),
            gap(at("2026-10-13", 2), at("2026-10-13", 6), &[2]),
        ]
    );
    assert_eq!(made_with(&table, &away).1.overlaps.len(), 1, "by the table");
}

#[test]
fn a_table_that_cannot_be_is_refused_with_its_reason() {
    let refused = |change: &dyn Fn(&mut DutyTable)| {
        let mut table = table("2026-10-12", "2026-10-13");
        change(&mut table);
        wanted(&table, Calendar::shipped()).unwrap_err()
    };
    assert_eq!(
        refused(&|t| t.to = "2026-10-11".to_owned()),
        TableError::Days
    );
    assert_eq!(
        refused(&|t| t.to = "2029-10-11".to_owned()),
        TableError::Days
    );
    assert_eq!(
        refused(&|t| t.from = "12.10.2026".to_owned()),
        TableError::Days
    );
    for text in ["8:00", "25:00", "", "18:60", "+1:00", "24:01", "24:00"] {
        let error = refused(&|t| t.windows[0].start = text.to_owned());
        assert_eq!(error, TableError::Time(text.to_owned()));
    }
    assert_eq!(
        refused(&|t| t.turns = vec![person(1); 101]),
        TableError::Size
    );
    assert_eq!(refused(&|t| t.windows.clear()), TableError::Size);
    let shift = |from_at, until_at| Shift {
        person: person(1),
        kind: DutyKind::Night,
        from_at,
        until_at,
    };
    for bad in [
        shift(at("2026-10-12", 8), at("2026-10-12", 8)),
        shift(at("2026-10-11", 8), at("2026-10-12", 9)),
        shift(UnixMillis(i64::MAX), UnixMillis(i64::MIN)),
        shift(at("2026-10-12", 8), UnixMillis(i64::MAX)),
        shift(at("2026-10-12", 8), at("2026-10-19", 9)),
        shift(at("2026-10-13", 8), at("2026-10-15", 1)),
    ] {
        assert_eq!(
            refused(&|t| t.shifts = vec![bad]),
            TableError::Shift(person(1))
        );
    }
}

proptest! {
    /// Turns alone leave no gap; and what is listed as a gap is a time that nobody has.
    #[test]
    fn gaps_are_where_nobody_is(
        agreed in proptest::collection::vec((0i64..72, 1i64..25, 1u128..4), 0..6),
        turns in 0usize..4,
        absent in proptest::collection::vec((1u128..4, 0i64..72, proptest::option::of(1i64..25)), 0..4),
    ) {
        let mut table = table("2026-10-12", "2026-10-14");
        table.turns = (0..turns).map(|n| person(n as u128)).collect();
        let start = at("2026-10-12", 0).0;
        table.shifts = agreed
            .into_iter()
            .map(|(from, long, who)| Shift {
                person: person(who),
                kind: DutyKind::Night,
                from_at: UnixMillis(start + from * HOUR),
                until_at: UnixMillis(start + (from + long) * HOUR),
            })
            .collect();
        let mut away: HashMap<PersonId, Vec<Span>> = HashMap::new();
        for (who, from, long) in absent {
            let from = UnixMillis(start + from * HOUR);
            let until = long.map(|long| UnixMillis(from.0 + long * HOUR));
            away.entry(person(who)).or_default().push(Span { from, until });
        }
        let no_gap = turns == 0 || !table.shifts.is_empty() || made(&table).1.gaps.is_empty();
        prop_assert!(no_gap);
        let (shifts, review) = made_with(&table, &away);
        let there = |shift: &Shift, moment| {
            let mut spans = away.get(&shift.person).into_iter().flatten();
            shift.span().has(moment) && !spans.any(|span| span.has(moment))
        };
        let wanted = wanted(&table, Calendar::shipped()).unwrap();
        for hour in 0..96 {
            let moment = UnixMillis(start + hour * HOUR);
            let asked = wanted.times.iter().any(|(_, time)| time.has(moment));
            let there = shifts.iter().any(|shift| there(shift, moment));
            let gap = review.gaps.iter().any(|gap| gap.from_at <= moment && moment < gap.until_at);
            prop_assert_eq!(gap, asked && !there, "hour {}", hour);
        }
    }
}
