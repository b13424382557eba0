//! What a sync may cost, and how it ended.

use super::Problem;

/// What a sync may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most seconds; `None` for no limit.
    pub seconds: Option<u32>,
    /// Most bytes both ways together, headers not counted; `None` for no limit.
    pub bytes: Option<u64>,
    /// The link costs by the byte: records and previews go, originals wait.
    pub metered: bool,
}

impl Budget {
    /// At most so many seconds, everything else unlimited.
    #[must_use]
    pub fn seconds(seconds: u32) -> Self {
        Self {
            seconds: Some(seconds),
            ..Self::default()
        }
    }
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing was left to send or to fetch.
    Done,
    /// Time or bytes ran out; the rest waits.
    BudgetSpent,
    /// The server hears nothing from this handheld until a person does something: the
    /// session is over or the handheld revoked.
    Blocked,
    /// This device could not store what came.
    StorageFailed,
}

/// What a sync did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SyncReport {
    /// How it ended.
    pub ended: Ended,
    /// What stands in the way of the rest, if anything.
    pub problem: Option<Problem>,
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
