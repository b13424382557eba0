//! What comes as files: pictures and exports of the trace.

use gridcrew_mobile_core::from_outside::{exif_of, preview_of};
use gridcrew_server::{media::from_outside, trace::verify::verify};
use gridcrew_sync_protocol::{
    media::{MAX_PREVIEW_BYTES, PictureFormat},
    wire,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{fs, path::Path};

/// Most pixels of what is decoded here: larger pictures are within the limits of the product,
/// but a fuzzer has better to do than to decode them.
const MAX_PIXELS: u64 = 4_000_000;

/// A picture, as a handheld takes it over and as the server looks at it. What a preview was
/// made of was a picture; a preview is one, without metadata, and small enough.
pub fn pictures(bytes: &[u8]) -> bool {
    let taken = from_outside::original(bytes);
    if let Ok(format) = taken {
        assert_eq!(PictureFormat::of_head(bytes), Some(format));
    }
    if too_large(bytes) {
        return false;
    }
    let here = preview_of(bytes);
    let there = from_outside::preview(bytes);
    for small in here.iter().chain(there.iter()) {
        assert!(small.len() as u64 <= MAX_PREVIEW_BYTES, "a large preview");
        let format = from_outside::original(small);
        assert_eq!(format, Ok(PictureFormat::Jpeg), "a preview is a picture");
    }
    let heic = PictureFormat::of_head(bytes) == Some(PictureFormat::Heic);
    taken.is_ok() && (heic || (here.is_ok() && there.is_ok()))
}

/// What a picture's own EXIF says, read when a photo is taken: in range, or not known.
pub fn exif(bytes: &[u8]) -> bool {
    let facts = exif_of(bytes);
    if let Some(place) = facts.place {
        let place = place.to_wgs84();
        assert!(place.lat().abs() <= 90.0 && place.lon().abs() <= 180.0);
    }
    let upright = facts.orientation.is_none_or(|way| (1..=8).contains(&way));
    assert!(upright, "a way up that there is not");
    let small = facts.thumbnail.as_deref().map_or(0, <[u8]>::len);
    assert!(small <= bytes.len() * 2 + 64 * 1024, "more than was read");
    facts.orientation.is_some() || facts.place.is_some() || facts.taken_at.is_some()
}

fn too_large(bytes: &[u8]) -> bool {
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format();
    reader
        .ok()
        .and_then(|reader| reader.into_dimensions().ok())
        .is_some_and(|(width, height)| u64::from(width) * u64::from(height) > MAX_PIXELS)
}

/// A file of an export, in a seed of the target `trace`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportFile {
    /// Its name below the folder.
    #[serde(rename = "n")]
    pub name: String,
    /// Its bytes.
    #[serde(rename = "b")]
    pub bytes: ByteBuf,
}

/// A folder as `gridcrew trace verify` reads it, given as a list of files.
pub fn trace(bytes: &[u8]) -> bool {
    const MAX_FILES: usize = 40;
    let Ok(files) = wire::decode::<Vec<ExportFile>>(bytes) else {
        return false;
    };
    if files.len() > MAX_FILES || !files.iter().all(|file| is_plain(&file.name)) {
        return false;
    }
    let Ok(folder) = tempfile::tempdir() else {
        return false;
    };
    let written = files.iter().all(|file| put(folder.path(), file).is_ok());
    let report = written.then(|| verify(folder.path(), None));
    matches!(report, Some(Ok(report)) if report.broken.is_empty())
}

/// A name that stays in the folder.
fn is_plain(name: &str) -> bool {
    let plain = |part: &str| {
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        (1..=80).contains(&part.len()) && part.chars().all(of_name) && !part.starts_with('.')
    };
    name.split('/').count() <= 3 && name.split('/').all(plain)
}

fn put(folder: &Path, file: &ExportFile) -> std::io::Result<()> {
    let path = folder.join(&file.name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &file.bytes)
}
