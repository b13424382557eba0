//! Removing everything that is on the handheld, because the server ordered it.
//!
//! 1. After a sync that reached the server, the host asks whether there is an order
//!    (`host`). It counts only if the server's key signed it for this journal.
//! 2. An order "when safe" waits until the server holds everything that was recorded, with
//!    every photo: one that was refused or could not be read is the only copy. It waits, too,
//!    while a server that began anew was not asked again what it holds. For a revoked
//!    handheld it waits until the server keeps its records apart; its photos may not be sent
//!    any more, and go.
//! 3. [`begin`] writes `wipe.json`, durably: from here on there is no way back, and every
//!    opening goes on with the removing. It holds the confirmation, signed while there is
//!    still a key.
//! 4. [`finish`] has the keystore forget the key first, after which nothing that was sealed
//!    can be read, then removes every file, and notes in `wipe.json` that it is done. What
//!    fails of it is done again by the next opening, and by the next sync.
//! 5. Only then is the confirmation sent, now or when the server is next reached, and
//!    `wipe.json` goes.

use crate::{
    error::Error,
    files::{Folder, sync_folder, write_whole},
    local::{Keys, Local},
    store::{Store, facts, identity, journal, photos},
};
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    ids::JournalId,
    wipe::{WipeAsk, WipeForm, WipeOrder},
};
use serde::{Deserialize, Serialize};
use std::{fs, io};

/// A wipe that was begun and is not confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wipe {
    pub(crate) journal: JournalId,
    pub(crate) server_url: String,
    pub(crate) confirmation: WipeAsk,
    /// Everything was removed; the confirmation says the truth.
    #[serde(default)]
    pub(crate) done: bool,
}

impl Wipe {
    /// The wipe that was begun in a folder, if any.
    pub(crate) fn begun(folder: &Folder) -> Result<Option<Self>, Error> {
        match fs::read(folder.wipe()) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::Storage(format!("wipe.json cannot be read: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, folder: &Folder) -> Result<(), Error> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::Storage(format!("wipe.json cannot be written: {error}")))?;
        write_whole(&folder.wipe(), &text)
    }

    /// The server has heard of it.
    pub(crate) fn confirmed(folder: &Folder) -> Result<(), Error> {
        fs::remove_file(folder.wipe())?;
        sync_folder(folder.root())
    }
}

/// Goes on with a wipe that was begun, as far as it is not done. Gives whether there is one.
///
/// # Errors
/// A keystore or a disk that fails: then it goes on at the next opening.
pub(crate) fn finish(folder: &Folder, keys: Option<&Keys>) -> Result<bool, Error> {
    let Some(wipe) = Wipe::begun(folder)? else {
        return Ok(false);
    };
    if let Some(keys) = keys {
        keys.store.forget(&keys.name)?;
    }
    let keep = folder.wipe();
    for item in fs::read_dir(folder.root())? {
        let path = item?.path();
        let is_lock = path.extension().is_some_and(|end| end == "lock");
        if path == keep || is_lock {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    sync_folder(folder.root())?;
    if !wipe.done {
        Wipe { done: true, ..wipe }.write(folder)?;
    }
    Ok(true)
}

impl Local {
    /// The question whether this handheld is to be wiped, and whom to ask.
    pub(crate) fn wipe_question(&self) -> Result<Option<(String, JournalId, WipeAsk)>, Error> {
        let Some(identity) = identity::get(self.store.read())? else {
            return Ok(None);
        };
        let key = self.secrets.key(&identity.public_key)?;
        let ask = WipeAsk::sign(identity.journal, false, &key);
        Ok(Some((identity.server_url, identity.journal, ask)))
    }

    /// Does as an order says. Gives the confirmation when everything is removed; nothing
    /// when the order is none, or is to wait.
    pub(crate) fn obey(&mut self, order: &WipeOrder) -> Result<Option<Wipe>, Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        let genuine = order.journal == identity.journal
            && VerifyingKey::from_bytes(&identity.server_key)
                .is_ok_and(|key| order.is_signed_by(&key));
        if !genuine {
            tracing::warn!("an order to wipe that the server did not sign");
            return Ok(None);
        }
        if order.form == WipeForm::WhenSafe && !self.is_safe()? {
            return Ok(None);
        }
        let key = self.secrets.key(&identity.public_key)?;
        let wipe = Wipe {
            journal: identity.journal,
            server_url: identity.server_url,
            confirmation: WipeAsk::sign(identity.journal, true, &key),
            done: false,
        };
        wipe.write(&self.folder)?;
        self.finish_wipe()
    }

    /// Goes on with a wipe that was begun, here or by another that has the folder open, as
    /// far as it is not done. Gives it, done.
    ///
    /// # Errors
    /// As [`finish`]; nothing of the content can be reached any more all the same.
    pub(crate) fn finish_wipe(&mut self) -> Result<Option<Wipe>, Error> {
        let begun = Wipe::begun(&self.folder)?;
        if begun.as_ref().is_none_or(|wipe| wipe.done) {
            return Ok(begun);
        }
        // What is open is let go of before its file goes.
        self.wiped = true;
        self.store = Store::of_nothing()?;
        self.secrets.forget();
        finish(&self.folder, self.keys.as_ref())?;
        Wipe::begun(&self.folder)
    }

    /// Whether the server holds everything that was recorded, or keeps it apart; not while
    /// what it was heard to hold may be void.
    fn is_safe(&self) -> Result<bool, Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        let counts = journal::counts(db)?;
        let apart = facts::apart(db)?.filter(|apart| apart.journal == identity.journal);
        let head = journal::head(db, identity.journal)?.0;
        if apart.is_some_and(|apart| apart.seq >= head) {
            // Its photos go in any case; what was marked as held before may be void.
            return Ok(!identity.probe);
        }
        let all_held = counts.queued == 0 && photos::unsent_originals(db)?.is_empty();
        Ok(all_held && identity.reopen.is_none() && !identity.doubts_what_is_held())
    }
}

#[cfg(test)]
mod tests;
