//! A territory as a file, out and in.

use super::{
    allow, datum_of,
    desk::DESK,
    no_territory,
    take::{Given, take},
    text,
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{
        exchange::{self, Encoding, Format, MAX_BYTES},
        giving,
        problem::Problems,
        store,
        storing::Taking,
        taking::Parts,
    },
};
use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{ContentDisposition, DispositionParam, DispositionType},
    post, web,
};
use gridcrew_sync_protocol::{ids::OrgId, position::Datum, time::UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How to write a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FileQuery {
    /// What kind of file.
    #[param(inline)]
    format: Format,
    /// The datum of all coordinates: WGS-84 (when absent), GCJ-02, BD-09 or CGCS2000.
    datum: Option<String>,
}

/// The territory of a station as a file: boundary, cells, station areas. What was written can
/// be read in again and is the same; what could not be is refused with `export.too_large`.
#[utoipa::path(
    operation_id = "export_territory_file",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), FileQuery),
    responses(
        (status = 200, description = "The file",
         content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "A problem", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/file")]
pub(super) async fn export_territory_file(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<FileQuery>,
) -> Result<HttpResponse, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let format = query.format;
    let datum = match query.datum.as_deref() {
        None => Datum::Wgs84,
        given => datum_of(given)?,
    };
    // Before anything is read: who waits holds nothing.
    let place = DESK.place().await?;
    let held = store::whole_territory(&app.store, *station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let now = caller.now;
    let name = format!("territory-{}.{}", held.version, format.ending());
    let written = place.work(move || {
        let written = giving::territory(format, &held.content, datum, now);
        Ok(written.map_err(Problems::from)?)
    });
    let (_place, bytes) = written.await?;
    Ok(download(format.media_type(), name, bytes))
}

/// An answer that a browser saves under a name.
pub(super) fn download(media_type: &str, name: String, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .body(bytes)
}

/// How to read a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FileImportQuery {
    /// What kind of file.
    #[param(inline)]
    format: Format,
    /// What all coordinates refer to: WGS-84, GCJ-02, BD-09 or CGCS2000. Without it the file
    /// must say so itself; where both do, they must agree.
    datum: Option<String>,
    /// Whether the datum was looked at and is true, where it looks like another.
    #[serde(default)]
    datum_confirmed: bool,
    /// The encoding of the text in a shapefile that does not say it: UTF-8 or GBK.
    #[param(inline)]
    encoding: Option<Encoding>,
    /// Only look; write nothing. All that would keep it from being taken in now is told.
    #[serde(default)]
    dry_run: bool,
    /// From when it counts, milliseconds since 1970, not later than now; absent: now.
    #[param(value_type = Option<i64>)]
    effective_from: Option<UnixMillis>,
    /// Why, 1 to 500 characters.
    reason: String,
}

/// What is in a file, taken in or looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct TerritoryFileImported {
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// What was taken in; the version is that which there is now when it was only looked at.
    #[serde(flatten)]
    pub imported: super::TerritoryImported,
}

/// Takes in a territory from a file, as a new version: all of it, or nothing when anything is
/// wrong. What the file does not have (boundary, cells or station areas) stays as it is.
#[utoipa::path(
    operation_id = "import_territory_file",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), FileImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The file, at most 16 MiB"),
    responses(
        (status = 200, description = "In force, or looked at", body = TerritoryFileImported),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory/file")]
pub(super) async fn import_territory_file(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<FileImportQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<TerritoryFileImported>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let query = query.into_inner();
    let reason = text("reason", &query.reason, 1, 500)?;
    let sent = DESK.sent(&request, payload, MAX_BYTES).await?;
    let place = DESK.place().await?;
    let held = store::whole_territory(&app.store, station, caller.now).await?;
    let dry_run = query.dry_run;
    let read = place.work(move || {
        let mut layers =
            exchange::read(query.format, sent.bytes(), query.encoding).map_err(Problems::from)?;
        let content = held.as_ref().map(|held| &held.content);
        let given = Given {
            station,
            parts: Parts::of_layers(&mut layers, query.datum.as_deref(), content)?,
            notes: layers.notes,
            datum_confirmed: query.datum_confirmed,
            effective_from: query.effective_from,
            reason,
            taking: Taking::unless(dry_run),
        };
        Ok((held, given))
    });
    let (place, (held, given)) = read.await?;
    let imported = take(&app, caller, place, held, given).await?;
    Ok(web::Json(TerritoryFileImported { dry_run, imported }))
}
