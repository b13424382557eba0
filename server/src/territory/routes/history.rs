//! The history of a territory: its versions, the territory as it was at a moment, and whose
//! something was then.

use super::{allow, beside, cells::Manager, datum_of, no_territory};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission, audit},
    territory::{
        account::account_no,
        changes::Changes,
        content::AreaContent,
        export,
        store::{self, CellDetail, NamedManager, StoredTerritory},
        undo::Version,
    },
};
use actix_web::{HttpResponse, get, web};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, CustomerId, OrgId, PersonId},
    position::{Datum, TypedPosition, Wgs84},
    time::UnixMillis,
};
use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most versions of one page.
const PAGE: u64 = 100;
/// Most station areas of one answer.
const MATCHES: usize = 50;

/// A version of a territory.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// The version.
    pub version: i64,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// When it came into force; absent when that was not noted yet.
    pub came_at: Option<UnixMillis>,
    /// Who accepted it.
    pub author: PersonId,
    /// His name.
    pub author_name: String,
    /// Why.
    pub reason: String,
    /// What it changed.
    pub changes: Changes,
    /// The version that it undid.
    pub undoes: Option<i64>,
}

/// A page of versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionList {
    /// The newest first.
    pub versions: Vec<VersionView>,
    /// Where the next page begins; absent on the last.
    pub after: Option<i64>,
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionsQuery {
    /// Only those older than this one, as the page before said.
    after: Option<i64>,
}

/// The versions of a station's territory: who made them, when, why, and what they changed.
#[utoipa::path(
    operation_id = "list_territory_versions",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), VersionsQuery),
    responses(
        (status = 200, description = "The versions", body = VersionList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/versions")]
pub(super) async fn list_versions(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<VersionsQuery>,
) -> Result<web::Json<VersionList>, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let found = store::versions(app.store.read(), *station, (0, query.after), PAGE).await?;
    let full = u64::try_from(found.len()).is_ok_and(|found| found == PAGE);
    let last = found.last().map(|head| head.version);
    Ok(web::Json(VersionList {
        after: last.filter(|version| full && *version > 1),
        versions: found
            .into_iter()
            .map(|head| VersionView {
                version: head.version,
                effective_from: head.effective_from,
                came_at: head.came_at,
                author: head.author,
                author_name: head.author_name,
                reason: head.reason,
                changes: head.changes,
                undoes: head.undoes,
            })
            .collect(),
    }))
}

/// As of when, and how to write it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AtQuery {
    /// The moment, milliseconds since 1970.
    #[param(value_type = i64)]
    at: UnixMillis,
    /// The datum of all coordinates: WGS-84 (when absent), GCJ-02, BD-09 or CGCS2000.
    datum: Option<String>,
}

/// The territory as it was at a moment, with A and B of then, as GeoJSON. The version that
/// counts is the newest of those that count from then or earlier.
#[utoipa::path(
    operation_id = "read_territory_at",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), AtQuery),
    responses(
        (status = 200, description = "A feature collection, as of the present territory",
         content_type = "application/geo+json", body = Object),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/at")]
pub(super) async fn read_territory_at(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<AtQuery>,
) -> Result<HttpResponse, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let datum = match query.datum.as_deref() {
        None => Datum::Wgs84,
        given => datum_of(given)?,
    };
    let then = Then::find(&app, *station, query.at).await?;
    let text = beside(move || {
        let territory = then.territory();
        serde_json::to_string(&export::territory(&territory, datum)).map_err(Problem::internal)
    });
    Ok(HttpResponse::Ok()
        .content_type("application/geo+json")
        .body(text.await?))
}

/// Whose was it? One of `station_area`, `village`, `account_no`, or `lon`, `lat` and `datum`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhoseQuery {
    /// The moment, milliseconds since 1970.
    #[param(value_type = i64)]
    at: UnixMillis,
    /// The code of a station area.
    station_area: Option<String>,
    /// A part of the name of a village or station area.
    village: Option<String>,
    /// An account number.
    account_no: Option<String>,
    /// The longitude of a point.
    lon: Option<f64>,
    /// The latitude of a point.
    lat: Option<f64>,
    /// What `lon` and `lat` refer to.
    datum: Option<String>,
}

