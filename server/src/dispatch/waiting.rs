//! Who waits too long for an answer.

use gridcrew_sync_protocol::{
    order::{OrderState, Status},
    record::Owner,
    time::UnixMillis,
    workflow::{Milestone, Template},
};

/// Whether the owner has had an order for longer than the template gives for taking it and
/// has neither taken it nor begun to work. Each owner has that time from when the order was
/// given to him (DOMAIN section 7, row 10: each rung with its timer). A desk is never passed
/// over: there is nothing after it.
#[must_use]
pub fn waits_too_long(state: &OrderState, template: &Template, now: UnixMillis) -> bool {
    let Some(Owner::Person(owner)) = state.owner else {
        return false;
    };
    let Some(present) = state
        .assignments
        .iter()
        .find(|held| held.term == state.term)
    else {
        return false;
    };
    let rule = template
        .deadlines
        .iter()
        .find(|rule| rule.to == Milestone::Taken);
    let due = rule.map(|rule| present.since.plus(rule.limit(state.area_class)));
    let at_work = state
        .steps
        .values()
        .any(|step| step.by == owner && step.at.at >= present.since);
    let answered = state.taken_at.is_some() || at_work || state.status == Status::Returned;
    !answered && due.is_some_and(|due| now >= due)
}
