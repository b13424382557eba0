//! What the engine wants done, and what doing it gives.

use super::{Ended, Lane, Problem};
use crate::store::photos::{LaneState, Upload};
use gridcrew_sync_protocol::{
    diagnostics::Diagnostics,
    digest::Digest,
    enrol::Tokens,
    feed::FeedPage,
    ids::{Epoch, JournalId},
    journal::Seq,
    media::{HeldReply, MediaKind},
    time::{Millis, UnixMillis},
};
use std::collections::BTreeSet;

/// What the engine wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Look up what there is to do; answered by [`super::Event::Loaded`].
    Load(Load),
    /// Make a request; answered by [`super::Event::Replied`].
    Send(Lane, Request),
    /// Make a change durable, whole or not at all; answered by [`super::Event::Stored`].
    Persist(Lane, Change),
    /// Remember a server time that came with the answer to a question asked at `asked`.
    Hear {
        /// The server's time.
        server_time: UnixMillis,
        /// The device's time since boot when the question was asked.
        asked: Millis,
    },
    /// Call back with [`super::Event::Tick`] at that time, whatever else happens.
    Wake(Millis),
    /// The sync is over; nothing that is still under way matters.
    Finish {
        /// How it ended.
        ended: Ended,
        /// What stands in the way of the rest.
        problem: Option<Problem>,
    },
}

/// What to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// The next thing to say about the journal.
    Journal {
        /// Entries from there on, in whatever state; `None` for those that wait.
        from: Option<Seq>,
        /// When nothing waits, the last entry, to hear what the server holds.
        probe: bool,
        /// The handheld is revoked: what waits is to be kept apart, and what is kept so
        /// already is left out.
        apart: bool,
        /// Most entries of a batch.
        max_entries: usize,
        /// Most bytes of a batch before it is squeezed.
        max_bytes: usize,
    },
    /// The batch behind the one that ends with this entry, if it can be made of what stands
    /// there: nothing is mended for it.
    JournalAhead {
        /// The last entry of the batch that is under way.
        after: Seq,
        /// Most entries of a batch.
        max_entries: usize,
        /// Most bytes of a batch before it is squeezed.
        max_bytes: usize,
    },
    /// The feed's cursor.
    Feed,
    /// How this handheld stands, if that is news to the server.
    Diagnostics,
    /// The next thing to send of a kind of photos; for previews first, what the server is to
    /// be asked.
    Photos {
        /// Which kind.
        kind: MediaKind,
        /// What is not to be tried now.
        skip: BTreeSet<Digest>,
        /// When the server is to be asked which photos it holds: after which one.
        ask_after: Option<Digest>,
    },
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded {
    /// Nothing waits in the journal.
    JournalEmpty,
    /// A batch to push.
    Batch(PackedBatch),
    /// A request for a new journal, packed.
    Reopen(Vec<u8>),
    /// The feed's cursor.
    Feed(Option<String>),
    /// How this handheld stands; nothing when the server knows.
    Diagnostics(Option<Box<Diagnostics>>),
    /// No photo of that kind can be sent now.
    PhotosEmpty(MediaKind),
    /// Photos that the server is to be asked about.
    AskPhotos(Vec<Digest>),
    /// All photos have been asked about.
    AskedAll,
    /// A photo or a preview to send, whose file was found to be whole.
    Upload(Upload),
}

/// A signed batch, packed, and what is needed to judge the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedBatch {
    /// The journal.
    pub journal: JournalId,
    /// Its first entry.
    pub first: Seq,
    /// Its last entry.
    pub last: Seq,
    /// The link of that one.
    pub link: Digest,
    /// The batch, packed.
    pub body: Vec<u8>,
}

/// A request to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `POST /api/v1/sync/push`
    Push(Vec<u8>),
    /// `POST /api/v1/sync/journals`
    Reopen(Vec<u8>),
    /// `GET /api/v1/sync/feed`
    Feed(Option<String>),
    /// `POST /api/v1/sync/diagnostics`
    Diagnose(Vec<u8>),
    /// `POST /api/v1/media/held`
    Held(Vec<u8>),
    /// `POST /api/v1/auth/refresh`, with the refresh token that the host keeps.
    Refresh,
    /// `POST /api/v1/media/uploads`
    Create(Upload),
    /// `HEAD` of an upload
    Offset(String),
    /// `PATCH` of an upload
    Chunk {
        /// What is uploaded.
        upload: Upload,
        /// Where to.
        url: String,
        /// From which byte.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
}

/// A change to what is on the device.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The server has begun a new life: remember it, offer everything again.
    NewEpoch(Epoch),
    /// New tokens.
    Tokens(Tokens),
    /// A receipt, its signature verified, in answer to a batch.
    Held {
        /// The journal.
        journal: JournalId,
        /// The first entry of the batch.
        first: Seq,
        /// The last entry of the batch.
        last: Seq,
        /// The last entry that the server holds.
        held: Seq,
        /// Its link.
        link: Digest,
        /// The entries of the batch that it parked, each with its code.
        parked: Vec<(Seq, String)>,
    },
    /// The server holds only so much.
    Gap {
        /// The journal.
        journal: JournalId,
        /// The last entry that it holds; 0 when none.
        held: Seq,
        /// Its link; zero when none.
        link: Digest,
    },
    /// The server holds another entry after `common`: prepare for a new journal.
    Forked {
        /// The journal.
        journal: JournalId,
        /// The first entry of the batch.
        first: Seq,
        /// The last entry on which both agree; 0 when none.
        common: Seq,
        /// Its link; zero when none.
        link: Digest,
        /// The entries of the batch up to there that it parked, each with its code.
        parked: Vec<(Seq, String)>,
    },
    /// The server takes this handheld for revoked and keeps a batch apart: the entries stay
    /// here as they are.
    KeptApart {
        /// The journal.
        journal: JournalId,
        /// The last entry of the batch.
        last: Seq,
    },
    /// The person may not see his scope any more: everything goes but what was recorded.
    LeaveScope,
    /// The server knows of no fork: drop the wish for a new journal.
    NotForked,
    /// The new journal is there: change over to it.
    Reopened(JournalId),
    /// A page of the feed.
    Page(Box<FeedPage>),
    /// The server does not know the cursor: begin anew.
    ForgetCursor,
    /// Where an upload goes on; `None` when it must begin anew.
    UploadAt {
        /// The photo.
        photo: Digest,
        /// Which of its lanes.
        kind: MediaKind,
        /// Where.
        url: Option<String>,
    },
    /// The server has it, verified.
    PhotoHeld {
        /// The photo.
        photo: Digest,
        /// Which of its lanes.
        kind: MediaKind,
    },
    /// It will not be sent again by itself.
    PhotoStuck {
        /// The photo.
        photo: Digest,
        /// Which of its lanes.
        kind: MediaKind,
        /// Refused or damaged.
        state: LaneState,
        /// The stable code of the reason.
        reason: String,
    },
    /// What the server holds of the photos that it was asked about.
    PhotosHeld {
        /// Those it was asked about.
        asked: Vec<Digest>,
        /// What it said.
        reply: HeldReply,
    },
    /// The server was asked about all photos.
    AskedAll,
    /// The server knows how this handheld stands.
    Diagnosed(Box<Diagnostics>),
}

/// What storing a change found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is done.
    Done,
    /// It is done, and the feed is to be asked for the whole scope anew.
    Anew,
    /// The link that the server gave is not ours at that position: nothing was changed.
    Differs,
    /// The server holds more of the journal than this device has: only the batch that was
    /// sent counts as held.
    Beyond,
}
