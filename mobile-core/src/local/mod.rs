//! All that is on the device: the store, the photo folder, keys and tokens, and the clocks
//! and randomness passed in. What the facade and the sync's host do, they do through this.

mod diagnostics;
mod hearing;
mod load;
mod persist;
mod sealing;

pub(crate) use load::Packed;
pub(crate) use sealing::Keys;

use crate::{
    clock::{Clock, Random},
    error::Error,
    feed,
    files::Folder,
    lock::Guard,
    photos,
    secrets::Secrets,
    settings::Settings,
    space::Reserve,
    store::{
        Store, facts,
        identity::{self, Said},
    },
};
use gridcrew_sync_protocol::time::{Sureness, TrustedTime, UnixMillis};
use std::{fmt, fs::File, path::Path, sync::Arc};

/// What is on the device.
pub(crate) struct Local {
    pub(crate) folder: Folder,
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
    pub(crate) guard: Guard,
    pub(crate) keys: Option<Keys>,
    /// Everything was removed; the folder has to be opened again.
    pub(crate) wiped: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) settings: Settings,
    pub(crate) reserve: Reserve,
    /// A server time that took long to come, kept until the sync is over.
    late: Option<Said>,
    _in_use: File,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Where a journal has its key, there was a store: one without an owner was lost, and is not
/// to look as if the handheld were new. And the other way round.
fn tell_of_loss(store: &mut Store, secrets: &Secrets) -> Result<(), Error> {
    let is_lost = secrets.has_journal_key() && facts::findings(store.read())?.is_empty();
    let line = match identity::get(store.read())? {
        None if is_lost => {
            "the store was gone although this handheld had been enrolled: enrol it again"
        }
        Some(identity) if secrets.key(&identity.public_key).is_err() => {
            "the key and the session of this handheld were lost: enrol it again; what was \
             recorded is kept and sent then"
        }
        _ => return Ok(()),
    };
    store.write(|db| facts::add_finding(db, line))
}

/// Opens the store; for this process alone when a full disk has no room for sharing it.
fn open_store(folder: &Folder) -> Result<Store, Error> {
    match Store::open(&folder.store(), folder.seal()) {
        Err(Error::DiskFull(why)) => {
            tracing::warn!(why, "the disk is full: the store is opened as it is");
            Store::open_alone(&folder.store(), folder.seal())
        }
        other => other,
    }
}

/// What is tidied at opening and can as well be tidied at the next one must not keep the
/// store shut on a full disk.
fn on_a_full_disk_later(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::DiskFull(why)) => {
            tracing::warn!(why, "the disk is full: not everything was tidied");
            Ok(())
        }
        other => other,
    }
}

impl Local {
    /// Opens the data folder, or makes it; checks the store and tidies the photo folder.
    pub(crate) fn open(
        root: &Path,
        keys: Option<&Keys>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let folder = sealing::open_folder(root, keys, random.as_ref())?;
        let mut store = {
            let _one_at_a_time = folder.key_lock()?;
            open_store(&folder)?
        };
        on_a_full_disk_later(store.write(feed::catch_up))?;
        let secrets = Secrets::open(&folder)?;
        on_a_full_disk_later(tell_of_loss(&mut store, &secrets))?;
        let in_use = folder.in_use(|| {
            let lines = if facts::photos_unsure(store.read())? {
                photos::adopt(&mut store, &folder, clock.now().wall)?
            } else if identity::get(store.read())?.is_some() {
                photos::sweep(&store, &folder)?
            } else {
                // With a fresh store beside old photos, nothing here could tell whose they are.
                return Ok(());
            };
            on_a_full_disk_later(store.write(|db| {
                lines
                    .iter()
                    .try_for_each(|line| facts::add_finding(db, line))
            }))
        })?;
        let guard = Guard::open(&folder, &mut store, clock.as_ref())?;
        let reserve = Reserve::of(folder.root());
        let mut local = Self {
            folder,
            store,
            secrets,
            guard,
            keys: keys.cloned(),
            wiped: false,
            clock,
            random,
            settings: Settings::default(),
            reserve,
            late: None,
            _in_use: in_use,
        };
        local.configure(Settings::default());
        Ok(local)
    }

    /// The wall clock, for rows that are only looked at by the person.
    pub(crate) fn wall(&self) -> UnixMillis {
        self.clock.now().wall
    }

    /// What time it is held to be, and how sure that is.
    pub(crate) fn trusted_now(&self) -> Result<TrustedTime, Error> {
        let anchor = identity::anchor(self.store.read())?;
        Ok(self.clock.now().evidence(anchor, None).trusted())
    }

    /// The time, if it is sure: spans that decide about removing are measured by it.
    pub(crate) fn sure_now(&self) -> Result<Option<UnixMillis>, Error> {
        let now = self.trusted_now()?;
        Ok((now.sureness != Sureness::Unsure).then_some(now.at))
    }
}
