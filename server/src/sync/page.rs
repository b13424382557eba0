//! Putting a page of the feed together, by the rules of [`super::feed`].

mod changes;

use super::{
    cursor,
    feed::{Beginning, Present, Stage, Told},
    order_items::{self, Asked},
    surroundings,
    wait::Heads,
};
use crate::{
    app::App,
    edge::Problem,
    people::{Caller, audit, caller::still_stands, rows::person},
    trace::rows::feed_head,
};
use gridcrew_sync_protocol::{
    feed::{FeedItem, FeedPage},
    ids::{JournalId, OrderId},
    wire,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What an item weighs beside what it carries, bytes.
const FRAME: u64 = 200;

/// How much goes into a page.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// About how many bytes, before they are compressed: small enough for a poor link to
    /// bring it whole, large enough to compress well.
    pub bytes: u64,
    /// How many changes, orders or customers are read at a time.
    pub rows: u64,
    /// Most bytes of entries in one item; an order that has more is told in parts.
    pub part: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024,
            rows: 128,
            part: 1024 * 1024,
        }
    }
}

/// The page after `told`; waits up to `patience` when there is nothing new.
///
/// # Errors
/// A problem of the database; `auth.…` when the caller lost his standing while he waited.
pub async fn next(
    app: &App,
    heads: &Heads,
    caller: &Caller,
    told: Option<Told>,
    patience: Duration,
) -> Result<FeedPage, Problem> {
    let deadline = Instant::now() + patience;
    let mut caller = caller.clone();
    let mut told = told;
    loop {
        let page = read(app, &caller, told, Size::default()).await?;
        // Once for each scan, not for each page: what a handheld holds it was told.
        for (action, subject) in &page.begun {
            audit::record_reading(app, &caller, action, subject).await?;
        }
        let waits = page.items.is_empty() && !page.more && Instant::now() < deadline;
        let (station, position) = (page.told.station, page.told.position);
        if waits {
            told = Some(page.told);
            heads.beyond(app, station, position, deadline).await?;
            if stands_as_before(app, &caller).await? {
                caller.now = app.now();
                caller.scope.now = caller.now;
                continue;
            }
            // His role or place is another now: the next request finds out which.
            return Ok(sealed(
                app,
                &caller,
                Page::new(told.ok_or_else(Problem::not_found)?),
            ));
        }
        return Ok(sealed(app, &caller, page));
    }
}

fn sealed(app: &App, caller: &Caller, page: Page) -> FeedPage {
    FeedPage {
        epoch: page.told.epoch,
        server_time: app.now(),
        cursor: cursor::seal(&app.keys, caller.person, &page.told),
        items: page.items,
        more: page.more,
    }
}

/// Whether the caller may still read as what he was when the request began.
async fn stands_as_before(app: &App, caller: &Caller) -> Result<bool, Problem> {
    still_stands(app.store.read(), caller).await?;
    let same = person::Entity::find_by_id(caller.person.0)
        .filter(person::Column::OrgId.eq(caller.org.0))
        .filter(person::Column::Role.eq(caller.role.as_str()))
        .one(app.store.read())
        .await?;
    Ok(same.is_some())
}

/// Reads a page without waiting.
///
/// # Errors
/// A problem of the database; `auth.forbidden` when the caller belongs to no station or has
/// no handheld.
pub async fn read(
    app: &App,
    caller: &Caller,
    told: Option<Told>,
    size: Size,
) -> Result<Page, Problem> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .snapshot(move |db| {
            Box::pin(async move {
                let reading = Reading::begin(&this, &caller, db, told, size).await?;
                reading.run().await
            })
        })
        .await
}

