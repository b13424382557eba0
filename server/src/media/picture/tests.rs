use super::*;
use gridcrew_sync_protocol::digest::Digest;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder, metadata::Orientation};
use std::{fs, io::Cursor, path::PathBuf};

/// A picture whose left upper quarter is bright and whose rest is noise.
fn noisy(width: u32, height: u32) -> DynamicImage {
    let mut state = 1u32;
    DynamicImage::ImageRgb8(image::RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        if x < width / 2 && y < height / 2 {
            image::Rgb([250, 250, 250])
        } else {
            image::Rgb([a / 2, b / 2, c / 2])
        }
    }))
}

fn jpeg(picture: &DynamicImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).unwrap();
    }
    picture.write_with_encoder(encoder).unwrap();
    bytes
}

/// EXIF that holds the orientation and a text that must not get out.
fn exif(orientation: u8) -> Vec<u8> {
    let mut bytes = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    bytes.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    bytes.extend([0x01, 0x0f, 0, 2, 0, 0, 0, 12, 0, 0, 0, 38]);
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(b"SECRETPLACE\0");
    bytes
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

/// A PNG that announces a size and holds next to nothing.
fn flood(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&[0; 3], 1, 1, ExtendedColorType::Rgb8)
        .unwrap();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn a_preview_is_small_upright_and_says_nothing_but_the_picture() {
    let original = jpeg(&noisy(1600, 1200), Some(exif(6)));
    assert!(original.windows(6).any(|bytes| bytes == b"SECRET"));
    let small = preview(Cursor::new(&original), &[]).unwrap();
    assert!(small.len() as u64 <= MAX_PREVIEW_BYTES);
    assert!(!small.windows(6).any(|bytes| bytes == b"SECRET"));
    assert!(!small.windows(4).any(|bytes| bytes == b"Exif"));
    let picture = decoded(&small).into_rgb8();
    assert!(picture.width() < picture.height(), "turned by a quarter");
    // Turned clockwise, the bright quarter is at the upper right.
    let (width, height) = picture.dimensions();
    assert!(picture.get_pixel(width * 3 / 4, height / 4).0[0] > 200);
    assert!(picture.get_pixel(width / 4, height / 4).0[0] < 200);
}

#[test]
fn a_preview_of_a_preview_stays_small_and_the_same_bytes_give_the_same() {
    let once = preview(Cursor::new(jpeg(&noisy(3000, 500), None)), &[]).unwrap();
    let twice = preview(Cursor::new(&once), &[]).unwrap();
    assert!(twice.len() as u64 <= MAX_PREVIEW_BYTES);
    assert_eq!(preview(Cursor::new(&once), &[]).unwrap(), twice);
}

#[test]
fn what_begins_like_no_picture_is_refused() {
    for bytes in [
        &b""[..],
        b"\xff\xd8",
        b"GIF89a",
        b"<svg onload=alert(1)>",
        b"PK\x03\x04",
    ] {
        assert_eq!(
            check(Cursor::new(bytes)).unwrap_err().code(),
            Some(Code::MediaNoPicture)
        );
    }
    let headless = [&b"\xff\xd8\xff\xe0"[..], b"<html>"].concat();
    assert_eq!(
        check(Cursor::new(headless)).unwrap_err().code(),
        Some(Code::MediaNoPicture)
    );
}

#[test]
fn an_original_with_broken_exif_or_a_lost_end_is_still_evidence() {
    let broken = jpeg(&noisy(64, 48), Some(vec![0xff; 40]));
    assert_eq!(check(Cursor::new(&broken)).unwrap(), PictureFormat::Jpeg);
    preview(Cursor::new(&broken), &[]).unwrap();
    let whole = jpeg(&noisy(640, 480), None);
    let torn = &whole[..whole.len() / 2];
    assert_eq!(check(Cursor::new(torn)).unwrap(), PictureFormat::Jpeg);
}

#[test]
fn a_heic_is_taken_as_it_is_and_has_no_preview() {
    let heic = b"\0\0\0 ftypheic\0\0\0\0mif1";
    assert_eq!(check(Cursor::new(heic)).unwrap(), PictureFormat::Heic);
    assert_eq!(
        preview(Cursor::new(heic), &[]).unwrap_err().code(),
        Some(Code::MediaNoPicture)
    );
}

#[test]
fn a_flood_of_pixels_is_refused_by_its_header() {
    for (width, height) in [
        (65_500, 65_500),
        (7_100, 7_100),
        (40_000, 10),
        (u32::MAX >> 1, 1),
    ] {
        let error = check(Cursor::new(flood(width, height))).unwrap_err();
        assert_eq!(
            error.code(),
            Some(Code::MediaTooManyPixels),
            "{width}×{height}: {error}"
        );
        let error = preview(Cursor::new(flood(width, height)), &[]).unwrap_err();
        assert_eq!(error.code(), Some(Code::MediaTooManyPixels));
    }
}

#[test]
fn a_jpeg_in_scans_counts_with_all_it_makes_the_decoder_keep() {
    let mut bytes = jpeg(&noisy(64, 48), None);
    assert!(jpeg_streams(&mut Cursor::new(&bytes)).unwrap());
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    bytes[frame + 1] = 0xc2;
    assert!(!jpeg_streams(&mut Cursor::new(&bytes)).unwrap());
    // 49 million pixels: as evidence yes, but not decoded.
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x1b, 0x58, 0x1b, 0x58]);
    check(Cursor::new(&bytes)).unwrap();
    assert_eq!(
        preview(Cursor::new(&bytes), &[]).unwrap_err().code(),
        Some(Code::MediaTooManyPixels)
    );
}

