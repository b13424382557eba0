use super::{
    super::{field::Seeded, tiling},
    *,
};
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

fn areas(boundary: &Shape, count: usize, seed: u64) -> Vec<WeightedArea> {
    let mut random = Seeded::new(seed);
    let [west, south, east, north] = boundary.bounds();
    std::iter::repeat_with(|| {
        let lon = west + (east - west) * random.next();
        let lat = south + (north - south) * random.next();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let customers = 50 + (150.0 * random.next()) as u32;
        WeightedArea {
            at: Wgs84::new(lon, lat).unwrap(),
            customers,
        }
    })
    .filter(|area| boundary.contains(area.at))
    .take(count)
    .collect()
}

fn sound(boundary: &Shape, areas: &[WeightedArea], made: &Split) {
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

#[test]
fn a_township_of_200_areas_becomes_16_balanced_cells_that_tile_it() {
    let boundary = township(300, 5);
    let areas = areas(&boundary, 200, 6);
    let made = split(&boundary, &areas, 16, 1).unwrap();
    sound(&boundary, &areas, &made);
    assert_eq!(made.cells.len(), 16);
    assert!(made.imbalance < 0.15, "{}", made.imbalance);
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
    let idle: Vec<WeightedArea> = some
        .iter()
        .map(|area| WeightedArea {
            customers: 0,
            ..*area
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
    let stacked = vec![some[0]; 3];
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
    let row: Vec<WeightedArea> = (0..9)
        .map(|n| WeightedArea {
            at: ring(&[(-4.0 + f64::from(n), 0.0)])[0],
            customers: 10,
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
