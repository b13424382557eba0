//! Station areas and accounts as spreadsheets: a template, out, and in.

use super::{
    accept, allow, datum_of,
    desk::{DESK, Place},
    exchange::download,
    no_territory, text,
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission, audit},
    territory::{
        exchange::Encoding,
        fit::Doubt,
        giving,
        problem::{Problem as Flaw, Problems},
        sheet::{
            self, Kind, MAX_BYTES, Mode, Refusal, Remark, Report, Sheet, SheetFormat, accounts,
            areas,
        },
        store::{self, Proposal},
        storing::{self, Taking},
    },
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use gridcrew_sync_protocol::{ids::OrgId, position::Datum, time::UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How to write a sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SheetQuery {
    /// What kind of file.
    #[param(inline)]
    format: SheetFormat,
    /// The datum of all places: WGS-84 (when absent), GCJ-02, BD-09 or CGCS2000.
    datum: Option<String>,
}

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PartQuery {
    /// Only this part, from 1, of 10,000 rows; absent: all rows, as long as one sheet with them
    /// is taken in again.
    part: Option<usize>,
}

/// What kind of sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TemplateQuery {
    /// What a row is about.
    #[param(inline)]
    about: Kind,
    /// What kind of file.
    #[param(inline)]
    format: SheetFormat,
}

/// An empty sheet with the headings that are read.
#[utoipa::path(
    operation_id = "sheet_template",
    tag = "territory",
    params(TemplateQuery),
    responses(
        (status = 200, description = "The sheet",
         content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/sheet-template")]
pub(super) async fn sheet_template(
    caller: Caller,
    query: web::Query<TemplateQuery>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let bytes = sheet::write(query.about, query.format, Vec::new(), caller.now);
    let name = file_name(query.about, query.format);
    Ok(download(
        query.format.media_type(),
        name,
        bytes.map_err(Problem::internal)?,
    ))
}

fn file_name(about: Kind, format: SheetFormat) -> String {
    let about = match about {
        Kind::StationAreas => "station-areas",
        Kind::Accounts => "accounts",
    };
    format!("{about}.{}", format.ending())
}

/// The station areas of a station as a sheet; what was written can be read in again, so more
/// than one sheet takes is refused with `export.too_large` and goes out in parts.
#[utoipa::path(
    operation_id = "export_station_areas",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), SheetQuery, PartQuery),
    responses(
        (status = 200, description = "The sheet",
         content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "A problem", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[get("/stations/{id}/station-areas/sheet")]
pub(super) async fn export_station_areas(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<SheetQuery>,
    part: web::Query<PartQuery>,
) -> Result<HttpResponse, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let datum = datum_or_wgs84(query.datum.as_deref())?;
    // Before anything is read: who waits holds nothing.
    let place = DESK.place().await?;
    let held = store::whole_territory(&app.store, *station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let rows = areas::rows(&held.content, datum);
    drop(held);
    let about = (Kind::StationAreas, query.format);
    sheet_of(place, about, rows, part.part, caller.now).await
}

/// The accounts of a station as a sheet, telephone numbers whole; what was written can be read
/// in again, so more than one sheet takes is refused with `export.too_large` and goes out in
/// parts. Only for staff of the station; who took it is written down.
#[utoipa::path(
    operation_id = "export_customers",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), SheetQuery, PartQuery),
    responses(
        (status = 200, description = "The sheet",
         content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "A problem", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[get("/stations/{id}/customers/sheet")]
pub(super) async fn export_customers(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<SheetQuery>,
    part: web::Query<PartQuery>,
) -> Result<HttpResponse, Problem> {
    allow(&caller, Permission::ExportCustomers, *station)?;
    let datum = datum_or_wgs84(query.datum.as_deref())?;
    let place = DESK.place().await?;
    audit::record_reading(&app, &caller, "customers.exported", *station).await?;
    let held = store::accounts(&app.store, *station).await?;
    let rows = accounts::rows(&held, datum);
    drop(held);
    let about = (Kind::Accounts, query.format);
    sheet_of(place, about, rows, part.part, caller.now).await
}

fn datum_or_wgs84(given: Option<&str>) -> Result<Datum, Problem> {
    given.map_or(Ok(Datum::Wgs84), |given| datum_of(Some(given)))
}

async fn sheet_of(
    place: Place,
    (about, format): (Kind, SheetFormat),
    rows: Vec<Vec<sheet::Out>>,
    part: Option<usize>,
    now: UnixMillis,
) -> Result<HttpResponse, Problem> {
    let written = place.work(move || {
        let written = giving::sheet(about, format, rows, part, now);
        Ok(written.map_err(Problems::from)?)
    });
    let (_place, bytes) = written.await?;
    let name = match part {
        None => file_name(about, format),
        Some(part) => format!("{part}-{}", file_name(about, format)),
    };
    Ok(download(format.media_type(), name, bytes))
}

/// How to read a sheet.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SheetImportQuery {
    /// What kind of file.
    #[param(inline)]
    format: SheetFormat,
    /// What to do when some rows are refused; absent: nothing is taken then.
    #[serde(default)]
    #[param(inline)]
    mode: Mode,
    /// Only look; write nothing. All that would keep it from being taken in now is told.
    #[serde(default)]
    dry_run: bool,
    /// What places refer to: WGS-84, GCJ-02, BD-09 or CGCS2000. Without it the column `datum`
    /// must say so; where both do, they must agree.
    datum: Option<String>,
    /// Whether the datum was looked at and is true, where it looks like another.
    #[serde(default)]
    datum_confirmed: bool,
    /// The encoding of a CSV that has no byte order mark: UTF-8 (when absent) or GBK.
    #[param(inline)]
    encoding: Option<Encoding>,
    /// With `dry_run`: answer with the refused rows as a sheet of this kind.
    #[param(inline)]
    refused_as: Option<SheetFormat>,
    /// Why, up to 500 characters; goes into the version of a territory.
    reason: Option<String>,
}

/// What came of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SheetOutcome {
    /// It was only looked at.
    LookedAt,
    /// The rows that were not refused are stored.
    Stored,
    /// Nothing had to be stored: all is known just so.
    Unchanged,
    /// Rows were refused, so nothing was stored.
    NothingStored,
}

