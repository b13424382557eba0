//! Granting a leave of somebody else, or not.

use super::{MOST_REASON, changed, view::LeaveView};
use crate::{
    app::App,
    duty::{
        leave::{Cover, store},
        presence::Span,
        routes::words,
    },
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
};
use actix_web::{
    post,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most covers of one leave.
const MOST_COVERS: usize = 200;

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
pub(in crate::duty::routes) async fn approve_leave(
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
            Code::RequestInvalid,
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
pub(in crate::duty::routes) async fn refuse_leave(
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
