//! Splitting a territory into cells: first a look, then for good.

use super::{accept, allow, beside, no_territory, text};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{
        content::{AreaContent, CellContent, Content},
        export,
        naming::name_cells,
        split::{WeightedArea, split},
        store::{self, Proposal, StoredTerritory},
        tiling,
    },
};
use actix_web::{post, web};
use gridcrew_sync_protocol::{code::Code, ids::OrgId, position::Datum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use utoipa::ToSchema;

/// How to split.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitWish {
    /// Into how many cells.
    pub cells: u16,
    /// The same seed gives the same cells; another gives others about as good.
    #[serde(default)]
    pub seed: u64,
    /// Whether to store the cells; else this is only a look.
    #[serde(default)]
    pub accept: bool,
    /// The version that was looked at: refused when another has come meanwhile.
    pub of_version: Option<i64>,
    /// Why, up to 500 characters; absent: that it was split.
    pub reason: Option<String>,
}

/// A cell of a split.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitRow {
    /// Its code: that of the present cell with which it has most in common, or a new one.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The codes of its station areas.
    pub station_areas: Vec<String>,
    /// How many customers these supply.
    pub customers: u64,
    /// How much more or less than an equal share that is: 0.1 is a tenth more.
    pub off_share: f64,
    /// Its area in square metres.
    pub area_m2: f64,
}

/// A split, looked at or stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitDone {
    /// The version that it was made from.
    pub of_version: i64,
    /// The version that was stored; absent when this was only a look.
    pub version: Option<i64>,
    /// How far the worst cell is from an equal share.
    pub imbalance: f64,
    /// The cells from north to south.
    pub cells: Vec<SplitRow>,
    /// The cells as a GeoJSON FeatureCollection in WGS-84.
    #[schema(value_type = Object)]
    pub geojson: Value,
}

/// Splits a territory into cells of about equal numbers of customers, and stores them when
/// told to. The cells take the place of the present ones.
#[utoipa::path(
    operation_id = "split_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = SplitWish,
    responses(
        (status = 200, description = "The cells", body = SplitDone),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory/split")]
pub(super) async fn split_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    wish: Json<SplitWish>,
) -> Result<web::Json<SplitDone>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(wish) = wish;
    let reason = match &wish.reason {
        Some(reason) => text("reason", reason, 1, 500)?,
        None => format!("split into {} cells, seed {}", wish.cells, wish.seed),
    };
    let held = store::territory(app.store.read(), station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let base = held.version;
    if wish.of_version.is_some_and(|version| version != base) {
        let detail = format!("The territory is at version {base} now. Look again.");
        return Err(Problem::new(Code::Conflict, detail));
    }
    let (count, seed) = (usize::from(wish.cells), wish.seed);
    let (content, mut done) = beside(move || work_out(held, count, seed)).await?;
    if wish.accept {
        let proposal = Proposal {
            station,
            base,
            content,
            effective_from: caller.now,
            author: caller.person,
            reason,
        };
        done.version = Some(accept(&app, caller, proposal).await?.version);
    }
    Ok(web::Json(done))
}

/// The territory with its new cells, and how they are shown.
fn work_out(
    held: StoredTerritory,
    count: usize,
    seed: u64,
) -> Result<(Content, SplitDone), Problem> {
    let areas = held.content.station_areas;
    let weighted: Vec<WeightedArea> = areas
        .iter()
        .map(|area| WeightedArea {
            at: area.position,
            customers: area.customers,
        })
        .collect();
    let split = split(&held.content.boundary, &weighted, count, seed)
        .map_err(|error| Problem::new(error.code(), format!("{error}.")))?;
    let groups: Vec<Vec<usize>> = split.cells.iter().map(|cell| cell.areas.clone()).collect();
    let names = name_cells(&areas, &groups, &held.content.cells);
    let total: u64 = split.cells.iter().map(|cell| cell.customers).sum();
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let share = total as f64 / split.cells.len() as f64;
    let mut rows = Vec::with_capacity(names.len());
    let mut cells = Vec::with_capacity(names.len());
    let mut cell_of = HashMap::new();
    for (cell, name) in split.cells.into_iter().zip(names) {
        cell_of.extend(cell.areas.iter().map(|area| (*area, name.code.clone())));
        #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
        let off_share = cell.customers as f64 / share - 1.0;
        let members = cell.areas.iter().filter_map(|area| areas.get(*area));
        rows.push(SplitRow {
            code: name.code.clone(),
            name: name.name.clone(),
            station_areas: members.map(|area| area.code.clone()).collect(),
            customers: cell.customers,
            off_share,
            area_m2: cell.shape.area_m2(),
        });
        cells.push(CellContent {
            code: name.code,
            name: name.name,
            outline: cell.shape,
        });
    }
    let outlines: Vec<_> = cells.iter().map(|cell| &cell.outline).collect();
    if !tiling::check(&split.boundary, &outlines).tiles() {
        return Err(Problem::internal("a split does not tile its territory"));
    }
    let done = SplitDone {
        of_version: held.version,
        version: None,
        imbalance: split.imbalance,
        geojson: drawn(&cells, &rows),
        cells: rows,
    };
    let station_areas = areas
        .into_iter()
        .enumerate()
        .map(|(place, area)| AreaContent {
            cell: cell_of.remove(&place),
            ..area
        });
    let content = Content {
        boundary: split.boundary,
        station_areas: station_areas.collect(),
        cells,
    };
    Ok((content, done))
}

fn drawn(cells: &[CellContent], rows: &[SplitRow]) -> Value {
    let features = cells.iter().zip(rows).map(|(cell, row)| {
        let properties = json!({
            "kind": "cell",
            "code": row.code,
            "name": row.name,
            "station_areas": row.station_areas,
            "customers": row.customers,
        });
        export::feature(export::outline(&cell.outline, Datum::Wgs84), properties)
    });
    export::collection(features.collect(), Datum::Wgs84)
}
