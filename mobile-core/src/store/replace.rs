//! A damaged store is replaced step by step, so that whatever stops it (a kill, a full disk,
//! no power) leaves what the next opening goes on from.
//!
//! 1. What can be read of the damaged file goes into a new one beside it, `.salvaging`, in one
//!    transaction with the finding that says so. The damaged file stays where it is: until
//!    here, all of it is begun anew at the next opening.
//! 2. The new file is closed, synced and named `.salvaged-N`: from now on it is whole.
//! 3. The damaged file and what belongs to it are renamed to `.damaged-N`; never deleted.
//! 4. `.salvaged-N` takes the store's name.
//!
//! The steps 3 and 4 are done again by [`finish`] wherever they were stopped: nothing is read
//! under the store's name meanwhile.

use super::{
    Store,
    open::{connect, only_file},
    salvage::{Saved, salvage},
};
use crate::{error::Error, files::sync_folder, seal::Seal, store::facts};
use rusqlite::Connection;
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What belongs to a file of SQLite, and the file itself.
const PARTS: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// What is asked before each step; it may stop everything there.
pub(super) type BeforeStep<'s> = &'s mut dyn FnMut() -> Result<(), Error>;

/// Puts a new store in the place of a damaged one, with what can be read of `source`: of the
/// damaged file itself, or of one that was set aside before.
pub(super) fn replace(
    path: &Path,
    seal: Option<&Seal>,
    source: Option<&Path>,
    before: BeforeStep<'_>,
) -> Result<(), Error> {
    let building = with(path, ".salvaging");
    remove_file_and_parts(&building)?;
    let (number, aside) = free_name(path);
    let named = source.filter(|source| *source != path).unwrap_or(&aside);
    before()?;
    let mut store = Store::open_sound(&building, seal)?;
    before()?;
    let damaged = source.and_then(|source| readable(source, seal));
    let saved = salvage(damaged.as_ref(), &mut store, |saved| finding(named, saved))?;
    drop(damaged);
    tracing::error!(aside = %named.display(), %saved, "the store was damaged");
    before()?;
    only_file(store)?;
    before()?;
    sync_file(&building)?;
    rename(&building, &with(path, &format!(".salvaged-{number}")))?;
    sync_parent(path)?;
    before()?;
    finish(path, before)
}

fn finding(aside: &Path, saved: &Saved) -> String {
    let aside = aside.display();
    format!("the store was damaged and set aside as {aside}; {saved}")
}

/// A connection to a damaged file, if one can be made.
fn readable(source: &Path, seal: Option<&Seal>) -> Option<Connection> {
    let db = connect(source, seal).ok()?;
    // A damaged word in the schema must not keep the sound tables shut.
    db.pragma_update(None, "writable_schema", true).ok()?;
    Some(db)
}

/// Goes on with a replacement whose new store is whole; what was not is removed.
pub(super) fn finish(path: &Path, before: BeforeStep<'_>) -> Result<(), Error> {
    let Some(number) = numbers(path, "salvaged")?.pop() else {
        return remove_file_and_parts(&with(path, ".salvaging"));
    };
    for part in PARTS {
        let from = with(path, part);
        if from.exists() {
            before()?;
            rename(&from, &with(path, &format!(".damaged-{number}{part}")))?;
        }
    }
    before()?;
    sync_parent(path)?;
    before()?;
    rename(&with(path, &format!(".salvaged-{number}")), path)?;
    sync_parent(path)
}

/// A store that was set aside and of which nothing was read yet, although there is no other:
/// the program was killed in between, by an older order of these steps.
pub(super) fn left_behind(path: &Path) -> Result<Option<PathBuf>, Error> {
    let last = numbers(path, "damaged")?.pop();
    Ok(last
        .map(|number| with(path, &format!(".damaged-{number}")))
        .filter(|aside| aside.exists()))
}

/// Whether a store is as a new one: nobody's, empty, and not what a salvage made.
pub(super) fn is_as_new(db: &Connection) -> Result<bool, Error> {
    let rows: i64 = db.query_row(
        "SELECT (SELECT count(*) FROM identity) + (SELECT count(*) FROM journal_entry)
              + (SELECT count(*) FROM photo)",
        [],
        |row| row.get(0),
    )?;
    Ok(rows == 0 && !facts::is_salvaged(db)?)
}

/// Whether the file lost everything while its log did not: opening it would remove the log.
pub(super) fn is_emptied(path: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    path.exists() && length(path) == 0 && length(&with(path, "-wal")) > 0
}

/// The first number under which nothing is set aside, and the name that it gives.
fn free_name(path: &Path) -> (u32, PathBuf) {
    let name = |number: u32| with(path, &format!(".damaged-{number}"));
    let is_free = |number: &u32| {
        let mut parts = PARTS.iter();
        parts.all(|part| !with(&name(*number), part).exists())
    };
    let number = (1u32..).find(is_free).unwrap_or(u32::MAX);
    (number, name(number))
}

/// The numbers of the files `NAME.KIND-NUMBER` beside a file, in order.
fn numbers(path: &Path, kind: &str) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return Ok(found);
    };
    let start = format!("{}.{kind}-", name.to_string_lossy());
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        items => items?,
    };
    for item in items {
        let name = item?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&start));
        found.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_file_and_parts(path: &Path) -> Result<(), Error> {
    for part in PARTS {
        match fs::remove_file(with(path, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn sync_file(path: &Path) -> Result<(), Error> {
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::SyncFile(path))?;
    File::open(path)?.sync_all()?;
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    #[cfg(feature = "simulated")]
    crate::disk::before(crate::disk::Operation::Rename(to))?;
    fs::rename(from, to)?;
    Ok(())
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
