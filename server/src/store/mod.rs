//! The database: SQLite by default, PostgreSQL for stations that outgrow one machine.
//!
//! What every acknowledged write relies on stands here, in one place (RELIABILITY F1 to
//! F3): each write is one explicit transaction, run in a task that a vanished connection
//! cannot cancel; SQLite runs in WAL mode with `synchronous=FULL`, its writers begin
//! immediate and one after the other; PostgreSQL connections are rolled back when they
//! return to the pool.

mod open;
mod snapshot;
#[cfg(feature = "simulated")]
pub mod watch;
mod write;

pub use open::OpenError;

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch as signal};

/// The open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// For reading; no write ever goes through it.
    reader: DatabaseConnection,
    /// For writing; on SQLite a single connection.
    writer: DatabaseConnection,
    /// How many writes this process has committed.
    commits: Arc<signal::Sender<u64>>,
    /// Who reads for long, see [`Store::try_long_read`].
    long_reads: Arc<Semaphore>,
    /// Who is told what is about to be written, see [`watch`].
    #[cfg(feature = "simulated")]
    watcher: Option<self::watch::Watcher>,
}

impl Store {
    /// The connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Moves what was committed from SQLite's write-ahead log into its file, as far as no
    /// reader needs it where it is. Waits for nobody and nobody waits for it; on PostgreSQL
    /// there is nothing to do.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn checkpoint(&self) -> Result<(), DbErr> {
        if self.reader.get_database_backend() == DatabaseBackend::Sqlite {
            self.reader
                .execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)")
                .await?;
        }
        Ok(())
    }

    /// Counts the writes that this process commits: wakes who waits for a change.
    #[must_use]
    pub fn commits(&self) -> signal::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Leave to hold one of the few connections for reading for as long as it takes, such
    /// as to export; none while another has it. One at a time, so that those who read
    /// quickly always find a connection. To be kept by the work itself, not by a request
    /// whose client may vanish before the work ends.
    #[must_use]
    pub fn try_long_read(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.long_reads).try_acquire_owned().ok()
    }
}
