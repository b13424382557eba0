//! The folder of an export while it is written: every file with the hash of its bytes.

use crate::edge::Problem;
use gridcrew_sync_protocol::{code::Code, digest::Digest};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

/// A folder that is being filled.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    still: StillWanted,
    files: BTreeMap<String, Digest>,
}

/// Kept by whoever waits for a folder to be written.
#[derive(Debug)]
pub struct Wanted {
    _alive: Arc<()>,
}

/// Tells whether somebody still keeps the [`Wanted`].
#[derive(Clone, Debug)]
pub struct StillWanted(Weak<()>);

impl Wanted {
    /// A pair: to keep, and to look at.
    #[must_use]
    pub fn new() -> (Self, StillWanted) {
        let wanted = Arc::new(());
        let still = StillWanted(Arc::downgrade(&wanted));
        (Self { _alive: wanted }, still)
    }
}

/// A file that grows.
#[derive(Debug)]
pub struct Growing {
    name: String,
    file: File,
    hash: Sha256,
}

impl Folder {
    /// Makes the folder `root`, which must be empty or not exist.
    ///
    /// # Errors
    /// `conflict` when it is not empty, or a problem of the file system.
    pub async fn create(root: &Path, still: StillWanted) -> Result<Self, Problem> {
        fs::create_dir_all(root).await.map_err(of_disk)?;
        let mut inside = fs::read_dir(root).await.map_err(of_disk)?;
        if inside.next_entry().await.map_err(of_disk)?.is_some() {
            let detail = format!("The folder {} is not empty.", root.display());
            return Err(Problem::new(Code::Conflict, detail));
        }
        Ok(Self {
            root: root.to_owned(),
            still,
            files: BTreeMap::new(),
        })
    }

    /// The files that were written, with their hashes.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Digest> {
        &self.files
    }

    /// Writes a file whole.
    ///
    /// # Errors
    /// A problem of the file system.
    pub async fn put(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Problem> {
        let mut file = self.begin(name).await?;
        file.write(&bytes).await?;
        self.end(file).await
    }

    /// Begins a file.
    ///
    /// # Errors
    /// `unavailable` when nobody wants the folder any more, or a problem of the file system.
    pub async fn begin(&self, name: &str) -> Result<Growing, Problem> {
        if self.still.0.strong_count() == 0 {
            return Err(Problem::unavailable("an export that nobody waits for"));
        }
        let path = self.root.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(of_disk)?;
        }
        Ok(Growing {
            name: name.to_owned(),
            file: File::create_new(path).await.map_err(of_disk)?,
            hash: Sha256::new(),
        })
    }

    /// Ends a file: its bytes are durable afterwards.
    ///
    /// # Errors
    /// A problem of the file system.
    pub async fn end(&mut self, mut file: Growing) -> Result<(), Problem> {
        file.file.flush().await.map_err(of_disk)?;
        file.file.sync_all().await.map_err(of_disk)?;
        let hash = Digest(file.hash.finalize().into());
        self.files.insert(file.name, hash);
        Ok(())
    }
}

impl Growing {
    /// Appends bytes.
    ///
    /// # Errors
    /// A problem of the file system.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.hash.update(bytes);
        self.file.write_all(bytes).await.map_err(of_disk)
    }
}

fn of_disk(error: io::Error) -> Problem {
    if error.kind() == io::ErrorKind::StorageFull {
        return Problem::new(Code::StorageFull, "The disk is full.");
    }
    Problem::internal(error)
}
