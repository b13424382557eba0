//! Leave goes with its person to another station.
//!
//! Who moves is away at his new station as he was at the old one, so what is asked for and
//! what is granted and not over becomes the new station's: it decides, lets it end, has his
//! open orders offered and brings them back. The old station sees neither the leave nor its
//! reason any more; what was over before stays with it. Who covers there goes on covering, as
//! long as was named: whom it lacks has not come back, whatever his new station decides.
//!
//! Any process looks, and each leave follows once, under the locks of both stations.

use super::{limits::LeaveLimits, rule::LeaveState};
use crate::{
    app::App,
    duty::rows::{leave, leave_cover},
    edge::Problem,
    people::{
        reach,
        rows::person,
        workplace::{WORKERS, elsewhere, with_people},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use leave::Column;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

/// Leaves that are read at once.
const PAGE: u64 = 100;

/// Has every leave follow whose person is at another station now. One that cannot is logged
/// and tried again at the next look.
///
/// # Errors
/// A problem of the database.
pub async fn follow_all(app: &App) -> Result<(), Problem> {
    let mut after = None;
    loop {
        // Page by page behind the last one: those that cannot follow stop no others.
        let page = strayed(app.store.read(), app.now(), after).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(*last);
        for (id, from) in page {
            match follow(app, id, from).await {
                Ok(Some(to)) => tracing::info!(leave = %id, %from, %to, "follows its person"),
                Ok(None) => {}
                Err(problem) => tracing::warn!(leave = %id, %problem, "does not follow its person"),
            }
        }
    }
}

/// What is asked for, or granted and not over.
fn live(now: UnixMillis) -> Condition {
    let states = [LeaveState::Requested, LeaveState::Approved].map(LeaveState::as_str);
    Condition::all().add(Column::State.is_in(states)).add(
        Condition::any()
            .add(Column::UntilAt.is_null())
            .add(Column::UntilAt.gt(now.0)),
    )
}

/// Live leaves of people who look as if they worked at another station, with their own: a
/// page, behind the last of the one before.
async fn strayed<C: ConnectionTrait>(
    db: &C,
    now: UnixMillis,
    after: Option<Uuid>,
) -> Result<Vec<(Uuid, OrgId)>, Problem> {
    let behind = after.map(|after| Column::Id.gt(after));
    let rows: Vec<(Uuid, Uuid)> = with_people::<leave::Entity>(Column::PersonId)
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(live(now))
        .filter(person::Column::Role.is_in(WORKERS))
        .filter(elsewhere("leave"))
        .filter(Condition::all().add_option(behind))
        .order_by_asc(Column::Id)
        .limit(PAGE)
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(id, station)| (id, OrgId(station))).collect())
}

/// Moves a leave of one station to that of its person; gives which, if it moved.
async fn follow(app: &App, id: Uuid, from: OrgId) -> Result<Option<OrgId>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let Some(seen) = leave::Entity::find_by_id(id).one(tx).await? else {
                    return Ok(None);
                };
                let person = PersonId(seen.person_id);
                let Some(to) = station_of(tx, person).await? else {
                    return Ok(None);
                };
                StationLock::take_all(tx, &[from, to].into()).await?;
                // Nobody moves him, nor decides on his leave, from here on.
                let row = leave::Entity::find_by_id(id)
                    .filter(Column::StationId.eq(from.0))
                    .filter(live(state.now()))
                    .one(tx)
                    .await?;
                let Some(row) = row else { return Ok(None) };
                if to == from || station_of(tx, person).await? != Some(to) {
                    return Ok(None);
                }
                bound_covers(tx, &row, state.now()).await?;
                let mut moved = row.into_active_model();
                moved.station_id = Set(to.0);
                leave::Entity::update(moved).exec(tx).await?;
                Ok(Some(to))
            })
        })
        .await
}

/// The station where somebody works.
async fn station_of(tx: &DatabaseTransaction, person: PersonId) -> Result<Option<OrgId>, Problem> {
    let row = person::Entity::find_by_id(person.0)
        .filter(person::Column::Role.is_in(WORKERS))
        .one(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let org = OrgId(row.org_id);
    Ok(reach::around(tx, org).await?.station_of(org))
}

/// Covers without an end, which nobody of their station could end any more, last as long as a
/// leave may.
async fn bound_covers(
    tx: &DatabaseTransaction,
    row: &leave::Model,
    now: UnixMillis,
) -> Result<(), Problem> {
    let longest = UnixMillis(row.from_at).plus(LeaveLimits::in_force(now).longest());
    leave_cover::Entity::update_many()
        .col_expr(
            leave_cover::Column::UntilAt,
            Expr::value(longest.max(now).0),
        )
        .filter(leave_cover::Column::LeaveId.eq(row.id))
        .filter(leave_cover::Column::StationId.eq(row.station_id))
        .filter(leave_cover::Column::UntilAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
