//! Taking in a territory.

use super::{
    accept, allow,
    desk::{DESK, Place},
    text,
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument, body::expect_media_type},
    people::{Caller, Permission},
    territory::{
        draft::Remark,
        import,
        repair::{Repair, RepairKind},
        store::{self, Accepted, Proposal, StoredTerritory},
        taking::{Around, Parts, Taken},
    },
};
use actix_web::{HttpRequest, post, web};
use gridcrew_sync_protocol::{ids::OrgId, position::Wgs84, time::UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Most bytes of a territory.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most repairs and most remarks that are listed.
const LISTED: usize = 100;

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

/// Something that was mended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mended {
    /// `repeat_dropped`, `point_moved` or `point_inserted`.
    pub kind: &'static str,
    /// Where.
    pub at: Wgs84,
    /// How far something moved, metres.
    pub moved_m: f64,
}

impl From<&Repair> for Mended {
    fn from(repair: &Repair) -> Self {
        Self {
            kind: match repair.kind {
                RepairKind::RepeatDropped => "repeat_dropped",
                RepairKind::PointMoved => "point_moved",
                RepairKind::PointInserted => "point_inserted",
            },
            at: repair.at,
            moved_m: repair.moved.0,
        }
    }
}

/// A station area that stands outside its own cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct StandsElsewhere {
    /// Its code.
    pub station_area: String,
    /// The code of its cell.
    pub cell: String,
    /// How far from the cell it stands, metres.
    pub distance_m: f64,
}

impl From<&Remark> for StandsElsewhere {
    fn from(remark: &Remark) -> Self {
        let Remark::StandsElsewhere {
            area,
            cell,
            distance,
        } = remark;
        Self {
            station_area: area.clone(),
            cell: cell.clone(),
            distance_m: distance.0,
        }
    }
}

/// What was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub struct TerritoryImported {
    /// The new version.
    pub version: i64,
    /// How many cells it has.
    pub cells: usize,
    /// How many station areas it has.
    pub station_areas: usize,
    /// How many small flaws were mended.
    pub mended: usize,
    /// The first hundred of them.
    pub repairs: Vec<Mended>,
    /// Allowed but worth a look; the first hundred.
    pub remarks: Vec<StandsElsewhere>,
    /// What is worth saying of how the file was read.
    pub notes: Vec<String>,
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
        let given: TerritoryImport = serde_json::from_slice(sent.bytes())?;
        let reason = text("reason", &given.reason, 1, 500)?;
        Ok((
            parts(&given)?,
            given.effective_from,
            given.datum_confirmed,
            reason,
        ))
    });
    let (place, (parts, effective_from, confirmed, reason)) = read.await?;
    let effective_from = effective_from.unwrap_or(caller.now);
    let held = store::territory(app.store.read(), station, caller.now).await?;
    let base = held.as_ref().map_or(0, |held| held.version);
    let (_place, taken) = take(&app, place, station, parts, held, confirmed).await?;
    let proposal = Proposal {
        station,
        base,
        content: taken.content.clone(),
        effective_from,
        author: caller.person,
        reason,
    };
    let accepted = accept(&app, caller, proposal).await?;
    Ok(web::Json(imported(&accepted, &taken)))
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

/// What was given, put together with what stays, once the datum is seen to fit what is known
/// around. The place goes with the work, and comes back with it.
pub(super) async fn take(
    app: &App,
    place: Place,
    station: OrgId,
    parts: Parts,
    held: Option<StoredTerritory>,
    confirmed: bool,
) -> Result<(Place, Taken), Problem> {
    let neighbours = match (&parts.boundary, confirmed) {
        (Some(boundary), false) => {
            let bounds = boundary.value.bounds();
            store::neighbours(app.store.read(), station, bounds).await?
        }
        _ => Vec::new(),
    };
    let around = Around {
        neighbours,
        confirmed,
    };
    let taken = place.work(move || {
        let held = held.as_ref().map(|held| &held.content);
        Ok(parts.take(held, &around)?)
    });
    taken.await
}

/// What came of it, for who sent it.
pub(super) fn imported(accepted: &Accepted, taken: &Taken) -> TerritoryImported {
    let repairs = &taken.repairs;
    TerritoryImported {
        version: accepted.version,
        cells: accepted.cells,
        station_areas: accepted.station_areas,
        mended: repairs.len(),
        repairs: repairs.iter().take(LISTED).map(Mended::from).collect(),
        remarks: taken
            .remarks
            .iter()
            .take(LISTED)
            .map(StandsElsewhere::from)
            .collect(),
        notes: taken.notes.iter().map(ToString::to_string).collect(),
    }
}
