//! What is known of a station's orders and managers when its territory is to be split.

use super::{CellDetail, NamedManager};
use crate::{
    edge::Problem,
    orders::rows::service_order,
    people::rows::person,
    territory::{
        preview::{Known, ManagerAt, Workload},
        rows::station_area,
    },
};
use gridcrew_sync_protocol::{ids::OrgId, position::Wgs84, time::UnixMillis};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A year in milliseconds, leap days apart.
const YEAR: i64 = 365 * 86_400_000;

/// Orders by station area, and where A and B of the cells set out from.
///
/// # Errors
/// A problem of the database.
pub async fn known<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    cells: &[CellDetail],
    now: UnixMillis,
) -> Result<Known, Problem> {
    use service_order::Column;
    let since = Column::AcceptedAt.gte(now.0.saturating_sub(YEAR));
    let accepted = counts(db, station, Condition::all().add(since)).await?;
    let open = Column::Status.is_in(["routed", "taken", "working"]);
    let open = counts(db, station, Condition::all().add(open)).await?;
    let areas: Vec<(Uuid, String)> = station_area::Entity::find()
        .select_only()
        .column(station_area::Column::Id)
        .column(station_area::Column::Code)
        .filter(station_area::Column::StationId.eq(station.0))
        .into_tuple()
        .all(db)
        .await?;
    let workload = |(id, code): (Uuid, String)| {
        let load = Workload {
            orders: accepted.get(&id).copied().unwrap_or(0),
            open: open.get(&id).copied().unwrap_or(0),
        };
        (code, load)
    };
    let bases = bases(db, cells).await?;
    let at = |manager: &NamedManager| ManagerAt {
        person: manager.person,
        name: manager.name.clone(),
        base: bases.get(&manager.person.0).copied(),
    };
    let pair = |cell: &CellDetail| {
        let both = [&cell.role_a, &cell.role_b];
        (cell.code.clone(), both.map(|role| role.as_ref().map(at)))
    };
    Ok(Known {
        outlines: HashMap::new(),
        workloads: areas.into_iter().map(workload).collect(),
        managers: cells.iter().map(pair).collect(),
    })
}

/// How many orders of each station area meet a condition.
async fn counts<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    condition: Condition,
) -> Result<HashMap<Uuid, u32>, Problem> {
    use service_order::Column;
    let counts: Vec<(Uuid, i64)> = service_order::Entity::find()
        .select_only()
        .column(Column::StationAreaId)
        .column_as(Column::Id.count(), "orders")
        .filter(Column::StationId.eq(station.0))
        .filter(Column::StationAreaId.is_not_null())
        .filter(condition)
        .group_by(Column::StationAreaId)
        .into_tuple()
        .all(db)
        .await?;
    let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(counts
        .into_iter()
        .map(|(area, count)| (area, small(count)))
        .collect())
}

/// The bases of A and B of cells.
async fn bases<C: ConnectionTrait>(
    db: &C,
    cells: &[CellDetail],
) -> Result<HashMap<Uuid, Wgs84>, Problem> {
    let roles = cells.iter().flat_map(|cell| [&cell.role_a, &cell.role_b]);
    let people: BTreeSet<Uuid> = roles.flatten().map(|manager| manager.person.0).collect();
    let people: Vec<Uuid> = people.into_iter().collect();
    let mut bases = HashMap::new();
    for chunk in people.chunks(super::CHUNK) {
        let rows: Vec<(Uuid, Option<f64>, Option<f64>)> = person::Entity::find()
            .select_only()
            .column(person::Column::Id)
            .column(person::Column::BaseLon)
            .column(person::Column::BaseLat)
            .filter(person::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        bases.extend(
            rows.into_iter()
                .filter_map(|(id, lon, lat)| Some((id, Wgs84::new(lon?, lat?).ok()?))),
        );
    }
    Ok(bases)
}
