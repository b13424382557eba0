//! The handheld's store: one SQLite file, synchronous.
//!
//! [`Store::open`] chooses the journal mode by the SQLite that is linked (anything less than
//! what it sets loses what was confirmed when power fails), checks the file, puts a new one in
//! the place of a damaged one (`replace`) with what can be read of that (`salvage`), and brings
//! the schema up to date. All writing goes through [`Store::write`]: one immediate transaction,
//! durable when it returns. What stands in which table is the
//! business of the other files here; each takes a connection, so that they can be put
//! together into one transaction.

pub(crate) mod account;
pub(crate) mod columns;
pub(crate) mod facts;
pub(crate) mod identity;
pub(crate) mod journal;
pub(crate) mod looks;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod photos;
mod replace;
mod salvage;
pub(crate) mod schema;
pub(crate) mod scope;
pub(crate) mod waiting;

#[cfg(test)]
mod tests;

use crate::error::Error;
use rusqlite::{Connection, TransactionBehavior};

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    db: Connection,
}

impl Store {
    /// Reads, outside of a transaction.
    pub(crate) fn read(&self) -> &Connection {
        &self.db
    }

    /// Does `work` in one immediate transaction, which is durable when this returns, and
    /// undone when it fails.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = self.transact(work);
        if matches!(done, Err(Error::Storage(_) | Error::DiskFull(_))) {
            self.empty_log();
        }
        done
    }

    /// After a disk that failed in the middle of a commit, the whole transaction may stand
    /// in the log all the same. Nobody reads it there but the next to open the store: after
    /// a kill, what was said not to be recorded would be. So what is good in the log goes
    /// into the store, and the log is cut.
    fn empty_log(&self) {
        let emptied = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = emptied {
            tracing::warn!(%error, "the log of a failed write cannot be cut");
        }
    }

    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&tx)?;
        #[cfg(feature = "planted")]
        if crate::planted::commit_fails() {
            return Ok(value);
        }
        #[cfg(feature = "simulated")]
        crate::disk::before(crate::disk::Operation::Commit)?;
        tx.commit()?;
        #[cfg(feature = "simulated")]
        crate::disk::before(crate::disk::Operation::Committed)?;
        Ok(value)
    }
}
