//! Keys and tokens: a file that only its owner can read, replaced whole on each change, and
//! sealed where the folder is.
//!
//! A key is durable here before anything that was signed with it, or its public half,
//! leaves the device; new tokens are durable before they are used. Keys are only added:
//! after a fork the old journal's key still belongs to the old journal.

use crate::{
    clock::Random,
    error::Error,
    files::{Folder, Small},
};
use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::enrol::Tokens;
use serde::{Deserialize, Serialize};
use std::{fmt, io};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Content {
    /// Secret keys, hexadecimal, oldest first.
    keys: Vec<String>,
    /// A key that was made and belongs to no journal yet: its public half, hexadecimal.
    spare: Option<String>,
    tokens: Option<Tokens>,
}

/// The keys and tokens.
pub(crate) struct Secrets {
    folder: Folder,
    content: Content,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("keys", &self.content.keys.len())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    /// Reads the file, if it is there. One that is damaged is set aside: what was recorded is
    /// there all the same, and goes out once the handheld was enrolled again.
    pub(crate) fn open(folder: &Folder) -> Result<Self, Error> {
        let path = folder.secrets();
        let content = match folder.read_small(&path)? {
            Small::Found(content) => content,
            Small::None => Content::default(),
            Small::Damaged => {
                folder.set_aside(&path)?;
                Content::default()
            }
        };
        let folder = folder.clone();
        Ok(Self { folder, content })
    }

    /// Reads the file again: another process may have changed it.
    pub(crate) fn reload(&mut self) -> Result<(), Error> {
        self.content = read(&self.folder)?;
        Ok(())
    }

    fn change(&mut self, content: Content) -> Result<(), Error> {
        let text = serde_json::to_vec(&content).map_err(|error| {
            Error::Storage(format!("keys and tokens cannot be written: {error}"))
        })?;
        self.folder.write(&self.folder.secrets(), &text)?;
        self.content = content;
        Ok(())
    }

    /// Whether there is a key that was given a journal.
    pub(crate) fn has_journal_key(&self) -> bool {
        self.content.keys.len() > usize::from(self.content.spare.is_some())
    }

    /// All keys of this handheld, oldest first; one that belongs to no journal yet is the last.
    pub(crate) fn all_keys(&self) -> Vec<SigningKey> {
        let keys = self.content.keys.iter().filter_map(|text| key_of(text));
        keys.collect()
    }

    /// The key that belongs to no journal yet; made now if there is none, and durable.
    /// After a lost reply the same key is offered again.
    pub(crate) fn spare_key(&mut self, random: &dyn Random) -> Result<SigningKey, Error> {
        if let Some(public) = &self.content.spare
            && let Some(key) = self.find(public)
        {
            return Ok(key);
        }
        let mut seed = [0; 32];
        random.fill(&mut seed);
        let key = SigningKey::from_bytes(&seed);
        let mut content = self.content.clone();
        content.keys.push(hex::encode(seed));
        content.spare = Some(hex::encode(key.verifying_key().to_bytes()));
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::KeyNotSaved) {
            self.content = content;
            return Ok(key);
        }
        self.change(content)?;
        Ok(key)
    }

    /// The spare key has found its journal.
    pub(crate) fn take_spare(&mut self) -> Result<(), Error> {
        let mut content = self.content.clone();
        content.spare = None;
        self.change(content)
    }

    /// The key with that public half has found its journal: it is no longer the spare one.
    pub(crate) fn take_spare_if(&mut self, public: &[u8; 32]) -> Result<(), Error> {
        let is_spare = self.content.spare.as_ref() == Some(&hex::encode(public));
        if is_spare { self.take_spare() } else { Ok(()) }
    }

    /// The secret key to a public one.
    ///
    /// # Errors
    /// [`Error::Storage`] when it is not here: the file was exchanged.
    pub(crate) fn key(&self, public: &[u8; 32]) -> Result<SigningKey, Error> {
        self.find(&hex::encode(public))
            .ok_or_else(|| Error::Storage("the journal's key is not in secrets.json".to_owned()))
    }

    /// The keys of this handheld's journals up to the one with that public key, oldest
    /// first.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub(crate) fn keys_to(&self, public: &[u8; 32]) -> Result<Vec<SigningKey>, Error> {
        let last = self.key(public)?;
        let mut keys = self.all_keys();
        let end = keys.iter().position(|key| *key == last);
        keys.truncate(end.map_or(keys.len(), |end| end + 1));
        Ok(keys)
    }

    fn find(&self, public: &str) -> Option<SigningKey> {
        self.content.keys.iter().rev().find_map(|text| {
            let key = key_of(text)?;
            (hex::encode(key.verifying_key().to_bytes()) == public).then_some(key)
        })
    }

    /// Lets go of everything, because its file is about to go.
    pub(crate) fn forget(&mut self) {
        self.content = Content::default();
    }

    /// The tokens, if there are any.
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        self.content.tokens.as_ref()
    }

    /// Replaces the tokens.
    pub(crate) fn set_tokens(&mut self, tokens: Tokens) -> Result<(), Error> {
        let mut content = self.content.clone();
        content.tokens = Some(tokens);
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::TokensNotSaved) {
            self.content = content;
            return Ok(());
        }
        self.change(content)
    }
}

fn key_of(text: &str) -> Option<SigningKey> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text, &mut seed).ok()?;
    Some(SigningKey::from_bytes(&seed))
}

fn read(folder: &Folder) -> Result<Content, Error> {
    match folder.read(&folder.secrets()) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| Error::Storage(format!("secrets.json cannot be read: {error}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Content::default()),
        Err(error) => Err(error.into()),
    }
}
