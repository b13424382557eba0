//! What happens to the engine.

use super::command::{Loaded, Stored};
use gridcrew_sync_protocol::{ids::Epoch, time::Millis};

/// The lanes of a sync. Each has at most one thing under way, and none waits for another's
/// network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Records out.
    Journal,
    /// The feed in.
    Feed,
    /// Small copies of photos out, and the question which photos the server holds.
    Previews,
    /// Original photos out, while no preview could go.
    Originals,
    /// How the handheld stands, out, after everything else.
    Diagnostics,
    /// Tokens and the server's epoch.
    Session,
}

/// What happens to the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The sync begins.
    Begin,
    /// What a [`super::Command::Load`] found.
    Loaded(Loaded),
    /// What a [`super::Command::Persist`] did; it is durable.
    Stored(Lane, Stored),
    /// The device could not load or store.
    StorageFailed(String),
    /// What became of a [`super::Command::Send`].
    Replied {
        /// Whose request it was.
        lane: Lane,
        /// What came back.
        reply: Reply,
        /// Body bytes sent.
        sent: u64,
        /// Body bytes received.
        received: u64,
        /// The device's time since boot when the question was asked.
        asked: Millis,
    },
    /// Something was recorded meanwhile.
    Recorded,
    /// The network changed.
    NetworkChanged,
    /// The person looks at the screen again: whatever waits is tried at once.
    Foreground,
    /// Time has passed.
    Tick,
}

/// What came back on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A whole HTTP answer, by whomever.
    Http(HttpReply),
    /// None, or one that broke off; what the network said.
    Broken(String),
}

/// An HTTP answer: what of it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// `Content-Type` without parameters, lower case; empty when there is none.
    pub media_type: String,
    /// `Gridcrew-Epoch`.
    pub epoch: Option<Epoch>,
    /// `Retry-After`, if it is a number of seconds.
    pub retry_after: Option<Millis>,
    /// `Location`.
    pub location: Option<String>,
    /// `Upload-Offset`.
    pub upload_offset: Option<u64>,
    /// `Tus-Resumable` is `1.0.0`.
    pub tus: bool,
    /// The body.
    pub body: Vec<u8>,
}
