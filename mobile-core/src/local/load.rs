//! Looking up what the engine asks for: the next batch, the cursor, the next photo.

use super::Local;
use crate::{
    engine::{Load, Loaded, PackedBatch},
    error::Error,
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
    journal::{Batch, Item, MAX_BATCH_ENTRIES, Seq},
    media::MediaKind,
    push::ReopenRequest,
    wire,
};
use serde_bytes::{ByteArray, ByteBuf};
use std::collections::BTreeSet;

/// Most photos asked about in one question (the protocol's limit).
const MAX_ASKED: u32 = 1_000;

impl Local {
    /// Looks up what the engine asks for.
    pub(crate) fn load(&mut self, load: Load) -> Result<Loaded, Error> {
        match load {
            Load::Journal {
                from,
                probe,
                apart,
                max_bytes,
            } => {
                let found = self.load_journal(from, probe, apart, max_bytes)?;
                #[cfg(feature = "planted")]
                crate::planted::mark_sent(&mut self.store, &found)?;
                Ok(found)
            }
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
        &self,
        from: Option<Seq>,
        probe: bool,
        apart: bool,
        max_bytes: usize,
    ) -> Result<Loaded, Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        if let Some(reopen) = identity.reopen.as_ref().filter(|_| !apart) {
            return self.reopen_request(&identity, reopen).map(Loaded::Reopen);
        }
        let from = match (from, journal::first_queued(db, identity.journal)?) {
            (None, None) if apart => return Ok(Loaded::JournalEmpty),
            (Some(from), _) | (None, Some(from)) if apart => {
                let kept = facts::apart(db)?.filter(|kept| kept.journal == identity.journal);
                kept.map_or(from, |kept| from.max(kept.seq.next()))
            }
            (Some(from), _) | (None, Some(from)) => from,
            (None, None) if probe || identity.probe => {
                match journal::probe_from(db, identity.journal)? {
                    Some(last) => last,
                    None => return Ok(Loaded::JournalEmpty),
                }
            }
            (None, None) => return Ok(Loaded::JournalEmpty),
        };
        let Some((batch, last)) = self.signed_batch(&identity, from, max_bytes)? else {
            return Ok(Loaded::JournalEmpty);
        };
        Ok(Loaded::Batch(PackedBatch {
            journal: identity.journal,
            first: batch.first,
            last,
            body: wire::pack(&batch),
        }))
    }

    /// The entries from one on, signed, and the last of them; nothing when there is none.
    pub(crate) fn signed_batch(
        &self,
        identity: &Identity,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<(Batch, Seq)>, Error> {
        let db = self.store.read();
        let most = MAX_BATCH_ENTRIES;
        let run = journal::run_from(db, identity.journal, from, most, max_bytes)?;
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return Ok(None);
        };
        let (first, last, head) = (first.id.seq, last.id.seq, last.link);
        let before = journal::link_at(db, identity.journal, Seq(first.0.saturating_sub(1)))?
            .unwrap_or(Digest::ZERO);
        let items = run
            .into_iter()
            .map(|entry| Item::Bytes(ByteBuf::from(entry.bytes)))
            .collect();
        let key = self.secrets.key(&identity.public_key)?;
        let batch = Batch::sign(identity.journal, first, before, items, &key);
        if batch.head() != head {
            return Err(Error::Storage(format!(
                "the journal's entries {} to {} do not fit their links",
                first.0, last.0
            )));
        }
        Ok(Some((batch, last)))
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
