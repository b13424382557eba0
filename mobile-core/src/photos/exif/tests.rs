use super::*;
use crate::fixture::picture;
use exif::{Field, Rational, experimental::Writer};
use gridcrew_sync_protocol::digest::Digest;
use proptest::prelude::*;
use std::{fs, path::PathBuf};

fn text(tag: Tag, text: &str) -> Field {
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Ascii(vec![text.as_bytes().to_vec()]),
    }
}

fn parts(tag: Tag, parts: [(u32, u32); 3]) -> Field {
    let parts = parts.map(|(num, denom)| Rational { num, denom });
    Field {
        tag,
        ifd_num: In::PRIMARY,
        value: Value::Rational(parts.to_vec()),
    }
}

fn full() -> Vec<Field> {
    vec![
        text(Tag::DateTimeOriginal, "2026:11:21 14:30:00"),
        Field {
            tag: Tag::Orientation,
            ifd_num: In::PRIMARY,
            value: Value::Short(vec![6]),
        },
        text(Tag::GPSLatitudeRef, "N"),
        parts(Tag::GPSLatitude, [(32, 1), (51, 1), (0, 1)]),
        text(Tag::GPSLongitudeRef, "E"),
        parts(Tag::GPSLongitude, [(116, 1), (3630, 100), (0, 1)]),
        text(Tag::GPSDateStamp, "2026:11:21"),
        parts(Tag::GPSTimeStamp, [(6, 1), (29, 1), (30, 1)]),
    ]
}

/// The body of an EXIF segment.
fn tiff(fields: &[Field]) -> Vec<u8> {
    let mut writer = Writer::new();
    for field in fields {
        writer.push_field(field);
    }
    let mut out = Cursor::new(Vec::new());
    writer.write(&mut out, false).unwrap();
    out.into_inner()
}

/// A small JPEG with an EXIF segment of that body.
pub(crate) fn jpeg_with(tiff: &[u8], folder: &std::path::Path, seed: u64) -> PathBuf {
    let path = picture(folder, seed, 64);
    let plain = fs::read(&path).unwrap();
    let length = u16::try_from(tiff.len() + 8).unwrap().to_be_bytes();
    let head = [&[0xff, 0xe1][..], &length, b"Exif\0\0"].concat();
    let whole = [&plain[..2], &head, tiff, &plain[2..]].concat();
    fs::write(&path, whole).unwrap();
    path
}

/// A small JPEG that says when and where it was taken.
pub(crate) fn with_place_and_time(folder: &std::path::Path, seed: u64) -> PathBuf {
    jpeg_with(&tiff(&full()), folder, seed)
}

#[test]
fn place_time_and_orientation_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = with_place_and_time(folder.path(), 1);
    let facts = ExifFacts::read(&fs::read(path).unwrap());
    // 14:30 in Beijing.
    assert_eq!(facts.taken_at, Some(UnixMillis(1_795_242_600_000)));
    assert_eq!(facts.gnss_at, Some(UnixMillis(1_795_242_570_000)));
    let place = facts.place.unwrap();
    assert!((place.lon() - 116.605).abs() < 1e-9, "{place:?}");
    assert!((place.lat() - 32.85).abs() < 1e-9, "{place:?}");
    assert_eq!(facts.orientation, Some(6));
    assert_eq!(facts.thumbnail, None);
}

