//! Photos: what is refused, what survives a crash, what is removed and what never is.

use super::*;
use crate::{
    fixture::{TestClock, bring_order, enrolled, folder, open, order, picture},
    local::Local,
    store::{facts, photos as rows},
};
use gridcrew_sync_protocol::{
    media::{MAX_PREVIEW_BYTES, MediaKind},
    record::{Event, PhotoRef, StepDone},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tempfile::TempDir;

fn world() -> (TempDir, Arc<TestClock>, Local) {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    (folder, clock, local)
}

fn take(local: &Local, path: &Path) -> Result<Taken, Error> {
    take_over(&local.folder, path, local.random.as_ref())
}

fn promise(local: &mut Local, taken: Taken) {
    let event = Event::StepDone(StepDone {
        step: "arrived".into(),
        values: BTreeMap::new(),
        photos: vec![PhotoRef {
            digest: taken.digest,
            bytes: taken.bytes,
            slot: "site".into(),
        }],
    });
    let photos = [(taken, "site".into())];
    local.record(order(1), event, None, &photos).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_that_is_no_picture_is_refused_before_anything_is_written() {
    let (folder, _, local) = world();
    for (name, content) in [
        ("a.jpg", &b"<html>not a picture</html>"[..]),
        ("b.jpg", &b""[..]),
        ("c.gif", &b"GIF89a.........."[..]),
        ("d.svg", &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        assert!(
            matches!(take(&local, &path), Err(Error::NoPicture(_))),
            "{name}"
        );
    }
    assert!(matches!(
        take(&local, &folder.path().join("missing.jpg")),
        Err(Error::Invalid(_))
    ));
    assert!(files(&local.folder.photos()).is_empty());
}

#[test]
fn a_picture_that_is_too_large_is_refused() {
    let (folder, _, local) = world();
    let path = folder.path().join("large.jpg");
    let mut content = vec![0u8; usize::try_from(MAX_ORIGINAL_BYTES).unwrap() + 1];
    content[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
    fs::write(&path, content).unwrap();
    assert!(matches!(
        take(&local, &path),
        Err(Error::PictureTooLarge { .. })
    ));
    assert!(files(&local.folder.photos()).is_empty());
}

#[test]
fn a_picture_is_named_by_its_bytes_and_has_a_small_preview() {
    let (folder, _, local) = world();
    let path = picture(folder.path(), 1, 900);
    let taken = take(&local, &path).unwrap();
    let content = fs::read(&path).unwrap();
    assert_eq!(taken.digest, Digest::of(&content));
    assert_eq!(fs::read(local.folder.photo(taken.digest)).unwrap(), content);
    let (preview, bytes) = taken.preview.unwrap();
    assert!(bytes <= MAX_PREVIEW_BYTES, "{bytes}");
    let small = fs::read(local.folder.preview(preview)).unwrap();
    assert_eq!(Digest::of(&small), preview);
    assert!(image::load_from_memory(&small).unwrap().width() <= 900);
}

#[test]
fn a_picture_that_cannot_be_decoded_is_taken_without_a_preview_and_says_why() {
    let (folder, _, local) = world();
    let heic = folder.path().join("a.heic");
    fs::write(&heic, b"\0\0\0\x18ftypheic\0\0\0\0 and so on").unwrap();
    assert!(take(&local, &heic).unwrap().preview.is_err());
    let broken = folder.path().join("b.jpg");
    fs::write(
        &broken,
        [&[0xff, 0xd8, 0xff, 0xe0][..], &[0; 64][..]].concat(),
    )
    .unwrap();
    assert!(take(&local, &broken).unwrap().preview.is_err());
}

#[test]
fn the_preview_stands_upright_as_exif_says() {
    let (folder, _, local) = world();
    let path = folder.path().join("wide.jpg");
    image::RgbImage::new(200, 100).save(&path).unwrap();
    let plain = fs::read(&path).unwrap();
    // APP1 with one IFD entry: orientation 6, a quarter turn.
    let exif: &[u8] = &[
        0xff, 0xe1, 0x00, 0x22, b'E', b'x', b'i', b'f', 0, 0, b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1,
        0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
    ];
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    fs::write(&path, turned).unwrap();
    let (preview, _) = take(&local, &path).unwrap().preview.unwrap();
    let small = fs::read(local.folder.preview(preview)).unwrap();
    let small = image::load_from_memory(&small).unwrap();
    assert_eq!((small.width(), small.height()), (100, 200));
}

#[test]
fn after_a_crash_strays_are_removed_or_adopted_and_listed() {
    let (folder, clock, mut local) = world();
    let kept = take(&local, &picture(folder.path(), 1, 32)).unwrap();
    promise(&mut local, kept.clone());
    // A crash between taking over and recording; one in the middle of copying; and a file
    // that lost its name in a power failure although it was promised.
    let orphan = take(&local, &picture(folder.path(), 2, 32)).unwrap();
    fs::write(local.folder.photos().join("00ff.part"), b"half a pic").unwrap();
    let named = local.folder.photo(kept.digest);
    fs::rename(&named, local.folder.photos().join("0a0a.part")).unwrap();
    let photos = local.folder.photos();
    drop(local);
    let local = open(&folder.path().join("data"), &clock);
    assert_eq!(files(&photos), [named]);
    assert!(!local.folder.photo(orphan.digest).exists());
    let findings = facts::findings(local.store.read()).unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(check(&local.folder, &local.folder.photo(kept.digest), kept.digest).unwrap());
}

#[test]
fn an_open_handheld_keeps_another_from_sweeping_its_unfinished_work() {
    let (folder, clock, local) = world();
    let unfinished = take(&local, &picture(folder.path(), 2, 32)).unwrap();
    let second = open(&folder.path().join("data"), &clock);
    assert!(second.folder.photo(unfinished.digest).exists());
}

#[test]
fn only_what_the_server_has_held_for_thirty_days_is_removed() {
    let (folder, clock, mut local) = world();
    let first = take(&local, &picture(folder.path(), 1, 32)).unwrap();
    let second = take(&local, &picture(folder.path(), 2, 32)).unwrap();
    promise(&mut local, first.clone());
    promise(&mut local, second.clone());
    let held_at = local.trusted_now().unwrap().at;
    local
        .store
        .write(|db| {
            rows::set_held(db, first.digest, MediaKind::Original, Some(held_at))?;
            rows::set_held(db, first.digest, MediaKind::Preview, Some(held_at))
        })
        .unwrap();
    let thin_at = |local: &mut Local, days: i64| {
        let now = UnixMillis(held_at.0 + days * 86_400_000);
        thin(&mut local.store, &local.folder, now).unwrap().photos
    };
    assert_eq!(thin_at(&mut local, 29), 0);
    assert_eq!(thin_at(&mut local, 30), 1);
    assert!(!local.folder.photo(first.digest).exists());
    assert!(
        local.folder.photo(second.digest).exists(),
        "never held, never removed"
    );
    assert_eq!(thin_at(&mut local, 60), 0);
    let photo = second.digest;
    drop(local);
    let local = open(&folder.path().join("data"), &clock);
    assert!(local.folder.photo(photo).exists());
}
