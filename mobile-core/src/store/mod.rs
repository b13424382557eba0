//! The handheld's store: one SQLite file, synchronous.
//!
//! [`Store::open`] chooses the journal mode by the SQLite that is linked (anything less than
//! what it sets loses what was confirmed when power fails), checks the file, saves what can
//! be read of a damaged one (`salvage`) and brings its schema up to date. All writing goes through [`Store::write`]:
//! one immediate transaction, durable when it returns. What stands in which table is the
//! business of the other files here; each takes a connection, so that they can be put
//! together into one transaction.

pub(crate) mod columns;
pub(crate) mod facts;
pub(crate) mod identity;
pub(crate) mod journal;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod photos;
pub(crate) mod salvage;
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
    pub(crate) set_aside: Option<open::SetAside>,
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
        tx.commit()?;
        Ok(value)
    }
}
