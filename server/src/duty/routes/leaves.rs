//! Asking for leave, deciding on it, and what follows.

use super::words;
use crate::{
    app::App,
    duty::{
        leave::{Cover, LeaveKind, LeaveState, ending, rule::LeftAlone, store},
        presence::Span,
        rows::leave::{self, Column},
    },
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission, Role,
        audit::{self, Outcome, Who},
        caller::act,
        reach,
        rows::person,
    },
};
use actix_web::{
    HttpResponse, get, post,
    web::{self, Data, Path, Query},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most leaves of a page.
const PAGE: u64 = 200;
/// Most characters of a reason.
const MOST_REASON: usize = 500;
/// Most characters of a statement.
const MOST_STATEMENT: usize = 4_000;
/// Most covers of one leave.
const MOST_COVERS: usize = 200;

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

/// Who covers a cell.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CoverView {
    /// The cell.
    pub cell: CellId,
    /// Who.
    pub person: PersonId,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when; open if absent.
    pub until_at: Option<UnixMillis>,
}

/// A leave.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeaveView {
    /// Its id.
    pub id: Uuid,
    /// The station.
    pub station: OrgId,
    /// Who is, was or will be away.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// Whether it was foreseen.
    pub kind: LeaveKind,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when; open if absent.
    pub until_at: Option<UnixMillis>,
    /// Why.
    pub reason: String,
    /// How it stands.
    pub state: LeaveState,
    /// Who asked.
    pub asked_by: PersonId,
    /// When.
    pub asked_at: UnixMillis,
    /// Who decided.
    pub decided_by: Option<PersonId>,
    /// When.
    pub decided_at: Option<UnixMillis>,
    /// Why so.
    pub decision: Option<String>,
    /// When its beginning was acted upon: later than `from_at` by as much as no server ran.
    pub begun_at: Option<UnixMillis>,
    /// When its end was acted upon.
    pub ended_at: Option<UnixMillis>,
    /// Until when the written statement is due.
    pub statement_due: Option<UnixMillis>,
    /// The written statement.
    pub statement: Option<String>,
    /// When it came.
    pub statement_at: Option<UnixMillis>,
    /// Whether it is due and has not come.
    pub statement_overdue: bool,
    /// Who covers which cells.
    pub covers: Vec<CoverView>,
    /// Of a request: the cells that would be left without A, B and cover.
    pub left_alone: Vec<LeftAlone>,
}

/// A page of leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaveList {
    /// The newest first.
    pub leaves: Vec<LeaveView>,
    /// Where the next page begins; absent on the last.
    pub after: Option<Uuid>,
}

/// Which leaves.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LeavesQuery {
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

/// Leaves as they are shown, with names and covers.
async fn views<C: ConnectionTrait>(
    db: &C,
    rows: Vec<leave::Model>,
    now: UnixMillis,
) -> Result<Vec<LeaveView>, Problem> {
    let people: BTreeSet<Uuid> = rows.iter().map(|row| row.person_id).collect();
    let named = person::Entity::find()
        .filter(person::Column::Id.is_in(people))
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = named.into_iter().map(|row| (row.id, row.name)).collect();
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let covers = store::covers_of(db, row.id).await?;
        let name = names.get(&row.person_id).cloned().unwrap_or_default();
        views.push(view(row, name, covers.iter().map(store::cover_of), now)?);
    }
    Ok(views)
}

fn view(
    row: leave::Model,
    name: String,
    covers: impl Iterator<Item = Cover>,
    now: UnixMillis,
) -> Result<LeaveView, Problem> {
    let overdue = row.statement.is_none() && row.statement_due.is_some_and(|due| due <= now.0);
    let covers = covers.map(|cover| CoverView {
        cell: cover.cell,
        person: cover.person,
        from_at: cover.time.from,
        until_at: cover.time.until,
    });
    Ok(LeaveView {
        id: row.id,
        station: OrgId(row.station_id),
        person: PersonId(row.person_id),
        name,
        kind: store::kind_of(&row)?,
        from_at: UnixMillis(row.from_at),
        until_at: row.until_at.map(UnixMillis),
        state: store::state_of(&row)?,
        reason: row.reason,
        asked_by: PersonId(row.asked_by),
        asked_at: UnixMillis(row.asked_at),
        decided_by: row.decided_by.map(PersonId),
        decided_at: row.decided_at.map(UnixMillis),
        decision: row.decision,
        begun_at: row.begun_at.map(UnixMillis),
        ended_at: row.ended_at.map(UnixMillis),
        statement_due: row.statement_due.map(UnixMillis),
        statement: row.statement,
        statement_at: row.statement_at.map(UnixMillis),
        statement_overdue: overdue,
        covers: covers.collect(),
        left_alone: Vec::new(),
    })
}

