//! Photos, the second lane (I7): resumable uploads, the folder that holds them, previews.
//!
//! 1. A record with photos is pushed; [`record_promises`] writes down, in the same
//!    transaction, which photos it promises. Nothing else may be uploaded.
//! 2. The handheld begins an upload by tus 1.0 (`tus`). A row stands for it (`uploads`);
//!    its bytes grow in a part (`part`), whose synced length is the upload's offset. One
//!    request at a time writes, and a newer one ends an older (`turns`).
//! 3. When all bytes are there, they are verified against their hash, looked at (`picture`),
//!    moved to their place (`folder`), and then recorded as held (`held`): `completion`. A
//!    preview is written anew without metadata, and counts only until the original is held:
//!    then it is made of that, with the same stamp (`first`). What does not fit is dropped.
//! 4. The handheld asks which photos are held and may then forget its copies; people in
//!    scope look at previews and originals (`photos`). Whose a photo is, and so whose
//!    promise counts for either, says `owners`.
//! 5. Where else the photos of a trace are used, whatever handheld took them, says `looks`.
//! 6. After a kill, [`recover`] finishes what had come; [`clean_expired`] takes away what
//!    nobody finished.

mod completion;
mod first;
mod folder;
pub mod from_outside;
mod held;
mod looks;
mod owners;
mod part;
mod photos;
mod picture;
mod promise;
mod recovery;
pub mod rows;
mod turns;
mod tus;
mod uploads;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::jpeg;

pub use completion::{take_in, take_in_promised};
pub use folder::PhotoFolder;
pub use looks::elsewhere;
pub use promise::{PhotoCounts, Promise, counts, is_slot, promised_of_parked, record_promises};
pub use recovery::{Swept, clean_expired, clean_hourly, recover};

use crate::edge::Problem;
use gridcrew_sync_protocol::{digest::Digest, media::MediaKind};
use sea_orm::ConnectionTrait;
use std::{fs, io};
use utoipa_actix_web::service_config::ServiceConfig;

/// The routes of photos.
pub fn configure(config: &mut ServiceConfig) {
    tus::configure(config);
    photos::configure(config);
}

/// The bytes of an original, as they are on the disk now; none when it is not held or its
/// file is lost. Whoever hands them on compares them with the hash.
///
/// # Errors
/// A problem of the database or of the disk.
pub async fn original<C: ConnectionTrait>(
    db: &C,
    photos: &PhotoFolder,
    photo: Digest,
) -> Result<Option<Vec<u8>>, Problem> {
    let found = held::find(db, photo, MediaKind::Original).await?;
    let Some(found) = found else {
        return Ok(None);
    };
    let path = photos.object(found.digest);
    match blocking(move || fs::read(path)).await? {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// Runs work that blocks beside the executor.
async fn blocking<T, F>(work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)
}
