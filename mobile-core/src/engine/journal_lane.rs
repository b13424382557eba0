//! Records out.
//!
//! | the server says | what follows |
//! |---|---|
//! | held, with a receipt that verifies and our own link | marked as held, next batch |
//! | held or gap, with another link than ours | what of the batch is held is marked; the journal forked: walk it from its start until the server finds where |
//! | held, beyond our last entry | the batch is held, and what else waits goes too; another device goes on in this journal: the next record forks it |
//! | gap | everything after what it holds waits again, also what it had held before |
//! | fork | a new journal is asked for, everything after the fork goes into it |
//! | revoked | the rest of what waits is offered once, to be kept apart; nothing else is sent |
//! | anything but revoked, to a batch that was to be kept apart | the handheld is let in again: as at the start of a sync |
//! | anything else | unknown: again, later |
//!
//! While the server looks at a batch, the next one is made ([`ahead`]). Once a batch is said to
//! be held, the next goes out before this one is marked, so that the server and the disk here
//! work side by side. It goes only where nothing is in doubt, and only one is under way.

mod ahead;

use super::{
    Change, Command, Engine, Lane, Load, Loaded, PackedBatch, Problem, Reply, Request, Stored,
    backoff::Backoff,
    reading::{Trouble, packed},
};
use ahead::Ahead;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::JournalId,
    journal::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Seq},
    push::{Parked, PushOutcome, PushReply, Receipt, ReopenReply},
    time::Millis,
};

/// Most bytes of a reply once decompressed: 500 parked entries with their codes.
const MAX_REPLY_BYTES: usize = 256 * 1024;
/// Most bytes of entries in a batch: what the form around them takes is left out.
const MAX_ENTRIES_BYTES: usize = MAX_BATCH_BYTES - MAX_BATCH_ENTRIES * 16 - 4 * 1024;
/// Refusals in a row after which the lane rests for this sync.
const MAX_REFUSALS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct JournalLane {
    pub(super) busy: bool,
    wants: bool,
    /// Rests until something new happens.
    rests: bool,
    pub(super) problem: Option<Problem>,
    pub(super) backoff: Backoff,
    /// Refusals in a row.
    refusals: u32,
    /// Ask what the server holds even when nothing waits.
    probe: bool,
    /// The server holds more of the journal than this device: it was said so in the answer to
    /// the batch with this last entry.
    beyond: Option<Seq>,
    /// Walking the whole journal to find where it forked: the next entry to send.
    walk: Option<Seq>,
    /// The handheld is revoked: the next entry to be kept apart.
    apart: Option<Seq>,
    /// Everything that waits was offered to be kept apart, or that is refused.
    pub(super) offered_apart: bool,
    sent: Sent,
    storing: Storing,
    ahead: Ahead,
}

/// What is under way to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sent {
    #[default]
    Nothing,
    Push {
        journal: JournalId,
        first: Seq,
        last: Seq,
        /// Of its last entry.
        link: Digest,
    },
    Reopen,
}

/// What is being made durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Storing {
    #[default]
    Other,
    Held {
        last: Seq,
    },
    Gap,
    Forked,
    Apart {
        last: Seq,
    },
}

/// The entries that are parked, each with its code.
fn named(parked: &[Parked]) -> Vec<(Seq, String)> {
    let parked = parked.iter();
    parked.map(|one| (one.seq, one.code.clone())).collect()
}

impl JournalLane {
    pub(super) fn want_anew(&mut self) {
        self.wants = true;
        self.rests = false;
        self.beyond = None;
    }

    pub(super) fn network_changed(&mut self) {
        self.backoff.reset();
        self.refusals = 0;
    }

    pub(super) fn offer_again(&mut self) {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::NoProbe) {
            return;
        }
        self.probe = true;
        self.walk = None;
        // What was kept apart was kept by a server that is no more.
        self.let_in();
    }

    /// The handheld is not shut out any more.
    pub(super) fn let_in(&mut self) {
        self.apart = None;
        self.offered_apart = false;
    }

    /// A photo was not promised although its record is held: ask what is held.
    pub(super) fn doubt(&mut self) {
        self.probe = true;
        self.wants = true;
    }

    pub(super) fn drop_reply(&mut self) {
        self.busy = false;
        self.sent = Sent::Nothing;
        self.ahead = Ahead::Nothing;
    }

    /// Whether nothing more of the journal of a revoked handheld is to be sent.
    pub(super) fn is_offered_apart(&self) -> bool {
        !self.busy && (self.offered_apart || self.rests)
    }

    /// Whether records are on their way or could be sent now: photos wait.
    pub(super) fn has_the_way(&self, now: Millis) -> bool {
        self.busy || (self.wants && !self.rests && self.backoff.until(now).is_none())
    }

    pub(super) fn next_try(&self, now: Millis) -> Option<Millis> {
        (self.wants && !self.rests && !self.busy).then(|| self.backoff.until(now).unwrap_or(now))
    }
}

