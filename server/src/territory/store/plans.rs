//! Versions that count from a later day: made, listed, put in force at their moment, cancelled.
//!
//! A plan is worked out from a version of the territory and holds all that it shall say. When
//! its moment has come, whichever process looks first puts it in force, under the station's
//! lock, so that it happens once. A plan whose base is no more is neither dropped nor put in
//! force: it is stale, with the reason, until people base it anew on what is there, or cancel
//! it.

use super::{Accepted, How, Proposal, accept_as, current_version, history::names, what_came};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Permission, Role,
        audit::{self, Outcome, Who},
        reach,
        rows::person,
    },
    territory::{changes::Changes, content::Content, rows::territory_plan},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use territory_plan::Column;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most plans of one list.
const MOST: u64 = 200;
/// Most plans of a station that wait at one time.
const WAITING: u64 = 20;

/// How a planned version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for its moment.
    Planned,
    /// The territory changed meanwhile, or it could not be put in force: it waits for people.
    Stale,
    /// It came into force.
    InForce,
    /// It was cancelled.
    Cancelled,
}

impl PlanState {
    const ALL: [Self; 4] = [Self::Planned, Self::Stale, Self::InForce, Self::Cancelled];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Stale => "stale",
            Self::InForce => "in_force",
            Self::Cancelled => "cancelled",
        }
    }

    fn stored(text: &str) -> Result<Self, Problem> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Problem::internal(format!("no state {text:?} of a plan")))
    }
}

/// A version that is to be planned.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What it shall say, and from when.
    pub proposal: Proposal,
    /// How it comes about.
    pub how: How,
    /// The edits by which it can be worked out anew, as JSON; empty when there are none.
    pub edits: String,
}

/// A planned version without what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Its id.
    pub id: Uuid,
    /// The station.
    pub station: OrgId,
    /// The version that it was worked out from.
    pub base: i64,
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
    /// The edits by which it can be worked out anew, as JSON; empty when there are none.
    pub edits: String,
    /// What it would change.
    pub changes: Changes,
    /// The version that it undoes.
    pub undoes: Option<i64>,
    /// How it stands.
    pub state: PlanState,
    /// Why it is stale.
    pub flaw: String,
    /// When it came into force or was cancelled.
    pub ended_at: Option<UnixMillis>,
    /// The version that it became.
    pub version: Option<i64>,
}

/// All that a plan says, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    content: Content,
    revived: BTreeMap<String, CellId>,
    heirs: BTreeMap<String, String>,
}

impl Stored {
    fn text(content: &Content, how: &How) -> Result<String, Problem> {
        let stored = Self {
            content: content.clone(),
            revived: how.revived.clone(),
            heirs: how.heirs.clone(),
        };
        serde_json::to_string(&stored).map_err(Problem::internal)
    }
}

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
    let waiting = plans(
        tx,
        proposal.station,
        &[PlanState::Planned, PlanState::Stale],
    )
    .await?;
    if waiting.len() as u64 >= WAITING {
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
    super::raise(tx, station).await?;
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
    let changes = super::would_change(tx, app, proposal.station, &proposal.content, how).await?;
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
    let row = waiting(tx, seen.id).await?;
    let held = (row.base_version, row.effective_from, row.state.as_str());
    if held != (seen.base, seen.effective_from.0, seen.state.as_str()) {
        let detail = "The plan was based anew or flagged meanwhile; nothing was overwritten. \
                      Look again.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let changes = on_base(tx, app, &proposal, &how).await?;
    let mut changed = row.into_active_model();
    changed.base_version = Set(proposal.base);
    changed.effective_from = Set(proposal.effective_from.0);
    changed.content = Set(Stored::text(&proposal.content, &how)?);
    changed.changes = Set(changes);
    changed.state = Set(PlanState::Planned.as_str().to_owned());
    changed.flaw = Set(String::new());
    territory_plan::Entity::update(changed).exec(tx).await?;
    super::raise(tx, proposal.station).await
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
    let row = waiting(tx, id).await?;
    let mut ended = row.into_active_model();
    ended.state = Set(PlanState::Cancelled.as_str().to_owned());
    ended.ended_at = Set(Some(app.now().0));
    ended.ended_by = Set(Some(by.0));
    territory_plan::Entity::update(ended).exec(tx).await?;
    Ok(())
}

/// A plan that waits, read under the station's lock.
async fn waiting(tx: &DatabaseTransaction, id: Uuid) -> Result<territory_plan::Model, Problem> {
    let row = territory_plan::Entity::find_by_id(id)
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    match PlanState::stored(&row.state)? {
        PlanState::Planned | PlanState::Stale => Ok(row),
        PlanState::InForce | PlanState::Cancelled => {
            let detail = format!("The plan is {} already.", row.state);
            Err(Problem::new(Code::TerritoryPlanEnded, detail))
        }
    }
}

/// The next moment at which a plan is due.
///
/// # Errors
/// A problem of the database.
pub async fn next_plan<C: ConnectionTrait>(db: &C) -> Result<Option<UnixMillis>, Problem> {
    let first: Option<i64> = territory_plan::Entity::find()
        .select_only()
        .column(Column::EffectiveFrom)
        .filter(Column::State.eq(PlanState::Planned.as_str()))
        .order_by_asc(Column::EffectiveFrom)
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.map(UnixMillis))
}

