//! A device that several people use, one shift after the other.
//!
//! Each person has a data folder of his own under `persons/`, with his own store, keys,
//! journal and queue, and sealed with a key of his own where there is a keystore: what one
//! recorded is signed by his key only, and nothing of one is in the other's files. The
//! folder of an enrolment is named after its code, so that a lost answer is asked for again
//! with the same key.
//!
//! One person at a time is on shift: his handheld is unlocked, all others are locked. What
//! they left waiting is sent from anyone's shift ([`Device::sync`]), signed by them, without
//! being unlocked.

use crate::{
    clock::{Clock, Random},
    engine::{Budget, Ended, SyncReport},
    error::Error,
    files::{make_folder, sync_folder},
    handheld::Handheld,
    lock::{Lock, Unlocked},
    seal::KeyStore,
    settings::Settings,
};
use gridcrew_sync_protocol::{code::Code, digest::Digest, ids::PersonId};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A person of the device and what of his waits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PersonHere {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// His handheld's lock.
    pub lock: Lock,
    /// He is on shift.
    pub on_shift: bool,
    /// His records that the server does not hold yet.
    pub records_waiting: u64,
    /// His photos of which the server does not hold the original yet.
    pub photos_waiting: u64,
}

/// How a change of shift ended.
#[derive(Clone, Debug)]
pub enum ShiftChange {
    /// The person is on shift now.
    Done {
        /// His handheld, unlocked.
        handheld: Handheld,
        /// Everyone of the device, with what waits to be sent of each.
        people: Vec<PersonHere>,
    },
    /// The PIN was not right, or not looked at; who was on shift still is.
    Not(Unlocked),
}

/// A device that several people use.
pub struct Device {
    root: PathBuf,
    keys: Option<Arc<dyn KeyStore>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Settings,
    people: Mutex<People>,
}

#[derive(Default)]
struct People {
    /// By the name of their folder.
    handhelds: BTreeMap<String, Handheld>,
    on_shift: Option<PersonId>,
    /// The folders that could not be opened, each with why.
    unopened: Vec<(String, Error)>,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Device {
    /// Opens a device's folder, or makes it, with everyone in it locked. With a keystore,
    /// every person's folder is sealed with a key of its own.
    ///
    /// One whose folder cannot be opened keeps nobody else out: [`Self::unopened`] tells.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn open(
        root: &Path,
        keys: Option<Arc<dyn KeyStore>>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let device = Self {
            root: root.join("persons"),
            keys,
            clock,
            random,
            settings,
            people: Mutex::default(),
        };
        make_folder(&device.root)?;
        for item in fs::read_dir(&device.root)? {
            let name = item?.file_name().to_string_lossy().into_owned();
            match device.handheld_in(&name) {
                Ok(handheld) => drop(device.here().handhelds.insert(name, handheld)),
                Err(error) => {
                    tracing::error!(folder = name, %error, "one person cannot be opened");
                    device.here().unopened.push((name, error));
                }
            }
        }
        Ok(device)
    }

    fn here(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folders of people that could not be opened, each with why. What is in them stays,
    /// and is looked at again at the next opening.
    #[must_use]
    pub fn unopened(&self) -> Vec<(PathBuf, String)> {
        let here = self.here();
        let unopened = here.unopened.iter();
        unopened
            .map(|(name, error)| (self.root.join(name), error.to_string()))
            .collect()
    }

    fn handheld_in(&self, name: &str) -> Result<Handheld, Error> {
        let folder = self.root.join(name);
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let settings = self.settings.clone();
        match &self.keys {
            Some(keys) => {
                let key = format!("person-{name}");
                Handheld::open_sealed(&folder, Arc::clone(keys), &key, clock, random, settings)
            }
            None => Handheld::open_configured(&folder, clock, random, settings),
        }
    }

    /// Everyone who is enrolled, by name, with what waits of each. Nothing is unlocked.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn people(&self) -> Result<Vec<PersonHere>, Error> {
        let (handhelds, on_shift) = {
            let here = self.here();
            (here.handhelds.clone(), here.on_shift)
        };
        let mut people = Vec::new();
        for handheld in handhelds.into_values() {
            let status = handheld.status()?;
            let Some(person) = status.person else {
                continue;
            };
            people.push(PersonHere {
                person,
                name: status.person_name,
                lock: handheld.lock_state()?,
                on_shift: on_shift == Some(person),
                records_waiting: status.records_waiting,
                photos_waiting: status.photos.originals_waiting,
            });
        }
        people.sort_by(|a, b| (&a.name, a.person).cmp(&(&b.name, b.person)));
        Ok(people)
    }

    /// Enrols another person with a one-time code of the station and the PIN that he
    /// chooses; he is not on shift by this.
    ///
    /// # Errors
    /// [`Error::AlreadyEnrolled`] when he is here already, and as [`Handheld::enrol`] and
    /// [`Handheld::set_pin`].
    pub async fn enrol(
        &self,
        server_url: &str,
        code: &str,
        device_name: &str,
        pin: &str,
    ) -> Result<PersonId, Error> {
        let name = folder_of(code.trim());
        let known = self.here().handhelds.get(&name).cloned();
        let handheld = match known {
            Some(handheld) => handheld,
            None => self.handheld_in(&name)?,
        };
        // The PIN first: nobody is enrolled here without one.
        if handheld.status()?.person.is_none() {
            handheld.replace_pin(pin)?;
        }
        if let Err(error) = handheld.enrol(server_url, code, device_name).await {
            // A code that is refused was promised to no one. Whatever else went wrong, the
            // server may have bound the code to the key by now: it is tried again with it.
            if refuses_the_code(&error) && handheld.status()?.person.is_none() {
                self.remove(&name, handheld)?;
            }
            return Err(error);
        }
        handheld.lock();
        let status = handheld.status()?;
        let person = status.person.ok_or(Error::NotEnrolled)?;
        if self.is_elsewhere(&name, person)? {
            self.remove(&name, handheld)?;
            return Err(Error::AlreadyEnrolled(status.person_name));
        }
        self.here().handhelds.insert(name, handheld);
        Ok(person)
    }

