//! Tokens and the server's epoch: what concerns every lane.
//!
//! An access token that is no longer taken is renewed once, and the new tokens are durable
//! before they are used. When the renewal itself is refused, the session is over: sending
//! stops, recording does not. New tokens that are not taken either say nothing about the
//! session: after some in a row it is tried again later, like everything else.
//!
//! A handheld that was revoked gives up its scope and offers its journal once more before that.
//! Should the server take records of it meanwhile, because the revocation was taken back or
//! went with a restored database, everything is asked for anew.
//!
//! Another epoch than the one known means that the server's database was restored from a
//! backup: what it said before is void. The new epoch is made durable together with the
//! intent to offer everything again, and only then does anything go on.

use super::{
    Change, Command, Engine, Lane, Problem, Reply, Request,
    backoff::{Backoff, Jitter},
    reading::{Trouble, json},
};
use gridcrew_sync_protocol::{code::Code, enrol::Tokens, ids::Epoch, time::Millis};
use std::collections::{BTreeMap, VecDeque};

/// How many renewals in a row may help nothing before the next one has to wait.
const VAIN: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Session {
    /// A renewal was sent and not answered yet.
    renewing: bool,
    /// What is being made durable, in the order in which it was asked for. It is a line and
    /// not one place: another epoch may be heard while a renewal is under way.
    storing: VecDeque<Storing>,
    pub(super) needs_refresh: bool,
    pub(super) blocked: Option<Problem>,
    /// The handheld is revoked: the journal is still offered, to be kept apart, and
    /// nothing else is asked.
    pub(super) revoked: bool,
    leaving: Leaving,
    pub(super) problem: Option<Problem>,
    pub(super) backoff: Backoff,
    /// Counts the tokens; a refusal of older ones says nothing.
    generation: u32,
    sent_with: BTreeMap<Lane, u32>,
    /// Renewals since something worked.
    vain: u32,
}

/// What of the session's is being made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storing {
    Tokens,
    NewEpoch(Epoch),
    LeaveScope,
}

/// How far the handheld is in giving up its scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leaving {
    #[default]
    Not,
    UnderWay,
    Left,
}

impl Session {
    /// A renewal, a change of epoch or the giving up of the scope is under way; no lane
    /// starts anything.
    pub(super) fn busy(&self) -> bool {
        self.renewing || !self.storing.is_empty()
    }

    pub(super) fn is_free(&self) -> bool {
        !self.busy() && !self.needs_refresh
    }

    pub(super) fn sent(&mut self, lane: Lane) {
        self.sent_with.insert(lane, self.generation);
    }

    pub(super) fn worked(&mut self) {
        self.vain = 0;
        self.problem = None;
        self.backoff.reset();
    }

    /// The token that a lane used was not taken.
    pub(super) fn refused(&mut self, lane: Lane, code: Code, now: Millis, jitter: &mut Jitter) {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::TokenNotRenewed) {
            return;
        }
        if self.sent_with.get(&lane) != Some(&self.generation) {
            return;
        }
        if self.vain >= VAIN && !self.needs_refresh {
            self.problem = Some(Trouble::Auth(code).problem());
            self.backoff.fail(now, jitter);
        }
        self.needs_refresh = true;
    }
}

impl Engine {
    /// The access token of a lane was not taken.
    pub(super) fn token_refused(&mut self, now: Millis, lane: Lane, code: Code) {
        if code != Code::AuthRevoked && !self.session.revoked {
            let jitter = &mut self.jitter;
            return self.session.refused(lane, code, now, jitter);
        }
        if lane == Lane::Journal {
            self.journal.offered_apart = true;
        }
        self.hear_revoked();
    }

    /// The handheld, or its person, was shut out. The scope is given up, as it holds what
    /// concerns others; what was recorded stays until it is acknowledged, and is offered
    /// once to be kept apart.
    pub(super) fn hear_revoked(&mut self) {
        if !self.session.revoked {
            self.session.revoked = true;
            self.journal.want_anew();
        }
        self.session.needs_refresh = false;
    }