/// A sheet that was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetImported {
    /// What came of it.
    pub outcome: SheetOutcome,
    /// How many rows it has below the headings.
    pub rows: usize,
    /// Rows about something new.
    pub added: usize,
    /// Rows about something that was known otherwise.
    pub changed: usize,
    /// Rows about something that was known just so.
    pub unchanged: usize,
    /// How many rows were refused.
    pub refused_rows: usize,
    /// Each reason for which a row was refused.
    pub refused: Vec<Refusal>,
    /// What was taken otherwise than it stands; the first thousand.
    pub remarks: Vec<Remark>,
    /// How much was taken otherwise than it stands.
    pub remarks_in_all: usize,
    /// What is worth saying of how the sheet was read.
    pub notes: Vec<String>,
    /// The new version of the territory; absent when there is none.
    pub version: Option<i64>,
}

/// Most remarks that are listed.
const REMARKS: usize = 1_000;

impl SheetImported {
    fn of(report: Report, outcome: SheetOutcome, version: Option<i64>) -> Self {
        Self {
            outcome,
            rows: report.rows,
            added: report.added,
            changed: report.changed,
            unchanged: report.unchanged,
            refused_rows: report.refused_rows(),
            refused: report.refused,
            remarks_in_all: report.remarks.len(),
            remarks: report.remarks.into_iter().take(REMARKS).collect(),
            notes: report.notes,
            version,
        }
    }
}

/// What shall be done with rows of which some may be refused, if it is done for good.
fn for_good(mode: Mode, report: &Report) -> SheetOutcome {
    if mode == Mode::AllOrNothing && !report.refused.is_empty() {
        SheetOutcome::NothingStored
    } else if report.added + report.changed == 0 {
        SheetOutcome::Unchanged
    } else {
        SheetOutcome::Stored
    }
}

fn answer(
    about: Kind,
    query: &SheetImportQuery,
    report: Report,
    version: Option<i64>,
    now: UnixMillis,
) -> Result<HttpResponse, Problem> {
    if let (true, Some(format)) = (query.dry_run, query.refused_as) {
        let bytes = report
            .sheet(about, format, now)
            .map_err(Problem::internal)?;
        let name = format!("refused-{}", file_name(about, format));
        return Ok(download(format.media_type(), name, bytes));
    }
    let outcome = match Taking::unless(query.dry_run) {
        Taking::Look => SheetOutcome::LookedAt,
        Taking::ForGood => for_good(query.mode, &report),
    };
    Ok(HttpResponse::Ok().json(SheetImported::of(report, outcome, version)))
}

