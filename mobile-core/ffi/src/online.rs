//! Calls that use the network, on threads of this library.
//!
//! The host's thread only waits: a task does the work. When the host lets go of the call,
//! the task is cut at its next await, which the engine allows anywhere. The next call then
//! waits the moment that this takes, instead of being refused for a call that is going.

use crate::error::HandheldError;
use gridcrew_mobile_core::Error;
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Mutex, OwnedMutexGuard},
    task::{AbortHandle, JoinError},
};

/// Threads for what is async; what blocks has threads of its own.
const THREADS: usize = 2;

/// The way online of one handheld: one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Online {
    turn: Arc<Mutex<()>>,
    /// The host let go of the call that has the turn; it is about to give it back.
    leaving: Arc<AtomicBool>,
}

impl Online {
    /// Does `work` to its end, or until the host lets go.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, HandheldError> {
        let runtime = runtime()?;
        let turn = self.turn().await?;
        let task = runtime.spawn(async move {
            let _turn = turn;
            work.await
        });
        let mut cut = CutWhenDropped {
            task: Some(task.abort_handle()),
            leaving: Arc::clone(&self.leaving),
        };
        let done = task.await;
        cut.task = None;
        match done {
            Ok(done) => done.map_err(HandheldError::from),
            Err(error) => Err(broken_off(error)),
        }
    }

    async fn turn(&self) -> Result<OwnedMutexGuard<()>, HandheldError> {
        let turn = match Arc::clone(&self.turn).try_lock_owned() {
            Ok(turn) => turn,
            Err(_) if self.leaving.load(Ordering::Acquire) => {
                Arc::clone(&self.turn).lock_owned().await
            }
            Err(_) => return Err(Error::SyncRunning.into()),
        };
        self.leaving.store(false, Ordering::Release);
        Ok(turn)
    }
}

/// Cuts the task of a call that the host let go of.
struct CutWhenDropped {
    task: Option<AbortHandle>,
    leaving: Arc<AtomicBool>,
}

impl Drop for CutWhenDropped {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.leaving.store(true, Ordering::Release);
            task.abort();
        }
    }
}

fn broken_off(error: JoinError) -> HandheldError {
    match error.try_into_panic() {
        Ok(panic) => HandheldError::panicked(panic.as_ref()),
        Err(error) => HandheldError::internal(&error.to_string()),
    }
}

/// The library's threads, started with the first call that needs them.
fn runtime() -> Result<&'static Runtime, HandheldError> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("gridcrew")
            .enable_all()
            .build()
    });
    started
        .as_ref()
        .map_err(|error| HandheldError::internal(&format!("no threads to work with: {error}")))
}
