//! Storage space: how much is free, when that is too little, and a reserve for the last
//! record (DOMAIN section 7, row 25; RELIABILITY section 2, fault 9).
//!
//! - Below [`SpaceLimits::warn_below`] the status warns, and originals that the server holds
//!   may go before their time ([`crate::photos::make_room`]).
//! - A file of [`SpaceLimits::reserve`] bytes lies in the data folder. When the disk is full, a
//!   record is tried once more without it: what a person did is recorded, then he is told.
//! - What cannot be made durable even so is refused with [`crate::Error::DiskFull`]; nothing
//!   is ever said to be recorded that is not.

use crate::{error::Error, files::sync_folder};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Tells how much space is free.
pub trait FreeSpace: Send + Sync {
    /// The bytes that this program may still write to the disk of `folder`.
    ///
    /// # Errors
    /// When the disk cannot be asked.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
}

/// The system's own answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSpace;

impl FreeSpace for SystemSpace {
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let stat = statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// When space is short: data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Fewer free bytes than this are too few (DOMAIN section 7, row 25: 500 MB).
    pub warn_below: u64,
    /// Bytes kept back for the last record; 0 for none.
    pub reserve: u64,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self {
            warn_below: 500_000_000,
            reserve: 1024 * 1024,
        }
    }
}

/// How storage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SpaceStanding {
    /// Free bytes; `None` when the disk could not be asked.
    pub free: Option<u64>,
    /// That is too few: clear the device soon.
    pub short: bool,
    /// The reserve for the last record is there.
    pub reserve: bool,
}

/// The file that keeps space for the last record.
pub(crate) struct Reserve {
    path: PathBuf,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").finish_non_exhaustive()
    }
}

impl Reserve {
    /// The reserve in a data folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            path: folder.join("reserve"),
        }
    }

    /// Makes it `bytes` long, if there is space; without is no error, but is said.
    pub(crate) fn make(&self, bytes: u64) {
        let has = fs::metadata(&self.path).map_or(0, |file| file.len());
        if has == bytes {
            return;
        }
        if bytes == 0 {
            drop(fs::remove_file(&self.path));
            return;
        }
        if let Err(error) = self.fill(bytes) {
            tracing::warn!(%error, "no space is kept back for the last record");
            drop(fs::remove_file(&self.path));
        }
    }

    fn fill(&self, bytes: u64) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&self.path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => {}
            // A file system that cannot keep space back is given bytes to keep.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                let zeros = vec![0; usize::try_from(bytes).unwrap_or(0)];
                file.write_all(&zeros)?;
            }
            Err(error) => return Err(error.into()),
        }
        file.sync_all()
    }

    /// Gives the space back to the disk; whether there was any.
    pub(crate) fn give_up(&self) -> Result<bool, Error> {
        match fs::remove_file(&self.path) {
            Ok(()) => {
                if let Some(folder) = self.path.parent() {
                    sync_folder(folder)?;
                }
                tracing::warn!("the disk is full: the space kept back for the last record is used");
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it is there.
    pub(crate) fn is_there(&self) -> bool {
        self.path.exists()
    }
}

#[cfg(test)]
mod tests;
