//! Storing territories: everything that changes one does so in one transaction.
//!
//! A change takes the station's lock first ([`StationLock`]), writes its rows, tells the
//! feed which cells are concerned, and moves two marks of `territory_change` on, by which
//! every process notices that its snapshot is old, and where ([`super::refresh`]).

mod accounts;
mod again;
mod customers;
mod due;
mod history;
mod neighbours;
mod pairs;
mod people;
mod plans;
mod read;
mod roles;
mod version;
mod workload;

pub use accounts::{accounts, known_accounts, still_known};
pub use again::{MovedAgain, moved_again};
pub use customers::{Imported, NewCustomer, customer_by_account, import_customers};
pub use due::{next_due, tell_due};
pub use history::{
    VersionHead, area_of_account_at, roles_at, version_at, version_of, versions, what_came,
};
pub use neighbours::neighbours;
pub use pairs::{roles_mark, set_pairs, station_managers};
pub use people::active_managers;
pub use plans::{
    Plan, PlanState, Planned, cancel_plan, edits_of, next_plan, plan, plan_of, plans, put_in_force,
    rebase_plan,
};
pub(super) use read::outline;
pub use read::{
    CellDetail, NamedManager, StationSummary, StoredTerritory, cells, cells_ever, current_change,
    current_version, stations, territory, whole_territory,
};
pub(super) use roles::role_of;
pub use roles::stored_term as term;
pub use roles::{RolesChange, set_roles};
pub use version::{Accepted, How, Proposal, accept, accept_as, class_of, would_change};
pub use workload::known;

use super::{
    marks,
    rows::{territory_change, territory_check},
};
use crate::{
    app::App,
    edge::Problem,
    trace::feed_log::{StationLock, Subject},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, EntityTrait, ExprTrait,
    sea_query::{Expr, OnConflict},
};

/// Rows in one statement: far below what either database can bind.
const CHUNK: usize = 500;

/// A station's territory is another now: every process loads its snapshot anew, and the
/// station is checked.
async fn changed(tx: &DatabaseTransaction, app: &App, station: OrgId) -> Result<(), Problem> {
    raise(tx, station, app.now()).await?;
    check_soon(tx, app, station).await
}

/// What a snapshot holds of a station changed `now`: every process loads it anew. The row of
/// the mark of all is locked first, whatever the station.
///
/// # Errors
/// A problem of the database.
pub async fn raise(
    tx: &DatabaseTransaction,
    station: OrgId,
    now: UnixMillis,
) -> Result<(), Problem> {
    let step = marks::step(station, now);
    let rows = [marks::ALL, marks::group_of(station)].map(|id| territory_change::ActiveModel {
        id: Set(id),
        change: Set(step),
    });
    let change = (territory_change::Entity, territory_change::Column::Change);
    territory_change::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(territory_change::Column::Id)
                .value(
                    territory_change::Column::Change,
                    Expr::col(change).add(step),
                )
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Has the territory of a station checked soon: something that the checks look at changed.
async fn check_soon(tx: &DatabaseTransaction, app: &App, station: OrgId) -> Result<(), Problem> {
    let due = territory_check::ActiveModel {
        station_id: Set(station.0),
        due_at: Set(app.now().0),
        checked_at: Set(None),
        version: Set(None),
        found: Set(None),
        kinds: Set("{}".to_owned()),
    };
    territory_check::Entity::insert(due)
        .on_conflict(
            OnConflict::column(territory_check::Column::StationId)
                .update_column(territory_check::Column::DueAt)
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
mod reading_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
