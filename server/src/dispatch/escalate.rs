//! An order never waits for someone who does not answer: when the time for taking is over,
//! it goes to the next on the ladder. Nor does it stay with someone who is gone: when its
//! owner is disabled, moves to another station or gets another role, it goes on as well,
//! taken or not ([`left_behind`]); his leave goes with him ([`following`]). And when a version of the territory gave its place to other
//! managers, it is offered to them ([`hand_over::moved`]).
//!
//! Every process looks every few seconds. What it finds it looks at again under the
//! station's lock, so that of several processes one passes an order on and the others find
//! that it has been.

use super::{
    hand_over,
    ladder::LetGo,
    left_behind,
    route::{OrderFile, pass_on},
    waiting::waits_too_long,
};
use crate::{
    app::App, duty::leave::following, edge::Problem, orders::rows::service_order,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    ids::{OrderId, OrgId},
    order::OrderState,
    time::UnixMillis,
    wire,
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use service_order::Column;
use std::time::Duration;
use uuid::Uuid;

/// How often a process looks for orders that wait.
pub const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Most orders looked at in one query.
const PAGE: u64 = 500;

/// Passes every order on whose owner has not answered in time or is gone. An order that
/// cannot be passed on is logged and tried again at the next look: it holds up no other.
/// This process could be reached since `reachable_since`: nobody's time for taking counts
/// from before ([`waits_too_long`]).
///
/// # Errors
/// A problem of the database.
pub async fn escalate(app: &App, reachable_since: UnixMillis) -> Result<(), Problem> {
    // What moved can wait for the next look; who waits for an answer cannot.
    match hand_over::moved::look(app).await {
        Ok(0) => {}
        Ok(offered) => tracing::info!(offered, "the territory moved open orders"),
        Err(problem) => tracing::warn!(%problem, "what the territory moved was not looked at"),
    }
    following::follow_all(app).await?;
    hand_over::lapse_unreceivable(app).await?;
    left_behind::pass_on_all(app).await?;
    let mut after = Uuid::nil();
    loop {
        let page = unanswered(app, after).await?;
        let Some((last, ..)) = page.last() else {
            return Ok(());
        };
        after = *last;
        for (order, station, state) in page {
            if is_over(app, &state, reachable_since) {
                let (station, order) = (OrgId(station), OrderId(order));
                match pass_on_if_over(app, station, order, reachable_since).await {
                    Ok(true) => tracing::info!(%order, "passed on"),
                    Ok(false) => {}
                    Err(problem) => tracing::warn!(%order, %problem, "not passed on"),
                }
            }
        }
    }
}

/// Orders that a person owns who may not have answered, in the order of their ids. Where
/// the first owner did a step he has taken it.
async fn unanswered(app: &App, after: Uuid) -> Result<Vec<(Uuid, Uuid, Vec<u8>)>, Problem> {
    let later_owner = Condition::all()
        .add(Column::Status.eq("working"))
        .add(Column::Term.gt(1));
    let rows = service_order::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId, Column::State])
        .filter(
            Condition::any()
                .add(Column::Status.eq("routed"))
                .add(later_owner),
        )
        .filter(Column::OwnerPerson.is_not_null())
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(PAGE)
        .into_tuple()
        .all(app.store.read())
        .await?;
    Ok(rows)
}

/// Whether it looks, by the projection, as if the owner had not answered in time.
fn is_over(app: &App, state: &[u8], since: UnixMillis) -> bool {
    let Ok(state) = wire::decode::<OrderState>(state) else {
        return false;
    };
    let edition = app.templates.edition(&state.template);
    edition.is_ok_and(|template| waits_too_long(&state, template, since, app.now()))
}

async fn pass_on_if_over(
    app: &App,
    station: OrgId,
    order: OrderId,
    since: UnixMillis,
) -> Result<bool, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let app = &state;
                let lock = StationLock::take(tx, station).await?;
                let file = OrderFile::read(tx, app, &lock, order).await?;
                let template = app.templates.edition(&file.state.template)?;
                let over = waits_too_long(&file.state, template, since, app.now());
                if over {
                    pass_on(tx, app, &lock, &file, LetGo::NotTaken).await?;
                }
                Ok(over)
            })
        })
        .await
}
