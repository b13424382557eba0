//! Access tokens: JSON Web Tokens signed with Ed25519, good for ten minutes.
//!
//! One algorithm and one key, both ours: a token's header chooses nothing (RFC 8725). The
//! library checks algorithm, signature, issuer and audience; the times are checked here,
//! against the clock that was passed in, and only as numbers (CVE-2026-25537). A token
//! says who and which session; what the person may do is looked up anew each time
//! ([`super::caller`]).

use crate::edge::Problem;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{JournalId, PersonId},
    time::{Millis, UnixMillis},
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto::aws_lc, decode, encode,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long an access token is good for (RELIABILITY row 28).
pub const LIFETIME: Millis = Millis(10 * 60 * 1000);
/// How far the clocks of two server processes may be apart, in seconds.
const LEEWAY: i64 = 5;
const ISSUER: &str = "gridcrew";
const AUDIENCE: &str = "gridcrew-api";
const KIND: &str = "access";
/// No token of ours is nearly as long.
const MAX_BYTES: usize = 2048;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose it is.
    pub person: PersonId,
    /// The session.
    pub session: Uuid,
    /// The person's rights as they were when it was made.
    pub permission_version: i64,
    /// The handheld that the session is bound to.
    pub handheld: Option<JournalId>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    typ: String,
    sub: Uuid,
    sid: Uuid,
    pv: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hh: Option<Uuid>,
    /// Seconds since 1970, whole.
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// Signs and verifies access tokens.
pub struct AccessTokens {
    key_id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTokens")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl AccessTokens {
    /// With the server's token key.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "32 bytes of key always fit their encoding"
    )]
    pub fn new(key: &SigningKey) -> Self {
        // Chosen once for the process, so that the library never has to guess (it panics when
        // the features in the tree leave it more than one). Chosen before: the same.
        let _ = aws_lc::DEFAULT_PROVIDER.install_default();
        let public = key.verifying_key();
        let der = key.to_pkcs8_der().expect("an Ed25519 key encodes");
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            key_id: hex::encode(&Digest::of(public.as_bytes()).0[..8]),
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            verifying: DecodingKey::from_ed_der(public.as_bytes()),
            validation,
        }
    }

    /// A token made now, and when it ends.
    ///
    /// # Errors
    /// `internal` when it cannot be signed.
    pub fn sign(&self, access: &Access, now: UnixMillis) -> Result<(String, UnixMillis), Problem> {
        let iat = now.0.div_euclid(1000);
        let exp = iat.saturating_add(LIFETIME.0 / 1000);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: KIND.to_owned(),
            sub: access.person.0,
            sid: access.session,
            pv: access.permission_version,
            hh: access.handheld.map(|journal| journal.0),
            iat,
            exp,
            nbf: None,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        let token = encode(&header, &claims, &self.signing).map_err(Problem::internal)?;
        Ok((token, UnixMillis(exp.saturating_mul(1000))))
    }

    /// What a token says, if it is one of ours and its time is not over.
    ///
    /// # Errors
    /// `auth.expired` when only its time is over; `auth.required` for everything else.
    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<Access, Problem> {
        let invalid = || Problem::new(Code::AuthRequired, "The access token is not valid here.");
        if token.len() > MAX_BYTES {
            return Err(invalid());
        }
        let decoded =
            decode::<Claims>(token, &self.verifying, &self.validation).map_err(|_| invalid())?;
        let (header, claims) = (decoded.header, decoded.claims);
        let names_other_key = header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
            || header.crit.is_some();
        if names_other_key
            || header.kid.as_deref() != Some(self.key_id.as_str())
            || claims.typ != KIND
            || claims.iss != ISSUER
            || claims.aud != AUDIENCE
        {
            return Err(invalid());
        }
        let now = now.0.div_euclid(1000);
        let not_before = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
        if not_before > now.saturating_add(LEEWAY) {
            return Err(invalid());
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            let detail = "The access token's time is over. Renew it.";
            return Err(Problem::new(Code::AuthExpired, detail));
        }
        Ok(Access {
            person: PersonId(claims.sub),
            session: claims.sid,
            permission_version: claims.pv,
            handheld: claims.hh.map(JournalId),
        })
    }
}

#[cfg(test)]
mod tests;
