//! A sealed file: ChaCha20-Poly1305 over chunks of a fixed size, so that a photo can be
//! read from any offset without the rest.
//!
//! ```text
//! "GCSEAL1\0"  32 bytes of salt  chunk 0  chunk 1 ... last chunk
//! ```
//!
//! Each file has a key of its own, derived of the folder's and the salt; the salt is a keyed
//! hash of the content, so that no content is ever sealed twice with one key and nothing
//! random is needed. The nonce of a chunk is its number and whether it is the last (the
//! STREAM construction): chunks cannot be left out, exchanged or cut off unnoticed. Only
//! the last chunk is shorter than [`CHUNK`].

use super::{KEY_BYTES, Key, derive};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, aead::Aead};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// Content of a chunk.
pub(crate) const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
const SALT: usize = 32;
const MAGIC: &[u8; 8] = b"GCSEAL1\0";
const HEAD: u64 = (MAGIC.len() + SALT) as u64;
const SEALED_CHUNK: u64 = (CHUNK + TAG) as u64;

/// Whether a file begins like a sealed one.
pub(crate) fn looks_sealed(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// Seals a content.
pub(super) fn seal(files: &Key, content: &[u8]) -> io::Result<Vec<u8>> {
    let salt = derive(files, &[b"salt\0", content]);
    let cipher = cipher_of(files, &salt);
    let chunks = content.len() / CHUNK + 1;
    let mut out = Vec::with_capacity(content.len() + chunks * TAG + MAGIC.len() + SALT);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(salt.as_slice());
    let mut parts = content.chunks(CHUNK).peekable();
    let mut number = 0;
    loop {
        let part = parts.next().unwrap_or_default();
        let last = parts.peek().is_none();
        let sealed = cipher.encrypt(&nonce(number, last).into(), part);
        out.extend_from_slice(&sealed.map_err(|_| strange("the content is too long to seal"))?);
        if last {
            return Ok(out);
        }
        number += 1;
    }
}

fn cipher_of(files: &Key, salt: &[u8; SALT]) -> ChaCha20Poly1305 {
    let key: Key = derive(files, &[b"file\0", salt]);
    let key: &[u8; KEY_BYTES] = &key;
    ChaCha20Poly1305::new(key.into())
}

fn nonce(number: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    let (counter, flag) = nonce.split_at_mut(8);
    counter.copy_from_slice(&number.to_be_bytes());
    if let Some(flag) = flag.last_mut() {
        *flag = u8::from(last);
    }
    nonce
}

/// A sealed file, opened for reading its content.
pub(crate) struct Unsealed {
    file: File,
    cipher: ChaCha20Poly1305,
    /// The number of the next chunk, and how many there are.
    next: u64,
    chunks: u64,
    /// The present chunk's content, and how much of it was given.
    chunk: Vec<u8>,
    given: usize,
}

impl Unsealed {
    /// Reads the head and goes to where `from` lies.
    pub(super) fn open(files: &Key, mut file: File, from: u64) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        let mut salt = [0; SALT];
        file.read_exact(&mut magic).map_err(too_short)?;
        file.read_exact(&mut salt).map_err(too_short)?;
        if magic != *MAGIC {
            return Err(strange("the file is not sealed"));
        }
        let body = file.metadata()?.len().saturating_sub(HEAD);
        let chunk_size = CHUNK as u64;
        let next = from / chunk_size;
        file.seek(SeekFrom::Start(
            HEAD.saturating_add(next.saturating_mul(SEALED_CHUNK)),
        ))?;
        let mut unsealed = Self {
            file,
            cipher: cipher_of(files, &salt),
            next,
            chunks: body.div_ceil(SEALED_CHUNK).max(1),
            chunk: Vec::new(),
            given: 0,
        };
        if next < unsealed.chunks {
            unsealed.read_chunk()?;
            let within = usize::try_from(from % chunk_size).map_err(io::Error::other)?;
            unsealed.given = within.min(unsealed.chunk.len());
        }
        Ok(unsealed)
    }

    fn read_chunk(&mut self) -> io::Result<()> {
        let last = self.next + 1 == self.chunks;
        let mut sealed = Vec::with_capacity(CHUNK + TAG);
        (&mut self.file)
            .take(SEALED_CHUNK)
            .read_to_end(&mut sealed)?;
        self.chunk = self
            .cipher
            .decrypt(&nonce(self.next, last).into(), sealed.as_slice())
            .map_err(|_| strange("the file was not sealed with this key, or it was changed"))?;
        self.given = 0;
        self.next += 1;
        Ok(())
    }
}

impl Read for Unsealed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len() && self.next < self.chunks {
            self.read_chunk()?;
        }
        let rest = self.chunk.get(self.given..).unwrap_or_default();
        let count = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

fn strange(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn too_short(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => strange("the file is too short to be a sealed one"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Seal;
    use super::*;
    use crate::fixture::folder;
    use proptest::prelude::*;
    use std::{fs, path::Path};

    fn read(seal: &Seal, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let unsealed = seal.unseal(File::open(path)?, from)?;
        unsealed.take(most).read_to_end(&mut content)?;
        Ok(content)
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_piece_reads_as_of_the_plain_content(
            length in prop_oneof![0usize..200, CHUNK - 2..CHUNK + 3, 2 * CHUNK - 1..3 * CHUNK],
            from in any::<prop::sample::Index>(),
            most in 0u64..200_000,
        ) {
            let folder = folder();
            let path = folder.path().join("a");
            let plain = content(length);
            let seal = Seal::of(&[7; 32]);
            fs::write(&path, seal.seal(&plain).unwrap()).unwrap();
            let from = from.index(length + 1);
            let expected: Vec<u8> = plain[from..].iter().copied().take(most as usize).collect();
            prop_assert_eq!(read(&seal, &path, from as u64, most).unwrap(), expected);
        }
    }

    #[test]
    fn nothing_sealed_reads_with_another_key_or_after_any_change() {
        let folder = folder();
        let path = folder.path().join("a");
        let seal = Seal::of(&[7; 32]);
        let whole = seal.seal(&content(CHUNK + 100)).unwrap();
        fs::write(&path, &whole).unwrap();
        assert!(read(&Seal::of(&[8; 32]), &path, 0, u64::MAX).is_err());
        for at in (0..whole.len())
            .step_by(997)
            .chain([0, 8, 39, 40, whole.len() - 1])
        {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(read(&seal, &path, 0, u64::MAX).is_err(), "byte {at}");
        }
        let first_chunk = HEAD as usize + CHUNK + TAG;
        for cut in [0, 20, 50, first_chunk, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&seal, &path, 0, u64::MAX).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_same_content_is_sealed_alike_and_another_with_another_key() {
        let seal = Seal::of(&[7; 32]);
        let sealed = |content: &[u8]| seal.seal(content).unwrap();
        assert_eq!(sealed(b"one"), sealed(b"one"));
        assert_ne!(sealed(b"one")[8..40], sealed(b"two")[8..40]);
    }
}
