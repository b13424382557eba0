//! Opening a data folder with its seal: the key found or made, proven, and a folder that was
//! plain until now sealed. A wrong key touches nothing.

use crate::{
    clock::Random,
    error::Error,
    files::{Folder, sync_folder},
    seal::{KeyStore, Seal, sealed::looks_sealed},
    store::{
        Store,
        open::{assert_cipher, connect, is_plain, opens_with},
    },
    wipe,
};
use std::{
    fmt,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

/// What `key.check` says once it is opened.
const CHECK: &[u8] = b"gridcrew key check 1";

/// A keystore and the name of the folder's key in it.
#[derive(Clone)]
pub(crate) struct Keys {
    /// The keystore.
    pub(crate) store: Arc<dyn KeyStore>,
    /// The name.
    pub(crate) name: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("name", &self.name).finish()
    }
}

/// Opens the folder, sealed if there are keys. A wipe that was begun is finished first.
///
/// # Errors
/// [`Error::KeyMissing`], [`Error::WrongKey`], [`Error::NoCipher`], [`Error::KeyStore`], or a
/// disk that fails.
pub(super) fn open_folder(
    root: &Path,
    keys: Option<&Keys>,
    random: &dyn Random,
) -> Result<Folder, Error> {
    let mut folder = Folder::open(root)?;
    if wipe::finish(&folder, keys)? {
        folder = Folder::open(root)?;
    }
    // Before anything asks whether there is a store, and whether it is plain.
    {
        let _one_at_a_time = folder.key_lock()?;
        Store::finish_replacing(&folder.store())?;
    }
    let Some(keys) = keys else {
        return match folder.key_check().exists() {
            true => Err(Error::KeyMissing),
            false => Ok(folder),
        };
    };
    assert_cipher()?;
    let _one_at_a_time = folder.key_lock()?;
    let store = folder.store();
    let fresh = !folder.key_check().exists() && (!store.exists() || is_plain(&store)?);
    let seal = Seal::open(keys.store.as_ref(), &keys.name, random, fresh)?;
    let folder = folder.sealed(seal.clone());
    prove(&folder, &seal, fresh)?;
    if is_plain(&store)? {
        // The store last: while it is plain, the next opening goes on here.
        seal_files(&folder)?;
        seal_store(&store, &seal)?;
    }
    Ok(folder)
}

/// Whether it is the right key, by the check file, or by the store if that file was damaged.
fn prove(folder: &Folder, seal: &Seal, fresh: bool) -> Result<(), Error> {
    let check = folder.key_check();
    if folder.read(&check).is_ok_and(|found| found == CHECK) {
        return Ok(());
    }
    let store = folder.store();
    if fresh || (store.exists() && opens_with(&store, seal)?) {
        return folder.write(&check, CHECK);
    }
    Err(Error::WrongKey)
}

/// Seals the files of a folder that was plain, each whole or not at all.
fn seal_files(folder: &Folder) -> Result<(), Error> {
    let mut paths = vec![folder.secrets(), folder.lock_book()];
    for within in [folder.photos(), folder.previews()] {
        for item in fs::read_dir(within)? {
            paths.push(item?.path());
        }
    }
    for path in paths {
        let mut head = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(8).read_to_end(&mut head)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if !looks_sealed(&head) {
            folder.write(&path, &fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// Writes an encrypted copy of a plain store beside it and puts it in its place.
fn seal_store(path: &Path, seal: &Seal) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".sealing");
    let copy = Path::new(&name);
    if copy.exists() {
        fs::remove_file(copy)?;
    }
    let plain = connect(path, None)?;
    // What lies in a write-ahead log comes into the file.
    plain.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    let version: i64 = plain.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let (to, key) = (copy.to_string_lossy(), seal.store_key());
    plain.execute("ATTACH DATABASE ?1 AS sealed KEY ?2", [&*to, key.as_str()])?;
    plain.query_row("SELECT sqlcipher_export('sealed')", [], |_| Ok(()))?;
    plain.pragma_update(Some("sealed"), "user_version", version)?;
    plain.execute_batch("DETACH DATABASE sealed")?;
    drop(plain);
    File::open(copy)?.sync_all()?;
    fs::rename(copy, path)?;
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
