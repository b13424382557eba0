//! The feed's cursor: what a handheld was told, in words that only the server reads.
//!
//! The server keeps nothing about who was told what; the cursor says it. It goes to the
//! handheld as text that begins with a keyed digest, so that it cannot be made up, and it
//! names the person, so that it is of no use to another.

use super::feed::Told;
use crate::{edge::Problem, keys::ServerKeys, people::Caller};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gridcrew_sync_protocol::{code::Code, digest::Digest, ids::PersonId, wire};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How much of the digest goes with a cursor, bytes.
const TAG: usize = 16;

/// What a cursor holds.
#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "p")]
    person: PersonId,
    #[serde(rename = "t")]
    told: Told,
}

/// What was told, as text for the handheld.
#[must_use]
pub fn seal(keys: &ServerKeys, person: PersonId, told: &Told) -> String {
    let sealed = wire::encode(&Sealed {
        person,
        told: told.clone(),
    });
    let mut bytes = tag(keys, &sealed).to_vec();
    bytes.extend_from_slice(&sealed);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor that the caller was given.
///
/// # Errors
/// `feed.bad_cursor` when it is none, was changed, or is another person's.
pub fn open(keys: &ServerKeys, caller: &Caller, text: &str) -> Result<Told, Problem> {
    let bad = || {
        let detail = "The cursor is not one that you were given. Ask without one.";
        Problem::new(Code::FeedBadCursor, detail)
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
    let (claimed, sealed) = bytes.split_at_checked(TAG).ok_or_else(bad)?;
    if !bool::from(claimed.ct_eq(&tag(keys, sealed))) {
        return Err(bad());
    }
    let sealed: Sealed = wire::decode(sealed).map_err(|_| bad())?;
    if sealed.person == caller.person {
        Ok(sealed.told)
    } else {
        Err(bad())
    }
}

/// A digest that only who has the server's secret can make. Hashed twice with the key, so
/// that nothing can be appended.
fn tag(keys: &ServerKeys, sealed: &[u8]) -> [u8; TAG] {
    let key = Digest::of_parts(&[b"gridcrew feed cursor 1\0", &keys.refresh]);
    let inner = Digest::of_parts(&[&key.0, sealed]);
    let outer = Digest::of_parts(&[&key.0, &inner.0]);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&outer.0[..TAG]);
    tag
}
