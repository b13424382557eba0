//! Taking in what time the server says it is.
//!
//! The time in an answer is from somewhere between the question and the answer, and is taken
//! to be from half-way: it may be off by half of the way.
//!
//! 1. An answer that came quickly is believed.
//! 2. The first in a boot that took long is kept aside, and believed when the sync is over
//!    and brought no better ([`Local::believe_late`]). Where a time was heard in this boot,
//!    such a one says nothing new.
//! 3. One that agrees with a time heard within the last second is not written down again.
//! 4. No way explains a time that lies further back than the whole of it, and than the
//!    device's clock may have gained: some cache had the answer, or the server's clock was set
//!    right. It is believed when another answer, asked for so much later that it cannot be the
//!    same, fits it.

use super::Local;
use crate::{
    error::Error,
    store::{
        facts,
        identity::{self, Said},
    },
};
use gridcrew_sync_protocol::time::{Millis, ServerAnchor, UnixMillis};

/// Longest way of a question and its answer for which the answer's time is believed at once.
const MAX_ROUND_TRIP: Millis = Millis(10_000);

/// A device's clock gains at most one part in so many: more than any quartz does.
const DRIFT: i64 = 5_000;

/// For how long a time that was heard needs no other: each writing waits for the disk, and
/// answers come many a second. It is also how late a handheld that was closed for want of
/// contact may open again.
const FRESH: Millis = Millis(1_000);

/// How far two times may differ that say the same.
const AGREES: Millis = Millis(1_000);

/// What becomes of a time that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Believed,
    /// As well known as it can be.
    Known,
    Late,
    Doubted,
    PassedOver,
}

/// Judges a time by the last one of the same boot and one that was doubted.
fn judge(said: &Said, known: Option<&ServerAnchor>, doubted: Option<&Said>) -> Judged {
    let at_once = said.took <= MAX_ROUND_TRIP;
    let Some(known) = known.filter(|known| known.boot == said.anchor.boot) else {
        return if at_once {
            Judged::Believed
        } else {
            Judged::Late
        };
    };
    if !at_once {
        return Judged::PassedOver;
    }
    let behind = carried_on(known, said).since(said.anchor.server_time);
    let since = said.anchor.uptime.0.saturating_sub(known.uptime.0);
    if behind.0 <= said.took.0.saturating_add(since / DRIFT) {
        let agrees = behind.0.saturating_abs() <= AGREES.0;
        return if agrees && since < FRESH.0 && doubted.is_none() {
            Judged::Known
        } else {
            Judged::Believed
        };
    }
    let Some(before) = doubted.filter(|before| before.anchor.boot == said.anchor.boot) else {
        return Judged::Doubted;
    };
    let ways = said.took.0.saturating_add(before.took.0);
    let between = said.anchor.uptime.0.saturating_sub(before.anchor.uptime.0);
    let off = carried_on(&before.anchor, said).since(said.anchor.server_time);
    match (between > ways, off.0.saturating_abs() <= ways) {
        // It may be the same answer again.
        (false, _) => Judged::PassedOver,
        (true, true) => Judged::Believed,
        (true, false) => Judged::Doubted,
    }
}

/// What time it was by an earlier one, when this was said.
fn carried_on(earlier: &ServerAnchor, said: &Said) -> UnixMillis {
    let since = said.anchor.uptime.0.saturating_sub(earlier.uptime.0);
    earlier.server_time.plus(Millis(since))
}

impl Local {
    /// Takes in a server time that came with an answer to a question asked at `asked`
    /// (uptime).
    pub(crate) fn hear_time(
        &mut self,
        server_time: UnixMillis,
        asked: Millis,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let took = Millis(now.uptime.0.saturating_sub(asked.0).max(0));
        let anchor = ServerAnchor {
            server_time,
            boot: now.boot,
            uptime: Millis(now.uptime.0.saturating_sub(took.0 / 2)),
        };
        let said = Said { anchor, took };
        let db = self.store.read();
        let (known, doubted) = (identity::anchor(db)?, facts::doubted_time(db)?);
        match judge(&said, known.as_ref(), doubted.as_ref()) {
            Judged::Believed => {
                self.late = None;
                self.store.write(|db| {
                    if doubted.is_some() {
                        facts::set_doubted_time(db, None)?;
                    }
                    identity::set_anchor(db, &anchor)
                })
            }
            Judged::Late => {
                let better = |late: &Said| late.anchor.boot != now.boot || took < late.took;
                if self.late.as_ref().is_none_or(better) {
                    self.late = Some(said);
                }
                Ok(())
            }
            Judged::Doubted => {
                tracing::warn!("the server says a time from before the one that it said");
                let said = Some(&said);
                self.store.write(|db| facts::set_doubted_time(db, said))
            }
            Judged::Known | Judged::PassedOver => Ok(()),
        }
    }

    /// The sync is over: a time that took long to come is believed if none came quickly in
    /// this boot.
    pub(crate) fn believe_late(&mut self) -> Result<(), Error> {
        let Some(late) = self.late.take() else {
            return Ok(());
        };
        let boot = self.clock.now().boot;
        let known = identity::anchor(self.store.read())?;
        if late.anchor.boot != boot || known.is_some_and(|known| known.boot == boot) {
            return Ok(());
        }
        self.store
            .write(|db| identity::set_anchor(db, &late.anchor))
    }
}
