//! What all handlers share, and how the capabilities' routes become one application.

use crate::{
    clock::{Clock, Randomness, new_id},
    config::Config,
    keys::ServerKeys,
    media::PhotoFolder,
    orders::Templates,
    people::Gate,
    store::Store,
    territory::{index::TerritoryIndex, under_way::UnderWay},
    trace::Recent,
};
use arc_swap::ArcSwap;
use gridcrew_sync_protocol::{ids::Epoch, time::UnixMillis};
use std::sync::Arc;
use uuid::Uuid;

/// What all handlers share; one for each server process.
#[derive(Clone, Debug)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub randomness: Arc<dyn Randomness>,
    /// The server's keys.
    pub keys: Arc<ServerKeys>,
    /// Tokens, passwords and who tried too often.
    pub gate: Arc<Gate>,
    /// This life of the database; a restored one gets another.
    pub epoch: Arc<ArcSwap<Epoch>>,
    /// The workflow templates.
    pub templates: Arc<Templates>,
    /// Records of orders that were folded lately.
    pub recent: Arc<Recent>,
    /// The folder of photos and uploads.
    pub photos: Arc<PhotoFolder>,
    /// The territories of all stations, for searching.
    pub territory: Arc<TerritoryIndex>,
    /// The splits of territories that are being made.
    pub splits: Arc<UnderWay>,
}

impl App {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The present epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        **self.epoch.load()
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        new_id(self.clock.as_ref(), self.randomness.as_ref())
    }
}