/// A page in the making.
#[derive(Debug)]
pub struct Page {
    /// What will have been told with it.
    pub told: Told,
    /// What is new.
    pub items: Vec<FeedItem>,
    /// There is more.
    pub more: bool,
    /// What begins to be told as a whole with it, for the audit log: what it is called
    /// there, and the station or the cell.
    pub begun: Vec<(&'static str, Uuid)>,
    bytes: u64,
}

impl Page {
    fn new(told: Told) -> Self {
        Self {
            told,
            items: Vec::new(),
            more: false,
            begun: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, item: FeedItem, bytes: u64) {
        self.items.push(item);
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(FRAME);
    }

    fn push_measured(&mut self, item: FeedItem) {
        let bytes = wire::encode(&item).len() as u64;
        self.push(item, bytes);
    }
}

struct Reading<'a> {
    app: &'a App,
    caller: &'a Caller,
    db: &'a DatabaseTransaction,
    own: JournalId,
    present: Present,
    beginning: Beginning,
    size: Size,
    page: Page,
}

impl<'a> Reading<'a> {
    async fn begin(
        app: &'a App,
        caller: &'a Caller,
        db: &'a DatabaseTransaction,
        told: Option<Told>,
        size: Size,
    ) -> Result<Self, Problem> {
        let station = caller.station.ok_or_else(Problem::not_found)?;
        let present = Present {
            epoch: app.epoch(),
            station,
            head: feed_head::Entity::find_by_id(station.0)
                .one(db)
                .await?
                .map_or(0, |row| row.position),
            cells: surroundings::own_cells(db, caller).await?,
            templates: app.templates.all().count(),
        };
        let (told, beginning) = Told::resume(told, &present);
        Ok(Self {
            app,
            caller,
            db,
            own: caller.handheld.ok_or_else(Problem::not_found)?,
            present,
            beginning,
            size,
            page: Page::new(told),
        })
    }

    fn room(&self) -> u64 {
        self.size.bytes.saturating_sub(self.page.bytes)
    }

    async fn run(mut self) -> Result<Page, Problem> {
        self.introduce().await?;
        self.take_out().await?;
        loop {
            if self.room() == 0 {
                self.page.more = true;
                return Ok(self.page);
            }
            if self.page.told.rest.is_some() {
                self.tell_rest().await?;
            } else if self.page.told.scans_orders() {
                self.scan_orders().await?;
            } else if self.page.told.position < self.present.head {
                self.tell_changes().await?;
            } else if let Some(stage) = self.page.told.scan.as_ref().map(|scan| scan.stage) {
                self.scan_surroundings(stage).await?;
            } else if self.page.told.gain(&self.present.cells) {
                let gained = self.page.told.scan.iter().flat_map(|scan| &scan.cells);
                let begun = gained.map(|cell| ("feed.cell_begun", cell.0));
                self.page.begun.extend(begun);
            } else {
                return Ok(self.page);
            }
        }
    }

    /// Who he is, and what the words of his work are.
    async fn introduce(&mut self) -> Result<(), Problem> {
        let (start_over, me, templates) = match self.beginning {
            Beginning::First => (false, true, true),
            Beginning::StartOver => (true, true, true),
            Beginning::GoOn { new_templates } => (false, false, new_templates),
        };
        if start_over {
            self.page.push(FeedItem::StartOver, 0);
        }
        if me {
            let station = self.present.station.0;
            self.page.begun.push(("feed.begun", station));
            self.tell_me().await?;
        }
        if templates {
            for template in self.app.templates.all() {
                let template = template.as_ref().clone();
                self.page.push_measured(FeedItem::Template(template));
            }
        }
        Ok(())
    }

    async fn tell_me(&mut self) -> Result<(), Problem> {
        let me = surroundings::me(self.db, self.caller, self.present.station).await?;
        self.page.push_measured(FeedItem::Me(me));
        Ok(())
    }

    /// The cells that left the scope, with their orders.
    async fn take_out(&mut self) -> Result<(), Problem> {
        let lost = self.page.told.lose(&self.present.cells);
        if lost.is_empty() {
            return Ok(());
        }
        let orders = order_items::of_lost_cells(self.db, self.caller, &lost).await?;
        for cell in lost {
            self.page.push(FeedItem::CellGone(cell), 0);
        }
        for order in orders {
            self.page.push(FeedItem::OrderGone(order), 0);
        }
        Ok(())
    }

