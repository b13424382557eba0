use super::*;
use crate::territory::{
    roles::CellRoles,
    shape::Shape,
    snapshot::{AreaInCell, CellRecord, Outline, StationRecord},
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
fn square(id: u128, lon: f64, areas: &[u128]) -> CellRecord {
    let corners = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1)];
    let ring = corners.map(|(x, y)| at(lon + x, 30.0 + y)).to_vec();
    CellRecord {
        id: CellId(Uuid::from_u128(id)),
        code: format!("C{id}"),
        name: String::new(),
        outline: Outline::from(&Shape::new(vec![vec![ring]]).unwrap()),
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
    of_stations(vec![
        vec![square(1, 104.0, &[11]), square(2, 104.1, &[12])],
        vec![square(3, 104.2, &[13])],
    ])
}

/// The cells of the stations 1, 2, and so on.
fn of_stations(stations: Vec<Vec<CellRecord>>) -> TerritorySnapshot {
    let records = stations.into_iter().zip(1..);
    let records = records.map(|(cells, n)| StationRecord::of_cells(station(n), 7, cells));
    TerritorySnapshot::build(1, records.collect()).unwrap()
}

fn placed(account: Account, point: Option<Wgs84>) -> Placed {
    let known = Known { account, point };
    place(&known, &territory(), REACH, &[station(1)]).0
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
    let looked_at: Vec<_> = found
        .cells
        .iter()
        .map(|c| (&*c.code, c.passed_over))
        .collect();
    let farther = Some(CellPassedOver::Farther);
    assert_eq!(looked_at, [("C1", None), ("C2", farther)]);
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
    let why = Some(CellPassedOver::OtherStationsGround);
    assert!(!found.cells.is_empty() && found.cells.iter().all(|cell| cell.passed_over == why));
    assert!(found.cells.iter().all(|cell| cell.code != "C3"));
}

#[test]
fn a_cell_of_another_station_does_not_hide_the_own_one() {
    // Cell 1 of station 2 reaches a hundredth of a degree into cell 5 of station 1.
    let map = of_stations(vec![
        vec![square(5, 104.09, &[])],
        vec![square(1, 104.0, &[])],
    ]);
    let found = |lon, stations: &[OrgId]| {
        let known = Known {
            account: Account::NotGiven,
            point: Some(at(lon, 30.05)),
        };
        place(&known, &map, REACH, stations).0
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
fn inside_a_cell_and_off_its_border_no_other_is_a_candidate() {
    let found = placed(Account::NotGiven, Some(at(104.05, 30.05)));
    let cells: Vec<_> = found
        .cells
        .iter()
        .map(|c| (&*c.code, c.distance_m.0))
        .collect();
    assert_eq!(cells, [("C1", 0.0)]);
    assert_eq!(found.cells[0].passed_over, None);
}

#[test]
fn a_decision_of_before_reasons_were_written_down_is_still_read() {
    let old = serde_json::json!({ "cell": Uuid::nil(), "code": "C1", "distance_m": 4.0 });
    let read: CellLookedAt = serde_json::from_value(old).unwrap();
    assert_eq!(read.passed_over, None);
}

#[test]
fn an_account_that_moved_after_the_snapshot_belongs_where_it_did() {
    let record = StationRecord {
        accounts: vec![("0042".to_owned(), area(11))],
        ..StationRecord::of_cells(station(1), 7, vec![square(1, 104.0, &[11, 12])])
    };
    let map = TerritorySnapshot::build(1, vec![record]).unwrap();
    let as_of = |account: Account| account.as_of(&map, Some("0042"));
    assert_eq!(as_of(customer(1, 12)), customer(1, 12), "its row is right");
    assert_eq!(as_of(customer(1, 99)), customer(1, 11));
    assert_eq!(customer(1, 99).as_of(&map, Some("7")), customer(1, 99));
    assert_eq!(as_of(customer(2, 99)), customer(2, 99));
    assert_eq!(as_of(Account::Unknown), Account::Unknown);
}

#[test]
fn the_lowest_id_takes_a_border() {
    let found = placed(Account::NotGiven, Some(at(104.1, 30.05)));
    assert_eq!(found.reason, PlaceReason::OnBorderLowestId);
    let higher = Some(CellPassedOver::EquallyNearHigherId);
    assert_eq!(found.cells[1].passed_over, higher);
    assert_eq!(found.cell_code.as_deref(), Some("C1"));
}
