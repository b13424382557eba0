use super::*;
use crate::territory::{field::Seeded, import, real_data_tests::features};
use proptest::prelude::*;

fn wgs(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

/// Places, and what is said of them by who means `truth` and states `stated`.
fn told(places: &[Wgs84], truth: Datum, stated: Datum) -> Vec<Moved> {
    places
        .iter()
        .map(|known| Moved {
            known: *known,
            given: reread(*known, truth, stated).unwrap(),
        })
        .collect()
}

fn alike(a: Datum, b: Datum) -> bool {
    let plain = |datum| matches!(datum, Datum::Wgs84 | Datum::Cgcs2000);
    a == b || (plain(a) && plain(b))
}

proptest! {
    #[test]
    fn a_wrong_datum_shows_anywhere_in_the_populated_country(
        lon in 100f64..123.0, lat in 22f64..45.0, seed in any::<u64>(),
    ) {
        let mut random = Seeded::new(seed);
        let mut around = |metres: f64| metres / 100_000.0 * (random.next() - 0.5);
        let places: Vec<Wgs84> = (0..12)
            .map(|_| wgs(lon + around(8_000.0), lat + around(8_000.0)))
            .collect();
        for truth in Datum::ALL {
            for stated in Datum::ALL {
                let mut pairs = told(&places, truth, stated);
                // Some were really moved, one far away.
                for pair in &mut pairs {
                    pair.given = wgs(pair.given.lon() + around(40.0), pair.given.lat() + around(40.0));
                }
                pairs[0].given = wgs(lon + 0.1, lat + 0.1);
                let doubt = by_places(&pairs, Pairs::Same, stated);
                if alike(truth, stated) {
                    prop_assert_eq!(doubt, None, "{} as {}", truth, stated);
                } else {
                    let doubt = doubt.unwrap();
                    prop_assert!(alike(doubt.like, truth), "{} as {}: {}", truth, stated, doubt);
                }
            }
        }
    }
}

#[test]
fn customers_show_the_datum_by_standing_around_their_transformers() {
    let mut random = Seeded::new(7);
    let mut metres = move |wide: f64| wide / 100_000.0 * (random.next() - 0.5);
    let mut pairs = Vec::new();
    for area in 0..8 {
        let known = wgs(116.6 + 0.01 * f64::from(area), 32.8);
        for _ in 0..10 {
            pairs.push(Moved {
                known,
                given: wgs(known.lon() + metres(600.0), known.lat() + metres(600.0)),
            });
        }
    }
    assert_eq!(by_places(&pairs, Pairs::Amid, Datum::Wgs84), None);
    for pair in &mut pairs {
        pair.given = reread(pair.given, Datum::Gcj02, Datum::Wgs84).unwrap();
    }
    let doubt = by_places(&pairs, Pairs::Amid, Datum::Wgs84).unwrap();
    assert_eq!(doubt.like, Datum::Gcj02);
    // A handful shows nothing.
    assert_eq!(by_places(&pairs[..15], Pairs::Amid, Datum::Wgs84), None);
}

#[test]
fn a_village_that_really_moved_is_no_doubt() {
    // All moved by 300 m to the south-west: no datum does that here.
    let places: Vec<Wgs84> = (0..9)
        .map(|n| wgs(116.6 + 0.01 * f64::from(n), 32.8))
        .collect();
    let moved: Vec<Moved> = places
        .iter()
        .map(|known| Moved {
            known: *known,
            given: wgs(known.lon() - 0.0022, known.lat() - 0.0019),
        })
        .collect();
    assert_eq!(by_places(&moved, Pairs::Same, Datum::Wgs84), None);
}

/// Counties by their codes, read as `datum`.
fn counties(file: &str, datum: &str) -> Option<Vec<(String, Shape)>> {
    let read = |feature: serde_json::Value| {
        let code = feature["properties"]["adcode"].to_string();
        let name = feature["properties"]["name"].to_string();
        let shape = import::boundary(&feature["geometry"].to_string(), Some(datum));
        (code + &name, shape.unwrap().value)
    };
    Some(features(file)?.into_iter().map(read).collect())
}

#[test]
fn real_counties_in_gcj02_stated_as_wgs84_do_not_fit_their_neighbours() {
    let Some(truth) = counties("counties_wgs84_derived.geojson.gz", "WGS-84") else {
        return;
    };
    let (mut seen, mut doubted, mut alone) = (0, 0, 0);
    for file in [
        "chongqing_counties_gcj02.geojson.gz",
        "huainan_counties_gcj02.geojson.gz",
    ] {
        let wrong = counties(file, "WGS-84").unwrap_or_default();
        let right = counties(file, "GCJ-02").unwrap_or_default();
        for ((name, shape), (_, right)) in wrong.iter().zip(&right) {
            // Everyone but itself, which lies where `right` does.
            let own = right.point_inside();
            let others: Vec<&Shape> = truth
                .iter()
                .filter(|(_, other)| !other.contains(own))
                .map(|(_, other)| other)
                .collect();
            assert_eq!(
                by_borders(right, &others, Datum::Gcj02),
                None,
                "{name} as it is"
            );
            seen += 1;
            match by_borders(shape, &others, Datum::Wgs84) {
                Some(doubt) => {
                    assert_eq!(doubt.like, Datum::Gcj02, "{name}: {doubt}");
                    assert!((100.0..700.0).contains(&doubt.off.0), "{name}: {doubt}");
                    doubted += 1;
                }
                // One whose neighbours are not in the data has no border to show it.
                None => alone += 1,
            }
        }
    }
    println!("{doubted} of {seen} counties doubted, {alone} without a border that shows it");
    assert!(seen >= 45 && alone <= 2, "{alone} of {seen}");
}

#[test]
fn a_boundary_is_doubted_by_the_one_that_was_there_before() {
    let ring: Vec<Wgs84> = (0..60)
        .map(|n| {
            let turn = f64::from(n) / 60.0 * std::f64::consts::TAU;
            wgs(116.6 + 0.05 * turn.cos(), 32.8 + 0.04 * turn.sin())
        })
        .collect();
    let before = Shape::new(vec![vec![ring.clone()]]).unwrap();
    assert_eq!(by_borders(&before, &[&before], Datum::Wgs84), None);
    assert_eq!(by_borders(&before, &[], Datum::Wgs84), None);
    let wrong = ring
        .iter()
        .map(|p| reread(*p, Datum::Gcj02, Datum::Wgs84).unwrap());
    let wrong = Shape::new(vec![vec![wrong.collect()]]).unwrap();
    let doubt = by_borders(&wrong, &[&before], Datum::Wgs84).unwrap();
    assert_eq!(doubt.like, Datum::Gcj02);
    assert!(
        doubt
            .to_string()
            .contains("these look like GCJ-02, stated is WGS-84"),
        "{doubt}"
    );
}
