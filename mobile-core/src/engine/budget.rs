//! What a sync may cost, what it has cost, and how it ended.

use super::Problem;
use gridcrew_sync_protocol::time::Millis;

/// What a sync may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most seconds; `None` for no limit.
    pub seconds: Option<u32>,
    /// Most bytes both ways together, headers not counted; `None` for no limit.
    pub bytes: Option<u64>,
    /// The link costs by the byte: records and previews go, originals wait.
    pub metered: bool,
    /// The device saves its battery: records and previews go, originals and diagnostics
    /// wait.
    pub battery_saver: bool,
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

    /// Why originals wait, if the budget makes them.
    pub(crate) fn keeps_originals(&self) -> Option<Problem> {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::MeteredIgnored) {
            return None;
        }
        match (self.metered, self.battery_saver) {
            (true, _) => Some(Problem::Metered),
            (false, true) => Some(Problem::BatterySaver),
            (false, false) => None,
        }
    }

    /// When a sync that began at `started` must end.
    pub(super) fn deadline(&self, started: Millis) -> Option<Millis> {
        self.seconds
            .map(|seconds| Millis(started.0.saturating_add(Millis::seconds(seconds).0)))
    }
}

/// What a sync has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests made.
    pub requests: u64,
    /// Body bytes sent.
    pub sent: u64,
    /// Body bytes received.
    pub received: u64,
    /// Body bytes of requests whose answer is not there yet.
    pub(super) in_flight: u64,
}

impl Spent {
    /// How many bytes a budget still allows.
    pub(super) fn left(&self, budget: &Budget) -> u64 {
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::BudgetIgnored) {
            return u64::MAX;
        }
        let spent = self
            .sent
            .saturating_add(self.received)
            .saturating_add(self.in_flight);
        budget
            .bytes
            .map_or(u64::MAX, |bytes| bytes.saturating_sub(spent))
    }
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing was left to send or to fetch that could be sent or fetched now.
    Done,
    /// Time or bytes ran out; the rest waits.
    BudgetSpent,
    /// The server hears nothing from this handheld until a person does something: the
    /// session is over or the handheld revoked.
    Blocked,
    /// This device could not store what came.
    StorageFailed,
    /// The host wanted it to end ([`crate::Handheld::stop_sync`]); the rest waits.
    Stopped,
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

impl SyncReport {
    /// The report of a sync that has just ended; what waits is counted when it is noted.
    pub(crate) fn of(spent: Spent, ended: Ended, problem: Option<Problem>) -> Self {
        Self {
            ended,
            problem,
            requests: spent.requests,
            bytes_sent: spent.sent,
            bytes_received: spent.received,
            records_waiting: 0,
            photos_waiting: 0,
        }
    }

    /// Whether everything that could be sent or fetched was: the sync counts as a success.
    /// A photo that is stuck has its own place in the status.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let fine = matches!(
            self.problem,
            None | Some(Problem::Metered | Problem::BatterySaver | Problem::PhotosStuck)
        );
        self.ended == Ended::Done && fine
    }
}
