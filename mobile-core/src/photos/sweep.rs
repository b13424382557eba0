//! Tidying after a crash between copying a picture and recording what promises it.
//!
//! Done at opening, while no other process uses the folder. A stray part file whose bytes
//! are a photo that a record promises and whose file is missing is adopted; any other
//! stray file is of a call that never returned, so nothing was promised: it is removed.
//! Everything done is listed for the person. Previews that no photo has any more go too.

use super::check;
use crate::{
    error::Error,
    files::{Folder, sync_folder},
    store::{Store, photos as rows},
};
use gridcrew_sync_protocol::digest::Digest;
use std::{fs, io, str::FromStr};

/// Tidies; gives a line for everything done.
pub(crate) fn sweep(store: &Store, folder: &Folder) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for item in fs::read_dir(folder.photos())? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let named = name.and_then(|name| Digest::from_str(name).ok());
        if let Some(digest) = named {
            let expected = rows::expected(store.read(), digest)?;
            #[cfg(feature = "planted")]
            let expected = expected && !crate::planted::on(crate::planted::Bug::SweptAway);
            if !expected {
                fs::remove_file(&path)?;
                lines.push(format!("photo {digest}: no record promises it; removed"));
            }
        } else if name.is_some_and(|name| name.ends_with(".part")) {
            // What cannot be read now may be read another time: it stays.
            let content = match folder.read(&path) {
                Ok(content) => content,
                // Torn while it was sealed.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Vec::new(),
                Err(error) => {
                    tracing::warn!(part = %path.display(), %error, "cannot be read");
                    continue;
                }
            };
            let digest = Digest::of(&content);
            let wanted = rows::expected(store.read(), digest)?;
            if wanted && !check(folder, &folder.photo(digest), digest).unwrap_or(false) {
                fs::rename(&path, folder.photo(digest))?;
                lines.push(format!("photo {digest}: adopted from a part file"));
            } else {
                fs::remove_file(&path)?;
                lines.push(format!("part file {}: removed", path.display()));
            }
        }
    }
    if !lines.is_empty() {
        sync_folder(&folder.photos())?;
    }
    sweep_previews(store, folder)?;
    Ok(lines)
}

/// Removes the previews of photos that came to no record: nobody is told, since they were
/// made here and can be made again.
fn sweep_previews(store: &Store, folder: &Folder) -> Result<(), Error> {
    let known = rows::previews(store.read())?;
    let mut removed = 0u32;
    for item in fs::read_dir(folder.previews())? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_stray = name.is_some_and(|name| match Digest::from_str(name) {
            Ok(digest) => !known.contains(&digest),
            Err(_) => name.ends_with(".part"),
        });
        if is_stray {
            fs::remove_file(&path)?;
            removed += 1;
        }
    }
    if removed > 0 {
        tracing::info!(removed, "previews of no record");
        sync_folder(&folder.previews())?;
    }
    Ok(())
}
