//! Who waits too long for an answer.

use gridcrew_sync_protocol::{
    order::{OrderState, Status},
    record::Owner,
    time::UnixMillis,
    workflow::{Milestone, Template},
};

/// Whether the owner has had an order for longer than the template gives for taking it and
/// has not taken it, by word or by deed. Each owner has that time from when the order was
/// given to him (DOMAIN section 7, row 10: each rung with its timer), but not from before
/// `reachable_since`: while nobody could reach a server nobody could answer. A desk is never
/// passed over: there is nothing after it.
#[must_use]
pub fn waits_too_long(
    state: &OrderState,
    template: &Template,
    reachable_since: UnixMillis,
    now: UnixMillis,
) -> bool {
    if !matches!(state.owner, Some(Owner::Person(_))) {
        return false;
    }
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
    let from = present.since.max(reachable_since);
    let due = rule.map(|rule| from.plus(rule.limit(state.area_class)));
    let answered = state.taken_at.is_some() || state.status == Status::Returned;
    !answered && due.is_some_and(|due| now >= due)
}
