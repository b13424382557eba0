//! The part of the surface that locks and unlocks: while it is locked, nothing of the
//! content is given out or added to, and what waits can still be sent.

use super::Handheld;
use crate::{
    error::Error,
    local::Local,
    lock::{self, Lock, Unlocked},
};
use gridcrew_sync_protocol::time::Millis;
use std::sync::Arc;

impl Handheld {
    /// Whether the content can be reached. A handheld with a PIN is locked when it is
    /// opened; while it is, everything that reads or adds to the content gives
    /// [`Error::Locked`], and what waits can still be sent.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn lock_state(&self) -> Result<Lock, Error> {
        self.inner.with(|local| local.lock_state())
    }

    /// Whether a PIN is set.
    #[must_use]
    pub fn has_pin(&self) -> bool {
        self.inner.with(|local| local.has_pin())
    }

    /// Tries a PIN, in this thread: about 30 ms. Without a PIN it is open already.
    ///
    /// # Errors
    /// [`Error::Locked`] when only the password opens, or a disk that fails.
    pub fn unlock(&self, pin: &str) -> Result<Unlocked, Error> {
        lock::unlock(&self.inner, pin)
    }

    /// Locks, as when the screen goes dark; without a PIN nothing happens.
    pub fn lock(&self) {
        self.inner.with(Local::close_lock);
    }

    /// Sets the PIN, or another if `old` is the present one. With the first, the content
    /// closes also after [`crate::OFFLINE_AFTER`] without contact. The outcome is that of
    /// trying `old`.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is 6 to 12 digits that are not all the same,
    /// [`Error::Locked`], or a disk that fails.
    pub fn set_pin(&self, old: Option<&str>, new: &str) -> Result<Unlocked, Error> {
        match old {
            Some(old) => match lock::unlock(&self.inner, old)? {
                Unlocked::Open => {}
                outcome => return Ok(outcome),
            },
            None => self.inner.with(|local| local.assert_no_pin())?,
        }
        self.replace_pin(new)?;
        Ok(Unlocked::Open)
    }

    /// Sets the PIN of a folder that holds nothing of anyone yet.
    pub(crate) fn replace_pin(&self, new: &str) -> Result<(), Error> {
        let random = self.inner.with(|local| Arc::clone(&local.random));
        lock::set_pin(&self.inner, new, random.as_ref())
    }

    /// Sets a new PIN in the place of one that was forgotten: the server judges the
    /// password.
    ///
    /// # Errors
    /// As [`Self::login`] and [`Self::set_pin`].
    pub async fn reset_pin(&self, login: &str, password: &str, new: &str) -> Result<(), Error> {
        self.login(login, password).await?;
        self.replace_pin(new)
    }

    /// Sets after how long without contact the content closes; `None` for never.
    ///
    /// # Errors
    /// [`Error::Locked`], or a disk that fails.
    pub fn set_offline_limit(&self, limit: Option<Millis>) -> Result<(), Error> {
        self.inner
            .with_content(|local| local.set_offline_limit(limit))
    }
}
