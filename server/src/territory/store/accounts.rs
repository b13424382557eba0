//! Accounts as they are held, for the sheets that they come and go in.

use super::{CHUNK, NewCustomer};
use crate::{
    edge::Problem,
    people::field,
    store::Store,
    territory::{
        rows::{customer, station_area},
        sheet::accounts::Known,
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{code::Code, ids::OrgId, position::Wgs84};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};
use std::collections::HashMap;
use uuid::Uuid;

/// What is known of accounts with these numbers, and all station areas of a station.
///
/// # Errors
/// A problem of the database.
pub async fn known_accounts<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    numbers: &[String],
) -> Result<Known, Problem> {
    let areas = areas(db, station).await?;
    let mut known = Known::default();
    let codes: HashMap<Uuid, &str> = areas
        .iter()
        .map(|area| (area.id, area.code.as_str()))
        .collect();
    for area in &areas {
        let at = Wgs84::new(area.lon, area.lat).map_err(Problem::internal)?;
        known.areas.insert(area.code.clone(), at);
    }
    for chunk in numbers.chunks(CHUNK) {
        let chunk = chunk.iter().filter(|number| field::is_findable(number));
        let rows = customer::Entity::find()
            .filter(customer::Column::AccountNo.is_in(chunk))
            .all(db)
            .await?;
        for row in rows {
            if row.station_id == station.0 {
                let account = account(row, &codes)?;
                known.held.insert(account.account_no.clone(), account);
            } else {
                known.foreign.insert(row.account_no);
            }
        }
    }
    Ok(known)
}

/// Takes the station's lock and sees that accounts are still known as they were `compared`:
/// an account has from there what its sheet does not say, so else it would be set back.
///
/// # Errors
/// `conflict` when one is known otherwise by now, or a problem of the database.
pub async fn still_known(
    tx: &DatabaseTransaction,
    station: OrgId,
    accounts: &[NewCustomer],
    compared: &Known,
) -> Result<(), Problem> {
    StationLock::take(tx, station).await?;
    let numbers: Vec<String> = accounts
        .iter()
        .map(|account| account.account_no.clone())
        .collect();
    let known = known_accounts(tx, station, &numbers).await?;
    let other = numbers
        .iter()
        .find(|number| known.held.get(*number) != compared.held.get(*number));
    match other {
        None => Ok(()),
        Some(number) => {
            let detail = format!(
                "The account {number:?} was changed meanwhile; nothing was taken in. Send the \
                 sheet again."
            );
            Err(Problem::new(Code::Conflict, detail))
        }
    }
}

/// All accounts of a station, by their numbers, as of one moment.
///
/// # Errors
/// A problem of the database.
pub async fn accounts(store: &Store, station: OrgId) -> Result<Vec<NewCustomer>, Problem> {
    store
        .snapshot(move |tx| {
            Box::pin(async move {
                let areas = areas(tx, station).await?;
                let codes = areas.iter().map(|area| (area.id, area.code.as_str()));
                let codes: HashMap<Uuid, &str> = codes.collect();
                let rows = customer::Entity::find()
                    .filter(customer::Column::StationId.eq(station.0))
                    .order_by_asc(customer::Column::AccountNo)
                    .all(tx)
                    .await?;
                rows.into_iter().map(|row| account(row, &codes)).collect()
            })
        })
        .await
}

async fn areas<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
) -> Result<Vec<station_area::Model>, Problem> {
    let areas = station_area::Entity::find()
        .filter(station_area::Column::StationId.eq(station.0))
        .all(db)
        .await?;
    Ok(areas)
}

fn account(row: customer::Model, codes: &HashMap<Uuid, &str>) -> Result<NewCustomer, Problem> {
    let position = row.lon.zip(row.lat).map(|(lon, lat)| Wgs84::new(lon, lat));
    let code = codes.get(&row.station_area_id).copied();
    Ok(NewCustomer {
        account_no: row.account_no,
        name: row.name,
        phone: row.phone,
        address: row.address,
        meter_no: row.meter_no,
        station_area: code
            .ok_or_else(|| Problem::internal("an account without its station area"))?
            .to_owned(),
        position: position.transpose().map_err(Problem::internal)?,
    })
}
