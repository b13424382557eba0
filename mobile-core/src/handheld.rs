//! The handheld's surface: open, enrol, list, act, attach, sync with a budget, status.
//! `acting` holds what records, `answers` what answers without a network, `locking` the PIN.
//!
//! Everything but [`Handheld::enrol`] and [`Handheld::sync`] is synchronous and works
//! without a network. A handle can be cloned and used from many threads; any number of
//! handhelds live in one process, each with a folder of its own.

use crate::{
    clock::{Clock, Random, SystemClock, SystemRandom},
    engine::{Budget, SyncReport},
    error::Error,
    export::Exported,
    host::{self, Listener},
    local::{Keys, Local},
    lock::Lock,
    photos::{self, Thinned},
    seal::KeyStore,
    settings::Settings,
    store::{facts, orders, photos as photo_rows, scope},
    views::{self, List, OrderCard, OrderLine, Status},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::Me,
    ids::OrderId,
    order::{OrderState, Sourced},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Notify, watch};

/// A handheld: one installation, one person, one journal at a time.
#[derive(Clone)]
pub struct Handheld {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    local: Mutex<Local>,
    /// Rung when something was recorded, so that a running sync takes it along.
    pub(crate) recorded: Notify,
    /// Rung when the network changed, so that a running sync tries at once.
    pub(crate) network: Notify,
    /// Rung when the person looks again, so that a running sync tries at once.
    pub(crate) foreground: Notify,
    /// Told when a running sync shall end.
    pub(crate) stop: watch::Sender<()>,
    listener: Mutex<Option<Arc<dyn Listener>>>,
}

impl Inner {
    /// Does `work` on what is on the device, one caller at a time.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Local) -> T) -> T {
        // A panic while the lock was held rolled its transaction back; what is on disk is
        // whole, and in memory there is nothing else.
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut local)
    }

    /// Who wants to hear how a sync goes on.
    pub(crate) fn listener(&self) -> Option<Arc<dyn Listener>> {
        let listener = self.listener.lock();
        listener.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As [`Self::with`], for what reads or adds to the content: only while it is unlocked.
    pub(crate) fn with_content<T>(
        &self,
        work: impl FnOnce(&mut Local) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|local| {
            local.assert_open()?;
            work(local)
        })
    }
}

impl std::fmt::Debug for Handheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handheld").finish_non_exhaustive()
    }
}

