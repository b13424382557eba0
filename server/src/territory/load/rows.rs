//! The rows of some stations, and how they become what a snapshot holds of each.

use super::super::{
    roles::{CellRoles, RoleTerm},
    rows::{cell, cell_role, customer, station_area},
    snapshot::{AreaInCell, CellRecord, Outline, StationGround, StationRecord},
    store::{class_of, role_of},
};
use crate::{
    edge::Problem,
    people::rows::{org_unit, person},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId, StationAreaId},
    position::Wgs84,
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    QueryTrait,
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Everything that the snapshot holds of some stations.
pub(super) struct StationRows {
    /// With the versions of their territories.
    stations: Vec<(OrgId, i64)>,
    cells: Vec<CellRow>,
    terms: Vec<TermRow>,
    in_cells: Vec<AreaRow>,
    without_cell: Vec<AreaRow>,
    accounts: Vec<AccountRow>,
    /// The station of each person with a base.
    bases: Vec<(OrgId, PersonId, Wgs84)>,
}

/// A cell: its station, its id, code, name and outline.
type CellRow = (Uuid, Uuid, String, String, String);

/// A term of A or B: its cell, role and person, from when and until when.
type TermRow = (Uuid, String, Uuid, i64, Option<i64>);

/// A station area: its cell, or its station when it is in none, its id, longitude, latitude
/// and class. There are more rows of these than of everything else together, and each column
/// of a row costs.
type AreaRow = (Uuid, Uuid, f64, f64, String);

/// An account: its station, its number, its station area.
type AccountRow = (Uuid, String, Uuid);

impl StationRows {
    /// Reads them; terms only that have not ended before `since`.
    ///
    /// # Errors
    /// A problem of the database.
    pub(super) async fn read(
        tx: &DatabaseTransaction,
        stations: Vec<(OrgId, i64)>,
        since: i64,
    ) -> Result<Self, Problem> {
        let ids: Vec<Uuid> = stations.iter().map(|(station, _)| station.0).collect();
        Ok(Self {
            cells: cells(tx, &ids).await?,
            terms: terms(tx, &ids, since).await?,
            in_cells: areas(tx, &ids, Within::Cell).await?,
            without_cell: areas(tx, &ids, Within::Station).await?,
            accounts: accounts(tx, &ids).await?,
            bases: bases(tx, &ids).await?,
            stations,
        })
    }

    /// Lays the stations out.
    ///
    /// # Errors
    /// `internal` when what is stored does not fit together.
    pub(super) fn lay_out(self) -> Result<Vec<StationGround>, Problem> {
        let mut records: HashMap<Uuid, StationRecord> = self
            .stations
            .into_iter()
            .map(|(station, version)| {
                let record = StationRecord::of_cells(station, version, Vec::new());
                (station.0, record)
            })
            .collect();
        let mut in_cells: HashMap<Uuid, Vec<AreaInCell>> = HashMap::new();
        for row in self.in_cells {
            let (cell, area) = area(row)?;
            in_cells.entry(cell).or_default().push(area);
        }
        for row in self.without_cell {
            let (station, area) = area(row)?;
            if let Some(record) = records.get_mut(&station) {
                record.areas_without_cell.push(area);
            }
        }
        let mut terms = terms_by_cell(&self.terms)?;
        for (station, id, code, name, geometry) in self.cells {
            let cell = CellRecord {
                id: CellId(id),
                code,
                name,
                outline: outline(&geometry)?,
                roles: CellRoles::new(terms.remove(&id).unwrap_or_default())
                    .map_err(Problem::internal)?,
                station_areas: in_cells.remove(&id).unwrap_or_default(),
            };
            if let Some(record) = records.get_mut(&station) {
                record.cells.push(cell);
            }
        }
        for (station, number, area) in self.accounts {
            if let Some(record) = records.get_mut(&station) {
                record.accounts.push((number, StationAreaId(area)));
            }
        }
        for (station, person, base) in self.bases {
            if let Some(record) = records.get_mut(&station.0) {
                record.bases.push((person, base));
            }
        }
        records
            .into_values()
            .map(|record| StationGround::build(record).map_err(Problem::internal))
            .collect()
    }
}

fn outline(text: &str) -> Result<Outline, Problem> {
    serde_json::from_str(text)
        .map_err(|error| Problem::internal(format!("a stored outline cannot be read: {error}")))
}

/// A station area, with what it is in.
fn area((within, id, lon, lat, class): AreaRow) -> Result<(Uuid, AreaInCell), Problem> {
    let area = AreaInCell {
        id: StationAreaId(id),
        position: Wgs84::new(lon, lat).map_err(Problem::internal)?,
        class: class_of(&class)?,
    };
    Ok((within, area))
}