/// The sheet of a request, the datum that the request states, and the place at which the
/// sheet was read.
async fn sheet_in(
    query: &SheetImportQuery,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(Place, Sheet, Option<Datum>), Problem> {
    let datum = query.datum.as_deref().map(|datum| datum_of(Some(datum)));
    let datum = datum.transpose()?;
    let sent = DESK.sent(request, payload, MAX_BYTES).await?;
    let place = DESK.place().await?;
    let (format, encoding) = (query.format, query.encoding);
    let read = place.work(move || {
        let sheet = sheet::read(format, sent.bytes(), encoding);
        Ok(sheet.map_err(Problems::from)?)
    });
    let (place, sheet) = read.await?;
    Ok((place, sheet, datum))
}

fn not_doubted(query: &SheetImportQuery, doubt: Option<Doubt>) -> Result<(), Problem> {
    match doubt {
        Some(doubt) if !query.datum_confirmed => Err(Problems::from(Flaw::Doubtful(doubt)).into()),
        _ => Ok(()),
    }
}

/// Takes in station areas from a sheet: those that it names are changed or added, all others
/// stay. Each row that is refused is listed.
#[utoipa::path(
    operation_id = "import_station_areas",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), SheetImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The sheet, at most 16 MiB"),
    responses(
        (status = 200, description = "What came of it", body = SheetImported),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[post("/stations/{id}/station-areas/sheet")]
pub(super) async fn import_station_areas(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<SheetImportQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let reason = query
        .reason
        .as_deref()
        .unwrap_or("station areas from a sheet");
    let reason = text("reason", reason, 1, 500)?;
    let (place, sheet, datum) = sheet_in(&query, &request, payload).await?;
    let held = store::whole_territory(&app.store, station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let (base, held) = (held.version, held.content);
    let read = place.work(move || {
        let areas = areas::read(&sheet, &held, datum).map_err(Problems::from)?;
        Ok((areas, held))
    });
    let (place, (areas, held)) = read.await?;
    not_doubted(&query, areas.doubt)?;
    let (good, report, now) = (areas.good, areas.report, caller.now);
    let stored = for_good(query.mode, &report) == SheetOutcome::Stored;
    // A look says too what would be wrong with the whole without the rows that are refused.
    if !stored && !query.dry_run {
        return answer(Kind::StationAreas, &query, report, None, now);
    }
    let applied = place.work(move || Ok(areas::apply(&held, &good)?.0));
    let (_place, content) = applied.await?;
    let taking = Taking::unless(query.dry_run);
    let mut version = None;
    if stored {
        let proposal = Proposal {
            station,
            base,
            content,
            effective_from: now,
            author: caller.person,
            reason,
        };
        let accepted = accept(&app, caller, proposal, taking).await?;
        version = (taking == Taking::ForGood).then_some(accepted.version);
    }
    answer(Kind::StationAreas, &query, report, version, now)
}

/// Takes in accounts from a sheet: those that it names are changed or added, all others stay.
/// Each row that is refused is listed.
#[utoipa::path(
    operation_id = "import_customers_sheet",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), SheetImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The sheet, at most 16 MiB"),
    responses(
        (status = 200, description = "What came of it", body = SheetImported),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
        (status = 503, description = "Other files are being read; come again after Retry-After",
         body = ProblemDocument),
    )
)]
#[post("/stations/{id}/customers/sheet")]
pub(super) async fn import_customers_sheet(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<SheetImportQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let (place, sheet, datum) = sheet_in(&query, &request, payload).await?;
    let named = place.work(move || {
        let numbers = accounts::numbers(&sheet).map_err(Problems::from)?;
        Ok((sheet, numbers))
    });
    let (place, (sheet, numbers)) = named.await?;
    let known = storing::known(&app, station, numbers).await?;
    let read = place.work(move || {
        let accounts = accounts::read(&sheet, &known, datum).map_err(Problems::from)?;
        Ok((accounts, known))
    });
    // Held until it is stored: what was read is in memory until then.
    let (_place, (accounts, known)) = read.await?;
    not_doubted(&query, accounts.doubt)?;
    let (report, now) = (accounts.report, caller.now);
    if for_good(query.mode, &report) == SheetOutcome::Stored {
        let rows = (accounts.good, Some(known));
        let taking = Taking::unless(query.dry_run);
        storing::accounts(&app, caller.into(), station, rows, taking).await?;
    }
    answer(Kind::Accounts, &query, report, None, now)
}
