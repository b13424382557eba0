//! The data folder: what lies where, and how a file is made to survive a power failure.
//!
//! ```text
//! handheld.db        the store
//! secrets.json       keys and tokens, readable by the owner only
//! photos/<sha-256>   originals, as they were taken over
//! previews/<sha-256> small copies, named by their own hash
//! in-use.lock        held shared by every open handheld, alone while sweeping
//! sync.lock          held by the one process that syncs
//! ```
//!
//! Secrets lie in the open for whoever can read the owner's files; encryption at rest with
//! a key of the device's key store is a task of its own.

use crate::error::Error;
use gridcrew_sync_protocol::digest::Digest;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder and what is in it, for the owner's eyes only.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = Self {
            root: root.to_owned(),
        };
        for path in [root.to_owned(), folder.photos(), folder.previews()] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)?;
        }
        sync_folder(root)?;
        Ok(folder)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("handheld.db")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets.json")
    }

    pub(crate) fn photos(&self) -> PathBuf {
        self.root.join("photos")
    }

    pub(crate) fn previews(&self) -> PathBuf {
        self.root.join("previews")
    }

    pub(crate) fn photo(&self, digest: Digest) -> PathBuf {
        self.photos().join(digest.to_string())
    }

    pub(crate) fn preview(&self, digest: Digest) -> PathBuf {
        self.previews().join(digest.to_string())
    }

    fn lock_file(&self, name: &str) -> Result<File, Error> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.root.join(name))?;
        Ok(file)
    }

    /// Marks the folder as in use, as long as the file lives. `alone` is done first, if no
    /// one else uses the folder now.
    pub(crate) fn in_use(&self, alone: impl FnOnce() -> Result<(), Error>) -> Result<File, Error> {
        let file = self.lock_file("in-use.lock")?;
        match file.try_lock() {
            Ok(()) => {
                alone()?;
                file.unlock()?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.lock_shared()?;
        Ok(file)
    }

    /// The right to sync, as long as it lives.
    ///
    /// # Errors
    /// [`Error::SyncRunning`] when another has it.
    pub(crate) fn sync_right(&self) -> Result<SyncRight, Error> {
        let file = self.lock_file("sync.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(SyncRight(file)),
            Err(TryLockError::WouldBlock) => Err(Error::SyncRunning),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// The right to sync a handheld.
#[derive(Debug)]
pub(crate) struct SyncRight(File);

impl Drop for SyncRight {
    /// Closing the file is not enough: a process that this one is just starting has a copy
    /// of it, and with it the lock, until it runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the right to sync is given back late");
        }
    }
}

/// Makes what was made, renamed or removed in a folder survive a power failure.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::FolderNotSynced) {
        return Ok(());
    }
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::SyncFolder(folder))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Writes a whole file so that after a power failure either the old or the new content is
/// there: a part file, synced, renamed, its folder synced (RELIABILITY table 0.2).
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Write(&part))?;
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(content)?;
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::SyncFile(&part))?;
    file.sync_all()?;
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Rename(path))?;
    fs::rename(&part, path)?;
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}