/// Puts every plan in force whose moment has come, each once, whichever process comes first;
/// gives what came into force. What cannot be put in force is stale from then on; where the
/// database cannot be reached or is full, it is logged and the next look tries again. One plan
/// never holds up another.
///
/// # Errors
/// A problem of the database while looking which are due.
pub async fn put_in_force(app: &App) -> Result<Vec<(OrgId, Accepted)>, Problem> {
    let due: Vec<(Uuid, Uuid)> = territory_plan::Entity::find()
        .select_only()
        .columns([Column::Id, Column::StationId])
        .filter(Column::State.eq(PlanState::Planned.as_str()))
        .filter(Column::EffectiveFrom.lte(app.now().0))
        .order_by_asc(Column::EffectiveFrom)
        .order_by_asc(Column::Id)
        .limit(MOST)
        .into_tuple()
        .all(app.store.read())
        .await?;
    let mut came = Vec::new();
    for (id, station) in due {
        let station = OrgId(station);
        match put_one(app, station, id).await {
            Ok(accepted) => came.extend(accepted.map(|accepted| (station, accepted))),
            Err(problem) if matches!(problem.code.status(), 503 | 507) => {
                tracing::warn!(%station, plan = %id, %problem, "a planned version has to wait");
            }
            Err(problem) => {
                if let Err(problem) = flaw(app, station, id, problem.detail).await {
                    tracing::warn!(%station, plan = %id, %problem, "the plan was not marked");
                }
            }
        }
    }
    Ok(came)
}

async fn put_one(app: &App, station: OrgId, id: Uuid) -> Result<Option<Accepted>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                StationLock::take(tx, station).await?;
                let Some(row) = still_planned(tx, id).await? else {
                    return Ok(None);
                };
                let author = still_may(tx, station, row.author, state.now()).await?;
                let stored: Stored =
                    serde_json::from_str(&row.content).map_err(Problem::internal)?;
                let changes = Changes::stored(&row.changes)?;
                let how = How {
                    kind: changes.kind,
                    said: changes.said,
                    undoes: row.undoes,
                    revived: stored.revived,
                    heirs: stored.heirs,
                };
                let proposal = Proposal {
                    station,
                    base: row.base_version,
                    content: stored.content,
                    effective_from: UnixMillis(row.effective_from),
                    author: PersonId(row.author),
                    reason: row.reason.clone(),
                };
                // Before the version comes, which marks the plans of its base.
                let version = proposal.base + 1;
                let mut ended = row.into_active_model();
                ended.state = Set(PlanState::InForce.as_str().to_owned());
                ended.ended_at = Set(Some(state.now().0));
                ended.ended_by = Set(Some(Uuid::nil()));
                ended.version = Set(Some(version));
                territory_plan::Entity::update(ended).exec(tx).await?;
                let accepted = accept_as(tx, &state, proposal, &how).await?;
                let action = "territory.changed";
                audit::record(tx, &state, author, action, station, Outcome::Done).await?;
                Ok(Some(accepted))
            })
        })
        .await
}

