//! What a listener hears while a sync runs: how far each lane is, and what came in.
//!
//! Said from the sync's own task, after what it says is durable and with no lock held, so
//! that a listener may ask the handheld anything. It must not take long: the sync waits for
//! it. What waits is counted anew only when more may wait than before; of photos, which are
//! many, those that went are taken off the count.

use crate::{
    engine::{Change, Spent},
    error::Error,
    local::Local,
    store::{journal, photos},
};
use gridcrew_sync_protocol::{
    feed::{FeedItem, FeedPage},
    ids::OrderId,
    media::MediaKind,
};

/// Something that wants to hear how a sync goes on.
pub trait Listener: Send + Sync {
    /// A lane went on.
    fn progress(&self, progress: Progress);

    /// Something came from the server and is durable here.
    fn changed(&self, changed: Changed);
}

/// Nobody listens.
pub(super) struct Nobody;

impl Listener for Nobody {
    fn progress(&self, _: Progress) {}

    fn changed(&self, _: Changed) {}
}

/// A lane, as a listener sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProgressLane {
    /// Journal entries out.
    Records,
    /// Pages of the feed in.
    Feed,
    /// Small copies of photos out.
    Previews,
    /// Original photos out.
    Originals,
    /// How the handheld stands, out.
    Diagnostics,
}

/// How far a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which lane.
    pub lane: ProgressLane,
    /// How many of its pieces (entries, pages, photos, reports) came through in this sync.
    pub done: u64,
    /// How many still wait; `None` of the feed while the server says that there is more.
    pub left: Option<u64>,
    /// Body bytes that the whole sync has sent so far.
    pub bytes_sent: u64,
    /// Body bytes that the whole sync has received so far.
    pub bytes_received: u64,
}

/// What a page of the feed brought or took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Orders of which there is more, or which left the scope; each once.
    pub orders: Vec<OrderId>,
    /// The rest of the scope changed too: the person, cells, customers, workflows; or all of
    /// it is gone, with its orders.
    pub scope: bool,
}

impl Changed {
    fn by(page: &FeedPage) -> Self {
        let mut changed = Self::default();
        for item in &page.items {
            match item {
                FeedItem::Order(item) => changed.orders.push(item.order),
                FeedItem::Closed(closed) => changed.orders.push(closed.order),
                FeedItem::OrderGone(order) => changed.orders.push(*order),
                _ => changed.scope = true,
            }
        }
        changed.orders.sort_unstable();
        changed.orders.dedup();
        changed
    }
}

/// What a change, once durable, means to a listener.
pub(super) enum News {
    /// Nothing.
    Nothing,
    /// So many entries were acknowledged.
    Records(u64),
    /// A photo went, or will not go by itself.
    Photo(MediaKind, Gone),
    /// A page came.
    Page(Changed, bool),
    /// The scope is gone.
    LeftScope,
    /// The server knows how the handheld stands.
    Diagnosed,
    /// What waits has to be counted anew.
    Recount,
}

/// How a photo left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The server has it.
    Held,
    /// It waits for a person.
    Stuck,
}

impl News {
    pub(super) fn of(change: &Change) -> Self {
        match change {
            Change::Held { first, last, .. } => {
                Self::Records(last.next().0.saturating_sub(first.0))
            }
            Change::PhotoHeld { kind, .. } => Self::Photo(*kind, Gone::Held),
            Change::PhotoStuck { kind, .. } => Self::Photo(*kind, Gone::Stuck),
            Change::Page(page) => Self::Page(Changed::by(page), page.more),
            Change::LeaveScope => Self::LeftScope,
            Change::Diagnosed(_) => Self::Diagnosed,
            Change::Tokens(_) | Change::UploadAt { .. } | Change::AskedAll => Self::Nothing,
            _ => Self::Recount,
        }
    }

    /// What has to be counted anew to tell it.
    pub(super) fn needs(&self) -> Count {
        match self {
            Self::LeftScope | Self::Recount => Count::All,
            Self::Records(_) => Count::Records,
            _ => Count::Nothing,
        }
    }
}

/// What of that which waits has to be counted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Nothing,
    /// Records alone: photos, which are many, did not move.
    Records,
    All,
}

/// What waits in the lanes that send.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    records: u64,
    previews: u64,
    originals: u64,
}