/// The memory of a process that only meets floods; run by the test below.
#[test]
#[ignore = "measures the whole process, so it needs one of its own"]
fn floods_in_a_process_of_their_own() {
    a_flood_of_pixels_is_refused_by_its_header();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 256 * 1024, "{peak}");
}

#[test]
fn a_flood_of_pixels_takes_little_memory() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--test-threads=1"])
        .arg("media::picture::tests::floods_in_a_process_of_their_own")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
}

/// Every real photo comes to what its manifest says of it.
#[test]
fn real_photos_come_to_what_is_known_of_them() {
    let folder = std::env::var("GRIDCREW_REAL_DATA")
        .map_or_else(|_| PathBuf::from("../../shared/data"), PathBuf::from)
        .join("photos");
    let Ok(manifest) = fs::read(folder.join("manifest.json")) else {
        eprintln!("SKIPPED: no real photos at {}", folder.display());
        return;
    };
    let manifest: Vec<serde_json::Value> = serde_json::from_slice(&manifest).unwrap();
    assert!(manifest.len() > 30);
    for photo in &manifest {
        let name = photo["file"].as_str().unwrap();
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!(
            Digest::of(&bytes).to_string(),
            photo["sha256"].as_str().unwrap()
        );
        let checked = check(Cursor::new(&bytes));
        match photo["pillow_format"].as_str() {
            Some("JPEG") => {
                assert_eq!(checked.unwrap(), PictureFormat::Jpeg, "{name}");
                let small = preview(Cursor::new(&bytes), &[]).unwrap();
                assert!(small.len() as u64 <= MAX_PREVIEW_BYTES, "{name}");
                assert!(!small.windows(4).any(|bytes| bytes == b"Exif"), "{name}");
                let sides = |key: &str| photo[key].as_u64().unwrap();
                let (mut width, mut height) = (sides("width"), sides("height"));
                let raw = photo["orientation"].as_u64().unwrap_or(1);
                let turned = u8::try_from(raw).ok().and_then(Orientation::from_exif);
                if turned.is_some_and(|turned| turned.to_exif() >= 5) {
                    (width, height) = (height, width);
                }
                let picture = decoded(&small);
                let lies = |a: u64, b: u64| a > b + b / 20 + 2;
                let (w, h) = (u64::from(picture.width()), u64::from(picture.height()));
                assert!(
                    !lies(w * height, h * width) && !lies(h * width, w * height),
                    "{name}"
                );
            }
            Some("HEIF") => assert_eq!(checked.unwrap(), PictureFormat::Heic, "{name}"),
            _ => assert_eq!(
                checked.unwrap_err().code(),
                Some(Code::MediaNoPicture),
                "{name}"
            ),
        }
    }
}
