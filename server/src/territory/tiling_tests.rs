use super::*;
use proptest::prelude::*;

/// Corners in hundredths of a degree.
fn shape(rings: &[&[(f64, f64)]]) -> Shape {
    let ring = |points: &&[(f64, f64)]| {
        let at = |(x, y): &(f64, f64)| Wgs84::new(120.0 + x / 100.0, 30.0 + y / 100.0).unwrap();
        points.iter().map(at).collect()
    };
    Shape::new(vec![rings.iter().map(ring).collect()]).unwrap()
}

fn block(x: f64, y: f64, width: f64, height: f64) -> Shape {
    shape(&[&[
        (x, y),
        (x + width, y),
        (x + width, y + height),
        (x, y + height),
    ]])
}

fn report(boundary: &Shape, cells: &[Shape]) -> Tiling {
    check(boundary, &cells.iter().collect::<Vec<_>>())
}

#[test]
fn four_quarters_tile_a_square_and_three_leave_a_gap() {
    let boundary = shape(&[&[
        (0.0, 0.0),
        (1.0, 0.0),
        (2.0, 0.0),
        (2.0, 1.0),
        (2.0, 2.0),
        (1.0, 2.0),
        (0.0, 2.0),
        (0.0, 1.0),
    ]]);
    let quarters: Vec<Shape> = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
        .map(|(x, y)| block(x, y, 1.0, 1.0))
        .into();
    let whole = report(&boundary, &quarters);
    assert!(whole.tiles() && whole.difference == 0.0, "{whole:?}");

    let holed = report(&boundary, &quarters[..3]);
    let [
        TilingProblem::Gap {
            at,
            area_m2,
            beside,
        },
    ] = &holed.problems[..]
    else {
        panic!("{holed:?}")
    };
    assert!(block(1.0, 1.0, 1.0, 1.0).contains(*at));
    assert!((area_m2 / holed.boundary_m2 - 0.25).abs() < 1e-9);
    assert_eq!(beside[..], [0, 1, 2]);
    assert!((holed.difference + 0.25).abs() < 1e-9);
}

#[test]
fn an_overlap_names_both_cells_and_ground_outside_its_cell() {
    let boundary = block(0.0, 0.0, 4.0, 1.0);
    let cells = [block(0.0, 0.0, 2.5, 1.0), block(2.0, 0.0, 2.5, 1.0)];
    let found = report(&boundary, &cells);
    assert_eq!(found.problems.len(), 2, "{found:?}");
    for problem in &found.problems {
        match problem {
            TilingProblem::Overlap { at, cells, .. } => {
                assert_eq!(cells[..], [0, 1]);
                assert!((120.02..120.025).contains(&at.lon()));
            }
            TilingProblem::Outside { at, cells, .. } => {
                assert_eq!(cells[..], [1]);
                assert!(at.lon() > 120.04);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cell_within_another_and_a_cell_given_twice_are_overlaps() {
    let boundary = block(0.0, 0.0, 4.0, 4.0);
    let inner = report(&boundary, &[boundary.clone(), block(1.0, 1.0, 1.0, 1.0)]);
    assert!(
        matches!(&inner.problems[..], [TilingProblem::Overlap { cells, .. }] if cells[..] == [0, 1])
    );
    let twice = report(&boundary, &[boundary.clone(), boundary.clone()]);
    assert!(
        matches!(&twice.problems[..], [TilingProblem::Overlap { cells, .. }] if cells[..] == [0, 1])
    );
}

#[test]
fn a_border_without_shared_points_is_told_apart_from_ground() {
    let boundary = block(0.0, 0.0, 2.0, 2.0);
    let tee = report(
        &boundary,
        &[
            block(0.0, 0.0, 2.0, 1.0),
            block(0.0, 1.0, 1.0, 1.0),
            block(1.0, 1.0, 1.0, 1.0),
        ],
    );
    assert!(!tee.tiles());
    assert!(
        tee.problems
            .iter()
            .all(|p| matches!(p, TilingProblem::NotShared { .. })),
        "{tee:?}"
    );
    assert_eq!(tee.difference, 0.0);
}

#[test]
fn a_lake_in_the_boundary_is_no_gap_and_a_cell_over_it_is_outside() {
    let square: &[(f64, f64)] = &[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)];
    let lake: &[(f64, f64)] = &[(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)];
    let boundary = shape(&[square, lake]);
    assert!(report(&boundary, std::slice::from_ref(&boundary)).tiles());
    let over = report(&boundary, &[shape(&[square])]);
    assert!(
        matches!(&over.problems[..], [TilingProblem::Outside { .. }]),
        "{over:?}"
    );
    assert!(matches!(
        &report(&boundary, &[]).problems[..],
        [TilingProblem::Gap { .. }]
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn moving_one_corner_is_always_noticed(
        x in 0usize..6, y in 0usize..6, dx in -3i64..=3, dy in -3i64..=3,
    ) {
        let side = 6;
        let at = |i: usize, j: usize| {
            Grid { x: 120_000_000_000 + i as i64 * 10_000_000, y: 30_000_000_000 + j as i64 * 10_000_000 }
        };
        let cell = |i: usize, j: usize, moved: bool| {
            let mut ring: Vec<Grid> =
                [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)].map(|(i, j)| at(i, j)).into();
            if moved {
                ring[2].x += dx * 700_000;
                ring[2].y += dy * 700_000;
            }
            ring.push(ring[0]);
            Shape::of_grid(vec![ring]).unwrap()
        };
        let mut rim: Vec<Grid> = (0..side).map(|n| at(n, 0)).collect();
        rim.extend((0..side).map(|n| at(side, n)));
        rim.extend((0..side).map(|n| at(side - n, side)));
        rim.extend((0..=side).map(|n| at(0, side - n)));
        let boundary = Shape::of_grid(vec![rim]).unwrap();
        let cells: Vec<Shape> = (0..side * side)
            .map(|n| cell(n % side, n / side, (n % side, n / side) == (x, y)))
            .collect();
        let found = report(&boundary, &cells);
        prop_assert_eq!(found.tiles(), (dx, dy) == (0, 0), "{:?}", found);
    }
}
