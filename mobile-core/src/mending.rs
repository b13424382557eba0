//! What is done where entries of the own journal are missing or damaged, so that those behind
//! them still reach the server, each once (I3).
//!
//! 1. A batch begins only where the link before it is known ([`begin`]): behind a hole that is
//!    one entry further on, or else before the hole. Whichever it is, the server's answer says
//!    what it holds. [`sound`] takes what fits its links; of what does not, [`mend`] puts a
//!    link right by what follows it, and sets a damaged entry apart as evidence with a
//!    finding, which leaves a hole.
//! 2. Once the server said what it holds ([`hear`]), it is known what lies beyond that. Where
//!    a hole parts the two, [`close`] writes what lies beyond again, with the same content,
//!    right behind what the server holds. What the server holds is never written again: it
//!    would count twice.
//! 3. Where the server cannot be asked (for an export, by a revoked handheld, or because no
//!    two entries in a row are left), what waits is written behind what is here
//!    ([`close_unasked`]).
//!
//! A position whose entry is lost while its link is known has an entry without bytes.

use crate::{
    error::Error,
    journal::refold_those,
    store::{
        facts::{self, SetApart},
        identity,
        journal::{self, Stored},
        photos,
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId},
    journal::{Entry, EntryId, Opened, Seq, link},
    time::UnixMillis,
};
use rusqlite::Connection;

/// Where a batch may begin that is to send what stands at `from`, or after it.
pub(crate) fn begin(db: &Connection, journal: JournalId, from: Seq) -> Result<Option<Seq>, Error> {
    let Some(first) = journal::whole_from(db, journal, from)? else {
        return journal::linked_before(db, journal, from);
    };
    for seq in [first, first.next()] {
        if journal::is_linked(db, journal, seq)? {
            return Ok(Some(seq));
        }
    }
    match journal::linked_before(db, journal, first)? {
        None => journal::linked_from(db, journal, first),
        before => Ok(before),
    }
}

/// What stands at the begin of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// Entries in a row that fit their links, and the link before them; none at the end.
    Run(Vec<Stored>, Digest),
    /// The first does not fit: it, and the link before it.
    Misfit(Stored, Digest),
}

/// The entries from one on that fit their links: at most so many, of so many bytes together.
pub(crate) fn sound(
    db: &Connection,
    journal: JournalId,
    from: Seq,
    (max_entries, max_bytes): (usize, usize),
) -> Result<Sound, Error> {
    let mut run = journal::run_from(db, journal, from, max_entries, max_bytes)?;
    let Some(first) = run.first().map(|first| first.id.seq) else {
        return Ok(Sound::Run(run, Digest::ZERO));
    };
    let start = journal::link_at(db, journal, Seq(first.0.saturating_sub(1)))?;
    let start = start.unwrap_or(Digest::ZERO);
    let mut before = start;
    let misfit = run.iter().position(|entry| {
        let fits = follows(entry, before);
        before = entry.link;
        !fits
    });
    Ok(match misfit {
        Some(0) => Sound::Misfit(run.swap_remove(0), start),
        good => {
            run.truncate(good.unwrap_or(run.len()));
            Sound::Run(run, start)
        }
    })
}

fn follows(entry: &Stored, before: Digest) -> bool {
    let content = Digest::of(&entry.bytes);
    link(entry.id.journal, entry.id.seq, before, content) == entry.link
}

/// Mends an entry that does not fit its link or the one before: whichever of the two links
/// was damaged; otherwise the entry was. After it, look again where to begin.
pub(crate) fn mend(
    db: &Connection,
    bad: &Stored,
    before: Digest,
    now: UnixMillis,
) -> Result<(), Error> {
    let (journal, seq) = (bad.id.journal, bad.id.seq);
    let link_of =
        |entry: &Stored, before| link(journal, entry.id.seq, before, Digest::of(&entry.bytes));
    // Its own link, if the next entry was made behind what it should be.
    let own = link_of(bad, before);
    if let Some(next) = journal::whole_at(db, journal, seq.next())?
        && follows(&next, own)
    {
        return journal::set_link(db, bad.id, own);
    }
    // The link before, if this entry was made behind what that should be.
    let last = Seq(seq.0.saturating_sub(1));
    if let Some(last) = journal::whole_at(db, journal, last)?
        && let Some(before) = journal::link_at(db, journal, Seq(last.id.seq.0.saturating_sub(1)))?
        && follows(bad, link_of(&last, before))
    {
        return journal::set_link(db, last.id, link_of(&last, before));
    }
    set_apart(db, bad, now)
}

