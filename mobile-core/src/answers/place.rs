//! Where a point is among what the handheld holds: in which of the person's cells, whose
//! that is, and how far his open orders are.
//!
//! The rules are the server's (`territory/locate.rs`): a point inside a cell or on its border
//! belongs to it, in a hole it does not, outside all cells the nearest counts, and of cells
//! that are equally near the one with the lowest id. Distances are metres on the ellipsoid
//! (I9). A handheld holds only the cells of its person: another's cell next to his is not
//! seen, and what is said is how far his own are.

use crate::{
    error::Error,
    fold::records,
    store::{identity, orders, scope},
    views::is_mine,
};
use gridcrew_sync_protocol::{
    feed::{Cell, Me},
    ids::{OrderId, PersonId},
    order::Status,
    position::{LocalPlane, Metres, Wgs84, distance_m},
    record::Event,
};
use rusqlite::Connection;

/// Distances that differ by no more than this are equal.
const TIE: f64 = 0.001;

/// Somebody by id, and by name where that is known here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Named {
    /// Who.
    pub person: PersonId,
    /// His name; empty when he is none of the station's managers.
    pub name: String,
}

/// A cell that answers for a point.
#[derive(Clone, Debug, PartialEq)]
pub struct CellHere {
    /// The cell.
    pub cell: Cell,
    /// Its A manager at present.
    pub role_a: Option<Named>,
    /// Its B manager at present.
    pub role_b: Option<Named>,
    /// How far the point is from it; 0 inside and on the border.
    pub distance: Metres,
    /// Other cells of the person are as near; their ids are higher.
    pub shared: bool,
}

/// An open order with its distance.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct OrderNear {
    /// The order.
    pub order: OrderId,
    /// How far it is; `None` when nobody knows its place.
    pub distance: Option<Metres>,
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// The address in words.
    pub address: String,
}

/// The cell that answers for a point; `None` when no cell is held.
pub(crate) fn cell_at(db: &Connection, point: Wgs84) -> Result<Option<CellHere>, Error> {
    let me = scope::me(db)?;
    let cells = scope::cells(db)?;
    Ok(
        nearest(cells, point).map(|(cell, distance, shared)| CellHere {
            role_a: cell.role_a.map(|person| named(me.as_ref(), person)),
            role_b: cell.role_b.map(|person| named(me.as_ref(), person)),
            cell,
            distance,
            shared,
        }),
    )
}

/// The person's open orders, the nearest first; those without a place come last.
pub(crate) fn orders_by_distance(db: &Connection, point: Wgs84) -> Result<Vec<OrderNear>, Error> {
    let me = identity::require(db)?.person;
    let mut near = Vec::new();
    for row in orders::all(db)? {
        let open = row.state.as_ref();
        let open = open.filter(|state| state.status != Status::Returned);
        if !is_mine(open, me) {
            continue;
        }
        let place = match place_of(db, row.id)? {
            Some(place) => Some(place),
            None => match open.and_then(|state| state.customer) {
                Some(customer) => scope::customer(db, customer)?
                    .and_then(|customer| customer.position)
                    .map(|position| position.to_wgs84()),
                None => None,
            },
        };
        let details = row.details.unwrap_or_default();
        near.push(OrderNear {
            order: row.id,
            distance: place.map(|place| distance_m(point, place)),
            phenomenon: details.phenomenon,
            address: details.address,
        });
    }
    near.sort_by(|a, b| {
        let metres = |one: &OrderNear| one.distance.map_or(f64::INFINITY, |distance| distance.0);
        metres(a).total_cmp(&metres(b)).then(a.order.cmp(&b.order))
    });
    Ok(near)
}

/// The place that came with an order's acceptance.
fn place_of(db: &Connection, order: OrderId) -> Result<Option<Wgs84>, Error> {
    Ok(records(db, order)?
        .into_iter()
        .find_map(|sourced| match sourced.record.event {
            Event::Accepted(accepted) => accepted.position,
            _ => None,
        })
        .map(|position| position.to_wgs84()))
}

fn named(me: Option<&Me>, person: PersonId) -> Named {
    let name = me.and_then(|me| {
        if me.person == person {
            return Some(&me.name);
        }
        let mut colleagues = me.colleagues.iter();
        let colleague = colleagues.find(|colleague| colleague.person == person);
        colleague.map(|colleague| &colleague.name)
    });
    Named {
        person,
        name: name.cloned().unwrap_or_default(),
    }
}

