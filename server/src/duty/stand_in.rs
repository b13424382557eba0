//! What dispatch asks at one moment: who is on duty by the tables, and who covers a cell.

use super::{
    rows::{duty_shift, duty_table, leave_cover},
    table::{DutyKind, store::shift_of},
};
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A shift that runs, as it is kept with a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OnDuty {
    /// Who.
    pub person: PersonId,
    /// The unit whose table it is.
    pub unit: OrgId,
    /// The table's name.
    pub table: String,
    /// What for.
    pub kind: DutyKind,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when.
    pub until_at: UnixMillis,
}

/// Who stands in for A and B at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandIns {
    /// The shifts that run in the tables of the station: holidays before weekends before
    /// nights, the earlier begun first.
    pub duty: Vec<OnDuty>,
    /// Who covers the cell.
    pub covers: Vec<PersonId>,
}

/// Who stands in, in a station and for a cell of it, if there is one.
///
/// # Errors
/// A problem of the database.
pub async fn at<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    cell: Option<CellId>,
    now: UnixMillis,
) -> Result<StandIns, Problem> {
    let covers = match cell {
        Some(cell) => covers(db, cell, now).await?,
        None => Vec::new(),
    };
    let duty = on_duty(db, station, now).await?;
    Ok(StandIns { duty, covers })
}

async fn on_duty<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    now: UnixMillis,
) -> Result<Vec<OnDuty>, Problem> {
    use duty_shift::Column;
    let rows = duty_shift::Entity::find()
        .filter(Column::StationId.eq(station.0))
        .filter(Column::UntilAt.gt(now.0))
        .filter(Column::FromAt.lte(now.0))
        .order_by_asc(Column::FromAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tables = duty_table::Entity::find()
        .filter(duty_table::Column::StationId.eq(station.0))
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = tables
        .into_iter()
        .map(|row| (row.unit_id, row.name))
        .collect();
    let mut running = Vec::with_capacity(rows.len());
    for row in rows {
        let shift = shift_of(&row)?;
        running.push(OnDuty {
            person: shift.person,
            unit: OrgId(row.unit_id),
            table: names.get(&row.unit_id).cloned().unwrap_or_default(),
            kind: shift.kind,
            from_at: shift.from_at,
            until_at: shift.until_at,
        });
    }
    running.sort_by_key(|shift| std::cmp::Reverse(shift.kind));
    Ok(running)
}

/// Who covers a cell now, in the order in which they were named.
///
/// # Errors
/// A problem of the database.
pub async fn covers<C: ConnectionTrait>(
    db: &C,
    cell: CellId,
    now: UnixMillis,
) -> Result<Vec<PersonId>, Problem> {
    use leave_cover::Column;
    let not_over = Condition::any()
        .add(Column::UntilAt.is_null())
        .add(Column::UntilAt.gt(now.0));
    let rows = leave_cover::Entity::find()
        .filter(Column::CellId.eq(cell.0))
        .filter(Column::FromAt.lte(now.0))
        .filter(not_over)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| PersonId(row.person_id))
        .collect())
}
