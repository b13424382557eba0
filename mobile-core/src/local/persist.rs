//! Making durable what the engine concluded, each change in one transaction.

use super::Local;
use crate::{
    engine::{Change, Stored},
    error::Error,
    feed,
    fold::refold,
    journal::change_over,
    mending::{self, Sound},
    store::{
        facts,
        identity::{self, Reopen},
        journal, orders, photos as rows, scope,
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, JournalId, OrderId},
    journal::{EntryId, MAX_ENTRY_BYTES, Seq},
    media::{HeldReply, MediaKind},
    time::UnixMillis,
};
use rusqlite::Connection;
use std::collections::BTreeSet;

impl Local {
    /// Makes a change durable, whole or not at all.
    pub(crate) fn persist(&mut self, change: Change) -> Result<Stored, Error> {
        let now = self.wall();
        match change {
            Change::NewEpoch(epoch) => self.store.write(|db| new_epoch(db, epoch)),
            Change::Tokens(tokens) => self.secrets.set_tokens(tokens).map(|()| Stored::Done),
            Change::Held {
                journal,
                first,
                last,
                held,
                link,
                parked,
            } => self.store.write(|db| {
                mending::hear(db, EntryId { journal, seq: held }, link, now)?;
                let known = journal::link_at(db, journal, held)?;
                if known.is_none() {
                    hear_beyond(db, EntryId { journal, seq: held })?;
                    return held_and_more(db, journal, (first, last), &parked, now);
                }
                #[cfg(feature = "planted")]
                let link = if crate::planted::on(crate::planted::Bug::HtmlAck) {
                    known.unwrap_or(link)
                } else {
                    link
                };
                if known != Some(link) {
                    held_so_far(db, journal, (first, last), &parked, now)?;
                    return Ok(disagreement(known));
                }
                let heard = heard_of(db, journal, (last, held))?;
                journal::mark_held(db, journal, heard, now)?;
                let changed = journal::set_parked(db, journal, (first, last), &parked)?;
                if heard == held {
                    mending::close(db, journal, held, now)?;
                }
                let mut identity = identity::require(db)?;
                if identity.probe && identity.journal == journal {
                    identity.probe = false;
                    identity::put(db, &identity)?;
                }
                refold_all(db, changed)?;
                orders::remove_gone(db, None)?;
                Ok(Stored::Done)
            }),
            Change::Gap {
                journal,
                held,
                link,
            } => self.store.write(|db| gap(db, journal, (held, link), now)),
            Change::Forked {
                journal,
                first,
                common,
                link,
                parked,
            } => self.forked(journal, (common, link), (first, &parked), now),
            Change::KeptApart { journal, last } => {
                let last = EntryId { journal, seq: last };
                self.done(|db| {
                    let before = facts::apart(db)?.filter(|before| before.journal == journal);
                    facts::set_apart(db, before.max(Some(last)))
                })
            }
            Change::LeaveScope => self.done(feed::leave_scope),
            Change::NotForked => self.store.write(|db| {
                let mut identity = identity::require(db)?;
                identity.reopen = None;
                identity.probe = true;
                identity::put(db, &identity)?;
                Ok(Stored::Done)
            }),
            Change::Reopened(new) => self.reopened(new, now),
            #[cfg(feature = "planted")]
            Change::Page(page) if crate::planted::on(crate::planted::Bug::CursorFirst) => {
                let state = scope::FeedState {
                    cursor: Some(page.cursor.clone()),
                    ..scope::feed(self.store.read())?
                };
                self.store.write(|db| scope::set_feed(db, &state))?;
                self.store.write(|db| {
                    let me = identity::require(db)?.person;
                    feed::apply(db, me, &page)
                })
            }
            Change::Page(page) => self.store.write(|db| {
                let me = identity::require(db)?.person;
                feed::apply(db, me, &page)
            }),
            Change::ForgetCursor => self.store.write(|db| {
                scope::ask_anew(db)?;
                Ok(Stored::Done)
            }),
            Change::UploadAt { photo, kind, url } => {
                self.done(|db| rows::set_url(db, photo, kind, url.as_deref()))
            }
            Change::PhotoHeld { photo, kind } => {
                let held_at = self.sure_now()?;
                self.done(|db| rows::set_held(db, photo, kind, held_at))
            }
            Change::PhotoStuck {
                photo,
                kind,
                state,
                reason,
            } => self.done(|db| rows::set_stuck(db, photo, kind, state, &reason)),
            Change::PhotosHeld { asked, reply } => {
                let held_at = self.sure_now()?;
                self.done(|db| photos_held(db, &asked, &reply, held_at))
            }
            Change::Diagnosed(told) => self.done(|db| facts::set_diagnosed(db, &told)),
            Change::AskedAll => self.store.write(|db| {
                let mut identity = identity::require(db)?;
                identity.ask_photos = false;
                identity::put(db, &identity)?;
                Ok(Stored::Done)
            }),
        }
    }

