//! Undoing a version, and planned versions: listed, based anew, cancelled.

use super::{
    allow, beside,
    edits::{Acceptance, Again, EditsDone, Ground, Worked, finish, look, work_out},
};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::still_stands,
    },
    territory::{
        changes::{ChangeKind, Changes},
        edit::Edited,
        refresh,
        store::{self, How, Plan, PlanState, Planned, Proposal},
        undo::{UndoError, undo},
    },
};
use actix_web::{HttpResponse, delete, get, post, web};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most versions that a version is undone below.
const LATER: u64 = 1_000;

/// Which version is to be undone.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UndoWish {
    /// The version; absent: the present one.
    pub version: Option<i64>,
    /// Whether and from when.
    #[serde(flatten)]
    pub acceptance: Acceptance,
}

/// Undoes a version by a new one that restores what it changed: cells that were gone come back
/// with their id and, where they still can, their A and B. Refused where later versions changed
/// the same cells.
#[utoipa::path(
    operation_id = "undo_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = UndoWish,
    responses(
        (status = 200, description = "What comes of it", body = EditsDone),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory/undo")]
pub(super) async fn undo_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    wish: Json<UndoWish>,
) -> Result<web::Json<EditsDone>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(wish) = wish;
    let acceptance = wish.acceptance.checked()?;
    let ground = Ground::read(&app, &caller, station, acceptance.of_version).await?;
    let version = wish.version.unwrap_or(ground.held.version);
    let worked = undone(&app, station, ground, version).await?;
    finish(&app, caller, station, worked, acceptance, String::new()).await
}

/// Works out the territory without what a version changed.
async fn undone(
    app: &App,
    station: OrgId,
    ground: Ground,
    version: i64,
) -> Result<Worked, Problem> {
    let Ground { held, known } = ground;
    let held_version = held.version;
    let read = app.store.snapshot(move |tx| {
        Box::pin(async move {
            let undone = store::version_of(tx, station, version).await?;
            let present = store::version_of(tx, station, held_version).await?;
            let before = store::version_of(tx, station, version.saturating_sub(1)).await?;
            let later = (version, Some(held_version.saturating_add(1)));
            let later = store::versions(tx, station, later, LATER).await?;
            Ok((undone.zip(present), before, later))
        })
    });
    let (found, before, later) = read.await?;
    let Some((undone, present)) = found else {
        let detail = format!("The territory has no version {version}.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    };
    let later: Vec<(i64, Changes)> = later
        .into_iter()
        .map(|head| (head.version, head.changes))
        .collect();
    let undone = beside(move || Ok(undo(before, &undone, present, &later)?)).await?;
    let how = How {
        kind: ChangeKind::Undo,
        said: vec![format!("version {version} was undone")],
        undoes: Some(version),
        revived: undone.revived,
        ..How::default()
    };
    Ok(Worked {
        base: held.version,
        before: held.content,
        edited: Edited {
            content: undone.content,
            said: how.said.clone(),
            heirs: how.heirs.clone(),
            remarks: Vec::new(),
        },
        known,
        how,
    })
}

impl From<UndoError> for Problem {
    fn from(error: UndoError) -> Self {
        Self::new(Code::TerritoryCannotUndo, format!("{error}."))
    }
}

/// A version that counts from a later day.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Its id.
    pub id: Uuid,
    /// The version that it was worked out from.
    pub of_version: i64,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// Who planned it.
    pub author: PersonId,
    /// His name.
    pub author_name: String,
    /// Why.
    pub reason: String,
    /// When it was planned.
    pub made_at: UnixMillis,
    /// How it stands. One that is stale must be based anew or cancelled.
    pub state: PlanState,
    /// Why it is stale; empty when it is not.
    pub flaw: String,
    /// Whether it can be worked out anew on the present territory.
    pub can_be_rebased: bool,
    /// What it would change.
    pub changes: Changes,
    /// The version that it undoes.
    pub undoes: Option<i64>,
    /// When it came into force or was cancelled.
    pub ended_at: Option<UnixMillis>,
    /// The version that it became.
    pub version: Option<i64>,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        let waits = matches!(plan.state, PlanState::Planned | PlanState::Stale);
        Self {
            can_be_rebased: waits && (plan.by_edits || plan.undoes.is_some()),
            id: plan.id,
            of_version: plan.base,
            effective_from: plan.effective_from,
            author: plan.author,
            author_name: plan.author_name,
            reason: plan.reason,
            made_at: plan.made_at,
            state: plan.state,
            flaw: plan.flaw,
            changes: plan.changes,
            undoes: plan.undoes,
            ended_at: plan.ended_at,
            version: plan.version,
        }
    }
}

/// The plans of a station.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanList {
    /// The latest moment first, at most 200.
    pub plans: Vec<PlanView>,
}

