//! Boards that hang in the villages of cells that are no more: which they are, and whose boards
//! take their place.
//!
//! A cell that is merged into another, or that a split leaves out, keeps its row and its board's.
//! What hangs out there is to be taken down then, and somebody has to be told where.

use crate::{
    edge::Problem,
    territory::{
        changes::Changes,
        rows::{cell, station_area, territory},
        store::CellDetail,
    },
};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Codes in one statement: far below what either database can bind.
const CHUNK: usize = 500;

/// What became of a cell that is no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// The codes of the present cells that have the station areas that it had at last.
    pub went_to: BTreeSet<String>,
}

/// A station area: its station and its code.
type Area = (Uuid, String);

/// Those of these cells that are no more, by id, with what became of them.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub(super) async fn gone<C: ConnectionTrait>(
    db: &C,
    cells: &[CellDetail],
) -> Result<HashMap<Uuid, Gone>, Problem> {
    let ids = cells.iter().map(|cell| cell.id.0);
    let ended: Vec<(Uuid, i64)> = cell::Entity::find()
        .select_only()
        .columns([cell::Column::Id, cell::Column::UntilVersion])
        .filter(cell::Column::Id.is_in(ids))
        .filter(cell::Column::UntilVersion.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    if ended.is_empty() {
        return Ok(HashMap::new());
    }
    let ended: HashMap<Uuid, i64> = ended.into_iter().collect();
    let cells: Vec<(&CellDetail, i64)> = cells
        .iter()
        .filter_map(|cell| Some((cell, *ended.get(&cell.id.0)?)))
        .collect();
    let changes = changes(db, &cells).await?;
    let had = |(cell, version): &(&CellDetail, i64)| -> Vec<Area> {
        let changes = changes.get(&(cell.station.0, *version));
        let moved = changes.into_iter().flat_map(|made| &made.station_areas);
        moved
            .filter(|area| area.from.as_deref() == Some(&*cell.code))
            .map(|area| (cell.station.0, area.station_area.clone()))
            .collect()
    };
    let had: Vec<(Uuid, Vec<Area>)> = cells.iter().map(|gone| (gone.0.id.0, had(gone))).collect();
    let now_in = now_in(db, had.iter().flat_map(|(_, areas)| areas)).await?;
    let went_to = |areas: Vec<Area>| Gone {
        went_to: areas
            .iter()
            .filter_map(|area| now_in.get(area).cloned())
            .collect(),
    };
    Ok(had
        .into_iter()
        .map(|(cell, areas)| (cell, went_to(areas)))
        .collect())
}

/// What the versions changed with which the cells went, by station and version.
async fn changes<C: ConnectionTrait>(
    db: &C,
    gone: &[(&CellDetail, i64)],
) -> Result<HashMap<(Uuid, i64), Changes>, Problem> {
    use territory::Column;
    let versions: BTreeSet<(OrgId, i64)> = gone
        .iter()
        .map(|(cell, version)| (cell.station, *version))
        .collect();
    let these = versions
        .into_iter()
        .fold(Condition::any(), |these, (station, version)| {
            let one = Condition::all()
                .add(Column::StationId.eq(station.0))
                .add(Column::Version.eq(version));
            these.add(one)
        });
    let rows: Vec<(Uuid, i64, String)> = territory::Entity::find()
        .select_only()
        .columns([Column::StationId, Column::Version, Column::Changes])
        .filter(these)
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(station, version, changes)| Ok(((station, version), Changes::stored(&changes)?)))
        .collect()
}

/// The code of the cell that each of these station areas is in now.
async fn now_in<C: ConnectionTrait>(
    db: &C,
    areas: impl Iterator<Item = &Area>,
) -> Result<HashMap<Area, String>, Problem> {
    use station_area::Column;
    let mut by_station: BTreeMap<Uuid, BTreeSet<&str>> = BTreeMap::new();
    for (station, code) in areas {
        by_station.entry(*station).or_default().insert(code);
    }
    let mut found: Vec<(Area, Uuid)> = Vec::new();
    for (station, codes) in by_station {
        let codes: Vec<&str> = codes.into_iter().collect();
        for chunk in codes.chunks(CHUNK) {
            let rows: Vec<(String, Uuid)> = station_area::Entity::find()
                .select_only()
                .columns([Column::Code, Column::CellId])
                .filter(Column::StationId.eq(station))
                .filter(Column::Code.is_in(chunk.iter().copied()))
                .filter(Column::CellId.is_not_null())
                .into_tuple()
                .all(db)
                .await?;
            found.extend(rows.into_iter().map(|(code, cell)| ((station, code), cell)));
        }
    }
    let cells: BTreeSet<Uuid> = found.iter().map(|(_, cell)| *cell).collect();
    let cells: Vec<Uuid> = cells.into_iter().collect();
    let mut codes: HashMap<Uuid, String> = HashMap::new();
    for chunk in cells.chunks(CHUNK) {
        let rows: Vec<(Uuid, String)> = cell::Entity::find()
            .select_only()
            .columns([cell::Column::Id, cell::Column::Code])
            .filter(cell::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        codes.extend(rows);
    }
    Ok(found
        .into_iter()
        .filter_map(|(area, cell)| Some((area, codes.get(&cell)?.clone())))
        .collect())
}
