//! Telling what is so: the orders, cells and customers of a scan, and the rest of an order
//! that was too long for a page.

use super::{
    super::{
        feed::{Scan, Stage},
        order_entries::{self, Asked},
        order_items::{self, Head},
        surroundings,
    },
    Reading,
};
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    feed::{Customer, CustomerTable, FeedItem},
    ids::{CellId, CustomerId, OrderId, StationAreaId},
    wire,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// Most bytes that a table takes beside its rows.
const TABLE_FRAME: u64 = 256;
/// Most bytes that a row takes beside its texts.
const ROW_FRAME: u64 = 64;
/// What a station area with its cell takes in a table, bytes.
const AREA: u64 = 40;

impl Reading<'_> {
    /// The next of what a scan tells.
    pub(super) async fn scan(&mut self) -> Result<(), Problem> {
        let Some(scan) = self.page.told.scan.clone() else {
            return Ok(());
        };
        let next = match scan.stage {
            Stage::Own(_) | Stage::Open(_) => self.scan_open(&scan).await?,
            Stage::Cells(after) => self.scan_cells(&scan, after).await?,
            Stage::Customers(after) => self.scan_customers(&scan, after).await?,
            Stage::Returned(_) => self.scan_returned(&scan).await?,
        };
        self.page.told.advance(next);
        Ok(())
    }

    /// Open orders, the newest first.
    async fn scan_open(&mut self, scan: &Scan) -> Result<Option<Stage>, Problem> {
        let own = matches!(scan.stage, Stage::Own(_));
        let found = order_items::of_scan(self.db, self.caller, scan, self.size.rows).await?;
        let at_end = (found.len() as u64) < self.size.rows;
        let count = found.len();
        let last = self.tell_orders(whole(found)).await?;
        let all_told = last.as_ref().map_or(0, |(told, _)| *told) == count;
        Ok(Some(match last {
            _ if at_end && all_told && own => Stage::Open(None),
            _ if at_end && all_told => Stage::Cells(None),
            None => scan.stage,
            Some((_, order)) if own => Stage::Own(Some(order)),
            Some((_, order)) => Stage::Open(Some(order)),
        }))
    }

    /// Cells, one at a time: one can be large.
    async fn scan_cells(
        &mut self,
        scan: &Scan,
        after: Option<CellId>,
    ) -> Result<Option<Stage>, Problem> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let Some(next) = scan.cells.range((from, Bound::Unbounded)).next().copied() else {
            return Ok(Some(Stage::Customers(None)));
        };
        for cell in surroundings::cells(self.db, self.caller, &BTreeSet::from([next])).await? {
            let item = FeedItem::Cell(cell);
            let bytes = wire::encode(&item).len() as u64;
            if !self.fits(bytes) {
                return Ok(Some(Stage::Cells(after)));
            }
            self.page.push(item, bytes);
        }
        Ok(Some(Stage::Cells(Some(next))))
    }

    /// Customers, in one table as far as they fit.
    async fn scan_customers(
        &mut self,
        scan: &Scan,
        after: Option<CustomerId>,
    ) -> Result<Option<Stage>, Problem> {
        let (db, rows) = (self.db, self.size.rows);
        let found = surroundings::customers_of_scan(db, self.caller, scan, after, rows).await?;
        let at_end = (found.len() as u64) < rows;
        let mut table = match self.page.items.pop() {
            Some(FeedItem::Customers(table)) => table.0,
            other => {
                self.page.items.extend(other);
                Vec::new()
            }
        };
        let mut areas: BTreeSet<StationAreaId> =
            table.iter().map(|customer| customer.station_area).collect();
        let mut told = after;
        for customer in found {
            let frame = if table.is_empty() { TABLE_FRAME } else { 0 };
            let area = if areas.contains(&customer.station_area) {
                0
            } else {
                AREA
            };
            let bytes = row_bytes(&customer) + frame + area;
            if !table.is_empty() && bytes > self.room() {
                self.full = true;
                break;
            }
            if table.is_empty() && !self.fits(bytes) {
                break;
            }
            areas.insert(customer.station_area);
            told = Some(customer.id);
            table.push(customer);
            self.page.bytes = self.page.bytes.saturating_add(bytes);
        }
        if !table.is_empty() {
            self.page
                .items
                .push(FeedItem::Customers(CustomerTable(table)));
        }
        Ok(Some(if at_end && !self.full {
            Stage::Returned(None)
        } else {
            Stage::Customers(told)
        }))
    }

    /// Orders that were returned lately, the newest first: those of the past in brief.
    async fn scan_returned(&mut self, scan: &Scan) -> Result<Option<Stage>, Problem> {
        let now = self.caller.scope.now;
        let found = order_items::of_scan(self.db, self.caller, scan, self.size.rows).await?;
        let at_end = (found.len() as u64) < self.size.rows;
        let past = found.first().is_some_and(|first| first.is_past(now));
        let count = found.len();
        let alike: Vec<Head> = found
            .into_iter()
            .take_while(|head| head.is_past(now) == past)
            .collect();
        let all_alike = alike.len() == count;
        let tried = alike.len();
        let last = if past {
            self.tell_closed(&alike)?
        } else {
            self.tell_orders(whole(alike)).await?
        };
        let all_told = last.as_ref().map_or(0, |(told, _)| *told) == tried;
        Ok(match last {
            _ if at_end && all_alike && all_told => None,
            None => Some(scan.stage),
            Some((_, order)) => Some(Stage::Returned(Some(order))),
        })
    }

    /// Tells as many of the orders in brief as fit. Says how many that were and which was
    /// the last.
    fn tell_closed(&mut self, heads: &[Head]) -> Result<Option<(usize, OrderId)>, Problem> {
        let mut last = None;
        for (head, told) in heads.iter().zip(1..) {
            if let Some(closed) = head.closed(&self.app.templates)? {
                let item = FeedItem::Closed(closed);
                let bytes = wire::encode(&item).len() as u64;
                if !self.fits(bytes) {
                    break;
                }
                self.page.push(item, bytes);
            }
            last = Some((told, head.order));
        }
        Ok(last)
    }

    /// Tells as many of the orders as fit. Says how many that were and which was the last.
    async fn tell_orders(
        &mut self,
        asked: Vec<Asked>,
    ) -> Result<Option<(usize, OrderId)>, Problem> {
        let sizes = order_entries::sizes(self.db, &asked, self.own).await?;
        self.tell_sized(asked, &sizes).await
    }

    /// Tells as many of the orders as fit, each of which takes what `sizes` says. Says how
    /// many that were and which was the last.
    pub(super) async fn tell_sized(
        &mut self,
        mut asked: Vec<Asked>,
        sizes: &BTreeMap<OrderId, u64>,
    ) -> Result<Option<(usize, OrderId)>, Problem> {
        let size = |one: &Asked| sizes.get(&one.head.order).copied().unwrap_or(0);
        let Some(first) = asked.first() else {
            return Ok(None);
        };
        let bytes = size(first);
        if bytes > self.size.part {
            if !self.fits(self.size.part.saturating_add(first.head.frame())) {
                return Ok(None);
            }
            let (item, rest) =
                order_entries::part(self.db, first, None, self.own, self.size).await?;
            let order = item.order;
            self.page.told.rest = rest;
            self.page.push_measured(FeedItem::Order(item));
            return Ok(Some((1, order)));
        }
        if !self.fits(bytes) {
            return Ok(None);
        }
        let (mut room, part) = (self.room(), self.size.part);
        let fitting = asked
            .iter()
            .take_while(|one| {
                let fits = size(one) <= room && size(one) <= part;
                room = room.saturating_sub(size(one));
                fits
            })
            .count()
            .max(1);
        asked.truncate(fitting);
        let last = asked.last().map(|one| (asked.len(), one.head.order));
        let items = order_entries::items(self.db, &asked, self.own).await?;
        self.push_orders(&asked, items, sizes)?;
        Ok(last)
    }

    /// Puts orders into the page. Behind a part of an order of the past comes the order in
    /// brief: a scan may have told it so, and then the part is of no use.
    fn push_orders(
        &mut self,
        asked: &[Asked],
        items: Vec<gridcrew_sync_protocol::feed::OrderItem>,
        sizes: &BTreeMap<OrderId, u64>,
    ) -> Result<(), Problem> {
        let now = self.caller.scope.now;
        for (one, item) in asked.iter().zip(items) {
            let bytes = sizes.get(&item.order).copied().unwrap_or(0);
            self.page.push(FeedItem::Order(item), bytes);
            if one.since.is_some()
                && one.head.is_past(now)
                && let Some(closed) = one.head.closed(&self.app.templates)?
            {
                self.page.push(FeedItem::Closed(closed), 0);
            }
        }
        Ok(())
    }

    /// The next part of an order that did not go into one page.
    pub(super) async fn tell_rest(&mut self) -> Result<(), Problem> {
        let Some(rest) = self.page.told.rest.clone() else {
            return Ok(());
        };
        let found = order_items::in_scope(self.db, self.caller, &[rest.order]).await?;
        // Gone from the scope meanwhile: the change that took it out is told in its turn.
        let Some(head) = found.into_values().next() else {
            self.page.told.rest = None;
            return Ok(());
        };
        if !self.fits(self.size.part.saturating_add(head.frame())) {
            return Ok(());
        }
        let asked = Asked {
            head,
            since: rest.since,
        };
        let (item, rest) =
            order_entries::part(self.db, &asked, rest.after, self.own, self.size).await?;
        self.page.told.rest = rest;
        self.page.push_measured(FeedItem::Order(item));
        Ok(())
    }
}

/// Orders to be told with all of their entries.
fn whole(heads: Vec<Head>) -> Vec<Asked> {
    let all = heads.into_iter();
    all.map(|head| Asked { head, since: None }).collect()
}

/// Most bytes that a customer takes in a table.
fn row_bytes(customer: &Customer) -> u64 {
    let texts = [
        &customer.account_no,
        &customer.meter_no,
        &customer.name,
        &customer.address,
    ];
    let texts: usize = texts.iter().map(|text| text.len()).sum();
    ROW_FRAME.saturating_add(texts as u64)
}