/// Keeps a damaged entry as evidence. What the server holds keeps its place and its link.
fn set_apart(db: &Connection, bad: &Stored, now: UnixMillis) -> Result<(), Error> {
    let held = journal::is_held(db, bad.id)?;
    tracing::error!(entry = ?bad.id, held, "an entry is damaged and set apart");
    facts::set_entry_apart(db, &SetApart::of(bad, now))?;
    if held {
        journal::empty(db, bad.id)?;
    } else {
        photos::drop_uses(db, bad.id)?;
        journal::remove(db, bad.id)?;
        let line = format!(
            "record {} of journal {} was damaged before it was sent; its bytes are kept",
            bad.id.seq.0, bad.id.journal
        );
        facts::add_finding(db, &line)?;
    }
    refold_those(db, bad.order.into_iter().collect())
}

/// Hears what the server holds, where that lies in a hole: its link is known from now on.
pub(crate) fn hear(
    db: &Connection,
    id: EntryId,
    link: Digest,
    now: UnixMillis,
) -> Result<(), Error> {
    let is_hole = journal::link_at(db, id.journal, id.seq)?.is_none()
        && journal::head(db, id.journal)?.0 > id.seq;
    if is_hole {
        journal::insert_empty(db, id, link, now)?;
    }
    Ok(())
}

/// Writes what lies beyond a hole behind what the server holds, which ends at `held`.
pub(crate) fn close(
    db: &Connection,
    journal: JournalId,
    held: Seq,
    now: UnixMillis,
) -> Result<(), Error> {
    if journal::first_queued(db, journal)?.is_none() {
        return Ok(());
    }
    let beyond = journal::whole_from(db, journal, held.next())?;
    if beyond == Some(held.next()) {
        // The next batch ends before the next hole, and that one is closed then: to look for
        // it with each batch would be to read all that waits with each.
        return Ok(());
    }
    journal::remove_empty_after(db, journal, held)?;
    if beyond.is_none() {
        return Ok(());
    }
    let touched = write_again(db, journal, held, now)?;
    refold_those(db, touched)
}

/// Writes what waits behind a hole behind the last entry before it. Gives whether there was
/// such a hole before `from`.
pub(crate) fn close_unasked(
    db: &Connection,
    journal: JournalId,
    from: Seq,
    now: UnixMillis,
) -> Result<bool, Error> {
    let Some(first) = journal::whole_from(db, journal, from)? else {
        return Ok(false);
    };
    if journal::is_linked(db, journal, first)? {
        return Ok(false);
    }
    let last = journal::last_before(db, journal, first)?.unwrap_or(Seq(0));
    let touched = write_again(db, journal, last, now)?;
    refold_those(db, touched)?;
    Ok(true)
}

/// Writes every record after `last` again, in order and without holes. Gives the orders.
fn write_again(
    db: &Connection,
    journal: JournalId,
    last: Seq,
    now: UnixMillis,
) -> Result<Vec<OrderId>, Error> {
    // What a record promised is moved after the record: the rows fit again at the end.
    db.pragma_update(None, "defer_foreign_keys", true)?;
    let mut seq = last;
    if last == Seq(0) {
        seq = open(db, journal, now)?;
    }
    let mut before = journal::link_at(db, journal, seq)?.unwrap_or(Digest::ZERO);
    let mut touched = Vec::new();
    for (entry, recorded_at) in journal::whole_after(db, journal, seq)? {
        journal::remove(db, entry.id)?;
        if entry.order.is_none() {
            continue;
        }
        seq = seq.next();
        let row = journal::chained(journal, seq, before, entry.bytes, entry.order);
        before = row.link;
        journal::insert(db, &row, recorded_at)?;
        photos::move_uses(db, entry.id, row.id)?;
        touched.extend(entry.order);
    }
    Ok(touched)
}

/// Opens a journal anew whose opening was lost, where the server holds nothing of it.
fn open(db: &Connection, journal: JournalId, now: UnixMillis) -> Result<Seq, Error> {
    let opened = Entry::Opened(Opened {
        person: identity::require(db)?.person,
        continues: None,
    });
    let row = journal::chained(journal, Seq::FIRST, Digest::ZERO, opened.to_bytes(), None);
    journal::insert(db, &row, now)?;
    Ok(Seq::FIRST)
}