    async fn tell_rest(&mut self) -> Result<(), Problem> {
        let Some(rest) = self.page.told.rest.take() else {
            return Ok(());
        };
        let found = order_items::in_scope(self.db, self.caller, &[rest.order]).await?;
        // Gone from the scope meanwhile: the change that took it out is told in its turn.
        let Some(head) = found.into_values().next() else {
            return Ok(());
        };
        let asked = Asked {
            head,
            since: rest.since,
        };
        let (item, rest) =
            order_items::part(self.db, &asked, Some(rest.after), self.own, self.size).await?;
        self.page.told.rest = rest;
        self.page.push(FeedItem::Order(item), self.size.part);
        Ok(())
    }

    async fn scan_orders(&mut self) -> Result<(), Problem> {
        let Some(scan) = self.page.told.scan.clone() else {
            return Ok(());
        };
        let found = order_items::of_scan(self.db, self.caller, &scan, self.size.rows).await?;
        let at_end = (found.len() as u64) < self.size.rows;
        let asked: Vec<Asked> = found
            .into_iter()
            .map(|head| Asked { head, since: None })
            .collect();
        let count = asked.len();
        let last = self.tell_orders(asked).await?;
        let stage = if at_end && last.as_ref().is_none_or(|(told, _)| *told == count) {
            match scan.stage {
                Stage::Open(_) => Stage::Returned(None),
                _ => Stage::Cells,
            }
        } else {
            let after = last.map(|(_, order)| order);
            match scan.stage {
                Stage::Open(_) => Stage::Open(after),
                _ => Stage::Returned(after),
            }
        };
        self.page.told.advance(Some(stage), self.present.head);
        Ok(())
    }

    /// Tells as many of the orders as there is room for, at least one. Says how many that
    /// were and which was the last.
    async fn tell_orders(
        &mut self,
        mut asked: Vec<Asked>,
    ) -> Result<Option<(usize, OrderId)>, Problem> {
        let sizes = order_items::sizes(self.db, &asked, self.own).await?;
        let size = |one: &Asked| sizes.get(&one.head.order).copied().unwrap_or(0);
        if let Some(first) = asked.first().filter(|first| size(first) > self.size.part) {
            let (item, rest) = order_items::part(self.db, first, None, self.own, self.size).await?;
            let order = item.order;
            self.page.told.rest = rest;
            self.page.push(FeedItem::Order(item), self.size.part);
            return Ok(Some((1, order)));
        }
        let (mut room, part) = (self.room(), self.size.part);
        let fitting = asked
            .iter()
            .take_while(|one| {
                let fits = room > 0 && size(one) <= part;
                room = room.saturating_sub(size(one).saturating_add(FRAME));
                fits
            })
            .count();
        asked.truncate(fitting.max(1));
        let last = asked.last().map(|one| (asked.len(), one.head.order));
        for item in order_items::items(self.db, &asked, self.own).await? {
            let bytes = sizes.get(&item.order).copied().unwrap_or(0);
            self.page.push(FeedItem::Order(item), bytes);
        }
        Ok(last)
    }

    async fn scan_surroundings(&mut self, stage: Stage) -> Result<(), Problem> {
        let Some(scan) = self.page.told.scan.clone() else {
            return Ok(());
        };
        let next = match stage {
            Stage::Customers(after) => {
                let customers = surroundings::customers_of_scan(
                    self.db,
                    self.caller,
                    &scan,
                    after,
                    self.size.rows,
                )
                .await?;
                let at_end = (customers.len() as u64) < self.size.rows;
                let last = customers.last().map(|customer| customer.id);
                for customer in customers {
                    self.page.push_measured(FeedItem::Customer(customer));
                }
                last.filter(|_| !at_end)
                    .map(|last| Stage::Customers(Some(last)))
            }
            _ => {
                let cells = surroundings::cells(self.db, self.caller, &scan.cells).await?;
                for cell in cells {
                    self.page.push_measured(FeedItem::Cell(cell));
                }
                Some(Stage::Customers(None))
            }
        };
        self.page.told.advance(next, self.present.head);
        Ok(())
    }
}
