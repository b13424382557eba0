//! Customers: taking in a list, and looking one up by the account number.

use super::{CHUNK, check_soon, raise};
use crate::{
    app::App,
    edge::Problem,
    people::{Scope, field},
    territory::rows::{account_area_link, customer, station_area},
    trace::feed_log::{StationLock, Subject},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, CustomerId, OrgId},
    position::Wgs84,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, QueryFilter, SqlErr, sea_query::OnConflict,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// New customers of one cell who are told of one by one. More are told with their cell anew,
/// which takes the cell off the handhelds until it has come again.
const TOLD_ONE_BY_ONE: usize = 300;

/// A customer to be taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCustomer {
    /// His account number.
    pub account_no: String,
    /// The account's name.
    pub name: String,
    /// The telephone number.
    pub phone: String,
    /// The service address.
    pub address: String,
    /// The asset number of the meter; empty when it is not known.
    pub meter_no: String,
    /// The code of the station area that supplies him.
    pub station_area: String,
    /// Where he is, if known.
    pub position: Option<Wgs84>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Customers who were new.
    pub added: usize,
    /// Customers who are told of otherwise than before.
    pub changed: usize,
    /// Customers who were known just so.
    pub unchanged: usize,
}

/// Takes in customers of a station, all or none. Who is known by his account number keeps
/// his id; where an account was linked before is kept. The snapshot holds which station area
/// supplies each account, so every process loads the station anew when that changed.
///
/// # Errors
/// `territory.code_twice` when an account number stands twice, `request.invalid` when a
/// station area is unknown, `conflict` when another station serves an account, or a
/// problem of the database.
pub async fn import_customers(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    customers: Vec<NewCustomer>,
) -> Result<Imported, Problem> {
    let lock = StationLock::take(tx, station).await?;
    let areas = areas_of(tx, station).await?;
    check(&customers, &areas)?;
    let codes = areas.values().map(|area| (area.id, area.code.as_str()));
    let codes: HashMap<Uuid, &str> = codes.collect();
    let mut imported = Imported::default();
    let mut new_in: BTreeMap<CellId, Vec<CustomerId>> = BTreeMap::new();
    let mut people = BTreeSet::new();
    let mut supplied_otherwise = false;
    for chunk in customers.chunks(CHUNK) {
        let held = held(tx, station, chunk).await?;
        let mut rows = Vec::new();
        let mut links = Vec::new();
        for new in chunk {
            let area = &areas[&new.station_area];
            let before = held.get(&new.account_no);
            let id = before.map_or_else(|| app.new_id(), |before| before.id);
            let row = row(id, station, area.id, new);
            match before {
                Some(before) if *before == row => {
                    imported.unchanged += 1;
                    continue;
                }
                Some(before) => {
                    supplied_otherwise |= before.station_area_id != row.station_area_id;
                    imported.changed += 1;
                    people.insert(CustomerId(id));
                    links.extend(ended_link(app, before, &row, &codes));
                }
                None => {
                    supplied_otherwise = true;
                    imported.added += 1;
                    if let Some(cell) = area.cell_id {
                        new_in.entry(CellId(cell)).or_default().push(CustomerId(id));
                    }
                }
            }
            rows.push(customer::ActiveModel::from(row).reset_all());
        }
        store(tx, rows).await?;
        store_links(tx, links).await?;
    }
    check_soon(tx, app, station).await?;
    // One who changed may have left a cell, so he is told of by himself; so are the new ones,
    // unless they are a whole list of a cell.
    let mut cells = Vec::new();
    for (cell, new) in new_in {
        if new.len() > TOLD_ONE_BY_ONE {
            cells.push(cell);
        } else {
            people.extend(new);
        }
    }
    let cells = cells.into_iter().map(Subject::Cell);
    let people = people.into_iter().map(Subject::Customer);
    let changes: Vec<_> = cells.chain(people).map(|subject| (subject, true)).collect();
    lock.announce_all(tx, &changes).await?;
    if supplied_otherwise {
        raise(tx, station, app.now()).await?;
    }
    Ok(imported)
}

