//! Reading what is stored of territories, for answers and for the rules.

use super::{CHUNK, version::class_of};
use crate::{
    edge::Problem,
    people::{
        Scope,
        rows::{org_unit, person},
        tree::UnitKind,
    },
    store::Store,
    territory::{
        content::{AreaContent, CellContent, Content},
        marks,
        rows::{cell, cell_role, feeder, station_area, territory, territory_change},
        shape::Shape,
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    position::Wgs84,
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// A station and how far its territory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationSummary {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: String,
    /// The version of its territory, if it has one.
    pub version: Option<i64>,
    /// How many cells it has.
    pub cells: i64,
}

/// A manager by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedManager {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
}

/// A cell with who answers for it and what is in it, without its outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellDetail {
    /// Its id.
    pub id: CellId,
    /// Its station.
    pub station: OrgId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Who is A now.
    pub role_a: Option<NamedManager>,
    /// Who is B now.
    pub role_b: Option<NamedManager>,
    /// How many station areas it has.
    pub station_areas: u32,
    /// How many customers these supply.
    pub customers: u64,
}

/// The present version of a territory.
#[derive(Clone, Debug)]
pub struct StoredTerritory {
    /// The version.
    pub version: i64,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// Why it was made.
    pub reason: String,
    /// What it says.
    pub content: Content,
    /// The cells in the order of the content's.
    pub cells: Vec<CellDetail>,
}

/// How far the mark of all changes has moved on.
///
/// # Errors
/// A problem of the database.
pub async fn current_change<C: ConnectionTrait>(db: &C) -> Result<i64, Problem> {
    let row = territory_change::Entity::find_by_id(marks::ALL)
        .one(db)
        .await?;
    Ok(row.map_or(0, |row| row.change))
}

/// The version of a station's territory, 0 when it has none.
///
/// # Errors
/// A problem of the database.
pub async fn current_version<C: ConnectionTrait>(db: &C, station: OrgId) -> Result<i64, Problem> {
    let version: Option<i64> = territory::Entity::find()
        .select_only()
        .column(territory::Column::Version)
        .filter(territory::Column::StationId.eq(station.0))
        .order_by_desc(territory::Column::Version)
        .into_tuple()
        .one(db)
        .await?;
    Ok(version.unwrap_or(0))
}

/// The stations in scope, by code.
///
/// # Errors
/// A problem of the database.
pub async fn stations<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
) -> Result<Vec<StationSummary>, Problem> {
    let units = org_unit::Entity::find()
        .filter(scope.units())
        .filter(org_unit::Column::Kind.eq(UnitKind::Station.as_str()))
        .order_by_asc(org_unit::Column::Code)
        .order_by_asc(org_unit::Column::Id)
        .all(db)
        .await?;
    let versions: Vec<(Uuid, i64)> = territory::Entity::find()
        .select_only()
        .column(territory::Column::StationId)
        .column_as(territory::Column::Version.max(), "latest")
        .filter(scope.of_stations("territory"))
        .group_by(territory::Column::StationId)
        .into_tuple()
        .all(db)
        .await?;
    let cells: Vec<(Uuid, i64)> = cell::Entity::find()
        .select_only()
        .column(cell::Column::StationId)
        .column_as(cell::Column::Id.count(), "cells")
        .filter(scope.of_stations("cell"))
        .filter(cell::Column::UntilVersion.is_null())
        .group_by(cell::Column::StationId)
        .into_tuple()
        .all(db)
        .await?;
    let (versions, cells): (HashMap<_, _>, HashMap<_, _>) =
        (versions.into_iter().collect(), cells.into_iter().collect());
    Ok(units
        .into_iter()
        .map(|unit| StationSummary {
            id: OrgId(unit.id),
            version: versions.get(&unit.id).copied(),
            cells: cells.get(&unit.id).copied().unwrap_or(0),
            name: unit.name,
            code: unit.code,
        })
        .collect())
}

