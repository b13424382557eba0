//! What a leave is, when it may be, and who may cover: rules without I/O.

use super::limits::LeaveLimits;
use crate::duty::presence::{Away, CellDuty, Span};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    time::{Millis, UnixMillis},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether it was foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaveKind {
    /// Asked for before it begins.
    Planned,
    /// Told when it had to begin, or after; a written statement follows.
    Sudden,
}

impl LeaveKind {
    const ALL: [Self; 2] = [Self::Planned, Self::Sudden];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sudden => "sudden",
        }
    }

    /// What was stored; none when it is no kind.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeaveState {
    /// Asked for; nobody has decided.
    Requested,
    /// Granted; it is, was or will be.
    Approved,
    /// Not granted.
    Refused,
    /// Taken back before it began.
    Withdrawn,
}

impl LeaveState {
    const ALL: [Self; 4] = [
        Self::Requested,
        Self::Approved,
        Self::Refused,
        Self::Withdrawn,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What was stored; none when it is no state.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Who covers a cell while its A or B is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The cell.
    pub cell: CellId,
    /// Who.
    pub person: PersonId,
    /// When.
    pub time: Span,
}

/// Why a leave cannot be as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It ends before it begins.
    #[error("a leave ends after it begins; give a later until_at")]
    EndsBeforeItBegins,
    /// A planned one must have an end.
    #[error("a planned leave has an end; give until_at")]
    Open,
    /// It begins too early.
    #[error(
        "a planned leave is asked for before it begins; a sudden one may have begun {0} days ago"
    )]
    TooEarly(u32),
    /// It begins too late for one that was not foreseen.
    #[error("a sudden leave begins at most a day ahead; ask for a planned one")]
    TooLate,
    /// It lasts too long.
    #[error("a leave lasts at most {0} days")]
    TooLong(u32),
}

/// How far ahead a sudden leave may begin.
const SUDDEN_AHEAD: Millis = Millis(86_400_000);

/// Whether a leave may be at that time.
///
/// # Errors
/// Why not.
pub fn check_time(
    kind: LeaveKind,
    time: &Span,
    now: UnixMillis,
    limits: &LeaveLimits,
) -> Result<(), TimeError> {
    let earliest = match kind {
        LeaveKind::Planned => now,
        LeaveKind::Sudden => UnixMillis(now.0.saturating_sub(limits.sudden_since().0)),
    };
    if time.from < earliest {
        return Err(TimeError::TooEarly(limits.sudden_since_days));
    }
    if kind == LeaveKind::Sudden && time.from > now.plus(SUDDEN_AHEAD) {
        return Err(TimeError::TooLate);
    }
    let Some(until) = time.until else {
        return match kind {
            LeaveKind::Planned => Err(TimeError::Open),
            LeaveKind::Sudden => Ok(()),
        };
    };
    if until <= time.from {
        return Err(TimeError::EndsBeforeItBegins);
    }
    if until.0.saturating_sub(time.from.0) > limits.longest().0 {
        return Err(TimeError::TooLong(limits.most_days));
    }
    Ok(())
}

/// A cell that would be left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftAlone {
    /// The cell.
    pub cell: CellId,
    /// Its code.
    pub code: String,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when; without a known end if absent.
    pub until_at: Option<UnixMillis>,
}

/// The cells that would be left without A, B and cover because this person is away, and when.
/// A time at which a cell would be alone in any case is not this leave's doing; so with and
/// without the leave are compared at every moment at which either can change.
#[must_use]
pub fn left_alone(
    cells: &[CellDuty],
    away: &Away,
    person: PersonId,
    time: &Span,
) -> Vec<LeftAlone> {
    let mut with = away.clone();
    with.spans.entry(person).or_default().push(*time);
    let mut found: Vec<LeftAlone> = Vec::new();
    for cell in cells {
        let answers = cell.terms.iter().map(|term| term.person);
        let covers = cell.covers.iter().map(|cover| cover.0);
        if !answers.chain(covers).any(|who| who == person) {
            continue;
        }
        // Every moment of `away` is one of `with`, too.
        let moments: Vec<UnixMillis> = cell.moments(&with, time).into_iter().collect();
        for (place, from) in moments.iter().enumerate() {
            if !cell.at(*from, &with).is_alone() || cell.at(*from, away).is_alone() {
                continue;
            }
            let until = moments.get(place + 1).copied().or(time.until);
            match found.last_mut() {
                Some(LeftAlone {
                    cell: id, until_at, ..
                }) if *id == cell.id && *until_at == Some(*from) => {
                    *until_at = until;
                }
                _ => found.push(LeftAlone {
                    cell: cell.id,
                    code: cell.code.clone(),
                    from_at: *from,
                    until_at: until,
                }),
            }
        }
    }
    found
}

