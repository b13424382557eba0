//! The handheld: opening, lists, syncing and how it stands. What records is in `acting`, what
//! answers without a network in `answers`, the PIN in `locking`.

use crate::{
    card::OrderCard,
    error::HandheldError,
    input::{self, SyncBudget},
    keys::{PlatformKeyStore, asked},
    listener::{Relay, SyncListener},
    online::Online,
    orders::{OrderLine, OrderList},
    people::Me,
    settings::{self, HandheldSettings},
    standing::{ExportReport, HandheldStatus, SyncReport, ThinReport},
};
use gridcrew_mobile_core::{
    self as core,
    clock::{SystemClock, SystemRandom},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// A handheld: one installation, one person. One object for a data folder and a process;
/// it may be called from any thread.
#[derive(Debug, uniffi::Object)]
pub struct Handheld {
    pub(crate) engine: core::Handheld,
    pub(crate) online: Arc<Online>,
}

impl Handheld {
    /// A surface over an engine that was opened otherwise, such as with clocks of a test.
    #[must_use]
    pub fn over(engine: core::Handheld) -> Self {
        let online = Arc::default();
        Self { engine, online }
    }
}

/// Does `work`; a panic in it comes back as an error. The engine's lock survives one, and
/// what it had begun to store was rolled back.
pub(crate) fn guarded<T>(
    work: impl FnOnce() -> Result<T, HandheldError>,
) -> Result<T, HandheldError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(HandheldError::panicked(panic.as_ref())))
}

#[uniffi::export]
impl Handheld {
    /// Opens a data folder, or makes it, unsealed: for tools and tests. A damaged store is
    /// no error: it is set aside, and the status says so. One that was wiped is empty.
    ///
    /// # Errors
    /// A store of a newer program, [`HandheldError::Key`] of a folder that is sealed, or a
    /// disk that fails.
    #[uniffi::constructor(default(settings = None))]
    pub fn open(
        folder: String,
        settings: Option<HandheldSettings>,
    ) -> Result<Arc<Self>, HandheldError> {
        guarded(|| {
            let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
            let settings = settings::engine(settings);
            let folder = Path::new(&folder);
            let engine = core::Handheld::open_configured(folder, clock, random, settings)?;
            Ok(Arc::new(Self::over(engine)))
        })
    }

    /// Opens a data folder, or makes it, sealed with the key that the platform's keystore
    /// holds under `key_name`; the first opening makes the key. One name for each folder: a
    /// wipe forgets its key. A folder that was plain until now is sealed.
    ///
    /// # Errors
    /// [`HandheldError::Key`] when the key is gone, another's, or cannot be had, or when this
    /// library cannot encrypt: nothing was touched. And as [`Self::open`].
    #[uniffi::constructor(default(settings = None))]
    pub fn open_sealed(
        folder: String,
        keys: Arc<dyn PlatformKeyStore>,
        key_name: String,
        settings: Option<HandheldSettings>,
    ) -> Result<Arc<Self>, HandheldError> {
        guarded(|| {
            let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
            let (folder, keys) = (Path::new(&folder), asked(keys));
            let settings = settings::engine(settings);
            let engine =
                core::Handheld::open_sealed(folder, keys, &key_name, clock, random, settings)?;
            Ok(Arc::new(Self::over(engine)))
        })
    }

    /// Enrols the handheld with a one-time code from the station; gives the person's name.
    /// `device_name` is what the handheld calls itself, such as its model. One that is
    /// enrolled already comes back by a new code to its server when that no longer knows
    /// it. May be let go of: the same code goes on where it was.
    ///
    /// # Errors
    /// [`HandheldError::AlreadyEnrolled`], [`HandheldError::Refused`],
    /// [`HandheldError::Unreachable`], [`HandheldError::Busy`], or a disk that fails.
    pub async fn enrol(
        &self,
        server_url: String,
        code: String,
        device_name: String,
    ) -> Result<String, HandheldError> {
        let engine = self.engine.clone();
        let work = async move { engine.enrol(&server_url, &code, &device_name).await };
        self.online.call(work).await
    }

    /// Signs the person in again on this handheld, after its session ended. What waits
    /// goes on.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`], [`HandheldError::Refused`],
    /// [`HandheldError::Unreachable`], [`HandheldError::Busy`], or a disk that fails.
    pub async fn login(&self, login: String, password: String) -> Result<(), HandheldError> {
        let engine = self.engine.clone();
        let work = async move { engine.login(&login, &password).await };
        self.online.call(work).await
    }

    /// The orders of a list, the most urgent first.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`], or a store that cannot be read.
    pub fn list(&self, which: OrderList) -> Result<Vec<OrderLine>, HandheldError> {
        guarded(|| {
            let lines = self.engine.list(which.into())?;
            Ok(lines.into_iter().map(Into::into).collect())
        })
    }