async fn one<C: ConnectionTrait>(
    db: &C,
    row: leave::Model,
    now: UnixMillis,
) -> Result<LeaveView, Problem> {
    let alone = match store::state_of(&row)? {
        LeaveState::Requested => store::would_leave_alone(db, &row).await?,
        _ => Vec::new(),
    };
    let mut views = views(db, vec![row], now).await?;
    let mut view = views.pop().ok_or_else(Problem::not_found)?;
    view.left_alone = alone;
    Ok(view)
}

/// A leave in the caller's scope.
async fn visible<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    id: Uuid,
) -> Result<leave::Model, Problem> {
    leave::Entity::find_by_id(id)
        .filter(caller.scope.leaves())
        .one(db)
        .await?
        .ok_or_else(Problem::not_found)
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
pub(super) async fn ask_leave(
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
    let works = [Role::Manager.as_str(), Role::Station.as_str()];
    let row = person::Entity::find_by_id(person.0)
        .filter(caller.scope.people())
        .filter(person::Column::Role.is_in(works))
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
pub(super) async fn list_leaves(
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
pub(super) async fn read_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::AskLeave)?;
    let row = visible(app.store.read(), &caller, *id).await?;
    audit::record_reading(&app, &caller, "leave.read", row.id).await?;
    Ok(web::Json(one(app.store.read(), row, caller.now).await?))
}

/// Who is to cover a cell.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverWish {
    /// The cell.
    pub cell: CellId,
    /// Who: a manager of the station, neither the one away nor A or B of the cell.
    pub person: PersonId,
    /// From when; absent: from the beginning of the leave.
    pub from_at: Option<UnixMillis>,
    /// Until when; absent: until the end of the leave.
    pub until_at: Option<UnixMillis>,
}

/// A leave is granted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who covers where A and B would both be away; at most 200.
    #[serde(default)]
    pub covers: Vec<CoverWish>,
    /// What is to be said of it, up to 500 characters.
    pub reason: Option<String>,
}

/// Grants a leave of somebody else. Refused when it would leave a cell without A, B and cover.
#[utoipa::path(
    operation_id = "approve_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    request_body = Approval,
    responses(
        (status = 200, description = "The leave as it is now", body = LeaveView),
        (status = "4XX", description = "leave.uncovered, leave.bad_cover, leave.own, \
            leave.decided, conflict; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/leaves/{id}/approve")]
pub(super) async fn approve_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<Approval, 65_536>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::ManageDuty)?;
    let (id, Json(body)) = (*id, body);
    let reason = body
        .reason
        .as_deref()
        .map(|text| words("The reason", text, MOST_REASON));
    let reason = reason.transpose()?;
    if body.covers.len() > MOST_COVERS {
        return Err(Problem::new(
            gridcrew_sync_protocol::code::Code::RequestInvalid,
            format!("At most {MOST_COVERS} covers."),
        ));
    }
    changed(
        &app,
        &caller,
        id,
        "leave.approved",
        |tx, app, caller, row| {
            Box::pin(async move {
                let time = store::time_of(&row);
                let covers = body.covers.into_iter().map(|cover| Cover {
                    cell: cover.cell,
                    person: cover.person,
                    time: Span {
                        from: cover.from_at.unwrap_or(time.from),
                        until: cover.until_at.or(time.until),
                    },
                });
                let place = (OrgId(row.station_id), row.id);
                store::approve(tx, app, place, covers.collect(), reason, caller).await
            })
        },
    )
    .await
}

