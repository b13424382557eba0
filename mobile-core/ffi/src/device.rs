//! A device that several people use, one shift after the other.

use crate::{
    error::{HandheldError, Refusal},
    handheld::{Handheld, guarded},
    input::{self, SyncBudget},
    keys::{PlatformKeyStore, asked},
    locking::{LockState, PinOutcome},
    online::Online,
    settings::{self, HandheldSettings},
    standing::SyncReport,
};
use gridcrew_mobile_core::{
    self as core,
    clock::{SystemClock, SystemRandom},
};
use std::{path::Path, sync::Arc};

/// A device that several people use: a data folder, a key and a queue for each, and one of
/// them on shift. One object for a folder and a process; it may be called from any thread.
///
/// A handheld that it gives is locked while its person is not on shift; what he left unsent
/// goes out with anybody's sync. One sync at a time runs on a device.
#[derive(Debug, uniffi::Object)]
pub struct Device {
    engine: Arc<core::Device>,
    /// The way online of all its handhelds, for syncs.
    syncing: Arc<Online>,
    enrolling: Online,
}

/// A person of a device and what of his waits.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PersonHere {
    /// His id.
    pub person: String,
    /// His name.
    pub name: String,
    /// His handheld's lock.
    pub lock: LockState,
    /// He is on shift.
    pub on_shift: bool,
    /// His records that the server does not hold yet.
    pub records_waiting: u64,
    /// His photos of which the server does not hold the original yet.
    pub photos_waiting: u64,
}

/// How handing over the shift ended.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum ShiftChange {
    /// The person is on shift now.
    Done {
        /// His handheld, unlocked.
        handheld: Arc<Handheld>,
        /// Everyone of the device, with what each left unsent.
        people: Vec<PersonHere>,
    },
    /// The PIN was not right, or not looked at; who was on shift still is.
    Refused {
        /// What became of the PIN.
        outcome: PinOutcome,
    },
}

/// How a person's part of a device's sync went: one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PersonSync {
    /// His id.
    pub person: String,
    /// His name.
    pub name: String,
    /// What his sync did.
    pub report: Option<SyncReport>,
    /// Why there was none, such as `device.wiped`.
    pub failed: Option<Refusal>,
}

#[uniffi::export]
impl Device {
    /// Opens a device's folder, or makes it, with everyone in it locked. With a keystore
    /// every person's data is sealed with a key of its own.
    ///
    /// # Errors
    /// As [`Handheld::open_sealed`], for any of the people.
    #[uniffi::constructor(default(settings = None))]
    pub fn open(
        folder: String,
        keys: Option<Arc<dyn PlatformKeyStore>>,
        settings: Option<HandheldSettings>,
    ) -> Result<Arc<Self>, HandheldError> {
        guarded(|| {
            let engine = core::Device::open(
                Path::new(&folder),
                keys.map(asked),
                Arc::new(SystemClock::new()),
                Arc::new(SystemRandom),
                settings::engine(settings),
            )?;
            Ok(Arc::new(Self {
                engine: Arc::new(engine),
                syncing: Arc::default(),
                enrolling: Online::default(),
            }))
        })
    }

    /// Everyone who is enrolled, by name, with what waits of each. Nothing is unlocked.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn people(&self) -> Result<Vec<PersonHere>, HandheldError> {
        guarded(|| Ok(listed(self.engine.people()?)))
    }

    /// Enrols another person with a one-time code of the station and the PIN that he
    /// chooses; gives his id. He is not on shift by this. May be let go of: the same code
    /// goes on where it was.
    ///
    /// # Errors
    /// [`HandheldError::AlreadyEnrolled`] when he is here already, and as
    /// [`Handheld::enrol`] and [`Handheld::set_pin`].
    pub async fn enrol(
        &self,
        server_url: String,
        code: String,
        device_name: String,
        pin: String,
    ) -> Result<String, HandheldError> {
        let engine = Arc::clone(&self.engine);
        let work = async move { engine.enrol(&server_url, &code, &device_name, &pin).await };
        Ok(self.enrolling.call(work).await?.to_string())
    }

    /// The handheld of a person, locked unless he is on shift.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`] when he is not of this device.
    pub fn handheld(&self, person: String) -> Result<Arc<Handheld>, HandheldError> {
        guarded(|| {
            let engine = self.engine.handheld(input::id("a person", &person)?)?;
            Ok(self.give(engine))
        })
    }

    /// Hands the shift over to a person who gives his PIN: all others are locked. What they
    /// left unsent is listed, to be told to them.
    ///
    /// # Errors
    /// [`HandheldError::NotEnrolled`] when he is not of this device, and as
    /// [`Handheld::unlock`].
    pub fn change_shift(&self, to: String, pin: String) -> Result<ShiftChange, HandheldError> {
        guarded(|| {
            let to = input::id("a person", &to)?;
            Ok(match self.engine.change_shift(to, &pin)? {
                core::ShiftChange::Done { handheld, people } => ShiftChange::Done {
                    handheld: self.give(handheld),
                    people: listed(people),
                },
                core::ShiftChange::Not(outcome) => ShiftChange::Refused {
                    outcome: outcome.into(),
                },
            })
        })
    }

    /// The handheld of who is on shift.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn on_shift(&self) -> Result<Option<Arc<Handheld>>, HandheldError> {
        guarded(|| Ok(self.engine.on_shift()?.map(|engine| self.give(engine))))
    }

    /// Ends the shift: everyone is locked.
    ///
    /// # Errors
    /// None but a fault of the library.
    pub fn end_shift(&self) -> Result<(), HandheldError> {
        guarded(|| {
            self.engine.end_shift();
            Ok(())
        })
    }

    /// Sends and fetches for everyone, who is on shift first, all together within the
    /// budget; nobody is unlocked. May be let go of at any time.
    ///
    /// # Errors
    /// [`HandheldError::Busy`], or a store that cannot be read.
    pub async fn sync(&self, budget: SyncBudget) -> Result<Vec<PersonSync>, HandheldError> {
        let engine = Arc::clone(&self.engine);
        let work = async move { engine.sync(budget.into()).await };
        let done = self.syncing.call(work).await?;
        Ok(done
            .into_iter()
            .map(|(here, ended)| {
                let (report, failed) = match ended {
                    Ok(report) => (Some(report.into()), None),
                    Err(error) => (None, Some(HandheldError::from(error).why())),
                };
                PersonSync {
                    person: here.person.to_string(),
                    name: here.name,
                    report,
                    failed,
                }
            })
            .collect())
    }

    /// Ends a running sync at once, with its reports.
    pub fn stop_sync(&self) {
        self.engine.stop_sync();
    }

    /// Tells a running sync that the network changed: it tries again at once.
    pub fn network_changed(&self) {
        self.engine.network_changed();
    }

    /// Tells a running sync that somebody looks at the screen again: it tries at once.
    pub fn came_to_foreground(&self) {
        self.engine.came_to_foreground();
    }
}

impl Device {
    /// An object for a handheld, on the way online of all.
    fn give(&self, engine: core::Handheld) -> Arc<Handheld> {
        let online = Arc::clone(&self.syncing);
        Arc::new(Handheld { engine, online })
    }
}

fn listed(people: Vec<core::PersonHere>) -> Vec<PersonHere> {
    people
        .into_iter()
        .map(|here| PersonHere {
            person: here.person.to_string(),
            name: here.name,
            lock: here.lock.into(),
            on_shift: here.on_shift,
            records_waiting: here.records_waiting,
            photos_waiting: here.photos_waiting,
        })
        .collect()
}
