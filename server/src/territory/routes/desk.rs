//! The desk where files are read.
//!
//! A file is sent first and gets a place at the desk only then, so that who sends slowly
//! keeps nobody from it. What is sent meanwhile is counted byte by byte as it comes, for all
//! senders together, and has to be there after some minutes. The place goes with the work
//! into its thread: a client that leaves does not end the work, nor does it make room for
//! the next.

use super::beside;
use crate::edge::{Problem, body};
use actix_web::{HttpRequest, web};
use gridcrew_sync_protocol::code::Code;
use std::time::Duration;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Where every file of one process is read: each may need some hundred megabytes.
pub(super) static DESK: Desk = Desk {
    places: Semaphore::const_new(2),
    bytes: Semaphore::const_new(96 * 1024 * 1024),
    patience: Duration::from_secs(30),
    whole: Duration::from_secs(10 * 60),
};

/// When to come again, seconds.
const COME_AGAIN: u32 = 15;

/// Places for those who read, and room for what was sent and not yet read.
pub(super) struct Desk {
    /// How many files are read at a time.
    places: Semaphore,
    /// How many bytes of files may wait or be on their way.
    bytes: Semaphore,
    /// How long one waits for a place.
    patience: Duration,
    /// How long a file may be on its way.
    whole: Duration,
}

/// A file that came, and its share of the room.
pub(super) struct Sent {
    bytes: web::Bytes,
    _room: Option<SemaphorePermit<'static>>,
}

/// A place at the desk.
pub(super) struct Place {
    _held: SemaphorePermit<'static>,
}

impl Desk {
    /// Reads a body of at most `limit` bytes.
    ///
    /// # Errors
    /// `request.too_large`, `request.timeout`, `request.malformed`, and `unavailable` when too
    /// much is on its way already.
    pub(super) async fn sent(
        &'static self,
        request: &HttpRequest,
        payload: web::Payload,
        limit: usize,
    ) -> Result<Sent, Problem> {
        let mut room: Option<SemaphorePermit<'static>> = None;
        let count = |bytes: usize| {
            let more = u32::try_from(bytes).map_err(Problem::internal)?;
            let more = self.bytes.try_acquire_many(more);
            let more = more.map_err(|_| busy("Too many files are being sent at once."))?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            Ok(())
        };
        let whole = body::read_counted(request, payload.into_inner(), limit, count);
        let bytes = timeout(self.whole, whole).await.map_err(|_| {
            let minutes = self.whole.as_secs() / 60;
            let detail = format!("A file has to be sent within {minutes} minutes.");
            Problem::new(Code::RequestTimeout, detail)
        })??;
        Ok(Sent { bytes, _room: room })
    }

    /// A place, once there is one.
    ///
    /// # Errors
    /// `unavailable` when there is none in time.
    pub(super) async fn place(&'static self) -> Result<Place, Problem> {
        match timeout(self.patience, self.places.acquire()).await {
            Ok(place) => Ok(Place {
                _held: place.map_err(Problem::internal)?,
            }),
            Err(_) => Err(busy("Other files are being read.")),
        }
    }
}

impl Sent {
    /// Its bytes. (No field, of which a closure would take the bytes alone, and leave the room
    /// to be given back before they are gone.)
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Place {
    /// Does work beside the request's thread, at this place, which is held until the work is
    /// done, whoever waits for it.
    ///
    /// # Errors
    /// What the work says.
    pub(super) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<(Self, T), Problem> {
        beside(move || {
            let done = work()?;
            Ok((self, done))
        })
        .await
    }
}

fn busy(why: &str) -> Problem {
    Problem {
        retry_after: Some(COME_AGAIN),
        ..Problem::new(Code::Unavailable, format!("{why} Try again."))
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
