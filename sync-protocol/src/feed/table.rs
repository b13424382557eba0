//! Many customers as a table: each column together, so that like stands beside like.
//!
//! A first sync is mostly customers, and most of a customer's bytes are random ones that
//! nothing can squeeze: his id above all. What can be saved is the rest. In columns, and
//! with coordinates as whole numbers, 1,000 customers take about two thirds of the bytes
//! that they take one by one (`docs/decisions`). Only the wire knows of columns; a table is
//! read back as customers.

use super::Customer;
use crate::{
    ids::{CellId, CustomerId, StationAreaId},
    position::{Datum, TypedPosition},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Parts of a degree in a column of places: about a centimetre of ground.
const PARTS: f64 = 1e7;

/// Customers, in columns on the wire. Places come in WGS-84, rounded to a centimetre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Columns", try_from = "Columns")]
pub struct CustomerTable(pub Vec<Customer>);

#[derive(Serialize, Deserialize)]
struct Columns {
    /// 16 bytes for each.
    #[serde(with = "serde_bytes")]
    ids: Vec<u8>,
    accounts: Vec<String>,
    meters: Vec<String>,
    names: Vec<String>,
    addresses: Vec<String>,
    /// Station areas with their cells, each once.
    areas: Vec<(StationAreaId, CellId)>,
    /// By number among `areas`.
    area: Vec<u32>,
    lon: Vec<Option<i32>>,
    lat: Vec<Option<i32>>,
}

impl From<CustomerTable> for Columns {
    fn from(table: CustomerTable) -> Self {
        let mut columns = Self {
            ids: Vec::with_capacity(16 * table.0.len()),
            accounts: Vec::new(),
            meters: Vec::new(),
            names: Vec::new(),
            addresses: Vec::new(),
            areas: Vec::new(),
            area: Vec::new(),
            lon: Vec::new(),
            lat: Vec::new(),
        };
        let mut known: BTreeMap<(StationAreaId, CellId), u32> = BTreeMap::new();
        for customer in table.0 {
            columns.ids.extend(customer.id.0.as_bytes());
            columns.accounts.push(customer.account_no);
            columns.meters.push(customer.meter_no);
            columns.names.push(customer.name);
            columns.addresses.push(customer.address);
            let area = (customer.station_area, customer.cell);
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            columns.area.push(*known.entry(area).or_insert_with(|| {
                columns.areas.push(area);
                next
            }));
            let place = customer.position.map(TypedPosition::to_wgs84);
            columns.lon.push(place.map(|place| parts(place.lon())));
            columns.lat.push(place.map(|place| parts(place.lat())));
        }
        columns
    }
}

/// Degrees of at most 180 in parts; fits, as 180 degrees are 1.8e9 parts.
fn parts(degrees: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded, and a cast of a float saturates"
    )]
    let parts = (degrees * PARTS).round() as i32;
    parts
}

impl TryFrom<Columns> for CustomerTable {
    type Error = &'static str;

    fn try_from(columns: Columns) -> Result<Self, Self::Error> {
        let count = columns.accounts.len();
        let (ids, rest) = columns.ids.as_chunks::<16>();
        let lengths = [
            ids.len(),
            columns.meters.len(),
            columns.names.len(),
            columns.addresses.len(),
            columns.area.len(),
            columns.lon.len(),
            columns.lat.len(),
        ];
        if !rest.is_empty() || lengths.iter().any(|length| *length != count) {
            return Err("the columns of a table differ in length");
        }
        let texts = columns
            .accounts
            .into_iter()
            .zip(columns.meters)
            .zip(columns.names.into_iter().zip(columns.addresses));
        let places = columns.lon.into_iter().zip(columns.lat);
        ids.iter()
            .zip(texts)
            .zip(columns.area)
            .zip(places)
            .map(
                |(((id, ((account_no, meter_no), (name, address))), area), place)| {
                    let area = usize::try_from(area).ok();
                    let area = area.and_then(|area| columns.areas.get(area));
                    let (station_area, cell) = *area.ok_or("a row names no station area")?;
                    Ok(Customer {
                        id: CustomerId(Uuid::from_bytes(*id)),
                        account_no,
                        meter_no,
                        name,
                        address,
                        station_area,
                        cell,
                        position: place_of(place)?,
                    })
                },
            )
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn place_of(parts: (Option<i32>, Option<i32>)) -> Result<Option<TypedPosition>, &'static str> {
    match parts {
        (None, None) => Ok(None),
        (Some(lon), Some(lat)) => {
            let (lon, lat) = (f64::from(lon) / PARTS, f64::from(lat) / PARTS);
            TypedPosition::new(lon, lat, Datum::Wgs84)
                .map(Some)
                .map_err(|_| "a place is nowhere")
        }
        _ => Err("half a place"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;
    use proptest::prelude::*;

    fn customer() -> impl Strategy<Value = Customer> {
        let place = prop::option::of((
            -1_800_000_000i32..=1_800_000_000,
            -900_000_000i32..=900_000_000,
        ));
        (
            any::<[u128; 2]>(),
            0u128..3,
            "\\PC{0,12}",
            "\\PC{0,12}",
            place,
        )
            .prop_map(|([id, meter], area, account_no, name, place)| Customer {
                id: CustomerId(Uuid::from_u128(id)),
                account_no,
                meter_no: meter.to_string(),
                address: name.repeat(2),
                name,
                station_area: StationAreaId(Uuid::from_u128(area)),
                cell: CellId(Uuid::from_u128(area / 2)),
                position: place.map(|(lon, lat)| {
                    let (lon, lat) = (f64::from(lon) / PARTS, f64::from(lat) / PARTS);
                    TypedPosition::new(lon, lat, Datum::Wgs84).unwrap()
                }),
            })
    }

    proptest! {
        #[test]
        fn a_table_is_read_back_as_the_customers_that_went_in(
            customers in prop::collection::vec(customer(), 0..20),
        ) {
            let table = CustomerTable(customers);
            let read: CustomerTable = wire::decode(&wire::encode(&table)).unwrap();
            prop_assert_eq!(read, table);
        }
    }

    #[test]
    fn columns_that_do_not_fit_each_other_are_refused() {
        let columns = || Columns {
            ids: vec![7; 16],
            accounts: vec![String::new()],
            meters: vec![String::new()],
            names: vec![String::new()],
            addresses: vec![String::new()],
            areas: vec![(StationAreaId(Uuid::nil()), CellId(Uuid::nil()))],
            area: vec![0],
            lon: vec![Some(1)],
            lat: vec![Some(1)],
        };
        assert!(CustomerTable::try_from(columns()).is_ok());
        let wrong: [fn(&mut Columns); 5] = [
            |one| one.ids.truncate(15),
            |one| one.names.clear(),
            |one| one.area = vec![1],
            |one| one.lon = vec![None],
            |one| one.lat = vec![Some(i32::MAX)],
        ];
        for spoil in wrong {
            let mut spoilt = columns();
            spoil(&mut spoilt);
            assert!(CustomerTable::try_from(spoilt).is_err());
        }
    }
}
