//! Folders for exports that are being sent: below `exports/` in the data folder, readable
//! by the owner only, removed when they were sent or given up. What a kill leaves behind
//! goes at the next start or within the hour after.

use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often is looked for what was left behind.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// Exports that began longer ago are left behind.
const LEFT_BEHIND: Millis = Millis(3_600_000);

/// A folder that goes when it is not needed any more.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A name for a new folder. It belongs to the task that writes it and then to the reply
    /// that sends it, so that it goes however these end.
    ///
    /// # Errors
    /// `internal`, when the folder around it cannot be made.
    pub(super) fn make(app: &App) -> Result<Self, Problem> {
        let exports = folder(app);
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&exports).map_err(Problem::internal)?;
        Ok(Self(exports.join(app.new_id().to_string())))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        tokio::task::spawn_blocking(move || {
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
    if now.since(made) > LEFT_BEHIND {
        fs::remove_dir_all(path)
    } else {
        Ok(())
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

    #[test]
    fn a_folder_that_goes_while_it_is_looked_at_is_no_fault() {
        let data = tempfile::tempdir().unwrap();
        let gone = data.path().join("gone");
        assert!(remove_if_old(&gone, UnixMillis(0)).is_err());
        assert!(unless_gone(remove_if_old(&gone, UnixMillis(0))).is_ok());
    }
}
