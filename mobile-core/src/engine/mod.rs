//! The sync engine: decides, and never acts. It takes an [`Event`] and gives [`Command`]s;
//! it has no network, no disk, no clock and no thread. Time comes in with each event, its
//! only randomness from a seed, so that a test or a simulation can drive it through
//! anything and through the same thing twice.
//!
//! What waits is in the store and nowhere else: a lane asks for its next piece
//! ([`Command::Load`]), sends it ([`Command::Send`]), and what the answer means is made
//! durable ([`Command::Persist`]) before the engine goes by it. So it can be dropped at any
//! moment, and a crash is nothing but that. One thing is sent on an answer that is not durable
//! yet: the next batch of records (`journal_lane::ahead`). A crash between the two sends both
//! again, and the server knows them.
//!
//! The lanes ([`Lane`]) go side by side, each with one request under way: records before
//! previews, previews before originals, the feed when the records are through. What fails
//! in one lane holds up no other; only when the link itself fails, or the server asks for
//! quiet, do all wait, and then the lane that failed goes on last. `reading` says what an
//! answer is, `backoff` how long to wait, `journal_lane`, `feed_lane`, `photo_lane`, `diagnostics_lane` and `session` what each
//! does.

mod backoff;
mod budget;
mod command;
mod diagnostics_lane;
mod event;
mod feed_lane;
mod journal_lane;
mod photo_lane;
mod problem;
mod reading;
mod session;

#[cfg(test)]
mod tests;

pub use crate::store::photos::Upload;
pub use budget::{Budget, Ended, Spent, SyncReport};
pub use command::{Change, Command, Load, Loaded, PackedBatch, Request, Stored};
pub use event::{Event, HttpReply, Lane, Reply};
pub use problem::Problem;
pub use reading::understood;
pub(crate) use reading::{PACKED, code_of};

use backoff::{Backoff, Jitter};
use diagnostics_lane::DiagnosticsLane;
use ed25519_dalek::VerifyingKey;
use feed_lane::FeedLane;
use gridcrew_sync_protocol::{
    ids::Epoch, journal::MAX_BATCH_ENTRIES, media::MediaKind, time::Millis,
};
use journal_lane::JournalLane;
use photo_lane::PhotoLane;
use reading::Trouble;
use session::Session;

/// How much later than the others a lane goes on that brought the link to a wait: the next
/// lane to go must be another.
const BEHIND_THE_OTHERS: Millis = Millis(500);

/// The state of one sync.
#[derive(Debug)]
pub struct Engine {
    budget: Budget,
    server_key: VerifyingKey,
    epoch: Epoch,
    /// Most entries of a batch.
    batch_entries: usize,
    deadline: Option<Millis>,
    spent: Spent,
    jitter: Jitter,
    /// Waits that concern every lane: the link is down, or the server wants quiet.
    link: Backoff,
    journal: JournalLane,
    feed: FeedLane,
    previews: PhotoLane,
    originals: PhotoLane,
    diagnostics: DiagnosticsLane,
    session: Session,
    finished: bool,
    out: Vec<Command>,
}

impl Engine {
    /// An engine for one sync with the server of that key and epoch (as last heard). `seed`
    /// spreads its waits.
    #[must_use]
    pub fn new(budget: Budget, server_key: VerifyingKey, epoch: Epoch, seed: u64) -> Self {
        Self {
            budget,
            server_key,
            epoch,
            batch_entries: MAX_BATCH_ENTRIES,
            deadline: None,
            spent: Spent::default(),
            jitter: Jitter::new(seed),
            link: Backoff::default(),
            journal: JournalLane::default(),
            feed: FeedLane::default(),
            previews: PhotoLane::new(false),
            originals: PhotoLane::new(budget.keeps_originals().is_some()),
            diagnostics: DiagnosticsLane::default(),
            session: Session::default(),
            finished: false,
            out: Vec::new(),
        }
    }

    /// As many small batches, so that few records make several.
    #[cfg(any(test, feature = "simulated"))]
    #[must_use]
    pub fn in_batches_of(self, entries: usize) -> Self {
        Self {
            batch_entries: entries.clamp(1, MAX_BATCH_ENTRIES),
            ..self
        }
    }

