use super::*;
use crate::position::Datum;
use proptest::prelude::*;

const LIMITS: &Limits = &Limits::DOMAIN;

fn at(lon: f64, lat: f64) -> TypedPosition {
    TypedPosition::new(lon, lat, Datum::Wgs84).unwrap()
}

fn fix(lat: f64, accuracy_dm: u32, age: i64) -> Fix {
    Fix {
        position: at(116.0, lat),
        accuracy_dm,
        age: Millis(age),
        mock: false,
    }
}

fn target(kind: TargetKind) -> Target {
    Target {
        position: at(116.0, 32.0),
        kind,
    }
}

fn proof(fix: &Fix, kind: TargetKind) -> ArrivalProof {
    prove(Some(fix), Some(&target(kind)), Motion::default(), LIMITS)
}

#[test]
fn near_enough_is_two_hundred_metres_and_the_accuracy_and_more_at_a_transformer() {
    // 0.002 degrees of latitude are 222 m, 0.004 are 444 m.
    let near = fix(32.002, 300, 0);
    assert_eq!(
        proof(&near, TargetKind::Order),
        ArrivalProof::Proved { metres: 222 }
    );
    let exact = fix(32.002, 50, 0);
    let far = ArrivalProof::FarAway {
        metres: 222,
        allowed: 205,
    };
    assert_eq!(proof(&exact, TargetKind::Customer), far);
    assert!(matches!(
        proof(&fix(32.004, 50, 0), TargetKind::Transformer),
        ArrivalProof::Proved { metres: 444 }
    ));
    // In another datum the same place is the same place.
    let gcj = Fix {
        position: TypedPosition::from_wgs84(near.position.to_wgs84(), Datum::Gcj02),
        ..near
    };
    assert_eq!(
        proof(&gcj, TargetKind::Order),
        ArrivalProof::Proved { metres: 222 }
    );
}

#[test]
fn an_old_vague_mocked_or_impossible_fix_proves_nothing_and_says_why() {
    let good = fix(32.0, 50, 60_000);
    assert!(doubts(Some(&good), Motion::default(), LIMITS).is_empty());
    let cases = [
        (fix(32.0, 50, 60_001), Doubt::OldFix),
        (fix(32.0, 50, -1), Doubt::OldFix),
        (fix(32.0, 2_001, 0), Doubt::VagueFix),
        (
            Fix {
                mock: true,
                ..good.clone()
            },
            Doubt::MockPlace,
        ),
    ];
    for (fix, doubt) in cases {
        let unsure = ArrivalProof::Unsure {
            doubts: vec![doubt],
            metres: Some(0),
        };
        assert_eq!(proof(&fix, TargetKind::Order), unsure);
        assert!(unsure.asks_why());
    }
    let none = prove(None, None, Motion::default(), LIMITS);
    let doubts = vec![Doubt::NoFix, Doubt::NoTarget];
    assert_eq!(
        none,
        ArrivalProof::Unsure {
            doubts,
            metres: None
        }
    );
    let lost = prove(Some(&good), None, Motion::default(), LIMITS);
    assert!(!lost.asks_why(), "where the order is, he cannot know");
}

#[test]
fn a_way_that_nobody_can_travel_is_found_but_a_drifting_fix_is_not() {
    let home = fix(32.0, 50, 0);
    let motion = |there: &Fix, seconds: u32| Motion {
        speed_dm_s: None,
        travel: Some(Travel::between(&home, there, Millis::seconds(seconds))),
    };
    // 11.1 km: in 4 minutes 46 m/s, in 5 minutes 37 m/s.
    let there = fix(32.1, 50, 0);
    assert_eq!(
        doubts(Some(&there), motion(&there, 240), LIMITS),
        [Doubt::ImpossibleSpeed]
    );
    assert!(doubts(Some(&there), motion(&there, 300), LIMITS).is_empty());
    // 222 m in a second, of a fix that is only good to 200 m.
    let drift = fix(32.002, 2_000, 0);
    assert!(doubts(Some(&drift), motion(&drift, 1), LIMITS).is_empty());
    let said = Motion {
        speed_dm_s: Some(401),
        travel: None,
    };
    assert_eq!(doubts(Some(&home), said, LIMITS), [Doubt::ImpossibleSpeed]);
}

fn step(fields: &str) -> StepSpec {
    let text = format!(
        r#"
code = "arrived"
title = {{ zh = "到", en = "arrived" }}
counts_from_previous_owner = true
fields = [{fields}]
photos = [{{ code = "site", title = {{ zh = "场", en = "site" }}, min = 0, max = 2 }}]
"#
    );
    toml::from_str(&text).unwrap()
}

#[test]
fn who_is_not_there_says_why_with_a_photo_where_the_workflow_asks() {
    let asks = step(
        r#"{ code = "not_there_reason", title = { zh = "", en = "" }, kind = "text", optional = true }"#,
    );
    let far = ArrivalProof::FarAway {
        metres: 900,
        allowed: 205,
    };
    let missing = still_asked(&asks, &far, &BTreeMap::new(), &[]);
    assert_eq!(missing.len(), 2, "{missing:?}");
    let values = BTreeMap::from([(NOT_THERE_REASON.into(), Value::Text("road".into()))]);
    let photo = PhotoRef {
        digest: crate::digest::Digest::ZERO,
        bytes: 1,
        slot: "site".into(),
    };
    assert!(still_asked(&asks, &far, &values, &[photo]).is_empty());
    let there = ArrivalProof::Proved { metres: 3 };
    assert!(still_asked(&asks, &there, &BTreeMap::new(), &[]).is_empty());
    assert!(still_asked(&step(""), &far, &BTreeMap::new(), &[]).is_empty());
}

proptest! {
    /// Whatever comes in, a proof is one of a sure fix within reach, and nothing panics.
    #[test]
    fn only_a_sure_fix_within_reach_is_a_proof(
        lon in -180.0..=180.0f64, lat in -90.0..=90.0f64,
        accuracy_dm: u32, age: i64, mock: bool, metres: u32, took: i64,
    ) {
        let fix = Fix { position: at(lon, lat), accuracy_dm, age: Millis(age), mock };
        let motion = Motion { speed_dm_s: None, travel: Some(Travel { metres, took: Millis(took) }) };
        let sure = doubts(Some(&fix), motion, LIMITS).is_empty();
        let (away, allowed) = from_target(&fix, &target(TargetKind::Order), LIMITS);
        let proof = prove(Some(&fix), Some(&target(TargetKind::Order)), motion, LIMITS);
        prop_assert_eq!(matches!(proof, ArrivalProof::Proved { .. }), sure && away <= allowed);
        prop_assert_eq!(matches!(proof, ArrivalProof::FarAway { .. }), sure && away > allowed);
    }
}
