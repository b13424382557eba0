//! Diagnostics out: how a handheld stands, told to its station in a lane of its own, after
//! everything else. `POST /api/v1/sync/diagnostics` takes a packed [`Diagnostics`]; the last
//! one is kept for each handheld.
//!
//! The station sees there what otherwise only the screen in somebody's pocket says: that
//! records wait since Tuesday, that a photo's file is damaged, that the storage is nearly
//! full. It holds counts and codes, nothing that was typed or photographed, and no place.

use crate::{
    ids::OrderId,
    time::{TimeEvidence, UnixMillis},
};
use serde::{Deserialize, Serialize};

/// Most findings that are told; the newest are.
pub const MAX_FINDINGS: usize = 20;
/// Longest finding in characters.
pub const MAX_FINDING_CHARS: usize = 200;
/// Most orders named in [`Diagnostics::disagreeing`].
pub const MAX_DISAGREEING: usize = 20;
/// Most bytes of it, unpacked.
pub const MAX_DIAGNOSTICS_BYTES: usize = 32 * 1024;

/// How a handheld stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// The handheld's clocks when it was put together.
    pub time: TimeEvidence,
    /// The program and its version.
    pub program: String,
    /// The version of its store's schema.
    pub store_version: u32,
    /// Records that the server does not hold yet.
    pub records_waiting: u64,
    /// When the oldest of them was recorded, by the wall clock.
    pub waiting_since: Option<UnixMillis>,
    /// Records that the server holds but could not apply.
    pub records_parked: u64,
    /// Photos whose original waits.
    pub photos_waiting: u64,
    /// Photos that the server refused.
    pub photos_refused: u64,
    /// Photos whose file is gone or is no longer what was recorded.
    pub photos_damaged: u64,
    /// Free bytes where the handheld stores; unknown on some systems.
    pub free_bytes: Option<u64>,
    /// Orders whose fold differs from the server's over the same entries: a fault of the
    /// program.
    pub disagreeing: Vec<OrderId>,
    /// What was found at opening, such as a damaged store that was set aside.
    pub findings: Vec<String>,
}

impl Diagnostics {
    /// The same within the limits of the protocol: the newest findings, cut to length.
    #[must_use]
    pub fn within_limits(mut self) -> Self {
        let surplus = self.findings.len().saturating_sub(MAX_FINDINGS);
        self.findings.drain(..surplus);
        for finding in &mut self.findings {
            if let Some((end, _)) = finding.char_indices().nth(MAX_FINDING_CHARS) {
                finding.truncate(end);
            }
        }
        self.disagreeing.truncate(MAX_DISAGREEING);
        self
    }

    /// Whether it keeps to the limits of the protocol.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        self.findings.len() <= MAX_FINDINGS
            && self.disagreeing.len() <= MAX_DISAGREEING
            && self.program.chars().count() <= MAX_FINDING_CHARS
            && self
                .findings
                .iter()
                .all(|finding| finding.chars().count() <= MAX_FINDING_CHARS)
    }

    /// Whether it says anything else than `before`, the passing of time aside.
    #[must_use]
    pub fn differs_from(&self, before: &Self) -> bool {
        const STEP: u64 = 256 * 1024 * 1024;
        let coarse = |one: &Self| Self {
            time: self.time,
            free_bytes: one.free_bytes.map(|free| free / STEP),
            ..one.clone()
        };
        coarse(self) != coarse(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    fn diagnostics() -> Diagnostics {
        Diagnostics {
            time: TimeEvidence::of_server(UnixMillis(1)),
            program: "gridcrew-handheld/0.1.0".to_owned(),
            store_version: 1,
            records_waiting: 0,
            waiting_since: None,
            records_parked: 0,
            photos_waiting: 0,
            photos_refused: 0,
            photos_damaged: 0,
            free_bytes: Some(3 << 30),
            disagreeing: Vec::new(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn what_is_too_much_is_cut_to_the_limits_and_fits_the_bytes() {
        let mut much = diagnostics();
        much.findings = (0..50)
            .map(|n| format!("{n}{}", "电".repeat(900)))
            .collect();
        assert!(!much.is_within_limits());
        let cut = much.within_limits();
        assert!(cut.is_within_limits());
        assert!(cut.findings[0].starts_with("30"), "the newest stay");
        assert!(wire::encode(&cut).len() <= MAX_DIAGNOSTICS_BYTES);
    }

    #[test]
    fn time_and_a_little_storage_are_no_news_and_a_waiting_record_is() {
        let before = diagnostics();
        let mut later = before.clone();
        later.time = TimeEvidence::of_server(UnixMillis(86_400_000));
        later.free_bytes = Some((3 << 30) + 1_000);
        assert!(!later.differs_from(&before));
        later.records_waiting = 1;
        assert!(later.differs_from(&before));
    }
}
