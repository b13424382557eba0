//! How plans stand, without the territory that each of them holds.

use super::{Column, MOST, PlanState};
use crate::{
    edge::Problem,
    territory::{changes::Changes, rows::territory_plan, store::history::names},
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use uuid::Uuid;

/// A planned version without what it says and without its edits.
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
    /// Whether there are edits by which it can be worked out anew ([`edits_of`]).
    pub by_edits: bool,
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

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    station_id: Uuid,
    base_version: i64,
    effective_from: i64,
    author: Uuid,
    reason: String,
    made_at: i64,
    by_edits: bool,
    changes: String,
    undoes: Option<i64>,
    state: String,
    flaw: String,
    ended_at: Option<i64>,
    version: Option<i64>,
}

/// The plans of a station that stand in one of these ways, the latest moment first, at most 200;
/// of all when none is given.
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
    let found = territory_plan::Entity::find()
        .filter(condition)
        .order_by_desc(Column::EffectiveFrom)
        .order_by_desc(Column::Id)
        .limit(MOST);
    heads(db, found).await
}

/// One plan.
///
/// # Errors
/// `not_found`, or as [`plans`].
pub async fn plan_of<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Plan, Problem> {
    let found = territory_plan::Entity::find_by_id(id);
    let plan = heads(db, found).await?.pop();
    plan.ok_or_else(Problem::not_found)
}

/// The edits by which a plan can be worked out anew, as JSON; empty when there are none. They
/// stay as they were when it was made.
///
/// # Errors
/// `not_found`, or a problem of the database.
pub async fn edits_of<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<String, Problem> {
    let edits: Option<String> = territory_plan::Entity::find_by_id(id)
        .select_only()
        .column(Column::Edits)
        .into_tuple()
        .one(db)
        .await?;
    edits.ok_or_else(Problem::not_found)
}

async fn heads<C: ConnectionTrait>(
    db: &C,
    found: Select<territory_plan::Entity>,
) -> Result<Vec<Plan>, Problem> {
    let rows: Vec<Row> = found
        .select_only()
        .columns([
            Column::Id,
            Column::StationId,
            Column::BaseVersion,
            Column::EffectiveFrom,
            Column::Author,
            Column::Reason,
            Column::MadeAt,
            Column::Changes,
            Column::Undoes,
            Column::State,
            Column::Flaw,
            Column::EndedAt,
            Column::Version,
        ])
        .column_as(Column::Edits.ne(""), "by_edits")
        .into_model()
        .all(db)
        .await?;
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
                by_edits: row.by_edits,
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
