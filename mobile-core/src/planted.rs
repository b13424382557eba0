//! Bugs that can be switched on ([`gridcrew_sync_protocol::planted`]), where one takes more
//! than a line. Compiled only with the feature `planted`.

use crate::{
    disk::{self, Operation},
    engine::{Change, Loaded, Reply},
    error::Error,
    store::{Store, identity, journal},
};
pub(crate) use gridcrew_sync_protocol::planted::{Bug, on};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{Entry, EntryId, Seq},
    time::UnixMillis,
};
use rusqlite::Connection;

/// The disk refuses the commit, and nobody is told.
pub(crate) fn commit_fails() -> bool {
    on(Bug::AckBeforeDurable) && disk::before(Operation::Commit).is_err()
}

/// Marks what was looked up to be sent as held.
pub(crate) fn mark_sent(store: &mut Store, found: &Loaded) -> Result<(), Error> {
    match found {
        Loaded::Batch(batch) if on(Bug::HeldWhenSent) => store.write(|db| {
            journal::mark_held(db, batch.journal, batch.last, UnixMillis(0)).map(|_| ())
        }),
        _ => Ok(()),
    }
}

/// Removes what the server has, but for the beginning of each journal and what promises
/// photos.
pub(crate) fn forget_held(db: &Connection) -> Result<(), Error> {
    if on(Bug::HeldForgotten) {
        db.execute(
            "DELETE FROM journal_entry WHERE state = 'held' AND seq > 1 AND NOT EXISTS
                 (SELECT 1 FROM photo_use WHERE photo_use.journal = journal_entry.journal
                      AND photo_use.seq = journal_entry.seq)",
            [],
        )?;
    }
    Ok(())
}

/// Writes what waits once more.
pub(crate) fn write_again(store: &mut Store) -> Result<(), Error> {
    if !on(Bug::RetryWithNewId) {
        return Ok(());
    }
    let journal = identity::require(store.read())?.journal;
    store.write(|db| {
        let Some(from) = journal::first_queued(db, journal)? else {
            return Ok(());
        };
        for row in journal::run_from(db, journal, from, 100, 100_000)? {
            if let Ok(entry @ Entry::Record(_)) = Entry::from_bytes(&row.bytes) {
                journal::append(db, journal, &entry, UnixMillis(0))?;
            }
        }
        Ok(())
    })
}

/// Counts what came by two ways twice.
pub(crate) fn doubled(entries: Vec<(EntryId, Vec<u8>)>) -> Vec<(EntryId, Vec<u8>)> {
    let mut last: Option<EntryId> = None;
    let mut all = Vec::with_capacity(entries.len());
    for (mut id, bytes) in entries {
        if on(Bug::DoubleApply) && last == Some(id) {
            id.seq = Seq(id.seq.0 + 1_000_000);
        } else {
            last = Some(id);
        }
        all.push((id, bytes));
    }
    all
}

/// A page that acknowledges a push.
pub(crate) fn html_ack(reply: &Reply, journal: JournalId, first: Seq, last: Seq) -> Option<Change> {
    match reply {
        Reply::Http(http)
            if on(Bug::HtmlAck) && http.status == 200 && http.media_type == "text/html" =>
        {
            Some(Change::Held {
                journal,
                first,
                last,
                held: last,
                link: Digest::ZERO,
                parked: Vec::new(),
            })
        }
        _ => None,
    }
}

/// Forgets what waits.
pub(crate) fn forget_queue(db: &Connection) -> Result<(), Error> {
    if on(Bug::RevokedForgets) {
        db.execute_batch(
            "DELETE FROM photo_use WHERE (journal, seq) IN
                 (SELECT journal, seq FROM journal_entry WHERE state = 'queued');
             DELETE FROM journal_entry WHERE state = 'queued';",
        )?;
    }
    Ok(())
}
