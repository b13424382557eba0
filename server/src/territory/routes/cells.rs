//! Cells, and who is A and B in them.

use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::still_stands,
    },
    territory::{
        assign::Wish,
        refresh,
        rows::cell,
        store::{self, CellDetail, NamedManager, RolesChange},
    },
};
use actix_web::{get, put, web};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::ColumnTrait;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most cells of one page.
const PAGE: u64 = 500;

/// A manager.
#[derive(Debug, Serialize, ToSchema)]
pub struct Manager {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
}

impl From<NamedManager> for Manager {
    fn from(named: NamedManager) -> Self {
        Self {
            person: named.person,
            name: named.name,
        }
    }
}

/// A cell, who answers for it and what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellSummary {
    /// Its id; kept as long as its code is.
    pub id: CellId,
    /// Its station.
    pub station: OrgId,
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its A now; absent when there is none, which is an alarm.
    pub role_a: Option<Manager>,
    /// Its B now; absent when there is none, which is an alarm.
    pub role_b: Option<Manager>,
    /// How many station areas it has.
    pub station_areas: u32,
    /// How many customers these supply.
    pub customers: u64,
}

impl From<CellDetail> for CellSummary {
    fn from(cell: CellDetail) -> Self {
        Self {
            id: cell.id,
            station: cell.station,
            code: cell.code,
            name: cell.name,
            role_a: cell.role_a.map(Manager::from),
            role_b: cell.role_b.map(Manager::from),
            station_areas: cell.station_areas,
            customers: cell.customers,
        }
    }
}

/// A page of cells.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellList {
    /// In the order of their ids.
    pub cells: Vec<CellSummary>,
    /// Where the next page begins; absent on the last.
    pub after: Option<CellId>,
}

/// Which cells.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CellsQuery {
    /// Only those of this station.
    #[param(value_type = Option<OrgId>)]
    station: Option<OrgId>,
    /// Only those after this one, as the page before said.
    #[param(value_type = Option<CellId>)]
    after: Option<CellId>,
}

/// The cells that you may see, at most 500 a page.
#[utoipa::path(
    operation_id = "list_cells",
    tag = "territory",
    params(CellsQuery),
    responses(
        (status = 200, description = "The cells in scope", body = CellList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/cells")]
pub(super) async fn list_cells(
    app: web::Data<App>,
    caller: Caller,
    query: web::Query<CellsQuery>,
) -> Result<web::Json<CellList>, Problem> {
    caller.may(Permission::ReadTerritory)?;
    let condition = caller
        .scope
        .of_stations("cell")
        .add_option(query.station.map(|id| cell::Column::StationId.eq(id.0)))
        .add_option(query.after.map(|id| cell::Column::Id.gt(id.0)));
    let found = store::cells(app.store.read(), condition, Some(PAGE), caller.now).await?;
    let full = u64::try_from(found.len()).is_ok_and(|found| found == PAGE);
    Ok(web::Json(CellList {
        after: found.last().filter(|_| full).map(|cell| cell.id),
        cells: found.into_iter().map(CellSummary::from).collect(),
    }))
}

/// Who shall be A and B.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesWish {
    /// The new A; absent: as it is.
    pub role_a: Option<PersonId>,
    /// The new B; absent: as it is.
    pub role_b: Option<PersonId>,
    /// From when, milliseconds since 1970; absent: from now on.
    pub from: Option<UnixMillis>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RolesSet {
    /// Whether anything changed or will change.
    pub changed: bool,
    /// From when.
    pub from: UnixMillis,
    /// The cell as it is now.
    pub cell: CellSummary,
}

/// Makes people A and B of a cell from a moment on: two different managers of its station.
/// What was planned for later is taken back.
#[utoipa::path(
    operation_id = "set_cell_roles",
    tag = "territory",
    params(("id" = CellId, Path, description = "The cell")),
    request_body = RolesWish,
    responses(
        (status = 200, description = "Done", body = RolesSet),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[put("/cells/{id}/roles")]
pub(super) async fn set_roles(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<CellId>,
    wish: Json<RolesWish>,
) -> Result<web::Json<RolesSet>, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let station = visible_cell(&app, &caller, *id).await?.station;
    let Json(wish) = wish;
    if wish.role_a.is_none() && wish.role_b.is_none() {
        let detail = "Name role_a, role_b or both.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let wish = Wish {
        a: wish.role_a,
        b: wish.role_b,
        from: wish.from,
    };
    let set = write_roles(&app, caller.clone(), (station, *id), wish).await?;
    refresh::refresh_after_change(&app).await;
    Ok(web::Json(RolesSet {
        changed: set.changed,
        from: set.from,
        cell: visible_cell(&app, &caller, *id).await?.into(),
    }))
}

async fn write_roles(
    app: &App,
    caller: Caller,
    place: (OrgId, CellId),
    wish: Wish,
) -> Result<RolesChange, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let set = store::set_roles(tx, &state, place, wish, caller.person).await?;
                still_stands(tx, &caller).await?;
                let who = Who::from(&caller);
                let (action, cell) = ("cell.roles_set", place.1);
                audit::record(tx, &state, who, action, cell, Outcome::Done).await?;
                Ok(set)
            })
        })
        .await
}

/// A present cell in the caller's scope.
async fn visible_cell(app: &App, caller: &Caller, id: CellId) -> Result<CellDetail, Problem> {
    let this = caller
        .scope
        .of_stations("cell")
        .add(cell::Column::Id.eq(id.0));
    store::cells(app.store.read(), this, Some(1), app.now())
        .await?
        .pop()
        .ok_or_else(Problem::not_found)
}
