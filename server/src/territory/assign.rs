//! Assigning A and B: what a wish does to the terms of a cell.
//!
//! A wish counts from a moment on and for good: the term that runs at that moment ends
//! there, terms planned for later are taken back (they then end when they begin), and the
//! new one opens. What lies in the past is never changed; only a role that nobody ever had
//! may be filled back to an earlier date.

use super::roles::CellRole;
use gridcrew_sync_protocol::{ids::PersonId, time::UnixMillis};
use uuid::Uuid;

/// A term as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredTerm {
    /// Its id.
    pub id: Uuid,
    /// As what.
    pub role: CellRole,
    /// Who.
    pub person: PersonId,
    /// From when, included.
    pub from: UnixMillis,
    /// Until when, excluded; open if absent.
    pub until: Option<UnixMillis>,
}

impl StoredTerm {
    /// Whether it was taken back before it began.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.until.is_some_and(|until| until <= self.from)
    }

    /// Whether it runs at or after a moment.
    fn reaches(&self, moment: UnixMillis) -> bool {
        !self.is_void() && self.until.is_none_or(|until| until > moment)
    }
}

/// Who shall be A and B from a moment on; a role that is not named stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The new A.
    pub a: Option<PersonId>,
    /// The new B.
    pub b: Option<PersonId>,
    /// From when; none: from the moment at which it is granted.
    pub from: Option<UnixMillis>,
}

/// One change of the terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermChange {
    /// A stored term gets another end.
    End {
        /// Which.
        term: StoredTerm,
        /// The new end.
        until: Option<UnixMillis>,
    },
    /// A new term, open-ended.
    Open {
        /// As what.
        role: CellRole,
        /// Who.
        person: PersonId,
        /// From when.
        from: UnixMillis,
    },
}

/// Why a wish cannot be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// It would change the past.
    #[error("{role:?} was held before; a change can only count from now on, not from earlier")]
    Past {
        /// Which role.
        role: CellRole,
    },
    /// One person would be A and B.
    #[error("{person} would be A and B of the cell; name two different people")]
    SamePerson {
        /// Who.
        person: PersonId,
    },
}

/// What has to change so that the wish comes true; nothing when it is so already.
///
/// # Errors
/// The wish changes the past, or would leave one person as A and B at some time.
pub fn plan(
    terms: &[StoredTerm],
    wish: Wish,
    now: UnixMillis,
) -> Result<Vec<TermChange>, WishError> {
    let mut changes = Vec::new();
    let wished = wish.from.unwrap_or(now);
    let mut after: Vec<(CellRole, PersonId, UnixMillis, Option<UnixMillis>)> = Vec::new();
    for (role, wanted) in [(CellRole::A, wish.a), (CellRole::B, wish.b)] {
        let of_role = || terms.iter().filter(move |term| term.role == role);
        match wanted {
            None => after.extend(
                of_role()
                    .filter(|term| term.reaches(wished))
                    .map(|term| (role, term.person, term.from, term.until)),
            ),
            Some(person) => {
                if wished < now && of_role().next().is_some() {
                    return Err(WishError::Past { role });
                }
                changes.extend(plan_role(of_role(), role, person, wished));
                after.push((role, person, wished, None));
            }
        }
    }
    let (a, b): (Vec<_>, Vec<_>) = after.into_iter().partition(|term| term.0 == CellRole::A);
    let meet = |from: UnixMillis, until: Option<UnixMillis>| until.is_none_or(|end| end > from);
    for (_, person, from, until) in a {
        if b.iter()
            .any(|other| other.1 == person && meet(from, other.3) && meet(other.2, until))
        {
            return Err(WishError::SamePerson { person });
        }
    }
    Ok(changes)
}

/// The changes of one role.
fn plan_role<'t>(
    terms: impl Iterator<Item = &'t StoredTerm>,
    role: CellRole,
    person: PersonId,
    from: UnixMillis,
) -> Vec<TermChange> {
    let mut changes = Vec::new();
    let mut goes_on = false;
    for term in terms.filter(|term| term.reaches(from)) {
        let until = if term.from > from {
            Some(term.from)
        } else if term.person == person {
            goes_on = true;
            None
        } else {
            Some(from)
        };
        if until != term.until {
            changes.push(TermChange::End { term: *term, until });
        }
    }
    if !goes_on {
        changes.push(TermChange::Open { role, person, from });
    }
    changes
}

