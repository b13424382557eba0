//! Reference pairs are public test vectors: `eviltransform` (BSD-2-Clause, python/test.py
//! and go/transform_test.go) and `coordtransform` (MIT, comments of test/app.js). The
//! inverse ones there come from a fast, inexact inverse and are held to its error. The
//! BD-09 pairs of `eviltransform` are left out: they follow its other formula (see `datum`).

use super::*;
use proptest::prelude::*;

fn wgs(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

#[test]
fn gcj02_agrees_with_the_reference_vectors() {
    for ((lat, lon), (to_lat, to_lon)) in [
        (
            (31.1774276, 121.5272106),
            (31.17530398364597, 121.531541859215),
        ),
        (
            (22.543847, 113.912316),
            (22.540796131694766, 113.9171764808363),
        ),
        (
            (39.911954, 116.377817),
            (39.91334545536069, 116.38404722455657),
        ),
        ((39.915, 116.404), (39.91640428150164, 116.41024449916938)),
    ] {
        let got = Gcj02::from(wgs(lon, lat));
        assert!(
            (got.lon() - to_lon).abs() < 1e-10 && (got.lat() - to_lat).abs() < 1e-10,
            "{got:?}"
        );
        let home = Wgs84::from(Gcj02::new(to_lon, to_lat).unwrap());
        assert!(distance_m(home, wgs(lon, lat)).0 < 1e-4, "{home:?}");
    }
}

#[test]
fn bd09_agrees_with_the_reference_vectors() {
    let (lon, lat) = datum::gcj_to_bd(116.404, 39.915);
    assert!((lon - 116.41036949371029).abs() < 1e-11 && (lat - 39.92133699351021).abs() < 1e-11);
    let gcj = Gcj02::from(Wgs84::from(Bd09::new(116.404, 39.915).unwrap()));
    let fast = Gcj02::new(116.39762729119315, 39.90865673957631).unwrap();
    let off = distance_m(Wgs84::from(gcj), Wgs84::from(fast)).0;
    assert!(
        off < 1.0,
        "{off} m off, more than the error of the fast inverse"
    );
}

#[test]
fn abroad_every_datum_is_the_same_numbers() {
    for (lon, lat) in [
        (-71.06, 42.36),
        (0.0, 0.0),
        (16.4, 48.2),
        (150.0, -30.0),
        (180.0, 90.0),
    ] {
        for datum in Datum::ALL {
            let there = TypedPosition::from_wgs84(wgs(lon, lat), datum);
            assert_eq!((there.lon(), there.lat()), (lon, lat), "{datum}");
            assert_eq!(there.to_wgs84(), wgs(lon, lat), "{datum}");
        }
    }
}

#[test]
fn at_the_border_of_the_shifted_area_a_point_inside_comes_home_and_no_answer_is_far() {
    for step in 0..4_000u32 {
        let t = f64::from(step) / 4_000.0;
        let (lon, lat) = (
            72.004 + t * (137.8347 - 72.004),
            0.8293 + t * (55.8271 - 0.8293),
        );
        for (lon, lat) in [
            (lon, 0.8293),
            (lon, 55.8271),
            (72.004, lat),
            (137.8347, lat),
        ] {
            for datum in [Datum::Gcj02, Datum::Bd09] {
                let inside = wgs(lon, lat);
                let home = TypedPosition::from_wgs84(inside, datum).to_wgs84();
                assert!(
                    distance_m(home, inside).0 < 1e-4,
                    "{inside:?} {datum} {home:?}"
                );
            }
            for (d_lon, d_lat) in [(0.01, 0.0), (-0.01, 0.0), (0.0, 0.01), (0.0, -0.01)] {
                let near = wgs(lon + d_lon, lat + d_lat);
                let home = TypedPosition::from_wgs84(near, Datum::Bd09).to_wgs84();
                assert!(distance_m(home, near).0 < 4_000.0, "{near:?} {home:?}");
            }
        }
    }
}

#[test]
fn positions_out_of_range_are_refused_and_swapped_ones_named() {
    let error = |lon, lat| Wgs84::new(lon, lat).unwrap_err();
    assert!(matches!(
        error(f64::NAN, 1.0),
        PositionError::NotFinite { .. }
    ));
    assert!(matches!(
        error(1.0, f64::INFINITY),
        PositionError::NotFinite { .. }
    ));
    assert!(matches!(
        error(180.1, 0.0),
        PositionError::OutOfRange { .. }
    ));
    assert!(matches!(
        error(0.0, -90.1),
        PositionError::OutOfRange { .. }
    ));
    let swapped = error(31.2, 121.5);
    assert!(matches!(swapped, PositionError::Swapped { .. }));
    assert_eq!(swapped.code().as_str(), "position.out_of_range");
    assert!(swapped.to_string().contains("121.5"));
}

#[test]
fn the_wire_form_needs_its_datum() {
    let read = |text: &str| serde_json::from_str::<TypedPosition>(text);
    let good = read(r#"{"lon":116.404,"lat":39.915,"datum":"GCJ-02"}"#).unwrap();
    assert_eq!(good.datum(), Datum::Gcj02);
    assert_eq!(
        serde_json::to_string(&good).unwrap(),
        r#"{"lon":116.404,"lat":39.915,"datum":"GCJ-02"}"#
    );
    for (text, code) in [
        (r#"{"lon":116.4,"lat":39.9}"#, "position.datum_missing"),
        (
            r#"{"lon":116.4,"lat":39.9,"datum":null}"#,
            "position.datum_missing",
        ),
        (
            r#"{"lon":116.4,"lat":39.9,"datum":"wgs84"}"#,
            "position.datum_unknown",
        ),
        (
            r#"{"lon":39.9,"lat":116.4,"datum":"WGS-84"}"#,
            "position.out_of_range",
        ),
        (r#"{"lat":39.9,"datum":"WGS-84"}"#, "position.out_of_range"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(code), "{error}");
    }
    let gcj = r#"{"lon":116.404,"lat":39.915,"datum":"GCJ-02"}"#;
    let error = serde_json::from_str::<Wgs84>(gcj).unwrap_err().to_string();
    assert!(error.starts_with("position.datum_not_wgs84"), "{error}");
}

#[test]
fn cbor_brings_back_the_same_bits() {
    let point = wgs(116.40400000000001, -39.915);
    let mut bytes = Vec::new();
    ciborium::into_writer(&point, &mut bytes).unwrap();
    let back: Wgs84 = ciborium::from_reader(bytes.as_slice()).unwrap();
    assert_eq!(back, point);
}

#[test]
fn a_degree_is_as_long_as_the_ellipsoid_says() {
    // Published lengths of one degree of latitude and longitude on WGS-84.
    for (lat, north, east) in [
        (0.0, 110_574.3, 111_319.5),
        (30.0, 110_852.4, 96_486.3),
        (60.0, 111_412.3, 55_800.0),
    ] {
        let up = distance_m(wgs(100.0, lat - 0.5), wgs(100.0, lat + 0.5)).0;
        let across = distance_m(wgs(99.5, lat), wgs(100.5, lat)).0;
        assert!((up - north).abs() < 1.0, "{lat} {up}");
        assert!((across - east).abs() < 1.0, "{lat} {across}");
    }
    let over = distance_m(wgs(179.999, 0.0), wgs(-179.999, 0.0)).0;
    assert!((over - 222.639).abs() < 0.01, "{over}");
}

#[test]
fn a_path_gives_its_nearest_piece() {
    let plane = LocalPlane::around(wgs(120.0, 30.0));
    let path = [wgs(120.01, 29.99), wgs(120.01, 30.01), wgs(119.99, 30.02)];
    let hit = plane.to_path(&path).unwrap();
    assert_eq!(hit.segment, 0);
    assert!((hit.along - 0.5).abs() < 1e-3);
    assert!((hit.distance.0 - 964.86).abs() < 0.2, "{:?}", hit.distance);
    assert_eq!(plane.to_segment(path[0], path[1]), hit.distance);
    assert_eq!(plane.to_path(&[]), None);
    assert_eq!(
        plane.to_path(&path[..1]).unwrap().distance,
        plane.to_point(path[0])
    );
}

proptest! {
    #[test]
    fn a_round_trip_ends_where_it_began(lon in 72.02f64..137.8, lat in 0.85f64..55.8) {
        for datum in Datum::ALL {
            let home = TypedPosition::from_wgs84(wgs(lon, lat), datum).to_wgs84();
            prop_assert!(distance_m(home, wgs(lon, lat)).0 < 1e-6, "{} {:?}", datum, home);
        }
    }

    #[test]
    fn the_plane_gives_the_middle_latitude_distance(
        lon in -179f64..179.0, lat in -56f64..56.0, x in -0.2f64..0.2, y in -0.18f64..0.18,
    ) {
        let (a, b) = (wgs(lon, lat), wgs(lon + x, lat + y));
        let off = (LocalPlane::around(a).to_point(b).0 - distance_m(a, b).0).abs();
        prop_assert!(off < 2e-3, "{off}");
    }
}