    /// Whether a person has another folder than the one of that name.
    fn is_elsewhere(&self, name: &str, person: PersonId) -> Result<bool, Error> {
        let handhelds = self.here().handhelds.clone();
        for (other, handheld) in handhelds {
            if other != name && handheld.status()?.person == Some(person) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes the folder of an enrolment that came to nothing.
    fn remove(&self, name: &str, handheld: Handheld) -> Result<(), Error> {
        self.here().handhelds.remove(name);
        drop(handheld);
        if let Some(keys) = &self.keys {
            keys.forget(&format!("person-{name}"))?;
        }
        fs::remove_dir_all(self.root.join(name))?;
        sync_folder(&self.root)
    }

    /// The handheld of a person, locked unless he is on shift.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] when he is not of this device.
    pub fn handheld(&self, person: PersonId) -> Result<Handheld, Error> {
        let handhelds = self.here().handhelds.clone();
        for handheld in handhelds.into_values() {
            if handheld.status()?.person == Some(person) {
                return Ok(handheld);
            }
        }
        Err(Error::NotEnrolled)
    }

    /// A person begins his shift with his PIN: all others are locked. What they left unsent is
    /// listed, to be told to them, and goes out with the next sync.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] when he is not of this device, and as [`Handheld::unlock`].
    pub fn change_shift(&self, to: PersonId, pin: &str) -> Result<ShiftChange, Error> {
        let handheld = self.handheld(to)?;
        match handheld.unlock(pin)? {
            Unlocked::Open => {}
            outcome => return Ok(ShiftChange::Not(outcome)),
        }
        {
            let mut here = self.here();
            here.on_shift = Some(to);
            let others = here.handhelds.values();
            others
                .filter(|other| !other.is_same(&handheld))
                .for_each(Handheld::lock);
        }
        let people = self.people()?;
        Ok(ShiftChange::Done { handheld, people })
    }

    /// Ends the shift: everyone is locked.
    pub fn end_shift(&self) {
        let mut here = self.here();
        here.on_shift = None;
        here.handhelds.values().for_each(Handheld::lock);
    }

    /// The handheld of who is on shift.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn on_shift(&self) -> Result<Option<Handheld>, Error> {
        let on_shift = self.here().on_shift;
        on_shift.map(|person| self.handheld(person)).transpose()
    }

    /// Sends and fetches for everyone, who is on shift first; all of them together within
    /// the budget. One whose sync fails keeps nobody back; [`Self::stop_sync`] ends it for
    /// all who did not have their turn.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn sync(
        &self,
        budget: Budget,
    ) -> Result<Vec<(PersonHere, Result<SyncReport, Error>)>, Error> {
        let mut people = self.people()?;
        people.sort_by_key(|here| !here.on_shift);
        let started = self.clock.now().uptime;
        let mut left = budget;
        let mut reports = Vec::new();
        for here in people {
            let report = self.handheld(here.person)?.sync(left).await;
            let stopped = matches!(&report, Ok(report) if report.ended == Ended::Stopped);
            if let Ok(report) = &report {
                let bytes = report.bytes_sent.saturating_add(report.bytes_received);
                left.bytes = left.bytes.map(|most| most.saturating_sub(bytes));
            }
            let took = self.clock.now().uptime.0.saturating_sub(started.0).max(0);
            let seconds = u32::try_from(took / 1_000).unwrap_or(u32::MAX);
            left.seconds = budget.seconds.map(|most| most.saturating_sub(seconds));
            reports.push((here, report));
            if stopped {
                break;
            }
        }
        Ok(reports)
    }

    /// Ends a running sync of whomever, as [`Handheld::stop_sync`] does.
    pub fn stop_sync(&self) {
        self.here().handhelds.values().for_each(Handheld::stop_sync);
    }

    /// Tells running syncs that the network changed: they try again at once.
    pub fn network_changed(&self) {
        let here = self.here();
        here.handhelds.values().for_each(Handheld::network_changed);
    }

    /// Tells running syncs that somebody looks at the screen again: they try at once.
    pub fn came_to_foreground(&self) {
        let here = self.here();
        here.handhelds
            .values()
            .for_each(Handheld::came_to_foreground);
    }
}

/// Whether the server said of the code itself that it does not count.
fn refuses_the_code(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused {
            code: Code::EnrolBadCode | Code::EnrolBadProof | Code::AuthRevoked,
            ..
        }
    )
}

/// The name of the folder of an enrolment: a code is used once, and is no secret after.
fn folder_of(code: &str) -> String {
    let mut name = Digest::of(format!("gridcrew device 1\0{code}").as_bytes()).to_string();
    name.truncate(20);
    name
}

#[cfg(test)]
mod tests;
