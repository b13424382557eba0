//! Journals: one writer, one key, a gapless chain of entries (I4).
//!
//! Each installation of the handheld has a journal. So has the server in each order's
//! trace: its id is the order's, so that an order's trace can be checked alone. The way of
//! a record through this file:
//!
//! 1. [`Entry`] is encoded once; those bytes are the entry for ever.
//! 2. [`link`] chains it: the hash of (journal, sequence number, link before, hash of the
//!    bytes). Whoever knows a link knows all that came before it.
//! 3. [`Batch`] carries consecutive entries, the link before the first, and one signature
//!    over the last link, which covers everything before it.
//! 4. [`Batch::verify`] recomputes the links and checks the signature, and says exactly
//!    what was wrong.
//!
//! In an export, entries that belong to other orders are given by their hash only
//! ([`Item::Digest`]); the chain still verifies.

use crate::{
    digest::{Digest, HashName, SignatureName},
    ids::{JournalId, PersonId},
    record::Record,
    wire,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

/// Most entries in one batch (RELIABILITY fault 37).
pub const MAX_BATCH_ENTRIES: usize = 500;
/// Most bytes of one entry: a record with its fields and photo references fits 100 times.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// Most bytes of one batch once decompressed.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "all entries of a journal but the first are records; boxing them would cost more"
)]
pub enum Entry {
    /// The first entry: whose journal this is.
    Opened(Opened),
    /// An event of an order.
    Record(Record),
}

/// The first entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The person enrolled on the installation; every record of it is his.
    pub person: PersonId,
    /// The journal that this one goes on from after a fork, and the last link of it that
    /// both sides agree on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<(JournalId, u64, Digest)>,
}

/// The position of an entry in a journal, counting from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The first entry's.
    pub const FIRST: Self = Self(1);

    /// The one after this; saturates.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where an entry is: the identity of a record from the moment it was made (I3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// The journal.
    #[serde(rename = "j")]
    pub journal: JournalId,
    /// The position in it.
    #[serde(rename = "q")]
    pub seq: Seq,
}

/// The link of an entry with bytes of hash `content` at `seq`, after the link `before`.
#[must_use]
pub fn link(journal: JournalId, seq: Seq, before: Digest, content: Digest) -> Digest {
    #[cfg(feature = "planted")]
    let before = if crate::planted::on(crate::planted::Bug::LinkWithoutBefore) {
        Digest::ZERO
    } else {
        before
    };
    Digest::of_parts(&[
        b"gridcrew link 1\0",
        journal.0.as_bytes(),
        &seq.0.to_be_bytes(),
        &before.0,
        &content.0,
    ])
}

/// What a signature is made over: the journal's name and its last link.
fn signed_text(journal: JournalId, last: Seq, link: Digest) -> Vec<u8> {
    [
        &b"gridcrew journal 1\0"[..],
        journal.0.as_bytes(),
        &last.0.to_be_bytes(),
        &link.0,
    ]
    .concat()
}

/// An entry in a batch: whole, or only its hash where the reader may not see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The entry's bytes as first written.
    #[serde(rename = "b")]
    Bytes(ByteBuf),
    /// The hash of its bytes.
    #[serde(rename = "h")]
    Digest(Digest),
}

impl Item {
    /// The hash of the entry's bytes.
    #[must_use]
    pub fn content(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::of(bytes),
            Self::Digest(digest) => *digest,
        }
    }
}