/// The present cells that meet a condition on `cell`, in the order of their ids, at most so
/// many.
///
/// # Errors
/// A problem of the database.
pub async fn cells<C: ConnectionTrait>(
    db: &C,
    condition: Condition,
    limit: Option<u64>,
    now: UnixMillis,
) -> Result<Vec<CellDetail>, Problem> {
    let present = Condition::all()
        .add(condition)
        .add(cell::Column::UntilVersion.is_null());
    cells_ever(db, present, limit, now).await
}

/// As [`cells`], also of those that are no more. These have nobody and nothing in them.
///
/// # Errors
/// A problem of the database.
pub async fn cells_ever<C: ConnectionTrait>(
    db: &C,
    condition: Condition,
    limit: Option<u64>,
    now: UnixMillis,
) -> Result<Vec<CellDetail>, Problem> {
    let rows: Vec<(Uuid, Uuid, String, String)> = cell::Entity::find()
        .select_only()
        .column(cell::Column::Id)
        .column(cell::Column::StationId)
        .column(cell::Column::Code)
        .column(cell::Column::Name)
        .filter(condition)
        .order_by_asc(cell::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let mut details = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(CHUNK) {
        let ids: Vec<Uuid> = chunk.iter().map(|row| row.0).collect();
        let mut managers = managers(db, &ids, now).await?;
        let loads = loads(db, &ids).await?;
        details.extend(chunk.iter().map(|(id, station, code, name)| {
            let (station_areas, customers) = loads.get(id).copied().unwrap_or_default();
            let [role_a, role_b] = managers.remove(id).unwrap_or_default();
            CellDetail {
                id: CellId(*id),
                station: OrgId(*station),
                code: code.clone(),
                name: name.clone(),
                role_a,
                role_b,
                station_areas,
                customers,
            }
        }));
    }
    Ok(details)
}

/// A and B of cells at a moment, by cell.
pub(super) async fn managers<C: ConnectionTrait>(
    db: &C,
    cells: &[Uuid],
    now: UnixMillis,
) -> Result<HashMap<Uuid, [Option<NamedManager>; 2]>, Problem> {
    let running = cell_role::Column::ValidUntil
        .is_null()
        .or(cell_role::Column::ValidUntil.gt(now.0));
    let terms = cell_role::Entity::find()
        .filter(cell_role::Column::CellId.is_in(cells.iter().copied()))
        .filter(cell_role::Column::ValidFrom.lte(now.0))
        .filter(running)
        .order_by_asc(cell_role::Column::ValidFrom)
        .all(db)
        .await?;
    let people: BTreeSet<Uuid> = terms.iter().map(|term| term.person_id).collect();
    let names: Vec<(Uuid, String)> = person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .column(person::Column::Name)
        .filter(person::Column::Id.is_in(people))
        .into_tuple()
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = names.into_iter().collect();
    let mut managers: HashMap<Uuid, [Option<NamedManager>; 2]> = HashMap::new();
    for term in terms {
        let place = usize::from(term.role != "A");
        managers.entry(term.cell_id).or_default()[place] = Some(NamedManager {
            person: PersonId(term.person_id),
            name: names.get(&term.person_id).cloned().unwrap_or_default(),
        });
    }
    Ok(managers)
}

/// How many station areas and customers cells have, by cell.
async fn loads<C: ConnectionTrait>(
    db: &C,
    cells: &[Uuid],
) -> Result<HashMap<Uuid, (u32, u64)>, Problem> {
    let areas: Vec<(Uuid, i64)> = station_area::Entity::find()
        .select_only()
        .column(station_area::Column::CellId)
        .column(station_area::Column::Customers)
        .filter(station_area::Column::CellId.is_in(cells.iter().copied()))
        .into_tuple()
        .all(db)
        .await?;
    let mut loads: HashMap<Uuid, (u32, u64)> = HashMap::new();
    for (cell, customers) in areas {
        let load = loads.entry(cell).or_default();
        load.0 += 1;
        load.1 += u64::try_from(customers).unwrap_or(0);
    }
    Ok(loads)
}

/// The present territory of a station, all of one moment; `None` when it has none yet.
///
/// # Errors
/// A problem of the database, or `internal` when a stored outline cannot be read.
pub async fn whole_territory(
    store: &Store,
    station: OrgId,
    now: UnixMillis,
) -> Result<Option<StoredTerritory>, Problem> {
    store
        .snapshot(move |tx| Box::pin(async move { territory(tx, station, now).await }))
        .await
}

/// What the newest version says of itself and of its boundary.
#[derive(FromQueryResult)]
struct Head {
    version: i64,
    boundary: String,
    effective_from: i64,
    reason: String,
}

/// As [`whole_territory`], for who reads more at the same moment: several tables are read one
/// after the other, so `db` should be a [`Store::snapshot`], or a transaction that holds the
/// station's lock.
///
/// # Errors
/// As [`whole_territory`].
pub async fn territory<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    now: UnixMillis,
) -> Result<Option<StoredTerritory>, Problem> {
    use territory::Column;
    let head = territory::Entity::find()
        .select_only()
        .columns([
            Column::Version,
            Column::Boundary,
            Column::EffectiveFrom,
            Column::Reason,
        ])
        .filter(Column::StationId.eq(station.0))
        .order_by_desc(Column::Version)
        .into_model::<Head>()
        .one(db)
        .await?;
    let Some(head) = head else {
        return Ok(None);
    };
    let of_station = Condition::all().add(cell::Column::StationId.eq(station.0));
    let cells = cells(db, of_station, None, now).await?;
    let outlines: Vec<(Uuid, String)> = cell::Entity::find()
        .select_only()
        .column(cell::Column::Id)
        .column(cell::Column::Geometry)
        .filter(cell::Column::StationId.eq(station.0))
        .filter(cell::Column::UntilVersion.is_null())
        .into_tuple()
        .all(db)
        .await?;
    let outlines: HashMap<Uuid, String> = outlines.into_iter().collect();
    let content = Content {
        boundary: outline(&head.boundary)?,
        station_areas: areas(db, station, &cells).await?,
        cells: cells
            .iter()
            .map(|cell| {
                let text = outlines.get(&cell.id.0).map_or("", String::as_str);
                Ok(CellContent {
                    code: cell.code.clone(),
                    name: cell.name.clone(),
                    outline: outline(text)?,
                })
            })
            .collect::<Result<_, Problem>>()?,
    };
    Ok(Some(StoredTerritory {
        version: head.version,
        effective_from: UnixMillis(head.effective_from),
        reason: head.reason,
        content,
        cells,
    }))
}

