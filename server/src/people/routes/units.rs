//! The organisation tree.

use super::Short;
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        page::{Page, rows_to_read},
        rows::org_unit,
        tree::UnitKind,
        unit::{NewUnit, create_unit},
    },
};
use actix_web::{
    HttpResponse, get, post,
    web::{self, Data, Json},
};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A unit of the organisation.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnitView {
    /// Its id.
    pub id: OrgId,
    /// The unit above it.
    pub parent: Option<OrgId>,
    /// What it is: `center`, `station`, `crew` or `team`.
    #[schema(value_type = UnitKind)]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its code in the company's books.
    pub code: String,
}

impl From<org_unit::Model> for UnitView {
    fn from(row: org_unit::Model) -> Self {
        Self {
            id: OrgId(row.id),
            parent: row.parent_id.map(OrgId),
            kind: row.kind,
            name: row.name,
            code: row.code,
        }
    }
}

/// Which units.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitsQuery {
    /// Only those after this one, as the page before said.
    after: Option<Uuid>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// The units that you may see.
#[utoipa::path(
    operation_id = "list_org_units",
    tag = "people",
    params(UnitsQuery),
    responses(
        (status = 200, description = "The units in scope", body = Page<UnitView>),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/org-units")]
pub(super) async fn list_units(
    app: Data<App>,
    caller: Caller,
    query: web::Query<UnitsQuery>,
) -> Result<Json<Page<UnitView>>, Problem> {
    caller.may(Permission::ReadPeople)?;
    let read = rows_to_read(query.limit)?;
    let after = query.after.map(|after| org_unit::Column::Id.gt(after));
    let rows = org_unit::Entity::find()
        .filter(caller.scope.units().add_option(after))
        .order_by_asc(org_unit::Column::Id)
        .limit(read)
        .all(app.store.read())
        .await?;
    Ok(Json(Page::of(rows, read, |row| row.id)))
}

/// A unit to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitInput {
    /// The unit above it.
    pub parent: OrgId,
    /// What it is.
    pub kind: UnitKind,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Its code in the company's books, 1 to 100 characters.
    pub code: String,
}

/// Adds a unit below one of yours.
#[utoipa::path(
    operation_id = "add_org_unit",
    tag = "people",
    request_body = UnitInput,
    responses(
        (status = 201, description = "The unit", body = UnitView),
        (status = "default", description = "request.invalid, not_found",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/org-units")]
pub(super) async fn add_unit(
    app: Data<App>,
    caller: Caller,
    body: Short<UnitInput>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManagePeople)?;
    let new = body.0;
    if !caller.scope.units.contains(&new.parent) {
        return Err(Problem::not_found());
    }
    let unit = NewUnit {
        parent: Some(new.parent),
        kind: new.kind,
        name: new.name,
        code: new.code,
    };
    let row = act(&app, &caller, |tx, app, caller| {
        Box::pin(async move {
            let row = create_unit(tx, app, unit).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "unit.added", row.id, Outcome::Done).await?;
            Ok(row)
        })
    })
    .await?;
    Ok(HttpResponse::Created().json(UnitView::from(row)))
}
