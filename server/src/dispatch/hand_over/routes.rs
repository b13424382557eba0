//! The routes of hand-overs: those of a station or of oneself, and deciding on one.

use super::{
    list::{HandOverView, named},
    rows::hand_over::{self, Column},
    rule::{Answer, Decider, State},
    store,
};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission, Role,
        audit::{self, Outcome, Who},
        caller::still_stands,
    },
    trace::feed_log::StationLock,
};
use actix_web::{
    get, post,
    web::{self, Data, Path, Query},
};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most hand-overs of a page.
const PAGE: u64 = 200;

/// Which hand-overs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::dispatch) struct HandOversQuery {
    /// Only those of this station.
    #[param(value_type = Option<OrgId>)]
    station: Option<OrgId>,
    /// Only those that stand so.
    #[param(inline)]
    state: Option<State>,
    /// Only those older than this one, as the page before said.
    after: Option<Uuid>,
}

/// A page of hand-overs.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandOverList {
    /// The newest first.
    pub hand_overs: Vec<HandOverView>,
    /// Where the next page begins; absent on the last.
    pub after: Option<Uuid>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverAnswer {
    /// Whether the receiver takes the order over or the owner keeps it.
    pub answer: Answer,
}

/// The hand-overs of open orders that you may see: a manager those from him and to him, the
/// station and the center all of their stations.
#[utoipa::path(
    operation_id = "list_hand_overs",
    tag = "orders",
    params(HandOversQuery),
    responses(
        (status = 200, description = "Hand-overs, the newest first", body = HandOverList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/hand-overs")]
pub(in crate::dispatch) async fn list_hand_overs(
    app: Data<App>,
    caller: Caller,
    query: Query<HandOversQuery>,
) -> Result<web::Json<HandOverList>, Problem> {
    caller.may(Permission::ReadOrders)?;
    let state = query.state.map(|state| Column::State.eq(state.as_str()));
    let condition = caller
        .scope
        .hand_overs()
        .add_option(query.station.map(|id| Column::StationId.eq(id.0)))
        .add_option(state)
        .add_option(query.after.map(|id| Column::Id.lt(id)));
    let rows = hand_over::Entity::find()
        .filter(condition)
        .order_by_desc(Column::Id)
        .limit(PAGE)
        .all(app.store.read())
        .await?;
    let full = u64::try_from(rows.len()).is_ok_and(|found| found == PAGE);
    let after = rows.last().filter(|_| full).map(|row| row.id);
    let hand_overs = named(app.store.read(), rows).await?;
    Ok(web::Json(HandOverList { hand_overs, after }))
}

/// Decides on a hand-over: the receiver accepts it, the receiver or the owner leaves the order
/// where it is, the staff of the station decides either way.
#[utoipa::path(
    operation_id = "answer_hand_over",
    tag = "orders",
    params(("id" = Uuid, Path, description = "The hand-over")),
    request_body = HandOverAnswer,
    responses(
        (status = 200, description = "Decided", body = HandOverView),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/hand-overs/{id}")]
pub(in crate::dispatch) async fn answer_hand_over(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<HandOverAnswer>,
) -> Result<web::Json<HandOverView>, Problem> {
    caller.may(Permission::ActOnOrders)?;
    let (state, id, answer) = (app.as_ref().clone(), *id, body.0.answer);
    let row = app
        .store
        .write(move |tx| Box::pin(async move { answer_in(tx, &state, &caller, id, answer).await }))
        .await?;
    // It did not stand any more, and now says so.
    if row.state == State::Lapsed.as_str() {
        return Err(store::decided(&row.state));
    }
    let mut views = named(app.store.read(), vec![row]).await?;
    views.pop().map(web::Json).ok_or_else(Problem::not_found)
}

async fn answer_in(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    id: Uuid,
    answer: Answer,
) -> Result<hand_over::Model, Problem> {
    let seen = visible(tx, caller, id).await?;
    let station = OrgId(seen.station_id);
    let lock = StationLock::take(tx, station).await?;
    let staff = caller.role == Role::Station && caller.scope.has_station(station);
    let decider = Decider {
        person: caller.person,
        staff_of: staff.then_some(station),
    };
    let state = store::answer(tx, app, &lock, id, (decider, answer)).await?;
    still_stands(tx, caller).await?;
    let action = match (state, answer) {
        (State::Lapsed, _) => "hand_over.lapsed",
        (_, Answer::Accept) => "hand_over.accepted",
        (_, Answer::Keep) => "hand_over.kept",
    };
    audit::record(tx, app, Who::from(caller), action, id, Outcome::Done).await?;
    hand_over::Entity::find_by_id(id)
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)
}

async fn visible(
    tx: &DatabaseTransaction,
    caller: &Caller,
    id: Uuid,
) -> Result<hand_over::Model, Problem> {
    hand_over::Entity::find_by_id(id)
        .filter(caller.scope.hand_overs())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)
}
