//! Photos, the second lane (I7).
//!
//! A photo is named by the hash of its bytes. It is uploaded by tus 1.0 to
//! `/api/v1/media/uploads`, the preview first; `Upload-Metadata` says what it is:
//!
//! | key | value |
//! |---|---|
//! | `digest` | SHA-256 of the bytes to be uploaded, hexadecimal |
//! | `photo` | SHA-256 of the original that they are, or are a preview of, hexadecimal |
//! | `kind` | `original` or `preview` |
//!
//! The server verifies the bytes against `digest` before it says that it has them.

use crate::{digest::Digest, ids::Epoch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most bytes of an original (RELIABILITY T10).
pub const MAX_ORIGINAL_BYTES: u64 = 20 * 1024 * 1024;
/// Most bytes of a preview.
pub const MAX_PREVIEW_BYTES: u64 = 60 * 1024;
/// Most pixels of a picture (RELIABILITY T10).
pub const MAX_PIXELS: u64 = 50_000_000;

/// What is uploaded.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A small copy for lists and quick review. No evidence.
    Preview,
    /// The bytes that a record promised.
    Original,
}

impl MediaKind {
    /// As in `Upload-Metadata`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Original => "original",
        }
    }

    /// The most bytes that may be uploaded.
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Preview => MAX_PREVIEW_BYTES,
            Self::Original => MAX_ORIGINAL_BYTES,
        }
    }
}

/// The kinds of picture that are taken, told by their first bytes (RELIABILITY T11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum PictureFormat {
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG.
    #[serde(rename = "image/png")]
    Png,
    /// WebP.
    #[serde(rename = "image/webp")]
    Webp,
    /// HEIC: kept, but not decoded here.
    #[serde(rename = "image/heic")]
    Heic,
}

impl PictureFormat {
    /// The format that the first bytes (12 are enough) announce, if it is one of these.
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<Self> {
        const HEIC_BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"];
        if head.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else if head.get(4..8) == Some(b"ftyp")
            && head
                .get(8..12)
                .is_some_and(|brand| HEIC_BRANDS.contains(&brand))
        {
            Some(Self::Heic)
        } else {
            None
        }
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
        }
    }
}

/// Asks which of some photos the server holds: `POST /api/v1/media/held`, packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRequest {
    /// At most 1,000 originals.
    pub photos: Vec<Digest>,
}

/// Which of them it holds, verified and durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReply {
    /// The server's epoch.
    pub epoch: Epoch,
    /// Those whose original is held.
    pub originals: Vec<Digest>,
    /// Those whose preview is held.
    pub previews: Vec<Digest>,
}
