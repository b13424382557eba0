//! Building the snapshot of all stations from the database, in a handful of queries.

use super::{
    roles::{CellRoles, RoleTerm},
    rows::{cell, cell_role, station_area, territory},
    snapshot::{AreaInCell, CellRecord, TerritorySnapshot},
    store::{class_of, current_change, outline, stored_term},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, StationAreaId},
    position::Wgs84,
    time::Millis,
};
use sea_orm::{
    AccessMode, ColumnTrait, DatabaseBackend, DatabaseTransaction, EntityTrait, ExprTrait,
    IsolationLevel, QueryFilter, QuerySelect, TransactionTrait,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Everything that a snapshot is built from, read at one moment.
struct Rows {
    change: i64,
    cells: Vec<cell::Model>,
    terms: Vec<cell_role::Model>,
    /// Station areas in cells.
    areas: Vec<AreaRow>,
    versions: HashMap<Uuid, i64>,
}

/// A station area: its cell, its id, longitude, latitude and class.
type AreaRow = (Uuid, Uuid, f64, f64, String);

/// Terms that ended longer ago than this are left out: nobody asks so far back.
const ENDED_LONG_AGO: Millis = Millis(24 * 3_600_000);

/// The snapshot of what is stored now.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored does not fit together.
pub async fn load(app: &App) -> Result<TerritorySnapshot, Problem> {
    let db = app.store.read();
    // SQLite reads from one moment anyway; PostgreSQL does when told to.
    let tx = match db.get_database_backend() {
        DatabaseBackend::Postgres => {
            let isolation = Some(IsolationLevel::RepeatableRead);
            db.begin_with_config(isolation, Some(AccessMode::ReadOnly))
                .await?
        }
        _ => db.begin().await?,
    };
    let since = app.now().0.saturating_sub(ENDED_LONG_AGO.0);
    let rows = Rows::read(&tx, since).await;
    tx.rollback().await?;
    let rows = rows?;
    tokio::task::spawn_blocking(move || rows.build())
        .await
        .map_err(Problem::internal)?
}

impl Rows {
    async fn read(tx: &DatabaseTransaction, since: i64) -> Result<Self, Problem> {
        let running = cell_role::Column::ValidUntil
            .is_null()
            .or(cell_role::Column::ValidUntil.gt(since));
        let versions: Vec<(Uuid, i64)> = territory::Entity::find()
            .select_only()
            .column(territory::Column::StationId)
            .column_as(territory::Column::Version.max(), "latest")
            .group_by(territory::Column::StationId)
            .into_tuple()
            .all(tx)
            .await?;
        Ok(Self {
            change: current_change(tx).await?,
            cells: cell::Entity::find()
                .filter(cell::Column::UntilVersion.is_null())
                .all(tx)
                .await?,
            terms: cell_role::Entity::find().filter(running).all(tx).await?,
            areas: station_area::Entity::find()
                .select_only()
                .columns([
                    station_area::Column::CellId,
                    station_area::Column::Id,
                    station_area::Column::Lon,
                    station_area::Column::Lat,
                    station_area::Column::AreaClass,
                ])
                .filter(station_area::Column::CellId.is_not_null())
                .into_tuple()
                .all(tx)
                .await?,
            versions: versions.into_iter().collect(),
        })
    }

    fn build(self) -> Result<TerritorySnapshot, Problem> {
        let mut areas: HashMap<Uuid, Vec<AreaInCell>> = HashMap::new();
        for (cell, id, lon, lat, class) in self.areas {
            areas.entry(cell).or_default().push(AreaInCell {
                id: StationAreaId(id),
                position: Wgs84::new(lon, lat).map_err(Problem::internal)?,
                class: class_of(&class)?,
            });
        }
        let mut terms: HashMap<Uuid, Vec<RoleTerm>> = HashMap::new();
        for row in &self.terms {
            let term = stored_term(row)?;
            // One that was taken back never counted.
            if !term.is_void() {
                terms.entry(row.cell_id).or_default().push(RoleTerm {
                    person: term.person,
                    role: term.role,
                    from: term.from,
                    until: term.until,
                });
            }
        }
        let mut records = Vec::with_capacity(self.cells.len());
        for cell in self.cells {
            let roles = terms.remove(&cell.id).unwrap_or_default();
            records.push(CellRecord {
                id: CellId(cell.id),
                station: OrgId(cell.station_id),
                version: self.versions.get(&cell.station_id).copied().unwrap_or(0),
                shape: outline(&cell.geometry)?,
                roles: CellRoles::new(roles).map_err(Problem::internal)?,
                station_areas: areas.remove(&cell.id).unwrap_or_default(),
                code: cell.code,
                name: cell.name,
            });
        }
        let snapshot = TerritorySnapshot::build(self.change, records).map_err(Problem::internal)?;
        let versions = self.versions.into_iter();
        Ok(snapshot.with_versions(versions.map(|(station, version)| (OrgId(station), version))))
    }
}
