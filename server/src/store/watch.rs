//! Telling somebody of every moment at which the process might die: for a simulation that
//! kills a server there. Only with the feature `simulated`, which no program has that is
//! used.
//!
//! Who is told may unwind out of it. Then nothing that comes after that moment is done by
//! the task that came to it, and its transaction is rolled back when it is not committed.

use super::Store;
use std::sync::Arc;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A statement was carried out.
    Statement,
    /// A transaction is about to be committed.
    Commit,
    /// It is committed, and nobody was told yet.
    Committed,
}

/// Who is told.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(Moment) + Send + Sync>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

pub(super) fn tell(watcher: Option<&Watcher>, moment: Moment) {
    if let Some(Watcher(told)) = watcher {
        told(moment);
    }
}

impl Store {
    /// From now on `told` is told of every moment. Clones that were made before tell nobody.
    pub fn watch(&mut self, told: impl Fn(Moment) + Send + Sync + 'static) {
        let watcher = Watcher(Arc::new(told));
        for connection in [&mut self.reader, &mut self.writer] {
            let watcher = watcher.clone();
            connection.set_metric_callback(move |_| tell(Some(&watcher), Moment::Statement));
        }
        self.watcher = Some(watcher);
    }
}
