//! What was seen to happen, in order, until somebody takes note of it.

use super::fault::Fault;

/// Faults that were seen.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<Fault>);

impl Seen {
    /// It happened.
    pub fn note(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// All that happened since the last time.
    pub fn take(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.0)
    }
}
