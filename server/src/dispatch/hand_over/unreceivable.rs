//! Offers whose receiver is gone: he was disabled, moved to another station, or has another
//! role. Nobody could accept them, and they would keep every other offer from the order.

use super::{rows::hand_over, store::take_back};
use crate::{
    app::App,
    edge::Problem,
    people::workplace::{gone, with_people, works_at},
    territory::store::{MovedAgain, moved_again},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::{CellId, OrgId, PersonId};
use hand_over::Column;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

/// Most offers that lapse in one look; the next look finds the rest.
const MOST: u64 = 500;

/// Has every open offer lapse whose receiver is gone; one that cannot is logged and tried again.
///
/// # Errors
/// A problem of the database.
pub(in crate::dispatch) async fn lapse_unreceivable(app: &App) -> Result<(), Problem> {
    for (id, station) in looking_gone(app).await? {
        match lapse_if_gone(app, OrgId(station), id).await {
            Ok(true) => tracing::info!(hand_over = %id, "lapsed: its receiver is gone"),
            Ok(false) => {}
            Err(problem) => tracing::warn!(hand_over = %id, %problem, "did not lapse"),
        }
    }
    Ok(())
}

/// Open offers whose receiver looks gone, with their stations.
async fn looking_gone(app: &App) -> Result<Vec<(Uuid, Uuid)>, Problem> {
    Ok(with_people::<hand_over::Entity>(Column::ToPerson)
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(Column::OpenOrder.is_not_null())
        .filter(gone("hand_over"))
        .limit(MOST)
        .into_tuple()
        .all(app.store.read())
        .await?)
}

async fn lapse_if_gone(app: &App, station: OrgId, id: Uuid) -> Result<bool, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let lock = StationLock::take(tx, station).await?;
                let open = hand_over::Entity::find_by_id(id)
                    .filter(Column::OpenOrder.is_not_null())
                    .one(tx)
                    .await?;
                let Some(row) = open else { return Ok(false) };
                if works_at(tx, station, PersonId(row.to_person)).await? {
                    return Ok(false);
                }
                // Another may receive it in the cell that it belongs to.
                if let Some(cell) = row.to_cell {
                    moved_again(tx, station, MovedAgain::OfCell(CellId(cell))).await?;
                }
                take_back(tx, &state, &lock, row).await?;
                Ok(true)
            })
        })
        .await
}
