//! Looking up what the engine asks for: the next batch, the cursor, the next photo.

use super::Local;
use crate::{
    engine::{Load, Loaded, PackedBatch},
    error::Error,
    mending::{self, Sound},
    photos,
    store::{
        facts,
        identity::{self, Identity, Reopen},
        journal,
        photos::{self as rows, LaneState, Upload},
        scope,
    },
};
use ed25519_dalek::Signer;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    journal::{Batch, Item, Seq},
    media::MediaKind,
    push::ReopenRequest,
    wire,
};
use serde_bytes::{ByteArray, ByteBuf};
use std::collections::BTreeSet;

/// Most photos asked about in one question (the protocol's limit).
const MAX_ASKED: u32 = 1_000;

/// What a batch came to.
pub(crate) enum Packed {
    /// It is signed.
    Batch(Batch),
    /// There is nothing to send from there on.
    Nothing,
    /// Something was mended instead: look again where to begin.
    Mended,
}

fn packed(batch: &Batch) -> Loaded {
    Loaded::Batch(PackedBatch {
        journal: batch.journal,
        first: batch.first,
        last: batch.last(),
        link: batch.links().last().copied().unwrap_or(batch.before),
        body: wire::pack(batch),
    })
}

impl Local {
    /// Looks up what the engine asks for.
    pub(crate) fn load(&mut self, load: Load) -> Result<Loaded, Error> {
        match load {
            Load::Journal {
                from,
                probe,
                apart,
                max_entries,
                max_bytes,
            } => {
                let most = (max_entries, max_bytes);
                let found = self.load_journal(from, probe, apart, most)?;
                #[cfg(feature = "planted")]
                crate::planted::mark_sent(&mut self.store, &found)?;
                Ok(found)
            }
            Load::JournalAhead {
                after,
                max_entries,
                max_bytes,
            } => self.load_ahead(after, (max_entries, max_bytes)),
            Load::Diagnostics => Ok(Loaded::Diagnostics(self.news()?)),
            Load::Feed => Ok(Loaded::Feed(scope::feed(self.store.read())?.cursor)),
            Load::Photos {
                kind,
                skip,
                ask_after,
            } => self.load_photos(kind, &skip, ask_after),
        }
    }

    fn load_journal(
        &mut self,
        from: Option<Seq>,
        probe: bool,
        apart: bool,
        most: (usize, usize),
    ) -> Result<Loaded, Error> {
        let identity = identity::require(self.store.read())?;
        if let Some(reopen) = identity.reopen.as_ref().filter(|_| !apart) {
            return self.reopen_request(&identity, reopen).map(Loaded::Reopen);
        }
        let journal = identity.journal;
        // Each turn but the last mends something.
        loop {
            let db = self.store.read();
            let queued = journal::first_queued(db, journal)?;
            let next = match (from, queued) {
                (None, None) if apart => return Ok(Loaded::JournalEmpty),
                (Some(from), _) | (None, Some(from)) if apart => {
                    let kept = facts::apart(db)?.filter(|kept| kept.journal == journal);
                    kept.map_or(from, |kept| from.max(kept.seq.next()))
                }
                (Some(from), _) | (None, Some(from)) => from,
                (None, None) if probe || identity.probe => journal::head(db, journal)?.0,
                (None, None) => return Ok(Loaded::JournalEmpty),
            };
            let first = match (apart, from) {
                (true, _) => None,
                // A walk through the whole journal only goes on.
                (false, Some(from)) => match journal::linked_from(db, journal, from)? {
                    None => return Ok(Loaded::JournalEmpty),
                    first => first,
                },
                (false, None) => mending::begin(db, journal, next)?,
            };
            if first.is_none() {
                if queued.is_none() {
                    return Ok(Loaded::JournalEmpty);
                }
                if self.close_unasked(journal, next)? {
                    continue;
                }
            }
            match self.sound_batch(&identity, first.unwrap_or(next), most)? {
                Packed::Batch(batch) => return Ok(packed(&batch)),
                Packed::Nothing => return Ok(Loaded::JournalEmpty),
                Packed::Mended => {}
            }
        }
    }

    /// Writes what waits behind a hole behind what is here, without asking the server; gives
    /// whether there was one before `from`.
    pub(crate) fn close_unasked(&mut self, journal: JournalId, from: Seq) -> Result<bool, Error> {
        let now = self.wall();
        // Most often there is none, and nothing is to be written.
        let first = journal::whole_from(self.store.read(), journal, from)?;
        match first {
            Some(first) if !journal::is_linked(self.store.read(), journal, first)? => self
                .store
                .write(|db| mending::close_unasked(db, journal, first, now)),
            _ => Ok(false),
        }
    }

