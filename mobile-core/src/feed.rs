//! Applying a page of the feed: its items and its cursor in one transaction (I6).
//!
//! What leaves the scope goes at once, except what this handheld recorded and the server
//! has not acknowledged. After each order the local fold is compared with the server's:
//! when both count the same entries, both must come to the same state.

use crate::{
    error::Error,
    fold::{records, refold},
    store::{
        orders,
        scope::{self, FeedState},
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{FeedItem, FeedPage, OrderItem},
    ids::{OrderId, PersonId},
    wire,
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Applies a page, within the caller's transaction.
pub(crate) fn apply(db: &Connection, me: PersonId, page: &FeedPage) -> Result<(), Error> {
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
            FeedItem::Customer(customer) => scope::put_customer(db, customer)?,
            FeedItem::CustomerGone(customer) => scope::remove_customer(db, *customer)?,
            FeedItem::Order(item) => {
                take_in(db, item)?;
                compare.insert(item.order, item);
            }
            FeedItem::OrderGone(order) => {
                orders::leave_scope(db, *order)?;
                compare.remove(order);
            }
            FeedItem::StartOver => {
                start_over(db)?;
                compare.clear();
            }
            // Done above; kinds that only a newer program knows do not decode at all.
            _ => {}
        }
    }
    if new_template {
        fold_those_without_state(db)?;
    }
    for item in compare.into_values() {
        check_fold(db, item)?;
    }
    let cursor = Some(page.cursor.clone());
    scope::set_feed(
        db,
        &FeedState {
            cursor,
            start_over: false,
        },
    )
}

fn take_in(db: &Connection, item: &OrderItem) -> Result<(), Error> {
    orders::put(db, item.order, item.details.as_ref())?;
    if item.whole {
        orders::clear_entries(db, item.order)?;
    }
    for entry in &item.entries {
        orders::put_entry(db, item.order, entry.id, &entry.bytes)?;
    }
    refold(db, item.order).map(|_| ())
}

fn start_over(db: &Connection) -> Result<(), Error> {
    scope::clear(db)?;
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

/// Compares the local fold with the server's, where both count the same entries.
fn check_fold(db: &Connection, item: &OrderItem) -> Result<(), Error> {
    let Some(state) = orders::get(db, item.order)?.and_then(|row| row.state) else {
        return Ok(());
    };
    if records(db, item.order)?.len() != item.count as usize {
        return Ok(());
    }
    let agrees = Digest::of(&wire::encode(&state)) == item.state;
    if !agrees {
        let order: OrderId = item.order;
        tracing::warn!(%order, "the local fold differs from the server's");
    }
    orders::set_agrees(db, item.order, agrees)
}
