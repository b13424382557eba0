//! Versions that are looked at again for the open orders that they moved.

use crate::{edge::Problem, territory::rows::territory};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr,
};
use territory::Column;

/// Which versions of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedAgain {
    /// The newest, and those that came at this moment or later.
    Since(UnixMillis),
    /// Those that changed this cell: its A or B is another now.
    OfCell(CellId),
}

/// Marks versions, but never the first, which moved nothing.
///
/// # Errors
/// A problem of the database.
pub async fn moved_again(
    tx: &DatabaseTransaction,
    station: OrgId,
    which: MovedAgain,
) -> Result<(), Problem> {
    let these = match which {
        MovedAgain::Since(at) => {
            let newest = super::current_version(tx, station).await?;
            Condition::any()
                .add(Column::Version.eq(newest))
                .add(Column::CameAt.gte(at.0))
        }
        // What a version changed is text that names each cell by its id.
        MovedAgain::OfCell(cell) => {
            Condition::all().add(Column::Changes.contains(cell.to_string()))
        }
    };
    territory::Entity::update_many()
        .col_expr(Column::HandOversDue, Expr::value(true))
        .filter(Column::StationId.eq(station.0))
        .filter(Column::Version.gt(1))
        .filter(Column::HandOversDue.eq(false))
        .filter(these)
        .exec(tx)
        .await?;
    Ok(())
}
