//! The data folder: what lies where, and how a file is made to survive a power failure.
//!
//! ```text
//! handheld.db        the store
//! secrets.json       keys and tokens, readable by the owner only
//! photos/<sha-256>   originals, as they were taken over
//! previews/<sha-256> small copies, named by their own hash
//! in-use.lock        held shared by every open handheld, alone while sweeping
//! sync.lock          held by the one process that syncs
//! reserve            space kept back for the last record
//! ```
//!
//! With a seal ([`crate::seal`]) the store, the secrets and the pictures are encrypted; a file
//! is written through [`Folder::write`] and read through [`Folder::reader`], which know.
//!
//! ```text
//! key.check          tells a wrong key from damage; only with a seal
//! lock.json          the PIN's hash, wrong tries, the limit on time without contact
//! wipe.json          a wipe that was begun, until the server has heard that it is done
//! key.lock           held while key or PIN is looked up or changed
//! ```

use crate::{error::Error, seal::Seal};
use gridcrew_sync_protocol::digest::Digest;
use serde::de::DeserializeOwned;
use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What a small file holds.
pub(crate) enum Small<T> {
    /// It is not there.
    None,
    /// What was written.
    Found(T),
    /// What nobody wrote.
    Damaged,
}

/// Whether reading failed because of what the file holds, or of the place where it lies.
fn is_damage(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
    kinds.contains(&error.kind())
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    seal: Option<Seal>,
}

impl Folder {
    /// Makes the folder and what is in it, for the owner's eyes only.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let folder = Self {
            root: root.to_owned(),
            seal: None,
        };
        for path in [root.to_owned(), folder.photos(), folder.previews()] {
            make_folder(&path)?;
        }
        sync_folder(root)?;
        Ok(folder)
    }

    /// The same folder, with everything in it sealed from now on.
    pub(crate) fn sealed(self, seal: Seal) -> Self {
        let seal = Some(seal);
        Self { seal, ..self }
    }

    pub(crate) fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// A content as it is to lie in the folder.
    pub(crate) fn as_kept<'c>(&self, content: &'c [u8]) -> Result<Cow<'c, [u8]>, Error> {
        match &self.seal {
            Some(seal) => Ok(Cow::Owned(seal.seal(content)?)),
            None => Ok(Cow::Borrowed(content)),
        }
    }

    /// Writes a whole file of the folder, as [`write_whole`] does.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        write_whole(path, &self.as_kept(content)?)
    }

    /// Reads a file of the folder from a position of its content on.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is sealed and was changed.
    pub(crate) fn reader(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(path)?;
        match &self.seal {
            Some(seal) => Ok(Box::new(seal.unseal(file, from)?)),
            None => {
                file.seek(SeekFrom::Start(from))?;
                Ok(Box::new(file))
            }
        }
    }

    /// The whole content of a file of the folder.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.reader(path, 0)?.read_to_end(&mut content)?;
        Ok(content)
    }

    /// Reads a small file that is always replaced whole.
    ///
    /// # Errors
    /// A disk or a system that fails for now.
    pub(crate) fn read_small<T: DeserializeOwned>(&self, path: &Path) -> Result<Small<T>, Error> {
        let read = self.read(path).and_then(|text| {
            serde_json::from_slice(&text)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        });
        match read {
            Ok(content) => Ok(Small::Found(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Small::None),
            Err(error) if is_damage(&error) => {
                tracing::error!(path = %path.display(), %error, "cannot be read");
                Ok(Small::Damaged)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Renames a damaged file to the first free `NAME.damaged-N`.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<(), Error> {
        let name = |number: u32| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".damaged-{number}"));
            PathBuf::from(name)
        };
        let number = (1..u32::MAX).find(|number| !name(*number).exists());
        fs::rename(path, name(number.unwrap_or(u32::MAX)))?;
        sync_folder(&self.root)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn wipe(&self) -> PathBuf {
        self.root.join("wipe.json")
    }

    pub(crate) fn lock_book(&self) -> PathBuf {
        self.root.join("lock.json")
    }

    pub(crate) fn key_check(&self) -> PathBuf {
        self.root.join("key.check")
    }

    /// The right to look up or change key and PIN; waits for another that has it.
    pub(crate) fn key_lock(&self) -> Result<File, Error> {
        let file = self.lock_file("key.lock")?;
        file.lock()?;
        Ok(file)
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

/// Makes a folder for the owner's eyes only, with those above it; the name of each that was
/// made survives a power failure.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_folder(above)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        // Another was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    sync_folder(above.unwrap_or(Path::new(".")))
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
