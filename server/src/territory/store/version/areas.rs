//! The station areas and feeders of a version.

use super::{Before, Placed, Proposal};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        content::{AreaContent, Content},
        rows::{customer, feeder, station_area},
        store::CHUNK,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, FeederId, OrgId},
    workflow::AreaClass,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Takes out the station areas that the new version does not have.
pub(super) async fn remove(
    tx: &DatabaseTransaction,
    before: &Before,
    content: &Content,
) -> Result<(), Problem> {
    let stays: BTreeSet<&str> = content
        .station_areas
        .iter()
        .map(|area| area.code.as_str())
        .collect();
    let gone: Vec<&station_area::Model> = before
        .areas
        .values()
        .filter(|area| !stays.contains(area.code.as_str()))
        .collect();
    for chunk in gone.chunks(CHUNK) {
        let ids = || chunk.iter().map(|area| area.id);
        let supplied: Option<Uuid> = customer::Entity::find()
            .select_only()
            .column(customer::Column::StationAreaId)
            .filter(customer::Column::StationAreaId.is_in(ids()))
            .into_tuple()
            .one(tx)
            .await?;
        if let Some(area) = chunk.iter().find(|area| Some(area.id) == supplied) {
            let detail = format!(
                "The station area {:?} supplies customers and is left out. Keep it, or move its \
                 customers first.",
                area.code
            );
            return Err(Problem::new(Code::TerritoryStationAreaInNoCell, detail));
        }
        station_area::Entity::delete_many()
            .filter(station_area::Column::Id.is_in(ids()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Puts in the station areas, with the cells that they are in now.
pub(super) async fn store(
    tx: &DatabaseTransaction,
    app: &App,
    proposal: &Proposal,
    cells: &[Placed<'_>],
) -> Result<(), Problem> {
    let areas = &proposal.content.station_areas;
    let feeders = store_feeders(tx, app, proposal.station, areas).await?;
    let cells: HashMap<&str, CellId> = cells
        .iter()
        .map(|cell| (cell.content.code.as_str(), cell.id))
        .collect();
    let changing = [
        station_area::Column::CellId,
        station_area::Column::FeederId,
        station_area::Column::Name,
        station_area::Column::Lon,
        station_area::Column::Lat,
        station_area::Column::Customers,
        station_area::Column::AreaClass,
    ];
    for chunk in areas.chunks(CHUNK) {
        let rows = chunk.iter().map(|area| station_area::ActiveModel {
            id: Set(app.new_id()),
            station_id: Set(proposal.station.0),
            cell_id: Set(cell_of(area, &cells)),
            feeder_id: Set(feeder_of(area, &feeders)),
            code: Set(area.code.clone()),
            name: Set(area.name.clone()),
            lon: Set(area.position.lon()),
            lat: Set(area.position.lat()),
            customers: Set(i64::from(area.customers)),
            area_class: Set(class_text(area.area_class).to_owned()),
        });
        station_area::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([station_area::Column::StationId, station_area::Column::Code])
                    .update_columns(changing)
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

fn cell_of(area: &AreaContent, cells: &HashMap<&str, CellId>) -> Option<Uuid> {
    let code = area.cell.as_deref()?;
    cells.get(code).map(|cell| cell.0)
}

fn feeder_of(area: &AreaContent, feeders: &HashMap<String, FeederId>) -> Option<Uuid> {
    let code = area.feeder.as_deref()?;
    feeders.get(code).map(|feeder| feeder.0)
}

/// Adds the feeders that are new; a feeder is known by its code until it gets a name.
async fn store_feeders(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    areas: &[AreaContent],
) -> Result<HashMap<String, FeederId>, Problem> {
    let held = feeder::Entity::find()
        .filter(feeder::Column::StationId.eq(station.0))
        .all(tx)
        .await?;
    let mut feeders: HashMap<String, FeederId> = held
        .into_iter()
        .map(|feeder| (feeder.code, FeederId(feeder.id)))
        .collect();
    let named = areas.iter().filter_map(|area| area.feeder.as_deref());
    let new: BTreeSet<&str> = named.filter(|code| !feeders.contains_key(*code)).collect();
    let mut rows = Vec::with_capacity(new.len());
    for code in new {
        let id = FeederId(app.new_id());
        feeders.insert(code.to_owned(), id);
        rows.push(feeder::ActiveModel {
            id: Set(id.0),
            station_id: Set(station.0),
            code: Set(code.to_owned()),
            name: Set(code.to_owned()),
        });
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(CHUNK));
        feeder::Entity::insert_many(rows)
            .exec_without_returning(tx)
            .await?;
        rows = rest;
    }
    Ok(feeders)
}

/// An area class as it is stored.
const fn class_text(class: AreaClass) -> &'static str {
    match class {
        AreaClass::Urban => "urban",
        AreaClass::Rural => "rural",
        AreaClass::Remote => "remote",
    }
}

/// A stored area class.
///
/// # Errors
/// `internal` when it is none.
pub fn class_of(text: &str) -> Result<AreaClass, Problem> {
    [AreaClass::Urban, AreaClass::Rural, AreaClass::Remote]
        .into_iter()
        .find(|class| class_text(*class) == text)
        .ok_or_else(|| Problem::internal(format!("no area class {text:?}")))
}
