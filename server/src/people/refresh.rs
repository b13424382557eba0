//! Refresh tokens: long-lived, exchanged once for a successor, kept only as hashes.
//!
//! The successor is derived from the old token and the server's key, not drawn: when the
//! answer is lost in a dead zone, the handheld asks again with the old token and gets the
//! same successor (RELIABILITY row 29b). That ends when the successor itself is first
//! exchanged; from then on the old token can only come from someone who copied it, and the
//! whole session ends (row 29, RFC 9700 section 4.14.2).
//!
//! If that were all, a thief and the owner could go from successor to successor side by
//! side. So a handheld signs each exchange with its journal's key: a copied token is worth
//! nothing without it, and the handheld may ask again after days without a network. A
//! session without a handheld has no key; there the same successor is given again only for
//! [`REPEATED`], which a network that works does not exceed.

use crate::clock::Randomness;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gridcrew_sync_protocol::{
    digest::Digest,
    time::{Millis, UnixMillis},
};
use uuid::Uuid;

/// How long a refresh token can be exchanged: a handheld may be away so long.
pub const LIFETIME: Millis = Millis(60 * 24 * 60 * 60 * 1000);

/// How long a session without a handheld may repeat an exchange.
pub const REPEATED: Millis = Millis(60 * 1000);

/// A refresh token. Its text is 43 characters of base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; 32]);

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

impl RefreshToken {
    /// The first token of a session.
    #[must_use]
    pub fn draw(randomness: &dyn Randomness) -> Self {
        let mut bytes = [0; 32];
        randomness.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads a token's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Digest::of(&self.0).0.to_vec()
    }

    /// The one token that this one is exchanged for.
    #[must_use]
    pub fn successor(&self, key: &[u8; 32], session: Uuid) -> Self {
        let message: [&[u8]; 3] = [b"gridcrew refresh 1\0", session.as_bytes(), &self.0];
        Self(hmac_sha256(key, &message.concat()))
    }
}

/// When a token given out now ends.
#[must_use]
pub fn expires_at(now: UnixMillis) -> UnixMillis {
    now.plus(LIFETIME)
}

/// What to do with a token that comes to be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It comes for the first time.
    Exchange,
    /// It came before, but its successor was never used: the same again.
    Repeat,
    /// Its successor is in use, or it comes too late to be a repeat: someone copied it.
    Replayed,
}

/// Decides by how long ago the token was exchanged, if it was, whether its successor was
/// too, and whether a handheld's key proves who asks.
#[must_use]
pub fn verdict(exchanged: Option<Millis>, successor_exchanged: bool, proven: bool) -> Verdict {
    match exchanged {
        None => Verdict::Exchange,
        Some(ago) if !successor_exchanged && (proven || ago <= REPEATED) => Verdict::Repeat,
        Some(_) => Verdict::Replayed,
    }
}

/// HMAC with SHA-256 (RFC 2104), for keys of 32 bytes.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let inner = Digest::of_parts(&[&block.map(|byte| byte ^ 0x36), message]);
    Digest::of_parts(&[&block.map(|byte| byte ^ 0x5c), &inner.0]).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_is_hmac_sha256() {
        // RFC 4231, test case 2: "Jefe", which HMAC pads with zeros to the block.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = hmac_sha256(&key, b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(mac), expected);
    }

    #[test]
    fn a_successor_belongs_to_one_token_one_session_and_one_key() {
        let (token, other) = (RefreshToken([1; 32]), RefreshToken([2; 32]));
        let (session, key) = (Uuid::from_u128(1), [3; 32]);
        let successor = token.successor(&key, session);
        assert_eq!(successor, token.successor(&key, session));
        assert_ne!(successor, other.successor(&key, session));
        assert_ne!(successor, token.successor(&key, Uuid::from_u128(2)));
        assert_ne!(successor, token.successor(&[4; 32], session));
        assert_ne!(successor, token);
    }

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = RefreshToken([9; 32]);
        assert_eq!(RefreshToken::parse(&token.to_text()), Some(token.clone()));
        for text in ["", "abc", &format!("{}A", token.to_text()), &"!".repeat(43)] {
            assert_eq!(RefreshToken::parse(text), None);
        }
        assert!(!format!("{token:?}").contains(&token.to_text()));
    }
}
