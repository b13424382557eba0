//! Whose photos are: what a promise alone does not give, and what parked records still do.

use super::{
    Lane, jpeg,
    views::{as_, get, order},
};
use crate::{
    media::{take_in, uploads::Claim},
    people::Role,
    trace::rows::entry,
};
use actix_web::http::{Method, StatusCode};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    media::{HeldReply, HeldRequest, MediaKind},
    time::Millis,
    wire,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

async fn held(lane: &Lane, photo: Digest) -> Vec<Digest> {
    let packed = [("Content-Type", "application/vnd.gridcrew+cbor-zstd")];
    let asked = wire::pack(&HeldRequest {
        photos: vec![photo],
    });
    let path = "/api/v1/media/held";
    let answer = lane.call(Method::POST, path, &packed, &asked).await;
    let reply: HeldReply = wire::unpack(&answer.body, 10_000).unwrap();
    reply.originals
}

/// Another manager with a handheld calls from now on.
async fn another(lane: &mut Lane) {
    lane.fixture.pass(Millis(1));
    lane.manager = lane.fixture.person(Role::Manager, lane.station()).await;
    lane.journal = lane.enrol(None).await;
    lane.token = lane.sign_in(lane.journal).await;
}

#[actix_web::test]
async fn a_promise_of_anothers_photo_neither_shows_it_nor_says_that_it_is_held() {
    for mut lane in Lane::on_each().await {
        let sibling = lane.organisation.sibling;
        let own = order(&lane, lane.station()).await;
        let foreign = order(&lane, sibling).await;
        let photo = jpeg(61);
        let digest = take_in(lane.app(), photo.clone()).await.unwrap();
        lane.promise(Some(own), digest).await;
        assert_eq!(held(&lane, digest).await, [digest]);

        another(&mut lane).await;
        lane.promise(Some(foreign), digest).await;
        let handheld = lane.token.clone();
        assert_eq!(held(&lane, digest).await, []);
        let (path, preview) = (digest.to_string(), format!("{digest}/preview"));
        as_(&mut lane, Role::Station, sibling).await;
        let staff = lane.token.clone();
        for path in [&path, &preview] {
            assert_eq!(get(&lane, path, &[]).await.status, StatusCode::NOT_FOUND);
        }

        // Who has the bytes brings them, and the photo is his as well.
        lane.token = handheld;
        let length = photo.len() as u64;
        let claim = Claim::new(digest, digest, MediaKind::Original, length).unwrap();
        let (created, upload) = lane.create(claim).await;
        assert_eq!(created.offset(), Some(0));
        let brought = lane.patch(&upload, 0, &photo).await;
        assert_eq!(brought.offset(), Some(length));
        assert_eq!(lane.head(&upload).await.offset(), Some(length));
        assert_eq!(held(&lane, digest).await, [digest]);
        lane.token = staff;
        assert_eq!(get(&lane, &path, &[]).await.body, photo);
        assert_eq!(get(&lane, &preview, &[]).await.status, StatusCode::OK);
    }
}

#[actix_web::test]
async fn a_photo_is_its_persons_on_whatever_handheld() {
    for mut lane in Lane::on_each().await {
        let own = order(&lane, lane.station()).await;
        let photo = take_in(lane.app(), jpeg(62)).await.unwrap();
        lane.promise(Some(own), photo).await;
        lane.journal = lane.enrol(None).await;
        lane.token = lane.sign_in(lane.journal).await;
        lane.promise(Some(own), photo).await;
        assert_eq!(held(&lane, photo).await, [photo]);
    }
}

#[actix_web::test]
async fn a_photo_of_a_parked_record_is_seen_by_who_sees_the_order_that_it_names() {
    for mut lane in Lane::on_each().await {
        let (named, photo) = (order(&lane, lane.station()).await, jpeg(63));
        let digest = take_in(lane.app(), photo.clone()).await.unwrap();
        lane.promise(None, digest).await;
        park(&lane, named).await;
        let (station, sibling) = (lane.station(), lane.organisation.sibling);
        as_(&mut lane, Role::Station, station).await;
        let path = digest.to_string();
        assert_eq!(get(&lane, &path, &[]).await.body, photo);
        as_(&mut lane, Role::Station, sibling).await;
        assert_eq!(get(&lane, &path, &[]).await.status, StatusCode::NOT_FOUND);
    }
}

/// The handheld's record names the order, but is no part of it.
async fn park(lane: &Lane, order: OrderId) {
    let journal = lane.journal;
    lane.fixture
        .write(move |tx, _| {
            Box::pin(async move {
                entry::Entity::update_many()
                    .col_expr(entry::Column::OrderId, Expr::value(Some(order.0)))
                    .col_expr(entry::Column::Parked, Expr::value("record.never_assigned"))
                    .filter(entry::Column::JournalId.eq(journal.0))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
}
