//! After a damaged store was replaced: rows for the photos that lie in the folder and for
//! those that the saved records promise.
//!
//! A file whose row was lost is queued; of a photo that is promised and not here, the server
//! is asked. A photo whose record was lost too is promised by nobody here: it is sent all the
//! same, and the server, which may hold that record, decides. While a file cannot be read, all
//! of this is done again at each opening, and nothing is removed.

use crate::{
    error::Error,
    files::Folder,
    store::{Store, facts, journal, photos as rows},
};
use gridcrew_sync_protocol::{
    claims::photos_of, digest::Digest, journal::Entry, media::PictureFormat, time::UnixMillis,
};
use std::{fs, io, str::FromStr};

/// Makes the rows; gives a line for everything done.
pub(crate) fn adopt(
    store: &mut Store,
    folder: &Folder,
    now: UnixMillis,
) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let mut sure = true;
    for item in fs::read_dir(folder.photos())? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(digest) = name.and_then(|name| Digest::from_str(name).ok()) else {
            continue;
        };
        if rows::has_row(store.read(), digest)? {
            continue;
        }
        match folder.read(&path) {
            Ok(content) if Digest::of(&content) == digest => {
                let format = PictureFormat::of_head(content.get(..12).unwrap_or_default());
                let format = format.unwrap_or(PictureFormat::Jpeg).media_type();
                let bytes = content.len() as u64;
                store.write(|db| rows::adopt(db, digest, bytes, format, now))?;
                lines.push(format!("photo {digest}: taken up again"));
            }
            Ok(_) => sure = false,
            Err(error) => {
                sure &= error.kind() == io::ErrorKind::NotFound;
                tracing::warn!(photo = %digest, %error, "cannot be read");
            }
        }
    }
    promised(store, folder, now)?;
    if sure {
        store.write(|db| facts::set_photos_unsure(db, false))?;
    }
    Ok(lines)
}

/// What the records promise stands beside the photos again.
fn promised(store: &mut Store, folder: &Folder, now: UnixMillis) -> Result<(), Error> {
    store.write(|db| {
        journal::each(db, |id, bytes| {
            let Ok(Entry::Record(record)) = Entry::from_bytes(bytes) else {
                return Ok(());
            };
            for photo in photos_of(&record.event) {
                if !rows::has_row(db, photo.digest)? {
                    rows::expect(db, photo, folder.photo(photo.digest).exists(), now)?;
                }
                rows::add_use(db, photo.digest, id, &photo.slot, record.order)?;
            }
            Ok(())
        })
    })
}
