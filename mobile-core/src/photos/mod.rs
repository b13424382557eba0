//! Photos on the device, from the picture that was taken to the file that may go.
//!
//! 1. [`take_over`] looks at the first bytes, copies the picture into the photo folder
//!    under the hash of its bytes, durably, and makes a [`preview`]. Only then is a record
//!    made that promises it: no row without a file.
//! 2. The sync sends it ([`crate::engine`]); [`check`] hashes the file before.
//! 3. [`sweep`] tidies what a crash left between the two steps of 1.
//! 4. [`thin`] removes originals that the server has held for 30 days, and nothing else.

mod preview;
mod sweep;

#[cfg(test)]
mod tests;

pub(crate) use sweep::sweep;

use crate::{
    clock::Random,
    error::Error,
    files::{Folder, sync_folder, write_whole},
    store::{Store, photos as rows, photos::Taken},
};
use gridcrew_sync_protocol::{
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

/// Takes a picture over into the photo folder. When this returns, the file is durable.
///
/// # Errors
/// [`Error::NoPicture`], [`Error::PictureTooLarge`], [`Error::Invalid`] when the file
/// cannot be read, or a disk that fails.
pub(crate) fn take_over(
    folder: &Folder,
    source: &Path,
    random: &dyn Random,
) -> Result<Taken, Error> {
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
    let digest = Digest::of(&content);
    keep(folder, digest, &content, random)?;
    let preview = match preview::make(&content, format) {
        Ok(small) => {
            let name = Digest::of(&small);
            write_whole(&folder.preview(name), &small)?;
            Ok((name, small.len() as u64))
        }
        Err(reason) => Err(reason),
    };
    Ok(Taken {
        digest,
        bytes,
        format: format.media_type(),
        preview,
    })
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
    let written = file.write_all(content).and_then(|()| {
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
pub(crate) fn check(path: &Path, digest: Digest) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(Digest(hasher.finalize().into()) == digest)
}

/// What thinning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Thinned {
    /// Originals removed.
    pub photos: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Removes the originals that the server has held for [`KEEP`]; their rows stay. `now` is
/// sure: by a wall clock that was set wrong, everything would be old.
pub(crate) fn thin(store: &mut Store, folder: &Folder, now: UnixMillis) -> Result<Thinned, Error> {
    let before = UnixMillis(now.0.saturating_sub(KEEP.0));
    let mut thinned = Thinned::default();
    store.write(|db| rows::date_held(db, now))?;
    for (digest, bytes) in rows::to_thin(store.read(), before)? {
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
    }
    Ok(thinned)
}
