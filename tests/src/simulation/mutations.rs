//! Planting bugs, one at a time, to see within how many seeds the simulation finds each.

use super::{
    origin::Origin,
    run::{Course, run},
    step::Schedule,
};
use crate::Fallible;
use gridcrew_sync_protocol::planted::{Bug, plant};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// A planted bug, and what became of it.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// The bug.
    pub bug: Bug,
    /// After how many seeds it was found, and how it showed.
    pub found: Option<(u64, String)>,
}

/// Plants every bug in turn and runs the seeds from `from` on until one finds it, at most
/// `most`.
///
/// # Errors
/// When the place to run in cannot be set up.
pub fn try_all(origin: &Origin, from: u64, most: u64, threads: usize) -> Fallible<Vec<Mutation>> {
    let next = AtomicUsize::new(0);
    let tried = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(bug) = Bug::ALL.get(next.fetch_add(1, SeqCst)).copied() {
                    let mutation = try_one(origin, bug, from, most);
                    let mut tried = tried.lock().unwrap_or_else(PoisonError::into_inner);
                    tried.push(mutation);
                }
            });
        }
    });
    let tried = tried.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut tried = tried.into_iter().collect::<Fallible<Vec<_>>>()?;
    tried.sort_by_key(|mutation| mutation.bug);
    Ok(tried)
}

fn try_one(origin: &Origin, bug: Bug, from: u64, most: u64) -> Fallible<Mutation> {
    for seed in from..from.saturating_add(most) {
        plant(Some(bug));
        let course: Fallible<Course> = run(origin, &Schedule::of(seed));
        plant(None);
        // A schedule that fails of itself finds nothing.
        if let Some(failure) = course?.failure
            && run(origin, &Schedule::of(seed))?.failure.is_none()
        {
            let found = Some((seed - from + 1, failure));
            return Ok(Mutation { bug, found });
        }
    }
    Ok(Mutation { bug, found: None })
}

/// The table.
#[must_use]
pub fn table(mutations: &[Mutation]) -> String {
    let line = |mutation: &Mutation| {
        let words = mutation.bug.words();
        match &mutation.found {
            Some((seeds, how)) => format!("{seeds:>6}  {words}: {how}\n"),
            None => format!(" never  {words}\n"),
        }
    };
    mutations.iter().map(line).collect()
}
