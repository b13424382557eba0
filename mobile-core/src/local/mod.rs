//! All that is on the device: the store, the photo folder, keys and tokens, and the clocks
//! and randomness passed in. What the facade and the sync's host do, they do through this.

mod diagnostics;
mod load;
mod persist;
mod sealing;

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
    store::{Store, facts, identity, open::SetAside},
};
use gridcrew_sync_protocol::time::{Millis, ServerAnchor, Sureness, TrustedTime, UnixMillis};
use std::{fmt, fs::File, path::Path, sync::Arc};

/// Longest way of a question and its answer for which the answer's time is believed, when
/// a server time was heard in this boot already.
const MAX_ROUND_TRIP: Millis = Millis(10_000);

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
    _in_use: File,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
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
        let mut store = open_store(&folder)?;
        let aside = store.set_aside.take();
        on_a_full_disk_later(store.write(feed::catch_up))?;
        if let Some(SetAside { file, saved }) = &aside {
            let line = format!("the store was damaged and set aside as {file}; {saved}");
            store.write(|db| facts::add_finding(db, &line))?;
        }
        let in_use = folder.in_use(|| {
            // With a fresh store beside old photos, nothing here could tell whose they are.
            if aside.is_some() || identity::get(store.read())?.is_none() {
                return Ok(());
            }
            let lines = photos::sweep(&store, &folder)?;
            on_a_full_disk_later(store.write(|db| {
                lines
                    .iter()
                    .try_for_each(|line| facts::add_finding(db, line))
            }))
        })?;
        let secrets = Secrets::open(&folder)?;
        let guard = Guard::open(&folder, &store, clock.as_ref())?;
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

    /// Remembers a server time that came with an answer to a question asked at `asked`
    /// (uptime). The answer is taken to be half-way old; one that took long is believed
    /// only when there is nothing better.
    pub(crate) fn hear_time(
        &mut self,
        server_time: UnixMillis,
        asked: Millis,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let took = Millis(now.uptime.0.saturating_sub(asked.0).max(0));
        let known = identity::anchor(self.store.read())?;
        if took > MAX_ROUND_TRIP && known.is_some_and(|known| known.boot == now.boot) {
            return Ok(());
        }
        let anchor = ServerAnchor {
            server_time,
            boot: now.boot,
            uptime: Millis(now.uptime.0.saturating_sub(took.0 / 2)),
        };
        self.store.write(|db| identity::set_anchor(db, &anchor))
    }
}
