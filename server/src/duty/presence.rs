//! Where and when a cell is without a present A or B: terms, absences and covers laid over
//! each other, as rules without I/O.

use crate::territory::roles::{CellRole, RoleTerm};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    time::UnixMillis,
};
use std::collections::{BTreeSet, HashMap};

/// A time: its first moment included, its last excluded; without an end if that is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From when.
    pub from: UnixMillis,
    /// Until when.
    pub until: Option<UnixMillis>,
}

impl Span {
    /// Whether a moment is within.
    #[must_use]
    pub fn has(&self, moment: UnixMillis) -> bool {
        self.from <= moment && self.until.is_none_or(|until| moment < until)
    }

    /// What two have in common.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        let from = self.from.max(other.from);
        let until = match (self.until, other.until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        until
            .is_none_or(|until| until > from)
            .then_some(Self { from, until })
    }
}

/// Who is away when.
#[derive(Clone, Debug, Default)]
pub struct Away {
    /// Absences by person.
    pub spans: HashMap<PersonId, Vec<Span>>,
    /// Those who can be A or B at all: active managers of the station.
    pub able: BTreeSet<PersonId>,
}

impl Away {
    /// Whether somebody is there and can act.
    #[must_use]
    pub fn is_present(&self, person: PersonId, moment: UnixMillis) -> bool {
        let mut absences = self.spans.get(&person).into_iter().flatten();
        self.able.contains(&person) && !absences.any(|span| span.has(moment))
    }

    /// Whether somebody is there all the time.
    #[must_use]
    pub fn is_present_throughout(&self, person: PersonId, time: &Span) -> bool {
        let mut absences = self.spans.get(&person).into_iter().flatten();
        self.able.contains(&person) && !absences.any(|span| span.common(time).is_some())
    }
}

/// A cell with who answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellDuty {
    /// The cell.
    pub id: CellId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Terms as A and B.
    pub terms: Vec<RoleTerm>,
    /// Who covers it, and when.
    pub covers: Vec<(PersonId, Span)>,
}

/// Who answers for a cell at one moment, and who of them is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its A.
    pub a: Option<PersonId>,
    /// Whether he is there.
    pub a_present: bool,
    /// Its B.
    pub b: Option<PersonId>,
    /// Whether he is there.
    pub b_present: bool,
    /// A cover who is there.
    pub cover: Option<PersonId>,
}

impl Standing {
    /// Neither A nor B is there, and nobody covers.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        !self.a_present && !self.b_present && self.cover.is_none()
    }

    /// A or B is not there.
    #[must_use]
    pub const fn is_thin(&self) -> bool {
        !self.a_present || !self.b_present
    }
}

/// A stretch of time in which a cell is without a present A or B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thin {
    /// When.
    pub time: Span,
    /// How it stands then.
    pub standing: Standing,
}

impl CellDuty {
    /// How it stands at a moment.
    #[must_use]
    pub fn at(&self, moment: UnixMillis, away: &Away) -> Standing {
        let holder = |role: CellRole| {
            let term = self.terms.iter().find(|term| {
                let time = Span {
                    from: term.from,
                    until: term.until,
                };
                term.role == role && time.has(moment)
            });
            term.map(|term| term.person)
        };
        let present = |who: Option<PersonId>| who.is_some_and(|who| away.is_present(who, moment));
        let (a, b) = (holder(CellRole::A), holder(CellRole::B));
        let covers = self.covers.iter().filter(|(_, time)| time.has(moment));
        Standing {
            a,
            a_present: present(a),
            b,
            b_present: present(b),
            cover: covers.map(|cover| cover.0).find(|who| present(Some(*who))),
        }
    }

