//! Previews: small JPEGs for lists and quick review, made within limits on pixels and
//! memory. A preview is no evidence, and a photo without one is as good as any other.

use fast_image_resize::Resizer;
use gridcrew_sync_protocol::media::{MAX_PIXELS, MAX_PREVIEW_BYTES, PictureFormat};
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};
use std::io::Cursor;

/// Longest side and JPEG quality, from best to smallest.
const TRIES: [(u32, u8); 6] = [
    (800, 72),
    (800, 55),
    (640, 55),
    (480, 50),
    (320, 45),
    (160, 40),
];
/// Most memory that decoding may take: 50 megapixels of three bytes, and room to work.
const MAX_DECODING_BYTES: u64 = 320 * 1024 * 1024;
/// Most pixels of one side.
const MAX_SIDE: u32 = 30_000;

/// A preview of at most [`MAX_PREVIEW_BYTES`], upright.
///
/// # Errors
/// Why there is none, in English.
pub(crate) fn make(content: &[u8], format: PictureFormat) -> Result<Vec<u8>, String> {
    let picture = decode(content, format)?;
    let picture = DynamicImage::ImageRgb8(picture.into_rgb8());
    for (side, quality) in TRIES {
        let small = fit(&picture, side)?;
        let mut out = Vec::new();
        small
            .write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality))
            .map_err(|error| error.to_string())?;
        if out.len() as u64 <= MAX_PREVIEW_BYTES {
            return Ok(out);
        }
    }
    Err("no preview fits the limit on its size".to_owned())
}

fn decode(content: &[u8], format: PictureFormat) -> Result<DynamicImage, String> {
    let format = match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Webp => ImageFormat::WebP,
        PictureFormat::Heic => return Err("HEIC is not decoded on this device".to_owned()),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODING_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    if pixels > MAX_PIXELS {
        return Err(format!("{width} x {height} pixels are too many to decode"));
    }
    // A picture whose EXIF is broken is shown as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn fit(picture: &DynamicImage, side: u32) -> Result<DynamicImage, String> {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= side {
        return Ok(picture.clone());
    }
    let scale = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longest.max(1));
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    let mut small = DynamicImage::new(scale(width), scale(height), ColorType::Rgb8);
    Resizer::new()
        .resize(picture, &mut small, None)
        .map_err(|error| error.to_string())?;
    Ok(small)
}
