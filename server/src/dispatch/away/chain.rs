//! From whom an order came to its present owner by leave alone: rules without I/O.
//!
//! Terms follow each other, so a hand-over that was accepted in one term explains the owner of
//! the next. Whatever else moved the order in between, such as a stand-in who did not take it,
//! breaks the chain: then nobody who is back has a claim to it.

use gridcrew_sync_protocol::{ids::PersonId, record::Term};

/// A hand-over because of leave that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who had the order.
    pub from: PersonId,
    /// Who got it.
    pub to: PersonId,
    /// The last term of the giver.
    pub term: Term,
    /// It was given back because somebody's leave was over.
    pub back: bool,
}

/// Those who are still to get the order back from its owner of this term, the first owner
/// first. Empty when it is not with the owner because of leave.
#[must_use]
pub fn lenders(owner: PersonId, term: Term, steps: &[Step]) -> Vec<PersonId> {
    let (mut holder, mut term) = (owner, term);
    let mut run = Vec::new();
    while let Some(step) = steps
        .iter()
        .find(|step| step.to == holder && step.term.0.checked_add(1) == Some(term.0))
    {
        run.push(step);
        (holder, term) = (step.from, step.term);
    }
    let mut lenders: Vec<PersonId> = Vec::new();
    for step in run.into_iter().rev() {
        match lenders.iter().position(|lender| *lender == step.to) {
            // It came home; whoever had it since then has no claim.
            Some(place) => lenders.truncate(place),
            None if step.back => lenders.clear(),
            None => lenders.push(step.from),
        }
    }
    lenders
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn step(term: u32, from: u128, to: u128, back: bool) -> Step {
        Step {
            from: person(from),
            to: person(to),
            term: Term(term),
            back,
        }
    }

    #[test]
    fn a_chain_of_leaves_leads_back_to_each_who_gave_it_on() {
        let steps = [step(1, 1, 2, false), step(2, 2, 3, false)];
        assert_eq!(lenders(person(3), Term(3), &steps), [person(1), person(2)]);
        // The second is back and has it again; the first has not lost his claim.
        let steps = [steps[0], steps[1], step(3, 3, 2, true)];
        assert_eq!(lenders(person(2), Term(4), &steps), [person(1)]);
        let steps = [steps[0], steps[1], steps[2], step(4, 2, 1, true)];
        assert_eq!(lenders(person(1), Term(5), &steps), []);
        // Straight to the first, past the second.
        let steps = [steps[0], steps[1], step(3, 3, 1, true)];
        assert_eq!(lenders(person(1), Term(4), &steps), []);
    }

    #[test]
    fn what_moved_otherwise_in_between_breaks_the_chain() {
        let steps = [step(1, 1, 2, false)];
        assert_eq!(lenders(person(2), Term(2), &steps), [person(1)]);
        assert_eq!(lenders(person(3), Term(3), &steps), []);
        assert_eq!(lenders(person(2), Term(4), &steps), []);
    }

    proptest! {
        /// Nobody lends to himself, and nobody has two claims.
        #[test]
        fn nobody_is_owed_what_he_has(
            moves in proptest::collection::vec((1u128..5, any::<bool>()), 0..12)
        ) {
            let (mut owner, mut steps) = (1u128, Vec::new());
            for (to, back) in moves {
                if to != owner {
                    let term = u32::try_from(steps.len()).unwrap() + 1;
                    steps.push(step(term, owner, to, back));
                    owner = to;
                }
            }
            let term = Term(u32::try_from(steps.len()).unwrap() + 1);
            let found = lenders(person(owner), term, &steps);
            prop_assert!(!found.contains(&person(owner)));
            let mut once = found.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), found.len());
        }
    }
}