/// Consecutive entries of one journal under one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The journal.
    pub journal: JournalId,
    /// Position of the first entry.
    pub first: Seq,
    /// The link before the first entry; [`Digest::ZERO`] before [`Seq::FIRST`].
    pub before: Digest,
    /// How it was hashed.
    #[serde(default)]
    pub hash: HashName,
    /// How it was signed.
    #[serde(default)]
    pub signed_with: SignatureName,
    /// The entries in order.
    pub items: Vec<Item>,
    /// Signature over the last link.
    pub signature: ByteArray<64>,
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It holds no entry.
    #[error("a batch without entries")]
    Empty,
    /// More than [`MAX_BATCH_ENTRIES`] entries.
    #[error("a batch of {0} entries; at most {MAX_BATCH_ENTRIES} go in one")]
    TooMany(usize),
    /// An entry longer than [`MAX_ENTRY_BYTES`].
    #[error("entry {} has {} bytes; at most {MAX_ENTRY_BYTES} are allowed", .0.0, .1)]
    EntryTooLong(Seq, usize),
    /// Positions start at 1, and the first follows no link.
    #[error("the first entry of a journal is number 1 and follows the zero hash")]
    BadStart,
    /// Positions beyond what can be counted.
    #[error("the sequence numbers run past the end of their range")]
    Overflow,
    /// The signature is not the key's over the last link: the entries, their order, the
    /// link before them or the signature were changed.
    #[error("the signature does not fit the entries, the link before them and the journal's key")]
    BadSignature,
}

impl Batch {
    /// Signs `items`, which follow `before` in `journal`.
    #[must_use]
    pub fn sign(
        journal: JournalId,
        first: Seq,
        before: Digest,
        items: Vec<Item>,
        key: &SigningKey,
    ) -> Self {
        let mut batch = Self {
            journal,
            first,
            before,
            hash: HashName::Sha256,
            signed_with: SignatureName::Ed25519,
            items,
            signature: ByteArray::new([0; 64]),
        };
        let text = signed_text(journal, batch.last(), batch.head());
        batch.signature = ByteArray::new(key.sign(&text).to_bytes());
        batch
    }

    /// Position of the last entry; of the one before `first` when there is none.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq(self
            .first
            .0
            .saturating_add(self.items.len() as u64)
            .saturating_sub(1))
    }

    /// The link of every entry, in order.
    #[must_use]
    pub fn links(&self) -> Vec<Digest> {
        let mut before = self.before;
        let mut seq = self.first;
        let mut links = Vec::with_capacity(self.items.len());
        for item in &self.items {
            before = link(self.journal, seq, before, item.content());
            links.push(before);
            seq = seq.next();
        }
        links
    }

    /// The link of the last entry; `before` when there is none.
    #[must_use]
    pub fn head(&self) -> Digest {
        self.links().last().copied().unwrap_or(self.before)
    }

    /// Checks form, links and signature; gives the link of every entry.
    ///
    /// # Errors
    /// The first thing that was wrong.
    pub fn verify(&self, key: &VerifyingKey) -> Result<Vec<Digest>, BatchError> {
        if self.items.is_empty() {
            return Err(BatchError::Empty);
        }
        if self.items.len() > MAX_BATCH_ENTRIES {
            return Err(BatchError::TooMany(self.items.len()));
        }
        let starts = self.first == Seq::FIRST;
        if self.first.0 == 0 || starts != (self.before == Digest::ZERO) {
            return Err(BatchError::BadStart);
        }
        if self.first.0.checked_add(self.items.len() as u64).is_none() {
            return Err(BatchError::Overflow);
        }
        for (offset, item) in (0u64..).zip(&self.items) {
            if let Item::Bytes(bytes) = item
                && bytes.len() > MAX_ENTRY_BYTES
            {
                return Err(BatchError::EntryTooLong(
                    Seq(self.first.0 + offset),
                    bytes.len(),
                ));
            }
        }
        let links = self.links();
        let head = links.last().copied().unwrap_or(self.before);
        let text = signed_text(self.journal, self.last(), head);
        key.verify_strict(&text, &Signature::from_bytes(&self.signature))
            .map_err(|_| BatchError::BadSignature)?;
        Ok(links)
    }
}

impl Entry {
    /// The entry's bytes, to be written once.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`wire::WireError::Malformed`] when the bytes are none, or of a kind that this
    /// version does not know; such an entry is parked, not refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, wire::WireError> {
        wire::decode(bytes)
    }
}

#[cfg(test)]
mod tests;
