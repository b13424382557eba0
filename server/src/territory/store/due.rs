//! Terms that begin or end by the calendar: nobody writes anything at that moment, yet
//! handhelds must be told.

use super::{
    again::{MovedAgain, moved_again},
    roles::stored_term,
    tell_roles,
};
use crate::{
    edge::Problem,
    territory::{assign::next_change, rows::cell_role},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    time::{Millis, UnixMillis},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// How long after the moment handhelds are told: the clocks of the processes that answer
/// them may differ by so much.
const CLOCKS_DIFFER: Millis = Millis(1_000);

/// The next moment at which [`tell_due`] has something to tell.
///
/// # Errors
/// A problem of the database.
pub async fn next_due<C: ConnectionTrait>(db: &C) -> Result<Option<UnixMillis>, Problem> {
    let first: Option<i64> = cell_role::Entity::find()
        .select_only()
        .column(cell_role::Column::NextChange)
        .filter(cell_role::Column::NextChange.is_not_null())
        .order_by_asc(cell_role::Column::NextChange)
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.map(|at| UnixMillis(at).plus(CLOCKS_DIFFER)))
}

/// Tells the feed of every cell whose A or B changed by the calendar, each change once,
/// whichever process comes first; gives how many cells there were.
///
/// # Errors
/// A problem of the database.
pub async fn tell_due(tx: &DatabaseTransaction, now: UnixMillis) -> Result<usize, Problem> {
    let passed = now.0.saturating_sub(CLOCKS_DIFFER.0);
    let stations: Vec<Uuid> = cell_role::Entity::find()
        .select_only()
        .column(cell_role::Column::StationId)
        .distinct()
        .filter(cell_role::Column::NextChange.lte(passed))
        .into_tuple()
        .all(tx)
        .await?;
    let stations: BTreeSet<OrgId> = stations.into_iter().map(OrgId).collect();
    let locks = StationLock::take_all(tx, &stations).await?;
    let mut told = 0;
    for (station, lock) in &locks {
        let rows = cell_role::Entity::find()
            .filter(cell_role::Column::StationId.eq(station.0))
            .filter(cell_role::Column::NextChange.lte(passed))
            .all(tx)
            .await?;
        let cells: BTreeSet<CellId> = rows.iter().map(|row| CellId(row.cell_id)).collect();
        for cell in &cells {
            tell_roles(tx, lock, *cell).await?;
            moved_again(tx, *station, MovedAgain::OfCell(*cell)).await?;
        }
        told += cells.len();
        for row in rows {
            let term = stored_term(&row)?;
            let next = next_change(term.from, term.until, UnixMillis(passed));
            let row = cell_role::ActiveModel {
                id: Set(row.id),
                next_change: Set(next.map(|at| at.0)),
                ..cell_role::ActiveModel::default()
            };
            cell_role::Entity::update(row).exec(tx).await?;
        }
    }
    Ok(told)
}
