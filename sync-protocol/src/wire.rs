//! Bytes on the wire: CBOR (RFC 8949) with named fields, squeezed with Zstandard.
//!
//! Fields are named so that an old handheld meeting a new server skips what it does not
//! know; the names cost almost nothing once compressed (see `docs/decisions`). What was
//! hashed is never encoded again: hashes are of the bytes as they were first written.
//!
//! Everything that comes from the other end has a limit, given before reading.

use serde::{Serialize, de::DeserializeOwned};
use std::io::Read;

/// Compression level: 3 is where a phone's processor and a phone's link meet.
const ZSTD_LEVEL: i32 = 3;
/// Most that a frame may have its reader look back, as a power of two: 8 MiB, what level 19
/// asks for. By default a frame of a dozen bytes has 128 MiB set aside for it.
const ZSTD_WINDOW: u32 = 23;
/// Compression level of what a server sends and a phone only reads: a fifth smaller than at
/// level 3, for some 10 ms of the server's time for 128 KiB; higher levels win nothing more.
const ZSTD_LEVEL_TIGHT: i32 = 15;

/// Bytes that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More bytes than the limit, compressed or not.
    #[error("more than the {limit} bytes allowed here")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not Zstandard.
    #[error("not a Zstandard frame: {0}")]
    NotCompressed(std::io::Error),
    /// Not CBOR of the expected shape.
    #[error("not CBOR of the expected shape: {0}")]
    Malformed(String),
}

/// `value` as CBOR.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    #[expect(
        clippy::expect_used,
        reason = "writing to memory cannot fail, and the protocol's types hold no map key or \
                  value that CBOR cannot carry"
    )]
    ciborium::into_writer(value, &mut out).expect("the protocol's types encode to CBOR");
    out
}

/// Reads a value from `bytes`, all of which it must use.
///
/// # Errors
/// [`WireError::Malformed`] when the bytes are not CBOR of that shape or some are left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, 32)
        .map_err(|error| WireError::Malformed(error.to_string()))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(WireError::Malformed(format!(
            "{} bytes follow the value",
            rest.len()
        )))
    }
}

/// `value` as compressed CBOR.
#[must_use]
pub fn pack<T: Serialize>(value: &T) -> Vec<u8> {
    squeeze(&encode(value), ZSTD_LEVEL)
}

/// `value` as tightly compressed CBOR: for pages that a poor link has to bring.
#[must_use]
pub fn pack_tight<T: Serialize>(value: &T) -> Vec<u8> {
    squeeze(&encode(value), ZSTD_LEVEL_TIGHT)
}

fn squeeze(plain: &[u8], level: i32) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "the compressor reads from and writes to memory"
    )]
    // In one go: told how much comes, the compressor takes memory for that much and not the
    // tens of megabytes that a high level sets aside for a stream without an end.
    zstd::bulk::compress(plain, level).expect("compressing in memory works")
}

/// Reads a compressed value that is at most `limit` bytes long once decompressed.
///
/// # Errors
/// [`WireError`] of the first thing that was wrong.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, WireError> {
    let mut decoder = zstd::Decoder::new(bytes).map_err(WireError::NotCompressed)?;
    decoder
        .window_log_max(ZSTD_WINDOW)
        .map_err(WireError::NotCompressed)?;
    let mut plain = Vec::new();
    decoder
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(WireError::NotCompressed)?;
    if plain.len() > limit {
        return Err(WireError::TooLarge { limit });
    }
    decode(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_and_a_bomb_is_refused() {
        let packed = pack(&vec![0u8; 100_000]);
        assert!(packed.len() < 1_000);
        assert!(matches!(
            unpack::<Vec<u8>>(&packed, 1_000),
            Err(WireError::TooLarge { .. })
        ));
        assert_eq!(
            unpack::<Vec<u8>>(&packed, 200_000).map(|v| v.len()).ok(),
            Some(100_000)
        );
    }

    #[test]
    fn a_frame_that_asks_for_much_memory_is_refused() {
        // Magic number, no options, the window, one raw block of one byte: the number 7.
        let frame = |window: u8| {
            let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window - 10) << 3];
            bytes.extend([0x09, 0, 0, 7]);
            bytes
        };
        assert_eq!(unpack::<u8>(&frame(23), 10).ok(), Some(7));
        assert!(matches!(
            unpack::<u8>(&frame(24), 10),
            Err(WireError::NotCompressed(_))
        ));
    }

    #[test]
    fn left_over_bytes_are_refused() {
        let mut bytes = encode(&7u8);
        bytes.push(0);
        assert!(matches!(decode::<u8>(&bytes), Err(WireError::Malformed(_))));
    }
}
