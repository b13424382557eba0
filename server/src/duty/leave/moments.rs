//! The moments at which leave begins and ends: found by any process, taken by one.
//!
//! Each granted leave knows its next moment. Whoever finds one that has come takes it under
//! the station's lock and moves it on in the same transaction in which he acts, so that it is
//! acted upon once, and late by as much as no process ran. Bringing back what somebody gave away
//! may be long; it goes page by page, and is due until the last of them. New orders do not wait for that:
//! who is away by the absence is passed over from the first moment on.

use super::{
    rule::LeaveState,
    store::{statement_due, time_of},
};
use crate::{app::App, duty::rows::leave, edge::Problem, trace::feed_log::StationLock};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use leave::Column;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

/// Most leaves taken in one look; the next look finds the rest.
const MOST: u64 = 100;

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The leave begins.
    Begins,
    /// The leave is over.
    Ends,
    /// It began and ended while nobody looked, so there is nothing to hand over.
    Passed,
}

/// The leaves whose next moment has come, with their stations, the earliest first.
///
/// # Errors
/// A problem of the database.
pub async fn due<C: ConnectionTrait>(
    db: &C,
    now: UnixMillis,
) -> Result<Vec<(Uuid, OrgId)>, Problem> {
    let rows: Vec<(Uuid, Uuid)> = leave::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(Column::NextChange.lte(now.0))
        .order_by_asc(Column::NextChange)
        .order_by_asc(Column::Id)
        .limit(MOST)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, station)| (id, OrgId(station)))
        .collect())
}

/// The leaves that have begun and last, with their stations.
///
/// # Errors
/// A problem of the database.
pub async fn all_lasting<C: ConnectionTrait>(
    db: &C,
    now: UnixMillis,
) -> Result<Vec<(Uuid, OrgId)>, Problem> {
    let rows: Vec<(Uuid, Uuid)> = leave::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(lasts(now))
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, station)| (id, OrgId(station)))
        .collect())
}

/// A leave of the locked station, if it has begun and lasts.
///
/// # Errors
/// A problem of the database.
pub async fn lasting(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    id: Uuid,
    now: UnixMillis,
) -> Result<Option<leave::Model>, Problem> {
    Ok(leave::Entity::find_by_id(id)
        .filter(Column::StationId.eq(lock.station().0))
        .filter(lasts(now))
        .one(tx)
        .await?)
}

/// Its beginning was acted upon, and it is not over.
fn lasts(now: UnixMillis) -> Condition {
    let open = Condition::any()
        .add(Column::UntilAt.is_null())
        .add(Column::UntilAt.gt(now.0));
    Condition::all()
        .add(Column::State.eq(LeaveState::Approved.as_str()))
        .add(Column::BegunAt.is_not_null())
        .add(Column::EndedAt.is_null())
        .add(open)
}

/// Takes the moment of a leave, if it is still there to be taken, and moves the leave on.
/// Whoever calls acts upon it in the same transaction. Only bringing back what is not finished
/// takes several: so a leave that is over stays due, for whoever looks, until that is done
/// ([`brought_back`]).
///
/// # Errors
/// A problem of the database.
pub async fn take(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    id: Uuid,
) -> Result<Option<(PersonId, Moment)>, Problem> {
    let now = app.now();
    let row = leave::Entity::find_by_id(id)
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::State.eq(LeaveState::Approved.as_str()))
        .filter(Column::NextChange.lte(now.0))
        .one(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let end = time_of(&row).until;
    let over = end.filter(|end| *end <= now);
    let moment = match (row.begun_at, over) {
        (None, Some(_)) => Moment::Passed,
        (None, None) => Moment::Begins,
        (Some(_), _) => Moment::Ends,
    };
    let mut moved = row.clone().into_active_model();
    if row.begun_at.is_none() {
        moved.begun_at = Set(Some(now.0));
    }
    match over {
        Some(end) if row.ended_at.is_none() => {
            moved.ended_at = Set(Some(now.0));
            moved.statement_due = Set(statement_due(&row, end)?);
        }
        Some(_) => {}
        None => moved.next_change = Set(end.map(|end| end.0)),
    }
    if moved.is_changed() {
        leave::Entity::update(moved).exec(tx).await?;
    }
    Ok(Some((PersonId(row.person_id), moment)))
}

/// All was brought back to whose leave is over: nobody needs to act upon it any more.
///
/// # Errors
/// A problem of the database.
pub async fn brought_back(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    id: Uuid,
) -> Result<(), Problem> {
    leave::Entity::update_many()
        .col_expr(Column::NextChange, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::EndedAt.is_not_null())
        .exec(tx)
        .await?;
    Ok(())
}