    /// An order in full: where it stands, what is next, what is missing, what waits.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`], [`HandheldError::NotFound`], or a store that cannot
    /// be read.
    pub fn show(&self, order: String) -> Result<OrderCard, HandheldError> {
        guarded(|| Ok(self.engine.show(input::id("an order", &order)?)?.into()))
    }

    /// The id of the one order whose id begins or ends with `text`.
    ///
    /// # Errors
    /// [`HandheldError::NotFound`].
    pub fn find(&self, text: String) -> Result<String, HandheldError> {
        guarded(|| Ok(self.engine.find(&text)?.to_string()))
    }

    /// The person himself with his station and colleagues, once the feed brought him.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn me(&self) -> Result<Option<Me>, HandheldError> {
        guarded(|| Ok(self.engine.me()?.map(Into::into)))
    }

    /// Sends and fetches what there is, within a budget. Ends when nothing is left, when
    /// the budget is spent, when [`Self::stop_sync`] is called, or when the server will
    /// hear nothing from this handheld. May be let go of at any time: everything that came
    /// through is kept.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`], [`HandheldError::Busy`], [`HandheldError::Wiped`] when
    /// the server ordered that everything here be removed and it was, or a disk that fails.
    /// A server that cannot be reached is no error: the report says it.
    pub async fn sync(&self, budget: SyncBudget) -> Result<SyncReport, HandheldError> {
        let engine = self.engine.clone();
        let work = async move { engine.sync(budget.into()).await };
        Ok(self.online.call(work).await?.into())
    }

    /// Ends a running sync at once, with its report. For hosts whose tasks cannot cut a
    /// call, as Swift's.
    pub fn stop_sync(&self) {
        self.engine.stop_sync();
    }

    /// Tells a running sync that the network changed: it tries again at once.
    pub fn network_changed(&self) {
        self.engine.network_changed();
    }

    /// Tells a running sync that the person looks at the screen again: it tries at once.
    pub fn came_to_foreground(&self) {
        self.engine.came_to_foreground();
    }

    /// From now on `listener` hears how syncs go on, a running one too; none for no one.
    pub fn listen(&self, listener: Option<Arc<dyn SyncListener>>) {
        let relay =
            listener.map(|listener| -> Arc<dyn core::Listener> { Arc::new(Relay(listener)) });
        self.engine.listen(relay);
    }

    /// How the handheld stands: what waits, the last success, and why not since. While it is
    /// locked without what parked records say.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn status(&self) -> Result<HandheldStatus, HandheldError> {
        guarded(|| Ok(self.engine.status()?.into()))
    }

    /// Removes originals that the server has held for 30 days; when storage is short, also
    /// those that it has held for less. Nothing that it does not hold is ever removed.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn thin(&self) -> Result<ThinReport, HandheldError> {
        guarded(|| Ok(self.engine.thin()?.into()))
    }

    /// Queues photos that the server refused once more; gives how many uploads that are.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn retry_refused(&self) -> Result<u64, HandheldError> {
        guarded(|| Ok(self.engine.retry_refused()?))
    }

    /// Writes what the server does not hold into a new file, which `gridcrew import` takes
    /// in: records in signed batches, and photos. The file is not encrypted. Nothing changes
    /// here; what was exported is still sent when it can be.
    ///
    /// # Errors
    /// [`HandheldError::Locked`], [`HandheldError::NotEnrolled`], or a disk that fails.
    pub fn export_unsynced(&self, path: String) -> Result<ExportReport, HandheldError> {
        guarded(|| Ok(self.engine.export_unsynced(Path::new(&path))?.into()))
    }

    /// Writes the original of a photo into a file for showing it, as it was before it was
    /// sealed. An older file there is replaced; remove it when it is not shown any more.
    ///
    /// # Errors
    /// [`HandheldError::Locked`], [`HandheldError::Invalid`] when `photo` is no name of a
    /// photo, [`HandheldError::Storage`] when it was thinned, or a disk that fails.
    pub fn copy_photo(&self, photo: String, to: String) -> Result<(), HandheldError> {
        guarded(|| {
            let photo = input::photo(&photo)?;
            Ok(self.engine.copy_photo(photo, Path::new(&to))?)
        })
    }

    /// Where the original of a photo lies, unless it was thinned. In a sealed folder that
    /// file is sealed: see [`Self::copy_photo`].
    ///
    /// # Errors
    /// [`HandheldError::Invalid`] when `photo` is no name of a photo.
    pub fn photo_path(&self, photo: String) -> Result<String, HandheldError> {
        guarded(|| {
            let path = self.engine.photo_path(input::photo(&photo)?);
            Ok(path.to_string_lossy().into_owned())
        })
    }
}
