//! Photos on the device, from the picture that was taken to the file that may go.
//!
//! 1. [`Taking::take_over`] looks at the first bytes, reads the [`exif`], decodes the
//!    [`picture`], copies the bytes into the photo folder under their hash, durably, and
//!    makes a preview with a [`gridcrew_sync_protocol::stamp`], all by [`policy`]. Only then is a record made that
//!    promises it: no row without a file. A photo is never refused for its EXIF or because
//!    it cannot be decoded: it is kept, and says why it has no preview.
//! 2. The sync sends it ([`crate::engine`]); [`check`] hashes the file before.
//! 3. [`sweep`] tidies what a crash left between the two steps of 1; after a damaged store was
//!    replaced, [`adopt`] makes the rows that were lost instead.
//! 4. [`thin`] removes originals that the server had held for 30 days when it was heard last,
//!    [`make_room`] those that it has held for less when space is short; nothing else is ever
//!    removed, and nothing at all while what the server was heard to hold may be void.

mod adopt;
pub(crate) mod exif;
mod picture;
pub(crate) mod policy;
mod sweep;

#[cfg(test)]
mod tests;

pub(crate) use adopt::adopt;
pub(crate) use sweep::sweep;

use self::{
    exif::ExifFacts,
    picture::Picture,
    policy::{PhotoPolicy, SentOriginal},
};
use crate::{
    clock::Random,
    error::Error,
    files::{Folder, sync_folder},
    store::{Store, identity, photos as rows, photos::Taken},
};
use gridcrew_sync_protocol::{
    claims::{CameraOriginal, NoPreview, PhotoClaim},
    digest::Digest,
    media::{MAX_ORIGINAL_BYTES, PictureFormat},
    time::{Millis, UnixMillis},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How long an original stays after the server said that it holds it: a server restored
/// from a backup may ask for it again (RELIABILITY P7).
pub(crate) const KEEP: Millis = Millis(30 * 24 * 60 * 60 * 1000);

/// How pictures are taken over.
#[derive(Clone, Copy)]
pub(crate) struct Taking<'t> {
    pub(crate) folder: &'t Folder,
    pub(crate) random: &'t dyn Random,
    pub(crate) policy: PhotoPolicy,
    /// What is written on previews.
    pub(crate) stamp: &'t [String],
}

impl Taking<'_> {
    /// Takes a picture over into the photo folder. When this returns, the file is durable.
    ///
    /// # Errors
    /// [`Error::NoPicture`], [`Error::PictureTooLarge`], [`Error::Invalid`] when the file
    /// cannot be read, or a disk that fails.
    pub(crate) fn take_over(&self, source: &Path) -> Result<Taken, Error> {
        let (content, format) = read(source)?;
        let policy = self.policy.within_bounds();
        let facts = ExifFacts::read(&content);
        let needed = match policy.sent {
            SentOriginal::AsTaken => policy.preview_side,
            SentOriginal::Smaller { side, .. } => side.max(policy.preview_side),
        };
        let decoded = picture::decode(&content, format, &facts, needed);
        let mut claim = PhotoClaim {
            taken_at: facts.taken_at,
            gnss_at: facts.gnss_at,
            place: facts.place,
            look: decoded.as_ref().ok().and_then(picture::look),
            ..PhotoClaim::default()
        };
        let smaller = decoded
            .as_ref()
            .ok()
            .and_then(|picture| smaller(picture, policy.sent, content.len()));
        let (sent, format) = match smaller {
            Some(smaller) => {
                claim.camera = Some(CameraOriginal {
                    digest: Digest::of(&content),
                    bytes: content.len() as u64,
                });
                (smaller, PictureFormat::Jpeg)
            }
            None => (content, format),
        };
        let digest = Digest::of(&sent);
        keep(self.folder, digest, &sent, self.random)?;
        let lines = if policy.stamp { self.stamp } else { &[] };
        let small = decoded.and_then(|picture| picture::preview(&picture, &policy, lines));
        let preview = match small {
            Ok(small) => Ok(self.keep_preview(&small)?),
            Err(why) => {
                claim.no_preview = Some(why);
                Err(why)
            }
        };
        Ok(Taken {
            digest,
            bytes: sent.len() as u64,
            format: format.media_type(),
            preview,
            claim,
        })
    }

    fn keep_preview(&self, small: &[u8]) -> Result<(Digest, u64), Error> {
        let name = Digest::of(small);
        self.folder.write(&self.folder.preview(name), small)?;
        Ok((name, small.len() as u64))
    }
}

/// What is read of a picture and made of it when it is taken over: its preview.
///
/// # Errors
/// Why there is none.
pub(crate) fn preview_of(content: &[u8], format: PictureFormat) -> Result<Vec<u8>, NoPreview> {
    let policy = PhotoPolicy::default();
    let facts = ExifFacts::read(content);
    let picture = picture::decode(content, format, &facts, policy.preview_side)?;
    picture::look(&picture);
    picture::preview(&picture, &policy, &[])
}

/// What is sent instead of the camera's file, where the policy says so and it is fewer bytes.
/// Only a picture that was decoded itself may be replaced.
fn smaller(picture: &Picture, sent: SentOriginal, bytes: usize) -> Option<Vec<u8>> {
    let SentOriginal::Smaller { side, quality } = sent else {
        return None;
    };
    let smaller: Result<Vec<u8>, NoPreview> = picture::smaller(picture, side, quality);
    smaller
        .ok()
        .filter(|smaller| picture.whole && smaller.len() < bytes)
}

