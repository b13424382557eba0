//! Waiting for something to become so, never for time to pass.

use crate::failure::{Failure, Fallible};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Asks `what` until it gives a value, at most for `limit`.
///
/// # Errors
/// What `what` failed with, or that `goal` was not reached in time.
#[track_caller]
pub fn until<T, F, W>(goal: &str, limit: Duration, mut what: W) -> impl Future<Output = Fallible<T>>
where
    W: FnMut() -> F,
    F: Future<Output = Fallible<Option<T>>>,
{
    let late = Failure::new(format!("not within {limit:?}: {goal}"));
    async move {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(value) = what().await? {
                return Ok(value);
            }
            if Instant::now() >= deadline {
                return Err(late);
            }
            tokio::time::sleep(STEP).await;
        }
    }
}
