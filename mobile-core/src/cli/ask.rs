//! Questions that are answered without a network.

use super::Tongue;
use gridcrew_mobile_core::{Error, Handheld, Named};
use gridcrew_sync_protocol::position::{PositionInput, TypedPosition};
use std::io::Write;

/// In which cell a place is, and whose that is.
pub(super) fn cell(
    handheld: &Handheld,
    place: &str,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Some(here) = handheld.cell_at(position(place)?)? else {
        let line = tongue.say(
            "本机没有您的网格，请先同步",
            "no cell of yours is here: sync first",
        );
        writeln!(out, "{line}")?;
        return Ok(());
    };
    let standing = if here.distance.0 > 0.0 {
        format!(
            "{} {}",
            tongue.say(
                "不在您的网格内；最近的相距",
                "in none of your cells; the nearest is at"
            ),
            here.distance
        )
    } else if here.shared {
        tongue.say("在网格边界上", "on the border").to_owned()
    } else {
        tongue.say("在网格内", "inside").to_owned()
    };
    writeln!(out, "{} {}  {standing}", here.cell.code, here.cell.name)?;
    for (role, person) in [("A", &here.role_a), ("B", &here.role_b)] {
        writeln!(out, "  {role}: {}", name(person.as_ref(), tongue))?;
    }
    Ok(())
}

fn name(person: Option<&Named>, tongue: Tongue) -> String {
    match person {
        None => tongue.say("空缺", "vacant").to_owned(),
        Some(named) if named.name.is_empty() => named.person.to_string(),
        Some(named) => named.name.clone(),
    }
}

/// The person's open orders by their distance from a place.
pub(super) fn near(
    handheld: &Handheld,
    place: &str,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    for order in handheld.orders_near(position(place)?)? {
        let distance = order.distance.map_or_else(
            || tongue.say("位置不明", "place unknown").to_owned(),
            |distance| distance.to_string(),
        );
        writeln!(
            out,
            "{}  {distance}  {} {}",
            order.order, order.phenomenon, order.address
        )?;
    }
    Ok(())
}

/// The customers that fit a text.
pub(super) fn search(
    handheld: &Handheld,
    text: &str,
    limit: usize,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let hits = handheld.search(text, limit)?;
    if hits.is_empty() {
        let line = tongue.say("本机没有符合的客户", "no customer on this device fits");
        writeln!(out, "{line}")?;
    }
    for hit in hits {
        let customer = hit.customer;
        writeln!(
            out,
            "{}  {}  {}  {}",
            customer.account_no, customer.name, customer.address, customer.meter_no
        )?;
    }
    Ok(())
}

/// A place from `lon,lat,datum`.
fn position(text: &str) -> Result<TypedPosition, Error> {
    let mut parts = text.split(',').map(str::trim);
    let mut number = || parts.next().and_then(|part| part.parse::<f64>().ok());
    let (lon, lat) = (number(), number());
    let datum = parts.next().map(str::to_owned);
    if parts.next().is_some() {
        return Err(Error::Invalid("a place is lon,lat,datum".to_owned()));
    }
    PositionInput { lon, lat, datum }
        .check()
        .map_err(|error| Error::Invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_needs_its_datum_and_nothing_else() {
        assert_eq!(
            position("118.5,31.25,BD-09").unwrap().datum().name(),
            "BD-09"
        );
        for bad in [
            "118.5,31.25",
            "31.25,118.5,WGS-84",
            "a,b,WGS-84",
            "1,2,WGS-84,5",
            "",
        ] {
            assert!(position(bad).is_err(), "{bad}");
        }
    }
}
