//! How the handheld stands, and how a sync ended.

use crate::{
    orders::Words,
    trace::{ParkedRecord, Sureness},
};
use gridcrew_mobile_core as core;

/// How the handheld stands.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct HandheldStatus {
    /// Whose it is; none before enrolment.
    pub person: Option<String>,
    /// His name.
    pub person_name: String,
    /// The server.
    pub server_url: String,
    /// The journal that records go to.
    pub journal: Option<String>,
    /// Records that the server does not hold yet.
    pub records_waiting: u64,
    /// Records that the server holds.
    pub records_held: u64,
    /// Records that the server holds but could not apply.
    pub records_parked: u64,
    /// Those records, each with its reason and what to do; none while it is locked.
    pub parked: Vec<ParkedRecord>,
    /// How the photos stand.
    pub photos: PhotoCounts,
    /// Cells in scope.
    pub cells: u64,
    /// Customers in scope.
    pub customers: u64,
    /// When a sync last ended with everything sent and fetched, by this device's clock.
    pub last_success_unix_ms: Option<i64>,
    /// When a sync was last tried, by this device's clock.
    pub last_attempt_unix_ms: Option<i64>,
    /// Why the last sync did not end so.
    pub problem: Option<SyncProblem>,
    /// Orders whose state here differs from the server's: a fault of the program, to be
    /// reported.
    pub disagreeing: Vec<String>,
    /// How storage space stands.
    pub storage: StorageSpace,
    /// What was found and done at opening: a damaged store set aside, stray files.
    pub findings: Vec<String>,
    /// What time it is held to be.
    pub now_unix_ms: i64,
    /// How sure that is.
    pub sureness: Sureness,
    /// Everything that was recorded here is held by the server.
    pub all_held: bool,
    /// One line for the top of the screen.
    pub strip: Words,
}

/// How storage space stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StorageSpace {
    /// Free bytes; none when the disk could not be asked.
    pub free_bytes: Option<u64>,
    /// That is too few: thin, and have the device cleared. The strip says it too.
    pub short: bool,
    /// What is kept back for the last record is there.
    pub reserve: bool,
}

/// How the photos on this handheld stand, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PhotoCounts {
    /// All that records of this handheld promise.
    pub promised: u64,
    /// Previews that wait to be sent.
    pub previews_waiting: u64,
    /// Originals that wait to be sent.
    pub originals_waiting: u64,
    /// Bytes of the originals that wait.
    pub bytes_waiting: u64,
    /// Originals that the server has, verified.
    pub held: u64,
    /// Photos of which the preview or the original was refused.
    pub refused: u64,
    /// Photos whose file is gone or changed.
    pub damaged: u64,
}

/// A lane of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SyncLane {
    /// Records out.
    Records,
    /// Pages of the feed in.
    Feed,
    /// Small copies of photos out.
    Previews,
    /// Original photos out.
    Originals,
    /// How the handheld stands, out.
    Diagnostics,
    /// One that this version does not know.
    Other,
}

/// What a sync did.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    /// How it ended.
    pub ended: SyncEnd,
    /// Everything that could be sent or fetched was.
    pub succeeded: bool,
    /// What stands in the way of the rest, if anything.
    pub problem: Option<SyncProblem>,
    /// Requests made.
    pub requests: u64,
    /// Body bytes sent.
    pub bytes_sent: u64,
    /// Body bytes received.
    pub bytes_received: u64,
    /// Records still waiting.
    pub records_waiting: u64,
    /// Originals still waiting.
    pub photos_waiting: u64,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SyncEnd {
    /// Nothing was left to send or to fetch that could be sent or fetched now.
    Done,
    /// Time or bytes ran out; the rest waits.
    BudgetSpent,
    /// The server hears nothing from this handheld until a person does something.
    Blocked,
    /// This device could not store what came.
    StorageFailed,
    /// The host wanted it to end; the rest waits.
    Stopped,
}

/// What stands in the way of a sync.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncProblem {
    /// What a host does about it.
    pub kind: SyncProblemKind,
    /// The server's code, where it gave one.
    pub code: Option<String>,
    /// In words, for the screen.
    pub words: Words,
}

/// What kind of thing stands in the way of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum SyncProblemKind {
    /// No connection, or it broke off: again when there is a network.
    Unreachable,
    /// Something answered that is not the server: the network may want a login.
    NotTheServer,
    /// The server is busy or in maintenance: again later.
    ServerBusy,
    /// The session is over: sign in again.
    SessionOver,
    /// The handheld was revoked: ask the station.
    Revoked,
    /// The server refused something that should be right: report it.
    Refused,
    /// Another device goes on in this handheld's journal: nothing to do.
    Continued,
    /// Time or bytes of the budget ran out: the next sync goes on.
    BudgetSpent,
    /// Originals wait for a link that is not metered.
    Metered,
    /// Originals wait until the device no longer saves its battery.
    BatterySaver,
    /// Photos are stuck, each for its own reason: see their orders.
    PhotosStuck,
    /// This device could not store what came.
    Storage,
    /// One that this version does not know; the words say it.
    Other,
}