impl Handheld {
    /// Opens a data folder, or makes it, with the system's clocks and randomness.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_with(folder, Arc::new(SystemClock::new()), Arc::new(SystemRandom))
    }

    /// Opens a data folder, or makes it, with clocks and randomness of the caller's.
    ///
    /// # Errors
    /// A store of a newer program, an SQLite that is too old, or a disk that fails. A
    /// damaged store is no error: it is set aside and [`Self::status`] says so.
    pub fn open_with(
        folder: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        Self::open_configured(folder, clock, random, Settings::default())
    }

    /// Opens a data folder, or makes it, with a policy for photos and for storage space of the
    /// caller's.
    ///
    /// # Errors
    /// As [`Self::open_with`].
    pub fn open_configured(
        folder: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, Error> {
        Self::over(Local::open(folder, None, clock, random)?, settings)
    }

    /// Opens a data folder, or makes it, encrypted with the key that `keys` holds under
    /// `name`; the first opening makes it. A folder that was plain until now is sealed.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::WrongKey`], [`Error::NoCipher`], [`Error::KeyStore`],
    /// and as [`Self::open_with`].
    pub fn open_sealed(
        folder: &Path,
        keys: Arc<dyn KeyStore>,
        name: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let keys = Keys {
            store: keys,
            name: name.to_owned(),
        };
        Self::over(Local::open(folder, Some(&keys), clock, random)?, settings)
    }

    fn over(mut local: Local, settings: Settings) -> Result<Self, Error> {
        local.configure(settings);
        let local = Mutex::new(local);
        let inner = Inner {
            local,
            recorded: Notify::new(),
            network: Notify::new(),
            foreground: Notify::new(),
            stop: watch::Sender::new(()),
            listener: Mutex::new(None),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Enrols the handheld with a one-time code from the station; gives the person's name.
    /// `device_name` is what the handheld calls itself, such as its model.
    ///
    /// A handheld that is enrolled comes back by a new code to its server when that no
    /// longer knows it, as after a restore from a backup: to its journal if the server has
    /// it, and else with everything that it ever recorded to a new one.
    ///
    /// # Errors
    /// [`Error::AlreadyEnrolled`] when it is enrolled and the code is another person's or
    /// the server another, [`Error::Refused`] with the server's code,
    /// [`Error::Unreachable`], or a disk that fails.
    pub async fn enrol(
        &self,
        server_url: &str,
        code: &str,
        device_name: &str,
    ) -> Result<String, Error> {
        host::enrol(&self.inner, server_url, code, device_name).await
    }

    /// Signs the person in again on this handheld, after its session ended. What waits
    /// goes on in the same journal.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Refused`] with the server's code,
    /// [`Error::Unreachable`], or a disk that fails.
    pub async fn login(&self, login: &str, password: &str) -> Result<(), Error> {
        host::login(&self.inner, login, password).await
    }

    /// The orders of a list, the most urgent first.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], or a store that cannot be read.
    pub fn list(&self, which: List) -> Result<Vec<OrderLine>, Error> {
        self.inner.with_content(|local| {
            let now = local.trusted_now()?;
            views::list(local.store.read(), which, now)
        })
    }

    /// An order in full: the local fold, what is next, what is missing, what waits.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::UnknownOrder`], or a store that cannot be read.
    pub fn show(&self, order: OrderId) -> Result<OrderCard, Error> {
        self.inner.with_content(|local| {
            let now = local.trusted_now()?;
            views::card(local.store.read(), order, now)
        })
    }

    /// The one order whose id begins or ends with `text`.
    ///
    /// # Errors
    /// [`Error::UnknownOrder`], [`Error::AmbiguousOrder`].
    pub fn find(&self, text: &str) -> Result<OrderId, Error> {
        self.inner
            .with_content(|local| views::find(local.store.read(), text))
    }

    /// The person himself with his station and colleagues, once the feed brought him.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn me(&self) -> Result<Option<Me>, Error> {
        self.inner
            .with_content(|local| scope::me(local.store.read()))
    }

    /// Whether both are one and the same open handheld.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Sends and fetches what there is, within a budget. Ends when nothing is left, when
    /// the budget is spent, or when the server will hear nothing from this handheld; how
    /// it went is in the report and stays in [`Self::status`]. May be dropped at any time:
    /// everything that came through is kept.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::SyncRunning`], [`Error::Wiped`] when the server
    /// ordered that everything here be removed and it was, or a disk that fails. A server
    /// that cannot be reached is no error.
    pub async fn sync(&self, budget: Budget) -> Result<SyncReport, Error> {
        match host::sync(&self.inner, budget).await {
            // Once more with the space that is kept back: what the server holds can then go.
            Err(Error::DiskFull(why)) => match self.inner.with(|local| local.reserve.give_up())? {
                true => host::sync(&self.inner, budget).await,
                false => Err(Error::DiskFull(why)),
            },
            ended => ended,
        }
    }

    /// Writes what the server does not hold into a new file, which `gridcrew import` takes
    /// in: records in signed batches, and photos. The file is not encrypted. What is here
    /// is still sent when it can be.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NotEnrolled`], or a disk that fails.
    pub fn export_unsynced(&self, path: &Path) -> Result<Exported, Error> {
        let exporting = self.inner.with_content(|local| local.begin_export(path))?;
        exporting.finish()
    }

    /// The person has seen what was found at opening: it is not shown again.
    ///
    /// # Errors
    /// [`Error::Locked`], or a disk that fails.
    pub fn acknowledge_findings(&self) -> Result<(), Error> {
        let forget = |local: &mut Local| local.store.write(facts::forget_findings);
        self.inner.with_content(forget)
    }

    /// Tells a running sync that the network changed: it tries again at once.
    pub fn network_changed(&self) {
        self.inner.network.notify_one();
    }

    /// Tells a running sync that the person looks at the screen again: it tries at once.
    pub fn came_to_foreground(&self) {
        self.inner.foreground.notify_one();
    }

    /// Ends a running sync as soon as what is being stored is stored; requests under way
    /// are cut. Its report says [`crate::Ended::Stopped`]. For hosts that cannot drop the
    /// future; nothing is kept of it for a later sync.
    pub fn stop_sync(&self) {
        self.inner.stop.send_replace(());
    }

    /// From now on `listener` hears how syncs through this handle and its clones go on, a
    /// running one too; `None` for no one.
    pub fn listen(&self, listener: Option<Arc<dyn Listener>>) {
        let mut place = self
            .inner
            .listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = listener;
    }

    /// How the handheld stands: what waits, the last success, and why not since. While it is
    /// locked only in numbers: nothing of which records are parked, which orders disagree and
    /// what was found.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        self.inner.with(|local| {
            let now = local.trusted_now()?;
            let mut status = views::status(local.store.read(), now, local.wall(), local.space())?;
            if local.lock_state()? != Lock::Open {
                status.parked.clear();
                status.disagreeing.clear();
                status.findings.clear();
            }
            Ok(status)
        })
    }

    /// Removes originals that the server had held for 30 days when it was heard last, and none
    /// of these while the time is not sure; when space is short, also those that it has held for
    /// less. Nothing that it does not hold is ever removed, and nothing at all while a server
    /// that began anew was not asked again what it holds.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn thin(&self) -> Result<Thinned, Error> {
        self.inner.with(|local| {
            let old = match local.sure_now()? {
                Some(now) => photos::thin(&mut local.store, &local.folder, now)?,
                None => Thinned::default(),
            };
            Ok(old.and(local.make_room()?))
        })
    }

    /// Queues photos that the server refused once more; gives how many uploads that are.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn retry_refused(&self) -> Result<u64, Error> {
        let count = self
            .inner
            .with(|local| local.store.write(photo_rows::retry_refused))?;
        self.inner.recorded.notify_one();
        Ok(count)
    }

    /// The original of a photo as it was taken over: for showing it when
    /// the folder is sealed.
    ///
    /// # Errors
    /// [`Error::Storage`] when the file is gone or was changed.
    pub fn photo(&self, photo: Digest) -> Result<Vec<u8>, Error> {
        let folder = self.inner.with_content(|local| Ok(local.folder.clone()))?;
        Ok(folder.read(&folder.photo(photo))?)
    }

    /// Writes the original of a photo into a file as it was before it was sealed: for showing
    /// it. An older file there is replaced.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Storage`] when the photo is gone or was changed, or a
    /// disk that fails.
    pub fn copy_photo(&self, photo: Digest, to: &Path) -> Result<(), Error> {
        let folder = self.inner.with_content(|local| Ok(local.folder.clone()))?;
        let mut photo = folder.reader(&folder.photo(photo), 0)?;
        let mut file = fs::File::create(to)?;
        if let Err(error) = io::copy(&mut photo, &mut file) {
            fs::remove_file(to)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Where the original of a photo lies, unless it was thinned; a path, not the bytes.
    /// In a sealed folder the file is sealed; [`Self::photo`] gives its content.
    #[must_use]
    pub fn photo_path(&self, photo: Digest) -> PathBuf {
        self.inner.with(|local| local.folder.photo(photo))
    }

    /// Every order here with its local fold: for comparing with the server's.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn states(&self) -> Result<Vec<(OrderId, Option<OrderState>)>, Error> {
        self.inner.with_content(|local| {
            let rows = orders::all(local.store.read())?;
            Ok(rows.into_iter().map(|row| (row.id, row.state)).collect())
        })
    }

    /// Every record of an order that counts in its local fold.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn records(&self, order: OrderId) -> Result<Vec<Sourced>, Error> {
        self.inner
            .with_content(|local| crate::fold::records(local.store.read(), order))
    }
}

mod acting;
mod answers;
mod locking;
#[cfg(test)]
mod tests;

pub use acting::{PhotoInput, Recorded, StepInput};