    /// The server takes records of this handheld: if it was revoked, it is no more. Kept apart
    /// is nothing from now on, or the same batch would be offered for ever.
    pub(super) fn hear_let_in(&mut self) {
        if !self.session.revoked {
            return;
        }
        self.session.revoked = false;
        if self.session.leaving == Leaving::Left {
            self.session.leaving = Leaving::Not;
        }
        self.journal.let_in();
        self.want_everything();
    }

    /// Gives up the scope of a revoked handheld, and ends the sync when the journal was
    /// offered.
    pub(super) fn leave(&mut self) {
        let session = &mut self.session;
        match session.leaving {
            _ if !session.revoked => {}
            Leaving::Not if !session.busy() => {
                session.leaving = Leaving::UnderWay;
                self.feed.give_up();
                self.store_session(Storing::LeaveScope, Change::LeaveScope);
            }
            Leaving::Left if self.journal.is_offered_apart() => {
                session.blocked = Some(Problem::Revoked);
            }
            _ => {}
        }
    }

    pub(super) fn session_start(&mut self, now: Millis) {
        let session = &mut self.session;
        if session.busy() || !session.needs_refresh || session.backoff.until(now).is_some() {
            return;
        }
        session.renewing = true;
        session.vain = session.vain.saturating_add(1);
        self.send(Lane::Session, Request::Refresh, 0);
    }

    pub(super) fn session_replied(&mut self, now: Millis, reply: &Reply) {
        self.session.renewing = false;
        match json::<Tokens>(reply) {
            Ok(tokens) => self.store_session(Storing::Tokens, Change::Tokens(tokens)),
            Err(trouble) => {
                self.session.problem = Some(trouble.problem());
                match trouble {
                    Trouble::Auth(Code::AuthRevoked) => self.hear_revoked(),
                    Trouble::Auth(_) => self.session.blocked = Some(trouble.problem()),
                    Trouble::Busy(after) => {
                        self.session.vain = 0;
                        self.session.backoff.pause(now, after, &mut self.jitter);
                    }
                    Trouble::Unknown(_) | Trouble::Refused(_) => {
                        self.session.vain = 0;
                        self.session.backoff.fail(now, &mut self.jitter);
                    }
                }
            }
        }
    }

    /// The server says another epoch than the one known: the reply to `lane` is left
    /// aside, it will be asked again.
    pub(super) fn hear_epoch(&mut self, lane: Lane, heard: Option<Epoch>) {
        match lane {
            Lane::Journal => self.journal.drop_reply(),
            Lane::Feed => self.feed.drop_reply(),
            Lane::Previews => self.previews.drop_reply(),
            Lane::Originals => self.originals.drop_reply(),
            Lane::Diagnostics => self.diagnostics.drop_reply(),
            Lane::Session => {}
        }
        let Some(heard) = heard else { return };
        let waits = |storing: &Storing| matches!(storing, Storing::NewEpoch(_));
        if !self.session.storing.iter().any(waits) {
            self.store_session(Storing::NewEpoch(heard), Change::NewEpoch(heard));
        }
    }

    fn store_session(&mut self, storing: Storing, change: Change) {
        self.session.storing.push_back(storing);
        self.out.push(Command::Persist(Lane::Session, change));
    }

    /// The first of what was being made durable is it now.
    pub(super) fn session_stored(&mut self) {
        match self.session.storing.pop_front() {
            None => {}
            Some(Storing::LeaveScope) if self.session.revoked => {
                self.session.leaving = Leaving::Left;
            }
            Some(Storing::LeaveScope) => self.session.leaving = Leaving::Not,
            Some(Storing::NewEpoch(epoch)) => {
                self.epoch = epoch;
                self.journal.offer_again();
                self.previews.offer_again();
                self.originals.offer_again();
                self.want_everything();
            }
            Some(Storing::Tokens) => {
                self.session.generation = self.session.generation.saturating_add(1);
                self.session.needs_refresh = false;
                if self.session.vain < VAIN {
                    self.session.problem = None;
                }
            }
        }
    }
}
