//! From the last byte to "held".
//!
//! Whoever asks where an upload stands holds its turn. When all its bytes are there but it
//! is not yet held, because they just came or because the server was killed between them
//! and its answer, it is completed there and then: hash, look at the picture, move to its
//! place, record. So no one is ever told that everything has come before it is held.

use super::{
    blocking, first,
    folder::{PhotoFolder, digest_of, disk_problem},
    held::{self, Held},
    owners,
    part::{Part, PartError},
    picture::{self, PictureError},
    promise,
    turns::{self, Turn},
    uploads::{self, Claim, Upload},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::JournalId,
    media::{MediaKind, PictureFormat},
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Cursor},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::OwnedSemaphorePermit;

/// How far an upload is.
#[derive(Debug)]
pub(super) enum Standing {
    /// More bytes are to come, behind those that are there.
    Open(Part),
    /// It is held.
    Held,
}

impl Standing {
    /// The offset that the upload stands at: its length when it is held.
    pub(super) fn offset(&self, upload: &Upload) -> u64 {
        match self {
            Self::Open(part) => part.offset(),
            Self::Held => upload.claim.length,
        }
    }
}

/// Bytes that turned out to be what they should be.
enum Sound {
    Original(PictureFormat),
    /// As written anew.
    Preview(Vec<u8>),
}

/// Bytes that did not.
enum Unsound {
    /// They never will.
    Refused(Problem),
    /// The server could not tell.
    Failed(Problem),
}

impl From<io::Error> for Unsound {
    fn from(error: io::Error) -> Self {
        Self::Failed(disk_problem(&error))
    }
}

impl From<PictureError> for Unsound {
    fn from(error: PictureError) -> Self {
        match (error.code(), error) {
            (_, PictureError::Disk(error)) => error.into(),
            (Some(code), error) => Self::Refused(Problem::new(code, error.to_string())),
            (None, error) => Self::Failed(Problem::internal(error)),
        }
    }
}

/// Opens the bytes of an upload, beside the executor.
///
/// # Errors
/// `media.busy` when another server process writes to them, or a problem of the disk.
async fn open_part(app: &App, turn: Turn) -> Result<Part, Problem> {
    let photos = Arc::clone(&app.photos);
    blocking(move || Part::open(&photos, turn))
        .await?
        .map_err(|error| match error {
            PartError::Busy => turns::busy(),
            PartError::Disk(error) => disk_problem(&error),
        })
}

/// Whether a photo's original or preview is held, with its file, as far as the handheld's
/// person may know.
///
/// # Errors
/// A problem of the database.
async fn is_held(app: &App, upload: &Upload) -> Result<bool, Problem> {
    let claim = upload.claim;
    if claim.kind == MediaKind::Original {
        // Who does not have the bytes does not learn here that somebody else has: he brings
        // them like any.
        let own = owners::own(app.store.read(), upload.journal, &[claim.photo]).await?;
        if !own.contains(&claim.photo) {
            return Ok(false);
        }
    }
    let held = held::find(app.store.read(), claim.photo, claim.kind).await?;
    match held {
        Some(held) => has_file(app, held).await,
        None => Ok(false),
    }
}

/// Whether the file of what is held is there. The disk may be slow: beside the executor.
///
/// # Errors
/// When the server is stopping.
pub(super) async fn has_file(app: &App, held: Held) -> Result<bool, Problem> {
    let photos = Arc::clone(&app.photos);
    blocking(move || photos.has(held.digest, held.bytes)).await
}

/// Finds out how far an upload is, and completes it when all its bytes are there.
///
/// # Errors
/// `media.digest_mismatch`, `media.no_picture`, `media.too_many_pixels`: then the bytes are
/// dropped and the upload is ended. Or a problem of the disk or the database: then nothing
/// has changed.
pub(super) async fn stand(app: &App, upload: &Upload, turn: Turn) -> Result<Standing, Problem> {
    if is_held(app, upload).await? || adopt(app, upload).await? {
        return Ok(Standing::Held);
    }
    let part = open_part(app, turn).await?;
    finish(app, upload, part).await
}

/// Completes an upload if all its bytes are there.
///
/// # Errors
/// As [`stand`].
pub(super) async fn finish(app: &App, upload: &Upload, part: Part) -> Result<Standing, Problem> {
    if part.offset() < upload.claim.length {
        return Ok(Standing::Open(part));
    }
    complete(app, upload, &part).await?;
    Ok(Standing::Held)
}

