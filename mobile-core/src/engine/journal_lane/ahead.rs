//! The batch after the one that is under way: made while the server looks at that one, so that
//! the server and the disk here work side by side.
//!
//! It is a guess that all goes well. It is made of what stands in the store and nothing is
//! mended for it; it goes out only when the batch before is held, to its end and no further,
//! and nothing else came up. Otherwise it is dropped, and what comes next is looked up as ever.

use super::{Engine, JournalLane, Sent};
use crate::engine::{Change, Command, Load, Loaded, PackedBatch};
use gridcrew_sync_protocol::time::Millis;

/// The batch after the one that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ahead {
    #[default]
    Nothing,
    /// It is being made.
    Asked,
    /// It can go.
    Ready(PackedBatch),
}

impl Sent {
    /// Whether a batch begins right behind what is under way.
    fn goes_on_in(self, batch: &PackedBatch) -> bool {
        matches!(self, Self::Push { journal, last, .. }
            if journal == batch.journal && last.next() == batch.first)
    }

    /// Whether an answer says that what is under way is held: to its end, no further as far as
    /// the server knows, and with the link that was sent.
    pub(super) fn is_held_by(self, change: &Change) -> bool {
        let Self::Push { last, link, .. } = self else {
            return false;
        };
        matches!(change, Change::Held { held, link: theirs, .. }
            if *held == last && *theirs == link)
    }
}

impl JournalLane {
    /// What was found for the batch after the one under way; anything but that batch is looked
    /// up again in its turn.
    pub(super) fn loaded_ahead(&mut self, loaded: Loaded) {
        if let Loaded::Batch(batch) = loaded
            && self.sent.goes_on_in(&batch)
        {
            self.ahead = Ahead::Ready(batch);
        }
    }
}

impl Engine {
    /// Has the batch made that follows the one under way, where nothing is in doubt.
    pub(super) fn look_ahead(&mut self) {
        let lane = &mut self.journal;
        let Sent::Push { last, .. } = lane.sent else {
            return;
        };
        let doubt = lane.probe || lane.walk.is_some() || lane.beyond.is_some();
        if doubt || self.session.revoked {
            return;
        }
        lane.ahead = Ahead::Asked;
        self.out.push(Command::Load(Load::JournalAhead {
            after: last,
            max_entries: self.batch_entries,
            max_bytes: self.batch_bytes(),
        }));
    }

    /// The batch that was made ahead, if it may go out now that all before it is held.
    pub(super) fn batch_ahead(&self, now: Millis, ahead: Ahead, sent: Sent) -> Option<PackedBatch> {
        let Ahead::Ready(batch) = ahead else {
            return None;
        };
        let fits = batch.body.len() as u64 <= self.spent.left(&self.budget) && !self.is_over(now);
        let undoubted = self.journal.walk.is_none() && !self.session.revoked;
        (fits && undoubted && self.session.is_free() && sent.goes_on_in(&batch)).then_some(batch)
    }
}