/// A leave is not granted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// Does not grant a leave of somebody else.
#[utoipa::path(
    operation_id = "refuse_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    request_body = Refusal,
    responses(
        (status = 200, description = "The leave as it is now", body = LeaveView),
        (status = "4XX", description = "leave.own, leave.decided", body = ProblemDocument),
    )
)]
#[post("/leaves/{id}/refuse")]
pub(super) async fn refuse_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<Refusal, 8192>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::ManageDuty)?;
    let reason = words("The reason", &body.0.reason, MOST_REASON)?;
    changed(
        &app,
        &caller,
        *id,
        "leave.refused",
        |tx, app, caller, row| {
            Box::pin(async move {
                let place = (OrgId(row.station_id), row.id);
                store::refuse(tx, app, place, reason, caller).await
            })
        },
    )
    .await
}

/// Takes a leave back that has not begun.
#[utoipa::path(
    operation_id = "withdraw_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    responses(
        (status = 200, description = "The leave as it is now", body = LeaveView),
        (status = "4XX", description = "leave.decided", body = ProblemDocument),
    )
)]
#[post("/leaves/{id}/withdraw")]
pub(super) async fn withdraw_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::AskLeave)?;
    changed(&app, &caller, *id, "leave.withdrawn", |tx, app, _, row| {
        Box::pin(async move { ending::withdraw(tx, app, (OrgId(row.station_id), row.id)).await })
    })
    .await
}

/// A leave ends sooner.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndWish {
    /// When; absent: now.
    pub until_at: Option<UnixMillis>,
}

/// Lets a granted leave end sooner: now, or later than now but sooner than planned.
#[utoipa::path(
    operation_id = "end_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    request_body = EndWish,
    responses(
        (status = 200, description = "The leave as it is now", body = LeaveView),
        (status = "4XX", description = "leave.decided, request.invalid", body = ProblemDocument),
    )
)]
#[post("/leaves/{id}/end")]
pub(super) async fn end_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<EndWish, 8192>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::AskLeave)?;
    let until = body.0.until_at;
    changed(&app, &caller, *id, "leave.ended", move |tx, app, _, row| {
        Box::pin(async move { ending::end(tx, app, (OrgId(row.station_id), row.id), until).await })
    })
    .await
}

/// What is written of a sudden absence.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The statement, 1 to 4000 characters.
    pub text: String,
}

/// Keeps the written statement of a sudden absence; it cannot be changed afterwards.
#[utoipa::path(
    operation_id = "state_leave",
    tag = "duty",
    params(("id" = Uuid, Path, description = "The leave")),
    request_body = Statement,
    responses(
        (status = 200, description = "The leave as it is now", body = LeaveView),
        (status = "4XX", description = "leave.decided, conflict", body = ProblemDocument),
    )
)]
#[post("/leaves/{id}/statement")]
pub(super) async fn state_leave(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Json<Statement, 32_768>,
) -> Result<web::Json<LeaveView>, Problem> {
    caller.may(Permission::AskLeave)?;
    let text = words("The statement", &body.0.text, MOST_STATEMENT)?;
    changed(&app, &caller, *id, "leave.stated", |tx, app, _, row| {
        Box::pin(async move { store::state(tx, app, (OrgId(row.station_id), row.id), text).await })
    })
    .await
}

/// Changes a leave that the caller may see, with its line in the log.
async fn changed<F>(
    app: &App,
    caller: &Caller,
    id: Uuid,
    action: &'static str,
    change: F,
) -> Result<web::Json<LeaveView>, Problem>
where
    F: for<'t> FnOnce(
            &'t DatabaseTransaction,
            &'t App,
            &'t Caller,
            leave::Model,
        )
            -> futures_util::future::BoxFuture<'t, Result<leave::Model, Problem>>
        + Send
        + 'static,
{
    let view = act(app, caller, move |tx, app, caller| {
        Box::pin(async move {
            let row = visible(tx, caller, id).await?;
            let row = change(tx, app, caller, row).await?;
            audit::record(tx, app, Who::from(caller), action, id, Outcome::Done).await?;
            one(tx, row, app.now()).await
        })
    })
    .await?;
    Ok(web::Json(view))
}
