//! What reads bytes that came from outside, callable alone: no server, no database and no
//! folder are needed. For the fuzz targets, which throw at it what no handheld would send.

use super::picture;
use gridcrew_sync_protocol::{code::Code, media::PictureFormat};
use std::io::Cursor;

pub use super::tus::from_outside::{UploadHeaders, upload_headers};

/// The format of an original that would be taken.
///
/// # Errors
/// Why it is refused; nothing when the fault would be the server's own.
pub fn original(bytes: &[u8]) -> Result<PictureFormat, Option<Code>> {
    picture::check(Cursor::new(bytes)).map_err(|error| error.code())
}

/// The preview that would be kept of a picture.
///
/// # Errors
/// Why there is none; nothing when the fault would be the server's own.
pub fn preview(bytes: &[u8]) -> Result<Vec<u8>, Option<Code>> {
    picture::preview(Cursor::new(bytes), &[]).map_err(|error| error.code())
}
