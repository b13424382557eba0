//! Applying a page of the feed: its items and its cursor in one transaction (I6).
//!
//! What leaves the scope goes at once, except what this handheld recorded and the server
//! has not acknowledged. After each order the local fold is compared with the server's:
//! when both count the same entries, both must come to the same state. When the server
//! counts more although nothing is on its way in either direction, entries were lost here,
//! as when the device was restored from a copy: the whole scope is asked for anew. Of an
//! order of the past no entries need be here: it is then held in brief.
//!
//! Kinds of items that only a newer program knows are left out and remembered; when that
//! program has come, it asks for the whole scope anew ([`catch_up`]).

use crate::{
    engine::Stored,
    error::Error,
    fold::{entries, refold},
    store::{
        facts, journal, orders,
        scope::{self, FeedState},
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{Closed, FeedItem, FeedPage, OrderItem},
    ids::{OrderId, PersonId},
    journal::EntryId,
    wire,
};
use rusqlite::Connection;
use std::{cmp::Ordering, collections::BTreeMap};

/// Applies a page, within the caller's transaction; [`Stored::Anew`] when the scope is to
/// be told anew.
pub(crate) fn apply(db: &Connection, me: PersonId, page: &FeedPage) -> Result<Stored, Error> {
    if scope::feed(db)?.start_over {
        start_over(db)?;
    }
    // Templates first, so that the orders of the same page can be folded.
    let mut new_template = false;
    for item in &page.items {
        if let FeedItem::Template(template) = item {
            scope::put_template(db, template)?;
            new_template = true;
        }
    }
    let mut compare = BTreeMap::new();
    for item in &page.items {
        match item {
            FeedItem::Me(me) => scope::set_me(db, me)?,
            FeedItem::Cell(cell) => scope::put_cell(db, cell)?,
            FeedItem::CellGone(cell) => {
                scope::remove_cell(db, *cell)?;
                for order in orders::of_cell_not_of(db, *cell, me)? {
                    orders::leave_scope(db, order)?;
                    compare.remove(&order);
                }
            }
            FeedItem::PromptCards(cards) => scope::put_prompt_cards(db, cards)?,
            FeedItem::Customer(customer) => scope::put_customer(db, customer)?,
            FeedItem::Customers(table) => {
                for customer in &table.0 {
                    scope::put_customer(db, customer)?;
                }
            }
            FeedItem::CustomerGone(customer) => scope::remove_customer(db, *customer)?,
            FeedItem::Order(item) => {
                take_in(db, item)?;
                compare.insert(item.order, item);
            }
            FeedItem::Closed(closed) => {
                let in_brief = hold_in_brief(db, closed)?;
                if in_brief {
                    compare.remove(&closed.order);
                }
            }
            FeedItem::OrderGone(order) => {
                orders::leave_scope(db, *order)?;
                compare.remove(order);
            }
            FeedItem::StartOver => {
                start_over(db)?;
                compare.clear();
            }
            FeedItem::Unknown(kind) => facts::add_left_out(db, kind)?,
            // Templates, done above.
            _ => {}
        }
    }
    if new_template {
        fold_those_without_state(db)?;
    }
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
    if !page.more {
        for (order, count) in std::mem::take(&mut maybe_short) {
            if is_short(db, order, count)? {
                short.push(order);
            }
        }
    }
    if maybe_short != before {
        facts::set_maybe_short(db, &maybe_short)?;
    }
    if note_short(db, &short, &agree)? {
        scope::ask_anew(db)?;
        return Ok(Stored::Anew);
    }
    let state = FeedState {
        cursor: Some(page.cursor.clone()),
        start_over: false,
    };
    scope::set_feed(db, &state)?;
    Ok(Stored::Done)
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

fn take_in(db: &Connection, item: &OrderItem) -> Result<(), Error> {
    orders::put(db, item.order, item.details.as_ref())?;
    if item.whole {
        orders::clear_entries(db, item.order)?;
        orders::forget_closed(db, item.order)?;
    }
    for entry in &item.entries {
        // What the feed brings is part of its order: one of our own that was parked no longer is.
        let EntryId { journal, seq } = entry.id;
        journal::set_parked(db, journal, (seq, seq), &[])?;
        orders::put_entry(db, item.order, entry.id, &entry.bytes)?;
    }
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::NotFoldedAnew) {
        return Ok(());
    }
    refold(db, item.order).map(|_| ())
}

/// Holds an order in brief, unless all of its entries are here. Gives whether it does.
fn hold_in_brief(db: &Connection, closed: &Closed) -> Result<bool, Error> {
    let folded = orders::get(db, closed.order)?.is_some_and(|row| row.state.is_some());
    let here = u32::try_from(entries(db, closed.order)?.len()).unwrap_or(u32::MAX);
    if folded && here >= closed.count {
        return Ok(false);
    }
    orders::put_closed(db, closed)?;
    Ok(true)
}

/// Asks for the whole scope anew when the feed brought kinds of items that were left out and
/// are known by now.
pub(crate) fn catch_up(db: &Connection) -> Result<(), Error> {
    let left_out = facts::left_out(db)?;
    if left_out
        .iter()
        .any(|kind| FeedItem::KINDS.contains(&kind.as_str()))
    {
        facts::forget_left_out(db)?;
        scope::ask_anew(db)?;
    }
    Ok(())
}

/// Drops the whole scope, but for records that are not acknowledged. Should the person be
/// let in again, the feed brings it anew.
pub(crate) fn leave_scope(db: &Connection) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    crate::planted::forget_queue(db)?;
    start_over(db)?;
    scope::ask_anew(db)
}

fn start_over(db: &Connection) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::StartOverIgnored) {
        return Ok(());
    }
    scope::clear(db)?;
    facts::set_maybe_short(db, &BTreeMap::new())?;
    for order in orders::ids(db)? {
        orders::leave_scope(db, order)?;
    }
    Ok(())
}

fn fold_those_without_state(db: &Connection) -> Result<(), Error> {
    for row in orders::all(db)? {
        if row.state.is_none() {
            refold(db, row.id)?;
        }
    }
    Ok(())
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
