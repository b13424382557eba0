//! Stations, and the territory of one.

use super::{allow, datum_of, no_territory};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{checks::run::found_last, export, store},
};
use actix_web::{HttpResponse, get, web};
use gridcrew_sync_protocol::{ids::OrgId, position::Datum, time::UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A station in scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct Station {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: String,
    /// The version of its territory; absent when it has none yet.
    pub territory_version: Option<i64>,
    /// How many cells it has.
    pub cells: i64,
    /// How many flaws the checks found last; absent when it was not checked yet.
    pub flaws: Option<i64>,
    /// When that was: after each change, and from time to time.
    pub checked_at: Option<UnixMillis>,
}

/// The stations in scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct StationList {
    /// By code.
    pub stations: Vec<Station>,
}

/// The stations that you may see.
#[utoipa::path(
    operation_id = "list_stations",
    tag = "territory",
    responses(
        (status = 200, description = "The stations in scope", body = StationList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations")]
pub(super) async fn list_stations(
    app: web::Data<App>,
    caller: Caller,
) -> Result<web::Json<StationList>, Problem> {
    caller.may(Permission::ReadTerritory)?;
    let stations = store::stations(app.store.read(), &caller.scope).await?;
    let of_scope = caller.scope.of_stations("territory_check");
    let found = found_last(app.store.read(), of_scope).await?;
    let stations = stations.into_iter().map(|station| Station {
        flaws: found.get(&station.id).map(|found| found.flaws),
        checked_at: found.get(&station.id).map(|found| found.checked_at),
        id: station.id,
        name: station.name,
        code: station.code,
        territory_version: station.version,
        cells: station.cells,
    });
    Ok(web::Json(StationList {
        stations: stations.collect(),
    }))
}

/// How to write the territory.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TerritoryQuery {
    /// The datum of all coordinates: WGS-84 (when absent), GCJ-02, BD-09 or CGCS2000.
    datum: Option<String>,
}

/// The territory of a station as GeoJSON: boundary, cells with A and B, station areas.
#[utoipa::path(
    operation_id = "read_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), TerritoryQuery),
    responses(
        (status = 200, description = "A feature collection; the property `kind` of a feature \
         says what it is, the member `datum` what the coordinates refer to",
         content_type = "application/geo+json", body = Object),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory")]
pub(super) async fn read_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<TerritoryQuery>,
) -> Result<HttpResponse, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let datum = match query.datum.as_deref() {
        None => Datum::Wgs84,
        given => datum_of(given)?,
    };
    let territory = store::whole_territory(&app.store, *station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let text = super::beside(move || {
        serde_json::to_string(&export::territory(&territory, datum)).map_err(Problem::internal)
    });
    Ok(HttpResponse::Ok()
        .content_type("application/geo+json")
        .body(text.await?))
}