impl Engine {
    pub(super) fn journal_start(&mut self, now: Millis) {
        let lane = &mut self.journal;
        if lane.busy || lane.rests || !lane.wants || lane.backoff.until(now).is_some() {
            return;
        }
        lane.busy = true;
        let apart = self.session.revoked;
        let from = if apart { lane.apart } else { lane.walk };
        let probe = lane.probe;
        self.out.push(Command::Load(Load::Journal {
            from,
            probe,
            apart,
            max_entries: self.batch_entries,
            max_bytes: self.batch_bytes(),
        }));
    }

    fn batch_bytes(&self) -> usize {
        let left = usize::try_from(self.spent.left(&self.budget)).unwrap_or(usize::MAX);
        MAX_ENTRIES_BYTES.min(left)
    }

    fn push_batch(&mut self, batch: PackedBatch) {
        let bytes = batch.body.len() as u64;
        self.journal.sent = Sent::Push {
            journal: batch.journal,
            first: batch.first,
            last: batch.last,
            link: batch.link,
        };
        self.send(Lane::Journal, Request::Push(batch.body), bytes);
    }

    pub(super) fn journal_loaded(&mut self, loaded: Loaded) {
        let lane = &mut self.journal;
        if std::mem::take(&mut lane.ahead) == Ahead::Asked {
            return lane.loaded_ahead(loaded);
        }
        match loaded {
            Loaded::Batch(batch)
                if lane.walk.is_none() && lane.beyond.is_some_and(|told| batch.last <= told) =>
            {
                lane.busy = false;
                lane.rests = true;
            }
            Loaded::Batch(batch) => {
                if batch.body.len() as u64 > self.spent.left(&self.budget) {
                    return self.spent_up();
                }
                self.push_batch(batch);
                self.look_ahead();
            }
            Loaded::Reopen(body) => {
                lane.sent = Sent::Reopen;
                let bytes = body.len() as u64;
                self.send(Lane::Journal, Request::Reopen(body), bytes);
            }
            _ => {
                lane.busy = false;
                lane.wants = false;
                lane.probe = false;
                lane.walk = None;
                lane.offered_apart = self.session.revoked;
                if !matches!(lane.problem, Some(Problem::Continued)) {
                    lane.problem = None;
                }
            }
        }
    }

    pub(super) fn journal_replied(&mut self, now: Millis, reply: &Reply, asked: Millis) {
        let sent = std::mem::take(&mut self.journal.sent);
        let ahead = std::mem::take(&mut self.journal.ahead);
        #[cfg(feature = "planted")]
        if let Sent::Push {
            journal,
            first,
            last,
            ..
        } = sent
            && let Some(change) = crate::planted::html_ack(reply, journal, first, last)
        {
            self.journal.storing = Storing::Held { last };
            return self.out.push(Command::Persist(Lane::Journal, change));
        }
        let read = match sent {
            Sent::Push {
                journal,
                first,
                last,
                ..
            } => packed::<PushReply>(reply, MAX_REPLY_BYTES).and_then(|answer| {
                let change = self.change_of(&answer, journal, (first, last))?;
                let server_time = answer.server_time;
                self.out.push(Command::Hear { server_time, asked });
                Ok(change)
            }),
            Sent::Reopen => packed::<ReopenReply>(reply, MAX_REPLY_BYTES)
                .map(|answer| (Change::Reopened(answer.journal), Storing::Other)),
            Sent::Nothing => return,
        };
        match read {
            Ok(change) => {
                self.worked();
                self.journal.backoff.reset();
                self.journal.refusals = 0;
                let (change, storing) = change;
                if matches!(storing, Storing::Apart { .. }) {
                    self.hear_revoked();
                } else {
                    self.hear_let_in();
                }
                self.journal.storing = storing;
                if sent.is_held_by(&change)
                    && let Some(batch) = self.batch_ahead(now, ahead, sent)
                {
                    self.push_batch(batch);
                }
                self.out.push(Command::Persist(Lane::Journal, change));
            }
            Err(trouble) => self.journal_trouble(now, sent, &trouble),
        }
    }