/// The versions of a station's territory that were planned for a later day: those that wait,
/// those that are stale, those that came into force or were cancelled.
#[utoipa::path(
    operation_id = "list_territory_plans",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    responses(
        (status = 200, description = "The plans", body = PlanList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/plans")]
pub(super) async fn list_plans(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
) -> Result<web::Json<PlanList>, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let plans = store::plans(app.store.read(), *station, &[]).await?;
    Ok(web::Json(PlanList {
        plans: plans.into_iter().map(PlanView::from).collect(),
    }))
}

/// Works a plan out anew on the present territory: first a look, then, when accepted, in the
/// place of what was planned. It keeps its author and reason.
#[utoipa::path(
    operation_id = "rebase_territory_plan",
    tag = "territory",
    params(("id" = Uuid, Path, description = "The plan")),
    request_body = Acceptance,
    responses(
        (status = 200, description = "What comes of it", body = EditsDone),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/territory-plans/{id}/rebase")]
pub(super) async fn rebase_plan(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<Uuid>,
    wish: Json<Acceptance>,
) -> Result<web::Json<EditsDone>, Problem> {
    let plan = visible(&app, &caller, *id).await?;
    let Json(mut acceptance) = wish;
    acceptance.reason.get_or_insert_with(|| plan.reason.clone());
    let acceptance = acceptance.checked()?;
    if !matches!(plan.state, PlanState::Planned | PlanState::Stale) {
        let detail = format!("The plan is {} already.", plan.state.as_str());
        return Err(Problem::new(Code::TerritoryPlanEnded, detail));
    }
    let ground = Ground::read(&app, &caller, plan.station, acceptance.of_version).await?;
    let edits = store::edits_of(app.store.read(), plan.id).await?;
    let worked = worked_anew(&app, &plan, &edits, ground).await?;
    let base = worked.base;
    // One whose moment has passed meanwhile counts from now, unless another is given.
    let from = acceptance.effective_from.unwrap_or(plan.effective_from);
    let planned = Planned {
        proposal: Proposal {
            station: plan.station,
            base,
            content: worked.edited.content.clone(),
            effective_from: from.max(caller.now),
            author: plan.author,
            reason: plan.reason.clone(),
        },
        how: worked.how.clone(),
        edits,
    };
    let (preview, planned) = look(&app, worked, planned).await?;
    if acceptance.accept {
        write(&app, caller, &plan, Some(planned)).await?;
    }
    Ok(web::Json(EditsDone {
        of_version: base,
        version: None,
        plan: acceptance.accept.then_some(plan.id),
        preview,
    }))
}

async fn worked_anew(
    app: &App,
    plan: &Plan,
    edits: &str,
    ground: Ground,
) -> Result<Worked, Problem> {
    if let Some(version) = plan.undoes {
        return undone(app, plan.station, ground, version).await;
    }
    if edits.is_empty() {
        let detail = "This plan was not made by edits; cancel it and plan it anew.";
        return Err(Problem::new(Code::TerritoryPlanEnded, detail));
    }
    let again: Again = serde_json::from_str(edits).map_err(Problem::internal)?;
    beside(move || work_out(ground, &again.edits, again.datum.as_deref())).await
}

/// Cancels a plan that has not come into force.
#[utoipa::path(
    operation_id = "cancel_territory_plan",
    tag = "territory",
    params(("id" = Uuid, Path, description = "The plan")),
    responses(
        (status = NO_CONTENT, description = "Cancelled"),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[delete("/territory-plans/{id}")]
pub(super) async fn cancel_plan(
    app: web::Data<App>,
    caller: Caller,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let plan = visible(&app, &caller, *id).await?;
    write(&app, caller, &plan, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A plan of a station in the caller's scope, which he may change.
async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<Plan, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let plan = store::plan_of(app.store.read(), id).await?;
    allow(caller, Permission::ManageTerritory, plan.station)?;
    Ok(plan)
}

/// Puts another working out in the place of a plan, or cancels it.
async fn write(
    app: &App,
    caller: Caller,
    plan: &Plan,
    anew: Option<Planned>,
) -> Result<(), Problem> {
    let (state, plan) = (app.clone(), plan.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let action = match anew {
                    Some(planned) => {
                        store::rebase_plan(tx, &state, &plan, planned).await?;
                        "territory.plan_rebased"
                    }
                    None => {
                        let which = (plan.station, plan.id);
                        store::cancel_plan(tx, &state, which, caller.person).await?;
                        "territory.plan_cancelled"
                    }
                };
                still_stands(tx, &caller).await?;
                audit::record(
                    tx,
                    &state,
                    Who::from(&caller),
                    action,
                    plan.id,
                    Outcome::Done,
                )
                .await
            })
        })
        .await?;
    refresh::refresh_after_change(app).await;
    Ok(())
}
