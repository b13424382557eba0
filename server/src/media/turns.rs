//! One writer an upload, and the newest request wins.
//!
//! A handheld that lost its connection comes back while the server still believes in the
//! old one. So whoever asks for the [`Turn`] of an upload tells those who hold it or wait
//! for it that a newer request is there; they give way at once, and only they.

use crate::edge::Problem;
use gridcrew_sync_protocol::code::Code;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedMutexGuard, watch};
use uuid::Uuid;

/// How long a request waits for the one before it to give way.
const PATIENCE: Duration = Duration::from_secs(10);

/// The uploads that someone works on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    slots: Mutex<HashMap<Uuid, Arc<Slot>>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The number of the newest request.
    newest: watch::Sender<u64>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to work on an upload. Given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    // Dropped before the place, so that whoever looks next finds it free.
    _guard: OwnedMutexGuard<()>,
    place: Place,
}

/// A request that holds or waits for a turn; forgets the slot when it is the last.
#[derive(Debug)]
struct Place {
    turns: Arc<Turns>,
    upload: Uuid,
    slot: Arc<Slot>,
    number: u64,
}

impl Turns {
    /// Takes the turn of an upload, ending older requests for it.
    ///
    /// # Errors
    /// `media.busy` when an even newer request came, or the older one did not end in time.
    pub(super) async fn take(self: &Arc<Self>, upload: Uuid) -> Result<Turn, Problem> {
        let place = self.place(upload, 1);
        let mutex = Arc::clone(&place.slot.turn);
        let mut newest = place.slot.newest.subscribe();
        let guard = tokio::select! {
            biased;
            _ = newest.wait_for(|newest| *newest > place.number) => None,
            guard = tokio::time::timeout(PATIENCE, mutex.lock_owned()) => guard.ok(),
        };
        match guard {
            Some(guard) => Ok(Turn {
                _guard: guard,
                place,
            }),
            None => Err(busy()),
        }
    }

    /// Takes the turn if no one works on the upload, and disturbs no one who does.
    pub(super) fn take_idle(self: &Arc<Self>, upload: Uuid) -> Option<Turn> {
        let place = self.place(upload, 0);
        let guard = Arc::clone(&place.slot.turn).try_lock_owned().ok()?;
        Some(Turn {
            _guard: guard,
            place,
        })
    }

    fn place(self: &Arc<Self>, upload: Uuid, newer_by: u64) -> Place {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.entry(upload).or_default());
        let mut number = 0;
        slot.newest.send_modify(|newest| {
            *newest += newer_by;
            number = *newest;
        });
        Place {
            turns: Arc::clone(self),
            upload,
            slot,
            number,
        }
    }
}

impl Turn {
    /// The upload.
    pub(super) fn upload(&self) -> Uuid {
        self.place.upload
    }

    /// Completes when a newer request wants the upload.
    pub(super) fn wanted(&self) -> impl Future<Output = ()> + use<> {
        let mut newest = self.place.slot.newest.subscribe();
        let number = self.place.number;
        async move {
            // The sender lives as long as the turn; when it is gone, so is the turn.
            let _ = newest.wait_for(|newest| *newest > number).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut slots = self
            .turns
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // One count is the map's, one is this place's.
        if Arc::strong_count(&self.slot) == 2 {
            slots.remove(&self.upload);
        }
    }
}

/// Another request works on the upload.
pub(super) fn busy() -> Problem {
    Problem {
        retry_after: Some(1),
        ..Problem::new(
            Code::MediaBusy,
            "A newer request works on this upload. Ask for its offset and go on from there.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newer_request_ends_the_older_and_nothing_is_left_behind() {
        let turns = Arc::new(Turns::default());
        let upload = Uuid::from_u128(1);
        let first = turns.take(upload).await.unwrap();
        assert!(turns.take_idle(Uuid::from_u128(2)).is_some());
        let older = async {
            first.wanted().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(turns.take(upload), older);
        let second = second.unwrap();
        assert_eq!(second.upload(), upload);
        drop(second);
        assert!(turns.slots.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn of_two_that_wait_the_older_gives_up() {
        let turns = Arc::new(Turns::default());
        let upload = Uuid::from_u128(1);
        let holder = turns.take(upload).await.unwrap();
        let (older, newer, ()) = tokio::join!(turns.take(upload), turns.take(upload), async {
            tokio::task::yield_now().await;
            drop(holder);
        });
        assert_eq!(older.unwrap_err().code, Code::MediaBusy);
        drop(newer.unwrap());
        assert!(turns.slots.lock().unwrap().is_empty());
    }
}
