//! Diagnostics out, the last of the lanes: how this handheld stands, for its station.
//!
//! It goes when nothing else has anything to send, once a sync, and only when it says
//! something new. It is of no use to the work itself, so whatever goes wrong with it is left
//! for the next sync and troubles no one: it costs no wait, and a sync that could not send
//! it succeeded all the same.

use super::{
    Change, Command, Engine, Lane, Load, Reply, Request,
    reading::{Trouble, success},
};
use gridcrew_sync_protocol::{diagnostics::Diagnostics, time::Millis, wire};

#[derive(Debug, Default)]
pub(super) struct DiagnosticsLane {
    pub(super) busy: bool,
    wants: bool,
    sent: Option<Box<Diagnostics>>,
}

impl DiagnosticsLane {
    pub(super) fn want(&mut self) {
        self.wants = true;
    }

    pub(super) fn drop_reply(&mut self) {
        self.busy = false;
        self.sent = None;
    }
}

impl Engine {
    /// Starts the lane when the others are at rest.
    pub(super) fn diagnostics_start(&mut self, now: Millis) {
        let others = [
            self.journal.next_try(now),
            self.feed.next_try(now),
            self.previews.next_try(now),
            self.originals.next_try(now),
        ];
        let lane = &mut self.diagnostics;
        let photos_busy = self.previews.busy || self.originals.busy;
        let others_busy = self.journal.busy || self.feed.busy || photos_busy;
        if !lane.wants || lane.busy || others_busy || others.iter().flatten().any(|at| *at <= now) {
            return;
        }
        lane.wants = false;
        lane.busy = true;
        self.out.push(Command::Load(Load::Diagnostics));
    }

    pub(super) fn diagnostics_loaded(&mut self, news: Option<Box<Diagnostics>>) {
        let Some(news) = news else {
            self.diagnostics.busy = false;
            return;
        };
        let body = wire::pack(&*news);
        let bytes = body.len() as u64;
        if bytes > self.spent.left(&self.budget) {
            self.diagnostics.busy = false;
            return;
        }
        self.diagnostics.sent = Some(news);
        self.send(Lane::Diagnostics, Request::Diagnose(body), bytes);
    }

    pub(super) fn diagnostics_replied(&mut self, now: Millis, reply: &Reply) {
        let sent = self.diagnostics.sent.take();
        let done = success(reply).map(|http| http.status == 204 && http.epoch == Some(self.epoch));
        match (done, sent) {
            (Ok(true), Some(sent)) => {
                self.worked();
                let change = Change::Diagnosed(sent);
                self.out.push(Command::Persist(Lane::Diagnostics, change));
                return;
            }
            (Err(Trouble::Auth(code)), _) => {
                self.diagnostics.wants = true;
                self.token_refused(now, Lane::Diagnostics, code);
            }
            (Err(Trouble::Busy(after)), _) => self.link.pause(now, after, &mut self.jitter),
            _ => {}
        }
        self.diagnostics.busy = false;
    }

    pub(super) fn diagnostics_stored(&mut self) {
        self.diagnostics.busy = false;
    }
}
