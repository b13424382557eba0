//! Plans are made, based anew, and cancelled.

use super::{Column, Plan, PlanState, Planned, Stored};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        rows::territory_plan,
        store::{How, Proposal, current_version, raise, what_came, would_change},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect,
};
use uuid::Uuid;

/// Most plans of a station that wait at one time.
const WAITING: u64 = 20;
/// How plans stand that wait.
const WAITS: [PlanState; 2] = [PlanState::Planned, PlanState::Stale];

/// Plans a version. Nothing changes until its moment; every process learns of it.
///
/// # Errors
/// `territory.changed` when another version came meanwhile, `request.invalid` when too many are
/// planned already, or a problem of the database.
pub async fn plan(tx: &DatabaseTransaction, app: &App, planned: Planned) -> Result<Uuid, Problem> {
    let Planned {
        proposal,
        how,
        edits,
    } = planned;
    StationLock::take(tx, proposal.station).await?;
    let changes = on_base(tx, app, &proposal, &how).await?;
    let waiting = territory_plan::Entity::find()
        .filter(Column::StationId.eq(proposal.station.0))
        .filter(Column::State.is_in(WAITS.map(PlanState::as_str)))
        .count(tx)
        .await?;
    if waiting >= WAITING {
        let detail = format!("{WAITING} versions are planned already; cancel some first.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let (id, station) = (app.new_id(), proposal.station);
    let row = territory_plan::ActiveModel {
        id: Set(id),
        station_id: Set(station.0),
        base_version: Set(proposal.base),
        effective_from: Set(proposal.effective_from.0),
        author: Set(proposal.author.0),
        reason: Set(proposal.reason),
        made_at: Set(app.now().0),
        edits: Set(edits),
        content: Set(Stored::text(&proposal.content, &how)?),
        changes: Set(changes),
        undoes: Set(how.undoes),
        state: Set(PlanState::Planned.as_str().to_owned()),
        flaw: Set(String::new()),
        ended_at: Set(None),
        ended_by: Set(None),
        version: Set(None),
    };
    territory_plan::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    raise(tx, station, app.now()).await?;
    Ok(id)
}

/// What the version would change, as it is stored; refused when its base is no more.
async fn on_base(
    tx: &DatabaseTransaction,
    app: &App,
    proposal: &Proposal,
    how: &How,
) -> Result<String, Problem> {
    let held = current_version(tx, proposal.station).await?;
    if held != proposal.base {
        return Err(what_came(tx, proposal.station, proposal.base, held).await?);
    }
    let changes = would_change(tx, app, proposal.station, &proposal.content, how).await?;
    serde_json::to_string(&changes).map_err(Problem::internal)
}

/// Puts another working out in the place of a plan that waits, if the plan still is as it was
/// `seen`: its base is the present version again. The plan keeps its id, its author and its
/// reason.
///
/// # Errors
/// `territory.plan_ended` when it does not wait any more, `conflict` when somebody else based
/// it anew meanwhile, else as [`plan`].
pub async fn rebase_plan(
    tx: &DatabaseTransaction,
    app: &App,
    seen: &Plan,
    planned: Planned,
) -> Result<(), Problem> {
    let Planned { proposal, how, .. } = planned;
    StationLock::take(tx, proposal.station).await?;
    let held = waiting(tx, seen.id).await?;
    if held != (seen.base, seen.effective_from.0, seen.state) {
        let detail = "The plan was based anew or flagged meanwhile; nothing was overwritten. \
                      Look again.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let changes = on_base(tx, app, &proposal, &how).await?;
    let anew = territory_plan::ActiveModel {
        base_version: Set(proposal.base),
        effective_from: Set(proposal.effective_from.0),
        content: Set(Stored::text(&proposal.content, &how)?),
        changes: Set(changes),
        state: Set(PlanState::Planned.as_str().to_owned()),
        flaw: Set(String::new()),
        ..territory_plan::ActiveModel::default()
    };
    update(tx, seen.id, anew).await?;
    raise(tx, proposal.station, app.now()).await
}

/// Cancels a plan that waits.
///
/// # Errors
/// `territory.plan_ended` when it does not wait any more, or a problem of the database.
pub async fn cancel_plan(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
    by: PersonId,
) -> Result<(), Problem> {
    StationLock::take(tx, station).await?;
    waiting(tx, id).await?;
    let ended = territory_plan::ActiveModel {
        state: Set(PlanState::Cancelled.as_str().to_owned()),
        ended_at: Set(Some(app.now().0)),
        ended_by: Set(Some(by.0)),
        ..territory_plan::ActiveModel::default()
    };
    update(tx, id, ended).await
}

/// Changes what is set, without reading the plan.
async fn update(
    tx: &DatabaseTransaction,
    id: Uuid,
    changed: territory_plan::ActiveModel,
) -> Result<(), Problem> {
    territory_plan::Entity::update_many()
        .set(changed)
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The base, the moment and the state of a plan that waits, read under the station's lock.
async fn waiting(tx: &DatabaseTransaction, id: Uuid) -> Result<(i64, i64, PlanState), Problem> {
    let row: Option<(i64, i64, String)> = territory_plan::Entity::find_by_id(id)
        .select_only()
        .columns([Column::BaseVersion, Column::EffectiveFrom, Column::State])
        .into_tuple()
        .one(tx)
        .await?;
    let (base, from, state) = row.ok_or_else(Problem::not_found)?;
    let state = PlanState::stored(&state)?;
    if WAITS.contains(&state) {
        return Ok((base, from, state));
    }
    let detail = format!("The plan is {} already.", state.as_str());
    Err(Problem::new(Code::TerritoryPlanEnded, detail))
}
