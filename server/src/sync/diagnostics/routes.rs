//! Hearing and showing how handhelds stand.

use super::{check, keep, last, view::DiagnosticsView};
use crate::{
    app::App,
    edge::{PACKED_MEDIA_TYPE, Packed, Problem, ProblemDocument},
    people::{Caller, Permission, handheld::in_scope, rows::handheld},
    sync::routes::of_caller,
};
use actix_web::{
    HttpResponse, get, post,
    web::{Data, Json, Path},
};
use gridcrew_sync_protocol::{diagnostics::Diagnostics, ids::JournalId, wire};
use sea_orm::{EntityTrait, QueryFilter};
use uuid::Uuid;

/// How the calling handheld stands, in place of what it said before.
#[utoipa::path(
    tag = "sync",
    request_body(content = Vec<u8>, content_type = PACKED_MEDIA_TYPE,
        description = "A packed `Diagnostics`"),
    responses(
        (status = 204, description = "It is kept"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "journal.malformed; request.malformed, when it says too much")
    )
)]
#[post("/sync/diagnostics")]
pub(in crate::sync) async fn sync_diagnostics(
    app: Data<App>,
    caller: Caller,
    body: Packed<Diagnostics>,
) -> Result<HttpResponse, Problem> {
    let handheld = of_caller(&app, &caller).await?;
    check(&body.value)?;
    // Packed anew: what a newer handheld adds is left out, so that what is kept stays within
    // the limit under which it is read again.
    let (packed, now) = (wire::pack(&body.value), caller.now);
    app.store
        .write(move |tx| Box::pin(async move { keep(tx, &handheld, packed, now).await }))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How a handheld stood when it last said so: what waits on it, what is damaged, how much
/// room it has. Counts and codes, nothing personal.
#[utoipa::path(
    tag = "sync",
    params(("id" = Uuid, Path, description = "The handheld")),
    responses(
        (status = 200, description = "What it said, if it ever did", body = DiagnosticsView),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when it is not yours to see")
    )
)]
#[get("/handhelds/{id}/diagnostics")]
pub(in crate::sync) async fn show_diagnostics(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<DiagnosticsView>, Problem> {
    caller.may(Permission::ReadPeople)?;
    let in_scope = in_scope(&caller.scope, JournalId(id.into_inner()));
    let handheld = handheld::Entity::find()
        .filter(in_scope)
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)?;
    let said = last(app.store.read(), &handheld).await?;
    Ok(Json(DiagnosticsView::new(&handheld, said)))
}