/// What an export wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ExportReport {
    /// Records, and the opening of a journal.
    pub records: u64,
    /// The signed batches that they are in.
    pub batches: u64,
    /// Photos with their bytes.
    pub photos: u64,
    /// Photos that are only named: their files are gone or damaged.
    pub missing: u64,
}

/// What thinning did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ThinReport {
    /// Originals removed.
    pub photos: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<core::Status> for HandheldStatus {
    fn from(status: core::Status) -> Self {
        Self {
            person: status.person.map(|person| person.to_string()),
            person_name: status.person_name,
            server_url: status.server_url,
            journal: status.journal.map(|journal| journal.to_string()),
            records_waiting: status.records_waiting,
            records_held: status.records_held,
            records_parked: status.records_parked,
            parked: status.parked.into_iter().map(Into::into).collect(),
            photos: status.photos.into(),
            cells: status.cells,
            customers: status.customers,
            last_success_unix_ms: status.last_success.map(|at| at.0),
            last_attempt_unix_ms: status.last_attempt.map(|at| at.0),
            problem: status.problem.map(Into::into),
            disagreeing: status.disagreeing.iter().map(ToString::to_string).collect(),
            storage: StorageSpace {
                free_bytes: status.space.free,
                short: status.space.short,
                reserve: status.space.reserve,
            },
            findings: status.findings,
            now_unix_ms: status.now.at.0,
            sureness: status.now.sureness.into(),
            all_held: status.strip.all_held,
            strip: status.strip.words.into(),
        }
    }
}

impl From<core::PhotoCounts> for PhotoCounts {
    fn from(counts: core::PhotoCounts) -> Self {
        Self {
            promised: counts.promised,
            previews_waiting: counts.previews_waiting,
            originals_waiting: counts.originals_waiting,
            bytes_waiting: counts.bytes_waiting,
            held: counts.held,
            refused: counts.refused,
            damaged: counts.damaged,
        }
    }
}

impl From<core::ProgressLane> for SyncLane {
    fn from(lane: core::ProgressLane) -> Self {
        match lane {
            core::ProgressLane::Records => Self::Records,
            core::ProgressLane::Feed => Self::Feed,
            core::ProgressLane::Previews => Self::Previews,
            core::ProgressLane::Originals => Self::Originals,
            core::ProgressLane::Diagnostics => Self::Diagnostics,
            _ => Self::Other,
        }
    }
}

impl From<core::SyncReport> for SyncReport {
    fn from(report: core::SyncReport) -> Self {
        Self {
            succeeded: report.succeeded(),
            ended: report.ended.into(),
            problem: report.problem.map(Into::into),
            requests: report.requests,
            bytes_sent: report.bytes_sent,
            bytes_received: report.bytes_received,
            records_waiting: report.records_waiting,
            photos_waiting: report.photos_waiting,
        }
    }
}

impl From<core::Ended> for SyncEnd {
    fn from(ended: core::Ended) -> Self {
        match ended {
            core::Ended::Done => Self::Done,
            core::Ended::BudgetSpent => Self::BudgetSpent,
            core::Ended::Blocked => Self::Blocked,
            core::Ended::StorageFailed => Self::StorageFailed,
            core::Ended::Stopped => Self::Stopped,
        }
    }
}

impl From<core::Problem> for SyncProblem {
    fn from(problem: core::Problem) -> Self {
        use SyncProblemKind as Kind;
        use core::Problem as P;
        let words = problem.words().into();
        let (kind, code) = match problem {
            P::Unreachable { .. } => (Kind::Unreachable, None),
            P::NotTheServer { .. } => (Kind::NotTheServer, None),
            P::ServerBusy => (Kind::ServerBusy, None),
            P::SessionOver { code } => (Kind::SessionOver, Some(code)),
            P::Revoked => (Kind::Revoked, None),
            P::Refused { code } => (Kind::Refused, Some(code)),
            P::Continued => (Kind::Continued, None),
            P::BudgetSpent => (Kind::BudgetSpent, None),
            P::Metered => (Kind::Metered, None),
            P::BatterySaver => (Kind::BatterySaver, None),
            P::PhotosStuck => (Kind::PhotosStuck, None),
            P::Storage { .. } => (Kind::Storage, None),
            _ => (Kind::Other, None),
        };
        Self { kind, code, words }
    }
}

impl From<core::Exported> for ExportReport {
    fn from(done: core::Exported) -> Self {
        let core::Exported {
            records,
            batches,
            photos,
            missing,
        } = done;
        Self {
            records,
            batches,
            photos,
            missing,
        }
    }
}

impl From<core::Thinned> for ThinReport {
    fn from(thinned: core::Thinned) -> Self {
        let core::Thinned { photos, bytes } = thinned;
        Self { photos, bytes }
    }
}