/// The customer with an account number, if he is in scope.
///
/// # Errors
/// A problem of the database.
pub async fn customer_by_account<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    account_no: &str,
) -> Result<Option<(customer::Model, Option<station_area::Model>)>, Problem> {
    if !field::is_findable(account_no) {
        return Ok(None);
    }
    let found = customer::Entity::find()
        .filter(scope.customers())
        .filter(customer::Column::AccountNo.eq(account_no))
        .one(db)
        .await?;
    let Some(customer) = found else {
        return Ok(None);
    };
    let area = station_area::Entity::find_by_id(customer.station_area_id)
        .one(db)
        .await?;
    Ok(Some((customer, area)))
}

async fn areas_of(
    tx: &DatabaseTransaction,
    station: OrgId,
) -> Result<HashMap<String, station_area::Model>, Problem> {
    let rows = station_area::Entity::find()
        .filter(station_area::Column::StationId.eq(station.0))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|a| (a.code.clone(), a)).collect())
}

fn check(
    customers: &[NewCustomer],
    areas: &HashMap<String, station_area::Model>,
) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for customer in customers {
        if !seen.insert(customer.account_no.as_str()) {
            let detail = format!("The account {:?} stands twice.", customer.account_no);
            return Err(Problem::new(Code::TerritoryCodeTwice, detail));
        }
        if !areas.contains_key(&customer.station_area) {
            let detail = format!(
                "The station has no station area {:?}, named by the account {:?}. Import the \
                 territory first.",
                customer.station_area, customer.account_no
            );
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
    }
    Ok(())
}

/// The customers who are known already, by their account numbers.
async fn held(
    tx: &DatabaseTransaction,
    station: OrgId,
    chunk: &[NewCustomer],
) -> Result<HashMap<String, customer::Model>, Problem> {
    let numbers = chunk.iter().map(|new| new.account_no.as_str());
    let rows = customer::Entity::find()
        .filter(customer::Column::AccountNo.is_in(numbers))
        .all(tx)
        .await?;
    if rows.iter().any(|row| row.station_id != station.0) {
        return Err(in_use_elsewhere());
    }
    Ok(rows
        .into_iter()
        .map(|row| (row.account_no.clone(), row))
        .collect())
}

fn row(id: Uuid, station: OrgId, area: Uuid, new: &NewCustomer) -> customer::Model {
    customer::Model {
        id,
        station_id: station.0,
        station_area_id: area,
        account_no: new.account_no.clone(),
        name: new.name.clone(),
        phone: new.phone.clone(),
        address: new.address.clone(),
        meter_no: new.meter_no.clone(),
        lon: new.position.map(Wgs84::lon),
        lat: new.position.map(Wgs84::lat),
    }
}

async fn store(tx: &DatabaseTransaction, rows: Vec<customer::ActiveModel>) -> Result<(), Problem> {
    if rows.is_empty() {
        return Ok(());
    }
    let changing = [
        customer::Column::StationAreaId,
        customer::Column::Name,
        customer::Column::Phone,
        customer::Column::Address,
        customer::Column::MeterNo,
        customer::Column::Lon,
        customer::Column::Lat,
    ];
    customer::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(customer::Column::Id)
                .update_columns(changing)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await
        .map_err(|error| match error.sql_err() {
            // Another station took the number in while this transaction ran.
            Some(SqlErr::UniqueConstraintViolation(_)) => in_use_elsewhere(),
            _ => error.into(),
        })?;
    Ok(())
}

/// Where an account was linked until now, if it is linked elsewhere from now on.
fn ended_link(
    app: &App,
    before: &customer::Model,
    now: &customer::Model,
    codes: &HashMap<Uuid, &str>,
) -> Option<account_area_link::ActiveModel> {
    if before.station_area_id == now.station_area_id {
        return None;
    }
    let code = codes.get(&before.station_area_id)?;
    Some(account_area_link::ActiveModel {
        customer_id: Set(before.id),
        until_at: Set(app.now().0),
        station_id: Set(before.station_id),
        station_area: Set((*code).to_owned()),
    })
}

async fn store_links(
    tx: &DatabaseTransaction,
    links: Vec<account_area_link::ActiveModel>,
) -> Result<(), Problem> {
    if links.is_empty() {
        return Ok(());
    }
    use account_area_link::Column;
    // Two changes at one moment: only the first ended what was so before.
    account_area_link::Entity::insert_many(links)
        .on_conflict(
            OnConflict::columns([Column::CustomerId, Column::UntilAt])
                .update_column(Column::CustomerId)
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

fn in_use_elsewhere() -> Problem {
    Problem::new(
        Code::Conflict,
        "One of the account numbers is in use elsewhere; nothing was taken in.",
    )
}