async fn areas<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    cells: &[CellDetail],
) -> Result<Vec<AreaContent>, Problem> {
    let codes: BTreeMap<Uuid, &str> = cells.iter().map(|c| (c.id.0, c.code.as_str())).collect();
    let feeders: HashMap<Uuid, String> = feeder::Entity::find()
        .filter(feeder::Column::StationId.eq(station.0))
        .all(db)
        .await?
        .into_iter()
        .map(|feeder| (feeder.id, feeder.code))
        .collect();
    let rows = station_area::Entity::find()
        .filter(station_area::Column::StationId.eq(station.0))
        .order_by_asc(station_area::Column::Code)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|area| {
            let cell = area.cell_id.and_then(|cell| codes.get(&cell));
            Ok(AreaContent {
                position: Wgs84::new(area.lon, area.lat).map_err(Problem::internal)?,
                feeder: area.feeder_id.and_then(|id| feeders.get(&id).cloned()),
                customers: u32::try_from(area.customers).unwrap_or(u32::MAX),
                area_class: class_of(&area.area_class)?,
                cell: cell.map(|code| (*code).to_owned()),
                code: area.code,
                name: area.name,
            })
        })
        .collect()
}

/// A stored outline.
pub(in crate::territory) fn outline(text: &str) -> Result<Shape, Problem> {
    serde_json::from_str(text)
        .map_err(|error| Problem::internal(format!("a stored outline cannot be read: {error}")))
}
