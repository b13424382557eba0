//! Leave that is taken back or ends sooner, and the statement that is owed after a sudden one.

use super::{changed, view::LeaveView};
use crate::{
    app::App,
    duty::{
        leave::{ending, store},
        routes::words,
    },
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
};
use actix_web::{
    post,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::{ids::OrgId, time::UnixMillis};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most characters of a statement.
const MOST_STATEMENT: usize = 4_000;

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
pub(in crate::duty::routes) async fn withdraw_leave(
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
pub(in crate::duty::routes) async fn end_leave(
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
pub(in crate::duty::routes) async fn state_leave(
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