/// Completes an upload whose bytes are all there; no one else touches its part meanwhile.
async fn complete(app: &App, upload: &Upload, _part: &Part) -> Result<(), Problem> {
    let claim = upload.claim;
    let (photos, id) = (Arc::clone(&app.photos), upload.id);
    let sound = match look(app, claim, photos.part(id)).await {
        Ok(sound) => sound,
        Err(Unsound::Failed(problem)) => return Err(problem),
        Err(Unsound::Refused(problem)) => {
            tracing::info!(upload = %id, code = %problem.code, "an upload is refused");
            uploads::end(app, id).await?;
            let dropped = blocking(move || photos.drop_part(id)).await?;
            dropped.map_err(|error| disk_problem(&error))?;
            return Err(problem);
        }
    };
    let kept = blocking(move || keep(&photos, id, claim, &sound)).await?;
    let kept = kept.map_err(|error| disk_problem(&error))?;
    held::record(app, kept, Some(upload.journal)).await?;
    let photos = Arc::clone(&app.photos);
    let dropped = blocking(move || photos.drop_part(id)).await?;
    dropped.map_err(|error| disk_problem(&error))
}

/// Records an original whose file came to its place before the server was killed.
async fn adopt(app: &App, upload: &Upload) -> Result<bool, Problem> {
    let claim = upload.claim;
    if claim.kind != MediaKind::Original {
        return Ok(false);
    }
    let photos = Arc::clone(&app.photos);
    if !blocking(move || photos.has(claim.digest, claim.length)).await? {
        return Ok(false);
    }
    match look(app, claim, app.photos.object(claim.digest)).await {
        Ok(Sound::Original(format)) => {
            let photos = Arc::clone(&app.photos);
            let synced = blocking(move || photos.sync_object(claim.digest)).await?;
            synced.map_err(|error| disk_problem(&error))?;
            // The file may be another's: who brought it is not known.
            held::record(app, original(claim, format), None).await?;
            is_held(app, upload).await
        }
        Ok(Sound::Preview(_)) | Err(Unsound::Refused(_)) => Ok(false),
        Err(Unsound::Failed(problem)) => Err(problem),
    }
}

fn original(claim: Claim, format: PictureFormat) -> Held {
    Held {
        photo: claim.photo,
        kind: MediaKind::Original,
        digest: claim.digest,
        bytes: claim.length,
        format,
        derived: false,
    }
}

/// Verifies the hash and looks at the picture, one at a time and beside the executor.
async fn look(app: &App, claim: Claim, path: PathBuf) -> Result<Sound, Unsound> {
    let permit = decoding(app).await.map_err(Unsound::Failed)?;
    let looked = tokio::task::spawn_blocking(move || {
        let looked = look_at(claim, &path);
        drop(permit);
        looked
    });
    looked.await.unwrap_or_else(|broken| {
        tracing::error!(%broken, photo = %claim.photo, "a picture broke its decoder");
        let detail = "The picture cannot be read.";
        Err(Unsound::Refused(Problem::new(Code::MediaNoPicture, detail)))
    })
}

fn look_at(claim: Claim, path: &Path) -> Result<Sound, Unsound> {
    if digest_of(path)? != claim.digest {
        let detail = "The bytes do not have the hash that was promised. They are dropped; \
                      begin the upload anew.";
        return Err(Unsound::Refused(Problem::new(Code::MediaDigest, detail)));
    }
    let file = BufReader::new(File::open(path)?);
    Ok(match claim.kind {
        MediaKind::Original => Sound::Original(picture::check(file)?),
        // Its handheld wrote on it already.
        MediaKind::Preview => Sound::Preview(picture::preview(file, &[])?),
    })
}

fn keep(photos: &PhotoFolder, id: uuid::Uuid, claim: Claim, sound: &Sound) -> io::Result<Held> {
    match sound {
        Sound::Original(format) => {
            photos.keep(&photos.part(id), claim.digest)?;
            Ok(original(claim, *format))
        }
        Sound::Preview(bytes) => Ok(Held {
            photo: claim.photo,
            kind: MediaKind::Preview,
            digest: photos.keep_bytes(id, bytes)?,
            bytes: bytes.len() as u64,
            format: PictureFormat::Jpeg,
            derived: false,
        }),
    }
}

