//! Orders whose owner is gone: he was disabled, moved to another station, or has another
//! role. They go to the next on the ladder even when he had taken them: who is not there
//! cannot do them, and an order always has an owner who can.

use super::{
    facts,
    ladder::LetGo,
    route::{OrderFile, pass_on},
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::service_order,
    people::{
        Role,
        rows::{org_unit, person},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::{OrderId, OrgId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect,
    sea_query::Expr,
};
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
    let to_owner = service_order::Entity::belongs_to(person::Entity)
        .from(Column::OwnerPerson)
        .to(person::Column::Id);
    let to_unit = person::Entity::belongs_to(org_unit::Entity)
        .from(person::Column::OrgId)
        .to(org_unit::Column::Id);
    let station = || Expr::col((service_order::Entity, Column::StationId));
    let elsewhere = Condition::all()
        .add(Expr::col((org_unit::Entity, org_unit::Column::Id)).ne(station()))
        .add(
            Condition::any()
                .add(org_unit::Column::ParentId.is_null())
                .add(Expr::col((org_unit::Entity, org_unit::Column::ParentId)).ne(station())),
        );
    let works_there = [Role::Manager.as_str(), Role::Station.as_str()];
    Ok(service_order::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId])
        .join(JoinType::InnerJoin, to_owner.into())
        .join(JoinType::InnerJoin, to_unit.into())
        .filter(Column::Status.is_in(["routed", "taken", "working"]))
        .filter(
            Condition::any()
                .add(person::Column::DisabledAt.is_not_null())
                .add(person::Column::Role.is_not_in(works_there))
                .add(elsewhere),
        )
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
                let people = facts::people_of(tx, station, app.now()).await?;
                let there = |one: &super::ladder::PersonFacts| one.id == owner && !one.disabled;
                if people.iter().any(there) {
                    return Ok(false);
                }
                pass_on(tx, app, &lock, &file, LetGo::Left).await?;
                Ok(true)
            })
        })
        .await
}
