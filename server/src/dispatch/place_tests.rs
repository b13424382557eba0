use super::*;
use crate::territory::{
    roles::CellRoles,
    shape::Shape,
    snapshot::{AreaInCell, CellRecord},
};
use gridcrew_sync_protocol::workflow::AreaClass;
use uuid::Uuid;

const REACH: Metres = Metres(20_000.0);

fn station(n: u128) -> OrgId {
    OrgId(Uuid::from_u128(n))
}

fn area(n: u128) -> StationAreaId {
    StationAreaId(Uuid::from_u128(n))
}

fn at(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

/// A square cell of 0.1 degrees with its south-west corner at (lon, 30).
fn square(id: u128, of: u128, lon: f64, areas: &[u128]) -> CellRecord {
    let corners = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1)];
    let ring = corners.map(|(x, y)| at(lon + x, 30.0 + y)).to_vec();
    CellRecord {
        id: CellId(Uuid::from_u128(id)),
        station: station(of),
        version: 7,
        code: format!("C{id}"),
        name: String::new(),
        shape: Shape::new(vec![vec![ring]]).unwrap(),
        roles: CellRoles::default(),
        station_areas: areas
            .iter()
            .map(|n| AreaInCell {
                id: area(*n),
                position: at(lon + 0.05, 30.05),
                class: AreaClass::Rural,
            })
            .collect(),
    }
}

/// Station 1 has the cells 1 and 2 from 104.0 to 104.2, station 2 has cell 3 up to 104.3.
fn territory() -> TerritorySnapshot {
    TerritorySnapshot::build(
        1,
        vec![
            square(1, 1, 104.0, &[11]),
            square(2, 1, 104.1, &[12]),
            square(3, 2, 104.2, &[13]),
        ],
    )
    .unwrap()
}

fn placed(account: Account, point: Option<Wgs84>) -> Placed {
    let known = Known { account, point };
    place(&known, &territory(), REACH, &[station(1)])
}

fn customer(of: u128, supplied_by: u128) -> Account {
    Account::Known {
        station: station(of),
        area: area(supplied_by),
    }
}

#[test]
fn the_account_decides_before_the_point() {
    let found = placed(customer(1, 12), Some(at(104.05, 30.05)));
    assert_eq!(found.reason, PlaceReason::AccountAreaCell);
    assert_eq!(found.cell_code.as_deref(), Some("C2"));
    assert_eq!((found.territory_version, found.distance_m), (7, None));
}

#[test]
fn the_cell_around_the_point_decides_without_an_account() {
    let found = placed(Account::Unknown, Some(at(104.05, 30.05)));
    assert_eq!(found.reason, PlaceReason::InsideCell);
    assert_eq!(found.cell_code.as_deref(), Some("C1"));
    assert!(found.account_unknown);
}

#[test]
fn the_nearest_cell_within_reach_decides_where_there_is_none_and_says_how_far_it_is() {
    let found = placed(Account::NotGiven, Some(at(103.99, 30.05)));
    assert_eq!(found.reason, PlaceReason::NearestCell);
    assert_eq!(found.cell_code.as_deref(), Some("C1"));
    let distance = found.distance_m.unwrap().0;
    assert!((960.0..970.0).contains(&distance), "{distance}");
    assert_eq!(found.cells[0].code, "C1");
}

#[test]
fn beyond_reach_and_without_a_place_there_is_no_cell() {
    let far = placed(Account::NotGiven, Some(at(103.7, 30.05)));
    assert_eq!((far.reason, far.cell), (PlaceReason::NoCellInReach, None));
    let none = placed(Account::NotGiven, None);
    assert_eq!((none.reason, none.station), (PlaceReason::NoPlace, None));
}

#[test]
fn the_ground_of_another_station_is_named_but_not_looked_into() {
    let found = placed(Account::NotGiven, Some(at(104.25, 30.05)));
    assert_eq!(found.reason, PlaceReason::OtherStationsGround);
    assert_eq!((found.station, found.cell), (None, None));
    assert!(found.cells.iter().all(|cell| cell.code != "C3"));
}

#[test]
fn a_cell_of_another_station_does_not_hide_the_own_one() {
    // Cell 1 of station 2 reaches a hundredth of a degree into cell 5 of station 1.
    let overlapping = vec![square(1, 2, 104.0, &[]), square(5, 1, 104.09, &[])];
    let map = TerritorySnapshot::build(1, overlapping).unwrap();
    let found = |lon, stations: &[OrgId]| {
        let known = Known {
            account: Account::NotGiven,
            point: Some(at(lon, 30.05)),
        };
        place(&known, &map, REACH, stations)
    };
    let both = found(104.095, &[station(1)]);
    assert_eq!(both.reason, PlaceReason::InsideCell);
    assert_eq!(both.cell_code.as_deref(), Some("C5"));
    // In no cell, the other station's is nearer, but only the own may be given the order.
    let beside = found(103.999, &[station(1)]);
    assert_eq!(beside.reason, PlaceReason::NearestCell);
    assert_eq!(beside.cell_code.as_deref(), Some("C5"));
    let theirs = found(104.05, &[station(1)]);
    assert_eq!(theirs.reason, PlaceReason::OtherStationsGround);
}

#[test]
fn the_version_that_was_looked_at_is_known_also_where_no_cell_was_found() {
    let none = placed(Account::NotGiven, None);
    let map = territory();
    assert_eq!(
        none.clone().for_station(station(1), &map).territory_version,
        7
    );
    assert_eq!(none.for_station(station(9), &map).territory_version, 0);
}

#[test]
fn an_account_whose_area_is_in_no_cell_still_says_the_station() {
    let alone = placed(customer(1, 99), None);
    assert_eq!(alone.reason, PlaceReason::AccountAreaWithoutCell);
    assert_eq!((alone.station, alone.cell), (Some(station(1)), None));
    let helped = placed(customer(1, 99), Some(at(104.15, 30.05)));
    assert_eq!(helped.reason, PlaceReason::InsideCell);
    assert_eq!(helped.station_area, Some(area(99)));
    let elsewhere = placed(customer(1, 99), Some(at(104.25, 30.05)));
    assert_eq!(elsewhere.station, Some(station(1)));
    assert_eq!(elsewhere.reason, PlaceReason::AccountAreaWithoutCell);
}

#[test]
fn the_lowest_id_takes_a_border() {
    let found = placed(Account::NotGiven, Some(at(104.1, 30.05)));
    assert_eq!(found.reason, PlaceReason::OnBorderLowestId);
    assert_eq!(found.cell_code.as_deref(), Some("C1"));
}