    /// The entries from one on that fit their links, signed: at most so many, of so many bytes
    /// together.
    pub(crate) fn sound_batch(
        &mut self,
        identity: &Identity,
        from: Seq,
        most: (usize, usize),
    ) -> Result<Packed, Error> {
        let (run, before) = match mending::sound(self.store.read(), identity.journal, from, most)? {
            Sound::Run(run, before) => (run, before),
            Sound::Misfit(bad, before) => {
                let now = self.wall();
                self.store
                    .write(|db| mending::mend(db, &bad, before, now))?;
                return Ok(Packed::Mended);
            }
        };
        let batch = self.signed(identity, run, before)?;
        Ok(batch.map_or(Packed::Nothing, Packed::Batch))
    }

    /// The batch right behind `after`, as far as its entries fit their links. It is made while
    /// the one before is under way: what the answer to that will say is not known, so nothing
    /// is mended on the way.
    fn load_ahead(&self, after: Seq, most: (usize, usize)) -> Result<Loaded, Error> {
        let identity = identity::require(self.store.read())?;
        let from = after.next();
        let sound = mending::sound(self.store.read(), identity.journal, from, most)?;
        let batch = match sound {
            Sound::Run(run, before) if identity.reopen.is_none() => {
                self.signed(&identity, run, before)?
            }
            _ => None,
        };
        let behind = batch.filter(|batch| batch.first == from);
        Ok(behind.map_or(Loaded::JournalEmpty, |batch| packed(&batch)))
    }

    /// Entries in a row behind the link `before`, signed; nothing of none.
    fn signed(
        &self,
        identity: &Identity,
        run: Vec<journal::Stored>,
        before: Digest,
    ) -> Result<Option<Batch>, Error> {
        let Some(first) = run.first().map(|first| first.id.seq) else {
            return Ok(None);
        };
        let items = run
            .into_iter()
            .map(|entry| Item::Bytes(ByteBuf::from(entry.bytes)))
            .collect();
        let key = self.secrets.key(&identity.public_key)?;
        let batch = Batch::sign(identity.journal, first, before, items, &key);
        Ok(Some(batch))
    }

    /// The request for a new journal, signed by the old one's key.
    fn reopen_request(&self, identity: &Identity, reopen: &Reopen) -> Result<Vec<u8>, Error> {
        let key = self.secrets.key(&identity.public_key)?;
        let text = ReopenRequest::signed_text(identity.journal, &reopen.public_key);
        Ok(wire::pack(&ReopenRequest {
            old: identity.journal,
            public_key: ByteArray::new(reopen.public_key),
            signature: ByteArray::new(key.sign(&text).to_bytes()),
        }))
    }

    fn load_photos(
        &mut self,
        kind: MediaKind,
        skip: &BTreeSet<Digest>,
        ask_after: Option<Digest>,
    ) -> Result<Loaded, Error> {
        let db = self.store.read();
        let ask = kind == MediaKind::Preview && identity::require(db)?.ask_photos;
        #[cfg(feature = "planted")]
        let ask = ask && !crate::planted::on(crate::planted::Bug::NoPhotoQuestion);
        if ask {
            let asked = rows::said_held(db, ask_after, MAX_ASKED)?;
            return Ok(if asked.is_empty() {
                Loaded::AskedAll
            } else {
                Loaded::AskPhotos(asked)
            });
        }
        while let Some(upload) = rows::next_upload(self.store.read(), kind, skip)? {
            if self.is_whole(&upload)? {
                return Ok(Loaded::Upload(upload));
            }
        }
        Ok(Loaded::PhotosEmpty(kind))
    }

    /// Whether the file is still what was recorded; otherwise the row says so from now on,
    /// and the other photos go on (RELIABILITY fault 34). One that cannot be read is looked
    /// at again in the next sync.
    fn is_whole(&mut self, upload: &Upload) -> Result<bool, Error> {
        let path = match upload.kind {
            MediaKind::Preview => self.folder.preview(upload.digest),
            MediaKind::Original => self.folder.photo(upload.digest),
        };
        let reason = match photos::check(&self.folder, &path, upload.digest) {
            Ok(true) => return Ok(true),
            Ok(false) => "the file is gone or is no longer what was recorded".to_owned(),
            Err(error) => format!("{}{error}", rows::UNREADABLE),
        };
        tracing::warn!(photo = %upload.photo, reason, "a photo cannot be sent");
        self.store.write(|db| {
            let state = LaneState::Damaged;
            rows::set_stuck(db, upload.photo, upload.kind, state, &reason)
        })?;
        Ok(false)
    }
}
