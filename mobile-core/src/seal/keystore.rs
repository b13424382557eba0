//! The platform's keystore, as the host brings it.

use crate::files::make_folder;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The keystore failed: in words for a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFault(pub String);

/// Keeps keys for this handheld, each under a name.
///
/// On a device it wraps each key with one that never leaves the hardware (Android Keystore,
/// iOS keychain with "this device only") and keeps the wrapped form where no backup takes
/// it. Whoever has the keys can read the data folder.
pub trait KeyStore: Send + Sync {
    /// The key of that name, unwrapped; `None` when there is none.
    ///
    /// # Errors
    /// When the keystore cannot say.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, KeyFault>;

    /// Keeps a key under a name, durably when this returns.
    ///
    /// # Errors
    /// When it could not be kept.
    fn store(&self, name: &str, key: &[u8]) -> Result<(), KeyFault>;

    /// Forgets the key of that name, if there is one; what it sealed is lost with it.
    ///
    /// # Errors
    /// When it may still be there.
    fn forget(&self, name: &str) -> Result<(), KeyFault>;
}

/// A folder in the place of a keystore, for machines that have none: it protects the data
/// folder only as far as this folder lies where a thief of the other does not get.
#[derive(Clone, Debug)]
pub struct KeysInFolder {
    folder: PathBuf,
}

impl KeysInFolder {
    /// Keys in `folder`, which is made when the first is kept.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }
}

fn fault(error: io::Error) -> KeyFault {
    KeyFault(error.to_string())
}

impl KeyStore for KeysInFolder {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, KeyFault> {
        match fs::read(self.path(name)) {
            Ok(key) => Ok(Some(key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    fn store(&self, name: &str, key: &[u8]) -> Result<(), KeyFault> {
        make_folder(&self.folder).map_err(|error| KeyFault(error.to_string()))?;
        let kept = || {
            let part = self.folder.join(format!("{name}.part"));
            let mut file = fs::OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(key)?;
            file.sync_all()?;
            fs::rename(&part, self.path(name))?;
            fs::File::open(&self.folder)?.sync_all()
        };
        kept().map_err(fault)
    }

    fn forget(&self, name: &str) -> Result<(), KeyFault> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault(error)),
            Err(_) => Ok(()),
            Ok(()) => fs::File::open(&self.folder)
                .and_then(|folder| folder.sync_all())
                .map_err(fault),
        }
    }
}
