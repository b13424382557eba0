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
    take_by(local, path, PhotoPolicy::default())
}

fn take_by(local: &Local, path: &Path, policy: PhotoPolicy) -> Result<Taken, Error> {
    let taking = Taking {
        folder: &local.folder,
        random: local.random.as_ref(),
        policy,
        stamp: &["No. 1".to_owned()],
    };
    taking.take_over(path)
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

fn small_of(local: &Local, taken: &Taken) -> Vec<u8> {
    let (preview, bytes) = taken.preview.unwrap();
    let small = fs::read(local.folder.preview(preview)).unwrap();
    assert_eq!(small.len() as u64, bytes);
    small
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
    let heic = take(&local, &heic).unwrap();
    assert_eq!(heic.preview, Err(NoPreview::HeicNotDecoded));
    assert_eq!(heic.claim.no_preview, Some(NoPreview::HeicNotDecoded));
    let broken = folder.path().join("b.jpg");
    fs::write(
        &broken,
        [&[0xff, 0xd8, 0xff, 0xe0][..], &[0; 64][..]].concat(),
    )
    .unwrap();
    let broken = take(&local, &broken).unwrap();
    assert_eq!(broken.preview, Err(NoPreview::Broken));
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
        let asked = local.clock.now().uptime;
        local.hear_time(now, asked).unwrap();
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

#[test]
fn a_preview_fits_whatever_the_picture_and_whatever_the_policy() {
    let (folder, _, local) = world();
    // Noise does not squeeze: at 800 pixels it would be some 300 KB.
    let noise = picture(folder.path(), 3, 1_600);
    let small = small_of(&local, &take(&local, &noise).unwrap());
    assert!(small.len() as u64 <= MAX_PREVIEW_BYTES);
    let long = folder.path().join("long.png");
    image::RgbImage::from_fn(9_000, 3, |x, _| image::Rgb([x.to_be_bytes()[3]; 3]))
        .save(&long)
        .unwrap();
    assert!(small_of(&local, &take(&local, &long).unwrap()).len() as u64 <= MAX_PREVIEW_BYTES);
    for bytes in [60_000, 10_000, 3_000] {
        let policy = PhotoPolicy {
            preview_bytes: bytes,
            ..PhotoPolicy::default()
        };
        let small = small_of(&local, &take_by(&local, &noise, policy).unwrap());
        assert!(small.len() as u64 <= bytes, "{bytes}");
    }
    let nothing = PhotoPolicy {
        preview_bytes: 100,
        ..PhotoPolicy::default()
    };
    let taken = take_by(&local, &noise, nothing).unwrap();
    assert_eq!(taken.preview, Err(NoPreview::TooLarge));
}

#[test]
fn a_copy_says_nothing_but_the_picture_and_the_record_keeps_what_its_exif_said() {
    let (folder, _, local) = world();
    let path = super::exif::tests::with_place_and_time(folder.path(), 1);
    let taken = take(&local, &path).unwrap();
    let small = small_of(&local, &taken);
    assert!(!small.windows(4).any(|bytes| bytes == b"Exif"));
    assert!(taken.claim.taken_at.is_some() && taken.claim.place.is_some());
    // Broken EXIF refuses no photo.
    for (seed, body) in [&b"II*\0\xff\xff\xff\xff"[..], b"", b"no tiff at all"]
        .iter()
        .enumerate()
    {
        let path = super::exif::tests::jpeg_with(body, folder.path(), 10 + seed as u64);
        let taken = take(&local, &path).unwrap();
        assert!(taken.preview.is_ok());
        assert_eq!(taken.claim.place, None);
    }
}

#[test]
fn what_is_sent_may_be_smaller_and_the_camera_s_hash_stays() {
    let (folder, _, local) = world();
    let path = picture(folder.path(), 5, 900);
    let camera = fs::read(&path).unwrap();
    let policy = PhotoPolicy {
        sent: SentOriginal::Smaller {
            side: 400,
            quality: 80,
        },
        ..PhotoPolicy::default()
    };
    let taken = take_by(&local, &path, policy).unwrap();
    let sent = fs::read(local.folder.photo(taken.digest)).unwrap();
    // Named by the hash of the bytes that are sent (I7).
    assert_eq!(Digest::of(&sent), taken.digest);
    assert_eq!(sent.len() as u64, taken.bytes);
    assert_eq!(image::load_from_memory(&sent).unwrap().width(), 400);
    let kept = taken.claim.camera.unwrap();
    assert_eq!(
        (kept.digest, kept.bytes),
        (Digest::of(&camera), camera.len() as u64)
    );
    assert!(!local.folder.photo(kept.digest).exists());
    // What would grow is sent as it is.
    let tiny = take_by(&local, &picture(folder.path(), 6, 16), policy).unwrap();
    assert_eq!(tiny.claim.camera, None);
}

#[test]
fn one_picture_in_two_sizes_looks_alike_and_two_pictures_do_not() {
    let (folder, _, local) = world();
    let scene = |seed: u32| {
        image::RgbImage::from_fn(640, 480, |x, y| {
            let wave = f64::from(x * (3 + seed) + y * (seed + 1)) / 97.0;
            let level = 127.0 + 120.0 * (wave.sin() * f64::from(y + seed * 40) / 520.0);
            image::Rgb([level as u8; 3])
        })
    };
    let look = |image: &image::RgbImage, name: &str| {
        let path = folder.path().join(name);
        image.save(&path).unwrap();
        take(&local, &path).unwrap().claim.look
    };
    let (one, other) = (scene(1), scene(6));
    let smaller = image::imageops::resize(&one, 320, 240, image::imageops::FilterType::Triangle);
    let first = look(&one, "one.png").unwrap();
    let again = look(&smaller, "again.jpg").unwrap();
    assert!(first.differs(again) <= 6, "{}", first.differs(again));
    let different = look(&other, "other.png").unwrap();
    assert!(first.differs(different) > 6, "{}", first.differs(different));
    let wall = image::RgbImage::from_pixel(300, 200, image::Rgb([200; 3]));
    assert_eq!(look(&wall, "wall.png"), None, "a plain wall tells nothing");
}

#[test]
fn when_space_is_short_only_what_the_server_holds_goes() {
    let (folder, _, mut local) = world();
    let held: Vec<Taken> = [1, 2]
        .map(|seed| take(&local, &picture(folder.path(), seed, 32)).unwrap())
        .into();
    let waiting = take(&local, &picture(folder.path(), 3, 32)).unwrap();
    for taken in held.iter().chain([&waiting]) {
        promise(&mut local, taken.clone());
    }
    let now = local.trusted_now().unwrap().at;
    local
        .store
        .write(|db| {
            held.iter().try_for_each(|taken| {
                rows::set_held(db, taken.digest, MediaKind::Original, None)?;
                rows::set_held(db, taken.digest, MediaKind::Preview, None)
            })
        })
        .unwrap();
    let room = |local: &mut Local, short: &dyn Fn() -> bool| {
        make_room(&mut local.store, &local.folder, now, short)
            .unwrap()
            .photos
    };
    assert_eq!(room(&mut local, &|| false), 0);
    // Short until one of them is gone.
    let files = held.clone();
    let photos = local.folder.photos();
    let both = move || {
        files
            .iter()
            .all(|one| photos.join(one.digest.to_string()).exists())
    };
    assert_eq!(room(&mut local, &both), 1);
    assert_eq!(room(&mut local, &|| true), 1);
    assert!(local.folder.photo(waiting.digest).exists());
    assert_eq!(room(&mut local, &|| true), 0, "what waits never goes");
}

/// Every real photo is taken over, whatever is odd about it.
#[test]
fn real_photos_are_taken_over_with_a_preview_or_say_why_not() {
    let root = std::env::var("GRIDCREW_REAL_DATA")
        .map_or_else(|_| PathBuf::from("../../shared/data"), PathBuf::from)
        .join("photos");
    let Ok(manifest) = fs::read(root.join("manifest.json")) else {
        eprintln!("SKIPPED: no real photos at {}", root.display());
        return;
    };
    let (_folder, _, local) = world();
    let manifest: Vec<serde_json::Value> = serde_json::from_slice(&manifest).unwrap();
    for photo in &manifest {
        let name = photo["file"].as_str().unwrap();
        let path = root.join(name);
        match photo["pillow_format"].as_str() {
            Some("JPEG") => {
                let taken = take(&local, &path).unwrap();
                assert!(
                    small_of(&local, &taken).len() as u64 <= MAX_PREVIEW_BYTES,
                    "{name}"
                );
                assert_eq!(taken.digest.to_string(), photo["sha256"].as_str().unwrap());
            }
            Some("HEIF") => {
                let taken = take(&local, &path).unwrap();
                eprintln!("{name}: {:?}", taken.preview);
                assert_eq!(taken.claim.no_preview, taken.preview.err());
            }
            // What begins like a picture and is none is kept, and has no preview.
            _ => match take(&local, &path) {
                Ok(taken) => assert_eq!(taken.preview, Err(NoPreview::Broken), "{name}"),
                Err(Error::NoPicture(_)) => {}
                Err(other) => panic!("{name}: {other}"),
            },
        }
    }
}

/// Prints what `docs/benchmarks.md` says of taking over a picture of 12 megapixels.
#[test]
#[ignore = "a measure, for which the machine should be quiet"]
fn measure_taking_over_twelve_megapixels() {
    let (folder, _, local) = world();
    let path = folder.path().join("large.jpg");
    let mut state = 1u32;
    let picture = image::RgbImage::from_fn(4_000, 3_000, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [grain, ..] = state.to_be_bytes();
        let level = ((x / 16 + y / 12) % 200).to_be_bytes()[3];
        image::Rgb([level.saturating_add(grain / 8), level, grain / 4])
    });
    image::DynamicImage::ImageRgb8(picture)
        .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(
            fs::File::create(&path).unwrap(),
            90,
        ))
        .unwrap();
    for (name, sent) in [
        ("as taken", SentOriginal::AsTaken),
        (
            "smaller",
            SentOriginal::Smaller {
                side: 2_048,
                quality: 80,
            },
        ),
    ] {
        let policy = PhotoPolicy {
            sent,
            ..PhotoPolicy::default()
        };
        let began = std::time::Instant::now();
        let taken = take_by(&local, &path, policy).unwrap();
        let took = began.elapsed();
        let (_, preview) = taken.preview.unwrap();
        eprintln!(
            "{name}: camera {} B, sent {} B, preview {preview} B, {took:?}",
            fs::metadata(&path).unwrap().len(),
            taken.bytes
        );
    }
}

#[test]
fn previews_that_no_photo_has_are_removed_at_opening() {
    let (folder, clock, mut local) = world();
    let kept = take(&local, &picture(folder.path(), 1, 40)).unwrap();
    let stray = take(&local, &picture(folder.path(), 2, 40)).unwrap();
    promise(&mut local, kept.clone());
    let (kept, stray) = (kept.preview.unwrap().0, stray.preview.unwrap().0);
    let part = local.folder.previews().join(format!("{stray}.part"));
    std::fs::write(&part, b"half").unwrap();
    drop(local);
    let local = open(&folder.path().join("data"), &clock);
    assert!(local.folder.preview(kept).exists());
    assert!(!local.folder.preview(stray).exists() && !part.exists());
}
