//! Journal in: what a handheld sends and what it hears back.
//!
//! `POST /api/v1/sync/push` carries one packed [`Batch`](crate::journal::Batch) and is
//! answered by a packed [`PushReply`]. Outcomes are values: a gap or a fork is an answer,
//! not a failure. Only a reply that decodes, whose receipt is signed by the server's key,
//! lets the handheld mark anything as held; whatever else comes back (a captive portal's
//! page, a proxy's 413) means "unknown, try again" (RELIABILITY, design rules 3 and 4).

use crate::{
    digest::Digest,
    ids::{Epoch, JournalId},
    journal::Seq,
    time::UnixMillis,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

/// What the server says it holds durably of one journal, signed with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The server's epoch.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The journal.
    #[serde(rename = "j")]
    pub journal: JournalId,
    /// The last entry that it holds; all before it are held too.
    #[serde(rename = "q")]
    pub held: Seq,
    /// The link of that entry.
    #[serde(rename = "l")]
    pub link: Digest,
    /// The server's time.
    #[serde(rename = "t")]
    pub server_time: UnixMillis,
    /// Signature over all of the above.
    #[serde(rename = "s")]
    pub signature: ByteArray<64>,
}

impl Receipt {
    /// Makes and signs a receipt.
    #[must_use]
    pub fn sign(
        epoch: Epoch,
        journal: JournalId,
        held: Seq,
        link: Digest,
        server_time: UnixMillis,
        key: &SigningKey,
    ) -> Self {
        let signature = ByteArray::new([0; 64]);
        let mut receipt = Self {
            epoch,
            journal,
            held,
            link,
            server_time,
            signature,
        };
        receipt.signature = ByteArray::new(key.sign(&receipt.signed_text()).to_bytes());
        receipt
    }

    /// Whether `key` signed this receipt.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(&self.signed_text(), &Signature::from_bytes(&self.signature))
            .is_ok()
    }

    fn signed_text(&self) -> Vec<u8> {
        [
            &b"gridcrew receipt 1\0"[..],
            self.epoch.0.as_bytes(),
            self.journal.0.as_bytes(),
            &self.held.0.to_be_bytes(),
            &self.link.0,
            &self.server_time.0.to_be_bytes(),
        ]
        .concat()
    }
}

/// An entry that is held but could not be applied to its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Which entry.
    #[serde(rename = "q")]
    pub seq: Seq,
    /// Stable code of the reason, from the register in [`crate::code`].
    #[serde(rename = "c")]
    pub code: String,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushOutcome {
    /// Every entry is held; some may be parked. Also the answer to a batch that came
    /// before: a retry hears the same.
    Held {
        /// What is held now.
        receipt: Receipt,
        /// The entries of this batch that are parked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parked: Vec<Parked>,
    },
    /// Entries are missing before this batch: send from after `receipt.held`. This is also
    /// how a restored server asks for what it lost. `None` when it holds nothing.
    Gap {
        /// What is held now, if anything.
        receipt: Option<Receipt>,
    },
    /// Another entry is held under the first sequence number that differs: two devices
    /// write one journal. The branch that was sent is kept; go on in a new journal.
    Fork {
        /// The last entry on which both agree; 0 when there is none.
        common: Seq,
        /// Its link; zero when there is none.
        link: Digest,
        /// The entries of this batch up to `common` that are parked: who sent a branch may
        /// never have heard of them, as his copy brought them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parked: Vec<Parked>,
    },
    /// The handheld was revoked or its person disabled: the entries are kept apart, nothing is
    /// applied.
    Revoked,
}

/// The answer to a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReply {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The server's time.
    pub server_time: UnixMillis,
    /// What became of the batch.
    pub outcome: PushOutcome,
}

/// Asks for a new journal after a fork, naming the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenRequest {
    /// The journal that forked.
    pub old: JournalId,
    /// The new journal's Ed25519 public key.
    pub public_key: ByteArray<32>,
    /// Signature by the old journal's key over the new public key.
    pub signature: ByteArray<64>,
}

impl ReopenRequest {
    /// What the old key signs.
    #[must_use]
    pub fn signed_text(old: JournalId, public_key: &[u8; 32]) -> Vec<u8> {
        [
            &b"gridcrew reopen 1\0"[..],
            old.0.as_bytes(),
            &public_key[..],
        ]
        .concat()
    }
}

/// The new journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenReply {
    /// Its id.
    pub journal: JournalId,
}
