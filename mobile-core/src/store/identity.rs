//! Whose handheld this is, how it stands with the server, and the last server time heard.

use super::columns::{get_digest, get_id, int};
use crate::error::Error;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, JournalId, PersonId},
    journal::Seq,
    time::{BootId, Millis, ServerAnchor, UnixMillis},
};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

/// Whose handheld this is, and how it stands with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The journal that records go to.
    pub(crate) journal: JournalId,
    /// The public key of that journal.
    pub(crate) public_key: [u8; 32],
    /// The person enrolled.
    pub(crate) person: PersonId,
    /// His name.
    pub(crate) person_name: String,
    /// The server, without a slash at the end.
    pub(crate) server_url: String,
    /// The server's key, which signs receipts.
    pub(crate) server_key: [u8; 32],
    /// The server's epoch, as last heard.
    pub(crate) epoch: Epoch,
    /// Ask the server what it holds of the journal even when nothing is queued.
    pub(crate) probe: bool,
    /// Ask the server which photos it holds.
    pub(crate) ask_photos: bool,
    /// A fork that waits for its new journal.
    pub(crate) reopen: Option<Reopen>,
}

impl Identity {
    /// What the server was heard to hold may be void: it began anew, or lost something, and
    /// was not asked again since. Until it was, nothing may be removed because it holds it.
    pub(crate) fn doubts_what_is_held(&self) -> bool {
        self.probe || self.ask_photos
    }
}

/// A fork that waits for its new journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reopen {
    /// The last entry of the old journal on which both sides agree; 0 when none.
    pub(crate) common: Seq,
    /// Its link.
    pub(crate) link: Digest,
    /// The new journal's public key.
    pub(crate) public_key: [u8; 32],
}

/// The identity, if the handheld is enrolled.
pub(crate) fn get(db: &Connection) -> Result<Option<Identity>, Error> {
    Ok(read(db)?)
}

fn read(db: &Connection) -> rusqlite::Result<Option<Identity>> {
    db.prepare_cached(
        "SELECT journal, public_key, person, person_name, server_url, server_key, epoch,
                    probe, ask_photos, reopen_common, reopen_link, reopen_key
             FROM identity",
    )?
    .query_row([], |row| {
        let common: Option<i64> = row.get(9)?;
        let reopen = match common {
            None => None,
            Some(common) => Some(Reopen {
                common: Seq(u64::try_from(common)
                    .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(9, common))?),
                link: get_digest(row, 10)?,
                public_key: row.get(11)?,
            }),
        };
        Ok(Identity {
            journal: get_id(row, 0)?,
            public_key: row.get(1)?,
            person: get_id(row, 2)?,
            person_name: row.get(3)?,
            server_url: row.get(4)?,
            server_key: row.get(5)?,
            epoch: get_id(row, 6)?,
            probe: row.get(7)?,
            ask_photos: row.get(8)?,
            reopen,
        })
    })
    .optional()
}

/// The identity.
///
/// # Errors
/// [`Error::NotEnrolled`] when there is none.
pub(crate) fn require(db: &Connection) -> Result<Identity, Error> {
    get(db)?.ok_or(Error::NotEnrolled)
}

/// Writes the identity after enrolment or after a new journal.
pub(crate) fn put(db: &Connection, identity: &Identity) -> Result<(), Error> {
    let reopen = identity.reopen.as_ref();
    let common = reopen.map(|reopen| int(reopen.common.0)).transpose()?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO identity
            (one, journal, public_key, person, person_name, server_url, server_key, epoch,
             probe, ask_photos, reopen_common, reopen_link, reopen_key)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        identity.journal.0.as_bytes(),
        identity.public_key,
        identity.person.0.as_bytes(),
        identity.person_name,
        identity.server_url,
        identity.server_key,
        identity.epoch.0.as_bytes(),
        identity.probe,
        identity.ask_photos,
        common,
        reopen.map(|reopen| reopen.link.0),
        reopen.map(|reopen| reopen.public_key),
    ])?;
    Ok(())
}

/// A server time, and how long the way of question and answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// The time, taken to be from half-way.
    pub(crate) anchor: ServerAnchor,
    /// The way.
    pub(crate) took: Millis,
}

/// The last server time heard.
pub(crate) fn anchor(db: &Connection) -> Result<Option<ServerAnchor>, Error> {
    Ok(read_anchor(db)?)
}

fn read_anchor(db: &Connection) -> rusqlite::Result<Option<ServerAnchor>> {
    db.prepare_cached("SELECT server_time, boot, uptime FROM anchor")?
        .query_row([], |row| {
            Ok(ServerAnchor {
                server_time: UnixMillis(row.get(0)?),
                boot: BootId(row.get(1)?),
                uptime: Millis(row.get(2)?),
            })
        })
        .optional()
}

/// Remembers a server time.
pub(crate) fn set_anchor(db: &Connection, anchor: &ServerAnchor) -> Result<(), Error> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO anchor (one, server_time, boot, uptime) VALUES (1, ?1, ?2, ?3)",
    )?
    .execute(params![
        anchor.server_time.0,
        anchor.boot.0,
        anchor.uptime.0
    ])?;
    Ok(())
}

/// Whether identity and server time can be read as what they are: the check of SQLite does
/// not look into values.
pub(crate) fn is_sound(db: &Connection) -> Result<bool, Error> {
    Ok(can_be_read(&read(db))? && can_be_read(&read_anchor(db))?)
}

/// Removes what cannot be read, a fork under way before the whole identity: the server tells
/// of it again. Whether there is an identity after it.
pub(crate) fn make_sound(db: &Connection) -> Result<bool, Error> {
    if !can_be_read(&read(db))? {
        let fork = "UPDATE identity
                    SET reopen_common = NULL, reopen_link = NULL, reopen_key = NULL";
        db.execute(fork, [])?;
        if !can_be_read(&read(db))? {
            db.execute("DELETE FROM identity", [])?;
        }
    }
    if !can_be_read(&read_anchor(db))? {
        db.execute("DELETE FROM anchor", [])?;
    }
    Ok(get(db)?.is_some())
}

fn can_be_read<T>(read: &rusqlite::Result<T>) -> Result<bool, Error> {
    use rusqlite::Error as Fault;
    match read {
        Ok(_) => Ok(true),
        Err(
            Fault::InvalidColumnType(..)
            | Fault::FromSqlConversionFailure(..)
            | Fault::IntegralValueOutOfRange(..)
            | Fault::Utf8Error(..),
        ) => Ok(false),
        Err(fault) => Err(Error::Storage(fault.to_string())),
    }
}
