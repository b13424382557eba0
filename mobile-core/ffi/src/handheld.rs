//! The handheld: everything that a host calls.

use crate::{
    card::OrderCard,
    error::HandheldError,
    input::{self, Place, StepInput, SyncBudget},
    listener::{Relay, SyncListener},
    online::Online,
    orders::{OrderLine, OrderList},
    people::Me,
    standing::{HandheldStatus, SyncReport, ThinReport},
    trace::{RecordId, RecordedStep},
};
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::ids::{OrderId, PersonId};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

/// A handheld: one installation, one person. One object for a data folder and a process;
/// it may be called from any thread.
#[derive(Debug, uniffi::Object)]
pub struct Handheld {
    engine: core::Handheld,
    online: Online,
}

impl Handheld {
    /// A surface over an engine that was opened otherwise, such as with clocks of a test.
    #[must_use]
    pub fn over(engine: core::Handheld) -> Self {
        let online = Online::default();
        Self { engine, online }
    }

    fn order(text: &str) -> Result<OrderId, HandheldError> {
        input::id("an order", text)
    }
}

/// Does `work`; a panic in it comes back as an error. The engine's lock survives one, and
/// what it had begun to store was rolled back.
fn guarded<T>(work: impl FnOnce() -> Result<T, HandheldError>) -> Result<T, HandheldError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(HandheldError::panicked(panic.as_ref())))
}

#[uniffi::export]
impl Handheld {
    /// Opens a data folder, or makes it. A damaged store is no error: it is set aside, and
    /// the status says so.
    ///
    /// # Errors
    /// A store of a newer program, or a disk that fails.
    #[uniffi::constructor]
    pub fn open(folder: String) -> Result<Arc<Self>, HandheldError> {
        guarded(|| {
            let engine = core::Handheld::open(Path::new(&folder))?;
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
        guarded(|| Ok(self.engine.show(Self::order(&order)?)?.into()))
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

    /// Takes an order; `eta_minutes` is what the customer was told. Durable when it
    /// returns, like everything that records.
    ///
    /// # Errors
    /// Why it may not be recorded, or a disk that fails; then nothing was.
    pub fn take(
        &self,
        order: String,
        eta_minutes: Option<u32>,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let id = self.engine.take(Self::order(&order)?, eta_minutes, place)?;
            Ok(id.into())
        })
    }

    /// Declines an order for a reason of its workflow.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn decline(
        &self,
        order: String,
        reason: String,
        note: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let order = Self::order(&order)?;
            Ok(self.engine.decline(order, &reason, &note, place)?.into())
        })
    }

    /// Asks that another person become the owner.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn hand_over(
        &self,
        order: String,
        to: String,
        note: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let to: PersonId = input::id("a person", &to)?;
            let order = Self::order(&order)?;
            Ok(self.engine.hand_over(order, to, &note, place)?.into())
        })
    }

    /// Adds a remark.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn note(
        &self,
        order: String,
        text: String,
        place: Option<Place>,
    ) -> Result<RecordId, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            Ok(self.engine.note(Self::order(&order)?, &text, place)?.into())
        })
    }

    /// Records a step with its fields and pictures. The pictures are copied and durable
    /// before the record that promises them; one that is no picture is refused before
    /// anything is recorded.
    ///
    /// # Errors
    /// [`HandheldError::Incomplete`] with everything that is missing,
    /// [`HandheldError::Invalid`], and as [`Self::take`].
    pub fn step(
        &self,
        order: String,
        input: StepInput,
        place: Option<Place>,
    ) -> Result<RecordedStep, HandheldError> {
        guarded(|| {
            let place = input::place(place)?;
            let order = Self::order(&order)?;
            Ok(self.engine.step(order, input.into(), place)?.into())
        })
    }

    /// Sends and fetches what there is, within a budget. Ends when nothing is left, when
    /// the budget is spent, when [`Self::stop_sync`] is called, or when the server will
    /// hear nothing from this handheld. May be let go of at any time: everything that came
    /// through is kept.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`], [`HandheldError::Busy`], or a disk that fails. A
    /// server that cannot be reached is no error: the report says it.
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

    /// How the handheld stands: what waits, the last success, and why not since.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn status(&self) -> Result<HandheldStatus, HandheldError> {
        guarded(|| Ok(self.engine.status()?.into()))
    }

    /// Removes originals that the server has held for 30 days, and nothing else.
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

    /// Where the original of a photo lies, unless it was thinned.
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
