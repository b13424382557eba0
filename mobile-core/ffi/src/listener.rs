//! How a sync goes on, told to the host.

use crate::standing::SyncLane;
use gridcrew_mobile_core as core;
use std::sync::Arc;

/// Hears how a sync goes on; implemented by the host.
///
/// Called from a thread of this library, after what it says is durable and with no lock
/// held: a listener may call the handheld. The sync waits for it, so it hands the word on
/// and returns. What it throws is logged and holds nothing up.
#[uniffi::export(with_foreign)]
pub trait SyncListener: Send + Sync {
    /// A lane went on.
    ///
    /// # Errors
    /// Whatever went wrong in the host.
    fn progress(&self, progress: SyncProgress) -> Result<(), ListenerError>;

    /// Something came from the server and is durable here: these orders changed, and, if
    /// `scope`, the person, cells, customers or workflows too.
    ///
    /// # Errors
    /// Whatever went wrong in the host.
    fn changed(&self, orders: Vec<String>, scope: bool) -> Result<(), ListenerError>;
}

/// Something went wrong in a listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum ListenerError {
    /// It threw.
    #[error("the listener failed: {reason}")]
    Failed {
        /// What it said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ListenerError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed {
            reason: error.reason,
        }
    }
}

/// How far a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncProgress {
    /// Which lane.
    pub lane: SyncLane,
    /// How many of its pieces (records, pages, photos) came through in this sync.
    pub done: u64,
    /// How many still wait; none of the feed while the server says that there is more.
    pub left: Option<u64>,
    /// Body bytes that the whole sync has sent so far.
    pub bytes_sent: u64,
    /// Body bytes that the whole sync has received so far.
    pub bytes_received: u64,
}

impl From<core::Progress> for SyncProgress {
    fn from(progress: core::Progress) -> Self {
        Self {
            lane: progress.lane.into(),
            done: progress.done,
            left: progress.left,
            bytes_sent: progress.bytes_sent,
            bytes_received: progress.bytes_received,
        }
    }
}

/// Passes on to the host what the engine tells.
pub(crate) struct Relay(pub(crate) Arc<dyn SyncListener>);

impl Relay {
    fn heard(told: Result<(), ListenerError>) {
        if let Err(error) = told {
            tracing::warn!(%error, "a listener failed");
        }
    }
}

impl core::Listener for Relay {
    fn progress(&self, progress: core::Progress) {
        Self::heard(self.0.progress(progress.into()));
    }

    fn changed(&self, changed: core::Changed) {
        let orders = changed.orders.iter().map(ToString::to_string).collect();
        Self::heard(self.0.changed(orders, changed.scope));
    }
}
