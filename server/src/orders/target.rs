//! Where the owner of an order has to come to: the place that it was given with, else its
//! customer's, else the transformer that supplies it.

use crate::{
    edge::Problem,
    territory::rows::{customer, station_area},
    trace::rows::entry,
};
use gridcrew_sync_protocol::{
    arrival::{Target, TargetKind},
    journal::Entry,
    order::OrderState,
    position::{Datum, TypedPosition},
    record::Event,
};
use sea_orm::{ConnectionTrait, EntityTrait};

/// The target of an order; none when nothing is known of its place.
///
/// # Errors
/// A problem of the database.
pub(super) async fn of_order<C: ConnectionTrait>(
    db: &C,
    state: &OrderState,
) -> Result<Option<Target>, Problem> {
    if let Some(position) = given(db, state).await? {
        let kind = TargetKind::Order;
        return Ok(Some(Target { position, kind }));
    }
    let mut area = state.station_area.map(|area| area.0);
    if let Some(id) = state.customer
        && let Some(customer) = customer::Entity::find_by_id(id.0).one(db).await?
    {
        if let (Some(lon), Some(lat)) = (customer.lon, customer.lat) {
            return target(lon, lat, TargetKind::Customer).map(Some);
        }
        area = Some(customer.station_area_id);
    }
    let Some(area) = area else { return Ok(None) };
    match station_area::Entity::find_by_id(area).one(db).await? {
        Some(area) => target(area.lon, area.lat, TargetKind::Transformer).map(Some),
        None => Ok(None),
    }
}

/// The place that stands in the record by which the order was taken in: the first of the
/// server's own part of its trace.
async fn given<C: ConnectionTrait>(
    db: &C,
    state: &OrderState,
) -> Result<Option<TypedPosition>, Problem> {
    let first = entry::Entity::find_by_id((state.order.0, 1))
        .one(db)
        .await?;
    let first = first.and_then(|first| Entry::from_bytes(&first.bytes).ok());
    let accepted = match first {
        Some(Entry::Record(record)) => match record.event {
            Event::Accepted(accepted) => Some(accepted),
            _ => None,
        },
        _ => None,
    };
    Ok(accepted.and_then(|accepted| accepted.position))
}

fn target(lon: f64, lat: f64, kind: TargetKind) -> Result<Target, Problem> {
    let position = TypedPosition::new(lon, lat, Datum::Wgs84).map_err(Problem::internal)?;
    Ok(Target { position, kind })
}
