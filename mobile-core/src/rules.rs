//! What a person may record of an order, judged by what this handheld knows. Pure.
//!
//! The server judges again by what it knows: a record that is fine here and late there is
//! kept as evidence (DOMAIN section 7, row 9). So the rules here only keep people from
//! recording what could never count.

use crate::error::Error;
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, still_asked},
    ids::PersonId,
    order::{OrderState, Status},
    record::{Event, Owner, StepDone, Term},
    workflow::{Template, missing},
};

/// The term under which `me` may record `event` now. `arrival` is what it proves, if it is
/// one: where that is not enough, the workflow may ask why.
///
/// # Errors
/// Why he may not.
pub(crate) fn term_for(
    state: &OrderState,
    template: &Template,
    me: PersonId,
    event: &Event,
    arrival: Option<&ArrivalProof>,
) -> Result<Term, Error> {
    let present = state.owner == Some(Owner::Person(me));
    let term = last_term_of(state, me);
    match event {
        Event::Taken(_) | Event::HandedOver(_) => {
            owner_of_open(state, present)?;
        }
        Event::Declined(declined) => {
            owner_of_open(state, present)?;
            let known = |code: &str| template.decline_reasons.iter().any(|one| one.code == code);
            if !known(&declined.reason) {
                let codes: Vec<&str> = template
                    .decline_reasons
                    .iter()
                    .map(|reason| reason.code.as_str())
                    .collect();
                return Err(Error::UnknownReason {
                    given: declined.reason.clone(),
                    known: codes.join(", "),
                });
            }
        }
        Event::StepDone(done) => step(state, template, (present, term), done, arrival)?,
        Event::Noted(noted) => {
            if noted.text.trim().is_empty() {
                return Err(Error::Invalid("the note is empty".to_owned()));
            }
        }
        _ => return Err(Error::Invalid("only the server records this".to_owned())),
    }
    if present {
        return Ok(state.term);
    }
    term.ok_or(Error::NotOwner)
}

fn owner_of_open(state: &OrderState, present: bool) -> Result<(), Error> {
    if !present {
        Err(Error::NotOwner)
    } else if state.status == Status::Returned {
        Err(Error::Closed)
    } else {
        Ok(())
    }
}

fn step(
    state: &OrderState,
    template: &Template,
    (present, term): (bool, Option<Term>),
    done: &StepDone,
    arrival: Option<&ArrivalProof>,
) -> Result<(), Error> {
    let Some(spec) = template.step(&done.step) else {
        let codes: Vec<&str> = template
            .steps
            .iter()
            .map(|step| step.code.0.as_str())
            .collect();
        return Err(Error::UnknownStep {
            given: done.step.0.clone(),
            known: codes.join(", "),
        });
    };
    // An arrival counts from whoever was there first, even after his term.
    let still_counts = spec.counts_from_previous_owner && term.is_some();
    if !present && !still_counts {
        return Err(Error::NotOwner);
    }
    if state.status == Status::Returned {
        return Err(Error::Closed);
    }
    let mut missing = missing(template, spec, &state.done(), &done.values, &done.photos);
    for asked in arrival
        .into_iter()
        .flat_map(|proof| still_asked(spec, proof, &done.values, &done.photos))
    {
        if !missing.contains(&asked) {
            missing.push(asked);
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::Incomplete(missing))
    }
}

/// The last term in which `me` owned the order.
fn last_term_of(state: &OrderState, me: PersonId) -> Option<Term> {
    state
        .assignments
        .iter()
        .rev()
        .find(|held| held.owner == Owner::Person(me))
        .map(|held| held.term)
}
