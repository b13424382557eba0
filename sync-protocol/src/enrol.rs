//! Enrolment of a handheld: a one-time code for a journal and tokens, in JSON.

use crate::{
    ids::{Epoch, JournalId, PersonId},
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /api/v1/handhelds/enrol`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code that a station gave out.
    pub code: String,
    /// The Ed25519 public key of the new journal, 64 hexadecimal digits.
    pub public_key: String,
    /// Signature over `gridcrew enrol 1\0` and the code by that key, 128 hexadecimal
    /// digits: proves that the handheld holds the key.
    pub proof: String,
    /// What the handheld calls itself, such as its model.
    pub device_name: String,
}

impl EnrolRequest {
    /// What the proof is made over.
    #[must_use]
    pub fn proof_text(code: &str) -> Vec<u8> {
        [&b"gridcrew enrol 1\0"[..], code.as_bytes()].concat()
    }
}

/// The handheld is enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolReply {
    /// The installation's journal.
    pub journal: JournalId,
    /// Whose it is.
    pub person: PersonId,
    /// The person's name.
    pub person_name: String,
    /// The server's epoch.
    pub epoch: Epoch,
    /// The server's time.
    pub server_time: UnixMillis,
    /// The server's Ed25519 public key, which signs receipts: 64 hexadecimal digits.
    pub server_key: String,
    /// The first tokens.
    pub tokens: Tokens,
}

/// `POST /api/v1/auth/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The login.
    pub login: String,
    /// The password.
    pub password: String,
    /// The handheld that signs in, when it goes on in its journal after its session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handheld: Option<HandheldProof>,
}

/// Proves that a handheld holds the key of its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandheldProof {
    /// The journal.
    pub journal: JournalId,
    /// Signature over `gridcrew login 1\0`, the 16 bytes of the journal's id and the login in
    /// lower case by the journal's key, 128 hexadecimal digits.
    pub proof: String,
}

impl HandheldProof {
    /// What the proof is made over.
    #[must_use]
    pub fn text(journal: JournalId, login: &str) -> Vec<u8> {
        [
            &b"gridcrew login 1\0"[..],
            journal.0.as_bytes(),
            login.to_lowercase().as_bytes(),
        ]
        .concat()
    }
}

/// `POST /api/v1/auth/refresh`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token.
    pub refresh_token: String,
    /// In a session of a handheld: the signature over `gridcrew renew 1\0` and the text of
    /// the refresh token by its journal's key, 128 hexadecimal digits. Without its key, a
    /// handheld's refresh token is worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl RefreshRequest {
    /// What the proof is made over.
    #[must_use]
    pub fn proof_text(refresh_token: &str) -> Vec<u8> {
        [&b"gridcrew renew 1\0"[..], refresh_token.as_bytes()].concat()
    }
}

/// An access token and its refresh token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Sent as `Authorization: Bearer`; short-lived.
    pub access_token: String,
    /// When the access token ends.
    pub expires_at: UnixMillis,
    /// Exchanged for new tokens once; used again after that, it ends the session.
    pub refresh_token: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequest")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}
