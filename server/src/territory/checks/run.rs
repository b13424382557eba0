//! Checking what is stored: for who asks, and again after each change.

use super::{Checks, Facts, Flaw, FlawKind, Limits, SomeFlaws, check, neighbours};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        rows::{customer, station_area, territory_check},
        store,
        tiling::REPORTED,
    },
};
use gridcrew_sync_protocol::{
    ids::OrgId,
    position::{Metres, Wgs84, distance_m},
    time::{Millis, UnixMillis},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use std::{cmp::Ordering, collections::HashMap, time::Duration};
use territory_check::Column;
use uuid::Uuid;

/// How often a process looks for stations that are to be checked.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// After how long a station is checked again though nothing about its ground changed: people
/// come and go, terms begin and end.
const AGAIN: Millis = Millis(15 * 60_000);
/// How long a process has for one check before another may take it over.
const CLAIMED: Millis = Millis(60_000);
/// Most stations checked in one look.
const MOST: u64 = 20;
/// Customers read at once.
const CUSTOMERS: u64 = 5_000;

/// Checks a station's territory as it is stored now; `None` when it has none. All that is
/// read of the database is of one moment.
///
/// # Errors
/// A problem of the database.
pub async fn checked(app: &App, station: OrgId) -> Result<Option<Checks>, Problem> {
    let now = app.now();
    let limits = Limits::in_force(now);
    let read = app.store.snapshot(move |tx| {
        Box::pin(async move {
            let Some(territory) = store::territory(tx, station, now).await? else {
                return Ok(None);
            };
            let holders = territory.cells.iter().flat_map(|c| [&c.role_a, &c.role_b]);
            let holders = holders.flatten().map(|holder| holder.person).collect();
            let active = store::active_managers(tx, station, &holders).await?;
            let accounts = far_accounts(tx, station, limits.account_far_m).await?;
            Ok(Some((territory, active, accounts)))
        })
    });
    let Some((territory, active, accounts)) = read.await? else {
        return Ok(None);
    };
    let snapshot = app.territory.load();
    let work = move || {
        let content = &territory.content;
        let between = neighbours::common_ground(station, content, &snapshot, limits.overlap_m2);
        let facts = Facts {
            territory,
            active,
            accounts,
            between,
        };
        check(&facts, limits)
    };
    let checks = tokio::task::spawn_blocking(work).await;
    checks.map(Some).map_err(Problem::internal)
}

/// Accounts with a place that are farther than `most` from their station area, the farthest
/// first.
async fn far_accounts<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    most: Metres,
) -> Result<SomeFlaws, Problem> {
    let areas = station_area::Entity::find()
        .filter(station_area::Column::StationId.eq(station.0))
        .all(db)
        .await?;
    let areas: HashMap<Uuid, (String, Option<Wgs84>)> = areas
        .into_iter()
        .map(|area| (area.id, (area.code, Wgs84::new(area.lon, area.lat).ok())))
        .collect();
    let (mut far, mut found, mut after) = (Vec::new(), 0, Uuid::nil());
    loop {
        let rows: Vec<Placed> = placed(db, station, after).await?;
        let Some(last) = rows.last() else { break };
        after = last.0;
        let full = rows.len() as u64 == CUSTOMERS;
        for (_, account_no, area, lon, lat) in rows {
            let area = areas.get(&area);
            let (Some((code, Some(stands))), Ok(at)) = (area, Wgs84::new(lon, lat)) else {
                continue;
            };
            let distance = distance_m(at, *stands);
            if distance > most {
                found += 1;
                far.push(Flaw {
                    station_area: Some(code.clone()),
                    at: Some(at),
                    account_no: Some(account_no),
                    distance_m: Some(distance.0),
                    ..Flaw::of(FlawKind::AccountFarFromStationArea)
                });
            }
        }
        far.sort_by(farthest_first);
        far.truncate(REPORTED);
        if !full {
            break;
        }
    }
    let mut flaws = SomeFlaws::default();
    flaws.add(FlawKind::AccountFarFromStationArea, far);
    if found > 0 {
        flaws
            .found
            .insert(FlawKind::AccountFarFromStationArea, found);
    }
    Ok(flaws)
}

