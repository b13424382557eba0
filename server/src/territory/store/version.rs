//! A new version of a station's territory takes the place of the one before.

mod areas;
mod cells;
mod covers;
mod heirs;

pub use areas::class_of;

use super::{changed, plans, tell, what_came};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        changes::{CellSide, ChangeKind, Changes, compare, moved},
        content::{AreaContent, CellContent, Content},
        problem::Problems,
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

/// How a version comes about, beside what it says.
#[derive(Clone, Debug, Default)]
pub struct How {
    /// By what.
    pub kind: ChangeKind,
    /// What was done, a sentence for each edit.
    pub said: Vec<String>,
    /// The version that it undoes.
    pub undoes: Option<i64>,
    /// Cells that are no more and come back with their id and the A and B that they had, by
    /// code.
    pub revived: BTreeMap<String, CellId>,
    /// The code of a new cell, and of the present cell whose A and B answer for it until
    /// others are named.
    pub heirs: BTreeMap<String, String>,
}

impl How {
    /// Of a kind, and nothing more to say.
    #[must_use]
    pub fn of(kind: ChangeKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }
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
/// `territory.changed` when another version came meanwhile, `request.invalid` when it would
/// count from a later day, `territory.too_large` when it could not go out and come in again as
/// a file, `territory.station_area_in_no_cell` when a station area with customers is left out,
/// or a problem of the database.
pub async fn accept(
    tx: &DatabaseTransaction,
    app: &App,
    proposal: Proposal,
) -> Result<Accepted, Problem> {
    accept_as(tx, app, proposal, &How::default()).await
}

/// As [`accept`], with how it came about.
///
/// # Errors
/// As [`accept`].
pub async fn accept_as(
    tx: &DatabaseTransaction,
    app: &App,
    proposal: Proposal,
    how: &How,
) -> Result<Accepted, Problem> {
    let lock = StationLock::take(tx, proposal.station).await?;
    if proposal.effective_from > app.now() {
        return Err(Problem::new(
            Code::RequestInvalid,
            "effective_from lies in the future; this would have to be planned.",
        ));
    }
    proposal.content.check_sizes().map_err(Problems::from)?;
    let held = super::current_version(tx, proposal.station).await?;
    if held != proposal.base {
        return Err(what_came(tx, proposal.station, proposal.base, held).await?);
    }
    // One moment for all of it: terms end when the version comes.
    let (version, now) = (held + 1, app.now());
    let before = Before::read(tx, proposal.station).await?;
    let content = &proposal.content;
    areas::remove(tx, &before, content).await?;
    let cells = place_cells(app, &before, how, content);
    let heirs = heirs::Heirs::read(tx, &before, how, &cells, now).await?;
    let changes = changes(&before, how, content, &cells)?;
    cells::store(tx, &proposal, version, &before, &cells, now).await?;
    heirs.store(tx, app, &proposal, now).await?;
    areas::store(tx, app, &proposal, &cells).await?;
    let moves_orders = !before.cells.is_empty();
    let row = row(&proposal, (version, now), &cells, (how, &changes))?;
    territory::Entity::insert(territory::ActiveModel {
        hand_overs_due: Set(moves_orders),
        ..row
    })
    .exec_without_returning(tx)
    .await?;
    plans::base_is_gone(tx, proposal.station, version).await?;
    for cell in cells::changed(&before, content, &cells)? {
        tell(tx, &lock, cell).await?;
    }
    changed(tx, app, proposal.station).await?;
    Ok(Accepted {
        version,
        cells: content.cells.len(),
        station_areas: content.station_areas.len(),
    })
}

/// What a version would change, by the cells and station areas that are stored now.
///
/// # Errors
/// `territory.too_large` as [`accept`], a problem of the database, or `internal` when a stored
/// outline cannot be read.
pub async fn would_change(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    content: &Content,
    how: &How,
) -> Result<Changes, Problem> {
    content.check_sizes().map_err(Problems::from)?;
    let before = Before::read(tx, station).await?;
    let cells = place_cells(app, &before, how, content);
    changes(&before, how, content, &cells)
}

fn changes(
    before: &Before,
    how: &How,
    content: &Content,
    cells: &[Placed<'_>],
) -> Result<Changes, Problem> {
    let mut outlines = BTreeMap::new();
    for held in before.cells.values() {
        outlines.insert(held.id, super::outline(&held.geometry)?);
    }
    let none = BTreeSet::new();
    let mut old = Vec::with_capacity(before.cells.len());
    for held in before.cells.values() {
        if let Some(outline) = outlines.get(&held.id) {
            let areas = before.members.get(&held.id).unwrap_or(&none);
            old.push(CellSide {
                id: CellId(held.id),
                code: &held.code,
                name: &held.name,
                outline,
                areas: areas.iter().map(String::as_str).collect(),
            });
        }
    }
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for area in &content.station_areas {
        if let Some(cell) = area.cell.as_deref() {
            members.entry(cell).or_default().insert(&area.code);
        }
    }
    let new: Vec<CellSide<'_>> = cells
        .iter()
        .map(|placed| CellSide {
            id: placed.id,
            code: &placed.content.code,
            name: &placed.content.name,
            outline: &placed.content.outline,
            areas: members
                .remove(placed.content.code.as_str())
                .unwrap_or_default(),
        })
        .collect();
    let codes: BTreeMap<Uuid, &str> = before
        .cells
        .values()
        .map(|cell| (cell.id, cell.code.as_str()))
        .collect();
    let cell_of = |area: &station_area::Model| area.cell_id.and_then(|id| codes.get(&id).copied());
    let stood = before
        .areas
        .values()
        .map(|area| (area.code.as_str(), cell_of(area)));
    let stands = content.station_areas.iter();
    let stands = stands.map(|area| (area.code.as_str(), area.cell.as_deref()));
    Ok(Changes {
        kind: how.kind,
        said: how.said.clone(),
        cells: compare(&old, &new),
        station_areas: moved(stood, stands),
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

/// The cells with their ids: kept where the code is, given back to those that come back.
fn place_cells<'c>(app: &App, before: &Before, how: &How, content: &'c Content) -> Vec<Placed<'c>> {
    let id = |code: &str| match (before.cells.get(code), how.revived.get(code)) {
        (Some(cell), _) => CellId(cell.id),
        (None, Some(cell)) => *cell,
        (None, None) => CellId(app.new_id()),
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

fn row(
    proposal: &Proposal,
    (version, now): (i64, UnixMillis),
    cells: &[Placed<'_>],
    (how, changes): (&How, &Changes),
) -> Result<territory::ActiveModel, Problem> {
    let document = Document {
        boundary: &proposal.content.boundary,
        cells,
        station_areas: &proposal.content.station_areas,
    };
    Ok(territory::ActiveModel {
        station_id: Set(proposal.station.0),
        version: Set(version),
        boundary: Set(cells::outline_text(&proposal.content.boundary)?),
        effective_from: Set(proposal.effective_from.0),
        author: Set(proposal.author.0),
        reason: Set(proposal.reason.clone()),
        content: Set(serde_json::to_string(&document).map_err(Problem::internal)?),
        came_at: Set(now.0),
        changes: Set(serde_json::to_string(changes).map_err(Problem::internal)?),
        undoes: Set(how.undoes),
        hand_overs_due: Set(false),
    })
}
