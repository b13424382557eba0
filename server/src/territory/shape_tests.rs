use super::*;
use proptest::prelude::*;

fn ring(points: &[(f64, f64)]) -> Ring {
    points
        .iter()
        .map(|(x, y)| Wgs84::new(120.0 + x / 100.0, 30.0 + y / 100.0).unwrap())
        .collect()
}

fn square(x: f64, y: f64, side: f64) -> Ring {
    ring(&[(x, y), (x + side, y), (x + side, y + side), (x, y + side)])
}

fn shape(polygons: Vec<Vec<Ring>>) -> Result<Shape, ShapeError> {
    Shape::new(polygons)
}

#[test]
fn rings_are_closed_turned_and_freed_of_repeats() {
    let mut backwards = square(0.0, 0.0, 1.0);
    backwards.reverse();
    backwards.insert(1, backwards[0]);
    let sound = shape(vec![vec![backwards]]).unwrap();
    let ring = &sound.polygons()[0][0];
    assert_eq!(ring.len(), 5);
    assert_eq!(ring.first(), ring.last());
    assert!(sound.doubled_area() > 0);
    assert!(
        (sound.area_m2() - 964.86 * 1108.52).abs() < 2_000.0,
        "{}",
        sound.area_m2()
    );
}

#[test]
fn a_ring_that_crosses_or_touches_itself_is_refused_with_the_place() {
    let bow = ring(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]);
    let error = shape(vec![vec![bow]]).unwrap_err();
    let ShapeError::SelfCrossing { at } = error else {
        panic!("{error:?}")
    };
    assert!((at.lon() - 120.005).abs() < 1e-9 && (at.lat() - 30.005).abs() < 1e-9);

    let pinch = ring(&[
        (0.0, 0.0),
        (1.0, 0.0),
        (0.5, 0.5),
        (1.0, 1.0),
        (0.0, 1.0),
        (0.5, 0.5),
    ]);
    assert!(matches!(
        shape(vec![vec![pinch]]),
        Err(ShapeError::SelfCrossing { .. })
    ));
    let spike = ring(&[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (1.0, 0.0), (1.0, 1.0)]);
    assert!(matches!(
        shape(vec![vec![spike]]),
        Err(ShapeError::SelfCrossing { .. })
    ));
    let touch = ring(&[(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 0.0), (0.0, 1.0)]);
    assert!(matches!(
        shape(vec![vec![touch]]),
        Err(ShapeError::SelfCrossing { .. })
    ));
}

#[test]
fn nothing_is_no_shape() {
    assert_eq!(shape(vec![]), Err(ShapeError::Empty));
    assert_eq!(shape(vec![vec![]]), Err(ShapeError::Empty));
    let flat = ring(&[(0.0, 0.0), (1.0, 0.0)]);
    assert!(matches!(
        shape(vec![vec![flat]]),
        Err(ShapeError::NoArea { .. })
    ));
    let flat = ring(&[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]);
    assert!(matches!(
        shape(vec![vec![flat]]),
        Err(ShapeError::NoArea { .. })
    ));
}

#[test]
fn holes_and_parts_lie_where_they_can() {
    let outer = square(0.0, 0.0, 10.0);
    let with_hole = shape(vec![vec![outer.clone(), square(2.0, 2.0, 3.0)]]).unwrap();
    assert!(!with_hole.contains(Wgs84::new(120.03, 30.03).unwrap()));
    assert!(with_hole.contains(Wgs84::new(120.08, 30.08).unwrap()));
    let island = vec![square(3.0, 3.0, 1.0)];
    assert!(
        shape(vec![
            vec![outer.clone(), square(2.0, 2.0, 3.0)],
            island.clone()
        ])
        .is_ok()
    );

    let outside = shape(vec![vec![outer.clone(), square(20.0, 2.0, 3.0)]]);
    assert!(matches!(outside, Err(ShapeError::Misplaced { .. })));
    assert!(matches!(
        shape(vec![vec![outer], island]),
        Err(ShapeError::Misplaced { .. })
    ));
}

#[test]
fn the_point_inside_is_inside_even_of_a_horseshoe() {
    let horseshoe = ring(&[
        (0.0, 0.0),
        (10.0, 0.0),
        (10.0, 10.0),
        (9.0, 10.0),
        (9.0, 1.0),
        (1.0, 1.0),
        (1.0, 10.0),
        (0.0, 10.0),
    ]);
    let sound = shape(vec![vec![horseshoe]]).unwrap();
    assert!(sound.contains(sound.point_inside()));
}

#[test]
fn a_shape_survives_json_to_the_bit() {
    let sound = shape(vec![vec![square(0.0, 0.0, 3.3), square(1.0, 1.0, 0.7)]]).unwrap();
    let text = serde_json::to_string(&sound).unwrap();
    assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), sound);
    let bow = "[[[[0,0],[1,1],[1,0],[0,1],[0,0]]]]";
    assert!(serde_json::from_str::<Shape>(bow).is_err());
}

proptest! {
    #[test]
    fn a_star_is_sound_and_a_random_walk_is_sound_or_refused(
        radii in proptest::collection::vec(0.1f64..1.0, 3..40),
        walk in proptest::collection::vec((0.0f64..1.0, 0.0f64..1.0), 3..12),
    ) {
        let n = radii.len() as f64;
        let star: Vec<(f64, f64)> = radii.iter().enumerate().map(|(i, r)| {
            let angle = i as f64 / n * std::f64::consts::TAU;
            (r * angle.cos(), r * angle.sin())
        }).collect();
        let sound = shape(vec![vec![ring(&star)]]).unwrap();
        prop_assert!(sound.contains(sound.point_inside()));
        if let Ok(sound) = shape(vec![vec![ring(&walk)]]) {
            prop_assert!(sound.doubled_area() > 0);
            prop_assert!(sound.contains(sound.point_inside()));
        }
    }
}
