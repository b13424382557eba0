//! What a start finds among the uploads, and what time takes away.
//!
//! After a kill the folder may know more than the database: bytes that came but were not
//! yet answered, an original that was moved but not yet recorded. Both are finished. What
//! no row knows is removed. Rows are written before files and removed before them, so a
//! file that was listed before the rows were read and has none is no one's.

use super::{
    blocking, completion,
    completion::Standing,
    folder::{Leftover, disk_problem, remove},
    uploads::{self, LIFETIME_MS, Upload},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::time::UnixMillis;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// How often uploads that nobody finished are taken away.
const CLEAN_EVERY: Duration = Duration::from_secs(60 * 60);

/// What was found and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files removed that belonged to nothing.
    pub removed: u64,
    /// Uploads completed.
    pub completed: u64,
    /// Uploads refused because their bytes were not what they should be.
    pub refused: u64,
    /// Rows of old uploads forgotten.
    pub forgotten: u64,
}

/// Brings folder and database together. To be called at start, before the first request.
///
/// # Errors
/// A problem of the disk or of the database.
pub async fn recover(app: &App) -> Result<Swept, Problem> {
    let mut swept = Swept::default();
    for leftover in leftovers(app).await? {
        match leftover {
            Leftover::Part(id) if uploads::find_any(app, id).await?.is_some() => {}
            Leftover::Part(id) => swept.removed += drop_idle(app, app.photos.part(id)).await?,
            Leftover::Scratch(id) => {
                swept.removed += drop_idle(app, app.photos.scratch(id)).await?;
            }
        }
    }
    for upload in uploads::all_unheld(app).await? {
        settle(app, &upload, &mut swept).await?;
    }
    if swept != Swept::default() {
        tracing::info!(?swept, "uploads recovered");
    }
    Ok(swept)
}

/// Drops the bytes of uploads whose time is over, and forgets their rows a lifetime later.
/// To be called every hour or so; several processes may.
///
/// # Errors
/// A problem of the disk or of the database.
pub async fn clean_expired(app: &App) -> Result<Swept, Problem> {
    let now = app.now();
    let mut swept = Swept::default();
    for leftover in leftovers(app).await? {
        let Leftover::Part(id) = leftover else {
            continue;
        };
        match uploads::find_any(app, id).await? {
            Some(upload) if upload.expires_at > now => {}
            Some(upload) => {
                // Bytes that all came are evidence, however late.
                if settle(app, &upload, &mut swept).await? {
                    swept.removed += drop_upload(app, id).await?;
                }
            }
            None => swept.removed += drop_idle(app, app.photos.part(id)).await?,
        }
    }
    let old = UnixMillis(now.0.saturating_sub(LIFETIME_MS));
    swept.forgotten = uploads::forget(app, old).await?;
    Ok(swept)
}

/// Calls [`clean_expired`] every hour until the process ends.
pub fn clean_hourly(app: App) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(CLEAN_EVERY).await;
            if let Err(problem) = clean_expired(&app).await {
                tracing::warn!(%problem, "old uploads could not be taken away");
            }
        }
    });
}

async fn leftovers(app: &App) -> Result<Vec<Leftover>, Problem> {
    let photos = Arc::clone(&app.photos);
    let found = blocking(move || photos.leftovers()).await?;
    found.map_err(|error| disk_problem(&error))
}

/// Completes an upload whose bytes are all there. True when it is settled how it stands;
/// false when someone works on it or the server cannot tell now.
async fn settle(app: &App, upload: &Upload, swept: &mut Swept) -> Result<bool, Problem> {
    let Some(turn) = app.photos.turns.take_idle(upload.id) else {
        return Ok(false);
    };
    match completion::stand(app, upload, turn).await {
        Ok(Standing::Held) => swept.completed += 1,
        Ok(Standing::Open(_)) => {}
        Err(problem) if problem.code.status() < 500 && problem.retry_after.is_none() => {
            swept.refused += 1;
        }
        Err(problem) => {
            tracing::warn!(upload = %upload.id, %problem, "an upload cannot be settled now");
            return Ok(false);
        }
    }
    Ok(true)
}

async fn drop_upload(app: &App, id: Uuid) -> Result<u64, Problem> {
    let Some(turn) = app.photos.turns.take_idle(id) else {
        return Ok(0);
    };
    let photos = Arc::clone(&app.photos);
    let dropped = blocking(move || {
        let dropped = photos.drop_part(id);
        drop(turn);
        dropped
    });
    dropped.await?.map_err(|error| disk_problem(&error))?;
    Ok(1)
}

/// Removes a file unless another server process works on it.
async fn drop_idle(app: &App, path: PathBuf) -> Result<u64, Problem> {
    let photos = Arc::clone(&app.photos);
    let dropped = blocking(move || {
        let dropped = remove_idle(&path)?;
        photos.sync_uploads()?;
        Ok(dropped)
    });
    dropped
        .await?
        .map_err(|error: io::Error| disk_problem(&error))
}

fn remove_idle(path: &Path) -> io::Result<u64> {
    match File::open(path) {
        Ok(file) if file.try_lock().is_ok() => remove(path).map(|()| 1),
        Ok(_) => Ok(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
