//! People.

use super::Short;
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{
        Caller, Permission, Role,
        account::{Change, NewPerson, change_person, create_person, set_password},
        audit::{self, Outcome, Who},
        caller::act,
        field,
        page::{Page, rows_to_read},
        rows::person,
        session::Which,
    },
};
use actix_web::{
    HttpResponse, get, patch, post,
    web::{self, Data, Json, Path},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    position::{Datum, PositionInput, TypedPosition, Wgs84},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// His id.
    pub id: PersonId,
    /// His unit.
    pub org: OrgId,
    /// His name.
    pub name: String,
    /// What he signs in with.
    pub login: String,
    /// His role: `manager`, `station`, `center` or `administrator`.
    #[schema(value_type = Role)]
    pub role: String,
    /// A manager's base.
    pub base: Option<TypedPosition>,
    /// Whether he may not sign in.
    pub disabled: bool,
}

impl From<person::Model> for PersonView {
    fn from(row: person::Model) -> Self {
        let base = row.base_lon.zip(row.base_lat);
        let base = base.and_then(|(lon, lat)| Wgs84::new(lon, lat).ok());
        Self {
            id: PersonId(row.id),
            org: OrgId(row.org_id),
            name: row.name,
            login: row.login,
            role: row.role,
            base: base.map(|base| TypedPosition::from_wgs84(base, Datum::Wgs84)),
            disabled: row.disabled_at.is_some(),
        }
    }
}

/// Which people.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleQuery {
    /// Only those of this unit itself.
    org: Option<Uuid>,
    /// Only those with this role.
    role: Option<Role>,
    /// Only those after this one, as the page before said.
    after: Option<Uuid>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// The people that you may see.
