//! Putting a page of the feed together, by the rules of [`super::feed`].
//!
//! A page has so many bytes and no more ([`Size::bytes`]), but for what cannot be parted:
//! what introduces a person (himself, the workflows, the prompt cards), what leaves with a
//! lost cell, or one cell: such a thing goes into a page whose room it takes alone.

mod changes;
mod scan;

use super::{
    cursor,
    feed::{Beginning, Present, Told},
    order_items, surroundings,
    wait::Heads,
};
use crate::{
    app::App,
    config::FEED_PAGE_BYTES,
    edge::Problem,
    people::{Caller, audit, caller::still_stands, rows::person},
    trace::rows::feed_head,
};
use gridcrew_sync_protocol::{
    feed::{FeedItem, FeedPage},
    ids::JournalId,
    wire,
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// What an item that only names something takes, bytes.
const NAME: u64 = 64;
/// What a page takes beside its items, bytes: the cursor above all.
const PAGE_FRAME: u64 = 2_048;

/// How much goes into a page.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Most bytes, before they are compressed: small enough for a poor link to bring it
    /// whole, large enough to compress well.
    pub bytes: u64,
    /// How many changes, orders or customers are read at a time.
    pub rows: u64,
    /// Most bytes of entries in one item; an order that has more is told in parts.
    pub part: u64,
}

impl Size {
    /// Pages of at most `bytes`.
    #[must_use]
    pub fn of(bytes: u64) -> Self {
        Self {
            bytes,
            rows: 128,
            part: bytes / 4,
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::of(FEED_PAGE_BYTES)
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
        let size = Size::of(app.config.feed_page_bytes);
        let page = read(app, &caller, told, size).await?;
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
        self.bytes = self.bytes.saturating_add(bytes);
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
    /// Something did not fit any more.
    full: bool,
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
            journal: caller.handheld,
            head: feed_head::Entity::find_by_id(station.0)
                .one(db)
                .await?
                .map_or(0, |row| row.position),
            cells: surroundings::own_cells(db, caller).await?,
            templates: app.templates.count(),
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
            full: false,
            page: Page::new(told),
        })
    }

    /// How many bytes are left.
    fn room(&self) -> u64 {
        let all = self.size.bytes.saturating_sub(PAGE_FRAME).max(1);
        all.saturating_sub(self.page.bytes)
    }

    /// Whether something goes into this page. Into an empty one everything does: it would
    /// never be told else. What does not fit fills the page.
    fn fits(&mut self, bytes: u64) -> bool {
        let fits = self.page.items.is_empty() || bytes <= self.room();
        self.full |= !fits;
        fits
    }

    async fn run(mut self) -> Result<Page, Problem> {
        self.introduce().await?;
        self.take_out().await?;
        loop {
            if self.full || self.room() == 0 || self.is_usable() {
                self.page.more = true;
                return Ok(self.page);
            }
            if self.page.told.rest.is_some() {
                self.tell_rest().await?;
            } else if self.page.told.scans_open() {
                self.scan().await?;
            } else if self.page.told.position < self.present.head {
                self.tell_changes().await?;
            } else if self.page.told.scan.is_some() {
                self.scan().await?;
            } else if self.page.told.gain(&self.present.cells) {
                let gained = self.page.told.scan.iter().flat_map(|scan| &scan.cells);
                let begun = gained.map(|cell| ("feed.cell_begun", cell.0));
                self.page.begun.extend(begun);
            } else {
                return Ok(self.page);
            }
        }
    }

    /// Whether this is the page with which the handheld becomes usable: the person can work
    /// on his open orders, so it goes out without the rest.
    fn is_usable(&self) -> bool {
        let first = !matches!(self.beginning, Beginning::GoOn { .. });
        first && !self.page.told.begins() && self.page.told.rest.is_none()
    }

    /// Who he is, and what the words of his work are.
    async fn introduce(&mut self) -> Result<(), Problem> {
        let (start_over, me, templates) = match self.beginning {
            Beginning::First => (false, true, true),
            Beginning::StartOver => (true, true, true),
            Beginning::GoOn { new_templates } => (false, false, new_templates),
        };
        if start_over {
            self.page.push(FeedItem::StartOver, NAME);
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
            for cards in self.app.templates.prompt_cards().iter() {
                self.page
                    .push_measured(FeedItem::PromptCards(cards.clone()));
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
            self.page.push(FeedItem::CellGone(cell), NAME);
        }
        for order in orders {
            self.page.push(FeedItem::OrderGone(order), NAME);
        }
        Ok(())
    }
}
