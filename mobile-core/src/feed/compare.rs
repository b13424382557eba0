//! Comparing the local folds of the orders that a page told with the server's, and noticing
//! when entries are missing here.

use crate::{
    error::Error,
    fold::entries,
    store::{facts, journal, orders},
};
use gridcrew_sync_protocol::{digest::Digest, feed::OrderItem, ids::OrderId, wire};
use rusqlite::Connection;
use std::{cmp::Ordering, collections::BTreeMap};

/// Compares the folds of the orders that were told with the server's. Gives whether entries
/// are missing for which the scope is to be told anew.
pub(super) fn compare_all(
    db: &Connection,
    compare: BTreeMap<OrderId, &OrderItem>,
    more: bool,
) -> Result<bool, Error> {
    let mut short = Vec::new();
    let mut agree = Vec::new();
    let before = facts::maybe_short(db)?;
    let mut maybe_short = before.clone();
    for item in compare.into_values() {
        let compared = check_fold(db, item)?;
        if compared == Ordering::Less {
            // The rest of an order may come with the next page.
            maybe_short.insert(item.order, item.count);
            continue;
        }
        maybe_short.remove(&item.order);
        if compared == Ordering::Equal {
            agree.push(item.order);
        }
    }
    if !more {
        for (order, count) in std::mem::take(&mut maybe_short) {
            if is_short(db, order, count)? {
                short.push(order);
            }
        }
    }
    if maybe_short != before {
        facts::set_maybe_short(db, &maybe_short)?;
    }
    note_short(db, &short, &agree)
}

/// Whether fewer entries of an order are here than the server counts, with nothing of it on
/// its way to the server.
fn is_short(db: &Connection, order: OrderId, count: u32) -> Result<bool, Error> {
    let in_scope = orders::get(db, order)?.is_some_and(|row| !row.gone);
    if !in_scope || journal::waits_of(db, order)? {
        return Ok(false);
    }
    let here = u32::try_from(entries(db, order)?.len()).unwrap_or(u32::MAX);
    Ok(here < count)
}

/// Remembers of which orders entries are missing here. Gives whether there is one for which
/// the scope was not told anew yet: what that does not mend, doing it again does not either.
fn note_short(db: &Connection, short: &[OrderId], agree: &[OrderId]) -> Result<bool, Error> {
    let before = facts::short(db)?;
    let mut after = before.clone();
    after.extend(short);
    for order in agree {
        after.remove(order);
    }
    if after != before {
        facts::set_short(db, &after)?;
    }
    Ok(short.iter().any(|order| !before.contains(order)))
}

/// Compares the local fold with the server's, where both count the same entries. Gives how
/// the count here compares with the server's; more when entries of our own wait, as then
/// nothing can be said.
fn check_fold(db: &Connection, item: &OrderItem) -> Result<Ordering, Error> {
    if journal::waits_of(db, item.order)? {
        return Ok(Ordering::Greater);
    }
    let here = u32::try_from(entries(db, item.order)?.len()).unwrap_or(u32::MAX);
    let compared = here.cmp(&item.count);
    let state = orders::get(db, item.order)?.and_then(|row| row.state);
    if let (Some(state), Ordering::Equal) = (state, compared) {
        let agrees = Digest::of(&wire::encode(&state)) == item.state;
        if !agrees {
            let order: OrderId = item.order;
            tracing::warn!(%order, "the local fold differs from the server's");
        }
        orders::set_agrees(db, item.order, agrees)?;
    }
    Ok(compared)
}
