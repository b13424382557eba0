use super::{
    super::{
        field,
        marks::Marks,
        roles::CellRoles,
        shape::Shape,
        snapshot::{AreaInCell, CellRecord, Outline, SnapshotError, StationGround, StationRecord},
    },
    *,
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId, StationAreaId},
    position::LocalPlane,
    workflow::AreaClass,
};
use proptest::prelude::*;
use uuid::Uuid;

fn record(id: usize, polygons: Vec<Vec<Vec<[f64; 2]>>>) -> CellRecord {
    let ring = |r: Vec<[f64; 2]>| r.iter().map(|p| Wgs84::new(p[0], p[1]).unwrap()).collect();
    let polygons = polygons
        .into_iter()
        .map(|rs| rs.into_iter().map(ring).collect())
        .collect();
    CellRecord {
        id: cell_id(id),
        code: format!("C{id}"),
        name: format!("cell {id}"),
        outline: Outline::from(&Shape::new(polygons).unwrap()),
        roles: CellRoles::default(),
        station_areas: vec![station_area(id)],
    }
}

fn station_area(id: usize) -> AreaInCell {
    AreaInCell {
        id: StationAreaId(Uuid::from_u128(id as u128)),
        position: at(120.0, 30.0),
        class: AreaClass::Rural,
    }
}

fn cell_id(id: usize) -> CellId {
    CellId(Uuid::from_u128(id as u128))
}

fn square(x: f64, y: f64, side: f64) -> Vec<[f64; 2]> {
    vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
}

fn station(n: u128) -> OrgId {
    OrgId(Uuid::from_u128(n))
}

fn snapshot(cells: Vec<CellRecord>) -> TerritorySnapshot {
    let station = StationRecord::of_cells(station(1), 1, cells);
    TerritorySnapshot::build(1, vec![station]).unwrap()
}

