//! What dispatch reads before it decides: the people of the station with their standing, and
//! what is known of where an order belongs.

use super::{
    ladder::{Home, PersonFacts},
    place::{Account, Known},
};
use crate::{
    duty::absence,
    edge::Problem,
    orders::rows::service_order,
    people::{
        Role,
        rows::{org_unit, person},
        tree::UnitKind,
        workplace::WORKERS,
    },
    territory::rows::{customer, station_area},
};
use gridcrew_sync_protocol::{
    ids::{CustomerId, OrgId, PersonId, StationAreaId},
    order::Sourced,
    position::Wgs84,
    record::{Accepted, Event},
    time::UnixMillis,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::HashMap;
use uuid::Uuid;

/// The managers and the staff of a station.
///
/// # Errors
/// A problem of the database.
pub async fn people_of<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    now: UnixMillis,
) -> Result<Vec<PersonFacts>, Problem> {
    #[cfg(test)]
    readings::add();
    let homes = homes_of(db, station).await?;
    let people = person::Entity::find()
        .filter(person::Column::OrgId.is_in(homes.keys().copied()))
        .filter(person::Column::Role.is_in(WORKERS))
        .all(db)
        .await?;
    let absent = absence::off_now(db, people.iter().map(|person| person.id), now).await?;
    let open = open_orders(db, station).await?;
    Ok(people
        .into_iter()
        .map(|person| PersonFacts {
            id: PersonId(person.id),
            manager: person.role == Role::Manager.as_str(),
            home: homes.get(&person.org_id).copied().unwrap_or(Home::Station),
            base: point(person.base_lon, person.base_lat),
            disabled: person.disabled_at.is_some(),
            off_duty: absent.contains(&person.id),
            open_orders: open.get(&person.id).copied().unwrap_or(0),
        })
        .collect())
}

/// How often this thread has read the people of a station: for tests of what many orders cost.
#[cfg(test)]
pub(super) mod readings {
    use std::cell::Cell;

    thread_local! {
        static READINGS: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn add() {
        READINGS.set(READINGS.get() + 1);
    }

    /// So often by now.
    pub(in crate::dispatch) fn by_now() -> u32 {
        READINGS.get()
    }
}

/// The station and the units right under it: crews and teams have nothing below them.
async fn homes_of<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
) -> Result<HashMap<Uuid, Home>, Problem> {
    let units = org_unit::Entity::find()
        .filter(
            Condition::any()
                .add(org_unit::Column::Id.eq(station.0))
                .add(org_unit::Column::ParentId.eq(station.0)),
        )
        .all(db)
        .await?;
    Ok(units
        .into_iter()
        .map(|unit| {
            let home = match unit.kind.parse() {
                Ok(UnitKind::Team) => Home::Team(OrgId(unit.id)),
                Ok(UnitKind::Crew) => Home::Crew(OrgId(unit.id)),
                _ => Home::Station,
            };
            (unit.id, home)
        })
        .collect())
}

async fn open_orders<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
) -> Result<HashMap<Uuid, u32>, Problem> {
    use service_order::Column;
    let counts: Vec<(Uuid, i64)> = service_order::Entity::find()
        .select_only()
        .column(Column::OwnerPerson)
        .column_as(Column::Id.count(), "open")
        .filter(Column::StationId.eq(station.0))
        .filter(Column::OwnerPerson.is_not_null())
        .filter(Column::Status.is_in(["routed", "taken", "working"]))
        .group_by(Column::OwnerPerson)
        .into_tuple()
        .all(db)
        .await?;
    let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(counts
        .into_iter()
        .map(|(person, count)| (person, small(count)))
        .collect())
}

/// What is known of where an order belongs, and what distances are measured from.
#[derive(Clone, Debug, PartialEq)]
pub struct Whereabouts {
    /// For finding the cell.
    pub known: Known,
    /// The number of the customer's account, if he is known.
    pub account_no: Option<String>,
    /// The point, else where the customer is, else where the transformer stands.
    pub origin: Option<Wgs84>,
}

impl Whereabouts {
    /// Of an order of this customer, if there is one, at this point, if it is known.
    #[must_use]
    pub fn of(
        customer: Option<&(customer::Model, Option<station_area::Model>)>,
        account_given: bool,
        given: Option<Wgs84>,
    ) -> Self {
        let Some((customer, area)) = customer else {
            let account = if account_given {
                Account::Unknown
            } else {
                Account::NotGiven
            };
            let known = Known {
                account,
                point: given,
            };
            return Self {
                known,
                account_no: None,
                origin: given,
            };
        };
        let account = Account::Known {
            station: OrgId(customer.station_id),
            area: StationAreaId(customer.station_area_id),
        };
        let home = point(customer.lon, customer.lat);
        let transformer = area.as_ref();
        let transformer = transformer.and_then(|area| Wgs84::new(area.lon, area.lat).ok());
        let known = Known {
            account,
            point: given.or(home),
        };
        Self {
            known,
            account_no: Some(customer.account_no.clone()),
            origin: given.or(home).or(transformer),
        }
    }
}

/// What is known of an order that was taken in before; `account_given` with an account
/// number, which the records do not hold.
///
/// # Errors
/// A problem of the database.
pub async fn whereabouts<C: ConnectionTrait>(
    db: &C,
    records: &[Sourced],
    account_given: bool,
) -> Result<Whereabouts, Problem> {
    let accepted = records.iter().find_map(|sourced| accepted(sourced));
    let given = accepted.and_then(|accepted| accepted.position);
    let customer = match accepted.and_then(|accepted| accepted.customer) {
        Some(id) => customer_of(db, id).await?,
        None => None,
    };
    Ok(Whereabouts::of(
        customer.as_ref(),
        account_given,
        given.map(|position| position.to_wgs84()),
    ))
}

fn accepted(sourced: &Sourced) -> Option<&Accepted> {
    match &sourced.record.event {
        Event::Accepted(accepted) if sourced.from_server() => Some(accepted),
        _ => None,
    }
}

async fn customer_of<C: ConnectionTrait>(
    db: &C,
    id: CustomerId,
) -> Result<Option<(customer::Model, Option<station_area::Model>)>, Problem> {
    let Some(customer) = customer::Entity::find_by_id(id.0).one(db).await? else {
        return Ok(None);
    };
    let area = station_area::Entity::find_by_id(customer.station_area_id)
        .one(db)
        .await?;
    Ok(Some((customer, area)))
}

fn point(lon: Option<f64>, lat: Option<f64>) -> Option<Wgs84> {
    Wgs84::new(lon?, lat?).ok()
}
