//! Uploads over HTTP, as tus wants them.

use super::{
    Lane, jpeg,
    lane::{CHUNK, metadata},
};
use crate::media::{
    held,
    tus::UPLOADS,
    uploads::{self, Claim, LIFETIME_MS, MAX_UNFINISHED},
};
use actix_web::http::{Method, StatusCode};
use base64::Engine;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    media::{HeldReply, HeldRequest, MAX_ORIGINAL_BYTES, MediaKind},
    time::Millis,
    wire,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use sha2::Digest as _;

#[actix_web::test]
async fn a_photo_comes_in_pieces_and_is_held_when_it_is_whole() {
    for lane in Lane::on_each().await {
        let photo = jpeg(1);
        let claim = lane.promised(&photo).await;
        let (created, path) = lane.create(claim).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert_eq!(created.offset(), Some(0));
        assert_eq!(created.header("tus-resumable").as_deref(), Some("1.0.0"));
        assert!(created.header("upload-expires").unwrap().ends_with("GMT"));

        let first = lane.patch(&path, 0, &photo[..1000]).await;
        assert_eq!((first.status.as_u16(), first.offset()), (204, Some(1000)));
        let stands = lane.head(&path).await;
        assert_eq!((stands.status.as_u16(), stands.offset()), (200, Some(1000)));
        assert_eq!(
            stands.header("upload-length").unwrap(),
            photo.len().to_string()
        );
        assert_eq!(stands.header("cache-control").as_deref(), Some("no-store"));
        assert!(metadata(claim).ends_with(&stands.header("upload-metadata").unwrap()));

        let late = lane.patch(&path, 0, &photo[..1000]).await;
        late.is(Code::MediaWrongOffset);
        assert_eq!(late.offset(), Some(1000));

        let last = lane.patch(&path, 1000, &photo[1000..]).await;
        assert_eq!(last.status, StatusCode::NO_CONTENT);
        assert_eq!(last.offset(), Some(photo.len() as u64));
        let held = held::find(lane.app().store.read(), claim.photo, MediaKind::Original).await;
        let held = held.unwrap().unwrap();
        assert_eq!(
            std::fs::read(lane.app().photos.object(held.digest)).unwrap(),
            photo
        );
        assert_eq!(lane.app().photos.leftovers().unwrap(), []);

        // A reply that was lost is asked for again, in any way.
        assert_eq!(lane.head(&path).await.offset(), Some(photo.len() as u64));
        let (again, same) = lane.create(claim).await;
        assert_eq!((again.offset(), &same), (Some(photo.len() as u64), &path));
        let empty = lane.patch(&path, photo.len(), b"").await;
        assert_eq!(
            (empty.status.as_u16(), empty.offset()),
            (204, Some(photo.len() as u64))
        );
        lane.patch(&path, photo.len(), b"x")
            .await
            .is(Code::MediaTooLarge);
        lane.patch(&path, 1000, &photo[1000..])
            .await
            .is(Code::MediaWrongOffset);
    }
}

#[actix_web::test]
async fn the_same_upload_begun_again_goes_on_where_it_stood() {
    let (lane, photo) = (Lane::new().await, jpeg(2));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    lane.patch(&path, 0, &photo[..700]).await;
    let (again, same) = lane.create(claim).await;
    assert_eq!(
        (again.status.as_u16(), again.offset(), same),
        (201, Some(700), path)
    );

    // With a body, what is there already is skipped.
    let (length, metadata) = (claim.length.to_string(), metadata(claim));
    let headers = [
        ("Upload-Length", &*length),
        ("Upload-Metadata", &*metadata),
        CHUNK,
    ];
    let whole = lane.tus(Method::POST, UPLOADS, &headers, &photo).await;
    assert_eq!(
        (whole.status.as_u16(), whole.offset()),
        (201, Some(claim.length))
    );
    // And once more, now that it is held.
    let whole = lane.tus(Method::POST, UPLOADS, &headers, &photo).await;
    assert_eq!(
        (whole.status.as_u16(), whole.offset()),
        (201, Some(claim.length))
    );
}

