//! A new version of a station's territory takes the place of the one before.

mod areas;
mod cells;

pub use areas::class_of;

use super::{raise, tell};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        content::{AreaContent, CellContent, Content},
        rows::{cell, station_area, territory},
        shape::Shape,
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// A version that is to be stored.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The station.
    pub station: OrgId,
    /// The version that it was worked out from; 0 when there was none.
    pub base: i64,
    /// What it says.
    pub content: Content,
    /// From when it counts; not later than now.
    pub effective_from: UnixMillis,
    /// Who accepts it.
    pub author: PersonId,
    /// Why.
    pub reason: String,
}

/// What was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The new version.
    pub version: i64,
    /// How many cells it has.
    pub cells: usize,
    /// How many station areas it has.
    pub station_areas: usize,
}

/// What was there before.
struct Before {
    cells: HashMap<String, cell::Model>,
    areas: HashMap<String, station_area::Model>,
    /// The codes of the station areas of each cell.
    members: BTreeMap<Uuid, BTreeSet<String>>,
}

/// A cell with the id that it keeps or gets.
#[derive(Serialize)]
struct Placed<'c> {
    id: CellId,
    #[serde(flatten)]
    content: &'c CellContent,
}

/// Stores a version: its cells and station areas take the place of those before; cells
/// and station areas whose code stays keep their id, their A and B, their customers.
///
/// # Errors
/// `conflict` when another version came meanwhile, `request.invalid` when it would count
/// from a later day, `territory.station_area_in_no_cell` when a station area with
/// customers is left out, or a problem of the database.
pub async fn accept(
    tx: &DatabaseTransaction,
    app: &App,
    proposal: Proposal,
) -> Result<Accepted, Problem> {
    let lock = StationLock::take(tx, proposal.station).await?;
    if proposal.effective_from > app.now() {
        return Err(Problem::new(
            Code::RequestInvalid,
            "effective_from lies in the future; a territory counts from now or an earlier day.",
        ));
    }
    let held = super::current_version(tx, proposal.station).await?;
    if held != proposal.base {
        let detail = format!(
            "The territory is at version {held} now, this was worked out from {}. Look again.",
            proposal.base
        );
        return Err(Problem::new(Code::Conflict, detail));
    }
    let version = held + 1;
    let before = Before::read(tx, proposal.station).await?;
    let content = &proposal.content;
    areas::remove(tx, &before, content).await?;
    let cells = place_cells(app, &before, content);
    cells::store(tx, &proposal, version, &before, &cells, app.now()).await?;
    areas::store(tx, app, &proposal, &cells).await?;
    insert_version(tx, &proposal, version, &cells).await?;
    for cell in cells::changed(&before, content, &cells)? {
        tell(tx, &lock, cell).await?;
    }
    raise(tx, proposal.station).await?;
    Ok(Accepted {
        version,
        cells: content.cells.len(),
        station_areas: content.station_areas.len(),
    })
}

impl Before {
    async fn read(tx: &DatabaseTransaction, station: OrgId) -> Result<Self, Problem> {
        let cells = cell::Entity::find()
            .filter(cell::Column::StationId.eq(station.0))
            .filter(cell::Column::UntilVersion.is_null())
            .all(tx)
            .await?;
        let areas = station_area::Entity::find()
            .filter(station_area::Column::StationId.eq(station.0))
            .all(tx)
            .await?;
        let mut members: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
        for area in &areas {
            if let Some(cell) = area.cell_id {
                members.entry(cell).or_default().insert(area.code.clone());
            }
        }
        let by_code = |cell: cell::Model| (cell.code.clone(), cell);
        Ok(Self {
            cells: cells.into_iter().map(by_code).collect(),
            areas: areas.into_iter().map(|a| (a.code.clone(), a)).collect(),
            members,
        })
    }
}

/// The cells with their ids: kept where the code is.
fn place_cells<'c>(app: &App, before: &Before, content: &'c Content) -> Vec<Placed<'c>> {
    let id = |code: &str| match before.cells.get(code) {
        Some(cell) => CellId(cell.id),
        None => CellId(app.new_id()),
    };
    content
        .cells
        .iter()
        .map(|content| Placed {
            id: id(&content.code),
            content,
        })
        .collect()
}

/// The version as a whole, as orders will remember it.
#[derive(Serialize)]
struct Document<'c> {
    boundary: &'c Shape,
    cells: &'c [Placed<'c>],
    station_areas: &'c [AreaContent],
}

async fn insert_version(
    tx: &DatabaseTransaction,
    proposal: &Proposal,
    version: i64,
    cells: &[Placed<'_>],
) -> Result<(), Problem> {
    let document = Document {
        boundary: &proposal.content.boundary,
        cells,
        station_areas: &proposal.content.station_areas,
    };
    let row = territory::ActiveModel {
        station_id: Set(proposal.station.0),
        version: Set(version),
        boundary: Set(cells::outline_text(&proposal.content.boundary)?),
        effective_from: Set(proposal.effective_from.0),
        author: Set(proposal.author.0),
        reason: Set(proposal.reason.clone()),
        content: Set(serde_json::to_string(&document).map_err(Problem::internal)?),
    };
    territory::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}
