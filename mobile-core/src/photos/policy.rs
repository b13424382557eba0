//! How small pictures are made: data, with the defaults in one place. A host passes its own
//! in at opening ([`crate::Settings`]).

use gridcrew_sync_protocol::media::MAX_PREVIEW_BYTES;

/// How photos are made smaller before they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoPolicy {
    /// Longest side of a preview in pixels, 64 to 4,096; less where its bytes do not fit.
    pub preview_side: u32,
    /// JPEG quality of a preview, 40 to 95; less where its bytes do not fit.
    pub preview_quality: u8,
    /// Most bytes of a preview; never more than the server takes, which is 60 KiB.
    pub preview_bytes: u64,
    /// Whether order, time and place are written on the preview.
    pub stamp: bool,
    /// What is sent as the original.
    pub sent: SentOriginal,
}

/// What is sent as the original, which the record promises by the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentOriginal {
    /// The file as the camera gave it, byte for byte.
    AsTaken,
    /// A JPEG with at most so many pixels on its longest side, where that is fewer bytes. It
    /// has no EXIF; what that said, and the hash of the camera's file, stand in the record.
    Smaller {
        /// Longest side in pixels.
        side: u32,
        /// JPEG quality, 40 to 95.
        quality: u8,
    },
}

impl Default for PhotoPolicy {
    /// Whole originals, and previews of which a reviewer can read a meter.
    fn default() -> Self {
        Self {
            preview_side: 800,
            preview_quality: 72,
            preview_bytes: MAX_PREVIEW_BYTES,
            stamp: true,
            sent: SentOriginal::AsTaken,
        }
    }
}

impl PhotoPolicy {
    /// The policy within what its fields may be.
    #[must_use]
    pub(super) fn within_bounds(self) -> Self {
        let sent = match self.sent {
            SentOriginal::AsTaken => SentOriginal::AsTaken,
            SentOriginal::Smaller { side, quality } => SentOriginal::Smaller {
                side: side.max(64),
                quality: quality.clamp(40, 95),
            },
        };
        Self {
            preview_side: self.preview_side.clamp(64, 4_096),
            preview_quality: self.preview_quality.clamp(40, 95),
            preview_bytes: self.preview_bytes.min(MAX_PREVIEW_BYTES),
            stamp: self.stamp,
            sent,
        }
    }
}
