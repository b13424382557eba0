use super::*;
use crate::territory::{field::Seeded, tiling};
use proptest::prelude::*;

fn ring(points: &[(f64, f64)]) -> Vec<Wgs84> {
    points
        .iter()
        .map(|(x, y)| Wgs84::new(121.0 + x / 100.0, 32.0 + y / 100.0).unwrap())
        .collect()
}

/// A star with a lake and an island, about 20 km across.
fn township(corners: usize, seed: u64) -> Shape {
    let mut random = Seeded::new(seed);
    let around: Vec<(f64, f64)> = (0..corners)
        .map(|n| {
            let angle = n as f64 / corners as f64 * std::f64::consts::TAU;
            let r = 7.0 + 3.0 * random.next();
            (r * angle.cos(), r * angle.sin())
        })
        .collect();
    let lake = ring(&[(1.0, 1.0), (2.0, 1.2), (1.8, 2.1), (0.9, 1.7)]);
    let island = ring(&[(14.0, 0.0), (15.0, 0.3), (14.6, 1.0)]);
    Shape::new(vec![vec![ring(&around), lake], vec![island]]).unwrap()
}

fn areas(boundary: &Shape, count: usize, seed: u64) -> Vec<SplitArea> {
    let mut random = Seeded::new(seed);
    let [west, south, east, north] = boundary.bounds();
    std::iter::repeat_with(|| {
        let lon = west + (east - west) * random.next();
        let lat = south + (north - south) * random.next();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let weight = 50 + (150.0 * random.next()) as u64;
        SplitArea {
            at: Wgs84::new(lon, lat).unwrap(),
            outline: None,
            weight,
        }
    })
    .filter(|area| boundary.contains(area.at))
    .take(count)
    .collect()
}

fn sound(boundary: &Shape, areas: &[SplitArea], made: &Split) {
    let cells: Vec<&Shape> = made.cells.iter().map(|cell| &cell.shape).collect();
    let report = tiling::check(&made.boundary, &cells);
    assert!(report.tiles() && report.difference == 0.0, "{report:?}");
    let grown = made.boundary.area_m2() / boundary.area_m2() - 1.0;
    assert!(grown.abs() < 1e-9, "{grown}");
    let mut seen: Vec<usize> = made
        .cells
        .iter()
        .flat_map(|cell| cell.areas.clone())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..areas.len()).collect::<Vec<_>>());
    for cell in &made.cells {
        assert!(!cell.areas.is_empty());
        assert!(cell.areas.iter().all(|n| cell.shape.contains(areas[*n].at)));
    }
}

fn split(
    boundary: &Shape,
    areas: &[SplitArea],
    cells: usize,
    seed: u64,
) -> Result<Split, SplitError> {
    super::split(&Wish::plain(boundary, areas, cells, seed), &|_| ())
}

#[test]
fn a_township_of_200_areas_becomes_16_balanced_cells_that_tile_it() {
    let boundary = township(300, 5);
    let areas = areas(&boundary, 200, 6);
    let made = split(&boundary, &areas, 16, 1).unwrap();
    sound(&boundary, &areas, &made);
    assert_eq!(made.cells.len(), 16);
    assert!(made.imbalance < 0.1, "{}", made.imbalance);
    // Only the cell with the island may have more than one part.
    assert!(
        made.cells
            .iter()
            .filter(|cell| cell.shape.polygons().len() > 1)
            .count()
            <= 1
    );
    assert_eq!(made, split(&boundary, &areas, 16, 1).unwrap());
    assert_ne!(made, split(&boundary, &areas, 16, 2).unwrap());
}

