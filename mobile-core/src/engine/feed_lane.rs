//! The feed in: page by page, each with its cursor durable before the next is asked for. A
//! page that cannot be the server's is judged before it is stored: what the store refuses
//! would end every sync, and with it the other lanes.

use super::{
    Change, Command, Engine, Lane, Load, Problem, Reply, Request, Stored,
    backoff::Backoff,
    reading::{Trouble, packed},
};
use crate::feed::can_be_stored;
use gridcrew_sync_protocol::{
    code::Code,
    feed::{FeedPage, MAX_PAGE_BYTES},
    time::Millis,
};

/// Refusals in a row after which the lane rests for this sync.
const MAX_REFUSALS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct FeedLane {
    pub(super) busy: bool,
    wants: bool,
    pub(super) problem: Option<Problem>,
    pub(super) backoff: Backoff,
    /// Refusals in a row.
    refusals: u32,
    /// The cursor that the page under way was asked with.
    asked_with: Option<String>,
    /// More pages follow the one that is being stored.
    more: bool,
    /// The page under way was asked for with a cursor that is no more.
    void: bool,
}

impl FeedLane {
    pub(super) fn want(&mut self) {
        self.wants = true;
    }

    pub(super) fn network_changed(&mut self) {
        self.backoff.reset();
        self.refusals = 0;
    }

    pub(super) fn drop_reply(&mut self) {
        self.busy = false;
        self.void = false;
    }

    /// The scope is given up: what a page under way brings goes on from what is no more here.
    pub(super) fn give_up(&mut self) {
        self.void = self.busy;
    }

    pub(super) fn next_try(&self, now: Millis) -> Option<Millis> {
        (self.wants && !self.busy).then(|| self.backoff.until(now).unwrap_or(now))
    }
}

impl Engine {
    pub(super) fn feed_start(&mut self, now: Millis) {
        let lane = &mut self.feed;
        if lane.busy || !lane.wants || lane.backoff.until(now).is_some() {
            return;
        }
        lane.busy = true;
        // What comes in while the page is under way is asked for again.
        lane.wants = false;
        self.out.push(Command::Load(Load::Feed));
    }

    pub(super) fn feed_loaded(&mut self, cursor: Option<String>) {
        self.feed.asked_with.clone_from(&cursor);
        self.send(Lane::Feed, Request::Feed(cursor), 0);
    }

    pub(super) fn feed_replied(&mut self, now: Millis, reply: &Reply, asked: Millis) {
        if self.feed.void {
            self.feed.drop_reply();
            return self.feed.want();
        }
        let page = packed::<FeedPage>(reply, MAX_PAGE_BYTES).and_then(|page| {
            let turns_in_place = page.more
                && page.items.is_empty()
                && Some(&page.cursor) == self.feed.asked_with.as_ref();
            if page.epoch != self.epoch || turns_in_place || !can_be_stored(&page) {
                return Err(Trouble::Unknown(Problem::NotTheServer {
                    detail: "a page that cannot be".to_owned(),
                }));
            }
            Ok(page)
        });
        match page {
            Ok(page) => {
                self.worked();
                self.feed.backoff.reset();
                self.feed.refusals = 0;
                self.feed.problem = None;
                self.feed.more = page.more;
                #[cfg(feature = "planted")]
                if crate::planted::on(crate::planted::Bug::MoreIgnored) {
                    self.feed.more = false;
                }
                let server_time = page.server_time;
                self.out.push(Command::Hear { server_time, asked });
                let change = Change::Page(Box::new(page));
                self.out.push(Command::Persist(Lane::Feed, change));
            }
            Err(trouble) => self.feed_trouble(now, &trouble),
        }
    }

    fn feed_trouble(&mut self, now: Millis, trouble: &Trouble) {
        self.feed.busy = false;
        self.feed.wants = true;
        if !matches!(trouble, Trouble::Auth(_)) {
            self.feed.problem = Some(trouble.problem());
        }
        if self.common_trouble(now, Lane::Feed, trouble) {
            return;
        }
        if *trouble == Trouble::Refused(Code::FeedBadCursor) && self.feed.asked_with.is_some() {
            self.feed.busy = true;
            self.feed.more = true;
            let change = Change::ForgetCursor;
            self.out.push(Command::Persist(Lane::Feed, change));
            return;
        }
        if *trouble == Trouble::Refused(Code::AuthForbidden) {
            self.feed.busy = true;
            self.feed.wants = false;
            let change = Change::LeaveScope;
            self.out.push(Command::Persist(Lane::Feed, change));
            return;
        }
        self.feed.backoff.fail(now, &mut self.jitter);
        self.feed.refusals = self.feed.refusals.saturating_add(1);
        self.feed.wants = self.feed.refusals < MAX_REFUSALS;
    }

    pub(super) fn feed_stored(&mut self, stored: Stored) {
        self.feed.drop_reply();
        let more = std::mem::take(&mut self.feed.more) || stored == Stored::Anew;
        self.feed.wants |= more;
    }
}
