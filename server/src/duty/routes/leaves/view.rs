//! Leaves as they are shown.

use crate::{
    duty::{
        leave::{Cover, LeaveKind, LeaveState, rule::LeftAlone, store},
        rows::leave,
    },
    edge::Problem,
    people::rows::person,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who covers a cell.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CoverView {
    /// The cell.
    pub cell: CellId,
    /// Who.
    pub person: PersonId,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when; open if absent.
    pub until_at: Option<UnixMillis>,
}

/// A leave.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeaveView {
    /// Its id.
    pub id: Uuid,
    /// The station.
    pub station: OrgId,
    /// Who is, was or will be away.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// Whether it was foreseen.
    pub kind: LeaveKind,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when; open if absent.
    pub until_at: Option<UnixMillis>,
    /// Why.
    pub reason: String,
    /// How it stands.
    pub state: LeaveState,
    /// Who asked.
    pub asked_by: PersonId,
    /// When.
    pub asked_at: UnixMillis,
    /// Who decided.
    pub decided_by: Option<PersonId>,
    /// When.
    pub decided_at: Option<UnixMillis>,
    /// Why so.
    pub decision: Option<String>,
    /// When its beginning was acted upon: later than `from_at` by as much as no server ran.
    pub begun_at: Option<UnixMillis>,
    /// When its end was acted upon.
    pub ended_at: Option<UnixMillis>,
    /// Until when the written statement is due.
    pub statement_due: Option<UnixMillis>,
    /// The written statement.
    pub statement: Option<String>,
    /// When it came.
    pub statement_at: Option<UnixMillis>,
    /// Whether it is due and has not come.
    pub statement_overdue: bool,
    /// Who covers which cells.
    pub covers: Vec<CoverView>,
    /// Of a request: the cells that would be left without A, B and cover.
    pub left_alone: Vec<LeftAlone>,
}

/// A page of leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeaveList {
    /// The newest first.
    pub leaves: Vec<LeaveView>,
    /// Where the next page begins; absent on the last.
    pub after: Option<Uuid>,
}

/// Leaves as they are shown, with names and covers.
pub(super) async fn views<C: ConnectionTrait>(
    db: &C,
    rows: Vec<leave::Model>,
    now: UnixMillis,
) -> Result<Vec<LeaveView>, Problem> {
    let people: BTreeSet<Uuid> = rows.iter().map(|row| row.person_id).collect();
    let named = person::Entity::find()
        .filter(person::Column::Id.is_in(people))
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = named.into_iter().map(|row| (row.id, row.name)).collect();
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let covers = store::covers_of(db, &row).await?;
        let name = names.get(&row.person_id).cloned().unwrap_or_default();
        views.push(view(row, name, covers.iter().map(store::cover_of), now)?);
    }
    Ok(views)
}

fn view(
    row: leave::Model,
    name: String,
    covers: impl Iterator<Item = Cover>,
    now: UnixMillis,
) -> Result<LeaveView, Problem> {
    let overdue = row.statement.is_none() && row.statement_due.is_some_and(|due| due <= now.0);
    let covers = covers.map(|cover| CoverView {
        cell: cover.cell,
        person: cover.person,
        from_at: cover.time.from,
        until_at: cover.time.until,
    });
    Ok(LeaveView {
        id: row.id,
        station: OrgId(row.station_id),
        person: PersonId(row.person_id),
        name,
        kind: store::kind_of(&row)?,
        from_at: UnixMillis(row.from_at),
        until_at: row.until_at.map(UnixMillis),
        state: store::state_of(&row)?,
        reason: row.reason,
        asked_by: PersonId(row.asked_by),
        asked_at: UnixMillis(row.asked_at),
        decided_by: row.decided_by.map(PersonId),
        decided_at: row.decided_at.map(UnixMillis),
        decision: row.decision,
        begun_at: row.begun_at.map(UnixMillis),
        ended_at: row.ended_at.map(UnixMillis),
        statement_due: row.statement_due.map(UnixMillis),
        statement: row.statement,
        statement_at: row.statement_at.map(UnixMillis),
        statement_overdue: overdue,
        covers: covers.collect(),
        left_alone: Vec::new(),
    })
}

pub(super) async fn one<C: ConnectionTrait>(
    db: &C,
    row: leave::Model,
    now: UnixMillis,
) -> Result<LeaveView, Problem> {
    let alone = match store::state_of(&row)? {
        LeaveState::Requested => store::would_leave_alone(db, &row).await?,
        _ => Vec::new(),
    };
    let mut views = views(db, vec![row], now).await?;
    let mut view = views.pop().ok_or_else(Problem::not_found)?;
    view.left_alone = alone;
    Ok(view)
}
