//! Who answers for a cell, and when: A and B with effective dates.

use gridcrew_sync_protocol::{ids::PersonId, time::UnixMillis};
use serde::{Deserialize, Serialize};

/// The two roles of a cell (DOMAIN A09).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CellRole {
    /// Answers first.
    A,
    /// Answers when A cannot.
    B,
}

/// One person in one role for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleTerm {
    /// Who.
    pub person: PersonId,
    /// As what.
    pub role: CellRole,
    /// From when, this moment included.
    pub from: UnixMillis,
    /// Until when, this moment excluded; open if absent.
    pub until: Option<UnixMillis>,
}

impl RoleTerm {
    fn covers(&self, at: UnixMillis) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    fn reaches(&self, later: &Self) -> bool {
        self.until.is_none_or(|until| later.from < until)
    }
}

/// All terms of one cell. At any moment at most one A and one B, two different people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellRoles {
    terms: Vec<RoleTerm>,
}

/// A and B of a cell at one moment; an empty place is a vacancy to raise an alarm for (I12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Managers {
    /// The A manager.
    pub a: Option<PersonId>,
    /// The B manager.
    pub b: Option<PersonId>,
}

/// Why terms do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolesError {
    /// A term that ends before it begins.
    #[error("the term of {person} ends when or before it begins; give a later end")]
    EndsBeforeItBegins {
        /// Whose term.
        person: PersonId,
    },
    /// Two people in one role at a time.
    #[error("{first} and {second} are both {role:?} at a time; end the first term sooner")]
    TwoInOneRole {
        /// The role.
        role: CellRole,
        /// The earlier one.
        first: PersonId,
        /// The later one.
        second: PersonId,
    },
    /// One person as A and B at a time.
    #[error("{person} is A and B of the same cell at a time; name two different people")]
    SamePerson {
        /// Who.
        person: PersonId,
    },
}

impl CellRoles {
    /// The terms of a cell.
    ///
    /// # Errors
    /// Terms that end before they begin, or meet where they may not.
    pub fn new(mut terms: Vec<RoleTerm>) -> Result<Self, RolesError> {
        if let Some(term) = terms
            .iter()
            .find(|t| t.until.is_some_and(|until| until <= t.from))
        {
            return Err(RolesError::EndsBeforeItBegins {
                person: term.person,
            });
        }
        terms.sort_by_key(|t| (t.person, t.from));
        for pair in terms.windows(2) {
            let same = pair[0].person == pair[1].person && pair[0].role != pair[1].role;
            if same && pair[0].reaches(&pair[1]) {
                return Err(RolesError::SamePerson {
                    person: pair[0].person,
                });
            }
        }
        terms.sort_by_key(|t| (t.role, t.from));
        for pair in terms.windows(2) {
            if pair[0].role == pair[1].role && pair[0].reaches(&pair[1]) {
                return Err(RolesError::TwoInOneRole {
                    role: pair[0].role,
                    first: pair[0].person,
                    second: pair[1].person,
                });
            }
        }
        Ok(Self { terms })
    }

    /// The terms, A before B, earlier before later.
    #[must_use]
    pub fn terms(&self) -> &[RoleTerm] {
        &self.terms
    }

    /// Who answers at a moment.
    #[must_use]
    pub fn at(&self, moment: UnixMillis) -> Managers {
        managers_at(&self.terms, moment)
    }
}

/// Who answers at a moment, by the terms of one cell.
#[must_use]
pub fn managers_at(terms: &[RoleTerm], moment: UnixMillis) -> Managers {
    let holder = |role| {
        terms
            .iter()
            .find(|t| t.role == role && t.covers(moment))
            .map(|t| t.person)
    };
    Managers {
        a: holder(CellRole::A),
        b: holder(CellRole::B),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn term(person: u128, role: CellRole, from: i64, until: Option<i64>) -> RoleTerm {
        RoleTerm {
            person: PersonId(Uuid::from_u128(person)),
            role,
            from: UnixMillis(from),
            until: until.map(UnixMillis),
        }
    }

    #[test]
    fn roles_change_hands_at_the_moment_stated() {
        let roles = CellRoles::new(vec![
            term(2, CellRole::B, 0, Some(100)),
            term(1, CellRole::A, 0, Some(100)),
            term(2, CellRole::A, 100, None),
        ])
        .unwrap();
        let who = |at| roles.at(UnixMillis(at));
        let person = |n| Some(PersonId(Uuid::from_u128(n)));
        assert_eq!(who(-1), Managers::default());
        assert_eq!(
            who(99),
            Managers {
                a: person(1),
                b: person(2)
            }
        );
        assert_eq!(
            who(100),
            Managers {
                a: person(2),
                b: None
            }
        );
    }

    #[test]
    fn terms_that_do_not_fit_are_refused() {
        let refuse = |terms: Vec<RoleTerm>| CellRoles::new(terms).unwrap_err();
        let backwards = refuse(vec![term(1, CellRole::A, 5, Some(5))]);
        assert!(matches!(backwards, RolesError::EndsBeforeItBegins { .. }));
        let two = refuse(vec![
            term(1, CellRole::A, 0, None),
            term(2, CellRole::A, 50, None),
        ]);
        assert!(matches!(
            two,
            RolesError::TwoInOneRole {
                role: CellRole::A,
                ..
            }
        ));
        let same = refuse(vec![
            term(1, CellRole::A, 0, None),
            term(1, CellRole::B, 50, None),
        ]);
        assert!(matches!(same, RolesError::SamePerson { .. }));
    }

    #[test]
    fn one_person_in_many_terms_is_still_seen_as_both() {
        let error = CellRoles::new(vec![
            term(1, CellRole::A, 0, None),
            term(1, CellRole::B, 10, Some(20)),
            term(2, CellRole::B, 20, None),
        ])
        .unwrap_err();
        assert!(matches!(error, RolesError::SamePerson { .. }));
    }
}
