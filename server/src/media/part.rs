//! The bytes of an upload on their way: a file that only grows, whose synced length is the
//! upload's offset.
//!
//! A chunk without a checksum is appended as it comes, so that what came before a cut
//! counts. A chunk with a checksum goes to a file beside and is appended once it has been
//! verified, so that not one wrong byte is ever counted, not even by a server that is
//! killed meanwhile.

use super::{
    folder::{PhotoFolder, locked, remove},
    turns::Turn,
};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Seek, Write},
    path::PathBuf,
    sync::Arc,
};

/// The open bytes of an upload, and the right to write to them.
#[derive(Debug)]
pub(super) struct Part {
    folder: Arc<PhotoFolder>,
    file: File,
    /// The length that survives a power cut.
    durable: u64,
    /// The unverified chunk.
    scratch: Option<(File, PathBuf)>,
    turn: Turn,
}

/// Why a part cannot be opened.
#[derive(Debug)]
pub(super) enum PartError {
    /// Another server process writes to it.
    Busy,
    /// The file system said no.
    Disk(io::Error),
}

impl From<io::Error> for PartError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl Part {
    /// Opens the bytes of the upload whose turn it is, beginning them when there are none,
    /// and makes all of them durable.
    ///
    /// # Errors
    /// [`PartError`]
    pub(super) fn open(folder: &Arc<PhotoFolder>, turn: Turn) -> Result<Self, PartError> {
        let path = folder.part(turn.upload());
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PartError::Busy,
            TryLockError::Error(error) => PartError::Disk(error),
        })?;
        // What a writer that was cut off left behind counts only once it is durable.
        file.sync_all()?;
        let durable = file.metadata()?.len();
        // The first byte is only written once the name is durable.
        if durable == 0 {
            folder.sync_uploads()?;
        }
        Ok(Self {
            folder: Arc::clone(folder),
            file,
            durable,
            scratch: None,
            turn,
        })
    }

    /// The upload's offset.
    pub(super) fn offset(&self) -> u64 {
        self.durable
    }

    /// Completes when a newer request wants the upload.
    pub(super) fn wanted(&self) -> impl Future<Output = ()> + use<> {
        self.turn.wanted()
    }

    /// From here on bytes are written beside, until [`Part::accept`].
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn distrust(&mut self) -> io::Result<()> {
        let path = self.folder.scratch(self.turn.upload());
        let file = locked(&path)?;
        self.scratch = Some((file, path));
        Ok(())
    }

    /// Writes bytes at the end. They count after [`Part::sync`] or [`Part::accept`].
    ///
    /// # Errors
    /// Of the file system; then everything since the last sync is dropped.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match &mut self.scratch {
            Some((scratch, _)) => scratch.write_all(bytes),
            None => self.file.write_all(bytes),
        };
        self.or_set_back(written)
    }

    /// Makes what was written durable, and gives the new offset. Bytes beside are dropped.
    ///
    /// # Errors
    /// Of the file system; then everything since the last sync is dropped.
    pub(super) fn sync(&mut self) -> io::Result<u64> {
        if let Some((_, path)) = self.scratch.take() {
            remove(&path)?;
        }
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        self.durable = self.or_set_back(synced)?.len();
        Ok(self.durable)
    }

    /// Appends the bytes beside, which have been verified; then as [`Part::sync`].
    ///
    /// # Errors
    /// Of the file system; then everything since the last sync is dropped.
    pub(super) fn accept(&mut self) -> io::Result<u64> {
        if let Some((mut scratch, path)) = self.scratch.take() {
            let appended = scratch
                .rewind()
                .and_then(|()| io::copy(&mut scratch, &mut self.file));
            remove(&path)?;
            self.or_set_back(appended)?;
        }
        self.sync()
    }

    /// After a failed write the disk may hold anything behind the durable length. A full
    /// disk keeps what was durable; after any other fault nothing is trusted any more, and
    /// the upload begins anew (RELIABILITY fault 8).
    fn or_set_back<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        let Err(error) = outcome else { return outcome };
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        let cut = full
            && self
                .file
                .set_len(self.durable)
                .and_then(|()| self.file.sync_all())
                .is_ok();
        if !cut {
            self.durable = 0;
            self.folder.drop_part(self.turn.upload())?;
        }
        Err(error)
    }
}

impl Drop for Part {
    /// Closing the file is not enough: a process that this one is just starting has a copy
    /// of it, and with it the lock, until it runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, upload = %self.turn.upload(), "a part stays locked");
        }
    }
}

#[cfg(test)]
mod tests;
