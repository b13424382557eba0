//! Kills between bytes, places, rows and answers.

use super::{Lane, jpeg};
use crate::media::{
    completion::{self, Standing},
    folder::Leftover,
    held, recover,
    recovery::Swept,
    uploads::{Claim, Upload},
};
use gridcrew_sync_protocol::{code::Code, digest::Digest, media::MediaKind};
use std::fs;
use uuid::Uuid;

/// The offset, and whether it is held.
async fn standing(lane: &Lane, upload: &Upload) -> (u64, bool) {
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    let standing = completion::stand(lane.app(), upload, turn).await.unwrap();
    (standing.offset(upload), matches!(standing, Standing::Held))
}

async fn is_held(lane: &Lane, claim: Claim) -> bool {
    let found = held::find(lane.app().store.read(), claim.photo, claim.kind).await;
    found.unwrap().is_some()
}

#[actix_web::test]
async fn all_bytes_there_but_not_answered_is_finished_at_the_next_start() {
    let (mut lane, photo) = (Lane::new().await, jpeg(11));
    let claim = lane.promised(&photo).await;
    let upload = lane.begin(claim).await;
    fs::write(lane.app().photos.part(upload.id), &photo).unwrap();
    lane.restart();
    let swept = recover(lane.app()).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            completed: 1,
            ..Swept::default()
        }
    );
    assert!(is_held(&lane, claim).await);
    assert_eq!(lane.app().photos.leftovers().unwrap(), []);
    assert_eq!(recover(lane.app()).await.unwrap(), Swept::default());
}

#[actix_web::test]
async fn all_bytes_there_is_never_told_before_it_is_held() {
    let (lane, photo) = (Lane::new().await, jpeg(12));
    let claim = lane.promised(&photo).await;
    let upload = lane.begin(claim).await;
    fs::write(lane.app().photos.part(upload.id), &photo).unwrap();
    assert_eq!(standing(&lane, &upload).await, (claim.length, true));
    assert!(is_held(&lane, claim).await);
}

#[actix_web::test]
async fn moved_but_not_recorded_is_adopted_if_it_is_what_it_should_be() {
    let (mut lane, photo) = (Lane::new().await, jpeg(13));
    let claim = lane.promised(&photo).await;
    let upload = lane.begin(claim).await;
    let place = lane.app().photos.object(claim.digest);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let mut spoilt = photo.clone();
    spoilt[77] ^= 1;
    fs::write(&place, &spoilt).unwrap();
    lane.restart();
    assert_eq!(recover(lane.app()).await.unwrap().completed, 0);
    assert_eq!(standing(&lane, &upload).await, (0, false));
    fs::write(&place, &photo).unwrap();
    lane.restart();
    assert_eq!(recover(lane.app()).await.unwrap().completed, 1);
    assert!(is_held(&lane, claim).await);
}

#[actix_web::test]
async fn half_an_upload_survives_and_what_belongs_to_nothing_goes() {
    let (mut lane, photo) = (Lane::new().await, jpeg(14));
    let claim = lane.promised(&photo).await;
    let upload = lane.begin(claim).await;
    let photos = &lane.app().photos;
    fs::write(photos.part(upload.id), &photo[..300]).unwrap();
    fs::write(photos.scratch(upload.id), b"unverified").unwrap();
    fs::write(photos.part(Uuid::from_u128(1)), b"of no row").unwrap();
    lane.restart();
    let swept = recover(lane.app()).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            removed: 2,
            ..Swept::default()
        }
    );
    assert_eq!(
        lane.app().photos.leftovers().unwrap(),
        [Leftover::Part(upload.id)]
    );
    assert_eq!(standing(&lane, &upload).await, (300, false));
}

#[actix_web::test]
async fn wrong_bytes_that_all_came_before_a_kill_are_refused_after_it() {
    let (mut lane, photo) = (Lane::new().await, jpeg(15));
    let claim = lane.promised(&photo).await;
    let upload = lane.begin(claim).await;
    fs::write(lane.app().photos.part(upload.id), vec![0; photo.len()]).unwrap();
    lane.restart();
    let swept = recover(lane.app()).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            refused: 1,
            ..Swept::default()
        }
    );
    let gone = crate::media::uploads::find(lane.app(), lane.journal, upload.id).await;
    assert_eq!(gone.unwrap_err().code, Code::MediaGone);
}

#[actix_web::test]
async fn a_held_photo_whose_file_was_lost_is_taken_again() {
    let (lane, photo) = (Lane::new().await, jpeg(16));
    let claim = lane.promised(&photo).await;
    let (_, path) = lane.create(claim).await;
    lane.patch(&path, 0, &photo).await;
    let asked = [claim.photo, Digest::of(b"never heard of")];
    let held = held::of_handheld(lane.app(), lane.journal, &asked)
        .await
        .unwrap();
    assert_eq!(
        held.iter().map(|held| held.photo).collect::<Vec<_>>(),
        [claim.photo]
    );
    let stranger = lane.enrol(None).await;
    let foreign = held::of_handheld(lane.app(), stranger, &asked)
        .await
        .unwrap();
    assert_eq!(foreign, []);

    fs::remove_file(lane.app().photos.object(claim.digest)).unwrap();
    let held = held::of_handheld(lane.app(), lane.journal, &asked)
        .await
        .unwrap();
    assert_eq!(held, []);
    assert_eq!(lane.head(&path).await.offset(), Some(0));
    assert_eq!(
        lane.patch(&path, 0, &photo).await.offset(),
        Some(claim.length)
    );
    assert!(lane.app().photos.has(claim.digest, claim.length));
}

#[actix_web::test]
async fn two_photos_may_look_the_same_when_they_are_small() {
    let lane = Lane::new().await;
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let preview = jpeg(17);
    for photo in [one, two] {
        lane.promise(None, photo).await;
        let digest = Digest::of(&preview);
        let length = preview.len() as u64;
        let claim = Claim::new(digest, photo, MediaKind::Preview, length).unwrap();
        let (_, path) = lane.create(claim).await;
        assert_eq!(lane.patch(&path, 0, &preview).await.offset(), Some(length));
        assert!(is_held(&lane, claim).await);
    }
    assert_eq!(lane.app().photos.leftovers().unwrap(), []);
}
