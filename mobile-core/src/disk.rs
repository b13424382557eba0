//! Looking over the shoulder of everything that is written on the device, for a simulation:
//! a watcher of this thread is told of each operation before it is done, in order. It may
//! refuse it (a full disk), and it may unwind (the process dies just there).
//!
//! Only with the feature `simulated`; without it not one of the calls is compiled.

use std::{cell::RefCell, io, path::Path, rc::Rc};

/// What is about to be done, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// The store is open; how SQLite syncs it (`PRAGMA synchronous`: 2 is FULL).
    Opened {
        /// The pragma, as the connection says it.
        synchronous: i64,
    },
    /// A transaction of the store is to be committed.
    Commit,
    /// It was committed: what a caller is told from now on stands on it.
    Committed,
    /// A file is to be written whole.
    Write(&'a Path),
    /// What was written to a file is to be made durable.
    SyncFile(&'a Path),
    /// A file is to be given its name, perhaps in place of another.
    Rename(&'a Path),
    /// The names in a folder are to be made durable.
    SyncFolder(&'a Path),
    /// A file is to be removed.
    Remove(&'a Path),
}

/// Who is told.
pub trait Watcher {
    /// Told before the operation is done.
    ///
    /// # Errors
    /// What the operation shall fail with.
    fn before(&self, operation: Operation<'_>) -> io::Result<()>;
}

thread_local! {
    static WATCHER: RefCell<Option<Rc<dyn Watcher>>> = const { RefCell::new(None) };
}

/// Sets who is told of what this thread writes; nobody with `None`.
pub fn watch(watcher: Option<Rc<dyn Watcher>>) {
    WATCHER.with(|place| *place.borrow_mut() = watcher);
}

/// Tells the watcher.
pub(crate) fn before(operation: Operation<'_>) -> io::Result<()> {
    let watcher = WATCHER.with(|place| place.borrow().clone());
    watcher.map_or(Ok(()), |watcher| watcher.before(operation))
}
