//! The real photos, and the files that are none.
//!
//! A manager takes several photos a day of nearly the same thing, but no two have the same
//! bytes. So a *fresh* photo is a real one with a comment segment of its own (JPEG's `COM`,
//! which every reader skips); the others are used as they are, again and again.

use crate::failure::{Failure, Fallible};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder, under the folder of real data.
pub const FOLDER: &str = "photos";
/// Photos above this many bytes are used once in [`LARGE_EVERY`] times.
const SMALL: u64 = 160_000;
/// How rarely a large photo is used.
const LARGE_EVERY: u64 = 40;

/// What the manifest says of a file.
#[derive(Debug, Deserialize)]
struct Listed {
    file: String,
    category: String,
    bytes: u64,
    /// Whether a picture library could read it; absent where none was tried.
    #[serde(default)]
    decodes: Option<bool>,
}

/// The photos to work with.
#[derive(Clone, Debug)]
pub struct Photos {
    small: Vec<PathBuf>,
    large: Vec<PathBuf>,
    no_pictures: Vec<PathBuf>,
}

impl Photos {
    /// Reads the manifest under `data`.
    ///
    /// # Errors
    /// When it is missing, not of the expected shape, or names no small photo.
    pub fn read(data: &Path) -> Fallible<Self> {
        let folder = data.join(FOLDER);
        let manifest = folder.join("manifest.json");
        let text = fs::read(&manifest)
            .map_err(|error| Failure::new(format!("{}: {error}", manifest.display())))?;
        let listed: Vec<Listed> = serde_json::from_slice(&text)?;
        let mut photos = Self {
            small: Vec::new(),
            large: Vec::new(),
            no_pictures: Vec::new(),
        };
        for photo in listed {
            let path = folder.join(&photo.file);
            if !path.is_file() {
                continue;
            }
            if photo.decodes == Some(true) {
                // HEIC among them: kept as it is, never decoded.
                let fitting = if photo.bytes <= SMALL {
                    &mut photos.small
                } else {
                    &mut photos.large
                };
                fitting.push(path);
            } else if photo.category == "invalid" && !looks_like_one(&path)? {
                photos.no_pictures.push(path);
            }
        }
        photos.small.sort();
        photos.large.sort();
        photos.no_pictures.sort();
        if photos.small.is_empty() {
            return Err(Failure::new(format!(
                "{} lists no small photo",
                manifest.display()
            )));
        }
        Ok(photos)
    }

    /// The photo for the `number`th shot: mostly a small one.
    #[must_use]
    pub fn shot(&self, number: u64) -> &Path {
        let from = if number % LARGE_EVERY == LARGE_EVERY - 1 && !self.large.is_empty() {
            &self.large
        } else {
            &self.small
        };
        let at = usize::try_from(number).unwrap_or(0) % from.len();
        &from[at]
    }

    /// The files that are no picture, however they are named.
    #[must_use]
    pub fn no_pictures(&self) -> &[PathBuf] {
        &self.no_pictures
    }
}

fn looks_like_one(path: &Path) -> Fallible<bool> {
    let bytes = fs::read(path)?;
    let head = &bytes[..bytes.len().min(12)];
    Ok(gridcrew_sync_protocol::media::PictureFormat::of_head(head).is_some())
}

/// The same photo with other bytes: a comment is added to a JPEG. `None` when it is none.
#[must_use]
pub fn fresh(jpeg: &[u8], comment: &str) -> Option<Vec<u8>> {
    let (start, rest) = jpeg.split_at_checked(2)?;
    if start != [0xff, 0xd8] {
        return None;
    }
    let length = u16::try_from(comment.len() + 2).ok()?;
    let mut bytes = start.to_vec();
    bytes.extend([0xff, 0xfe]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(comment.as_bytes());
    bytes.extend(rest);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_fresh_photo_shows_the_same_picture_in_other_bytes() {
        let picture = image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([x as u8, y as u8, 9]));
        let mut bytes = Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, image::ImageFormat::Jpeg)
            .unwrap();
        let bytes = bytes.into_inner();
        let other = fresh(&bytes, "order 1, site").unwrap();
        assert_ne!(bytes, other);
        let decode = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8();
        assert_eq!(decode(&bytes), decode(&other));
        assert_eq!(fresh(b"GIF89a", "x"), None);
    }
}