/// A cell as it was.
#[derive(Debug, Serialize, ToSchema)]
pub struct CellThen {
    /// Its id.
    pub id: CellId,
    /// Its code.
    pub code: String,
    /// Its name then.
    pub name: String,
    /// Its A then.
    pub role_a: Option<Manager>,
    /// Its B then.
    pub role_b: Option<Manager>,
}

/// What was asked about, and whose it was.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoseMatch {
    /// The code of the station area; absent for a point.
    pub station_area: Option<String>,
    /// Its name then.
    pub name: Option<String>,
    /// The cell; absent when it was in none.
    pub cell: Option<CellThen>,
}

/// Whose it was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Whose {
    /// The moment.
    pub at: UnixMillis,
    /// The version that counted then.
    pub version: i64,
    /// What was found, by code, at most 50; several for a name.
    pub matches: Vec<WhoseMatch>,
}

/// Whose was a village, a station area, an account or a point at a moment: its cell and who
/// was A and B of it then.
#[utoipa::path(
    operation_id = "whose_was_it",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station"), WhoseQuery),
    responses(
        (status = 200, description = "Whose it was", body = Whose),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/whose")]
pub(super) async fn whose_was_it(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    query: web::Query<WhoseQuery>,
) -> Result<web::Json<Whose>, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let asked = asked(&app, &caller, *station, &query).await?;
    let then = Then::find(&app, *station, query.at).await?;
    let at = query.at;
    let whose = beside(move || {
        Ok(Whose {
            at,
            version: then.version.version,
            matches: then.matches(&asked),
        })
    });
    Ok(web::Json(whose.await?))
}

/// What is asked about.
enum Asked {
    Area(String),
    Name(String),
    Point(Wgs84),
}

async fn asked(
    app: &App,
    caller: &Caller,
    station: OrgId,
    query: &WhoseQuery,
) -> Result<Asked, Problem> {
    let one_of = || {
        let detail = "Ask about one of station_area, village, account_no, or lon, lat and datum.";
        Problem::new(Code::RequestInvalid, detail)
    };
    let given = [
        query.station_area.is_some(),
        query.village.is_some(),
        query.account_no.is_some(),
        query.lon.is_some() || query.lat.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(one_of());
    }
    if let Some(code) = &query.station_area {
        return Ok(Asked::Area(code.clone()));
    }
    if let Some(name) = query.village.as_deref().map(str::trim) {
        return if name.is_empty() {
            Err(one_of())
        } else {
            Ok(Asked::Name(name.to_owned()))
        };
    }
    if let Some(number) = &query.account_no {
        return of_account(app, caller, station, number, query.at).await;
    }
    let (Some(lon), Some(lat)) = (query.lon, query.lat) else {
        return Err(one_of());
    };
    let position = TypedPosition::new(lon, lat, datum_of(query.datum.as_deref())?)?;
    Ok(Asked::Point(position.to_wgs84()))
}

/// The station area that an account was linked to. Who asked for whom is written down.
async fn of_account(
    app: &App,
    caller: &Caller,
    station: OrgId,
    number: &str,
    at: UnixMillis,
) -> Result<Asked, Problem> {
    caller.may(Permission::ReadOrders)?;
    let db = app.store.read();
    let found = store::customer_by_account(db, &caller.scope, &account_no(number)).await?;
    let found = found.filter(|(customer, _)| customer.station_id == station.0);
    let (customer, _) = found.ok_or_else(Problem::not_found)?;
    audit::record_reading(app, caller, "customer.read", CustomerId(customer.id)).await?;
    let area = store::area_of_account_at(db, &customer, at).await?;
    area.map(Asked::Area).ok_or_else(Problem::not_found)
}

