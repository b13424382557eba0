//! Plans come into force at their moment, or become stale.

use super::{Column, MOST, PlanState, Stored};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Permission, Role,
        audit::{self, Outcome, Who},
        reach,
        rows::person,
    },
    territory::{
        changes::Changes,
        rows::territory_plan,
        store::{Accepted, How, Proposal, accept_as},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

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
                territory_plan::Entity::update_many()
                    .col_expr(Column::State, Expr::value(PlanState::Stale.as_str()))
                    .col_expr(Column::Flaw, Expr::value(why))
                    .filter(Column::Id.eq(id))
                    .filter(Column::State.eq(PlanState::Planned.as_str()))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Marks the plans of a station that were worked out from a version before this one.
pub(in crate::territory::store) async fn base_is_gone(
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
