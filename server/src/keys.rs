//! The server's keys: made at the first start, kept in the data folder, readable by the
//! owner only. Processes that share a database share these files. The database knows the
//! public half of the first: with another one nothing is opened, and a lost one is not made
//! anew, or the server would sign on under a key that no handheld and no export knows.
//!
//! | file | for |
//! |---|---|
//! | `keys/trace.key` | Ed25519: signs the server's part of each trace, and receipts |
//! | `keys/token.key` | Ed25519: signs access tokens; its id stands in their `kid` |
//! | `keys/refresh.key` | 32 bytes: derives refresh tokens |

use crate::clock::Randomness;
use ed25519_dalek::SigningKey;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The server's keys.
pub struct ServerKeys {
    /// Signs traces and receipts.
    pub trace: SigningKey,
    /// Signs access tokens.
    pub token: SigningKey,
    /// Derives refresh tokens.
    pub refresh: [u8; 32],
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKeys").finish_non_exhaustive()
    }
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written, or is not 32 bytes long.
    #[error("the server's keys: {0}")]
    Io(#[from] io::Error),
    /// The database was signed with a key that is not there.
    #[error(
        "{0} is missing, but the database was signed with it; put it back from the backup: no \
         other key can take its place"
    )]
    Lost(String),
    /// The database was signed with another key.
    #[error(
        "{0} is not the key that the database was signed with; put the right one back, or name \
         the database that belongs to it"
    )]
    Other(String),
}

impl ServerKeys {
    /// Reads the keys under `data`, making those that do not exist. `signed_with` is the
    /// public key that the database knows, if it was ever served: traces and receipts were
    /// signed with it, and no other key can go on with them.
    ///
    /// # Errors
    /// [`KeyError`]; then no key of traces was made.
    pub fn open(
        data: &Path,
        randomness: &dyn Randomness,
        signed_with: Option<&[u8]>,
    ) -> Result<Self, KeyError> {
        let folder = data.join("keys");
        fs::create_dir_all(&folder)?;
        let file = folder.join("trace.key");
        if signed_with.is_some() && !file.try_exists()? {
            return Err(KeyError::Lost(file.display().to_string()));
        }
        let secret = |name: &str| read_or_make(&folder.join(name), randomness);
        let keys = Self {
            trace: SigningKey::from_bytes(&secret("trace.key")?),
            token: SigningKey::from_bytes(&secret("token.key")?),
            refresh: secret("refresh.key")?,
        };
        keys.check(signed_with)?;
        Ok(keys)
    }

    /// Compares the key of traces with the one that the database knows, if any.
    ///
    /// # Errors
    /// [`KeyError::Other`]
    pub fn check(&self, signed_with: Option<&[u8]>) -> Result<(), KeyError> {
        if signed_with.is_some_and(|known| known != self.trace.verifying_key().as_bytes()) {
            return Err(KeyError::Other("keys/trace.key".to_owned()));
        }
        Ok(())
    }
}

fn read_or_make(path: &Path, randomness: &dyn Randomness) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| io::Error::other(format!("{} must be 32 bytes long", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path, randomness)?;
            read_or_make(path, randomness)
        }
        Err(error) => Err(error),
    }
}

/// Written beside and linked in, so that of two processes that start together one wins and
/// both read the same key. The part has a name of its own: one that a process left behind
/// when the disk was full or it was killed stands in nobody's way.
fn make(path: &Path, randomness: &dyn Randomness) -> io::Result<()> {
    let (mut secret, mut name) = ([0; 32], [0; 8]);
    randomness.fill(&mut secret);
    randomness.fill(&mut name);
    let part = path.with_extension(format!("part-{:016x}", u64::from_be_bytes(name)));
    let made = write_part(&part, &secret).and_then(|()| fs::hard_link(&part, path));
    let removed = fs::remove_file(&part);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => removed?,
    }
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn write_part(part: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part)?;
    file.write_all(secret)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_start_that_was_cut_off_stands_in_no_ones_way() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        fs::create_dir(&keys).unwrap();
        for name in ["trace", "token", "refresh"] {
            let left = keys.join(format!("{name}.part-{}", std::process::id()));
            fs::write(left, b"cut").unwrap();
        }
        let made = ServerKeys::open(folder.path(), &SystemRandomness, None).unwrap();
        let known = made.trace.verifying_key().to_bytes();
        let again = ServerKeys::open(folder.path(), &SystemRandomness, Some(&known));
        assert_eq!(again.unwrap().refresh, made.refresh);
        let key = fs::metadata(keys.join("trace.key")).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(keys).unwrap().count(), 6, "and leaves no part");
    }
}