fn at(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

#[test]
fn inside_nearest_and_nowhere() {
    // Given out of order on purpose.
    let map = snapshot(vec![
        record(2, vec![vec![square(120.01, 30.0, 0.01)]]),
        record(1, vec![vec![square(120.0, 30.0, 0.01)]]),
    ]);
    let inside = map.locate(at(120.015, 30.005));
    assert_eq!(
        inside.located,
        Located::Inside {
            cell: cell_id(2),
            shared: false
        }
    );
    assert_eq!(inside.located.reason(), "inside_cell");
    // No other cell could take it; the neighbours are there for who looks around.
    assert_eq!(inside.candidates.len(), 1);
    let around = map.look_around(at(120.015, 30.005), &[station(1)]);
    assert_eq!(around.located, inside.located);
    assert_eq!(around.candidates.len(), 2);
    assert!(
        (around.candidates[1].distance.0 - 482.4).abs() < 0.5,
        "{around:?}"
    );

    let near = map.locate(at(120.005, 30.02));
    let Located::Nearest {
        cell,
        distance,
        shared: false,
    } = near.located
    else {
        panic!("{near:?}")
    };
    assert_eq!(cell, cell_id(1));
    assert!((distance.0 - 1108.5).abs() < 0.5);

    let far = map.locate(at(121.0, 30.0));
    assert_eq!((far.located, far.candidates.len()), (Located::Nowhere, 0));
    assert_eq!(
        TerritorySnapshot::empty().locate(at(0.0, 0.0)).located,
        Located::Nowhere
    );
}

#[test]
fn on_a_border_and_at_equal_distance_the_lowest_id_takes_the_point() {
    let map = snapshot(vec![
        record(3, vec![vec![square(120.0, 30.0, 0.01)]]),
        record(1, vec![vec![square(120.01, 30.0, 0.01)]]),
        record(2, vec![vec![square(120.01, 30.01, 0.01)]]),
    ]);
    let border = map.locate(at(120.01, 30.005));
    assert_eq!(
        border.located,
        Located::Inside {
            cell: cell_id(1),
            shared: true
        }
    );
    assert_eq!(border.located.reason(), "on_border_lowest_id");
    let corner = map.locate(at(120.01, 30.01));
    assert_eq!(corner.located.cell(), Some(cell_id(1)));
    // Half a millimetre inside the cell with the higher id.
    let hair = map.locate(at(120.01 - 5e-9, 30.005));
    assert_eq!(hair.located.cell(), Some(cell_id(1)));
    // Nearest to the corner that all three share: outside all of them.
    let outside = map.locate(at(120.008, 30.012));
    assert!(
        matches!(outside.located, Located::Nearest { .. }),
        "{outside:?}"
    );
    let below = map.locate(at(120.01, 29.99));
    assert_eq!(below.located.cell(), Some(cell_id(1)));
    assert_eq!(below.located.reason(), "equally_near_lowest_id");
}

#[test]
fn a_hole_is_outside_and_its_island_takes_its_own() {
    let map = snapshot(vec![
        record(
            1,
            vec![vec![square(120.0, 30.0, 0.1), square(120.02, 30.02, 0.06)]],
        ),
        record(
            2,
            vec![
                vec![square(120.045, 30.045, 0.01)],
                vec![square(120.2, 30.0, 0.01)],
            ],
        ),
    ]);
    assert_eq!(
        map.locate(at(120.05, 30.05)).located.cell(),
        Some(cell_id(2))
    );
    assert_eq!(
        map.locate(at(120.205, 30.005)).located.cell(),
        Some(cell_id(2))
    );
    let lake = map.locate(at(120.021, 30.05));
    let Located::Nearest { cell, distance, .. } = lake.located else {
        panic!("{lake:?}")
    };
    assert_eq!(cell, cell_id(1));
    assert!((distance.0 - 96.5).abs() < 0.5);
    let outline = map.cell(cell_id(1)).unwrap().outline();
    assert_eq!(
        (outline.len(), outline[0].len(), outline[0][1].len()),
        (1, 2, 5)
    );
    assert_eq!(map.cell(cell_id(2)).unwrap().outline().len(), 2);
}

#[test]
fn station_areas_lead_to_their_cell_and_to_one_only() {
    let map = snapshot(vec![record(1, vec![vec![square(120.0, 30.0, 0.01)]])]);
    let area = StationAreaId(Uuid::from_u128(1));
    let cell = map.cell_of_area(station(1), area);
    assert_eq!(cell.unwrap().id(), cell_id(1));
    assert!(map.cell_of_area(station(2), area).is_none());
    let unknown = StationAreaId(Uuid::from_u128(9));
    assert!(map.cell_of_area(station(1), unknown).is_none());

    let build = |cells| {
        let stations = vec![StationRecord::of_cells(station(1), 1, cells)];
        TerritorySnapshot::build(1, stations).unwrap_err()
    };
    let mut twice = record(2, vec![vec![square(121.0, 30.0, 0.01)]]);
    twice.station_areas = vec![station_area(1)];
    let first = record(1, vec![vec![square(120.0, 30.0, 0.01)]]);
    let error = build(vec![first.clone(), twice]);
    assert!(matches!(error, SnapshotError::AreaTwice { .. }));
    let other = CellRecord {
        station_areas: vec![],
        ..first.clone()
    };
    let error = build(vec![first, other]);
    assert_eq!(error, SnapshotError::CellTwice { cell: cell_id(1) });
}

#[test]
fn accounts_bases_and_areas_without_a_cell_are_known_by_station() {
    let person = PersonId(Uuid::from_u128(7));
    let record = StationRecord {
        areas_without_cell: vec![station_area(50)],
        accounts: vec![
            ("0100".to_owned(), station_area(1).id),
            ("0200".to_owned(), station_area(50).id),
            ("0300".to_owned(), station_area(99).id),
        ],
        bases: vec![(person, at(120.5, 30.5))],
        ..StationRecord::of_cells(
            station(1),
            3,
            vec![record(1, vec![vec![square(120.0, 30.0, 0.01)]])],
        )
    };
    let map = TerritorySnapshot::build(1, vec![record]).unwrap();
    let area_of = |number| map.area_of_account(number, &[station(2), station(1)]);
    assert_eq!(area_of("0100"), Some((station(1), station_area(1).id)));
    assert_eq!(area_of("0200"), Some((station(1), station_area(50).id)));
    assert_eq!(area_of("100"), None);
    assert_eq!(area_of("0300"), None, "its station area is unknown");
    assert_eq!(map.area_of_account("0100", &[station(2)]), None);
    let cell = |area| map.cell_of_area(station(1), station_area(area).id);
    assert_eq!(cell(1).unwrap().id(), cell_id(1));
    assert!(cell(50).is_none());
    assert_eq!(map.base_of(station(1), person), Some(at(120.5, 30.5)));
    assert_eq!(map.base_of(station(2), person), None);
}

#[test]
fn the_next_snapshot_shares_what_did_not_change() {
    let of = |n: u128, version, x| {
        let cells = vec![record(n as usize, vec![vec![square(x, 30.0, 0.01)]])];
        StationRecord::of_cells(station(n), version, cells)
    };
    let before = TerritorySnapshot::build(1, vec![of(1, 1, 120.0), of(2, 1, 120.01)]).unwrap();
    let anew = [of(2, 2, 120.02), of(3, 1, 120.04)].map(|s| StationGround::build(s).unwrap());
    let next = before.with(2, Marks::default(), anew.into()).unwrap();
    let kept = [&before, &next].map(|map| std::ptr::from_ref(map.station(station(1)).unwrap()));
    assert_eq!(kept[0], kept[1]);
    let versions = [1, 2, 3, 4].map(|n| next.version_of(station(n)));
    assert_eq!(versions, [1, 2, 1, 0]);
    let found = |map: &TerritorySnapshot, lon| map.locate(at(lon, 30.005)).located.cell();
    assert_eq!(found(&before, 120.015), Some(cell_id(2)));
    assert_eq!(found(&next, 120.025), Some(cell_id(2)));
    assert_eq!(found(&next, 120.045), Some(cell_id(3)));
    assert!(matches!(
        next.locate(at(120.0145, 30.005)).located,
        Located::Nearest { .. }
    ));
    let twice = StationGround::build(of(1, 9, 121.0)).unwrap();
    let thief = StationRecord::of_cells(station(5), 1, of(1, 9, 121.0).cells);
    let thief = StationGround::build(thief).unwrap();
    assert!(next.with(3, Marks::default(), vec![twice]).is_ok());
    let error = next.with(3, Marks::default(), vec![thief]).unwrap_err();
    assert_eq!(error, SnapshotError::CellTwice { cell: cell_id(1) });
}

#[test]
fn the_class_of_a_place_is_that_of_the_nearest_station_area() {
    let area = |id, lon, class| AreaInCell {
        position: at(lon, 30.0),
        class,
        ..station_area(id)
    };
    let mut cell = record(1, vec![vec![square(120.0, 29.99, 0.04)]]);
    cell.station_areas = vec![
        area(3, 120.03, AreaClass::Remote),
        area(2, 120.01, AreaClass::Rural),
        area(1, 120.01, AreaClass::Urban),
    ];
    let bare = CellRecord {
        station_areas: vec![],
        ..record(2, vec![vec![square(121.0, 30.0, 0.01)]])
    };
    let map = snapshot(vec![cell, bare]);
    let class = |id, lon| map.cell(cell_id(id)).unwrap().class_at(at(lon, 30.0));
    assert_eq!(class(1, 120.029), Some(AreaClass::Remote));
    assert_eq!(class(1, 120.0), Some(AreaClass::Urban), "the lower id");
    assert_eq!(class(2, 121.0), None);
}

#[test]
fn among_some_stations_no_cell_of_another_hides_theirs() {
    let of = |id, n, x| {
        let cell = record(id, vec![vec![square(x, 30.0, 0.01)]]);
        StationRecord::of_cells(station(n), 1, vec![cell])
    };
    let bare = StationRecord::of_cells(station(3), 4, vec![]);
    // The boundaries of the two stations overlap by a thousandth of a degree.
    let stations = vec![of(1, 1, 120.0), of(2, 2, 120.009), bare];
    let map = TerritorySnapshot::build(1, stations).unwrap();
    let versions = [1, 2, 3, 4].map(|n| map.version_of(station(n)));
    assert_eq!(versions, [1, 1, 4, 0]);
    let both = at(120.0095, 30.005);
    assert_eq!(map.locate(both).located.cell(), Some(cell_id(1)));
    let theirs = map.locate_among(both, &[station(2)]);
    let (cell, shared) = (cell_id(2), false);
    assert_eq!(theirs.located, Located::Inside { cell, shared });
    assert_eq!(theirs.candidates.len(), 1);
    let all = map.locate_among(both, &[station(1), station(2)]);
    assert_eq!(all, map.locate(both));
    assert!(!all.foreign_ground && !theirs.foreign_ground);
    let hidden = map.locate_among(at(120.005, 30.005), &[station(2)]);
    assert!(matches!(hidden.located, Located::Nearest { .. }) && hidden.foreign_ground);
    // On the border of the other station's cell is on its ground, too.
    let edge = map.locate_among(at(120.0, 30.005), &[station(2)]);
    assert!(edge.foreign_ground);
    assert_eq!(map.locate_among(both, &[]).located, Located::Nowhere);
    // In no cell, nearer to the other station's.
    let beside = map.locate_among(at(120.021, 30.005), &[station(1)]);
    assert_eq!(beside.located.cell(), Some(cell_id(1)));
}

/// Cells of 4 by 4 to a station, like a real map.
fn townships(cells: &[field::Cell]) -> TerritorySnapshot {
    let stations = cells.chunks(16).zip(1..).map(|(chunk, n)| {
        let first = (n as usize - 1) * 16;
        let cells = chunk
            .iter()
            .zip(first..)
            .map(|(cell, id)| record(id, vec![vec![cell.clone()]]));
        StationRecord::of_cells(station(n), 1, cells.collect())
    });
    TerritorySnapshot::build(1, stations.collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where no distance is needed, the answer is the one that measuring gives: at random,
    /// and within micrometres to metres of corners and borders.
    #[test]
    fn the_quick_answer_is_the_measured_one(
        seed in 0u64..1_000,
        lat in prop::sample::select(vec![-35.0, 0.0, 18.0, 35.0, 53.0, 70.0]),
        picks in prop::collection::vec((0usize..10_000, 0.0f64..=1.0, -9.0f64..=0.0, 0.0f64..6.3), 40),
    ) {
        let cells = field::cells(9, [109.0, lat], 0.012, 12, seed);
        let map = townships(&cells);
        let every: Vec<OrgId> = map.stations().map(|ground| ground.station()).collect();
        for (pick, along, exponent, angle) in picks {
            let cell = &cells[pick % cells.len()];
            let corner = (pick / cells.len()) % (cell.len() - 1);
            let (a, b) = (cell[corner], cell[corner + 1]);
            let off = 10f64.powf(exponent) / 100.0;
            let lon = a[0] + along * (b[0] - a[0]) + off * angle.cos();
            let lat = a[1] + along * (b[1] - a[1]) + off * angle.sin();
            let (quick, measured) = (map.locate(at(lon, lat)), map.look_around(at(lon, lat), &every));
            prop_assert_eq!(quick.located, measured.located, "{} {}", lon, lat);
            prop_assert_eq!(quick.candidates.first(), measured.candidates.first());
            // What one station alone is asked is what it has when there is no other.
            let one = [every[pick % every.len()]];
            let alone = map.locate_among(at(lon, lat), &one);
            let measured = map.look_around(at(lon, lat), &one);
            prop_assert_eq!(alone.located, measured.located);
        }
    }
}

#[test]
fn nearest_by_metres_agrees_with_geodesics_to_every_cell() {
    for (lat, seed) in [(18.0, 1u64), (35.0, 2), (53.0, 3)] {
        let corner = [109.0, lat];
        let cells = field::cells(30, corner, 0.012, 12, seed);
        let map = townships(&cells);
        let slow = field::Slow::new(&cells);
        let mut random = field::Seeded::new(seed);
        let (mut inside, mut outside) = (0, 0);
        for _ in 0..1_000 {
            // A third as wide again on every side, so that many lie outside all cells.
            let point =
                [0, 1].map(|axis| corner[axis] + 0.012 * 30.0 * (random.next() * 1.6 - 0.3));
            let fast = map.locate(at(point[0], point[1]));
            let expected = slow.locate(point);
            assert_eq!(
                fast.located.cell(),
                expected.map(|(n, _)| cell_id(n)),
                "{point:?}"
            );
            let (Some(first), Some((_, distance))) = (fast.candidates.first(), expected) else {
                continue;
            };
            let off = (first.distance.0 - distance).abs();
            assert!(
                off < 0.01 + distance * 1e-5,
                "{point:?} {first:?} {distance}"
            );
            if distance == 0.0 {
                inside += 1
            } else {
                outside += 1
            }
        }
        assert!(
            inside > 200 && outside > 200,
            "{inside} inside, {outside} outside"
        );
    }
}

#[test]
fn the_plane_is_as_true_as_it_says() {
    use geographiclib_rs::InverseGeodesic;
    let reference = geographiclib_rs::Geodesic::wgs84();
    let mut random = field::Seeded::new(5);
    for (reach, bound) in [(1_000.0, 0.000_1), (20_000.0, 0.02)] {
        for _ in 0..2_000 {
            let a = at(73.0 + 60.0 * random.next(), 55.0 * random.next());
            let (angle, length) = (std::f64::consts::TAU * random.next(), reach * random.next());
            let b = at(
                a.lon() + length * angle.sin() / (111_400.0 * a.lat().to_radians().cos()),
                a.lat() + length * angle.cos() / 111_700.0,
            );
            let truth: f64 = reference.inverse(a.lat(), a.lon(), b.lat(), b.lon());
            let by_middle = gridcrew_sync_protocol::position::distance_m(a, b).0;
            let in_plane = LocalPlane::around(a).to_point(b).0;
            assert!(
                (by_middle - truth).abs() < bound,
                "{a:?} {b:?} {by_middle} {truth}"
            );
            // The series adds no more than the plane's own error.
            assert!(
                (in_plane - truth).abs() < 2.0 * bound,
                "{a:?} {b:?} {in_plane} {truth}"
            );
        }
    }
}
