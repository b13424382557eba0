//! The server's keys: made at the first start, kept in the data folder, readable by the
//! owner only. Processes that share a database share these files.
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

impl ServerKeys {
    /// Reads the keys under `data`, making those that do not exist.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is not 32 bytes long.
    pub fn open(data: &Path, randomness: &dyn Randomness) -> io::Result<Self> {
        let folder = data.join("keys");
        fs::create_dir_all(&folder)?;
        let secret = |name: &str| read_or_make(&folder.join(name), randomness);
        Ok(Self {
            trace: SigningKey::from_bytes(&secret("trace.key")?),
            token: SigningKey::from_bytes(&secret("token.key")?),
            refresh: secret("refresh.key")?,
        })
    }
}

fn read_or_make(path: &Path, randomness: &dyn Randomness) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| io::Error::other(format!("{} must be 32 bytes long", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; 32];
            randomness.fill(&mut secret);
            // Written beside and linked in, so that of two processes that start together one
            // wins and both read the same key.
            let part = path.with_extension(format!("part-{}", std::process::id()));
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(&secret)?;
            file.sync_all()?;
            let linked = fs::hard_link(&part, path);
            fs::remove_file(&part)?;
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => {
                    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
                    read_or_make(path, randomness)
                }
            }
        }
        Err(error) => Err(error),
    }
}