#[actix_web::test]
async fn a_chunk_that_does_not_fit_its_checksum_is_not_kept() {
    let (lane, photo) = (Lane::new().await, jpeg(3));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    let sum = |bytes: &[u8]| {
        let sum = sha2::Sha256::digest(bytes);
        format!(
            "sha256 {}",
            base64::engine::general_purpose::STANDARD.encode(sum)
        )
    };
    let wrong = sum(b"something else");
    let headers = [("Upload-Offset", "0"), CHUNK, ("Upload-Checksum", &wrong)];
    let answer = lane
        .tus(Method::PATCH, &path, &headers, &photo[..500])
        .await;
    answer.is(Code::MediaChecksum);
    assert_eq!(lane.head(&path).await.offset(), Some(0));
    let right = sum(&photo[..500]);
    let headers = [("Upload-Offset", "0"), CHUNK, ("Upload-Checksum", &right)];
    let answer = lane
        .tus(Method::PATCH, &path, &headers, &photo[..500])
        .await;
    assert_eq!((answer.status.as_u16(), answer.offset()), (204, Some(500)));
    let headers = [
        ("Upload-Offset", "500"),
        CHUNK,
        ("Upload-Checksum", "md5 aaaa"),
    ];
    lane.tus(Method::PATCH, &path, &headers, &photo[500..])
        .await
        .is(Code::MediaMalformed);
    assert_eq!(lane.head(&path).await.offset(), Some(500));
}

#[actix_web::test]
async fn only_promised_photos_come_in_and_only_by_their_handheld() {
    let mut lane = Lane::new().await;
    let photo = jpeg(4);
    let digest = Digest::of(&photo);
    let claim = Claim::new(digest, digest, MediaKind::Original, photo.len() as u64).unwrap();
    lane.create(claim).await.0.is(Code::MediaNotPromised);
    lane.promise(None, digest).await;
    let (_, path) = lane.create(claim).await;

    let mine = (lane.journal, lane.token.clone());
    let stranger = lane.enrol(None).await;
    lane.token = lane.sign_in(stranger).await;
    lane.create(claim).await.0.is(Code::MediaNotPromised);
    lane.patch(&path, 0, &photo).await.is(Code::NotFound);
    assert_eq!(lane.head(&path).await.status, StatusCode::NOT_FOUND);
    lane.tus(Method::DELETE, &path, &[], b"")
        .await
        .is(Code::NotFound);

    // A journal that goes on from a fork brings what the forked one promised.
    let forked = lane.enrol(Some(mine.0)).await;
    lane.token = lane.sign_in(lane.enrol(Some(forked)).await).await;
    assert_eq!(lane.create(claim).await.0.status, StatusCode::CREATED);

    lane.token = mine.1;
    let whole = lane.patch(&path, 0, &photo).await;
    assert_eq!(whole.status, StatusCode::NO_CONTENT);
    let person = lane.manager.clone();
    lane.token = lane.fixture.sign_in(&person).await.access_token;
    lane.create(claim).await.0.is(Code::AuthForbidden);
}

#[actix_web::test]
async fn bytes_that_are_not_what_was_promised_are_dropped() {
    let (lane, photo) = (Lane::new().await, jpeg(5));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    let mut wrong = photo.clone();
    wrong[900] ^= 1;
    lane.patch(&path, 0, &wrong).await.is(Code::MediaDigest);
    assert_eq!(lane.head(&path).await.status, StatusCode::GONE);
    lane.patch(&path, 0, &photo).await.is(Code::MediaGone);
    assert_eq!(lane.app().photos.leftovers().unwrap(), []);
    let (again, other) = lane.create(claim).await;
    assert_eq!(again.offset(), Some(0));
    assert_ne!(other, path);
    assert_eq!(
        lane.patch(&other, 0, &photo).await.status,
        StatusCode::NO_CONTENT
    );

    let text = b"%PDF-1.7 this is no picture at all";
    let claim = lane.promised(text).await;
    let (_, path) = lane.create(claim).await;
    lane.patch(&path, 0, text).await.is(Code::MediaNoPicture);
    assert!(!lane.app().photos.object(claim.digest).exists());
    assert_eq!(lane.app().photos.leftovers().unwrap(), []);
}