    fn done(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<(), Error>,
    ) -> Result<Stored, Error> {
        self.store.write(work).map(|()| Stored::Done)
    }

    /// Prepares for a new journal: its key first, durably, then the wish for it. `parked` of
    /// the entries from `first` to `common` are held and do not count.
    fn forked(
        &mut self,
        journal: JournalId,
        (common, link): (Seq, Digest),
        (first, parked): (Seq, &[(Seq, String)]),
        now: UnixMillis,
    ) -> Result<Stored, Error> {
        let identity = identity::require(self.store.read())?;
        let known = journal::link_at(self.store.read(), journal, common)?;
        if identity.journal != journal || known != Some(link) {
            return Ok(Stored::Differs);
        }
        let mut key = self.secrets.spare_key(self.random.as_ref())?;
        if key.verifying_key().to_bytes() == identity.public_key {
            // A crash came between changing over and noting that the key is taken.
            self.secrets.take_spare()?;
            key = self.secrets.spare_key(self.random.as_ref())?;
        }
        self.store.write(|db| {
            let mut identity = identity::require(db)?;
            identity.reopen = Some(Reopen {
                common,
                link,
                public_key: key.verifying_key().to_bytes(),
            });
            identity::put(db, &identity)?;
            // Both sides agree up to there, so the server holds that much.
            journal::mark_held(db, journal, common, now)?;
            let changed = journal::set_parked(db, journal, (first, common), parked)?;
            refold_all(db, changed)?;
            Ok(Stored::Done)
        })
    }

    fn reopened(&mut self, new: JournalId, now: UnixMillis) -> Result<Stored, Error> {
        self.store.write(|db| {
            let mut identity = identity::require(db)?;
            let Some(reopen) = identity.reopen.take() else {
                return Ok(());
            };
            let old = identity.journal;
            identity.journal = new;
            identity.public_key = reopen.public_key;
            identity.probe = false;
            // What another device wrote into the old journal was left out as our own, and
            // lies before the cursor.
            scope::ask_anew(db)?;
            change_over(db, &identity, old, (reopen.common, reopen.link), now)
        })?;
        self.secrets.take_spare()?;
        Ok(Stored::Done)
    }
}

/// What it means that the server names another link than ours at a position.
fn disagreement(known: Option<Digest>) -> Stored {
    match known {
        None => Stored::Beyond,
        Some(_) => Stored::Differs,
    }
}

/// The last entry that need not be sent again after a batch whose last entry is `last`, of a
/// journal that the server holds up to `held`: more of it may have come before, by a request
/// whose answer was lost or from a copy of this device. Which of that is parked is heard only
/// in the answer to a batch that has it. What is damaged or missing right behind the batch
/// cannot be sent: from there on all is taken for held unheard.
fn heard_of(db: &Connection, journal: JournalId, (last, held): (Seq, Seq)) -> Result<Seq, Error> {
    if last >= held {
        return Ok(held);
    }
    let next = mending::sound(db, journal, last.next(), (1, MAX_ENTRY_BYTES))?;
    Ok(match next {
        Sound::Run(run, _) if run.first().is_some_and(|one| one.id.seq == last.next()) => last,
        _ => held,
    })
}

