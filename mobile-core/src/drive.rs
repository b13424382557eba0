//! Driving a handheld by another host than [`crate::Handheld::sync`]: a host that waits for
//! nothing and decides itself what comes next, such as a simulation.
//!
//! A [`Driver`] begins a sync and gives its [`Engine`]. Whatever the engine wants is done
//! through the driver where it concerns the device ([`Driver::load`], [`Driver::persist`],
//! [`Driver::hear`]), and by the host where it concerns the network, with the
//! [`Driver::credentials`] and the [`Driver::piece`] of a photo. It is the code that the
//! usual host runs, without its threads. Dropping every handle of a handheld is its
//! process' death.

use crate::{
    engine::{Budget, Change, Ended, Engine, Load, Loaded, Problem, Spent, Stored, SyncReport},
    error::Error,
    handheld::{Handheld, Inner},
    host::{Enrolling, begin_sync, note_end, piece_of, refresh_proof},
    store::{
        account, identity, orders,
        photos::{LaneState, Upload},
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{CellId, CustomerId, Epoch, JournalId, OrderId},
    journal::EntryId,
    time::{Millis, UnixMillis},
};
use std::sync::Arc;

/// What a request carries beside its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The access token; empty when there is none.
    pub access_token: String,
    /// The refresh token; empty when there is none.
    pub refresh_token: String,
    /// The proof that goes with the refresh token, when the journal's key is here.
    pub refresh_proof: Option<String>,
}

/// How an entry of the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// Where it is.
    pub id: EntryId,
    /// Its bytes as first written.
    pub bytes: Vec<u8>,
    /// Its link.
    pub link: Digest,
    /// `queued`, `held` or `superseded`.
    pub state: String,
}

/// How a photo stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotoLine {
    /// The hash of its bytes.
    pub digest: Digest,
    /// How its original stands.
    pub original: LaneState,
    /// How its preview stands.
    pub preview: LaneState,
    /// The original was removed on purpose.
    pub thinned: bool,
}

/// Everything that is on the device, for comparing with what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The journal that records go to.
    pub journal: JournalId,
    /// The server's epoch, as last heard.
    pub epoch: Epoch,
    /// Every entry that was written here, by journal and sequence number.
    pub entries: Vec<EntryLine>,
    /// Every order, in scope or left behind.
    pub orders: Vec<OrderId>,
    /// Orders whose fold last differed from the server's.
    pub disagreeing: Vec<OrderId>,
    /// Every cell.
    pub cells: Vec<CellId>,
    /// Every customer.
    pub customers: Vec<CustomerId>,
    /// Every photo.
    pub photos: Vec<PhotoLine>,
}

/// How many versions the store's schema has had; they count from 1.
#[cfg(feature = "simulated")]
#[must_use]
pub fn store_versions() -> u32 {
    crate::store::schema::aged::versions()
}

/// Makes the store in the data folder `root`, which no process has open, what a program of
/// an older version would have left there. Opening it brings it to the newest again.
///
/// # Errors
/// No such version, or a disk that fails.
#[cfg(feature = "simulated")]
pub fn age_store(root: &std::path::Path, version: u32) -> Result<(), Error> {
    crate::store::schema::aged::age(&root.join("handheld.db"), version)
}

/// A handheld's sync, to be carried out step by step.
#[derive(Clone)]
pub struct Driver {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl Driver {
    /// The driver of a handheld.
    #[must_use]
    pub fn of(handheld: &Handheld) -> Self {
        Self {
            inner: Arc::clone(&handheld.inner),
        }
    }

    /// Begins a sync: its engine waits for [`crate::engine::Event::Begin`].
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], or a disk that fails.
    pub fn begin(&self, budget: Budget) -> Result<Engine, Error> {
        self.inner.with(|local| begin_sync(local, budget))
    }

    /// Looks up what the engine asks for.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn load(&self, load: Load) -> Result<Loaded, Error> {
        self.inner.with(|local| local.load(load))
    }

    /// Makes a change durable, whole or not at all.
    ///
    /// # Errors
    /// A disk that fails; then nothing was changed.
    pub fn persist(&self, change: Change) -> Result<Stored, Error> {
        self.inner.with(|local| local.persist(change))
    }

    /// Remembers a server time that came with the answer to a question asked at `asked`
    /// (uptime).
    ///
    /// # Errors
    /// A disk that fails.
    pub fn hear(&self, server_time: UnixMillis, asked: Millis) -> Result<(), Error> {
        self.inner.with(|local| local.hear_time(server_time, asked))
    }

    /// Notes how a sync ended; gives the report that the person sees.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn end(
        &self,
        spent: Spent,
        (ended, problem): (Ended, Option<Problem>),
        budget: Budget,
    ) -> Result<SyncReport, Error> {
        self.inner
            .with(|local| note_end(local, SyncReport::of(spent, ended, problem), budget))
    }

    /// What requests carry now.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        self.inner.with(|local| {
            let tokens = local.secrets.tokens().cloned();
            Credentials {
                refresh_proof: refresh_proof(local),
                access_token: tokens
                    .as_ref()
                    .map(|tokens| tokens.access_token.clone())
                    .unwrap_or_default(),
                refresh_token: tokens
                    .map(|tokens| tokens.refresh_token)
                    .unwrap_or_default(),
            }
        })
    }

    /// A piece of a photo's file.
    ///
    /// # Errors
    /// A file that is gone, shorter, or cannot be read.
    pub fn piece(&self, upload: &Upload, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
        let folder = self.inner.with(|local| local.folder.clone());
        piece_of(&folder, upload, offset, length)
    }

    /// Enrols the handheld, or does so again, as [`Handheld::enrol`]; `ask` puts each
    /// question to the server. Gives the person's name.
    ///
    /// # Errors
    /// As [`Handheld::enrol`].
    pub fn enrol(
        &self,
        server_url: &str,
        code: &str,
        device_name: &str,
        mut ask: impl FnMut(&EnrolRequest) -> Result<EnrolReply, Error>,
    ) -> Result<String, Error> {
        let mut enrolling = self
            .inner
            .with(|local| Enrolling::begin(local, server_url, code, device_name))?;
        while let Some(request) = self.inner.with(|local| enrolling.next(local)) {
            let reply = ask(&request);
            self.inner.with(|local| enrolling.heard(local, reply))?;
        }
        self.inner.with(|local| enrolling.end(local))
    }

    /// Everything that is on the device.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], or a store that cannot be read.
    pub fn account(&self) -> Result<Account, Error> {
        self.inner.with(|local| {
            let db = local.store.read();
            let identity = identity::require(db)?;
            let (cells, customers) = account::scope(db)?;
            Ok(Account {
                journal: identity.journal,
                epoch: identity.epoch,
                entries: account::entries(db)?,
                orders: orders::ids(db)?,
                disagreeing: orders::disagreeing(db)?,
                cells,
                customers,
                photos: account::photos(db)?,
            })
        })
    }
}
