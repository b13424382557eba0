//! What a host passes in at opening, beside clocks and randomness.

use crate::{
    error::Error,
    local::Local,
    photos::{self, Thinned, policy::PhotoPolicy},
    space::{FreeSpace, SpaceLimits, SpaceStanding, SystemSpace},
};
use std::{fmt, sync::Arc};

/// What a host may set.
#[derive(Clone)]
pub struct Settings {
    /// How photos are made smaller.
    pub photos: PhotoPolicy,
    /// When storage space is short.
    pub space_limits: SpaceLimits,
    /// Who tells how much space is free.
    pub space: Arc<dyn FreeSpace>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            photos: PhotoPolicy::default(),
            space_limits: SpaceLimits::default(),
            space: Arc::new(SystemSpace),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("photos", &self.photos)
            .field("space_limits", &self.space_limits)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The free bytes of the data folder's disk, where it can be asked.
    fn free(&self, local: &Local) -> Option<u64> {
        let free = self.space.free_bytes(local.folder.root());
        free.inspect_err(|error| tracing::warn!(%error, "the free space is not known"))
            .ok()
    }
}

impl Local {
    /// Takes on a host's settings.
    pub(crate) fn configure(&mut self, settings: Settings) {
        self.settings = settings;
        self.reserve.make(self.settings.space_limits.reserve);
    }

    /// How storage stands.
    pub(crate) fn space(&self) -> SpaceStanding {
        let free = self.settings.free(self);
        SpaceStanding {
            free,
            short: free.is_some_and(|free| free < self.settings.space_limits.warn_below),
            reserve: self.reserve.is_there(),
        }
    }

    /// Removes originals that the server holds, for sure, while space is short, and keeps space
    /// back for the last record again where there is some.
    pub(crate) fn make_room(&mut self) -> Result<Thinned, Error> {
        let now = self.trusted_now()?.at;
        let settings = self.settings.clone();
        let root = self.folder.root().to_owned();
        let least = settings.space_limits.warn_below;
        let short = || {
            let free = settings.space.free_bytes(&root);
            free.is_ok_and(|free| free < least)
        };
        let thinned = photos::make_room(&mut self.store, &self.folder, now, short)?;
        self.reserve.make(self.settings.space_limits.reserve);
        Ok(thinned)
    }
}