/// The server holds a batch, and behind it something else than this device. The links of the
/// batch stand for all before them, so what is in it is held; and which of that is parked is told
/// only now: the answer that says where the journal forked is about a later batch.
fn held_so_far(
    db: &Connection,
    journal: JournalId,
    (first, last): (Seq, Seq),
    parked: &[(Seq, String)],
    now: UnixMillis,
) -> Result<(), Error> {
    journal::mark_held(db, journal, last, now)?;
    let changed = journal::set_parked(db, journal, (first, last), parked)?;
    refold_all(db, changed)?;
    orders::remove_gone(db, None)
}

/// The server holds a batch, and more of the journal than this device has. What is in the
/// batch need not wait, nor need its photos, for the record that parts the two journals. The
/// server is asked again in each sync, so that the person is told as long as it is so.
fn held_and_more(
    db: &Connection,
    journal: JournalId,
    (first, last): (Seq, Seq),
    parked: &[(Seq, String)],
    now: UnixMillis,
) -> Result<Stored, Error> {
    held_so_far(db, journal, (first, last), parked, now)?;
    let mut identity = identity::require(db)?;
    identity.probe = true;
    identity::put(db, &identity)?;
    Ok(Stored::Beyond)
}

/// The server holds more of the journal than this device, which was restored from a copy:
/// told whole, orders bring what it wrote before, too. Asked for once for each end of it.
fn hear_beyond(db: &Connection, last: EntryId) -> Result<(), Error> {
    if facts::beyond(db)? == Some(last) {
        return Ok(());
    }
    facts::set_beyond(db, last)?;
    scope::ask_anew(db)
}

/// The server began a new life: everything it said before is void. The journal is offered
/// from its head on, photos are asked about, the feed begins anew with its next page.
fn new_epoch(db: &Connection, epoch: Epoch) -> Result<Stored, Error> {
    let mut identity = identity::require(db)?;
    identity.epoch = epoch;
    identity.probe = true;
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::NoProbe) {
        identity.probe = false;
    }
    identity.ask_photos = true;
    identity::put(db, &identity)?;
    rows::forget_urls(db)?;
    facts::set_apart(db, None)?;
    facts::forget_diagnosed(db)?;
    scope::ask_anew(db)?;
    Ok(Stored::Done)
}

fn gap(
    db: &Connection,
    journal: JournalId,
    (held, link): (Seq, Digest),
    now: UnixMillis,
) -> Result<Stored, Error> {
    mending::hear(db, EntryId { journal, seq: held }, link, now)?;
    let known = journal::link_at(db, journal, held)?;
    if known != Some(link) {
        return Ok(disagreement(known));
    }
    journal::mark_held(db, journal, held, now)?;
    let changed = journal::requeue_after(db, journal, held)?;
    // What is lost here is lost there now, too.
    journal::remove_empty_after(db, journal, held)?;
    mending::close(db, journal, held, now)?;
    refold_all(db, changed)?;
    // A server that lost records may have lost photos.
    let mut identity = identity::require(db)?;
    identity.ask_photos = true;
    identity::put(db, &identity)?;
    Ok(Stored::Done)
}

fn refold_all(db: &Connection, changed: Vec<OrderId>) -> Result<(), Error> {
    for order in changed {
        if orders::get(db, order)?.is_some() {
            refold(db, order)?;
        }
    }
    Ok(())
}

fn photos_held(
    db: &Connection,
    asked: &[Digest],
    reply: &HeldReply,
    held_at: Option<UnixMillis>,
) -> Result<(), Error> {
    let originals: BTreeSet<&Digest> = reply.originals.iter().collect();
    let previews: BTreeSet<&Digest> = reply.previews.iter().collect();
    for photo in asked {
        for (kind, held) in [
            (MediaKind::Original, originals.contains(photo)),
            (MediaKind::Preview, previews.contains(photo)),
        ] {
            if held {
                rows::set_held(db, *photo, kind, held_at)?;
            } else {
                rows::lost(db, *photo, kind)?;
            }
        }
    }
    Ok(())
}
