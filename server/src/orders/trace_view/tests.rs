//! What a reviewer is shown of a trace: every entry once, and what makes him look twice.

mod other_uses;

use super::*;
use crate::sync::tests::world::World;
use gridcrew_sync_protocol::{
    arrival::{Target, TargetKind},
    claims::{Claims, PhotoClaim, PhotoFlag},
    position::Datum,
    record::{PhotoRef, StepDone},
    time::TimeEvidence,
    wire,
};
use std::collections::BTreeMap;

#[actix_web::test]
async fn pages_hold_every_entry_once_whatever_their_length() {
    let world = World::new().await;
    let (one, two) = (world.manager().await, world.manager().await);
    let order = world.order(one, None).await;
    let mut devices = [world.device(one, 1).await, world.device(two, 2).await];
    for device in &mut devices {
        for n in 0..5 {
            device.note(order, &format!("note {n}"));
        }
        // All of it comes at one and the same moment.
        world.push(device, device.all()).await.unwrap();
    }
    let state: OrderState = wire::decode(&world.row(order).await.state).unwrap();
    let template = world
        .fixture
        .app
        .templates
        .edition(&state.template)
        .unwrap();
    let db = world.fixture.app.store.read();
    let scope = &world.caller(&devices[0]).await.scope;
    let whole = trace(db, scope, &state, template, &TraceQuery::default())
        .await
        .unwrap();
    assert_eq!((whole.entries.len(), &whole.next), (2 + 2 * 5, &None));
    for limit in 1..=12 {
        let mut query = TraceQuery {
            after: None,
            limit: Some(limit),
        };
        let mut found = Vec::new();
        loop {
            let page = trace(db, scope, &state, template, &query).await.unwrap();
            assert!(page.entries.len() as u64 <= limit);
            found.extend(page.entries);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        found.sort_by_key(|entry| (entry.at, entry.journal, entry.seq));
        assert_eq!(found, whole.entries, "pages of {limit}");
    }
}

#[actix_web::test]
async fn an_arrival_that_is_not_proved_and_a_doubtful_photo_are_flagged() {
    let world = World::new().await;
    let person = world.manager().await;
    let order = world.order(person, None).await;
    let mut device = world.device(person, 1).await;
    let at = UnixMillis(1_800_000_200_000);
    let position = |lat| TypedPosition::new(116.0, lat, Datum::Wgs84).unwrap();
    let target = Target {
        position: position(32.0),
        kind: TargetKind::Customer,
    };
    let photo = PhotoClaim {
        taken_at: Some(UnixMillis(at.0 - 3_600_000)),
        place: Some(position(32.0)),
        ..PhotoClaim::default()
    };
    let claims = Claims {
        target: Some(target),
        arrival: Some(ArrivalProof::Proved { metres: 0 }),
        photos: vec![photo],
        ..Claims::default()
    };
    let fix = Fix {
        position: position(32.1),
        accuracy_dm: 50,
        age: Millis(0),
        mock: false,
    };
    let record = Record {
        order,
        actor: person,
        term: Term(1),
        time: TimeEvidence::of_server(at),
        fix: Some(fix),
        event: Event::StepDone(StepDone {
            step: "arrived".into(),
            values: BTreeMap::new(),
            photos: vec![PhotoRef {
                digest: Digest::of(b"photo"),
                bytes: 5,
                slot: "site".into(),
            }],
        }),
        claims: claims.any(),
    };
    device.entries.push(Entry::Record(record).to_bytes());
    world.push(&device, device.all()).await.unwrap();
    let state: OrderState = wire::decode(&world.row(order).await.state).unwrap();
    let app = &world.fixture.app;
    let template = app.templates.edition(&state.template).unwrap();
    let (db, scope) = (app.store.read(), world.caller(&device).await.scope);
    let view = trace(db, &scope, &state, template, &TraceQuery::default())
        .await
        .unwrap();
    let entry = view.entries.iter().find(|one| one.kind == "step_done");
    let entry = entry.unwrap();
    assert!(matches!(entry.arrival, Some(ArrivalProof::FarAway { .. })));
    for flag in [Flag::ArrivalFar, Flag::ClaimsDiffer, Flag::PhotoDoubtful] {
        assert!(entry.flags.contains(&flag), "{:?}", entry.flags);
    }
    let flags = &entry.photos[0].flags;
    assert_eq!(flags[0], PhotoFlag::PlaceMismatch { metres: 11_089 });
    assert_eq!(flags[1], PhotoFlag::OlderThanStep { minutes: 60 });
    let shown = serde_json::to_value(&entry.photos[0]).unwrap();
    assert_eq!(shown["slot"], "site");
    assert_eq!(shown["original_held"], false);
}

#[actix_web::test]
async fn a_limit_or_a_continuation_that_is_none_is_refused() {
    let world = World::new().await;
    let order = world.order_of(world.station).await;
    let state: OrderState = wire::decode(&world.row(order).await.state).unwrap();
    let template = world
        .fixture
        .app
        .templates
        .edition(&state.template)
        .unwrap();
    let db = world.fixture.app.store.read();
    let device = world.device(world.manager().await, 1).await;
    let scope = &world.caller(&device).await.scope;
    for (after, limit) in [(None, Some(0)), (None, Some(201)), (Some("1.x.2"), None)] {
        let after = after.map(str::to_owned);
        let refused = trace(db, scope, &state, template, &TraceQuery { after, limit }).await;
        assert_eq!(refused.unwrap_err().code, Code::RequestInvalid);
    }
}