/// Why somebody cannot cover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// No such cell.
    #[error("the station has no cell {0} now")]
    NoCell(CellId),
    /// Who is away cannot.
    #[error("{person} cannot cover cell {code}: he is the one who is away")]
    Oneself {
        /// Who.
        person: PersonId,
        /// The cell's code.
        code: String,
    },
    /// A and B answer for the cell as it is.
    #[error("{person} cannot cover cell {code}: he is its A or B as it is; name a third")]
    InThePair {
        /// Who.
        person: PersonId,
        /// The cell's code.
        code: String,
    },
    /// He is no manager of the station, disabled, or away himself.
    #[error(
        "{person} cannot cover cell {code}: he is no active manager of this station or away himself"
    )]
    NotThere {
        /// Who.
        person: PersonId,
        /// The cell's code.
        code: String,
    },
    /// The time is not within the leave.
    #[error("the cover of cell {code} is not within the leave")]
    OtherTime {
        /// The cell's code.
        code: String,
    },
}

/// Whether somebody may cover a cell during the leave of `person`.
///
/// # Errors
/// Why not.
pub fn check_cover(
    cells: &[CellDuty],
    away: &Away,
    (person, time): (PersonId, &Span),
    cover: &Cover,
) -> Result<(), CoverError> {
    let cell = cells.iter().find(|cell| cell.id == cover.cell);
    let cell = cell.ok_or(CoverError::NoCell(cover.cell))?;
    let (who, code) = (cover.person, cell.code.clone());
    if time.common(&cover.time) != Some(cover.time) {
        return Err(CoverError::OtherTime { code });
    }
    if who == person {
        return Err(CoverError::Oneself { person: who, code });
    }
    let in_pair = cell.terms.iter().any(|term| {
        let term_time = Span {
            from: term.from,
            until: term.until,
        };
        term.person == who && term_time.common(&cover.time).is_some()
    });
    if in_pair {
        return Err(CoverError::InThePair { person: who, code });
    }
    if !away.is_present_throughout(who, &cover.time) {
        return Err(CoverError::NotThere { person: who, code });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::territory::roles::{CellRole, RoleTerm};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn span(from: i64, until: i64) -> Span {
        Span {
            from: UnixMillis(from),
            until: Some(UnixMillis(until)),
        }
    }

    fn cell() -> CellDuty {
        let term = |role, n| RoleTerm {
            person: person(n),
            role,
            from: UnixMillis(0),
            until: None,
        };
        CellDuty {
            id: CellId(Uuid::nil()),
            code: "C1".to_owned(),
            name: "one".to_owned(),
            terms: vec![term(CellRole::A, 1), term(CellRole::B, 2)],
            covers: vec![],
        }
    }

    fn away() -> Away {
        let mut away = Away {
            able: [1, 2, 3, 4].map(person).into(),
            ..Away::default()
        };
        away.spans.insert(person(2), vec![span(50, 80)]);
        away
    }

    #[test]
    fn a_leave_that_meets_the_others_leaves_the_cell_alone_unless_somebody_covers() {
        let alone = |cell: CellDuty, time| left_alone(&[cell], &away(), person(1), &time);
        assert_eq!(alone(cell(), span(10, 50)), []);
        let found = alone(cell(), span(10, 60));
        assert_eq!((found[0].from_at.0, found[0].until_at.unwrap().0), (50, 60));
        let mut covered = cell();
        covered.covers.push((person(3), span(50, 60)));
        assert_eq!(alone(covered.clone(), span(10, 60)), []);
        // The cover cannot leave then either, others can.
        covered.terms.remove(0);
        let of = |who| left_alone(&[covered.clone()], &away(), person(who), &span(10, 60));
        assert_eq!((of(3).len(), of(4).len()), (1, 0));
        // A cell without a B is left alone by its A.
        let mut vacant = cell();
        vacant.terms.truncate(1);
        assert_eq!(alone(vacant, span(10, 20)).len(), 1);
    }

    #[test]
    fn a_cell_that_is_alone_anyway_at_first_is_still_left_alone_after() {
        // A is away until 20 by another absence, B all the time: from 20 on it is this leave.
        let mut away = away();
        away.spans.insert(person(1), vec![span(0, 20)]);
        away.spans.insert(person(2), vec![span(0, 80)]);
        let found = left_alone(&[cell()], &away, person(1), &span(10, 60));
        let times: Vec<(i64, i64)> = found
            .iter()
            .map(|one| (one.from_at.0, one.until_at.unwrap().0))
            .collect();
        assert_eq!(times, [(20, 60)]);
    }

    proptest! {
        /// What is listed says of every moment what looking at that moment says.
        #[test]
        fn the_list_and_every_moment_agree(
            absences in proptest::collection::vec((1u128..4, 0i64..40, 1i64..20), 0..6),
            covers in proptest::collection::vec((0i64..40, 1i64..20), 0..3),
            (from, long) in (0i64..40, 1i64..20),
            who in 1u128..4,
        ) {
            let mut away = away();
            away.spans.clear();
            for (who, from, long) in absences {
                away.spans.entry(person(who)).or_default().push(span(from, from + long));
            }
            let mut cell = cell();
            let covers = covers.into_iter();
            cell.covers = covers.map(|(from, long)| (person(3), span(from, from + long))).collect();
            let leave = span(from, from + long);
            let mut with = away.clone();
            with.spans.entry(person(who)).or_default().push(leave);
            let found = left_alone(std::slice::from_ref(&cell), &away, person(who), &leave);
            for moment in (0..60).map(UnixMillis) {
                let listed = found.iter().filter(|one| {
                    Span { from: one.from_at, until: one.until_at }.has(moment)
                });
                let alone = |away: &Away| cell.at(moment, away).is_alone();
                prop_assert_eq!(listed.count(), usize::from(alone(&with) && !alone(&away)));
            }
        }
    }

    #[test]
    fn a_cover_is_a_third_who_is_there_all_the_time() {
        let check = |who, time| {
            let cover = Cover {
                cell: CellId(Uuid::nil()),
                person: person(who),
                time,
            };
            check_cover(&[cell()], &away(), (person(1), &span(10, 60)), &cover)
        };
        assert_eq!(check(3, span(10, 60)), Ok(()));
        assert!(matches!(
            check(1, span(10, 60)),
            Err(CoverError::Oneself { .. })
        ));
        assert!(matches!(
            check(2, span(10, 40)),
            Err(CoverError::InThePair { .. })
        ));
        assert!(matches!(
            check(9, span(10, 60)),
            Err(CoverError::NotThere { .. })
        ));
        assert!(matches!(
            check(3, span(10, 61)),
            Err(CoverError::OtherTime { .. })
        ));
        let foreign = Cover {
            cell: CellId(Uuid::from_u128(7)),
            person: person(3),
            time: span(10, 60),
        };
        let none = check_cover(&[cell()], &away(), (person(1), &span(10, 60)), &foreign);
        assert!(matches!(none, Err(CoverError::NoCell(_))));
    }

    #[test]
    fn times_that_cannot_be_are_refused_with_their_reason() {
        let limits = LeaveLimits::in_force(UnixMillis(0));
        let now = UnixMillis(1_800_000_000_000);
        let day = 86_400_000;
        let check = |kind, from: i64, until: Option<i64>| {
            let time = Span {
                from: UnixMillis(now.0 + from * day),
                until: until.map(|until| UnixMillis(now.0 + until * day)),
            };
            check_time(kind, &time, now, limits)
        };
        use LeaveKind::{Planned, Sudden};
        assert_eq!(check(Planned, 1, Some(3)), Ok(()));
        assert_eq!(check(Sudden, -1, None), Ok(()));
        assert_eq!(check(Planned, 1, None), Err(TimeError::Open));
        assert_eq!(
            check(Planned, 1, Some(1)),
            Err(TimeError::EndsBeforeItBegins)
        );
        assert_eq!(check(Planned, -1, Some(1)), Err(TimeError::TooEarly(14)));
        assert_eq!(check(Sudden, -15, Some(1)), Err(TimeError::TooEarly(14)));
        assert_eq!(check(Sudden, 1, Some(2)), Ok(()));
        assert_eq!(check(Sudden, 2, None), Err(TimeError::TooLate));
        assert_eq!(check(Planned, 0, Some(181)), Err(TimeError::TooLong(180)));
    }
}
