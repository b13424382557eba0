//! A file that did not exist before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A new file that only its owner may read, for it may hold personal data. It is removed
/// again unless it is written whole.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: File,
    whole: bool,
}

impl NewFile {
    /// Creates it, still empty.
    ///
    /// # Errors
    /// What the system says, also when there is such a file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            whole: false,
        })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.whole {
            // When it cannot be removed there is nothing more to be done about it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_whole_is_removed_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        drop(NewFile::create(&path).unwrap());
        assert!(!path.exists());
        NewFile::create(&path).unwrap().write(b"x").unwrap();
        assert!(NewFile::create(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
