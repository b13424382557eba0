//! Taking in a territory.

use super::{
    allow,
    desk::DESK,
    take::{Given, TerritoryImported, take},
    text,
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument, body::expect_media_type},
    people::{Caller, Permission},
    territory::{import, store, storing::Taking, taking::Parts},
};
use actix_web::{HttpRequest, post, web};
use gridcrew_sync_protocol::{ids::OrgId, time::UnixMillis};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Most bytes of a territory.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A territory to be taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TerritoryImport {
    /// What all coordinates refer to: WGS-84, GCJ-02, BD-09 or CGCS2000. Without it each
    /// file must say so itself in a member `datum`.
    pub datum: Option<String>,
    /// The boundary as GeoJSON: a Polygon or MultiPolygon.
    #[schema(value_type = Object)]
    pub boundary: Value,
    /// The station areas as a GeoJSON FeatureCollection of Points or Polygons with the
    /// properties `code`, `name`, `customers`, `feeder`, `area_class`.
    #[schema(value_type = Object)]
    pub station_areas: Value,
    /// The cells as a GeoJSON FeatureCollection of Polygons with the properties `code`,
    /// `name`, `station_areas` (codes). Absent: the present cells stay, if they still fit;
    /// if there are none, split the territory afterwards.
    #[schema(value_type = Option<Object>)]
    pub cells: Option<Value>,
    /// Whether the datum was looked at and is true, where it looks like another.
    #[serde(default)]
    pub datum_confirmed: bool,
    /// From when it counts, milliseconds since 1970, not later than now; absent: now.
    pub effective_from: Option<UnixMillis>,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

/// Takes in a territory as a new version: all of it, or nothing when anything is wrong.
#[utoipa::path(
    operation_id = "import_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = TerritoryImport,
    responses(
        (status = 200, description = "In force", body = TerritoryImported),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory")]
pub(super) async fn import_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<TerritoryImported>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    expect_media_type(&request, &["application/json", "application/geo+json"])?;
    let sent = DESK.sent(&request, payload, MAX_BYTES).await?;
    let place = DESK.place().await?;
    let read = place.work(move || {
        let wish: TerritoryImport = serde_json::from_slice(sent.bytes())?;
        Ok(Given {
            station,
            parts: parts(&wish)?,
            notes: Vec::new(),
            datum_confirmed: wish.datum_confirmed,
            effective_from: wish.effective_from,
            reason: text("reason", &wish.reason, 1, 500)?,
            taking: Taking::ForGood,
        })
    });
    let (place, given) = read.await?;
    let held = store::whole_territory(&app.store, station, caller.now).await?;
    let imported = take(&app, caller, place, held, given).await?;
    Ok(web::Json(imported))
}

/// What was given.
fn parts(request: &TerritoryImport) -> Result<Parts, Problem> {
    let datum = request.datum.as_deref();
    let boundary = import::boundary(&request.boundary.to_string(), datum)?;
    let areas = import::station_areas(&request.station_areas.to_string(), datum)?;
    let cells = request.cells.as_ref();
    let cells = cells.map(|cells| import::cells(&cells.to_string(), datum));
    Ok(Parts {
        boundary: Some(boundary),
        station_areas: Some(areas),
        cells: cells.transpose()?,
        ..Parts::default()
    })
}
