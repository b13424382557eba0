//! Handhelds: enrolment codes, enrolment, and revoking.

use super::{Short, people::in_scope};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument, origin::address},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        enrolment::{check_proof, enrol, issue_enrolment_code},
        field,
        handheld::{self as handhelds, Listed, find, revoke},
        page::{Page, rows_to_read},
        rows::handheld,
        throttle::Target,
    },
};
use actix_web::{
    HttpRequest, HttpResponse, get, post,
    web::{self, Data, Json, Path},
};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{EnrolReply, EnrolRequest},
    ids::{JournalId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::ColumnTrait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An enrolment code; shown only once.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentCode {
    /// The code, to be typed into the handheld; good once.
    pub code: String,
    /// Until when it counts.
    pub expires_at: UnixMillis,
}

/// Gives out a code that enrols a handheld for a manager. His unused older ones end.
#[utoipa::path(
    operation_id = "issue_enrolment_code",
    tag = "people",
    params(("id" = Uuid, Path, description = "The manager")),
    responses(
        (status = 201, description = "The code", body = EnrolmentCode),
        (status = "default", description = "request.invalid, not_found",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/people/{id}/enrolment-codes")]
pub(super) async fn issue_code(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManageHandhelds)?;
    let id = id.into_inner();
    let issued = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            in_scope(tx, caller, id).await?;
            let issued = issue_enrolment_code(tx, app, PersonId(id), caller.person).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "enrolment_code.issued", id, Outcome::Done).await?;
            Ok(issued)
        })
    })
    .await?;
    Ok(HttpResponse::Created().json(EnrolmentCode {
        code: issued.code,
        expires_at: issued.expires_at,
    }))
}

/// Enrols a handheld with a one-time code.
///
/// The same code with the same key, or a new code with a known key, gives the same journal
/// again.
#[utoipa::path(
    operation_id = "enrol_handheld",
    tag = "people",
    security(()),
    request_body = EnrolRequest,
    responses(
        (status = 200, description = "The handheld's journal and tokens", body = EnrolReply),
        (status = "default", description = "enrol.bad_code, enrol.bad_proof, auth.revoked, \
            too_many_requests", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/handhelds/enrol")]
pub(super) async fn enrol_handheld(
    app: Data<App>,
    request: HttpRequest,
    body: Short<EnrolRequest>,
) -> Result<Json<EnrolReply>, Problem> {
    let wish = body.0;
    let key = check_proof(&wish)?;
    let device_name = field::name("A handheld's name", &wish.device_name)?;
    let target = Target::EnrolmentCode;
    let from = address(&request, &app.config.trusted_proxy);
    app.gate.throttle.begin(target, from, app.now())?;
    let this = App::clone(&app);
    let reply = app
        .store
        .write(move |tx| {
            Box::pin(async move { enrol(tx, &this, &wish.code, &key, device_name).await })
        })
        .await;
    if !matches!(&reply, Err(problem) if problem.code == Code::EnrolBadCode) {
        app.gate.throttle.forgive(target, from, app.now(), true);
    }
    if let Err(problem) = &reply
        && matches!(problem.code, Code::EnrolBadCode | Code::AuthRevoked)
    {
        let (who, code) = (Who::default(), problem.code);
        audit::record_refusal(&app, who, "handheld.enrolled", "unknown", code).await?;
    }
    reply.map(Json)
}

/// A handheld.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandheldView {
    /// Its id, which is its journal's.
    pub id: JournalId,
    /// Whose it is.
    pub person: PersonId,
    /// His name.
    pub person_name: String,
    /// His station.
    pub station: OrgId,
    /// What it calls itself.
    pub device_name: String,
    /// When it was enrolled.
    pub enrolled_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// When it was last heard, to the minute.
    pub last_contact_at: Option<UnixMillis>,
    /// How many entries of its journal the server holds.
    pub entries_held: i64,
}

impl From<Listed> for HandheldView {
    fn from(row: Listed) -> Self {
        Self {
            id: JournalId(row.id),
            person: PersonId(row.person_id),
            person_name: row.person_name,
            station: OrgId(row.station_id),
            device_name: row.device_name,
            enrolled_at: UnixMillis(row.enrolled_at),
            revoked_at: row.revoked_at.map(UnixMillis),
            last_contact_at: row.last_contact_at.map(UnixMillis),
            entries_held: row.head_seq,
        }
    }
}

/// Which handhelds.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct HandheldsQuery {
    /// Only those of this person.
    person: Option<Uuid>,
    /// Only those after this one, as the page before said.
    after: Option<Uuid>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// The handhelds of your stations.
#[utoipa::path(
    operation_id = "list_handhelds",
    tag = "people",
    params(HandheldsQuery),
    responses(
        (status = 200, description = "The handhelds in scope", body = Page<HandheldView>),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/handhelds")]
pub(super) async fn list_handhelds(
    app: Data<App>,
    caller: Caller,
    query: web::Query<HandheldsQuery>,
) -> Result<Json<Page<HandheldView>>, Problem> {
    caller.may(Permission::ManageHandhelds)?;
    let read = rows_to_read(query.limit)?;
    let condition = caller
        .scope
        .of_stations("handheld")
        .add_option(query.person.map(|id| handheld::Column::PersonId.eq(id)))
        .add_option(query.after.map(|after| handheld::Column::Id.gt(after)));
    let rows = find(app.store.read(), condition, read).await?;
    audit::record_reading(&app, &caller, "handhelds.listed", "handhelds").await?;
    Ok(Json(Page::of(rows, read, |row| row.id)))
}

/// Revokes a handheld: its sessions end at once, and nothing it sends is applied any more,
/// in whichever journal it wrote before or after a fork.
#[utoipa::path(
    operation_id = "revoke_handheld",
    tag = "people",
    params(("id" = Uuid, Path, description = "The handheld")),
    responses(
        (status = 200, description = "The handheld as it is now", body = HandheldView),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/handhelds/{id}/revoke")]
pub(super) async fn revoke_handheld(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<HandheldView>, Problem> {
    caller.may(Permission::ManageHandhelds)?;
    let id = id.into_inner();
    let row = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let condition = handhelds::in_scope(&caller.scope, JournalId(id));
            let found = find(tx, condition.clone(), 1).await?;
            let found = found.first().ok_or_else(Problem::not_found)?;
            let revoked = revoke(tx, found, caller.now).await?;
            let others = revoked.into_iter().filter(|journal| journal.0 != id);
            for journal in others.chain([JournalId(id)]) {
                let (who, done) = (Who::from(caller), Outcome::Done);
                audit::record(tx, app, who, "handheld.revoked", journal, done).await?;
            }
            let row = find(tx, condition, 1).await?.pop();
            row.ok_or_else(Problem::not_found)
        })
    })
    .await?;
    Ok(Json(row.into()))
}
