//! What all handlers share, and how the capabilities' routes become one application.

use crate::{
    clock::{Clock, Randomness, new_id},
    config::Config,
    keys::ServerKeys,
    store::Store,
};
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
    /// This life of the database.
    pub epoch: Epoch,
}

impl App {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// A new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        new_id(self.clock.as_ref(), self.randomness.as_ref())
    }
}
