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

mod compare;

#[cfg(test)]
mod tests;

use self::compare::compare_all;
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
    feed::{Closed, FeedItem, FeedPage, OrderItem},
    ids::{CellId, OrderId, PersonId},
    journal::EntryId,
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// Applies a page, within the caller's transaction; [`Stored::Anew`] when the scope is to
/// be told anew.
///
/// However often a page names one thing, the work on it is done once: an order is folded
/// anew when all items are taken in, and what stands before a [`FeedItem::StartOver`] and
/// would be dropped by it is passed over.
pub(crate) fn apply(db: &Connection, me: PersonId, page: &FeedPage) -> Result<Stored, Error> {
    let starts_over = |item: &FeedItem| matches!(item, FeedItem::StartOver);
    let anew_from = page.items.iter().rposition(starts_over);
    if anew_from.is_some() || scope::feed(db)?.start_over {
        start_over(db)?;
    }
    // Templates first, so that the orders of the same page can be folded.
    let mut new_template = false;
    let mut left_out = BTreeSet::new();
    for item in &page.items {
        match item {
            FeedItem::Template(template) => {
                scope::put_template(db, template)?;
                new_template = true;
            }
            FeedItem::Me(me) => scope::set_me(db, me)?,
            FeedItem::PromptCards(cards) => scope::put_prompt_cards(db, cards)?,
            FeedItem::Unknown(kind) => {
                left_out.insert(kind.as_str());
            }
            _ => {}
        }
    }
    if !left_out.is_empty() {
        facts::add_left_out(db, &left_out)?;
    }
    let mut told = Told::default();
    for (place, item) in page.items.iter().enumerate().skip(anew_from.unwrap_or(0)) {
        told.take_in(db, place, item)?;
    }
    told.fold_anew(db)?;
    if new_template {
        fold_those_without_state(db)?;
    }
    told.take_out_with_cells(db, me)?;
    if compare_all(db, told.compare, page.more)? {
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

/// What of the scope a page told, as far as it has to be gone through at its end.
#[derive(Default)]
struct Told<'p> {
    /// Orders of which there is more and that are not folded anew yet.
    to_fold: BTreeSet<OrderId>,
    /// Where in the page an order was told last.
    orders: BTreeMap<OrderId, usize>,
    /// Where in the page a cell was said to be gone last.
    cells_gone: BTreeMap<CellId, usize>,
    /// What the server says of the orders that are to be compared.
    compare: BTreeMap<OrderId, &'p OrderItem>,
}

impl<'p> Told<'p> {
    fn take_in(&mut self, db: &Connection, place: usize, item: &'p FeedItem) -> Result<(), Error> {
        match item {
            FeedItem::Cell(cell) => scope::put_cell(db, cell)?,
            FeedItem::CellGone(cell) => {
                scope::remove_cell(db, *cell)?;
                self.cells_gone.insert(*cell, place);
            }
            FeedItem::Customer(customer) => scope::put_customer(db, customer)?,
            FeedItem::Customers(table) => {
                for customer in &table.0 {
                    scope::put_customer(db, customer)?;
                }
            }
            FeedItem::CustomerGone(customer) => scope::remove_customer(db, *customer)?,
            FeedItem::Order(item) => {
                take_in(db, item)?;
                self.to_fold.insert(item.order);
                self.orders.insert(item.order, place);
                self.compare.insert(item.order, item);
            }
            FeedItem::Closed(closed) => {
                if self.to_fold.remove(&closed.order) {
                    fold_anew(db, closed.order)?;
                }
                self.orders.insert(closed.order, place);
                if hold_in_brief(db, closed)? {
                    self.compare.remove(&closed.order);
                }
            }
            FeedItem::OrderGone(order) => self.leave_scope(db, *order)?,
            // Done before.
            _ => {}
        }
        Ok(())
    }

    fn leave_scope(&mut self, db: &Connection, order: OrderId) -> Result<(), Error> {
        self.compare.remove(&order);
        orders::leave_scope(db, order)
    }

    fn fold_anew(&mut self, db: &Connection) -> Result<(), Error> {
        for order in std::mem::take(&mut self.to_fold) {
            fold_anew(db, order)?;
        }
        Ok(())
    }

    /// Takes the orders of cells that are gone out of the scope, but for one's own and those
    /// that were told after that.
    fn take_out_with_cells(&mut self, db: &Connection, me: PersonId) -> Result<(), Error> {
        for (cell, gone) in std::mem::take(&mut self.cells_gone) {
            for order in orders::of_cell_not_of(db, cell, me)? {
                if self.orders.get(&order).is_none_or(|told| *told < gone) {
                    self.leave_scope(db, order)?;
                }
            }
        }
        Ok(())
    }
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
    Ok(())
}

fn fold_anew(db: &Connection, order: OrderId) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::NotFoldedAnew) {
        return Ok(());
    }
    refold(db, order).map(|_| ())
}

/// Whether everything of a page can be stored: one with a position in a journal that no
/// journal reaches is no server's.
pub(crate) fn can_be_stored(page: &FeedPage) -> bool {
    page.items.iter().all(|item| match item {
        FeedItem::Order(item) => item
            .entries
            .iter()
            .all(|entry| i64::try_from(entry.id.seq.0).is_ok()),
        _ => true,
    })
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