    /// What the sync has cost so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// When the sync must be over, if its budget says so.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// Takes an event at `now` (any clock that only goes forward) and says what to do, in
    /// this order.
    pub fn on(&mut self, now: Millis, event: Event) -> Vec<Command> {
        if self.finished {
            return Vec::new();
        }
        #[cfg(feature = "planted")]
        if event == Event::NetworkChanged
            && crate::planted::on(crate::planted::Bug::NetworkChangeIgnored)
        {
            return Vec::new();
        }
        match event {
            Event::Begin => {
                self.deadline = self.budget.deadline(now);
                self.want_everything();
            }
            Event::Recorded => {
                self.journal.want_anew();
                self.want_photos();
            }
            Event::NetworkChanged | Event::Foreground => {
                self.link.reset();
                self.session.backoff.reset();
                self.feed.network_changed();
                self.journal.network_changed();
                self.previews.network_changed();
                self.originals.network_changed();
                self.want_everything();
            }
            Event::Tick => {}
            Event::Loaded(loaded) => self.loaded(loaded),
            Event::Stored(lane, stored) => match lane {
                Lane::Journal => self.journal_stored(now, stored),
                Lane::Feed => self.feed_stored(stored),
                Lane::Previews => self.photos_stored(MediaKind::Preview),
                Lane::Originals => self.photos_stored(MediaKind::Original),
                Lane::Diagnostics => self.diagnostics_stored(),
                Lane::Session => self.session_stored(),
            },
            Event::StorageFailed(detail) => {
                self.finish(Ended::StorageFailed, Some(Problem::Storage { detail }));
            }
            Event::Replied {
                lane,
                reply,
                sent,
                received,
                asked,
            } => self.replied(now, lane, &reply, (sent, received), asked),
        }
        self.advance(now);
        std::mem::take(&mut self.out)
    }

    fn want_everything(&mut self) {
        self.journal.want_anew();
        self.feed.want();
        self.want_photos();
        if !self.budget.battery_saver {
            self.diagnostics.want();
        }
    }