#[test]
fn an_offset_that_is_given_counts_and_nonsense_is_not_known() {
    let read = |change: &dyn Fn(&mut Vec<Field>)| {
        let mut fields = full();
        change(&mut fields);
        let folder = tempfile::tempdir().unwrap();
        let path = jpeg_with(&tiff(&fields), folder.path(), 1);
        ExifFacts::read(&fs::read(path).unwrap())
    };
    let west = read(&|fields| fields.push(text(Tag::OffsetTimeOriginal, "-01:00")));
    assert_eq!(west.taken_at, Some(UnixMillis(1_795_275_000_000)));
    let facts = read(&|fields| fields[0] = text(Tag::DateTimeOriginal, "2026:13:41 25:61:00"));
    assert_eq!(facts.taken_at, None);
    let zero = [(0, 1), (0, 1), (0, 1)];
    let nowhere = read(&|fields| {
        fields[3] = parts(Tag::GPSLatitude, zero);
        fields[5] = parts(Tag::GPSLongitude, zero);
    });
    assert_eq!(nowhere.place, None);
    let endless = read(&|fields| fields[3] = parts(Tag::GPSLatitude, [(1, 0), (0, 0), (0, 0)]));
    assert_eq!(endless.place, None);
    let beyond = read(&|fields| fields[3] = parts(Tag::GPSLatitude, [(91, 1), (0, 1), (0, 1)]));
    assert_eq!(beyond.place, None);
    let late = read(&|fields| fields[7] = parts(Tag::GPSTimeStamp, [(25, 1), (0, 1), (0, 1)]));
    assert_eq!(late.gnss_at, None);
    assert!(late.place.is_some(), "one broken field spoils no other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever bytes stand where EXIF should be, reading ends and nothing panics.
    #[test]
    fn random_bytes_after_any_head_are_read_to_an_end(
        head in prop::sample::select(vec![
            &b"\xff\xd8\xff\xe1\x01\x00Exif\0\0"[..], b"\xff\xd8\xff\xe1\x01\x00Exif\0\0II*\0\x08\0\0\0",
            b"\xff\xd8\xff\xe1\x01\x00Exif\0\0MM\0*\0\0\0\x08", b"II*\0", b"MM\0*",
            b"\x89PNG\r\n\x1a\n\0\0\0\x40eXIf", b"RIFF\x40\0\0\0WEBPEXIF\x30\0\0\0",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\x01\0meta\0\0\0\0", b"",
        ]),
        body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = ExifFacts::read(&[head, &body].concat());
    }

    /// So for EXIF that was cut, or in which some bytes were changed.
    #[test]
    fn cut_and_changed_exif_is_read_to_an_end(
        keep in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = tiff(&full());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        let _ = ExifFacts::read(&bytes);
        let length = u16::try_from(bytes.len() + 8).unwrap().to_be_bytes();
        let jpeg = [b"\xff\xd8\xff\xe1", &length[..], b"Exif\0\0", &bytes].concat();
        let _ = ExifFacts::read(&jpeg);
    }
}

/// Real photos: what is known of them is found, and however they are cut nothing panics.
#[test]
fn real_photos_say_what_is_known_of_them() {
    let folder = std::env::var("GRIDCREW_REAL_DATA")
        .map_or_else(|_| PathBuf::from("../../shared/data"), PathBuf::from)
        .join("photos");
    let Ok(manifest) = fs::read(folder.join("manifest.json")) else {
        eprintln!("SKIPPED: no real photos at {}", folder.display());
        return;
    };
    let manifest: Vec<serde_json::Value> = serde_json::from_slice(&manifest).unwrap();
    let (mut placed, mut timed) = (0, 0);
    for photo in &manifest {
        let name = photo["file"].as_str().unwrap();
        let bytes = fs::read(folder.join(name)).unwrap();
        let digest = Digest::of(&bytes);
        for cut in [16, 300, 4_000, 9_001] {
            let _ = ExifFacts::read(&bytes[..bytes.len() * cut / 10_000]);
        }
        let facts = ExifFacts::read(&bytes);
        let known = |key: &str| photo["gps"][key].as_f64().filter(|degrees| *degrees != 0.0);
        if let (Some(lat), Some(lon), Some(place)) = (known("lat"), known("lon"), facts.place) {
            let off = (place.lat() - lat).abs().max((place.lon() - lon).abs());
            assert!(off < 1e-6, "{name}: {place:?}, {digest}");
            placed += 1;
        }
        timed += usize::from(facts.taken_at.is_some());
        if name.contains("heic/") {
            assert!(facts.taken_at.is_some() && facts.place.is_some(), "{name}");
            eprintln!(
                "{name}: small JPEG {:?}",
                facts.thumbnail.map(|small| small.len())
            );
        }
    }
    assert!(placed >= 10 && timed >= 10, "{placed} {timed}");
}
