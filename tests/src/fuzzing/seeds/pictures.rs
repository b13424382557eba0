//! Small pictures of every kind that is taken, some with EXIF.

use image::{
    ExtendedColorType, ImageEncoder, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};

/// The seeds of the target `pictures`.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = |exif: Option<Vec<u8>>| {
        written(|out| {
            let mut encoder = JpegEncoder::new_with_quality(out, 40);
            if let Some(exif) = exif {
                encoder.set_exif_metadata(exif).ok()?;
            }
            encode(encoder)
        })
    };
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() / 2);
        bytes
    };
    let png = written(|out| encode(PngEncoder::new(out)));
    vec![
        ("jpeg", jpeg(None)),
        ("jpeg-turned", jpeg(Some(exif(6, b"")))),
        ("jpeg-place", jpeg(Some(exif(1, &place())))),
        (
            "webp",
            written(|out| encode(WebPEncoder::new_lossless(out))),
        ),
        ("heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("no-cut", cut(png.clone())),
        ("png", png),
        ("no-gif", b"GIF89a\x01\0\x01\0\0\0\0".to_vec()),
    ]
}

/// The seeds of the target `exif`.
pub(super) fn with_exif() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = |exif: Vec<u8>| {
        written(|out| {
            let mut encoder = JpegEncoder::new_with_quality(out, 40);
            encoder.set_exif_metadata(exif).ok()?;
            encode(encoder)
        })
    };
    vec![
        ("turned", jpeg(exif(6, b""))),
        ("place", jpeg(exif(1, &place()))),
        (
            "no-exif",
            written(|out| encode(JpegEncoder::new_with_quality(out, 40))),
        ),
        ("no-orientation", jpeg(exif(9, b""))),
    ]
}

fn written(with: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Vec<u8> {
    let mut out = Vec::new();
    match with(&mut out) {
        Some(()) => out,
        None => Vec::new(),
    }
}

fn encode(encoder: impl ImageEncoder) -> Option<()> {
    let picture = RgbImage::from_fn(24, 16, |x, y| {
        let shade = |n: u32| u8::try_from((x * 7 + y * 11 + n) % 256).unwrap_or(0);
        image::Rgb([shade(0), shade(80), shade(160)])
    });
    let bytes = picture.as_raw();
    let color = ExtendedColorType::Rgb8;
    encoder.write_image(bytes, 24, 16, color).ok()
}

/// EXIF with an orientation and, behind it, a directory of its own for the place.
fn exif(orientation: u8, place: &[u8]) -> Vec<u8> {
    let entries = if place.is_empty() { 1 } else { 2 };
    let mut bytes = b"MM\0\x2a\0\0\0\x08".to_vec();
    bytes.extend([0, entries]);
    bytes.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    if entries == 2 {
        // The place's directory follows this one: at 8 + 2 + 2 * 12 + 4.
        bytes.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    }
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(place);
    bytes
}

/// 30° 34' 4" north, 104° 0' 44" east, with a date.
fn place() -> Vec<u8> {
    // Where the values begin: after this directory of five entries, which begins at 38.
    const VALUES: u8 = 38 + 2 + 5 * 12 + 4;
    let mut bytes = vec![0, 5];
    bytes.extend([0, 1, 0, 2, 0, 0, 0, 2, b'N', 0, 0, 0]);
    bytes.extend([0, 2, 0, 5, 0, 0, 0, 3, 0, 0, 0, VALUES]);
    bytes.extend([0, 3, 0, 2, 0, 0, 0, 2, b'E', 0, 0, 0]);
    bytes.extend([0, 4, 0, 5, 0, 0, 0, 3, 0, 0, 0, VALUES + 24]);
    bytes.extend([0, 29, 0, 2, 0, 0, 0, 11, 0, 0, 0, VALUES + 48]);
    bytes.extend([0, 0, 0, 0]);
    for part in [30, 34, 4, 104, 0, 44] {
        bytes.extend([0, 0, 0, part, 0, 0, 0, 1]);
    }
    bytes.extend(b"2026:01:01\0");
    bytes
}
