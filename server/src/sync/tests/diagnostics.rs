//! How handhelds stand: what is kept can be read again, whatever came with it.

use super::world::{Device, World};
use crate::{edge::PACKED_MEDIA_TYPE, http, people::Role};
use actix_web::test;
use ciborium::Value;
use gridcrew_sync_protocol::{
    diagnostics::{Diagnostics, MAX_DIAGNOSTICS_BYTES},
    time::{TimeEvidence, UnixMillis},
    wire,
};
use sea_orm::EntityTrait;

fn diagnostics() -> Diagnostics {
    Diagnostics {
        time: TimeEvidence::of_server(UnixMillis(1)),
        program: "a newer one".to_owned(),
        store_version: 2,
        records_waiting: 3,
        waiting_since: None,
        records_parked: 0,
        photos_waiting: 0,
        photos_refused: 0,
        photos_damaged: 0,
        free_bytes: None,
        disagreeing: Vec::new(),
        findings: Vec::new(),
    }
}

/// A token of a session that is bound to the handheld.
async fn token(world: &World, device: &Device) -> String {
    let (person, journal) = (device.person.0, device.journal);
    let person = crate::people::rows::person::Entity::find_by_id(person)
        .one(world.fixture.app.store.read())
        .await
        .unwrap()
        .unwrap();
    let tokens = world
        .fixture
        .write(move |tx, app| {
            Box::pin(
                async move { crate::people::session::begin(tx, app, &person, Some(journal)).await },
            )
        })
        .await;
    tokens.access_token
}

#[actix_web::test]
async fn what_a_newer_handheld_adds_does_not_keep_the_station_from_reading_the_rest() {
    let world = World::new().await;
    let device = world.device(world.manager().await, 1).await;
    let app = &world.fixture.app;
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, app, &document)),
    )
    .await;

    let mut said = Value::serialized(&diagnostics()).unwrap();
    let added = Value::Text("电".repeat(MAX_DIAGNOSTICS_BYTES));
    said.as_map_mut()
        .unwrap()
        .push((Value::Text("added_later".to_owned()), added));
    let request = test::TestRequest::post()
        .uri("/api/v1/sync/diagnostics")
        .insert_header((
            "authorization",
            format!("Bearer {}", token(&world, &device).await),
        ))
        .insert_header(("content-type", PACKED_MEDIA_TYPE))
        .set_payload(wire::pack(&said));
    let reply = test::call_service(&service, request.to_request()).await;
    assert_eq!(reply.status(), 204);

    let staff = world.fixture.person(Role::Station, world.station).await;
    let token = world.fixture.sign_in(&staff).await.access_token;
    let request = test::TestRequest::get()
        .uri(&format!("/api/v1/handhelds/{}/diagnostics", device.journal))
        .insert_header(("authorization", format!("Bearer {token}")));
    let reply = test::call_service(&service, request.to_request()).await;
    assert_eq!(reply.status(), 200);
    let shown: serde_json::Value = test::read_body_json(reply).await;
    assert_eq!(shown["said"]["records_waiting"], 3);
}