fn terms_by_cell(rows: &[TermRow]) -> Result<HashMap<Uuid, Vec<RoleTerm>>, Problem> {
    let mut terms: HashMap<Uuid, Vec<RoleTerm>> = HashMap::new();
    for (cell, role, person, from, until) in rows {
        // One that was taken back never counted.
        if until.is_none_or(|until| until > *from) {
            terms.entry(*cell).or_default().push(RoleTerm {
                person: PersonId(*person),
                role: role_of(role)?,
                from: UnixMillis(*from),
                until: until.map(UnixMillis),
            });
        }
    }
    Ok(terms)
}

async fn cells(tx: &DatabaseTransaction, stations: &[Uuid]) -> Result<Vec<CellRow>, Problem> {
    use cell::Column;
    Ok(cell::Entity::find()
        .select_only()
        .columns([
            Column::StationId,
            Column::Id,
            Column::Code,
            Column::Name,
            Column::Geometry,
        ])
        .filter(Column::StationId.is_in(stations.iter().copied()))
        .filter(Column::UntilVersion.is_null())
        .into_tuple()
        .all(tx)
        .await?)
}

async fn terms(
    tx: &DatabaseTransaction,
    stations: &[Uuid],
    since: i64,
) -> Result<Vec<TermRow>, Problem> {
    use cell_role::Column;
    let running = Column::ValidUntil
        .is_null()
        .or(Column::ValidUntil.gt(since));
    // Terms are found by their cells: there is an index for that.
    let cells = cell::Entity::find()
        .select_only()
        .column(cell::Column::Id)
        .filter(cell::Column::StationId.is_in(stations.iter().copied()))
        .filter(cell::Column::UntilVersion.is_null());
    Ok(cell_role::Entity::find()
        .select_only()
        .columns([
            Column::CellId,
            Column::Role,
            Column::PersonId,
            Column::ValidFrom,
            Column::ValidUntil,
        ])
        .filter(Column::CellId.in_subquery(cells.into_query()))
        .filter(running)
        .into_tuple()
        .all(tx)
        .await?)
}

/// What a station area is read with.
enum Within {
    /// Its cell: those that are in one.
    Cell,
    /// Its station: those that are in no cell.
    Station,
}

async fn areas(
    tx: &DatabaseTransaction,
    stations: &[Uuid],
    within: Within,
) -> Result<Vec<AreaRow>, Problem> {
    use station_area::Column;
    let (within, which) = match within {
        Within::Cell => (Column::CellId, Column::CellId.is_not_null()),
        Within::Station => (Column::StationId, Column::CellId.is_null()),
    };
    Ok(station_area::Entity::find()
        .select_only()
        .columns([
            within,
            Column::Id,
            Column::Lon,
            Column::Lat,
            Column::AreaClass,
        ])
        .filter(Column::StationId.is_in(stations.iter().copied()))
        .filter(which)
        .into_tuple()
        .all(tx)
        .await?)
}

async fn accounts(tx: &DatabaseTransaction, stations: &[Uuid]) -> Result<Vec<AccountRow>, Problem> {
    use customer::Column;
    // Customers are found by their station areas: there is an index for that.
    let areas = station_area::Entity::find()
        .select_only()
        .column(station_area::Column::Id)
        .filter(station_area::Column::StationId.is_in(stations.iter().copied()));
    Ok(customer::Entity::find()
        .select_only()
        .columns([Column::StationId, Column::AccountNo, Column::StationAreaId])
        .filter(Column::StationAreaId.in_subquery(areas.into_query()))
        .into_tuple()
        .all(tx)
        .await?)
}

/// The bases of the people of stations and of the units right under them.
async fn bases(
    tx: &DatabaseTransaction,
    stations: &[Uuid],
) -> Result<Vec<(OrgId, PersonId, Wgs84)>, Problem> {
    let ids = || stations.iter().copied();
    let units: Vec<(Uuid, Option<Uuid>)> = org_unit::Entity::find()
        .select_only()
        .columns([org_unit::Column::Id, org_unit::Column::ParentId])
        .filter(
            Condition::any()
                .add(org_unit::Column::Id.is_in(ids()))
                .add(org_unit::Column::ParentId.is_in(ids())),
        )
        .into_tuple()
        .all(tx)
        .await?;
    let known: HashSet<Uuid> = ids().collect();
    let stations: HashMap<Uuid, Uuid> = units
        .into_iter()
        .filter_map(|(unit, parent)| {
            let station = if known.contains(&unit) { unit } else { parent? };
            Some((unit, station))
        })
        .collect();
    let people: Vec<(Uuid, Uuid, Option<f64>, Option<f64>)> = person::Entity::find()
        .select_only()
        .columns([
            person::Column::OrgId,
            person::Column::Id,
            person::Column::BaseLon,
            person::Column::BaseLat,
        ])
        .filter(person::Column::OrgId.is_in(stations.keys().copied()))
        .filter(person::Column::BaseLon.is_not_null())
        .into_tuple()
        .all(tx)
        .await?;
    Ok(people
        .into_iter()
        .filter_map(|(unit, person, lon, lat)| {
            let base = Wgs84::new(lon?, lat?).ok()?;
            Some((OrgId(*stations.get(&unit)?), PersonId(person), base))
        })
        .collect())
}