/// Reads a picture whose first bytes are of an allowed kind and which is not too large.
fn read(source: &Path) -> Result<(Vec<u8>, PictureFormat), Error> {
    let unreadable =
        |error: io::Error| Error::Invalid(format!("{} cannot be read: {error}", source.display()));
    let mut input = File::open(source).map_err(unreadable)?;
    let mut head = [0u8; 12];
    let head_length = read_some(&mut input, &mut head).map_err(unreadable)?;
    let head = head.get(..head_length).unwrap_or_default();
    let format = PictureFormat::of_head(head).ok_or_else(|| Error::NoPicture(source.to_owned()))?;
    let length = input.metadata().map_err(unreadable)?.len();
    let too_large = |bytes: u64| Error::PictureTooLarge {
        path: source.to_owned(),
        bytes,
    };
    if length > MAX_ORIGINAL_BYTES {
        return Err(too_large(length));
    }
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    content.extend_from_slice(head);
    input
        .take(MAX_ORIGINAL_BYTES)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    let bytes = content.len() as u64;
    if bytes > MAX_ORIGINAL_BYTES {
        return Err(too_large(bytes));
    }
    Ok((content, format))
}

/// Part file, sync, rename, sync of the folder (RELIABILITY table 0.2).
fn keep(folder: &Folder, digest: Digest, content: &[u8], random: &dyn Random) -> Result<(), Error> {
    let mut name = [0u8; 8];
    random.fill(&mut name);
    let part = folder.photos().join(format!("{}.part", hex::encode(name)));
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Write(&part))?;
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&part)?;
    let kept = folder.as_kept(content)?;
    let written = file.write_all(&kept).and_then(|()| {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::FileNotSynced) {
            return Ok(());
        }
        #[cfg(feature = "simulated")]
        crate::disk::before(crate::disk::Operation::SyncFile(&part))?;
        file.sync_all()
    });
    if let Err(error) = written {
        // Nothing was promised yet; what is left of the part is swept at the next opening.
        drop(fs::remove_file(&part));
        return Err(error.into());
    }
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Rename(&folder.photo(digest)))?;
    fs::rename(&part, folder.photo(digest))?;
    sync_folder(&folder.photos())
}

fn read_some(input: &mut File, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..)
        && !rest.is_empty()
    {
        match input.read(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Whether a file is still what it was named after.
pub(crate) fn check(folder: &Folder, path: &Path, digest: Digest) -> io::Result<bool> {
    match digest_of(folder, path) {
        Ok(found) => Ok(found == digest),
        Err(error) => match error.kind() {
            // Gone, or sealed and changed.
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData => Ok(false),
            _ => Err(error),
        },
    }
}

fn digest_of(folder: &Folder, path: &Path) -> io::Result<Digest> {
    let mut file = folder.reader(path, 0)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// What thinning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Thinned {
    /// Originals removed.
    pub photos: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Thinned {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            photos: self.photos.saturating_add(other.photos),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Removes the originals that the server has held for [`KEEP`], counted up to the last word
/// from it; their rows stay. A server that was restored since then may lack them, and nobody
/// here knows before it is heard again. `now` is sure: by a wall clock that was set wrong,
/// everything would be old.
pub(crate) fn thin(store: &mut Store, folder: &Folder, now: UnixMillis) -> Result<Thinned, Error> {
    let mut thinned = Thinned::default();
    let Some(contact) = identity::anchor(store.read())? else {
        return Ok(thinned);
    };
    if !may_thin(store)? {
        return Ok(thinned);
    }
    let heard = contact.server_time.min(now);
    let before = UnixMillis(heard.0.saturating_sub(KEEP.0));
    store.write(|db| rows::date_held(db, now))?;
    for (digest, bytes) in rows::to_thin(store.read(), Some(before))? {
        remove(store, folder, (digest, bytes), now, &mut thinned)?;
    }
    Ok(thinned)
}

/// Removes originals that the server holds, the oldest first, while `short` says that space
/// is short; never one that it was not heard to hold (DOMAIN section 7, row 25).
pub(crate) fn make_room(
    store: &mut Store,
    folder: &Folder,
    now: UnixMillis,
    short: impl Fn() -> bool,
) -> Result<Thinned, Error> {
    let mut thinned = Thinned::default();
    if !short() || !may_thin(store)? {
        return Ok(thinned);
    }
    for photo in rows::to_thin(store.read(), None)? {
        if !short() {
            break;
        }
        remove(store, folder, photo, now, &mut thinned)?;
    }
    Ok(thinned)
}

/// Whether what the server was heard to hold counts. A server that was restored from a backup
/// lacks the photos that came after it, and is told so only by the next sync.
fn may_thin(store: &Store) -> Result<bool, Error> {
    let identity = identity::get(store.read())?;
    Ok(!identity.is_some_and(|identity| identity.doubts_what_is_held()))
}

fn remove(
    store: &mut Store,
    folder: &Folder,
    (digest, bytes): (Digest, u64),
    now: UnixMillis,
    thinned: &mut Thinned,
) -> Result<(), Error> {
    // The row first: a row that says the file is gone while it is not costs a sweep, a
    // row that expects a file that is gone would be a loss.
    store.write(|db| rows::set_thinned(db, digest, now))?;
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Remove(&folder.photo(digest)))?;
    match fs::remove_file(folder.photo(digest)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    thinned.photos = thinned.photos.saturating_add(1);
    thinned.bytes = thinned.bytes.saturating_add(bytes);
    Ok(())
}
