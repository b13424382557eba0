//! What an export holds: the files of its folder, and what must be found in them.
//!
//! | file | what |
//! |---|---|
//! | `manifest.json` | a [`Manifest`] |
//! | `manifest.sig` | 64 bytes: the server's Ed25519 signature over `gridcrew export 1\0` and the SHA-256 of `manifest.json` |
//! | `journals/<id>.cbor` | the journal's signed batches, one CBOR item after the other (RFC 8742); entries of orders that are not exported are given by their hash |
//! | `orders/<id>.json` | the order for people to read: its state and its records by time |
//! | `details/<id>.cbor` | contact and address as encoded at intake; their hash is in the trace |
//! | `templates/<code>.<version>.toml` | the workflow that the orders keep |
//! | `photos/<sha-256>` | the originals that are held |
//! | `set_aside/<sha-256>.cbor` | a signed batch that was kept, but not applied: the branch of a forked journal, or of a revoked handheld; only in an export of everything |

use crate::edge::Problem;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, JournalId, OrderId, PersonId},
    journal::Seq,
    time::UnixMillis,
    workflow::TemplateRef,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the format.
pub const FORMAT: &str = "gridcrew trace export";
/// Its version.
pub const VERSION: u32 = 1;
/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The file of its signature.
pub const SIGNATURE: &str = "manifest.sig";

/// What an export holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The life of the database that it comes from.
    pub epoch: Epoch,
    /// When it was made.
    pub exported_at: UnixMillis,
    /// The server's public key, 64 hexadecimal digits.
    pub server_key: String,
    /// The journals.
    pub journals: Vec<JournalLine>,
    /// The orders.
    pub orders: Vec<OrderLine>,
    /// Entries that are kept, but are part of no order.
    pub parked: Vec<ParkedLine>,
    /// Batches that are kept, but were not applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAsideLine>,
    /// The photos that the orders' records promise.
    pub photos: Vec<PhotoLine>,
    /// Every other file with the SHA-256 of its bytes.
    pub files: BTreeMap<String, Digest>,
}

/// A journal of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalLine {
    /// Its id; the order's for the server's part of an order's trace.
    pub journal: JournalId,
    /// Whose handheld it is; nobody's for the server's.
    pub person: Option<PersonId>,
    /// The handheld's public key, 64 hexadecimal digits; nothing for the server's.
    pub key: Option<String>,
    /// The journal that it goes on from after a fork.
    pub continues: Option<JournalId>,
    /// Its last entry in the export.
    pub last: Seq,
    /// The link of that entry.
    pub head: Digest,
}

/// An order of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The order.
    pub order: OrderId,
    /// The edition of the workflow that it keeps.
    pub template: TemplateRef,
    /// Its records, by journal.
    pub entries: BTreeMap<JournalId, Vec<Seq>>,
    /// Digest of the state that they fold to.
    pub state: Digest,
}

/// An entry that is part of no order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkedLine {
    /// Its journal.
    pub journal: JournalId,
    /// Its position there.
    pub seq: Seq,
    /// The code of the reason.
    pub code: String,
}

/// A batch that was kept, but not applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAsideLine {
    /// Its file.
    pub file: String,
    /// The journal that it is of.
    pub journal: JournalId,
    /// Whose handheld that is.
    pub person: PersonId,
    /// The handheld's public key, 64 hexadecimal digits.
    pub key: String,
    /// `fork`, `revoked` or `disabled`.
    pub reason: String,
    /// When it came.
    pub received_at: UnixMillis,
    /// Its first entry.
    pub first: Seq,
    /// Its last entry.
    pub last: Seq,
    /// The link of that entry.
    pub head: Digest,
}

/// A photo that a record promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoLine {
    /// SHA-256 of the original.
    pub photo: Digest,
    /// Whether the server holds it; then it is in the export.
    pub held: bool,
}

/// The file of a journal.
#[must_use]
pub fn journal_file(journal: JournalId) -> String {
    format!("journals/{journal}.cbor")
}

/// The file of an order for people to read.
#[must_use]
pub fn order_file(order: OrderId) -> String {
    format!("orders/{order}.json")
}

/// The file of an order's contact and address.
#[must_use]
pub fn details_file(order: OrderId) -> String {
    format!("details/{order}.cbor")
}

/// The file of a workflow.
#[must_use]
pub fn template_file(template: &TemplateRef) -> String {
    format!("templates/{}.{}.toml", template.code, template.version)
}

/// The folder of batches that were set aside.
pub const SET_ASIDE: &str = "set_aside/";

/// The file of a batch that was set aside, by the hash of its bytes.
#[must_use]
pub fn set_aside_file(batch: Digest) -> String {
    format!("{SET_ASIDE}{batch}.cbor")
}

/// The file of a photo.
#[must_use]
pub fn photo_file(photo: Digest) -> String {
    format!("photos/{photo}")
}

fn signed_text(manifest: &[u8]) -> Vec<u8> {
    [&b"gridcrew export 1\0"[..], &Digest::of(manifest).0].concat()
}

/// Signs a manifest as written.
#[must_use]
pub fn sign(manifest: &[u8], key: &SigningKey) -> [u8; 64] {
    key.sign(&signed_text(manifest)).to_bytes()
}

/// Whether `key` signed the manifest as written.
#[must_use]
pub fn is_signed_by(manifest: &[u8], signature: &[u8], key: &VerifyingKey) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| {
        key.verify_strict(&signed_text(manifest), &signature)
            .is_ok()
    })
}

/// A public key as written in a manifest.
#[must_use]
pub fn key_text(key: &VerifyingKey) -> String {
    hex::encode(key.to_bytes())
}

/// Reads a public key.
///
/// # Errors
/// What is wrong with it.
pub fn read_key(text: &str) -> Result<VerifyingKey, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| format!("`{text}` is no key of 64 hexadecimal digits"))?;
    VerifyingKey::from_bytes(&bytes).map_err(|_| format!("`{text}` is no Ed25519 public key"))
}

/// A manifest as it is written.
///
/// # Errors
/// `internal`, when it cannot be.
pub fn written(manifest: &Manifest) -> Result<Vec<u8>, Problem> {
    let mut bytes = serde_json::to_vec_pretty(manifest).map_err(Problem::internal)?;
    bytes.push(b'\n');
    Ok(bytes)
}
