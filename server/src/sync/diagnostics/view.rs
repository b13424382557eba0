//! What the API says of how a handheld stands.

use super::id_of;
use crate::people::rows::handheld;
use gridcrew_sync_protocol::{
    diagnostics::Diagnostics,
    ids::{JournalId, OrderId},
    time::UnixMillis,
};
use serde::Serialize;
use utoipa::ToSchema;

/// How a handheld stood when it last said so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DiagnosticsView {
    /// The handheld.
    handheld: JournalId,
    /// What it said; nothing when it never did.
    said: Option<Said>,
}

/// What a handheld said of itself.
#[derive(Debug, Serialize, ToSchema)]
struct Said {
    /// When it came.
    received_at: UnixMillis,
    /// The program and its version.
    program: String,
    /// The version of its store's schema.
    store_version: u32,
    /// Records that the server did not hold yet.
    records_waiting: u64,
    /// When the oldest of them was recorded, by the handheld's wall clock.
    waiting_since: Option<UnixMillis>,
    /// Records that the server holds but could not apply.
    records_parked: u64,
    /// Photos whose original waited.
    photos_waiting: u64,
    /// Photos that the server refused.
    photos_refused: u64,
    /// Photos whose file was gone or no longer what was recorded.
    photos_damaged: u64,
    /// Free bytes where it stores, if known.
    free_bytes: Option<u64>,
    /// Orders that it folds otherwise than the server: a fault of the program.
    disagreeing: Vec<OrderId>,
    /// What it found at opening, such as a damaged store that was set aside.
    findings: Vec<String>,
}

impl DiagnosticsView {
    pub(super) fn new(handheld: &handheld::Model, said: Option<(UnixMillis, Diagnostics)>) -> Self {
        let said = said.map(|(received_at, said)| Said {
            received_at,
            program: said.program,
            store_version: said.store_version,
            records_waiting: said.records_waiting,
            waiting_since: said.waiting_since,
            records_parked: said.records_parked,
            photos_waiting: said.photos_waiting,
            photos_refused: said.photos_refused,
            photos_damaged: said.photos_damaged,
            free_bytes: said.free_bytes,
            disagreeing: said.disagreeing,
            findings: said.findings,
        });
        Self {
            handheld: id_of(handheld),
            said,
        }
    }
}