impl Left {
    /// Counts anew what is to be counted; the rest is as before.
    pub(super) fn count(self, what: Count, local: &Local) -> Result<Self, Error> {
        let db = local.store.read();
        let records = match what {
            Count::Nothing => self.records,
            Count::Records | Count::All => journal::queued(db)?,
        };
        if what != Count::All {
            return Ok(Self { records, ..self });
        }
        let photos = photos::counts(db)?;
        Ok(Self {
            records,
            previews: photos.previews_waiting,
            originals: photos.originals_waiting,
        })
    }
}

/// How far a sync is, for its listener.
#[derive(Debug, Default)]
pub(super) struct Tally {
    left: Left,
    records: u64,
    pages: u64,
    more_pages: bool,
    previews: u64,
    originals: u64,
    reports: u64,
}

impl Tally {
    /// What waits, as far as is known.
    pub(super) fn left(&self) -> Left {
        self.left
    }

    /// What waits was counted.
    pub(super) fn counted(&mut self, left: Left) {
        self.left = left;
    }

    /// All lanes that send.
    pub(super) fn tell_all(&self, spent: Spent, listener: &dyn Listener) {
        for lane in [
            ProgressLane::Records,
            ProgressLane::Previews,
            ProgressLane::Originals,
        ] {
            listener.progress(self.progress(lane, spent));
        }
    }

    /// A lane of photos heard an answer: bytes went, perhaps a chunk of many.
    pub(super) fn tell_photo(&self, kind: MediaKind, spent: Spent, listener: &dyn Listener) {
        listener.progress(self.progress(lane_of(kind), spent));
    }

    /// Takes news in and tells it.
    pub(super) fn tell(&mut self, news: News, spent: Spent, listener: &dyn Listener) {
        match news {
            News::Nothing => {}
            News::Recount => self.tell_all(spent, listener),
            News::LeftScope => {
                self.tell_all(spent, listener);
                listener.changed(Changed {
                    orders: Vec::new(),
                    scope: true,
                });
            }
            News::Records(count) => {
                self.records = self.records.saturating_add(count);
                listener.progress(self.progress(ProgressLane::Records, spent));
            }
            News::Photo(kind, gone) => {
                let went = u64::from(gone == Gone::Held);
                let (left, done) = match kind {
                    MediaKind::Preview => (&mut self.left.previews, &mut self.previews),
                    MediaKind::Original => (&mut self.left.originals, &mut self.originals),
                };
                *left = left.saturating_sub(1);
                *done = done.saturating_add(went);
                listener.progress(self.progress(lane_of(kind), spent));
            }
            News::Diagnosed => {
                self.reports = self.reports.saturating_add(1);
                listener.progress(self.progress(ProgressLane::Diagnostics, spent));
            }
            News::Page(changed, more) => {
                self.pages = self.pages.saturating_add(1);
                self.more_pages = more;
                listener.progress(self.progress(ProgressLane::Feed, spent));
                if changed != Changed::default() {
                    listener.changed(changed);
                }
            }
        }
    }

    fn progress(&self, lane: ProgressLane, spent: Spent) -> Progress {
        let (done, left) = match lane {
            ProgressLane::Records => (self.records, Some(self.left.records)),
            ProgressLane::Feed => (self.pages, (!self.more_pages).then_some(0)),
            ProgressLane::Previews => (self.previews, Some(self.left.previews)),
            ProgressLane::Originals => (self.originals, Some(self.left.originals)),
            ProgressLane::Diagnostics => (self.reports, Some(0)),
        };
        Progress {
            lane,
            done,
            left,
            bytes_sent: spent.sent,
            bytes_received: spent.received,
        }
    }
}