/// Who planned a version, if he still may change the territory of the station.
async fn still_may(
    tx: &DatabaseTransaction,
    station: OrgId,
    author: Uuid,
    now: UnixMillis,
) -> Result<Who, Problem> {
    let no_more = || {
        let detail = "who planned it may not change this territory any more; cancel it and plan \
                      it anew";
        Problem::new(Code::AuthForbidden, detail)
    };
    let found = person::Entity::find_by_id(author).one(tx).await?;
    let person = found.ok_or_else(no_more)?;
    let role: Role = person.role.parse().map_err(Problem::internal)?;
    let org = OrgId(person.org_id);
    let tree = reach::around(tx, org).await?;
    let scope = reach::scope(&tree, PersonId(author), role, org, now);
    let may = Permission::ManageTerritory.allowed_to(role) && scope.has_station(station);
    if person.disabled_at.is_some() || !may {
        return Err(no_more());
    }
    Ok(Who {
        person: Some(PersonId(author)),
        station: tree.station_of(org),
    })
}

/// The plan if it is still to be put in force, read under the station's lock.
async fn still_planned(
    tx: &DatabaseTransaction,
    id: Uuid,
) -> Result<Option<territory_plan::Model>, Problem> {
    Ok(territory_plan::Entity::find_by_id(id)
        .filter(Column::State.eq(PlanState::Planned.as_str()))
        .one(tx)
        .await?)
}

/// Marks a plan that could not be put in force.
async fn flaw(app: &App, station: OrgId, id: Uuid, why: String) -> Result<(), Problem> {
    tracing::warn!(%station, plan = %id, why, "a planned version could not be put in force");
    app.store
        .write(move |tx| {
            Box::pin(async move {
                StationLock::take(tx, station).await?;
                if let Some(row) = still_planned(tx, id).await? {
                    let mut stale = row.into_active_model();
                    stale.state = Set(PlanState::Stale.as_str().to_owned());
                    stale.flaw = Set(why);
                    territory_plan::Entity::update(stale).exec(tx).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Marks the plans of a station that were worked out from a version before this one.
pub(super) async fn base_is_gone(
    tx: &DatabaseTransaction,
    station: OrgId,
    version: i64,
) -> Result<(), Problem> {
    let flaw = format!("version {version} came into force meanwhile");
    territory_plan::Entity::update_many()
        .col_expr(Column::State, Expr::value(PlanState::Stale.as_str()))
        .col_expr(Column::Flaw, Expr::value(flaw))
        .filter(Column::StationId.eq(station.0))
        .filter(Column::State.eq(PlanState::Planned.as_str()))
        .filter(Column::BaseVersion.lt(version))
        .exec(tx)
        .await?;
    Ok(())
}

/// The plans of a station that stand in one of these ways, by their moment; of all when none
/// is given.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub async fn plans<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    states: &[PlanState],
) -> Result<Vec<Plan>, Problem> {
    let mut condition = Condition::all().add(Column::StationId.eq(station.0));
    if !states.is_empty() {
        condition = condition.add(Column::State.is_in(states.iter().map(|state| state.as_str())));
    }
    let rows = territory_plan::Entity::find()
        .filter(condition)
        .order_by_desc(Column::EffectiveFrom)
        .order_by_desc(Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    named(db, rows).await
}

/// One plan.
///
/// # Errors
/// `not_found`, or as [`plans`].
pub async fn plan_of<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Plan, Problem> {
    let row = territory_plan::Entity::find_by_id(id).one(db).await?;
    let mut plans = named(db, row.into_iter().collect()).await?;
    plans.pop().ok_or_else(Problem::not_found)
}

async fn named<C: ConnectionTrait>(
    db: &C,
    rows: Vec<territory_plan::Model>,
) -> Result<Vec<Plan>, Problem> {
    let names = names(db, rows.iter().map(|row| row.author)).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Plan {
                id: row.id,
                station: OrgId(row.station_id),
                base: row.base_version,
                effective_from: UnixMillis(row.effective_from),
                author: PersonId(row.author),
                author_name: names.get(&row.author).cloned().unwrap_or_default(),
                reason: row.reason,
                made_at: UnixMillis(row.made_at),
                edits: row.edits,
                changes: Changes::stored(&row.changes)?,
                undoes: row.undoes,
                state: PlanState::stored(&row.state)?,
                flaw: row.flaw,
                ended_at: row.ended_at.map(UnixMillis),
                version: row.version,
            })
        })
        .collect()
}
