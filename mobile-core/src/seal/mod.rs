//! Encryption at rest: what a thief of the handheld, or of a copy of its files, cannot read.
//!
//! 1. The platform's keystore gives one data key for a data folder ([`KeyStore`]); the
//!    first opening makes it. It never touches the disk here.
//! 2. Two keys are derived of it: SQLCipher encrypts the store's pages with one (`store`),
//!    [`sealed`] the files beside it (keys and tokens, photos, previews) with the other.
//! 3. A small sealed file, `key.check`, tells a wrong key from a damaged store: a store
//!    that cannot be read with the right key is damaged and set aside, and with a wrong key
//!    nothing is touched.
//!
//! What stays in the open: how large things are and when they changed, how many photos
//! there are, and the hashes that name them.

mod keystore;
pub(crate) mod sealed;

pub use keystore::{KeyFault, KeyStore, KeysInFolder};

use crate::{clock::Random, error::Error};
use hmac::{Hmac, KeyInit, Mac};
use sealed::Unsealed;
use sha2::Sha256;
use std::{fmt, fs::File, io, sync::Arc};
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key that is wiped from memory when it is dropped.
type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The keys of one data folder.
#[derive(Clone)]
pub(crate) struct Seal {
    store: Arc<Key>,
    files: Arc<Key>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// The seal of the data key that the keystore holds under `name`; made now, and given to
    /// the keystore before anything is sealed with it, if `may_make` says so.
    ///
    /// # Errors
    /// [`Error::KeyMissing`] when there is none and none may be made, [`Error::KeyStore`].
    pub(crate) fn open(
        keys: &dyn KeyStore,
        name: &str,
        random: &dyn Random,
        may_make: bool,
    ) -> Result<Self, Error> {
        let found = keys.load(name)?.map(Zeroizing::new);
        let data_key: Key = match found {
            Some(bytes) => {
                let bytes: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| {
                    Error::KeyStore(format!(
                        "the key {name} has {} bytes, not {KEY_BYTES}",
                        bytes.len()
                    ))
                })?;
                Zeroizing::new(bytes)
            }
            None if may_make => {
                let mut key = Zeroizing::new([0; KEY_BYTES]);
                random.fill(key.as_mut_slice());
                keys.store(name, key.as_slice())?;
                key
            }
            None => return Err(Error::KeyMissing),
        };
        Ok(Self::of(&data_key))
    }

    /// The seal of a data key.
    pub(crate) fn of(data_key: &[u8; KEY_BYTES]) -> Self {
        let part = |label: &[u8]| Arc::new(derive(data_key, &[b"gridcrew at rest 1\0", label]));
        Self {
            store: part(b"store"),
            files: part(b"files"),
        }
    }

    /// The store's key as SQLCipher takes a raw one: `x'...'`.
    pub(crate) fn store_key(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.store.as_slice()));
        Zeroizing::new(format!("x'{}'", digits.as_str()))
    }

    /// Seals the content of a file.
    ///
    /// # Errors
    /// None that can happen to a content that fits in memory.
    pub(crate) fn seal(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        sealed::seal(&self.files, content)
    }

    /// Opens a sealed file for reading from a position of its content on.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it was not sealed with this seal, or changed.
    pub(crate) fn unseal(&self, file: File, from: u64) -> io::Result<Unsealed> {
        Unsealed::open(&self.files, file, from)
    }
}

/// A key of a key: HMAC-SHA-256 over labels.
fn derive(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Key {
    // HMAC fills a key up to its block with zeros.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}
