//! The cells of a version, and what becomes of those that it no longer has.

use super::{Before, Placed, Proposal};
use crate::{
    edge::Problem,
    territory::{
        content::Content,
        rows::{cell, cell_role},
        shape::Shape,
        store::CHUNK,
    },
};
use gridcrew_sync_protocol::{ids::CellId, time::UnixMillis};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Puts in the cells; those that are gone stay as rows, for the orders routed by them.
pub(super) async fn store(
    tx: &DatabaseTransaction,
    proposal: &Proposal,
    version: i64,
    before: &Before,
    cells: &[Placed<'_>],
    now: UnixMillis,
) -> Result<(), Problem> {
    let stays: BTreeSet<Uuid> = cells.iter().map(|cell| cell.id.0).collect();
    let gone: Vec<Uuid> = before
        .cells
        .values()
        .map(|cell| cell.id)
        .filter(|id| !stays.contains(id))
        .collect();
    for chunk in gone.chunks(CHUNK) {
        cell::Entity::update_many()
            .col_expr(cell::Column::UntilVersion, Expr::value(version))
            .filter(cell::Column::Id.is_in(chunk.iter().copied()))
            .exec(tx)
            .await?;
        end_terms(tx, chunk, now).await?;
    }
    for chunk in cells.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for placed in chunk {
            let geometry = outline_text(&placed.content.outline)?;
            let since = before
                .cells
                .get(&placed.content.code)
                .filter(|held| held.geometry == geometry)
                .map_or(version, |held| held.from_version);
            rows.push(cell::ActiveModel {
                id: Set(placed.id.0),
                station_id: Set(proposal.station.0),
                code: Set(placed.content.code.clone()),
                name: Set(placed.content.name.clone()),
                geometry: Set(geometry),
                from_version: Set(since),
                until_version: Set(None),
            });
        }
        let changing = [
            cell::Column::Name,
            cell::Column::Geometry,
            cell::Column::FromVersion,
            // One that comes back is present again.
            cell::Column::UntilVersion,
        ];
        cell::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(cell::Column::Id)
                    .update_columns(changing)
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Ends the terms in cells that are gone; planned ones are taken back.
async fn end_terms(
    tx: &DatabaseTransaction,
    cells: &[Uuid],
    now: UnixMillis,
) -> Result<(), Problem> {
    let none = Expr::value(Option::<i64>::None);
    let of_cells = || cell_role::Column::CellId.is_in(cells.iter().copied());
    cell_role::Entity::update_many()
        .col_expr(
            cell_role::Column::ValidUntil,
            Expr::col(cell_role::Column::ValidFrom),
        )
        .col_expr(cell_role::Column::NextChange, none.clone())
        .filter(of_cells())
        .filter(cell_role::Column::ValidFrom.gt(now.0))
        .exec(tx)
        .await?;
    cell_role::Entity::update_many()
        .col_expr(cell_role::Column::ValidUntil, Expr::value(now.0))
        .col_expr(cell_role::Column::NextChange, none)
        .filter(of_cells())
        .filter(cell_role::Column::ValidFrom.lte(now.0))
        .filter(
            cell_role::Column::ValidUntil
                .is_null()
                .or(cell_role::Column::ValidUntil.gt(now.0)),
        )
        .exec(tx)
        .await?;
    Ok(())
}

/// The cells that handhelds hold otherwise than they are now: new, gone, of another name
/// or outline, or with other station areas. In the order of their ids.
pub(super) fn changed(
    before: &Before,
    content: &Content,
    cells: &[Placed<'_>],
) -> Result<BTreeSet<CellId>, Problem> {
    let mut members: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for area in &content.station_areas {
        if let Some(cell) = area.cell.as_deref() {
            members.entry(cell).or_default().insert(area.code.clone());
        }
    }
    let stays: BTreeSet<Uuid> = cells.iter().map(|cell| cell.id.0).collect();
    let held = before.cells.values().map(|cell| cell.id);
    let mut changed: BTreeSet<CellId> = held.filter(|id| !stays.contains(id)).map(CellId).collect();
    for placed in cells {
        let cell = placed.content;
        let geometry = outline_text(&cell.outline)?;
        let same = before.cells.get(&cell.code).is_some_and(|held| {
            held.name == cell.name
                && held.geometry == geometry
                && before.members.get(&held.id) == members.get(cell.code.as_str())
        });
        if !same {
            changed.insert(placed.id);
        }
    }
    Ok(changed)
}

/// An outline as it is stored.
pub(super) fn outline_text(outline: &Shape) -> Result<String, Problem> {
    serde_json::to_string(outline).map_err(Problem::internal)
}
