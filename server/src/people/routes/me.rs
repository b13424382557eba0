//! One's own account.

use super::{Short, people::PersonView};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument, origin::address},
    people::{
        Caller, Permission,
        account::set_password,
        audit::{self, Outcome, Who},
        caller::act,
        page::{Page, rows_to_read},
        refresh,
        rows::{person, session},
        session::{EndReason, Which, end_of},
        sign_in::check_password,
    },
};
use actix_web::{
    HttpRequest, HttpResponse, delete, get, post,
    web::{self, Data, Json, Path},
};
use gridcrew_sync_protocol::{
    ids::{JournalId, OrgId},
    time::UnixMillis,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is signed in, and how far he sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The person.
    pub person: PersonView,
    /// The station that he belongs to, if he is below one.
    pub station: Option<OrgId>,
    /// The stations that he sees.
    pub stations: Vec<OrgId>,
    /// How many units of the organisation he sees.
    pub units: usize,
    /// The session of this token.
    pub session: Uuid,
    /// The handheld of this token.
    pub handheld: Option<JournalId>,
}

async fn own_row(app: &App, caller: &Caller) -> Result<person::Model, Problem> {
    person::Entity::find_by_id(caller.person.0)
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)
}

/// Who you are.
#[utoipa::path(
    operation_id = "read_me",
    tag = "people",
    responses(
        (status = 200, description = "You", body = Me),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/me")]
pub(super) async fn read_me(app: Data<App>, caller: Caller) -> Result<Json<Me>, Problem> {
    caller.may(Permission::OwnAccount)?;
    Ok(Json(Me {
        person: own_row(&app, &caller).await?.into(),
        station: caller.station,
        stations: caller.scope.stations.to_vec(),
        units: caller.scope.units.len(),
        session: caller.session,
        handheld: caller.handheld,
    }))
}

/// One of one's own sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    pub id: Uuid,
    /// When it began.
    pub created_at: UnixMillis,
    /// When its tokens were last renewed.
    pub last_used_at: UnixMillis,
    /// The handheld that it is bound to.
    pub handheld: Option<JournalId>,
}

impl From<session::Model> for SessionView {
    fn from(row: session::Model) -> Self {
        Self {
            id: row.id,
            created_at: UnixMillis(row.created_at),
            last_used_at: UnixMillis(row.last_used_at),
            handheld: row.journal_id.map(JournalId),
        }
    }
}

/// Which sessions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsQuery {
    /// Only those after this one, as the page before said.
    after: Option<Uuid>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// Your sessions that can still be renewed.
#[utoipa::path(
    operation_id = "list_my_sessions",
    tag = "people",
    params(SessionsQuery),
    responses(
        (status = 200, description = "Your sessions", body = Page<SessionView>),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/me/sessions")]
pub(super) async fn list_sessions(
    app: Data<App>,
    caller: Caller,
    query: web::Query<SessionsQuery>,
) -> Result<Json<Page<SessionView>>, Problem> {
    caller.may(Permission::OwnAccount)?;
    let read = rows_to_read(query.limit)?;
    let alive = caller.now.0.saturating_sub(refresh::LIFETIME.0);
    let mut found = session::Entity::find()
        .filter(session::Column::PersonId.eq(caller.person.0))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::LastUsedAt.gt(alive));
    if let Some(after) = query.after {
        found = found.filter(session::Column::Id.gt(after));
    }
    let rows = found
        .order_by_asc(session::Column::Id)
        .limit(read)
        .all(app.store.read())
        .await?;
    Ok(Json(Page::of(rows, read, |row| row.id)))
}

/// Ends one of your sessions.
#[utoipa::path(
    operation_id = "end_my_session",
    tag = "people",
    params(("id" = Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "It is ended"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[delete("/me/sessions/{id}")]
pub(super) async fn end_session(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::OwnAccount)?;
    let id = id.into_inner();
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let (which, reason) = (Which::One(id), EndReason::SignedOut);
            if end_of(tx, caller.person, which, reason, caller.now).await? == 0 {
                return Err(Problem::not_found());
            }
            audit::record(
                tx,
                app,
                Who::from(caller),
                "session.ended",
                id,
                Outcome::Done,
            )
            .await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A new password for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    pub current: String,
    /// The new one: 12 to 1024 bytes, none of the common ones.
    pub new: String,
}

/// Changes your password and ends your other sessions. Renew the access token afterwards.
#[utoipa::path(
    operation_id = "change_my_password",
    tag = "people",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "It is changed"),
        (status = "default", description = "auth.wrong_password, request.invalid, \
            too_many_requests", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/me/password")]
pub(super) async fn change_password(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Short<PasswordChange>,
) -> Result<HttpResponse, Problem> {
    const ACTION: &str = "password.changed";
    caller.may(Permission::OwnAccount)?;
    let row = own_row(&app, &caller).await?;
    let from = address(&request, &app.config.trusted_proxy);
    let (login, person) = (row.login.clone(), Some(row));
    let row = check_password(&app, from, &login, body.0.current, person, ACTION).await?;
    let random = app.randomness.as_ref();
    let hashed = app
        .gate
        .passwords
        .hash(&row.login, body.0.new, random)
        .await?;
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let others = Which::AllBut(caller.session);
            set_password(tx, caller.person, hashed, others, caller.now).await?;
            let (who, subject) = (Who::from(caller), caller.person);
            audit::record(tx, app, who, ACTION, subject, Outcome::Done).await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
