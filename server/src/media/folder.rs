//! The folder of photos: `photos/ab/cd/<hash>` for what is held, `uploads/` for what is on
//! its way. Processes that share a database share this folder.
//!
//! Nothing is said to be held before it survives a power cut: written and synced beside,
//! verified, renamed to its place, folders synced, and only then recorded (RELIABILITY 0.2).
//! Names of files come from hashes and ids, never from input (T9). Everything here blocks;
//! callers run it beside the executor.

use super::turns::Turns;
use crate::edge::Problem;
use gridcrew_sync_protocol::{code::Code, digest::Digest};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How much is read at a time.
const BLOCK: usize = 128 * 1024;

/// The folder of photos and uploads, and who works on what in it.
#[derive(Debug)]
pub struct PhotoFolder {
    photos: PathBuf,
    uploads: PathBuf,
    /// One writer an upload.
    pub(super) turns: Arc<Turns>,
    /// Pictures are looked into one at a time, whatever memory one may take (T10). The work
    /// itself keeps the permit: it goes on when the request that began it is gone.
    pub(super) decoding: Arc<Semaphore>,
}

/// A file among the uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leftover {
    /// The bytes of an upload.
    Part(Uuid),
    /// A chunk that was not verified, or bytes that were not moved to their place.
    Scratch(Uuid),
}

impl PhotoFolder {
    /// Opens the folder below `data`, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let (photos, uploads) = (data.join("photos"), data.join("uploads"));
        fs::create_dir_all(&photos)?;
        fs::create_dir_all(&uploads)?;
        sync_folder(data)?;
        Ok(Self {
            photos,
            uploads,
            turns: Arc::default(),
            decoding: Arc::new(Semaphore::new(1)),
        })
    }

    /// The file of an upload's bytes.
    pub(super) fn part(&self, upload: Uuid) -> PathBuf {
        self.uploads.join(format!("{upload}.part"))
    }

    /// The file of bytes of an upload that are not yet trusted or not yet in place.
    pub(super) fn scratch(&self, upload: Uuid) -> PathBuf {
        self.uploads.join(format!("{upload}.scratch"))
    }

    /// The file of what is held.
    pub(super) fn object(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let (first, second) = (name.get(..2), name.get(2..4));
        self.photos
            .join(first.unwrap_or_default())
            .join(second.unwrap_or_default())
            .join(name)
    }

    /// Whether the bytes are there, in their full length.
    pub(super) fn has(&self, digest: Digest, bytes: u64) -> bool {
        fs::metadata(self.object(digest)).is_ok_and(|file| file.is_file() && file.len() == bytes)
    }

    /// Moves a synced file among the uploads to the place of what is held.
    ///
    /// # Errors
    /// Of the file system; then either name is good for another try.
    pub(super) fn keep(&self, file: &Path, digest: Digest) -> io::Result<()> {
        let place = self.object(digest);
        fs::create_dir_all(place.parent().unwrap_or(&self.photos))?;
        fs::rename(file, &place)?;
        self.sync_object(digest)?;
        self.sync_uploads()
    }

    /// Makes what is at its place durable there: a kill or a failing disk may have come
    /// between the move and this.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn sync_object(&self, digest: Digest) -> io::Result<()> {
        let place = self.object(digest);
        let folder = place.parent().unwrap_or(&self.photos);
        sync_folder(folder)?;
        sync_folder(folder.parent().unwrap_or(&self.photos))?;
        sync_folder(&self.photos)
    }

    /// Writes bytes that were made here to the place of what is held.
    ///
    /// # Errors
    /// Of the file system; then nothing is at the place.
    pub(super) fn keep_bytes(&self, scratch: Uuid, bytes: &[u8]) -> io::Result<Digest> {
        let path = self.scratch(scratch);
        let digest = Digest::of(bytes);
        let mut file = locked(&path)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| self.keep(&path, digest)) {
            remove(&path)?;
            return Err(error);
        }
        Ok(digest)
    }

    /// Drops the bytes of an upload.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn drop_part(&self, upload: Uuid) -> io::Result<()> {
        remove(&self.scratch(upload))?;
        remove(&self.part(upload))
    }

    /// Makes the names among the uploads durable.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn sync_uploads(&self) -> io::Result<()> {
        sync_folder(&self.uploads)
    }

    /// What lies among the uploads. Files with other names are none of ours and stay.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.uploads)? {
            let name = entry?.file_name();
            let Some((id, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            match (Uuid::parse_str(id), kind) {
                (Ok(id), "part") => found.push(Leftover::Part(id)),
                (Ok(id), "scratch") => found.push(Leftover::Scratch(id)),
                _ => tracing::warn!(?name, "a foreign file among the uploads"),
            }
        }
        Ok(found)
    }
}

/// The hash of a file, read block by block.
///
/// # Errors
/// Of the file system.
pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        let read = file.read(&mut block)?;
        match block.get(..read) {
            Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
            _ => return Ok(Digest(hasher.finalize().into())),
        }
    }
}

/// Removes a file, if there is one.
///
/// # Errors
/// Of the file system.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Begins a file anew, locked for as long as it is open: another process that starts meanwhile
/// looks for what was left behind, and takes what is not locked.
///
/// # Errors
/// Of the file system.
pub(super) fn locked(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    loop {
        let file = options.open(path)?;
        file.lock()?;
        // Between the two it may have been taken for one that was left behind.
        if is_at(&file, path)? {
            file.set_len(0)?;
            return Ok(file);
        }
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let name = |of: fs::Metadata| (of.dev(), of.ino());
    match fs::metadata(path) {
        Ok(there) => Ok(name(there) == name(file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What a failing disk means to the caller.
pub(super) fn disk_problem(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Problem {
            retry_after: Some(60),
            ..Problem::new(
                Code::StorageFull,
                "The server's disk is full. What it had of the upload before, it still has.",
            )
        },
        _ => Problem::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_where_its_hash_says_and_nothing_is_left_beside() {
        let data = tempfile::tempdir().unwrap();
        let folder = PhotoFolder::open(data.path()).unwrap();
        let digest = folder.keep_bytes(Uuid::from_u128(1), b"bytes").unwrap();
        assert_eq!(digest, Digest::of(b"bytes"));
        assert!(folder.has(digest, 5));
        assert!(!folder.has(digest, 6));
        assert_eq!(digest_of(&folder.object(digest)).unwrap(), digest);
        assert_eq!(folder.leftovers().unwrap(), []);
        // Again is no fault: another handheld may send the same.
        assert_eq!(
            folder.keep_bytes(Uuid::from_u128(2), b"bytes").unwrap(),
            digest
        );
    }

    #[test]
    fn foreign_files_among_the_uploads_are_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let folder = PhotoFolder::open(data.path()).unwrap();
        let id = Uuid::from_u128(7);
        for name in ["notes.txt", "x.part", ".part", &format!("{id}.part")] {
            fs::write(data.path().join("uploads").join(name), b"x").unwrap();
        }
        assert_eq!(folder.leftovers().unwrap(), [Leftover::Part(id)]);
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(disk_problem(&full).code, Code::StorageFull);
        let broken = io::Error::other("bad sector");
        assert_eq!(disk_problem(&broken).code, Code::Internal);
    }
}
