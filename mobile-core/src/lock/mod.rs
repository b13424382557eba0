//! The lock of a handheld: a PIN, and contact with the server from time to time.
//!
//! 1. [`rules`] says how long to wait after wrong tries and how long the server was not
//!    heard; it is pure. [`pin`] hashes. [`Book`] is what of both is durable.
//! 2. A try is counted and durable before it is judged, so that ending the program in the
//!    middle of one wins nothing.
//! 3. The store remembers that there was a PIN: a file that is gone, or that has none, is then
//!    no way in, not while the program runs either. Only the password opens.
//! 4. While the lock is closed nothing of the content can be read or recorded through the
//!    surface. What waits stays, and is still sent when the host asks for a sync: its key
//!    comes from the keystore and not from the PIN, so that records reach the station also
//!    from a handheld that nobody opens any more.
//!
//! Data that is sealed stays so for a thief whatever he does to the PIN: the PIN guards the
//! surface, the keystore guards the data.

mod pin;
mod rules;

#[cfg(test)]
mod tests;

use crate::{
    clock::{Clock, Moment, Random},
    error::Error,
    files::{Folder, Small},
    local::Local,
    space::Reserve,
    store::{facts, identity},
};
use gridcrew_sync_protocol::time::{Millis, ServerAnchor, UnixMillis};
use pin::Pin;
use rules::{Seen, Tried, Wait};
use serde::{Deserialize, Serialize};
use std::io;

pub use rules::OFFLINE_AFTER;

/// Whether the content can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// It can.
    Open,
    /// The PIN is wanted, and not before so long a wait.
    Pin {
        /// How long until the next try; 0 for none.
        wait: Millis,
    },
    /// The server was not heard for too long: it opens with the next contact.
    Offline {
        /// When the server was last heard, by its own clock.
        since: UnixMillis,
    },
    /// The file that holds the PIN is gone, was damaged, or has none any more: only the
    /// password opens, with the server.
    Broken,
}

/// What became of a try to unlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlocked {
    /// The PIN was right, or there is none.
    Open,
    /// It was wrong.
    Wrong {
        /// Wrong tries in a row.
        tries: u32,
        /// How long until the next.
        wait: Millis,
    },
    /// It was not looked at: the wait after the last wrong one is not over.
    TooEarly {
        /// How long it lasts still.
        wait: Millis,
    },
}

/// What is durable of the lock.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pin: Option<Pin>,
    /// Wrong tries in a row, the present one included while it is judged.
    tries: u32,
    last_try: Option<Tried>,
    /// How long the content stays open without contact; `None` for ever.
    offline_after: Option<Millis>,
    seen: Option<Seen>,
}

