//! The person, his cells and their customers, for the feed.

use super::feed::Scan;
use crate::{
    edge::Problem,
    people::{Caller, rows::person},
};
use gridcrew_sync_protocol::{
    feed::{Cell, Colleague, Customer, Me},
    ids::{CellId, CustomerId, OrgId, PersonId, StationAreaId},
    position::{Datum, TypedPosition},
};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, Order, Query, SelectStatement},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The person himself and his colleagues.
pub(super) async fn me<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    station: OrgId,
) -> Result<Me, Problem> {
    let people = person::Entity::find()
        .filter(caller.scope.people())
        .filter(Expr::col(("person", "disabled_at")).is_null())
        .filter(Expr::col(("person", "role")).eq(caller.role.as_str()))
        .order_by_asc(person::Column::Id)
        .all(db)
        .await?;
    let (mine, others): (Vec<_>, Vec<_>) =
        people.into_iter().partition(|p| p.id == caller.person.0);
    let name = mine.into_iter().next().map(|me| me.name);
    let query = Query::select()
        .column("name")
        .from("org_unit")
        .and_where(Expr::col("id").eq(station.0))
        .take();
    let station_name: Option<String> = match db.query_one(&query).await? {
        Some(row) => Some(row.try_get("", "name")?),
        None => None,
    };
    Ok(Me {
        person: caller.person,
        name: name.ok_or_else(Problem::not_found)?,
        station,
        station_name: station_name.ok_or_else(Problem::not_found)?,
        colleagues: others
            .into_iter()
            .map(|other| Colleague {
                person: PersonId(other.id),
                name: other.name,
            })
            .collect(),
    })
}

/// The cells where the person is A or B.
pub(super) async fn own_cells<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
) -> Result<BTreeSet<CellId>, Problem> {
    let query = Query::select()
        .expr(Expr::col(("cell", "id")))
        .from("cell")
        .cond_where(caller.scope.own_cells())
        .take();
    let mut cells = BTreeSet::new();
    for row in db.query_all(&query).await? {
        cells.insert(CellId(row.try_get_by_index(0)?));
    }
    Ok(cells)
}

#[derive(FromQueryResult)]
struct CellRow {
    id: Uuid,
    code: String,
    name: String,
    geometry: String,
}

/// Those of `cells` that are the person's.
pub(super) async fn cells<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    cells: &BTreeSet<CellId>,
) -> Result<Vec<Cell>, Problem> {
    if cells.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query::select()
        .columns([
            ("cell", "id"),
            ("cell", "code"),
            ("cell", "name"),
            ("cell", "geometry"),
        ])
        .from("cell")
        .cond_where(caller.scope.own_cells())
        .and_where(Expr::col(("cell", "id")).is_in(cells.iter().map(|cell| cell.0)))
        .order_by(("cell", "id"), Order::Asc)
        .take();
    let mut roles = roles(db, caller, cells).await?;
    let mut found = Vec::new();
    for row in db.query_all(&query).await? {
        let row = CellRow::from_query_result(&row, "")?;
        let id = CellId(row.id);
        let (role_a, role_b) = roles.remove(&id).unwrap_or_default();
        found.push(Cell {
            id,
            code: row.code,
            name: row.name,
            role_a,
            role_b,
            polygons: serde_json::from_str(&row.geometry).map_err(Problem::internal)?,
        });
    }
    Ok(found)
}

type AAndB = (Option<PersonId>, Option<PersonId>);

/// The present A and B of cells.
async fn roles<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    cells: &BTreeSet<CellId>,
) -> Result<BTreeMap<CellId, AAndB>, Problem> {
    let now = caller.scope.now.0;
    let query = Query::select()
        .columns(["cell_id", "role", "person_id"])
        .from("cell_role")
        .cond_where(caller.scope.of_stations("cell_role"))
        .and_where(Expr::col("cell_id").is_in(cells.iter().map(|cell| cell.0)))
        .and_where(Expr::col("valid_from").lte(now))
        .cond_where(
            Condition::any()
                .add(Expr::col("valid_until").is_null())
                .add(Expr::col("valid_until").gt(now)),
        )
        .order_by("valid_from", Order::Asc)
        .take();
    let mut roles: BTreeMap<CellId, AAndB> = BTreeMap::new();
    for row in db.query_all(&query).await? {
        let cell = CellId(row.try_get_by_index(0)?);
        let role: String = row.try_get_by_index(1)?;
        let person = PersonId(row.try_get_by_index(2)?);
        let both = roles.entry(cell).or_default();
        match role.as_str() {
            "A" => both.0 = Some(person),
            "B" => both.1 = Some(person),
            _ => {
                return Err(Problem::internal(format!(
                    "cell {cell} has the role `{role}`"
                )));
            }
        }
    }
    Ok(roles)
}

#[derive(FromQueryResult)]
struct CustomerRow {
    id: Uuid,
    account_no: String,
    meter_no: String,
    name: String,
    address: String,
    station_area_id: Uuid,
    cell_id: Uuid,
    lon: Option<f64>,
    lat: Option<f64>,
}

/// Customers in scope that are in a cell, by id.
fn customers_query(caller: &Caller) -> SelectStatement {
    Query::select()
        .columns([
            ("customer", "id"),
            ("customer", "account_no"),
            ("customer", "meter_no"),
            ("customer", "name"),
            ("customer", "address"),
            ("customer", "station_area_id"),
            ("customer", "lon"),
            ("customer", "lat"),
        ])
        .column(("station_area", "cell_id"))
        .from("customer")
        .inner_join(
            "station_area",
            Expr::col(("station_area", "id")).equals(("customer", "station_area_id")),
        )
        .cond_where(caller.scope.customers())
        .and_where(Expr::col(("station_area", "cell_id")).is_not_null())
        .order_by(("customer", "id"), Order::Asc)
        .take()
}

async fn read_customers<C: ConnectionTrait>(
    db: &C,
    query: &SelectStatement,
) -> Result<Vec<Customer>, Problem> {
    let rows = db.query_all(query).await?;
    rows.iter()
        .map(|row| {
            let row = CustomerRow::from_query_result(row, "")?;
            let position = match (row.lon, row.lat) {
                (Some(lon), Some(lat)) => TypedPosition::new(lon, lat, Datum::Wgs84).ok(),
                _ => None,
            };
            Ok(Customer {
                id: CustomerId(row.id),
                account_no: row.account_no,
                meter_no: row.meter_no,
                name: row.name,
                address: row.address,
                station_area: StationAreaId(row.station_area_id),
                cell: CellId(row.cell_id),
                position,
            })
        })
        .collect()
}

/// The next customers of a scan.
pub(super) async fn customers_of_scan<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    scan: &Scan,
    after: Option<CustomerId>,
    limit: u64,
) -> Result<Vec<Customer>, Problem> {
    let mut query = customers_query(caller);
    let cells = scan.cells.iter().map(|cell| cell.0);
    query
        .and_where(Expr::col(("station_area", "cell_id")).is_in(cells))
        .limit(limit);
    if let Some(after) = after {
        query.and_where(Expr::col(("customer", "id")).gt(after.0));
    }
    read_customers(db, &query).await
}

/// Those of `customers` that are in scope.
pub(super) async fn customers<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Customer>, Problem> {
    if customers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut query = customers_query(caller);
    let ids = customers.iter().map(|customer| customer.0);
    query.and_where(Expr::col(("customer", "id")).is_in(ids));
    let found = read_customers(db, &query).await?;
    Ok(found.into_iter().map(|one| (one.id, one)).collect())
}
