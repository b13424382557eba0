//! What is set aside: how much, who may look at it, and what parked entries may name.

use super::world::{Device, World, packed};
use crate::{
    edge::Packed,
    http,
    people::{
        Role,
        rows::{audit_log, handheld},
    },
    sync::{aside::of_journal, routes},
};
use actix_web::test;
use gridcrew_sync_protocol::{
    ids::{OrderId, OrgId},
    push::PushOutcome,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};

/// A handheld whose journal holds two entries, and a clone that goes another way.
async fn forked(world: &World) -> (Device, Device, OrderId) {
    let manager = world.manager().await;
    let order = world.order(manager, None).await;
    let mut device = world.device(manager, 1).await;
    let mut clone = device.clone();
    device.take(order);
    clone.note(order, "another way");
    world.push(&device, device.all()).await.unwrap();
    (device, clone, order)
}

async fn revoke(world: &World) {
    world
        .fixture
        .write(|tx, _| {
            Box::pin(async move {
                handheld::Entity::update_many()
                    .col_expr(handheld::Column::RevokedAt, Expr::value(5))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
}

async fn reasons(world: &World, device: &Device) -> (usize, usize) {
    let db = world.fixture.app.store.read();
    let kept = of_journal(db, device.journal).await.unwrap();
    let of = |reason: &str| kept.iter().filter(|batch| batch.reason == reason).count();
    (of("fork"), of("revoked"))
}

#[actix_web::test]
async fn a_branch_that_is_packed_or_signed_anew_is_kept_once() {
    let world = World::new().await;
    let (device, clone, _) = forked(&world).await;
    for raw in ["packed so", "packed otherwise"] {
        let again = Packed {
            value: clone.all(),
            raw: raw.as_bytes().into(),
        };
        let caller = world.caller(&clone).await;
        let outcome = routes::push(&world.fixture.app, &caller, again).await;
        assert!(matches!(outcome, Ok(PushOutcome::Fork { .. })));
    }
    assert_eq!(reasons(&world, &device).await, (1, 0));
}

#[actix_web::test]
async fn forks_are_bounded_and_leave_room_for_what_comes_after_a_revocation() {
    let world = World::new().await;
    let (device, mut clone, order) = forked(&world).await;
    for n in 0..105 {
        clone.entries.truncate(1);
        clone.note(order, &format!("way {n}"));
        let outcome = world.push(&clone, clone.all()).await.unwrap();
        assert!(matches!(outcome, PushOutcome::Fork { .. }), "fork {n}");
    }
    assert_eq!(reasons(&world, &device).await, (100, 0));
    revoke(&world).await;
    clone.note(order, "the last");
    let outcome = world.push(&clone, clone.batch(3, 3)).await.unwrap();
    assert_eq!(outcome, PushOutcome::Revoked);
    assert_eq!(reasons(&world, &device).await, (100, 1));
}

#[actix_web::test]
async fn a_branch_too_many_bytes_long_is_answered_but_not_kept() {
    let world = World::new().await;
    let (device, mut clone, order) = forked(&world).await;
    for n in 0..2 {
        clone.note(order, &format!("way {n}"));
        let long = Packed {
            raw: vec![0; 20 * 1024 * 1024].into(),
            ..packed(clone.all())
        };
        let caller = world.caller(&clone).await;
        let outcome = routes::push(&world.fixture.app, &caller, long).await;
        assert!(matches!(outcome, Ok(PushOutcome::Fork { .. })));
    }
    assert_eq!(reasons(&world, &device).await, (1, 0));
}

#[actix_web::test]
async fn what_was_set_aside_is_listed_for_those_who_keep_the_handheld_and_written_down() {
    let world = World::new().await;
    let (device, clone, _) = forked(&world).await;
    world.push(&clone, clone.all()).await.unwrap();
    let app = &world.fixture.app;
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, app, &document)),
    )
    .await;
    let ask = async |role: Role, org: OrgId| {
        let person = world.fixture.person(role, org).await;
        let token = world.fixture.sign_in(&person).await.access_token;
        let uri = format!("/api/v1/handhelds/{}/set-aside", device.journal);
        let request = test::TestRequest::get()
            .uri(&uri)
            .insert_header(("authorization", format!("Bearer {token}")));
        let reply = test::call_service(&service, request.to_request()).await;
        let status = reply.status().as_u16();
        let shown: Value = test::read_body_json(reply).await;
        (status, shown)
    };
    for role in [Role::Station, Role::Administrator] {
        let (status, shown) = ask(role, world.station).await;
        assert_eq!(status, 200);
        assert_eq!(shown["handheld"], json!(device.journal));
        let now = app.now().0;
        let batch = json!({
            "reason": "fork", "received_at": now, "first": 1, "last": 2, "entries": 2,
        });
        assert_eq!(shown["batches"], json!([batch]));
    }
    assert_eq!(ask(Role::Station, world.sibling).await.0, 404);
    assert_eq!(ask(Role::Manager, world.station).await.0, 403);
    let lines = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("handheld.set_aside_read"))
        .count(app.store.read());
    assert_eq!(lines.await.unwrap(), 2);
}

#[actix_web::test]
async fn a_parked_entry_names_no_order_of_another_station_that_was_never_the_persons() {
    let world = World::new().await;
    let manager = world.manager().await;
    let own = world.order_of(world.station).await;
    let foreign = world.order_of(world.sibling).await;
    let unknown = OrderId(world.fixture.app.new_id());
    let mut device = world.device(manager, 1).await;
    for order in [own, foreign, unknown] {
        device.note(order, "x");
    }
    world.push(&device, device.all()).await.unwrap();
    let stored = world.stored(device.journal).await;
    let named: Vec<_> = stored.iter().skip(1).map(|entry| entry.order_id).collect();
    assert_eq!(named, [Some(own.0), None, Some(unknown.0)]);
    assert!(stored.iter().skip(1).all(|entry| entry.parked.is_some()));
}
