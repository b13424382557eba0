//! Asking for leave, and what was asked for.

use super::{
    MOST_REASON,
    view::{LeaveList, LeaveView, one, views},
    visible,
};
use crate::{
    app::App,
    duty::{
        leave::{LeaveKind, LeaveState, store},
        routes::words,
        rows::leave::{self, Column},
    },
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission, Role,
        audit::{self, Outcome, Who},
        caller::act,
        reach,
        rows::person,
        workplace::WORKERS,
    },
};
use actix_web::{
    HttpResponse, get, post,
    web::{self, Data, Path, Query},
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most leaves of a page.
const PAGE: u64 = 200;

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveWish {
    /// For whom; absent: for oneself. Only the staff of his station asks for another.
    pub person: Option<PersonId>,
    /// Whether it was foreseen.
    pub kind: LeaveKind,
    /// From when, milliseconds since 1970; absent: from now on.
    pub from_at: Option<UnixMillis>,
    /// Until when; only a sudden one may be open.
    pub until_at: Option<UnixMillis>,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// Which leaves.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::duty::routes) struct LeavesQuery {
    /// Only those of this station.
    #[param(value_type = Option<OrgId>)]
    station: Option<OrgId>,
    /// Only those of this person.
    #[param(value_type = Option<PersonId>)]
    person: Option<PersonId>,
    /// Only those that stand so.
    #[param(inline)]
    state: Option<LeaveState>,
    /// Only those that are over and lack the written statement.
    #[serde(default)]
    statement_missing: bool,
    /// Only those older than this one, as the page before said.
    after: Option<Uuid>,
}

/// Asks for leave, for oneself or, as the staff of his station, for another who reported it.
/// Nothing changes until somebody else grants it.
#[utoipa::path(
    operation_id = "ask_leave",
    tag = "duty",
    request_body = LeaveWish,
    responses(
        (status = 201, description = "The request", body = LeaveView),
        (status = "4XX", description = "request.invalid, conflict, not_found", body = ProblemDocument),
    )
)]
#[post("/leaves")]
pub(in crate::duty::routes) async fn ask_leave(
    app: Data<App>,
    caller: Caller,
    wish: Json<LeaveWish, 8192>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::AskLeave)?;
    let Json(wish) = wish;
    let person = wish.person.unwrap_or(caller.person);
    let wish = store::Wish {
        person,
        kind: wish.kind,
        from: wish.from_at,
        until: wish.until_at,
        reason: words("The reason", &wish.reason, MOST_REASON)?,
    };
    let view = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let station = station_of(tx, caller, person).await?;
            let row = store::ask(tx, app, station, wish, caller.person).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "leave.asked", row.id, Outcome::Done).await?;
            one(tx, row, caller.now).await
        })
    })
    .await?;
    Ok(HttpResponse::Created().json(view))
}

/// The station of somebody whom the caller may ask for leave for.
async fn station_of(
    tx: &DatabaseTransaction,
    caller: &Caller,
    person: PersonId,
) -> Result<OrgId, Problem> {
    if person != caller.person && caller.role != Role::Station {
        return Err(Problem::not_found());
    }
    let row = person::Entity::find_by_id(person.0)
        .filter(caller.scope.people())
        .filter(person::Column::Role.is_in(WORKERS))
        .filter(person::Column::DisabledAt.is_null())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    let org = OrgId(row.org_id);
    let tree = reach::around(tx, org).await?;
    tree.station_of(org).ok_or_else(Problem::not_found)
}

/// The leaves that you may see: your own, or as staff those of your station, at most 200 a
/// page.
#[utoipa::path(
    operation_id = "list_leaves",
    tag = "duty",
    params(LeavesQuery),
    responses(
        (status = 200, description = "Leaves, the newest first", body = LeaveList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/leaves")]
pub(in crate::duty::routes) async fn list_leaves(
    app: Data<App>,
    caller: Caller,
    query: Query<LeavesQuery>,
) -> Result<web::Json<LeaveList>, Problem> {
    caller.may(Permission::AskLeave)?;
    let mut condition = caller
        .scope
        .leaves()
        .add_option(query.station.map(|id| Column::StationId.eq(id.0)))
        .add_option(query.person.map(|id| Column::PersonId.eq(id.0)))
        .add_option(query.state.map(|state| Column::State.eq(state.as_str())))
        .add_option(query.after.map(|id| Column::Id.lt(id)));
    if query.statement_missing {
        condition = condition
            .add(Column::StatementDue.is_not_null())
            .add(Column::Statement.is_null());
    }
    let db = app.store.read();
    let rows = leave::Entity::find()
        .filter(condition)
        .order_by_desc(Column::Id)
        .limit(PAGE)
        .all(db)
        .await?;
    let full = u64::try_from(rows.len()).is_ok_and(|found| found == PAGE);
    let after = rows.last().filter(|_| full).map(|row| row.id);
    audit::record_reading(&app, &caller, "leaves.listed", "leaves").await?;
    let leaves = views(db, rows, caller.now).await?;
    Ok(web::Json(LeaveList { leaves, after }))
}

/// One leave; of a request also which cells would be left alone.
#[utoipa::path(
    operation_id = "read_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    responses(
        (status = 200, description = "The leave", body = LeaveView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/leaves/{id}")]
pub(in crate::duty::routes) async fn read_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::AskLeave)?;
    let row = visible(app.store.read(), &caller, *id).await?;
    audit::record_reading(&app, &caller, "leave.read", row.id).await?;
    Ok(web::Json(one(app.store.read(), row, caller.now).await?))
}