#[actix_web::test]
async fn a_chunk_beyond_the_length_is_refused() {
    let (lane, photo) = (Lane::new().await, jpeg(6));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    let long = [&photo[..], b"tail"].concat();
    lane.patch(&path, 0, &long).await.is(Code::MediaTooLarge);
    let stands = lane.head(&path).await.offset().unwrap();
    let rest = lane
        .patch(
            &path,
            usize::try_from(stands).unwrap(),
            &photo[stands as usize..],
        )
        .await;
    assert_eq!(rest.status, StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn an_ended_upload_and_an_old_one_are_gone() {
    for lane in Lane::on_each().await {
        let photo = jpeg(7);
        let claim = lane.promised(&photo).await;
        let (_, path) = lane.create(claim).await;
        lane.patch(&path, 0, &photo[..10]).await;
        let ended = lane.tus(Method::DELETE, &path, &[], b"").await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT);
        assert_eq!(lane.head(&path).await.status, StatusCode::GONE);
        assert_eq!(lane.app().photos.leftovers().unwrap(), []);

        let (again, path) = lane.create(claim).await;
        assert_eq!(again.offset(), Some(0));
        lane.patch(&path, 0, &photo[..10]).await;
        let id = path.rsplit('/').next().unwrap().parse().unwrap();
        lane.fixture.pass(Millis(LIFETIME_MS - 1));
        assert!(uploads::find(lane.app(), lane.journal, id).await.is_ok());
        lane.fixture.pass(Millis(1));
        let gone = uploads::find(lane.app(), lane.journal, id).await;
        assert_eq!(gone.unwrap_err().code, Code::MediaGone);
        let cleaned = crate::media::clean_expired(lane.app()).await.unwrap();
        assert_eq!((cleaned.removed, cleaned.forgotten), (1, 0));
        assert_eq!(lane.app().photos.leftovers().unwrap(), []);
        lane.fixture.pass(Millis(LIFETIME_MS));
        let cleaned = crate::media::clean_expired(lane.app()).await.unwrap();
        assert_eq!((cleaned.removed, cleaned.forgotten), (0, 1));
        let unknown = uploads::find(lane.app(), lane.journal, id).await;
        assert_eq!(unknown.unwrap_err().code, Code::NotFound);
    }
}

#[actix_web::test]
async fn no_handheld_begins_more_than_it_can_finish() {
    for lane in Lane::on_each().await {
        for number in 0..=MAX_UNFINISHED {
            let digest = Digest::of(&number.to_be_bytes());
            lane.promise(None, digest).await;
            let claim = Claim::new(digest, digest, MediaKind::Original, 9).unwrap();
            let begun = uploads::begin(lane.app(), lane.journal, claim).await;
            match begun {
                Ok(_) => assert!(number < MAX_UNFINISHED),
                Err(problem) => {
                    assert_eq!(problem.code, Code::TooManyRequests);
                    assert_eq!(number, MAX_UNFINISHED);
                }
            }
        }
    }
}

#[actix_web::test]
async fn what_is_not_tus_is_told_so() {
    let (lane, photo) = (Lane::new().await, jpeg(8));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    let old = lane
        .call(Method::PATCH, &path, &[("Tus-Resumable", "0.2.2")], b"")
        .await;
    old.is(Code::MediaTusVersion);
    assert_eq!(old.header("tus-version").as_deref(), Some("1.0.0"));
    let form = [("Upload-Offset", "0"), ("Content-Type", "text/plain")];
    lane.tus(Method::PATCH, &path, &form, b"")
        .await
        .is(Code::RequestMediaType);
    lane.tus(Method::PATCH, &path, &[CHUNK], b"")
        .await
        .is(Code::MediaMalformed);
    lane.tus(Method::POST, UPLOADS, &[], b"")
        .await
        .is(Code::MediaMalformed);
    for path in ["../../etc/passwd", "%2e%2e%2f", "x", "%00", "C:%5c"] {
        let head = lane.head(&format!("{UPLOADS}/{path}")).await;
        assert_eq!(head.status, StatusCode::NOT_FOUND);
    }
    let options = lane.call(Method::OPTIONS, UPLOADS, &[], b"").await;
    assert_eq!(options.status, StatusCode::NO_CONTENT);
    assert_eq!(options.header("tus-version").as_deref(), Some("1.0.0"));
    assert_eq!(
        options.header("tus-max-size").unwrap(),
        MAX_ORIGINAL_BYTES.to_string()
    );
    assert_eq!(
        options.header("tus-checksum-algorithm").as_deref(),
        Some("sha1,sha256")
    );
    assert_eq!(
        options.header("tus-extension").as_deref(),
        Some("creation,creation-with-upload,checksum,expiration,termination")
    );
}

#[actix_web::test]
async fn who_was_given_another_role_still_delivers_his_photos() {
    for lane in Lane::on_each().await {
        let photo = jpeg(51);
        let claim = lane.promised(&photo).await;
        let person = lane.manager.id;
        lane.fixture
            .write(move |tx, _| {
                Box::pin(async move {
                    use crate::people::rows::person::{Column, Entity};
                    Entity::update_many()
                        .col_expr(Column::Role, Expr::value("station"))
                        .filter(Column::Id.eq(person))
                        .exec(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
        let (created, path) = lane.create(claim).await;
        assert_eq!(created.offset(), Some(0));
        let brought = lane.patch(&path, 0, &photo).await;
        assert_eq!(brought.offset(), Some(photo.len() as u64));
        assert_eq!(lane.head(&path).await.offset(), Some(photo.len() as u64));
        let asked = wire::pack(&HeldRequest {
            photos: vec![claim.photo],
        });
        let packed = [("Content-Type", "application/vnd.gridcrew+cbor-zstd")];
        let path = "/api/v1/media/held";
        let answer = lane.call(Method::POST, path, &packed, &asked).await;
        let reply: HeldReply = wire::unpack(&answer.body, 10_000).unwrap();
        assert_eq!(reply.originals, [claim.photo]);
    }
}
