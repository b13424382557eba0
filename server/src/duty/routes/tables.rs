//! Duty tables: one for a station, a team or a crew.

use crate::{
    app::App,
    duty::table::{
        DutyTable, Review, Shift,
        store::{self, Kept},
    },
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        field, reach,
    },
};
use actix_web::{
    HttpResponse, delete, get, put,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A duty table with what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DutyTableView {
    /// The unit that it is for.
    pub unit: OrgId,
    /// Its version: the base of the next change. 0 when there is none yet.
    pub version: i64,
    /// What was written down; absent when there is none yet.
    pub table: Option<DutyTable>,
    /// The shifts that came of it, in the order of time.
    pub shifts: Vec<Shift>,
    /// Gaps, also by leave, and overlaps, and from which day on it was guessed.
    pub review: Option<Review>,
}

impl DutyTableView {
    fn of(unit: OrgId, kept: Option<Kept>) -> Self {
        match kept {
            None => Self {
                unit,
                version: 0,
                table: None,
                shifts: Vec::new(),
                review: None,
            },
            Some(kept) => Self {
                unit,
                version: kept.version,
                table: Some(kept.table),
                shifts: kept.shifts,
                review: Some(kept.review),
            },
        }
    }
}

/// A duty table that takes the place of the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutyTableWish {
    /// The version that was looked at; 0 when there was none.
    pub of_version: i64,
    /// The table.
    pub table: DutyTable,
}

/// The station of a unit in scope that may have a table: a station, or a team or crew of one.
async fn station_of<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    unit: OrgId,
) -> Result<OrgId, Problem> {
    if !caller.scope.units.contains(&unit) {
        return Err(Problem::not_found());
    }
    let tree = reach::around(db, unit).await?;
    tree.station_of(unit).ok_or_else(Problem::not_found)
}

/// The duty table of a station, a team or a crew, with the shifts that came of it. A time for
/// which only people who are on leave are on duty is among its gaps.
#[utoipa::path(
    operation_id = "read_duty_table",
    tag = "duty",
    params(("id" = OrgId, Path, description = "The station, team or crew")),
    responses(
        (status = 200, description = "The table", body = DutyTableView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/org-units/{id}/duty-table")]
pub(super) async fn read_duty_table(
    app: Data<App>,
    caller: Caller,
    unit: Path<OrgId>,
) -> Result<web::Json<DutyTableView>, Problem> {
    caller.may(Permission::ReadDuty)?;
    station_of(app.store.read(), &caller, *unit).await?;
    let kept = store::read(app.store.read(), *unit, caller.now).await?;
    Ok(web::Json(DutyTableView::of(*unit, kept)))
}

/// Puts a duty table in the place of the one that was looked at. Turns are made into shifts by
/// the calendar; gaps and overlaps are listed and are no reason to refuse it.
#[utoipa::path(
    operation_id = "replace_duty_table",
    tag = "duty",
    params(("id" = OrgId, Path, description = "The station, team or crew")),
    request_body = DutyTableWish,
    responses(
        (status = 200, description = "The table as it is now", body = DutyTableView),
        (status = "4XX", description = "conflict, request.invalid; nothing was changed",
            body = ProblemDocument),
    )
)]
#[put("/org-units/{id}/duty-table")]
pub(super) async fn replace_duty_table(
    app: Data<App>,
    caller: Caller,
    unit: Path<OrgId>,
    body: Json<DutyTableWish>,
) -> Result<web::Json<DutyTableView>, Problem> {
    caller.may(Permission::ManageDuty)?;
    let (unit, Json(mut wish)) = (*unit, body);
    wish.table.name = field::name("A table's name", &wish.table.name)?;
    let kept = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let place = (station_of(tx, caller, unit).await?, unit);
            let (of, table) = (wish.of_version, wish.table);
            store::replace(tx, app, place, of, table, caller.person).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "duty_table.replaced", unit, Outcome::Done).await?;
            store::read(tx, unit, app.now()).await
        })
    })
    .await?;
    Ok(web::Json(DutyTableView::of(unit, kept)))
}

/// Takes a duty table away: A and B answer at all times again.
#[utoipa::path(
    operation_id = "remove_duty_table",
    tag = "duty",
    params(("id" = OrgId, Path, description = "The station, team or crew")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[delete("/org-units/{id}/duty-table")]
pub(super) async fn remove_duty_table(
    app: Data<App>,
    caller: Caller,
    unit: Path<OrgId>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManageDuty)?;
    let unit = *unit;
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let station = station_of(tx, caller, unit).await?;
            store::remove(tx, (station, unit)).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "duty_table.removed", unit, Outcome::Done).await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