/// The nearest of some cells, how far it is, and whether others are as near.
fn nearest(cells: Vec<Cell>, point: Wgs84) -> Option<(Cell, Metres, bool)> {
    let mut measured: Vec<(f64, Cell)> = cells
        .into_iter()
        .filter_map(|cell| Some((distance(&cell, point)?, cell)))
        .collect();
    let least = measured
        .iter()
        .map(|(metres, _)| *metres)
        .min_by(f64::total_cmp)?;
    measured.retain(|(metres, _)| *metres <= least + TIE);
    let shared = measured.len() > 1;
    let (metres, cell) = measured.into_iter().min_by_key(|(_, cell)| cell.id)?;
    Some((cell, Metres(metres), shared))
}

/// How far a cell is from a point in metres, 0 inside; `None` for a cell without any ring.
fn distance(cell: &Cell, point: Wgs84) -> Option<f64> {
    let plane = LocalPlane::around(point);
    let mut least: Option<f64> = None;
    for polygon in &cell.polygons {
        let mut inside = false;
        for ring in polygon {
            inside ^= crosses_oddly(ring, point);
            let path: Vec<Wgs84> = ring
                .iter()
                .filter_map(|(lon, lat)| Wgs84::new(*lon, *lat).ok())
                .collect();
            if let Some(hit) = plane.to_path(&path) {
                least = Some(least.map_or(hit.distance.0, |least| least.min(hit.distance.0)));
            }
        }
        if inside {
            return Some(0.0);
        }
    }
    // On the border, to a millimetre, is inside.
    least.map(|metres| if metres <= TIE { 0.0 } else { metres })
}

/// Whether a ray to the east from the point crosses the ring an odd number of times. Borders
/// are straight in longitude and latitude.
fn crosses_oddly(ring: &[(f64, f64)], point: Wgs84) -> bool {
    let (x, y) = (point.lon(), point.lat());
    let ends = ring.iter().zip(ring.iter().skip(1));
    let crossed = ends.filter(|((ax, ay), (bx, by))| {
        (*ay > y) != (*by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax
    });
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::ids::CellId;
    use uuid::Uuid;

    fn square(id: u128, west: f64, side: f64) -> Cell {
        let (south, north, east) = (32.0, 32.0 + side, west + side);
        Cell {
            id: CellId(Uuid::from_u128(id)),
            code: id.to_string(),
            name: String::new(),
            role_a: None,
            role_b: None,
            polygons: vec![vec![vec![
                (west, south),
                (east, south),
                (east, north),
                (west, north),
                (west, south),
            ]]],
        }
    }

    fn at(lon: f64, lat: f64) -> Wgs84 {
        Wgs84::new(lon, lat).unwrap()
    }

    fn told(cells: Vec<Cell>, point: Wgs84) -> Option<(String, f64, bool)> {
        nearest(cells, point).map(|(cell, metres, shared)| (cell.code, metres.0, shared))
    }

    #[test]
    fn a_point_is_in_its_cell_and_on_a_border_in_that_of_the_lowest_id() {
        let cells = || vec![square(2, 116.0, 0.1), square(1, 116.1, 0.1)];
        let inside = told(cells(), at(116.05, 32.05));
        assert_eq!(inside, Some(("2".to_owned(), 0.0, false)));
        let border = told(cells(), at(116.1, 32.05));
        assert_eq!(border, Some(("1".to_owned(), 0.0, true)));
        assert_eq!(told(Vec::new(), at(116.05, 32.05)), None);
    }

    #[test]
    fn outside_all_cells_the_nearest_is_told_in_metres_and_a_hole_is_outside() {
        let (_, metres, shared) = told(vec![square(1, 116.0, 0.1)], at(116.05, 31.99)).unwrap();
        let expected = distance_m(at(116.05, 31.99), at(116.05, 32.0)).0;
        assert!((metres - expected).abs() < 0.5, "{metres} and {expected}");
        assert!(!shared);
        let mut holed = square(1, 116.0, 0.1);
        let hole = square(2, 116.02, 0.02).polygons[0][0].clone();
        holed.polygons[0].push(hole.iter().map(|(lon, lat)| (*lon, lat + 0.02)).collect());
        let (_, metres, _) = told(vec![holed], at(116.03, 32.03)).unwrap();
        assert!(metres > 900.0, "{metres}");
    }
}
