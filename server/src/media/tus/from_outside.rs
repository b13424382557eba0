//! The headers of an upload, read alone: for the fuzz targets.

use super::protocol::{Checksum, claim, expect_version, metadata, offset};
use crate::edge::Problem;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// What the headers of one request say.
#[derive(Debug)]
pub struct UploadHeaders {
    /// The version is spoken here.
    pub version: Result<(), Problem>,
    /// The metadata of what a creation claims, as it is told again, and the length in bytes.
    pub claim: Result<(String, u64), Problem>,
    /// Where a chunk starts, in bytes.
    pub offset: Result<u64, Problem>,
    /// Whether the chunk `abc` would be the one announced; nothing when none is.
    pub checksum: Result<Option<bool>, Problem>,
}

/// Reads headers, of which those are left out that no HTTP request can have.
#[must_use]
pub fn upload_headers<'h>(sent: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> UploadHeaders {
    let mut headers = HeaderMap::new();
    for (name, value) in sent {
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    UploadHeaders {
        version: expect_version(&headers),
        claim: claim(&headers).map(|claim| (metadata(&claim), claim.length)),
        offset: offset(&headers),
        checksum: Checksum::announced(&headers).map(|announced| {
            announced.map(|mut checksum| {
                checksum.update(b"abc");
                checksum.fits()
            })
        }),
    }
}