/// A territory as it was, with A and B of then.
struct Then {
    version: Version,
    head: store::VersionHead,
    station: OrgId,
    roles: BTreeMap<CellId, [Option<NamedManager>; 2]>,
}

impl Then {
    /// Reads it, all of one moment.
    async fn find(app: &App, station: OrgId, at: UnixMillis) -> Result<Self, Problem> {
        app.store
            .snapshot(move |tx| Box::pin(async move { Self::read(tx, station, at).await }))
            .await
    }

    async fn read(
        tx: &DatabaseTransaction,
        station: OrgId,
        at: UnixMillis,
    ) -> Result<Self, Problem> {
        let number = store::version_at(tx, station, at)
            .await?
            .ok_or_else(no_territory)?;
        let version = store::version_of(tx, station, number).await?;
        let version = version.ok_or_else(no_territory)?;
        let heads = store::versions(tx, station, (number - 1, Some(number + 1)), 1).await?;
        let head = heads.into_iter().next().ok_or_else(no_territory)?;
        let roles = store::roles_at(tx, version.ids.values().copied(), at).await?;
        Ok(Self {
            version,
            head,
            station,
            roles: roles
                .into_iter()
                .map(|(cell, pair)| (CellId(cell), pair))
                .collect(),
        })
    }

    /// As the export takes it.
    fn territory(self) -> StoredTerritory {
        let content = self.version.content;
        let cells = content.cells.iter().map(|cell| {
            let id = self
                .version
                .ids
                .get(&cell.code)
                .copied()
                .unwrap_or(CellId(Uuid::nil()));
            let [role_a, role_b] = self.roles.get(&id).cloned().unwrap_or_default();
            let own = content.station_areas.iter();
            let own = own.filter(|area| area.cell.as_deref() == Some(&*cell.code));
            let (count, customers) = own.fold((0u32, 0u64), |(count, customers), area| {
                (
                    count.saturating_add(1),
                    customers + u64::from(area.customers),
                )
            });
            CellDetail {
                id,
                station: self.station,
                code: cell.code.clone(),
                name: cell.name.clone(),
                role_a,
                role_b,
                station_areas: count,
                customers,
            }
        });
        StoredTerritory {
            version: self.version.version,
            effective_from: self.head.effective_from,
            reason: self.head.reason,
            cells: cells.collect(),
            content,
        }
    }

    fn matches(&self, asked: &Asked) -> Vec<WhoseMatch> {
        let content = &self.version.content;
        let of_areas = |wanted: &dyn Fn(&AreaContent) -> bool| -> Vec<WhoseMatch> {
            let found = content.station_areas.iter().filter(|area| wanted(area));
            let matches = found.take(MATCHES).map(|area| WhoseMatch {
                station_area: Some(area.code.clone()),
                name: Some(area.name.clone()),
                cell: area.cell.as_deref().and_then(|code| self.cell(code)),
            });
            matches.collect()
        };
        match asked {
            Asked::Area(code) => of_areas(&|area| area.code == *code),
            Asked::Name(name) => of_areas(&|area| area.name.contains(name.as_str())),
            Asked::Point(point) => {
                let around = content
                    .cells
                    .iter()
                    .find(|cell| cell.outline.contains(*point));
                vec![WhoseMatch {
                    station_area: None,
                    name: None,
                    cell: around.and_then(|cell| self.cell(&cell.code)),
                }]
            }
        }
    }

    fn cell(&self, code: &str) -> Option<CellThen> {
        let cell = self
            .version
            .content
            .cells
            .iter()
            .find(|cell| cell.code == code)?;
        let id = self.version.ids.get(code).copied()?;
        let [role_a, role_b] = self.roles.get(&id).cloned().unwrap_or_default();
        Some(CellThen {
            id,
            code: cell.code.clone(),
            name: cell.name.clone(),
            role_a: role_a.map(Manager::from),
            role_b: role_b.map(Manager::from),
        })
    }
}