fn farthest_first(a: &Flaw, b: &Flaw) -> Ordering {
    let far = |flaw: &Flaw| flaw.distance_m.unwrap_or(0.0);
    far(b)
        .total_cmp(&far(a))
        .then(a.account_no.cmp(&b.account_no))
}

/// A customer with a place: his id, account number, station area, longitude and latitude.
type Placed = (Uuid, String, Uuid, f64, f64);

async fn placed<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    after: Uuid,
) -> Result<Vec<Placed>, Problem> {
    use customer::Column;
    Ok(customer::Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::AccountNo,
            Column::StationAreaId,
            Column::Lon,
            Column::Lat,
        ])
        .filter(Column::StationId.eq(station.0))
        .filter(Column::Lon.is_not_null())
        .filter(Column::Lat.is_not_null())
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(CUSTOMERS)
        .into_tuple()
        .all(db)
        .await?)
}

/// Checks the stations that are due, each by one process at a time, and keeps how many flaws
/// were found. Gives how many stations were checked.
///
/// # Errors
/// A problem of the database; the next look tries again.
pub async fn run_due(app: &App) -> Result<usize, Problem> {
    let due: Vec<(Uuid, i64)> = territory_check::Entity::find()
        .select_only()
        .columns([Column::StationId, Column::DueAt])
        .filter(Column::DueAt.lte(app.now().0))
        .order_by_asc(Column::DueAt)
        .limit(MOST)
        .into_tuple()
        .all(app.store.read())
        .await?;
    let mut done = 0;
    for (station, due_at) in due {
        let claimed = app.now().plus(CLAIMED).0;
        if move_due(app, station, due_at, claimed).await? {
            let checks = checked(app, OrgId(station)).await?;
            keep(app, station, claimed, checks).await?;
            done += 1;
        }
    }
    Ok(done)
}

/// Has a station due at another moment; whether it was due when we thought.
async fn move_due(app: &App, station: Uuid, from: i64, to: i64) -> Result<bool, Problem> {
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let moved = territory_check::Entity::update_many()
                    .col_expr(Column::DueAt, Expr::value(to))
                    .filter(Column::StationId.eq(station))
                    .filter(Column::DueAt.eq(from))
                    .exec(tx)
                    .await?;
                Ok(moved.rows_affected > 0)
            })
        })
        .await
}

/// Keeps what was found. A change that came meanwhile made the station due again: it stays so.
async fn keep(
    app: &App,
    station: Uuid,
    claimed: i64,
    checks: Option<Checks>,
) -> Result<(), Problem> {
    let now = app.now();
    let kinds = checks.as_ref().map(|checks| &checks.kinds);
    let kinds = serde_json::to_string(&kinds).map_err(Problem::internal)?;
    let found = checks
        .as_ref()
        .map(|checks| i64::try_from(checks.found).unwrap_or(i64::MAX));
    let version = checks.as_ref().map(|checks| checks.version);
    app.store
        .write(move |tx| {
            Box::pin(async move {
                territory_check::Entity::update_many()
                    .col_expr(Column::CheckedAt, Expr::value(now.0))
                    .col_expr(Column::Found, Expr::value(found))
                    .col_expr(Column::Version, Expr::value(version))
                    .col_expr(Column::Kinds, Expr::value(kinds))
                    .filter(Column::StationId.eq(station))
                    .exec(tx)
                    .await?;
                territory_check::Entity::update_many()
                    .col_expr(Column::DueAt, Expr::value(now.plus(AGAIN).0))
                    .filter(Column::StationId.eq(station))
                    .filter(Column::DueAt.eq(claimed))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// How many flaws a station had when it was checked last, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many.
    pub flaws: i64,
    /// When.
    pub checked_at: UnixMillis,
}

/// What was found last, by station.
///
/// # Errors
/// A problem of the database.
pub async fn found_last<C: ConnectionTrait>(
    db: &C,
    of: Condition,
) -> Result<HashMap<OrgId, Found>, Problem> {
    let rows = territory_check::Entity::find().filter(of).all(db).await?;
    let rows = rows.into_iter().filter_map(|row| {
        let found = Found {
            flaws: row.found?,
            checked_at: UnixMillis(row.checked_at?),
        };
        Some((OrgId(row.station_id), found))
    });
    Ok(rows.collect())
}
