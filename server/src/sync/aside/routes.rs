//! Looking at what was set aside of a handheld's journal.

use super::{SetAside, of_journal};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission, audit, handheld::in_scope, rows::handheld},
};
use actix_web::{
    get,
    web::{Data, Json, Path},
};
use gridcrew_sync_protocol::{ids::JournalId, time::UnixMillis};
use sea_orm::{EntityTrait, QueryFilter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What was set aside of a handheld's journal.
#[derive(Debug, Serialize, ToSchema)]
struct SetAsideView {
    /// The handheld.
    handheld: JournalId,
    /// The batches, the earliest first.
    batches: Vec<SetAsideBatch>,
}

/// A signed batch that was kept, but not applied.
#[derive(Debug, Serialize, ToSchema)]
struct SetAsideBatch {
    /// Why: `fork`, the journal had gone another way before; `revoked`, the handheld was
    /// revoked before it came; or `disabled`, its person was.
    reason: String,
    /// When it came.
    received_at: UnixMillis,
    /// The position in the journal of its first entry.
    first: u64,
    /// That of its last.
    last: u64,
    /// How many entries it has.
    entries: u64,
}

impl From<SetAside> for SetAsideBatch {
    fn from(kept: SetAside) -> Self {
        let (first, last) = (kept.first.0, kept.last.0);
        Self {
            reason: kept.reason,
            received_at: kept.received_at,
            first,
            last,
            entries: last.saturating_sub(first).saturating_add(1),
        }
    }
}

/// What a handheld sent that was kept, but not applied: branches of its journal, and what
/// came after it was revoked.
///
/// The batches themselves are in an export of everything. Written into the audit log.
#[utoipa::path(
    tag = "sync",
    params(("id" = Uuid, Path, description = "The handheld")),
    responses(
        (status = 200, description = "The batches", body = SetAsideView),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when it is not yours to see")
    )
)]
#[get("/handhelds/{id}/set-aside")]
pub(in crate::sync) async fn list_set_aside(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<Json<SetAsideView>, Problem> {
    caller.may(Permission::ReadPeople)?;
    let handheld = JournalId(id.into_inner());
    handheld::Entity::find()
        .filter(in_scope(&caller.scope, handheld))
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)?;
    let kept = of_journal(app.store.read(), handheld).await?;
    audit::record_reading(&app, &caller, "handheld.set_aside_read", handheld).await?;
    let batches = kept.into_iter().map(SetAsideBatch::from).collect();
    Ok(Json(SetAsideView { handheld, batches }))
}
