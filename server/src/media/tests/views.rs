//! Who sees which photo, and as what.

use super::{Lane, jpeg};
use crate::{
    media::{
        PhotoCounts, completion, counts,
        held::{self, Held},
        picture, take_in,
        uploads::Claim,
    },
    orders::rows::service_order,
    people::{Role, rows::audit_log},
};
use actix_web::http::{Method, StatusCode};
use futures_util::FutureExt;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{OrderId, OrgId},
    media::{HeldReply, HeldRequest, MAX_PREVIEW_BYTES, MediaKind, PictureFormat},
    time::Millis,
    wire,
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use std::{io::Cursor, time::Duration};

pub(super) async fn order(lane: &Lane, station: OrgId) -> OrderId {
    let id = lane.app().new_id();
    let row = service_order::ActiveModel {
        id: Set(id),
        station_id: Set(station.0),
        source: Set("95598".to_owned()),
        outside_no: Set(id.to_string()),
        intake_digest: Set(vec![]),
        accepted_by: Set(lane.manager.id),
        template_code: Set("fault_repair".to_owned()),
        template_version: Set(1),
        customer_id: Set(None),
        cell_id: Set(None),
        station_area_id: Set(None),
        status: Set("working".to_owned()),
        owner_person: Set(None),
        owner_desk: Set(None),
        term: Set(0),
        accepted_at: Set(0),
        next_due: Set(None),
        details: Set(vec![]),
        server_seq: Set(0),
        server_link: Set(vec![]),
        state: Set(vec![]),
        state_digest: Set(vec![]),
        entry_count: Set(0),
    };
    lane.fixture
        .write(|tx, _| {
            Box::pin(async move {
                service_order::Entity::insert(row)
                    .exec_without_returning(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    OrderId(id)
}

/// Who asks from now on: someone of `role` at `org`.
pub(super) async fn as_(lane: &mut Lane, role: Role, org: OrgId) {
    let person = lane.fixture.person(role, org).await;
    lane.token = lane.fixture.sign_in(&person).await.access_token;
}

pub(super) async fn get(lane: &Lane, path: &str, headers: &[(&str, &str)]) -> super::lane::Answer {
    lane.call(
        Method::GET,
        &format!("/api/v1/media/photos/{path}"),
        headers,
        b"",
    )
    .await
}

#[actix_web::test]
async fn an_original_is_seen_by_those_who_see_its_order_and_that_is_written_down() {
    let mut lane = Lane::new().await;
    let photo = jpeg(21);
    let order = order(&lane, lane.station()).await;
    let digest = take_in(lane.app(), photo.clone()).await.unwrap();
    let (station, sibling) = (lane.station(), lane.organisation.sibling);
    as_(&mut lane, Role::Station, station).await;
    let path = digest.to_string();
    get(&lane, &path, &[]).await.is(Code::NotFound);
    lane.promise(Some(order), digest).await;

    let seen = get(&lane, &path, &[]).await;
    assert_eq!((seen.status, &seen.body), (StatusCode::OK, &photo));
    let tag = format!("\"{digest}\"");
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("etag", &tag),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cache-control", "private, no-cache"),
        (
            "content-disposition",
            &format!("attachment; filename=\"{digest}.jpg\""),
        ),
    ] {
        assert_eq!(seen.header(name).as_deref(), Some(value));
    }
    let again = get(&lane, &path, &[("If-None-Match", &tag)]).await;
    assert_eq!(
        (again.status, again.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    let log = audit_log::Entity::find()
        .all(lane.app().store.read())
        .await
        .unwrap();
    let views = log
        .iter()
        .filter(|line| line.action == "photo.original" && line.subject == path);
    assert_eq!(views.count(), 2);

    for wrong in [
        "x",
        "%2e%2e",
        &path[..63],
        &Digest::of(b"other").to_string(),
    ] {
        get(&lane, wrong, &[]).await.is(Code::NotFound);
    }
    as_(&mut lane, Role::Station, sibling).await;
    get(&lane, &path, &[]).await.is(Code::NotFound);
    get(&lane, &format!("{path}/preview"), &[])
        .await
        .is(Code::NotFound);
    as_(&mut lane, Role::Administrator, station).await;
    get(&lane, &path, &[]).await.is(Code::AuthForbidden);
}

#[actix_web::test]
async fn a_preview_is_the_handhelds_written_anew_or_made_of_the_original() {
    let mut lane = Lane::new().await;
    let order = order(&lane, lane.station()).await;
    let (original, small) = (jpeg(22), jpeg(23));
    let photo = Digest::of(&original);
    lane.promise(Some(order), photo).await;
    let handheld = lane.token.clone();
    let station = lane.station();
    let path = format!("{photo}/preview");
    as_(&mut lane, Role::Station, station).await;
    get(&lane, &path, &[]).await.is(Code::NotFound);

    take_in(lane.app(), original).await.unwrap();
    let made = get(&lane, &path, &[]).await;
    assert_eq!(made.status, StatusCode::OK);
    assert!(made.body.len() as u64 <= MAX_PREVIEW_BYTES);
    let tag = format!("\"{}\"", Digest::of(&made.body));
    assert_eq!(made.header("etag"), Some(tag));
    assert!(
        made.header("content-disposition")
            .unwrap()
            .starts_with("inline")
    );

    // The handheld's own comes later and is not needed any more; another photo's is.
    let length = small.len() as u64;
    let late = Claim::new(Digest::of(&small), photo, MediaKind::Preview, length).unwrap();
    let other = Digest::of(b"another photo");
    lane.promise(Some(order), other).await;
    let early = Claim::new(Digest::of(&small), other, MediaKind::Preview, length).unwrap();
    let station_token = std::mem::replace(&mut lane.token, handheld);
    assert_eq!(lane.create(late).await.0.offset(), Some(length));
    let (created, upload) = lane.create(early).await;
    assert_eq!(created.offset(), Some(0));
    lane.patch(&upload, 0, &small).await;
    lane.token = station_token;
    let seen = get(&lane, &format!("{other}/preview"), &[]).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_ne!(seen.body, small);
    get(&lane, &other.to_string(), &[]).await.is(Code::NotFound);
}

/// Brings a preview; gives the answer to its beginning.
async fn bring(lane: &Lane, photo: Digest, preview: &[u8]) -> super::lane::Answer {
    let (digest, length) = (Digest::of(preview), preview.len() as u64);
    let claim = Claim::new(digest, photo, MediaKind::Preview, length).unwrap();
    let (created, upload) = lane.create(claim).await;
    if created.offset() == Some(0) {
        lane.patch(&upload, 0, preview).await;
    }
    created
}

#[actix_web::test]
async fn a_preview_is_taken_only_from_whose_record_promised_the_photo_first() {
    for mut lane in Lane::on_each().await {
        let order = order(&lane, lane.station()).await;
        let photo = Digest::of(b"a photo that waits for a better network");
        lane.promise(Some(order), photo).await;
        let first = (lane.manager.clone(), lane.journal, lane.token.clone());

        lane.fixture.pass(Millis(1));
        lane.manager = lane.fixture.person(Role::Manager, lane.station()).await;
        lane.journal = lane.enrol(None).await;
        lane.token = lane.sign_in(lane.journal).await;
        lane.promise(Some(order), photo).await;
        bring(&lane, photo, &jpeg(31))
            .await
            .is(Code::MediaPreviewNotWanted);

        (lane.manager, lane.journal, lane.token) = first;
        assert_eq!(bring(&lane, photo, &jpeg(32)).await.offset(), Some(0));
        let again = bring(&lane, photo, &jpeg(32)).await;
        assert_eq!(again.offset(), Some(jpeg(32).len() as u64), "it is held");
    }
}

#[actix_web::test]
async fn once_the_original_is_held_its_preview_is_made_of_it() {
    for mut lane in Lane::on_each().await {
        let order = order(&lane, lane.station()).await;
        let (original, better) = (jpeg(33), jpeg(34));
        let photo = Digest::of(&original);
        lane.promise(Some(order), photo).await;
        assert_eq!(bring(&lane, photo, &better).await.offset(), Some(0));
        let (handheld, station) = (lane.token.clone(), lane.station());
        as_(&mut lane, Role::Station, station).await;
        let path = format!("{photo}/preview");
        let before = get(&lane, &path, &[]).await;
        assert_eq!(before.status, StatusCode::OK);
        assert_eq!(
            before.body,
            picture::preview(Cursor::new(&better), &[]).unwrap()
        );

        take_in(lane.app(), original.clone()).await.unwrap();
        let made = picture::preview(Cursor::new(&original), &[]).unwrap();
        assert_eq!(get(&lane, &path, &[]).await.body, made);
        // Nothing that a handheld brings later takes its place.
        let staff = std::mem::replace(&mut lane.token, handheld);
        bring(&lane, photo, &better).await;
        let brought = Held {
            photo,
            kind: MediaKind::Preview,
            digest: Digest::of(&better),
            bytes: better.len() as u64,
            format: PictureFormat::Jpeg,
            derived: false,
        };
        held::record(lane.app(), brought, None).await.unwrap();
        lane.token = staff;
        assert_eq!(get(&lane, &path, &[]).await.body, made);
    }
}

#[actix_web::test]
async fn what_is_not_decoded_here_keeps_the_handhelds_own_preview() {
    let mut lane = Lane::new().await;
    let order = order(&lane, lane.station()).await;
    let heic = [&b"\0\0\0 ftypheic\0\0\0\0mif1"[..], &[7; 100]].concat();
    let (photo, small) = (Digest::of(&heic), jpeg(36));
    lane.promise(Some(order), photo).await;
    bring(&lane, photo, &small).await;
    take_in(lane.app(), heic.clone()).await.unwrap();
    let other = [&heic[..], &[8]].concat();
    let without = Digest::of(&other);
    lane.promise(Some(order), without).await;
    take_in(lane.app(), other).await.unwrap();
    let station = lane.station();
    as_(&mut lane, Role::Station, station).await;
    let seen = get(&lane, &format!("{photo}/preview"), &[]).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(
        seen.body,
        picture::preview(Cursor::new(&small), &[]).unwrap()
    );
    assert_eq!(get(&lane, &photo.to_string(), &[]).await.body, heic);
    let none = get(&lane, &format!("{without}/preview"), &[]).await;
    none.is(Code::NotFound);
    assert!(String::from_utf8_lossy(&none.body).contains("image/heic is not decoded here"));
}

#[actix_web::test]
async fn a_preview_that_is_being_made_is_finished_when_the_client_goes_away() {
    let mut lane = Lane::new().await;
    let order = order(&lane, lane.station()).await;
    let photo = take_in(lane.app(), jpeg(35)).await.unwrap();
    lane.promise(Some(order), photo).await;
    let station = lane.station();
    as_(&mut lane, Role::Station, station).await;
    let found = held::find(lane.app().store.read(), photo, MediaKind::Original).await;
    let original = found.unwrap().unwrap();
    let mut commits = lane.app().store.commits();
    commits.mark_unchanged();
    {
        let mut client = Box::pin(completion::derive_preview(lane.app(), original));
        assert!((&mut client).now_or_never().is_none());
        assert_eq!(lane.app().photos.decoding.available_permits(), 0);
    }
    assert_eq!(
        lane.app().photos.decoding.available_permits(),
        0,
        "no second picture is decoded meanwhile"
    );
    let recorded = tokio::time::timeout(Duration::from_secs(30), commits.changed());
    recorded
        .await
        .expect("it is recorded all the same")
        .unwrap();
    let made = held::find(lane.app().store.read(), photo, MediaKind::Preview).await;
    assert!(made.unwrap().unwrap().derived);
}

#[actix_web::test]
async fn a_handheld_asks_what_is_held_of_its_own() {
    let mut lane = Lane::new().await;
    let original = jpeg(24);
    let photo = take_in(lane.app(), original).await.unwrap();
    let foreign = take_in(lane.app(), jpeg(25)).await.unwrap();
    lane.promise(None, photo).await;
    let ask = |photos: Vec<Digest>| wire::pack(&HeldRequest { photos });
    let packed = [("Content-Type", "application/vnd.gridcrew+cbor-zstd")];
    let path = "/api/v1/media/held";
    let answer = lane
        .call(Method::POST, path, &packed, &ask(vec![photo, foreign]))
        .await;
    let reply: HeldReply = wire::unpack(&answer.body, 10_000).unwrap();
    assert_eq!((reply.originals, reply.previews), (vec![photo], vec![]));
    assert_eq!(reply.epoch, lane.app().epoch());
    let many = ask(vec![photo; 1_001]);
    lane.call(Method::POST, path, &packed, &many)
        .await
        .is(Code::RequestTooLarge);
    let station = lane.station();
    as_(&mut lane, Role::Station, station).await;
    let answer = lane
        .call(Method::POST, path, &packed, &ask(vec![photo]))
        .await;
    answer.is(Code::AuthForbidden);
}

#[actix_web::test]
async fn promised_and_come_are_counted_once_a_photo() {
    for lane in Lane::on_each().await {
        let (one, two) = (
            order(&lane, lane.station()).await,
            order(&lane, lane.station()).await,
        );
        let photo = take_in(lane.app(), jpeg(26)).await.unwrap();
        lane.promise(None, photo).await;
        assert!(
            counts(lane.app().store.read(), &[one, two])
                .await
                .unwrap()
                .is_empty()
        );
        for _ in 0..2 {
            lane.promise(Some(one), photo).await;
            lane.promise(Some(one), Digest::of(b"not come")).await;
        }
        lane.promise(None, photo).await;
        let counts = counts(lane.app().store.read(), &[one, two]).await.unwrap();
        assert_eq!(counts.len(), 1);
        assert_eq!(
            counts[&one],
            PhotoCounts {
                promised: 2,
                held: 1
            }
        );
    }
}