    fn loaded(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::JournalEmpty | Loaded::Batch(_) | Loaded::Reopen(_) => {
                self.journal_loaded(loaded);
            }
            Loaded::Feed(cursor) => self.feed_loaded(cursor),
            Loaded::PhotosEmpty(kind) => self.photos_empty(kind),
            Loaded::AskPhotos(photos) => self.ask_photos(photos),
            Loaded::AskedAll => self.asked_all(),
            Loaded::Upload(upload) => self.upload_loaded(upload),
            Loaded::Diagnostics(news) => self.diagnostics_loaded(news),
        }
    }

    fn replied(
        &mut self,
        now: Millis,
        lane: Lane,
        reply: &Reply,
        (sent, received): (u64, u64),
        asked: Millis,
    ) {
        self.spent.in_flight = self.spent.in_flight.saturating_sub(sent);
        self.spent.sent = self.spent.sent.saturating_add(sent);
        self.spent.received = self.spent.received.saturating_add(received);
        let heard = match reply {
            Reply::Http(http) => http.epoch,
            Reply::Broken(_) => None,
        };
        #[cfg(feature = "planted")]
        let heard = heard.filter(|_| !crate::planted::on(crate::planted::Bug::EpochIgnored));
        match lane {
            Lane::Session => self.session_replied(now, reply),
            _ if heard.is_some_and(|heard| heard != self.epoch) => self.hear_epoch(lane, heard),
            Lane::Journal => self.journal_replied(now, reply, asked),
            Lane::Feed => self.feed_replied(now, reply, asked),
            Lane::Previews => self.photos_replied(now, MediaKind::Preview, reply),
            Lane::Originals => self.photos_replied(now, MediaKind::Original, reply),
            Lane::Diagnostics => self.diagnostics_replied(now, reply),
        }
    }

    /// Starts what can be started, and says when to look again or that it is over.
    fn advance(&mut self, now: Millis) {
        if self.finished {
            return;
        }
        self.leave();
        if let Some(problem) = self.session.blocked.clone() {
            return self.finish(Ended::Blocked, Some(problem));
        }
        if self.is_over(now) {
            return self.spent_up();
        }
        self.session_start(now);
        if self.session.is_free() && self.link.until(now).is_none() {
            self.start_lanes(now);
        }
        if self.finished {
            return;
        }
        let next = self.next_try(now);
        match (self.any_busy(), next) {
            (false, None) => {
                let problem = self.problem();
                self.finish(Ended::Done, problem);
            }
            (false, Some(next)) if self.deadline.is_some_and(|deadline| next >= deadline) => {
                self.spent_up();
            }
            (_, next) => {
                // What could start now and did not waits for something that is under way.
                let later = next.filter(|next| *next > now);
                let wake = [later, self.deadline].into_iter().flatten().min();
                self.out.extend(wake.map(Command::Wake));
            }
        }
    }

    /// Whether the time of the sync is up.
    fn is_over(&self, now: Millis) -> bool {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        #[cfg(feature = "planted")]
        let over = over && !crate::planted::on(crate::planted::Bug::DeadlineIgnored);
        over
    }

    fn start_lanes(&mut self, now: Millis) {
        if self.spent.left(&self.budget) == 0 {
            if !self.any_busy() && self.next_try(now).is_some() {
                self.spent_up();
            }
            return;
        }
        self.journal_start(now);
        if !self.journal.has_the_way(now) && !self.session.revoked {
            self.feed_start(now);
            self.photos_start(now);
            self.diagnostics_start(now);
        }
    }

    fn any_busy(&self) -> bool {
        let lanes = [
            self.journal.busy,
            self.feed.busy,
            self.previews.busy,
            self.originals.busy,
            self.diagnostics.busy,
        ];
        lanes.contains(&true) || self.session.busy()
    }

    /// When the next lane that is not busy wants to try something; `None` when none does.
    /// Diagnostics keep no sync going.
    fn next_try(&self, now: Millis) -> Option<Millis> {
        if self.session.needs_refresh && !self.session.busy() {
            return Some(self.session.backoff.until(now).unwrap_or(now));
        }
        let lanes = [
            self.journal.next_try(now),
            self.feed.next_try(now),
            self.previews.next_try(now),
            self.originals.next_try(now),
        ];
        let link = self.link.until(now).unwrap_or(now);
        let lanes = match &lanes {
            [journal, ..] if self.session.revoked => std::slice::from_ref(journal),
            all => all.as_slice(),
        };
        let next = lanes.iter().flatten().min().copied();
        next.map(|next| next.max(link))
    }

    fn problem(&self) -> Option<Problem> {
        [
            &self.session.problem,
            &self.journal.problem,
            &self.feed.problem,
            &self.previews.problem,
            &self.originals.problem,
        ]
        .into_iter()
        .flatten()
        .next()
        .cloned()
    }

    fn spent_up(&mut self) {
        let problem = self.problem().or(Some(Problem::BudgetSpent));
        self.finish(Ended::BudgetSpent, problem);
    }

    fn finish(&mut self, ended: Ended, problem: Option<Problem>) {
        if !self.finished {
            self.finished = true;
            self.out.push(Command::Finish { ended, problem });
        }
    }

    fn send(&mut self, lane: Lane, request: Request, bytes: u64) {
        self.spent.requests = self.spent.requests.saturating_add(1);
        self.spent.in_flight = self.spent.in_flight.saturating_add(bytes);
        self.session.sent(lane);
        self.out.push(Command::Send(lane, request));
    }

    /// The server answered in its own form.
    fn worked(&mut self) {
        self.link.reset();
        self.session.worked();
    }

    /// Deals with what is no refusal of what the lane asked. Gives whether it was that.
    ///
    /// What may be about this lane alone must not keep the others back: an answer that
    /// says nothing is the lane's own failure; a broken connection and a busy server are
    /// the link's too, but when the link opens again, the other lanes go first.
    fn common_trouble(&mut self, now: Millis, lane: Lane, trouble: &Trouble) -> bool {
        match trouble {
            Trouble::Auth(code) => {
                self.token_refused(now, lane, *code);
                return true;
            }
            Trouble::Refused(_) => {
                // A refusal is an answer: the link works.
                self.worked();
                return false;
            }
            Trouble::Unknown(_) if matches!(lane, Lane::Previews | Lane::Originals) => {
                return false;
            }
            Trouble::Unknown(Problem::Unreachable { .. }) => {
                self.link.fail(now, &mut self.jitter);
                self.lane_waits(now, lane, true);
            }
            Trouble::Unknown(_) => self.lane_waits(now, lane, true),
            Trouble::Busy(after) => {
                self.link.pause(now, *after, &mut self.jitter);
                self.lane_waits(now, lane, false);
            }
        }
        true
    }

    /// A lane waits because it failed, and in any case until the others could go.
    fn lane_waits(&mut self, now: Millis, lane: Lane, failed: bool) {
        let backoff = match lane {
            Lane::Journal => &mut self.journal.backoff,
            Lane::Feed => &mut self.feed.backoff,
            Lane::Previews => &mut self.previews.backoff,
            Lane::Originals => &mut self.originals.backoff,
            Lane::Diagnostics | Lane::Session => return,
        };
        if failed {
            backoff.fail(now, &mut self.jitter);
        }
        if let Some(opens) = self.link.until(now) {
            let behind = opens.0.saturating_add(BEHIND_THE_OTHERS.0);
            backoff.not_before(Millis(behind));
        }
    }
}
