use super::*;
use crate::{
    arrival::TargetKind,
    ids::PersonId,
    journal::Entry,
    position::Datum,
    record::{StepDone, Term},
    time::{BootId, Millis, TimeEvidence},
    wire,
};
use std::collections::BTreeMap;
use uuid::Uuid;

const NOW: i64 = 1_790_000_000_000;
const LIMITS: &Limits = &Limits::DOMAIN;

fn at(lat: f64) -> TypedPosition {
    TypedPosition::new(116.0, lat, Datum::Wgs84).unwrap()
}

fn target() -> Target {
    Target {
        position: at(32.0),
        kind: TargetKind::Order,
    }
}

fn record(claims: Claims) -> Record {
    Record {
        order: OrderId(Uuid::from_u128(1)),
        actor: PersonId(Uuid::from_u128(2)),
        term: Term(1),
        time: TimeEvidence {
            wall: UnixMillis(NOW),
            boot: BootId([1; 16]),
            uptime: Millis(5),
            gnss: None,
            anchor: None,
        },
        fix: Some(Fix {
            position: at(32.0),
            accuracy_dm: 50,
            age: Millis(0),
            mock: false,
        }),
        event: Event::StepDone(StepDone {
            step: "arrived".into(),
            values: BTreeMap::new(),
            photos: vec![PhotoRef {
                digest: Digest::ZERO,
                bytes: 1,
                slot: "site".into(),
            }],
        }),
        claims: claims.any(),
    }
}

fn flags(photo: PhotoClaim) -> Vec<PhotoFlag> {
    let claims = Claims {
        photos: vec![photo],
        ..Claims::default()
    };
    review(&record(claims), None, Some(target()), LIMITS).photos[0].clone()
}

fn minutes_ago(minutes: i64) -> Option<UnixMillis> {
    Some(UnixMillis(NOW - minutes * 60_000))
}

#[test]
fn a_photo_of_the_step_at_the_place_has_no_flag() {
    let photo = PhotoClaim {
        taken_at: minutes_ago(2),
        gnss_at: minutes_ago(2),
        place: Some(at(32.001)),
        look: Some(Look(7)),
        ..PhotoClaim::default()
    };
    assert_eq!(flags(photo), []);
    assert_eq!(flags(PhotoClaim::default()), [], "the record's fix counts");
}

#[test]
fn an_old_far_or_contradicting_photo_says_so() {
    let far = PhotoClaim {
        place: Some(at(32.01)),
        ..PhotoClaim::default()
    };
    assert_eq!(
        flags(far),
        [
            PhotoFlag::FarFromPlace { metres: 1109 },
            PhotoFlag::PlaceMismatch { metres: 1109 }
        ]
    );
    let times = |taken: i64, gnss: Option<i64>| {
        flags(PhotoClaim {
            taken_at: minutes_ago(taken),
            gnss_at: gnss.and_then(minutes_ago),
            ..PhotoClaim::default()
        })
    };
    assert_eq!(times(30, None), []);
    assert_eq!(times(31, None), [PhotoFlag::OlderThanStep { minutes: 31 }]);
    assert_eq!(times(-6, None), [PhotoFlag::TimeMismatch { minutes: 6 }]);
    assert_eq!(
        times(1, Some(20)),
        [PhotoFlag::TimeMismatch { minutes: 19 }]
    );
}

#[test]
fn without_a_sure_fix_a_photo_has_none() {
    let mut vague = record(Claims::default());
    if let Some(fix) = &mut vague.fix {
        fix.accuracy_dm = 9_000;
    }
    let found = review(&vague, None, Some(target()), LIMITS);
    assert_eq!(found.photos, [[PhotoFlag::NoFix]]);
    assert_eq!(found.doubts, [Doubt::VagueFix]);
}

#[test]
fn a_picture_seen_before_names_the_order() {
    let order = OrderId(Uuid::from_u128(9));
    let before = |differs| PhotoClaim {
        before: Some(Before {
            order,
            photo: Digest::ZERO,
            differs,
        }),
        ..PhotoClaim::default()
    };
    assert_eq!(flags(before(None)), [PhotoFlag::SamePicture { order }]);
    assert_eq!(
        flags(before(Some(4))),
        [PhotoFlag::LooksLike { order, bits: 4 }]
    );
}

/// A record as programs knew it before there were claims.
#[derive(Serialize, Deserialize)]
struct Before1 {
    #[serde(rename = "o")]
    order: OrderId,
    #[serde(rename = "p")]
    actor: PersonId,
    #[serde(rename = "n")]
    term: Term,
    #[serde(rename = "t")]
    time: TimeEvidence,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
    #[serde(rename = "e")]
    event: Event,
}

#[test]
fn older_programs_read_records_with_claims_and_newer_ones_those_without() {
    let claims = Claims {
        speed_dm_s: Some(12),
        travel: Some(Travel {
            metres: 3,
            took: Millis(9),
        }),
        target: Some(target()),
        arrival: Some(ArrivalProof::Proved { metres: 4 }),
        photos: vec![PhotoClaim {
            look: Some(Look(u64::MAX)),
            no_preview: Some(NoPreview::HeicNotDecoded),
            ..PhotoClaim::default()
        }],
    };
    let new = record(claims);
    let bytes = wire::encode(&new);
    let old: Before1 = wire::decode(&bytes).unwrap();
    assert_eq!(old.event, new.event);
    assert_eq!(wire::decode::<Record>(&bytes).unwrap(), new);
    let entry = Entry::Record(new.clone()).to_bytes();
    assert_eq!(Entry::from_bytes(&entry).unwrap(), Entry::Record(new));
    // Without claims, the bytes are what they always were.
    let plain = record(Claims::default());
    let again: Before1 = wire::decode(&wire::encode(&plain)).unwrap();
    assert_eq!(wire::encode(&again), wire::encode(&plain));
}
