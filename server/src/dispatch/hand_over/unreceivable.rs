//! Offers whose receiver is gone: he was disabled, moved to another station, or has another
//! role. Nobody could accept them, and they would keep every other offer from the order.

use super::{rows::hand_over, store::take_back};
use crate::{
    app::App,
    dispatch::{facts, ladder::PersonFacts},
    edge::Problem,
    people::{
        Role,
        rows::{org_unit, person},
    },
    territory::store::{MovedAgain, moved_again},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::{CellId, OrgId, PersonId};
use hand_over::Column;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

/// Most offers that lapse in one look; the next look finds the rest.
const MOST: u64 = 500;

/// Has every open offer lapse whose receiver is gone; one that cannot is logged and tried again.
///
/// # Errors
/// A problem of the database.
pub(in crate::dispatch) async fn lapse_unreceivable(app: &App) -> Result<(), Problem> {
    for (id, station) in gone(app).await? {
        match lapse_if_gone(app, OrgId(station), id).await {
            Ok(true) => tracing::info!(hand_over = %id, "lapsed: its receiver is gone"),
            Ok(false) => {}
            Err(problem) => tracing::warn!(hand_over = %id, %problem, "did not lapse"),
        }
    }
    Ok(())
}

/// Open offers whose receiver looks gone, with their stations.
async fn gone(app: &App) -> Result<Vec<(Uuid, Uuid)>, Problem> {
    let to_receiver = hand_over::Entity::belongs_to(person::Entity)
        .from(Column::ToPerson)
        .to(person::Column::Id);
    let to_unit = person::Entity::belongs_to(org_unit::Entity)
        .from(person::Column::OrgId)
        .to(org_unit::Column::Id);
    let station = || Expr::col((hand_over::Entity, Column::StationId));
    let elsewhere = Condition::all()
        .add(Expr::col((org_unit::Entity, org_unit::Column::Id)).ne(station()))
        .add(
            Condition::any()
                .add(org_unit::Column::ParentId.is_null())
                .add(Expr::col((org_unit::Entity, org_unit::Column::ParentId)).ne(station())),
        );
    let works_there = [Role::Manager.as_str(), Role::Station.as_str()];
    Ok(hand_over::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId])
        .join(JoinType::InnerJoin, to_receiver.into())
        .join(JoinType::InnerJoin, to_unit.into())
        .filter(Column::OpenOrder.is_not_null())
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
                let to = PersonId(row.to_person);
                let people = facts::people_of(tx, station, state.now()).await?;
                let there = |one: &PersonFacts| one.id == to && !one.disabled;
                if people.iter().any(there) {
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