fn lane_of(kind: MediaKind) -> ProgressLane {
    match kind {
        MediaKind::Preview => ProgressLane::Previews,
        MediaKind::Original => ProgressLane::Originals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{EPOCH, JOURNAL, order};
    use gridcrew_sync_protocol::{
        digest::Digest, feed::Closed, ids::CellId, journal::Seq, record::OrderDetails,
        time::UnixMillis,
    };
    use std::sync::Mutex;
    use uuid::Uuid;

    #[derive(Default)]
    struct Heard(Mutex<(Vec<Progress>, Vec<Changed>)>);

    impl Listener for Heard {
        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().0.push(progress);
        }
        fn changed(&self, changed: Changed) {
            self.0.lock().unwrap().1.push(changed);
        }
    }

    fn told(tally: &mut Tally, change: &Change) -> (Vec<Progress>, Vec<Changed>) {
        let heard = Heard::default();
        tally.tell(News::of(change), Spent::default(), &heard);
        heard.0.into_inner().unwrap()
    }

    #[test]
    fn photos_that_went_or_are_stuck_are_taken_off_what_waits() {
        let mut tally = Tally::default();
        tally.counted(Left {
            records: 0,
            previews: 1,
            originals: 2,
        });
        let photo = Digest::ZERO;
        let kind = MediaKind::Original;
        let (heard, _) = told(&mut tally, &Change::PhotoHeld { photo, kind });
        assert_eq!((heard[0].lane, heard[0].done), (ProgressLane::Originals, 1));
        assert_eq!(heard[0].left, Some(1));
        let stuck = Change::PhotoStuck {
            photo,
            kind,
            state: crate::LaneState::Refused,
            reason: "media.no_picture".into(),
        };
        let (heard, _) = told(&mut tally, &stuck);
        assert_eq!((heard[0].done, heard[0].left), (1, Some(0)));
        let kind = MediaKind::Preview;
        let (heard, _) = told(&mut tally, &Change::PhotoHeld { photo, kind });
        assert_eq!(
            (heard[0].lane, heard[0].left),
            (ProgressLane::Previews, Some(0))
        );
    }

    #[test]
    fn a_page_names_each_order_once_and_says_whether_there_is_more() {
        let cell = CellId(Uuid::from_u128(1));
        let mut page = FeedPage {
            epoch: EPOCH,
            server_time: UnixMillis(0),
            items: vec![
                FeedItem::OrderGone(order(2)),
                FeedItem::OrderGone(order(1)),
                FeedItem::OrderGone(order(2)),
            ],
            cursor: "c".into(),
            more: true,
        };
        let mut tally = Tally::default();
        let (heard, changed) = told(&mut tally, &Change::Page(Box::new(page.clone())));
        assert_eq!((heard[0].done, heard[0].left), (1, None));
        assert_eq!(changed[0].orders, [order(1), order(2)]);
        assert!(!changed[0].scope);
        page.items = vec![FeedItem::CellGone(cell)];
        page.more = false;
        let (heard, changed) = told(&mut tally, &Change::Page(Box::new(page.clone())));
        assert_eq!((heard[0].done, heard[0].left), (2, Some(0)));
        assert!(changed[0].scope && changed[0].orders.is_empty());
        page.items.clear();
        let (_, changed) = told(&mut tally, &Change::Page(Box::new(page)));
        assert_eq!(changed, []);
    }

    #[test]
    fn an_order_told_in_brief_is_named_and_a_scope_that_is_left_is_told() {
        let closed = Closed {
            order: order(3),
            template: crate::fixture::template().reference(),
            customer: None,
            cell: None,
            owner: None,
            accepted_at: UnixMillis(0),
            returned_at: None,
            missed: Vec::new(),
            details: OrderDetails::default(),
            count: 4,
        };
        let page = crate::fixture::page("c", vec![FeedItem::Closed(closed)]);
        let (_, changed) = told(&mut Tally::default(), &Change::Page(Box::new(page)));
        assert_eq!(changed[0].orders, [order(3)]);
        assert!(!changed[0].scope);
        let left = Change::LeaveScope;
        assert_eq!(News::of(&left).needs(), Count::All);
        let (heard, changed) = told(&mut Tally::default(), &left);
        assert_eq!((heard.len(), changed.len()), (3, 1));
        assert!(changed[0].scope && changed[0].orders.is_empty());
    }

    #[test]
    fn a_batch_counts_its_entries_and_has_what_waits_counted_anew() {
        let held = Change::Held {
            journal: JOURNAL,
            first: Seq(3),
            last: Seq(5),
            held: Seq(5),
            link: Digest::ZERO,
            parked: Vec::new(),
        };
        assert_eq!(News::of(&held).needs(), Count::Records);
        let (heard, _) = told(&mut Tally::default(), &held);
        assert_eq!((heard[0].lane, heard[0].done), (ProgressLane::Records, 3));
    }
}
