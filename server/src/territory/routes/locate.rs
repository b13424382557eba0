//! Which cell a place belongs to, and why.

use super::cells::CellSummary;
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{locate::Located as Decision, rows::cell, store},
};
use actix_web::{post, web};
use gridcrew_sync_protocol::{
    ids::CellId,
    position::{PositionInput, TypedPosition, Wgs84},
};
use sea_orm::ColumnTrait;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// A place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where, with its datum.
    #[schema(value_type = TypedPosition)]
    pub position: PositionInput,
}

/// A cell near a place.
#[derive(Debug, Serialize, ToSchema)]
pub struct LocatedCandidate {
    /// How far it is, metres on the ellipsoid; 0 when the place is inside.
    pub distance_m: f64,
    /// The cell with its A and B.
    pub cell: CellSummary,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Located {
    /// The place in WGS-84.
    pub position: Wgs84,
    /// The cell that takes it, if any that you may see.
    pub cell: Option<CellId>,
    /// Why: `inside_cell`, `on_border_lowest_id`, `nearest_cell`, `equally_near_lowest_id`
    /// or `no_cell_in_reach`.
    pub reason: &'static str,
    /// The nearest cells, the one chosen first.
    pub candidates: Vec<LocatedCandidate>,
}

/// Finds the cell of a place: the one that contains it, else the nearest.
#[utoipa::path(
    operation_id = "locate",
    tag = "territory",
    request_body = Place,
    responses(
        (status = 200, description = "The cell and the others near by", body = Located),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/territory/locate")]
pub(super) async fn locate(
    app: web::Data<App>,
    caller: Caller,
    place: Json<Place>,
) -> Result<web::Json<Located>, Problem> {
    caller.may(Permission::ReadTerritory)?;
    let point = place.0.position.check()?.to_wgs84();
    let territory = app.territory.load();
    let answer = territory.look_around(point, &caller.scope.stations);
    let ids = answer.candidates.iter().map(|near| near.cell.id().0);
    let visible = caller
        .scope
        .of_stations("cell")
        .add(cell::Column::Id.is_in(ids));
    let cells = store::cells(app.store.read(), visible, None, caller.now).await?;
    let mut cells: HashMap<CellId, CellSummary> =
        cells.into_iter().map(|c| (c.id, c.into())).collect();
    let chosen = answer
        .located
        .cell()
        // On the ground of a station that he may not see the nearest of his own is not it.
        .filter(|cell| !answer.foreign_ground && cells.contains_key(cell));
    let candidates = answer.candidates.iter().filter_map(|near| {
        cells.remove(&near.cell.id()).map(|cell| LocatedCandidate {
            distance_m: near.distance.0,
            cell,
        })
    });
    let candidates = candidates.collect();
    let reason = match chosen {
        Some(_) => answer.located.reason(),
        // Foreign and missing look the same.
        None => Decision::Nowhere.reason(),
    };
    Ok(web::Json(Located {
        position: point,
        cell: chosen,
        reason,
        candidates,
    }))
}
