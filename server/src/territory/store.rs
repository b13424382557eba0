//! Storing territories: everything that changes one does so in one transaction.
//!
//! A change takes the station's lock first ([`StationLock`]), writes its rows, tells the
//! feed which cells are concerned, and raises the one row of `territory_change`, by which
//! every process notices that its snapshot is old ([`super::refresh`]).

mod accounts;
mod customers;
mod due;
mod neighbours;
mod people;
mod read;
mod roles;
mod version;
mod workload;

pub use accounts::{accounts, known_accounts};
pub use customers::{Imported, NewCustomer, customer_by_account, import_customers};
pub use due::{next_due, tell_due};
pub use neighbours::neighbours;
pub use people::active_managers;
pub(super) use read::outline;
pub use read::{
    CellDetail, NamedManager, StationSummary, StoredTerritory, cells, current_change,
    current_version, stations, territory,
};
pub(super) use roles::stored_term;
pub use roles::{RolesChange, set_roles};
pub use version::{Accepted, Proposal, accept, class_of};
pub use workload::known;

use super::rows::territory_change;
use crate::{
    edge::Problem,
    trace::feed_log::{StationLock, Subject},
};
use gridcrew_sync_protocol::ids::CellId;
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, EntityTrait, ExprTrait,
    sea_query::{Expr, OnConflict},
};

/// Rows in one statement: far below what either database can bind.
const CHUNK: usize = 500;

/// Counts one more change, so that every process loads its snapshot anew.
async fn raise(tx: &DatabaseTransaction) -> Result<(), Problem> {
    let row = territory_change::ActiveModel {
        id: Set(1),
        change: Set(1),
    };
    let change = (territory_change::Entity, territory_change::Column::Change);
    territory_change::Entity::insert(row)
        .on_conflict(
            OnConflict::column(territory_change::Column::Id)
                .value(territory_change::Column::Change, Expr::col(change).add(1))
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Tells the feed that a cell or its customers are others now.
async fn tell(tx: &DatabaseTransaction, lock: &StationLock, cell: CellId) -> Result<(), Problem> {
    lock.announce(tx, Subject::Cell(cell), true).await?;
    Ok(())
}

/// Tells the feed that a cell's A or B is another now. Who keeps the cell needs no more than
/// that; who gained or lost it is found by comparing.
async fn tell_roles(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    cell: CellId,
) -> Result<(), Problem> {
    lock.announce(tx, Subject::Cell(cell), false).await?;
    Ok(())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