/// The next moment after `now` at which a term begins or ends.
#[must_use]
pub fn next_change(
    from: UnixMillis,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Option<UnixMillis> {
    if until.is_some_and(|until| until <= from) {
        return None;
    }
    [Some(from), until]
        .into_iter()
        .flatten()
        .find(|moment| *moment > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::territory::roles::{CellRoles, RoleTerm};
    use proptest::prelude::*;

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn wish(a: Option<u128>, b: Option<u128>, from: i64) -> Wish {
        Wish {
            a: a.map(person),
            b: b.map(person),
            from: Some(UnixMillis(from)),
        }
    }

    /// Carries a plan out.
    fn apply(terms: &mut Vec<StoredTerm>, changes: Vec<TermChange>) {
        for change in changes {
            match change {
                TermChange::End { term, until } => {
                    terms.iter_mut().find(|t| t.id == term.id).unwrap().until = until;
                }
                TermChange::Open { role, person, from } => terms.push(StoredTerm {
                    id: Uuid::from_u128(terms.len() as u128),
                    role,
                    person,
                    from,
                    until: None,
                }),
            }
        }
    }

    fn roles(terms: &[StoredTerm]) -> CellRoles {
        let sound = terms.iter().filter(|term| !term.is_void());
        CellRoles::new(
            sound
                .map(|t| RoleTerm {
                    person: t.person,
                    role: t.role,
                    from: t.from,
                    until: t.until,
                })
                .collect(),
        )
        .unwrap()
    }

    fn holders(terms: &[StoredTerm], at: i64) -> (Option<PersonId>, Option<PersonId>) {
        let managers = roles(terms).at(UnixMillis(at));
        (managers.a, managers.b)
    }

    #[test]
    fn a_planned_change_waits_for_its_moment_and_a_later_wish_takes_it_back() {
        let mut terms = Vec::new();
        let now = UnixMillis(100);
        let first = plan(&terms, wish(Some(1), Some(2), 100), now).unwrap();
        apply(&mut terms, first);
        let planned = plan(&terms, wish(Some(3), None, 200), now).unwrap();
        apply(&mut terms, planned);
        assert_eq!(holders(&terms, 199), (Some(person(1)), Some(person(2))));
        assert_eq!(holders(&terms, 200), (Some(person(3)), Some(person(2))));
        let back = plan(&terms, wish(Some(1), None, 150), UnixMillis(150)).unwrap();
        apply(&mut terms, back);
        assert_eq!(holders(&terms, 500), (Some(person(1)), Some(person(2))));
        assert!(terms.iter().any(StoredTerm::is_void));
    }

    #[test]
    fn a_and_b_can_swap_in_one_wish_but_not_become_one() {
        let mut terms = Vec::new();
        let now = UnixMillis(0);
        let first = plan(&terms, wish(Some(1), Some(2), 0), now).unwrap();
        apply(&mut terms, first);
        let one = plan(&terms, wish(Some(2), None, 10), now);
        assert_eq!(one, Err(WishError::SamePerson { person: person(2) }));
        let swap = plan(&terms, wish(Some(2), Some(1), 10), now).unwrap();
        apply(&mut terms, swap);
        assert_eq!(holders(&terms, 10), (Some(person(2)), Some(person(1))));
    }

    #[test]
    fn the_past_stays_unless_there_was_none() {
        let mut terms = Vec::new();
        let now = UnixMillis(1000);
        let first = plan(&terms, wish(Some(1), Some(2), 10), now).unwrap();
        apply(&mut terms, first);
        let late = plan(&terms, wish(Some(3), None, 999), now);
        assert_eq!(late, Err(WishError::Past { role: CellRole::A }));
    }

    #[test]
    fn a_wish_without_a_moment_counts_from_when_it_is_granted() {
        let mut terms = Vec::new();
        let first = plan(&terms, wish(Some(1), Some(2), 10), UnixMillis(10)).unwrap();
        apply(&mut terms, first);
        let from_now_on = Wish {
            from: None,
            ..wish(Some(3), None, 0)
        };
        let granted = plan(&terms, from_now_on, UnixMillis(40)).unwrap();
        apply(&mut terms, granted);
        assert_eq!(holders(&terms, 39), (Some(person(1)), Some(person(2))));
        assert_eq!(holders(&terms, 40), (Some(person(3)), Some(person(2))));
    }

    #[test]
    fn what_is_so_already_needs_no_change() {
        let mut terms = Vec::new();
        let first = plan(&terms, wish(Some(1), Some(2), 0), UnixMillis(0)).unwrap();
        apply(&mut terms, first);
        let again = plan(&terms, wish(Some(1), Some(2), 50), UnixMillis(50)).unwrap();
        assert_eq!(again, []);
    }

    proptest! {
        /// Whatever is wished and granted, the terms always fit together, and from the
        /// moment of the last wish on it is so.
        #[test]
        fn granted_wishes_always_fit(
            wishes in proptest::collection::vec(
                (proptest::option::of(0u128..4), proptest::option::of(0u128..4), 0i64..60, 0i64..20),
                1..30,
            )
        ) {
            let mut terms = Vec::new();
            let mut now = 0;
            for (a, b, ahead, passed) in wishes {
                now += passed;
                let wish = wish(a, b, now + ahead);
                let before = terms.clone();
                if let Ok(changes) = plan(&terms, wish, UnixMillis(now)) {
                    apply(&mut terms, changes);
                    for at in 0..now {
                        prop_assert_eq!(holders(&before, at), holders(&terms, at));
                    }
                    for at in [now + ahead, now + ahead + 1000] {
                        let (has_a, has_b) = holders(&terms, at);
                        prop_assert!(wish.a.is_none() || has_a == wish.a);
                        prop_assert!(wish.b.is_none() || has_b == wish.b);
                    }
                }
            }
        }
    }
}
