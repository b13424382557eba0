//! What a handheld could not send, as a file that the server takes in from a hand.
//!
//! The file is a line, [`MAGIC`], and then frames: four bytes of length, most significant
//! first, and a [`Frame`] as CBOR. The records are in signed batches as they would have been
//! pushed, so that nothing in them can be altered on the way; photos are named by the hash
//! of their bytes. [`Frame::End`] says what there must have been: a file that was cut off
//! shows.

use crate::{
    digest::Digest,
    ids::{JournalId, PersonId},
    time::UnixMillis,
    wire::{self, WireError},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// How the file begins.
pub const MAGIC: &[u8] = b"gridcrew export 1\n";
/// Most bytes of a frame without its length.
pub const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a photo in one frame; the last of a photo may be shorter.
pub const PIECE_BYTES: usize = 1024 * 1024;

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frame {
    /// What the file is, the first frame; in the words of who made it, and not signed.
    About(About),
    /// A packed, signed [`Batch`](crate::journal::Batch).
    Batch(ByteBuf),
    /// A photo that a record promises and that the server was not known to have.
    Photo(ExportedPhoto),
    /// Bytes of the photo named last.
    Piece(ByteBuf),
    /// The last frame.
    End {
        /// How many batches there were.
        batches: u64,
        /// How many photos were named.
        photos: u64,
    },
}

/// What the file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Whose records they are.
    pub person: PersonId,
    /// The journal that they are from.
    pub journal: JournalId,
    /// When it was written, by the device's clock.
    pub exported_at: UnixMillis,
}

/// A photo of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedPhoto {
    /// The hash of its bytes.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// Its bytes follow; otherwise its file was gone or damaged.
    pub included: bool,
}

impl Frame {
    /// The frame with its length before it.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let body = wire::encode(self);
        let length = u32::try_from(body.len())
            .ok()
            .filter(|_| body.len() <= MAX_FRAME_BYTES)
            .ok_or(WireError::TooLarge {
                limit: MAX_FRAME_BYTES,
            })?;
        let mut bytes = Vec::with_capacity(body.len().saturating_add(4));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// How long the frame is that these four bytes announce.
    ///
    /// # Errors
    /// [`WireError::TooLarge`].
    pub fn length(announced: [u8; 4]) -> Result<usize, WireError> {
        usize::try_from(u32::from_be_bytes(announced))
            .ok()
            .filter(|length| *length <= MAX_FRAME_BYTES)
            .ok_or(WireError::TooLarge {
                limit: MAX_FRAME_BYTES,
            })
    }

    /// Reads a frame without its length.
    ///
    /// # Errors
    /// [`WireError::Malformed`].
    pub fn from_bytes(body: &[u8]) -> Result<Self, WireError> {
        wire::decode(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_as_it_was_written_and_a_huge_one_is_refused_before_reading() {
        let frame = Frame::Piece(ByteBuf::from(vec![7; PIECE_BYTES]));
        let bytes = frame.to_bytes().unwrap();
        let (length, body) = bytes.split_at(4);
        let length = Frame::length(length.try_into().unwrap()).unwrap();
        assert_eq!(length, body.len());
        assert_eq!(Frame::from_bytes(body).unwrap(), frame);
        assert!(Frame::length([0xff; 4]).is_err());
        assert!(Frame::from_bytes(&body[..body.len() - 1]).is_err());
    }
}
