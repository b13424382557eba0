//! What a newcomer needs besides the server, kept beside its data: how to sign in, to be
//! said again at each start, and a photo to try with.

use super::picture;
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How to sign in: passwords of people who do not exist, readable by the owner only.
const SIGN_IN: &str = "sign-in.txt";
/// A drawn photo that no trace has.
const SAMPLE: &str = "sample.jpg";

/// Keeps what was said when the township was made, and draws the sample photo.
///
/// # Errors
/// When a file cannot be written.
pub fn keep(data: &Path, said: &str, seed: u64) -> io::Result<()> {
    let mut notes = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(data.join(SIGN_IN))?;
    notes.write_all(said.as_bytes())?;
    let photo = picture::draw(!seed).map_err(io::Error::other)?;
    fs::write(data.join(SAMPLE), photo)
}

/// What was said then; `None` when the township was not made in this folder.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn said_before(data: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(data.join(SIGN_IN)) {
        Ok(said) => Ok(Some(said)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