/// Holds an original that did not come by an upload, such as the demonstration's.
///
/// # Errors
/// `media.no_picture`, `media.too_many_pixels`, or a problem of the disk or the database.
pub async fn take_in(app: &App, bytes: Vec<u8>) -> Result<Digest, Problem> {
    hold(app, bytes, None).await
}

async fn hold(app: &App, bytes: Vec<u8>, brought_by: Option<JournalId>) -> Result<Digest, Problem> {
    let (photos, scratch) = (Arc::clone(&app.photos), app.new_id());
    let kept = blocking(move || {
        let format = picture::check(Cursor::new(&bytes))?;
        let digest = photos.keep_bytes(scratch, &bytes)?;
        Ok(Held {
            photo: digest,
            kind: MediaKind::Original,
            digest,
            bytes: bytes.len() as u64,
            format,
            derived: false,
        })
    });
    let held = kept.await?.map_err(|unsound| match unsound {
        Unsound::Refused(problem) | Unsound::Failed(problem) => problem,
    })?;
    held::record(app, held, brought_by).await?;
    Ok(held.photo)
}

/// Holds an original that a handheld exported, if a record of one of these journals promises
/// it.
///
/// # Errors
/// `media.not_promised`, and as [`take_in`].
pub async fn take_in_promised(
    app: &App,
    journals: &BTreeSet<JournalId>,
    bytes: Vec<u8>,
) -> Result<Digest, Problem> {
    let photo = Digest::of(&bytes);
    for journal in journals {
        if promise::is_promised(app.store.read(), *journal, photo).await? {
            return hold(app, bytes, Some(*journal)).await;
        }
    }
    let detail = "No record of these handhelds promises the photo.";
    Err(Problem::new(Code::MediaNotPromised, detail))
}

/// Makes the preview of a photo whose original is held, and records it. Once begun it goes
/// on to its end, whether the client waits or not: else a client could have the same picture
/// decoded again and again, and leave each time.
///
/// # Errors
/// `not_found` when no preview can be made of it, or a problem of the disk or the database.
pub(super) async fn derive_preview(app: &App, original: Held) -> Result<Held, Problem> {
    let permit = decoding(app).await?;
    let this = app.clone();
    tokio::spawn(async move { derive(&this, original, permit).await })
        .await
        .map_err(Problem::internal)?
}

async fn decoding(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = Arc::clone(&app.photos.decoding).acquire_owned().await;
    permit.map_err(Problem::unavailable)
}

async fn derive(app: &App, original: Held, permit: OwnedSemaphorePermit) -> Result<Held, Problem> {
    let no_preview = |why: String| {
        let detail = format!("There is no preview of this photo. {why}");
        Problem::new(Code::NotFound, detail)
    };
    // While waiting, another request may have made it.
    if let Some(made) = held::find(app.store.read(), original.photo, MediaKind::Preview).await?
        && made.derived
        && has_file(app, made).await?
    {
        return Ok(made);
    }
    let lines = first::stamp(app.store.read(), original.photo).await?;
    let (photos, scratch) = (Arc::clone(&app.photos), app.new_id());
    let made = tokio::task::spawn_blocking(move || {
        let file = File::open(photos.object(original.digest))?;
        let bytes = picture::preview(BufReader::new(file), &lines)?;
        let digest = photos.keep_bytes(scratch, &bytes)?;
        Ok::<_, PictureError>((digest, bytes.len() as u64, permit))
    })
    .await;
    // The permit is kept until the preview is recorded: whoever comes next finds it.
    let (digest, bytes, _permit) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(PictureError::Disk(error))) => return Err(disk_problem(&error)),
        Ok(Err(other)) => return Err(no_preview(other.to_string())),
        Err(broken) => {
            tracing::error!(%broken, photo = %original.photo, "a picture broke its decoder");
            return Err(no_preview("It cannot be read.".to_owned()));
        }
    };
    let preview = Held {
        kind: MediaKind::Preview,
        digest,
        bytes,
        format: PictureFormat::Jpeg,
        derived: true,
        ..original
    };
    held::record(app, preview, None).await?;
    Ok(preview)
}
