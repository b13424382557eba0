//! The lock: a PIN, and contact with the server from time to time. While it is closed,
//! everything that reads or adds to the content gives [`HandheldError::Locked`], the status
//! goes on saying what waits, and a sync still sends it.

use crate::{
    error::HandheldError,
    handheld::{Handheld, guarded},
    orders::Words,
};
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::time::{Millis, UnixMillis};

/// Whether the content can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LockState {
    /// It can.
    Open,
    /// The PIN is wanted.
    PinWanted {
        /// How long until the next try; 0 for at once.
        wait_ms: i64,
    },
    /// The server was not heard for too long: it opens with the next contact.
    Offline {
        /// When the server was last heard, by its own clock.
        since_unix_ms: i64,
    },
    /// What holds the PIN is gone: only the password opens, with the server.
    Broken,
}

/// What became of a PIN that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PinOutcome {
    /// It was right, or there is none.
    Open,
    /// It was wrong.
    Wrong {
        /// Wrong tries in a row.
        tries: u32,
        /// How long until the next; 0 for at once.
        wait_ms: i64,
    },
    /// It was not looked at: the wait after the last wrong one is not over.
    TooEarly {
        /// How long it lasts still.
        wait_ms: i64,
    },
}

/// What a lock wants, in words for the screen.
#[uniffi::export]
#[must_use]
pub fn lock_words(lock: LockState) -> Words {
    core::lock_words(&lock.into()).into()
}

#[uniffi::export]
impl Handheld {
    /// Whether the content can be reached. With a PIN it is locked when it is opened.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn lock_state(&self) -> Result<LockState, HandheldError> {
        guarded(|| Ok(self.engine.lock_state()?.into()))
    }

    /// Whether a PIN is set.
    ///
    /// # Errors
    /// None but a fault of the library.
    pub fn has_pin(&self) -> Result<bool, HandheldError> {
        guarded(|| Ok(self.engine.has_pin()))
    }

    /// Tries a PIN: tens of milliseconds of work in the caller's thread. Every try is
    /// counted durably before it is judged; after a few wrong ones each next has to wait,
    /// longer and longer, also over a restart.
    ///
    /// # Errors
    /// [`HandheldError::Locked`] when only the password opens, or a disk that fails.
    pub fn unlock(&self, pin: String) -> Result<PinOutcome, HandheldError> {
        guarded(|| Ok(self.engine.unlock(&pin)?.into()))
    }

    /// Locks, as when the screen goes dark; without a PIN nothing happens.
    ///
    /// # Errors
    /// None but a fault of the library.
    pub fn lock(&self) -> Result<(), HandheldError> {
        guarded(|| {
            self.engine.lock();
            Ok(())
        })
    }

    /// Sets the first PIN, or another if `old` is the present one; the outcome is that of
    /// trying `old`. With the first, the content closes also after 72 hours without contact.
    ///
    /// # Errors
    /// [`HandheldError::Invalid`] unless it is 6 to 12 digits that are not all the same,
    /// [`HandheldError::Locked`] when `old` is missing, or a disk that fails.
    pub fn set_pin(&self, old: Option<String>, new: String) -> Result<PinOutcome, HandheldError> {
        guarded(|| Ok(self.engine.set_pin(old.as_deref(), &new)?.into()))
    }

    /// Sets a new PIN in the place of one that was forgotten: the server judges the
    /// password. May be let go of: the PIN is then the old or the new one.
    ///
    /// # Errors
    /// As [`Self::login`] and [`Self::set_pin`].
    pub async fn reset_pin(
        &self,
        login: String,
        password: String,
        new: String,
    ) -> Result<(), HandheldError> {
        let engine = self.engine.clone();
        let work = async move { engine.reset_pin(&login, &password, &new).await };
        self.online.call(work).await
    }

    /// Sets after how long without contact the content closes; none for never.
    ///
    /// # Errors
    /// [`HandheldError::Invalid`] for less than nothing, [`HandheldError::Locked`], or a
    /// disk that fails.
    pub fn set_offline_limit(&self, limit_ms: Option<i64>) -> Result<(), HandheldError> {
        guarded(|| {
            if let Some(less) = limit_ms.filter(|limit| *limit < 0) {
                return Err(HandheldError::invalid(format!("a limit of {less} ms")));
            }
            Ok(self.engine.set_offline_limit(limit_ms.map(Millis))?)
        })
    }
}

impl From<core::Lock> for LockState {
    fn from(lock: core::Lock) -> Self {
        match lock {
            core::Lock::Open => Self::Open,
            core::Lock::Pin { wait } => Self::PinWanted { wait_ms: wait.0 },
            core::Lock::Offline { since } => Self::Offline {
                since_unix_ms: since.0,
            },
            core::Lock::Broken => Self::Broken,
        }
    }
}

impl From<LockState> for core::Lock {
    fn from(lock: LockState) -> Self {
        match lock {
            LockState::Open => Self::Open,
            LockState::PinWanted { wait_ms } => Self::Pin {
                wait: Millis(wait_ms),
            },
            LockState::Offline { since_unix_ms } => Self::Offline {
                since: UnixMillis(since_unix_ms),
            },
            LockState::Broken => Self::Broken,
        }
    }
}

impl From<core::Unlocked> for PinOutcome {
    fn from(outcome: core::Unlocked) -> Self {
        match outcome {
            core::Unlocked::Open => Self::Open,
            core::Unlocked::Wrong { tries, wait } => Self::Wrong {
                tries,
                wait_ms: wait.0,
            },
            core::Unlocked::TooEarly { wait } => Self::TooEarly { wait_ms: wait.0 },
        }
    }
}