#[test]
fn what_cannot_be_split_is_refused_with_the_reason() {
    let boundary = township(40, 1);
    let some = areas(&boundary, 5, 2);
    assert_eq!(split(&boundary, &[], 1, 0), Err(SplitError::NoAreas));
    assert_eq!(split(&boundary, &some, 0, 0), Err(SplitError::NoCells));
    let many = split(&boundary, &some, 6, 0);
    assert_eq!(
        many,
        Err(SplitError::TooManyCells {
            cells: 6,
            areas: 5,
            places: 5
        })
    );
    let idle: Vec<SplitArea> = some
        .iter()
        .map(|area| SplitArea {
            weight: 0,
            ..area.clone()
        })
        .collect();
    assert_eq!(split(&boundary, &idle, 2, 0), Err(SplitError::NoCustomers));
    let mut astray = some.clone();
    astray[3].at = Wgs84::new(125.0, 32.0).unwrap();
    let error = split(&boundary, &astray, 2, 0).unwrap_err();
    assert_eq!(
        error,
        SplitError::AreaOutside {
            area: 3,
            at: astray[3].at
        }
    );
    assert_eq!(error.code().as_str(), "territory.outside_boundary");
    let stacked = vec![some[0].clone(); 3];
    let error = split(&boundary, &stacked, 2, 0).unwrap_err();
    assert_eq!(
        error,
        SplitError::TooManyCells {
            cells: 2,
            areas: 3,
            places: 1
        }
    );
}

#[test]
fn ground_at_a_pole_is_refused_or_split_but_never_a_crash() {
    let at = |lon: f64, lat: f64| Wgs84::new(lon, lat).unwrap();
    let cap = vec![
        at(-180.0, 89.0),
        at(180.0, 89.0),
        at(180.0, 90.0),
        at(-180.0, 90.0),
    ];
    let tip = vec![at(0.0, 89.999_999_9), at(1.0, 89.999_999_9), at(0.5, 90.0)];
    for ring in [cap, tip] {
        let boundary = Shape::new(vec![vec![ring]]).unwrap();
        let areas = areas(&boundary, 12, 4);
        if let Ok(made) = split(&boundary, &areas, 4, 0) {
            sound(&boundary, &areas, &made);
        }
    }
}

