//! Folders for exports that are being sent: below `exports/` in the data folder, readable
//! by the owner only, removed when they were sent or given up. One that is being written or
//! sent is locked, however long that takes. What a kill leaves behind goes at the next start
//! or within the hour after.

use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often is looked for what was left behind.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// Exports that began longer ago are left behind.
const LEFT_BEHIND: Millis = Millis(3_600_000);

/// A folder that goes when it is not needed any more, locked until then.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    lock: Option<File>,
}

impl Scratch {
    /// A new, empty folder. It belongs to the task that writes it and then to the reply
    /// that sends it, so that it goes however these end.
    ///
    /// # Errors
    /// `internal`, when the folder around it cannot be made.
    pub(super) fn make(app: &App) -> Result<Self, Problem> {
        let exports = folder(app);
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&exports).map_err(Problem::internal)?;
        Self::at(exports.join(app.new_id().to_string())).map_err(Problem::internal)
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = File::open(&path)?;
        lock.lock()?;
        Ok(Self {
            path,
            lock: Some(lock),
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (folder, lock) = (std::mem::take(&mut self.path), self.lock.take());
        tokio::task::spawn_blocking(move || {
            let _until_it_is_gone = lock;
            if let Err(error) = unless_gone(fs::remove_dir_all(&folder)) {
                tracing::warn!(%error, folder = %folder.display(), "an export is left behind");
            }
        });
    }
}

fn folder(app: &App) -> PathBuf {
    app.config.data.join("exports")
}

/// Removes the exports that were left behind. What cannot be removed is logged and tried
/// again the next time.
///
/// # Errors
/// `internal`, when the folder of exports cannot be read.
pub async fn sweep(app: &App) -> Result<(), Problem> {
    let (exports, now) = (folder(app), app.now());
    tokio::task::spawn_blocking(move || remove_left_behind(&exports, now))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)
}

fn remove_left_behind(exports: &Path, now: UnixMillis) -> io::Result<()> {
    let found = match fs::read_dir(exports) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    for entry in found {
        let path = entry?.path();
        // Another export may end meanwhile and take its folder with it.
        if let Err(error) = unless_gone(remove_if_old(&path, now)) {
            tracing::warn!(%error, folder = %path.display(), "an export is left behind");
        }
    }
    Ok(())
}

fn remove_if_old(path: &Path, now: UnixMillis) -> io::Result<()> {
    let made = fs::metadata(path)?.modified()?;
    let made = made
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let made = UnixMillis(i64::try_from(made.as_millis()).unwrap_or(i64::MAX));
    if now.since(made) <= LEFT_BEHIND {
        return Ok(());
    }
    match File::open(path)?.try_lock() {
        Ok(()) => fs::remove_dir_all(path),
        // It is still being sent.
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn unless_gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(than: &Path, by: i64) -> UnixMillis {
        let made = fs::metadata(than).unwrap().modified().unwrap();
        let made = made.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        UnixMillis(i64::try_from(made.as_millis()).unwrap() + by)
    }

    #[test]
    fn what_was_left_behind_goes_after_an_hour_and_not_before() {
        let data = tempfile::tempdir().unwrap();
        let exports = data.path().join("exports");
        remove_left_behind(&exports, UnixMillis(0)).unwrap();
        let left = exports.join("left");
        fs::create_dir_all(left.join("photos")).unwrap();
        remove_left_behind(&exports, later(&left, LEFT_BEHIND.0)).unwrap();
        assert!(left.exists());
        remove_left_behind(&exports, later(&left, LEFT_BEHIND.0 + 1)).unwrap();
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn what_is_still_being_sent_stays_however_old() {
        let data = tempfile::tempdir().unwrap();
        let scratch = Scratch::at(data.path().join("sent")).unwrap();
        let much_later = later(scratch.path(), 10 * LEFT_BEHIND.0);
        remove_left_behind(data.path(), much_later).unwrap();
        assert!(scratch.path().exists());
        let path = scratch.path().to_owned();
        drop(scratch.lock.as_ref().map(File::unlock));
        remove_left_behind(data.path(), much_later).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_goes_while_it_is_looked_at_is_no_fault() {
        let data = tempfile::tempdir().unwrap();
        let gone = data.path().join("gone");
        assert!(remove_if_old(&gone, UnixMillis(0)).is_err());
        assert!(unless_gone(remove_if_old(&gone, UnixMillis(0))).is_ok());
    }
}
