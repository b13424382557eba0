//! Orders whose owner is gone: he was disabled, moved to another station, or has another
//! role. They go to the next on the ladder even when he had taken them: who is not there
//! cannot do them, and an order always has an owner who can.

use super::{
    ladder::LetGo,
    route::{OrderFile, pass_on},
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::service_order,
    people::workplace::{gone, with_people, works_at},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::{OrderId, OrgId};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use service_order::Column;
use uuid::Uuid;

/// Most orders passed on in one look; the next look finds the rest.
const MOST: u64 = 500;

/// Passes on every open order whose owner is gone; what cannot be is logged and tried again.
///
/// # Errors
/// A problem of the database.
pub(super) async fn pass_on_all(app: &App) -> Result<(), Problem> {
    for (order, station) in left(app).await? {
        match pass_on_if_left(app, OrgId(station), OrderId(order)).await {
            Ok(true) => tracing::info!(%order, "passed on: its owner is gone"),
            Ok(false) => {}
            Err(problem) => tracing::warn!(%order, %problem, "not passed on"),
        }
    }
    Ok(())
}

/// Open orders whose owner looks gone, with their stations.
async fn left(app: &App) -> Result<Vec<(Uuid, Uuid)>, Problem> {
    Ok(with_people::<service_order::Entity>(Column::OwnerPerson)
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(Column::Status.is_in(["routed", "taken", "working"]))
        .filter(gone("service_order"))
        .limit(MOST)
        .into_tuple()
        .all(app.store.read())
        .await?)
}

async fn pass_on_if_left(app: &App, station: OrgId, order: OrderId) -> Result<bool, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let app = &state;
                let lock = StationLock::take(tx, station).await?;
                let file = OrderFile::read(tx, app, &lock, order).await?;
                let Some(owner) = file.present_owner() else {
                    return Ok(false);
                };
                if works_at(tx, station, owner).await? {
                    return Ok(false);
                }
                pass_on(tx, app, &lock, &file, LetGo::Left).await?;
                Ok(true)
            })
        })
        .await
}