impl Book {
    fn read(folder: &Folder) -> Result<Option<Self>, Error> {
        match folder.read(&folder.lock_book()) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::Storage(format!("lock.json cannot be read: {error}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, folder: &Folder) -> Result<(), Error> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::Storage(format!("lock.json cannot be written: {error}")))?;
        match folder.write(&folder.lock_book(), &text) {
            // Who cannot unlock cannot make room either.
            Err(Error::DiskFull(_)) if Reserve::of(folder.root()).give_up()? => {
                folder.write(&folder.lock_book(), &text)
            }
            written => written,
        }
    }

    /// How long until the next try. A wait of which nothing can be told begins anew.
    fn wait(&mut self, folder: &Folder, now: Tried) -> Result<Millis, Error> {
        match rules::wait(self.tries, self.last_try.as_ref(), &now) {
            Wait::Over => Ok(Millis(0)),
            Wait::Left(left) => Ok(left),
            Wait::Anew(whole) => {
                self.last_try = Some(now);
                self.write(folder)?;
                Ok(whole)
            }
        }
    }
}

/// The lock as the open handheld keeps it.
#[derive(Debug)]
pub(crate) struct Guard {
    /// `None` while there is neither a PIN nor a limit.
    book: Option<Book>,
    /// There was a PIN, as the store says, and its file is gone, was damaged or has none.
    broken: bool,
    unlocked: bool,
}

impl Guard {
    /// Reads the lock at opening; it is closed if there is a PIN. A file that is damaged is
    /// set aside, and the lock is broken.
    pub(crate) fn open(
        folder: &Folder,
        store: &mut crate::store::Store,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        let path = folder.lock_book();
        let mut book: Option<Book> = match folder.read_small(&path)? {
            Small::Found(book) => Some(book),
            Small::None => None,
            Small::Damaged => {
                // There may have been a PIN: it stays closed, also at the next opening.
                store.write(facts::set_has_pin)?;
                folder.set_aside(&path)?;
                None
            }
        };
        let without = book.as_ref().is_none_or(|book| book.pin.is_none());
        let broken = without && facts::has_pin(store.read())?;
        if let (Some(book), Some(contact)) = (&mut book, identity::anchor(store.read())?) {
            let now = clock.now();
            if now.boot != contact.boot {
                book.seen = Some(rules::look(&contact, book.seen.as_ref(), now));
                match book.write(folder) {
                    // It counts while this is open; the next opening looks again.
                    Err(Error::DiskFull(_)) => {}
                    written => written?,
                }
            }
        }
        Ok(Self {
            book,
            broken,
            unlocked: false,
        })
    }

    /// Whether the content can be reached now.
    pub(crate) fn state(
        &self,
        contact: Option<ServerAnchor>,
        now: Moment,
        sure: Option<UnixMillis>,
    ) -> Lock {
        if self.broken {
            return Lock::Broken;
        }
        let Some(book) = &self.book else {
            return Lock::Open;
        };
        if let (Some(limit), Some(contact)) = (book.offline_after, contact)
            && rules::offline_for(&contact, book.seen.as_ref(), now) > limit
        {
            let since = contact.server_time;
            return Lock::Offline { since };
        }
        if self.unlocked || book.pin.is_none() {
            return Lock::Open;
        }
        let wait = match rules::wait(book.tries, book.last_try.as_ref(), &tried(now, sure)) {
            Wait::Over => Millis(0),
            Wait::Left(wait) | Wait::Anew(wait) => wait,
        };
        Lock::Pin { wait }
    }
}

fn tried(now: Moment, sure: Option<UnixMillis>) -> Tried {
    Tried {
        boot: now.boot,
        uptime: now.uptime,
        at: sure,
    }
}

/// A try that is counted and may be judged.
pub(crate) struct Counted {
    pin: Pin,
    tries: u32,
}

impl Local {
    /// Whether the content can be reached now.
    pub(crate) fn lock_state(&self) -> Result<Lock, Error> {
        let contact = identity::anchor(self.store.read())?;
        Ok(self
            .guard
            .state(contact, self.clock.now(), self.sure_now()?))
    }

    /// # Errors
    /// [`Error::Locked`] when the content cannot be reached, [`Error::Wiped`] when it is gone.
    pub(crate) fn assert_open(&self) -> Result<(), Error> {
        if self.wiped {
            return Err(Error::Wiped);
        }
        match self.lock_state()? {
            Lock::Open => Ok(()),
            closed => Err(Error::Locked(closed)),
        }
    }

    /// Whether a PIN is set, be it that its file is gone.
    pub(crate) fn has_pin(&self) -> bool {
        let book = self.guard.book.as_ref();
        self.guard.broken || book.is_some_and(|book| book.pin.is_some())
    }

    /// Whether a PIN was ever set, whatever became of its file.
    fn had_pin(&self) -> Result<bool, Error> {
        Ok(self.has_pin() || facts::has_pin(self.store.read())?)
    }

    /// The file has no PIN: nothing opens if there was one.
    ///
    /// # Errors
    /// [`Error::Locked`] then.
    fn assert_never_had_pin(&mut self) -> Result<(), Error> {
        if !self.had_pin()? {
            return Ok(());
        }
        tracing::warn!("the file with the PIN is gone or has none");
        self.guard.broken = true;
        Err(Error::Locked(Lock::Broken))
    }

    /// # Errors
    /// [`Error::Locked`] when there is a PIN, which is then wanted.
    pub(crate) fn assert_no_pin(&self) -> Result<(), Error> {
        self.assert_open()?;
        // Another program may have set one meanwhile.
        if self.had_pin()? {
            return Err(Error::Locked(Lock::Pin { wait: Millis(0) }));
        }
        Ok(())
    }

    /// Closes the lock, if there is a PIN.
    pub(crate) fn close_lock(&mut self) {
        self.guard.unlocked = false;
    }

    /// Counts a try, durably; gives what it is judged by, or what became of it at once.
    pub(crate) fn count_try(&mut self) -> Result<Result<Counted, Unlocked>, Error> {
        let _one_at_a_time = self.folder.key_lock()?;
        let now = tried(self.clock.now(), self.sure_now()?);
        let mut book = Book::read(&self.folder)?.unwrap_or_default();
        let Some(pin) = book.pin.clone() else {
            self.assert_never_had_pin()?;
            return Ok(Err(Unlocked::Open));
        };
        self.guard.broken = false;
        let wait = book.wait(&self.folder, now)?;
        if wait > Millis(0) {
            return Ok(Err(Unlocked::TooEarly { wait }));
        }
        book.tries = book.tries.saturating_add(1);
        book.last_try = Some(now);
        book.write(&self.folder)?;
        let tries = book.tries;
        self.guard.book = Some(book);
        Ok(Ok(Counted { pin, tries }))
    }

    /// Notes that a counted try was right.
    fn try_was_right(&mut self) -> Result<(), Error> {
        let _one_at_a_time = self.folder.key_lock()?;
        if let Some(mut book) = Book::read(&self.folder)? {
            book.tries = 0;
            book.last_try = None;
            book.write(&self.folder)?;
            self.guard.book = Some(book);
        }
        self.guard.unlocked = true;
        Ok(())
    }

    /// Sets the PIN; the lock is open after it. The limit on time without contact is the
    /// usual one if there was none.
    fn put_pin(&mut self, pin: Pin) -> Result<(), Error> {
        let _one_at_a_time = self.folder.key_lock()?;
        let before = Book::read(&self.folder)?;
        let offline_after = match &before {
            Some(book) => book.offline_after,
            None => Some(OFFLINE_AFTER),
        };
        let book = Book {
            pin: Some(pin),
            offline_after,
            seen: before.and_then(|book| book.seen),
            ..Book::default()
        };
        // The file first: a store that says there is a PIN whose file is gone is broken.
        book.write(&self.folder)?;
        self.store.write(facts::set_has_pin)?;
        self.guard = Guard {
            book: Some(book),
            broken: false,
            unlocked: true,
        };
        Ok(())
    }

    /// Sets how long the content stays open without contact.
    ///
    /// # Errors
    /// [`Error::Locked`] when there was a PIN and its file is gone, or a disk that fails.
    pub(crate) fn set_offline_limit(&mut self, limit: Option<Millis>) -> Result<(), Error> {
        let _one_at_a_time = self.folder.key_lock()?;
        let mut book = Book::read(&self.folder)?.unwrap_or_default();
        if book.pin.is_none() {
            self.assert_never_had_pin()?;
        }
        book.offline_after = limit;
        book.write(&self.folder)?;
        self.guard.book = Some(book);
        Ok(())
    }
}

/// Tries a PIN. The hash is worked out in the caller's thread and holds up nothing else.
pub(crate) fn unlock(inner: &crate::handheld::Inner, given: &str) -> Result<Unlocked, Error> {
    let counted = match inner.with(Local::count_try)? {
        Ok(counted) => counted,
        Err(outcome) => return Ok(outcome),
    };
    if counted.pin.is(given)? {
        inner.with(Local::try_was_right)?;
        return Ok(Unlocked::Open);
    }
    Ok(Unlocked::Wrong {
        tries: counted.tries,
        wait: rules::wait_after(counted.tries),
    })
}

/// Hashes a new PIN, in the caller's thread, and sets it.
///
/// # Errors
/// [`Error::Invalid`] when it is none, or a disk that fails.
pub(crate) fn set_pin(
    inner: &crate::handheld::Inner,
    new: &str,
    random: &dyn Random,
) -> Result<(), Error> {
    let pin = Pin::new(new, random)?;
    inner.with(|local| local.put_pin(pin))
}