#[test]
fn areas_in_a_row_and_one_area_alone_can_be_split() {
    let boundary = township(40, 1);
    let row: Vec<SplitArea> = (0..9)
        .map(|n| SplitArea {
            at: ring(&[(-4.0 + f64::from(n), 0.0)])[0],
            outline: None,
            weight: 10,
        })
        .collect();
    let made = split(&boundary, &row, 3, 0).unwrap();
    sound(&boundary, &row, &made);
    assert!(made.cells.iter().all(|cell| cell.areas.len() == 3));
    let alone = split(&boundary, &row[..1], 1, 0).unwrap();
    sound(&boundary, &row[..1], &alone);
    assert_eq!(alone.cells[0].shape.polygons().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_split_tiles(
        corners in 8usize..120, count in 1usize..60, cells in 1usize..20, seed in any::<u64>(),
    ) {
        let boundary = township(corners, seed);
        let areas = areas(&boundary, count, seed ^ 1);
        match split(&boundary, &areas, cells, seed) {
            Ok(made) => sound(&boundary, &areas, &made),
            Err(error) => prop_assert!(
                matches!(error, SplitError::TooManyCells { .. }) && cells > count, "{}", error
            ),
        }
    }
}

fn plain<'a>(boundary: &'a Shape, areas: &'a [SplitArea], cells: usize) -> Wish<'a> {
    Wish::plain(boundary, areas, cells, 1)
}

fn cell_of(made: &Split, area: usize) -> usize {
    let cell = made
        .cells
        .iter()
        .position(|cell| cell.areas.contains(&area));
    cell.unwrap()
}

/// A square of 20 km without lake and island.
fn square() -> Shape {
    let corners = ring(&[(-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0)]);
    Shape::new(vec![vec![corners]]).unwrap()
}

/// A river from south to north, a little east of the middle, that bends once.
fn river(crossing: Crossing, to: f64) -> Barrier {
    Barrier {
        line: ring(&[(1.0, -11.0), (1.5, 0.0), (1.0, to)]),
        crossing,
    }
}

#[test]
fn no_cell_lies_on_both_sides_of_a_river_that_cannot_be_crossed() {
    let boundary = square();
    let areas = areas(&boundary, 120, 3);
    let barriers = [river(Crossing::Forbidden, 11.0)];
    let wish = Wish {
        barriers: &barriers,
        ..plain(&boundary, &areas, 8)
    };
    let made = super::split(&wish, &|_| ()).unwrap();
    sound(&boundary, &areas, &made);
    let bend = ring(&[(1.5, 0.0)])[0];
    for cell in &made.cells {
        let east = |area: &&usize| areas[**area].at.lon() > bend.lon();
        let west = |area: &&usize| areas[**area].at.lon() < bend.lon() - 0.005;
        let both = cell.areas.iter().any(|a| east(&a)) && cell.areas.iter().any(|a| west(&a));
        assert!(!both);
    }
    // The border between the banks is the river itself.
    let on_river = |cell: &&SplitCell| cell.shape.rings().flatten().any(|p| *p == bend);
    assert!(made.cells.iter().filter(on_river).count() >= 2);
    let one = super::split(
        &Wish {
            size: Size::Cells(1),
            ..wish
        },
        &|_| (),
    );
    assert_eq!(
        one,
        Err(SplitError::Parted {
            pieces: 2,
            cells: 1
        })
    );
}

#[test]
fn a_river_with_a_bridge_or_a_way_round_parts_nothing() {
    let boundary = square();
    let areas = areas(&boundary, 60, 3);
    for barrier in [
        river(Crossing::Costly, 11.0),
        river(Crossing::Forbidden, 5.0),
    ] {
        let barriers = [barrier];
        let wish = Wish {
            barriers: &barriers,
            ..plain(&boundary, &areas, 1)
        };
        sound(&boundary, &areas, &super::split(&wish, &|_| ()).unwrap());
    }
}

#[test]
fn cells_rather_end_at_a_river_that_is_costly_to_cross() {
    let boundary = square();
    let areas = areas(&boundary, 150, 9);
    let across = |barriers: &[Barrier]| {
        let wish = Wish {
            barriers,
            ..plain(&boundary, &areas, 10)
        };
        let made = super::split(&wish, &|_| ()).unwrap();
        sound(&boundary, &areas, &made);
        let lon = ring(&[(1.25, 0.0)])[0].lon();
        let east = |area: &usize| areas[*area].at.lon() > lon;
        let both = |cell: &&SplitCell| cell.areas.iter().any(east) && !cell.areas.iter().all(east);
        made.cells.iter().filter(both).count()
    };
    assert!(across(&[river(Crossing::Costly, 11.0)]) < across(&[]));
}

#[test]
fn what_must_stay_together_does_and_what_lies_between_comes_along() {
    let boundary = square();
    let row: Vec<SplitArea> = (0..9)
        .map(|n| SplitArea {
            at: ring(&[(f64::from(n) - 4.0, 0.0)])[0],
            outline: None,
            weight: 10,
        })
        .collect();
    let together = [vec![0, 1], vec![5, 7]];
    let wish = Wish {
        together: &together,
        ..plain(&boundary, &row, 3)
    };
    let made = super::split(&wish, &|_| ()).unwrap();
    sound(&boundary, &row, &made);
    assert_eq!(cell_of(&made, 0), cell_of(&made, 1));
    assert_eq!(cell_of(&made, 5), cell_of(&made, 7));
    assert_eq!(made.came_along, [vec![], vec![6]]);
    let all = [(0..9).collect::<Vec<_>>()];
    let wish = Wish {
        together: &all,
        ..plain(&boundary, &row, 2)
    };
    let refused = super::split(&wish, &|_| ());
    assert!(matches!(
        refused,
        Err(SplitError::TooManyCells { places: 1, .. })
    ));
}

#[test]
fn locked_cells_keep_their_ground_and_the_rest_is_split_around_them() {
    let boundary = square();
    let areas = areas(&boundary, 80, 4);
    let first = super::split(&plain(&boundary, &areas, 8), &|_| ()).unwrap();
    let locked: Vec<LockedCell> = [2, 5]
        .map(|n| LockedCell {
            shape: first.cells[n].shape.clone(),
            areas: first.cells[n].areas.clone(),
        })
        .into();
    let wish = Wish {
        locked: &locked,
        seed: 99,
        ..plain(&first.boundary, &areas, 6)
    };
    let made = super::split(&wish, &|_| ()).unwrap();
    sound(&boundary, &areas, &made);
    assert_eq!(made.cells.len(), 6);
    for cell in &locked {
        let kept = made.cells.iter().find(|kept| kept.areas == cell.areas);
        let kept = kept.unwrap();
        assert!(kept.locked);
        let grown = kept.shape.area_m2() / cell.shape.area_m2() - 1.0;
        assert!(grown.abs() < 1e-9, "{grown}");
    }
    let none_left = Wish {
        size: Size::Cells(2),
        ..wish
    };
    let refused = super::split(&none_left, &|_| ());
    assert!(matches!(refused, Err(SplitError::LockedLeaveNone { .. })));
}

#[test]
fn supply_outlines_stay_whole_and_gaps_go_to_neighbours() {
    let boundary = square();
    // Twenty by twenty kilometres in squares of five; one corner is in no outline.
    let mut areas = Vec::new();
    for (x, y) in (0..16).map(|n| (n % 4, n / 4)).skip(1) {
        let [west, south] = [x, y].map(|n| f64::from(n) * 5.0 - 10.0);
        let outline = ring(&[
            (west, south),
            (west + 5.0, south),
            (west + 5.0, south + 5.0),
            (west, south + 5.0),
        ]);
        let outline = Shape::new(vec![vec![outline]]).unwrap();
        areas.push(SplitArea {
            at: outline.point_inside(),
            outline: Some(outline),
            weight: 100,
        });
    }
    let made = split(&boundary, &areas, 5, 1).unwrap();
    sound(&boundary, &areas, &made);
    assert!(made.unclaimed_m2 > 2e7, "{}", made.unclaimed_m2);
    assert!(made.imbalance < 1e-9);
    for cell in &made.cells {
        let inside = cell
            .areas
            .iter()
            .map(|area| areas[*area].outline.as_ref().unwrap().area_m2());
        assert!(cell.shape.area_m2() > 0.998 * inside.sum::<f64>());
    }
}

#[test]
fn as_many_cells_as_it_takes_so_that_none_is_heavier() {
    let boundary = square();
    let areas = areas(&boundary, 100, 8);
    let total: u64 = areas.iter().map(|area| area.weight).sum();
    let wish = Wish {
        size: Size::LargestWeight(total / 7),
        ..plain(&boundary, &areas, 1)
    };
    let made = super::split(&wish, &|_| ()).unwrap();
    sound(&boundary, &areas, &made);
    assert!((7..=9).contains(&made.cells.len()), "{}", made.cells.len());
    assert!(made.cells.iter().all(|cell| cell.weight <= total / 7));
}

#[test]
fn a_cell_off_balance_names_the_area_that_forces_it() {
    let boundary = square();
    let mut areas = areas(&boundary, 60, 8);
    areas[17].weight = 20_000;
    let made = split(&boundary, &areas, 6, 1).unwrap();
    sound(&boundary, &areas, &made);
    let heavy = cell_of(&made, 17);
    for (number, cell) in made.cells.iter().enumerate() {
        let forced = if number == heavy {
            Forced::TooHeavy { area: 17 }
        } else {
            Forced::TakenElsewhere { area: 17 }
        };
        assert_eq!(cell.forced, Some(forced));
    }
    assert!(made.cells[heavy].areas.len() <= 2);
    let few = split(&boundary, &areas[..10], 7, 1).unwrap();
    let uneven = |cell: &&SplitCell| cell.off_share.abs() > 0.1;
    assert!(
        few.cells
            .iter()
            .filter(uneven)
            .all(|cell| cell.forced.is_some())
    );
}