    /// What an answer to a push changes.
    fn change_of(
        &self,
        answer: &PushReply,
        journal: JournalId,
        (first, last): (Seq, Seq),
    ) -> Result<(Change, Storing), Trouble> {
        let genuine = |receipt: &Receipt| {
            receipt.journal == journal
                && receipt.epoch == self.epoch
                && receipt.is_signed_by(&self.server_key)
        };
        let strange = |detail: &str| {
            Err(Trouble::Unknown(Problem::NotTheServer {
                detail: detail.to_owned(),
            }))
        };
        match &answer.outcome {
            PushOutcome::Held { receipt, parked } => {
                if !genuine(receipt) || receipt.held < last {
                    return strange("a receipt that does not verify");
                }
                let change = Change::Held {
                    journal,
                    first,
                    last,
                    held: receipt.held,
                    link: receipt.link,
                    parked: named(parked),
                };
                Ok((change, Storing::Held { last }))
            }
            PushOutcome::Gap { receipt } => {
                let (held, link) = match receipt {
                    None => (Seq(0), Digest::ZERO),
                    Some(receipt) if genuine(receipt) => (receipt.held, receipt.link),
                    Some(_) => return strange("a receipt that does not verify"),
                };
                if held.next() >= first {
                    return strange("a gap where there is none");
                }
                let change = Change::Gap {
                    journal,
                    held,
                    link,
                };
                Ok((change, Storing::Gap))
            }
            PushOutcome::Fork {
                common,
                link,
                parked,
            } => {
                if common.next() < first || *common >= last {
                    return strange("a fork outside of the batch");
                }
                let change = Change::Forked {
                    journal,
                    first,
                    common: *common,
                    link: *link,
                    parked: named(parked),
                };
                Ok((change, Storing::Forked))
            }
            PushOutcome::Revoked => {
                Ok((Change::KeptApart { journal, last }, Storing::Apart { last }))
            }
        }
    }

    fn journal_trouble(&mut self, now: Millis, sent: Sent, trouble: &Trouble) {
        self.journal.busy = false;
        if !matches!(trouble, Trouble::Auth(_)) {
            self.journal.problem = Some(trouble.problem());
        }
        if self.common_trouble(now, Lane::Journal, trouble) {
            return;
        }
        match (trouble, sent) {
            // The fork is before the batch. Walk from the start; the server will say where.
            (Trouble::Refused(Code::JournalBadLink), Sent::Push { first, .. })
                if first > Seq::FIRST && self.journal.walk.is_none() =>
            {
                self.journal.walk = Some(Seq::FIRST);
            }
            // The server, restored perhaps, knows of no fork: go on as if there were none.
            (Trouble::Refused(Code::Conflict), Sent::Reopen) => {
                self.journal.busy = true;
                self.journal.storing = Storing::Other;
                self.journal.offer_again();
                let change = Change::NotForked;
                self.out.push(Command::Persist(Lane::Journal, change));
            }
            _ => self.journal_refused(now),
        }
    }

    fn journal_refused(&mut self, now: Millis) {
        let lane = &mut self.journal;
        lane.backoff.fail(now, &mut self.jitter);
        lane.refusals = lane.refusals.saturating_add(1);
        lane.rests = lane.refusals >= MAX_REFUSALS;
    }

    pub(super) fn journal_stored(&mut self, now: Millis, stored: Stored) {
        let lane = &mut self.journal;
        lane.busy = lane.sent != Sent::Nothing;
        lane.wants = true;
        match (std::mem::take(&mut lane.storing), stored) {
            (Storing::Apart { last }, _) => lane.apart = Some(last.next()),
            (storing, Stored::Done | Stored::Anew) => {
                lane.walk = None;
                lane.beyond = None;
                lane.problem = None;
                if matches!(storing, Storing::Held { .. }) {
                    // The server has said what it holds: no need to ask.
                    lane.probe = false;
                }
                // What is held now may have brought something about, and photos may go.
                self.feed.want();
                self.want_photos();
                self.look_ahead();
            }
            (Storing::Held { last }, Stored::Beyond) if lane.walk.is_none() => {
                lane.problem = Some(Problem::Continued);
                // What else waits goes, too; the last entry is not asked about again.
                lane.beyond = Some(last);
                // The feed may bring what this device no longer has, and what is held now may
                // have photos.
                self.feed.want();
                self.want_photos();
            }
            (Storing::Held { last }, _) if lane.walk.is_some() => lane.walk = Some(last.next()),
            (Storing::Held { .. } | Storing::Gap, _) => lane.walk = Some(Seq::FIRST),
            (Storing::Forked | Storing::Other, _) => {
                lane.problem = Some(Problem::NotTheServer {
                    detail: "a fork at a link that is not ours".to_owned(),
                });
                self.journal_refused(now);
            }
        }
    }
}