#[utoipa::path(
    operation_id = "list_people",
    tag = "people",
    params(PeopleQuery),
    responses(
        (status = 200, description = "The people in scope", body = Page<PersonView>),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/people")]
pub(super) async fn list_people(
    app: Data<App>,
    caller: Caller,
    query: web::Query<PeopleQuery>,
) -> Result<Json<Page<PersonView>>, Problem> {
    caller.may(Permission::ReadPeople)?;
    let read = rows_to_read(query.limit)?;
    let condition = caller
        .scope
        .people()
        .add_option(query.org.map(|org| person::Column::OrgId.eq(org)))
        .add_option(
            query
                .role
                .map(|role| person::Column::Role.eq(role.as_str())),
        )
        .add_option(query.after.map(|after| person::Column::Id.gt(after)));
    let rows = person::Entity::find()
        .filter(condition)
        .order_by_asc(person::Column::Id)
        .limit(read)
        .all(app.store.read())
        .await?;
    audit::record_reading(&app, &caller, "people.listed", "people").await?;
    Ok(Json(Page::of(rows, read, |row| row.id)))
}

/// The person, if he is in the caller's scope.
pub(super) async fn in_scope<C: ConnectionTrait>(
    conn: &C,
    caller: &Caller,
    id: Uuid,
) -> Result<person::Model, Problem> {
    person::Entity::find_by_id(id)
        .filter(caller.scope.people())
        .one(conn)
        .await?
        .ok_or_else(Problem::not_found)
}

/// One person.
#[utoipa::path(
    operation_id = "read_person",
    tag = "people",
    params(("id" = Uuid, Path, description = "The person")),
    responses(
        (status = 200, description = "The person", body = PersonView),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/people/{id}")]
pub(super) async fn read_person(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<PersonView>, Problem> {
    caller.may(Permission::ReadPeople)?;
    let row = in_scope(app.store.read(), &caller, id.into_inner()).await?;
    audit::record_reading(&app, &caller, "person.read", row.id).await?;
    Ok(Json(row.into()))
}

/// A person to be added. He has no password until he is given one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonInput {
    /// His unit.
    pub org: OrgId,
    /// His name, 1 to 100 characters.
    pub name: String,
    /// What he signs in with: 2 to 64 letters, digits, `.`, `_`, `-`, `@`; kept in lower case.
    pub login: String,
    /// His role.
    pub role: Role,
    /// A manager's base.
    #[schema(value_type = Option<TypedPosition>)]
    pub base: Option<PositionInput>,
}

/// Adds a person to one of your units.
#[utoipa::path(
    operation_id = "add_person",
    tag = "people",
    request_body = PersonInput,
    responses(
        (status = 201, description = "The person", body = PersonView),
        (status = "default", description = "request.invalid, not_found, conflict, position.*",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/people")]
pub(super) async fn add_person(
    app: Data<App>,
    caller: Caller,
    body: Short<PersonInput>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManagePeople)?;
    let new = body.0;
    if !caller.scope.units.contains(&new.org) {
        return Err(Problem::not_found());
    }
    let new = NewPerson {
        org: new.org,
        name: new.name,
        login: new.login,
        role: new.role,
        base: new.base.as_ref().map(field::base).transpose()?,
    };
    let row = act(&app, &caller, |tx, app, caller| {
        Box::pin(async move {
            let row = create_person(tx, app, new).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "person.added", row.id, Outcome::Done).await?;
            Ok(row)
        })
    })
    .await?;
    Ok(HttpResponse::Created().json(PersonView::from(row)))
}

/// What to change of a person; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// His name.
    pub name: Option<String>,
    /// His role.
    pub role: Option<Role>,
    /// His unit.
    pub org: Option<OrgId>,
    /// Whether he may not sign in. Disabling ends his sessions.
    pub disabled: Option<bool>,
    /// A manager's base.
    #[schema(value_type = Option<TypedPosition>)]
    pub base: Option<PositionInput>,
}

/// Changes a person. Nobody changes his own role, place or standing.
#[utoipa::path(
    operation_id = "change_person",
    tag = "people",
    params(("id" = Uuid, Path, description = "The person")),
    request_body = PersonChange,
    responses(
        (status = 200, description = "The person as he is now", body = PersonView),
        (status = "default", description = "request.invalid, not_found, auth.forbidden, \
            position.*", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[patch("/people/{id}")]
pub(super) async fn change(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Short<PersonChange>,
) -> Result<Json<PersonView>, Problem> {
    caller.may(Permission::ManagePeople)?;
    let wish = body.0;
    if wish
        .org
        .is_some_and(|org| !caller.scope.units.contains(&org))
    {
        return Err(Problem::not_found());
    }
    let change = Change {
        name: wish.name,
        role: wish.role,
        org: wish.org,
        disabled: wish.disabled,
        base: wish.base.as_ref().map(field::base).transpose()?,
    };
    let id = id.into_inner();
    if change.of_rights() {
        not_oneself(&caller, id)?;
    }
    let row = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            in_scope(tx, caller, id).await?;
            let row = change_person(tx, PersonId(id), change, caller.now).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "person.changed", id, Outcome::Done).await?;
            Ok(row)
        })
    })
    .await?;
    Ok(Json(row.into()))
}

fn not_oneself(caller: &Caller, id: Uuid) -> Result<(), Problem> {
    if caller.person.0 == id {
        let detail = "Nobody changes his own rights.";
        return Err(Problem::new(Code::AuthForbidden, detail));
    }
    Ok(())
}

/// A new password for someone else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The password: 12 to 1024 bytes, none of the common ones.
    pub password: String,
}

/// Gives a person a new password and ends his sessions.
#[utoipa::path(
    operation_id = "reset_password",
    tag = "people",
    params(("id" = Uuid, Path, description = "The person")),
    request_body = NewPassword,
    responses(
        (status = 204, description = "He has it"),
        (status = "default", description = "request.invalid, not_found, auth.forbidden, \
            too_many_requests", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/people/{id}/password")]
pub(super) async fn reset_password(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Short<NewPassword>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManagePeople)?;
    let id = id.into_inner();
    not_oneself(&caller, id)?;
    let person = in_scope(app.store.read(), &caller, id).await?;
    let random = app.randomness.as_ref();
    let hashing = app
        .gate
        .passwords
        .hash(&person.login, body.0.password, random);
    let hashed = hashing.await?;
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            in_scope(tx, caller, id).await?;
            set_password(tx, PersonId(id), hashed, Which::All, caller.now).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "password.reset", id, Outcome::Done).await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