    /// The stretches of `window` in which A or B is not there, in the order of time.
    #[must_use]
    pub fn thin(&self, away: &Away, window: &Span) -> Vec<Thin> {
        let mut stretches: Vec<Thin> = Vec::new();
        let moments: Vec<UnixMillis> = self.moments(away, window).into_iter().collect();
        for (place, from) in moments.iter().enumerate() {
            let standing = self.at(*from, away);
            let until = moments.get(place + 1).copied().or(window.until);
            match stretches.last_mut() {
                Some(last) if last.time.until == Some(*from) && last.standing == standing => {
                    last.time.until = until;
                }
                _ if standing.is_thin() => stretches.push(Thin {
                    time: Span { from: *from, until },
                    standing,
                }),
                _ => {}
            }
        }
        stretches
    }

    /// The moments of the window at which anything can change, its first among them.
    pub(super) fn moments(&self, away: &Away, window: &Span) -> BTreeSet<UnixMillis> {
        let people = self.terms.iter().map(|term| term.person);
        let people: BTreeSet<PersonId> = people
            .chain(self.covers.iter().map(|cover| cover.0))
            .collect();
        let absences = people
            .iter()
            .filter_map(|who| away.spans.get(who))
            .flatten();
        let terms = self.terms.iter().map(|term| Span {
            from: term.from,
            until: term.until,
        });
        let covers = self.covers.iter().map(|cover| cover.1);
        let spans = absences.copied().chain(terms).chain(covers);
        let ends = spans
            .flat_map(|span| [Some(span.from), span.until])
            .flatten();
        let within = ends.filter(|moment| window.has(*moment));
        within.chain([window.from]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn span(from: i64, until: Option<i64>) -> Span {
        Span {
            from: UnixMillis(from),
            until: until.map(UnixMillis),
        }
    }

    fn cell(covers: Vec<(PersonId, Span)>) -> CellDuty {
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
            covers,
        }
    }

    fn away(spans: &[(u128, Span)]) -> Away {
        let mut away = Away {
            able: [1, 2, 3].map(person).into(),
            ..Away::default()
        };
        for (who, span) in spans {
            away.spans.entry(person(*who)).or_default().push(*span);
        }
        away
    }

    #[test]
    fn two_who_are_away_together_leave_the_cell_alone_for_as_long_as_nobody_covers() {
        let away = away(&[(1, span(10, Some(30))), (2, span(20, None))]);
        let found = cell(vec![(person(3), span(25, Some(40)))]).thin(&away, &span(0, Some(100)));
        let seen: Vec<(i64, i64, bool)> = found
            .iter()
            .map(|thin| {
                (
                    thin.time.from.0,
                    thin.time.until.unwrap().0,
                    thin.standing.is_alone(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (10, 20, false),
                (20, 25, true),
                (25, 30, false),
                (30, 40, false),
                (40, 100, false)
            ]
        );
    }

    #[test]
    fn who_cannot_be_a_or_b_is_not_there() {
        let mut nobody = away(&[]);
        nobody.able.remove(&person(1));
        let standing = cell(vec![]).at(UnixMillis(5), &nobody);
        assert!(!standing.a_present && standing.b_present && standing.is_thin());
    }

    proptest! {
        /// The stretches say of every moment what looking at that moment says.
        #[test]
        fn stretches_and_moments_agree(
            absences in proptest::collection::vec((1u128..4, 0i64..40, proptest::option::of(1i64..20)), 0..6),
            covers in proptest::collection::vec((0i64..40, proptest::option::of(1i64..20)), 0..3),
        ) {
            let time = |from: i64, long: Option<i64>| span(from, long.map(|long| from + long));
            let absences: Vec<(u128, Span)> =
                absences.into_iter().map(|(who, from, long)| (who, time(from, long))).collect();
            let covers = covers.into_iter().map(|(from, long)| (person(3), time(from, long)));
            let (cell, away) = (cell(covers.collect()), away(&absences));
            let found = cell.thin(&away, &span(0, Some(60)));
            for moment in 0..60 {
                let here = found.iter().filter(|thin| thin.time.has(UnixMillis(moment)));
                let here: Vec<Standing> = here.map(|thin| thin.standing).collect();
                let standing = cell.at(UnixMillis(moment), &away);
                let wanted = if standing.is_thin() { vec![standing] } else { vec![] };
                prop_assert_eq!(here, wanted);
            }
        }
    }
}
