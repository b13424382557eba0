//! The handheld's store: one SQLite file, synchronous.
//!
//! [`Store::open`] refuses an SQLite with the WAL-reset fault, sets WAL with
//! `synchronous=FULL` (anything less loses what was confirmed when power fails), checks
//! the file and brings its schema up to date. All writing goes through [`Store::write`]:
//! one immediate transaction, durable when it returns. What stands in which table is the
//! business of the other files here; each takes a connection, so that they can be put
//! together into one transaction.

pub(crate) mod account;
pub(crate) mod columns;
pub(crate) mod facts;
pub(crate) mod identity;
pub(crate) mod journal;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod photos;
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
    /// Under which name a damaged file was set aside at opening.
    pub(crate) set_aside: Option<String>,
}

impl Store {
    /// Reads, outside of a transaction.
    pub(crate) fn read(&self) -> &Connection {
        &self.db
    }

    /// Does `work` in one immediate transaction, which is durable when this returns, and
    /// undone when `work` fails.
    pub(crate) fn write<T>(
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
