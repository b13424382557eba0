//! What the headers of tus 1.0 say, without doing anything about it.
//!
//! Core protocol and the extensions creation, creation-with-upload, checksum, expiration
//! and termination, <https://tus.io/protocols/resumable-upload>. Each header may stand
//! once; a number is digits only; metadata that is not asked for is left aside, so that
//! stock clients may send what they like.

use crate::{edge::Problem, media::uploads::Claim};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, HttpDate};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use gridcrew_sync_protocol::{code::Code, digest::Digest, media::MediaKind, time::UnixMillis};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::time::{Duration, UNIX_EPOCH};
use subtle::ConstantTimeEq;

/// The version that is spoken.
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
/// The extensions that are spoken.
pub(super) const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,checksum,expiration,termination");
/// The checksums that are verified.
pub(super) const CHECKSUMS: HeaderValue = HeaderValue::from_static("sha1,sha256");
/// The media type of a chunk.
pub(super) const CHUNK_MEDIA_TYPE: &str = "application/offset+octet-stream";

/// `Tus-Resumable`
pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// `Tus-Version`
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
/// `Tus-Extension`
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
/// `Tus-Max-Size`
pub(super) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
/// `Tus-Checksum-Algorithm`
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName =
    HeaderName::from_static("tus-checksum-algorithm");
/// `Upload-Offset`
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// `Upload-Length`
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// `Upload-Metadata`
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
/// `Upload-Expires`
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");

/// Base64 as clients write it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Refuses other versions of tus.
///
/// # Errors
/// `media.tus_version`
pub(super) fn expect_version(headers: &HeaderMap) -> Result<(), Problem> {
    if single(headers, &TUS_RESUMABLE)? == VERSION.to_str().ok() {
        Ok(())
    } else {
        let detail = "Send `Tus-Resumable: 1.0.0`; no other version is spoken.";
        Err(Problem::new(Code::MediaTusVersion, detail))
    }
}

/// What a creation claims: length and metadata.
///
/// # Errors
/// `media.malformed`, `media.too_large`, `media.digest_mismatch`
pub(super) fn claim(headers: &HeaderMap) -> Result<Claim, Problem> {
    for refused in [UPLOAD_DEFER_LENGTH, UPLOAD_CONCAT] {
        if headers.contains_key(&refused) {
            return Err(malformed(format!("`{refused}` is not supported")));
        }
    }
    let length = number(headers, &UPLOAD_LENGTH)?;
    let text = single(headers, &UPLOAD_METADATA)?.unwrap_or_default();
    let mut found: [Option<String>; 3] = [const { None }; 3];
    for pair in text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let Some(at) = ["digest", "photo", "kind"].iter().position(|k| *k == key) else {
            continue;
        };
        let value = BASE64.decode(value.trim()).ok();
        let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
        let value =
            value.ok_or_else(|| malformed(format!("metadata `{key}` is no base64 text")))?;
        if let Some(place) = found.get_mut(at)
            && place.replace(value).is_some()
        {
            return Err(malformed(format!("metadata `{key}` stands twice")));
        }
    }
    let [digest, photo, kind] = found;
    Claim::new(
        digest_in("digest", digest)?,
        digest_in("photo", photo)?,
        kind_in(kind)?,
        length,
    )
}

fn digest_in(key: &str, value: Option<String>) -> Result<Digest, Problem> {
    value
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed(format!("metadata `{key}` must be a SHA-256 in hexadecimal")))
}

fn kind_in(value: Option<String>) -> Result<MediaKind, Problem> {
    [MediaKind::Original, MediaKind::Preview]
        .into_iter()
        .find(|kind| value.as_deref() == Some(kind.as_str()))
        .ok_or_else(|| malformed("metadata `kind` must be `original` or `preview`"))
}

/// The metadata of an upload, as it is told again.
pub(super) fn metadata(claim: &Claim) -> String {
    let pair = |key: &str, value: String| format!("{key} {}", BASE64.encode(value));
    [
        pair("digest", claim.digest.to_string()),
        pair("photo", claim.photo.to_string()),
        pair("kind", claim.kind.as_str().to_owned()),
    ]
    .join(",")
}

/// Where a chunk starts.
///
/// # Errors
/// `media.malformed`
pub(super) fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    number(headers, &UPLOAD_OFFSET)
}

/// When an upload is over, as in `Upload-Expires`.
pub(super) fn expires(at: UnixMillis) -> String {
    let since = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
    HttpDate::from(UNIX_EPOCH + since).to_string()
}

/// The checksum of a chunk, being computed.
#[derive(Clone, Debug)]
pub(super) struct Checksum {
    hasher: Hasher,
    expected: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// The checksum that a chunk announces, if it announces one.
    ///
    /// # Errors
    /// `media.malformed`
    pub(super) fn announced(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(text) = single(headers, &UPLOAD_CHECKSUM)? else {
            return Ok(None);
        };
        let (name, value) = text.split_once(' ').unwrap_or((text, ""));
        let hasher = match name {
            "sha1" => Hasher::Sha1(Sha1::new()),
            "sha256" => Hasher::Sha256(Sha256::new()),
            _ => return Err(malformed("`Upload-Checksum` must be of sha1 or sha256")),
        };
        let expected = BASE64
            .decode(value.trim())
            .map_err(|_| malformed("`Upload-Checksum` is no base64"))?;
        Ok(Some(Self { hasher, expected }))
    }

    /// Takes in the next bytes of the chunk.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Whether the chunk is the one that was announced.
    pub(super) fn fits(self) -> bool {
        let computed = match self.hasher {
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        computed.ct_eq(&self.expected).into()
    }
}

/// The value of a header that may stand once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed(format!("`{name}` stands twice")));
    }
    let text = value.to_str().map(str::trim);
    text.map(Some)
        .map_err(|_| malformed(format!("`{name}` is no plain text")))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    single(headers, name)?
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|number| i64::try_from(*number).is_ok())
        .ok_or_else(|| malformed(format!("`{name}` must be a whole number of bytes")))
}

fn malformed(what: impl std::fmt::Display) -> Problem {
    Problem::new(
        Code::MediaMalformed,
        format!("The upload's headers: {what}."),
    )
}

#[cfg(test)]
mod tests;
