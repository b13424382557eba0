//! The lists: to do, waiting to send, sent.

use super::card::{DeadlineLine, deadlines};
use crate::{
    error::Error,
    store::{
        identity,
        orders::{self, OrderRow},
        scope,
        waiting::{self, Waits},
    },
};
use gridcrew_sync_protocol::{
    ids::{OrderId, PersonId},
    order::{DeadlineOutcome, OrderState, Status},
    record::Owner,
    time::TrustedTime,
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Which orders are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// The person's own orders whose work is not closed, the most urgent first.
    ToDo,
    /// Orders with records or photos that the server does not hold yet.
    Waiting,
    /// Orders that the person worked on, of which nothing waits and nothing is left to do.
    Sent,
    /// All orders here.
    All,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OrderLine {
    /// The order.
    pub order: OrderId,
    /// Where it stands by the local fold, or returned when it is held in brief; `None` until
    /// its workflow has come.
    pub status: Option<Status>,
    /// Whether the person is its owner at present.
    pub mine: bool,
    /// What is wrong, in the caller's words; empty when the person may not see it.
    pub phenomenon: String,
    /// The address in words; empty when the person may not see it.
    pub address: String,
    /// The running deadline that is due first.
    pub next_deadline: Option<DeadlineLine>,
    /// What this handheld recorded of it, and what waits.
    pub waits: Waits,
}

/// The lines of a list, judged at `now`.
pub(crate) fn list(
    db: &Connection,
    which: List,
    now: TrustedTime,
) -> Result<Vec<OrderLine>, Error> {
    let me = identity::require(db)?.person;
    let mut waits = waiting::by_order(db)?;
    let mut templates = BTreeMap::new();
    let mut lines = Vec::new();
    for row in orders::all(db)? {
        let mine = is_mine(row.state.as_ref(), me);
        let waits = waits.remove(&row.id).unwrap_or_default();
        if !belongs(which, &row, mine, waits) {
            continue;
        }
        if let Some(state) = &row.state
            && !templates.contains_key(&state.template)
        {
            let template = scope::template(db, &state.template)?;
            templates.insert(state.template.clone(), template);
        }
        let template = row
            .state
            .as_ref()
            .and_then(|state| templates.get(&state.template)?.as_ref());
        lines.push(line(row, mine, waits, template, now));
    }
    lines.sort_by_key(|line| {
        let due = line
            .next_deadline
            .as_ref()
            .and_then(|deadline| deadline.due);
        (due.is_none(), due, line.order)
    });
    Ok(lines)
}

fn line(
    row: OrderRow,
    mine: bool,
    waits: Waits,
    template: Option<&gridcrew_sync_protocol::workflow::Template>,
    now: TrustedTime,
) -> OrderLine {
    let next_deadline = row.state.as_ref().and_then(|state| {
        deadlines(state, template, now)
            .into_iter()
            .filter(|deadline| deadline.outcome == DeadlineOutcome::Running)
            .min_by_key(|deadline| deadline.due)
    });
    let details = row.details.unwrap_or_default();
    OrderLine {
        order: row.id,
        status: match row.closed {
            Some(_) => Some(Status::Returned),
            None => row.state.map(|state| state.status),
        },
        mine,
        phenomenon: details.phenomenon,
        address: details.address,
        next_deadline,
        waits,
    }
}

pub(crate) fn is_mine(state: Option<&OrderState>, me: PersonId) -> bool {
    state.is_some_and(|state| state.owner == Some(Owner::Person(me)))
}

fn belongs(which: List, row: &OrderRow, mine: bool, waits: Waits) -> bool {
    let open = row
        .state
        .as_ref()
        .is_none_or(|state| state.status != Status::Returned);
    let to_do = mine && open;
    match which {
        List::ToDo => to_do,
        List::Waiting => waits.any(),
        List::Sent => waits.recorded > 0 && !waits.any() && !to_do,
        List::All => true,
    }
}

/// The one order whose id begins or ends with `text` (hyphens and case do not matter).
///
/// # Errors
/// [`Error::UnknownOrder`], [`Error::AmbiguousOrder`].
pub(crate) fn find(db: &Connection, text: &str) -> Result<OrderId, Error> {
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let given = plain(text);
    let fits: Vec<OrderId> = orders::ids(db)?
        .into_iter()
        .filter(|order| {
            let id = plain(&order.to_string());
            !given.is_empty() && (id.starts_with(&given) || id.ends_with(&given))
        })
        .collect();
    match fits.as_slice() {
        [] => Err(Error::UnknownOrder(text.to_owned())),
        [one] => Ok(*one),
        many => Err(Error::AmbiguousOrder {
            given: text.to_owned(),
            count: many.len(),
        }),
    }
}
