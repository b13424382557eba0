//! From the bytes of a picture to small copies of it, within limits on pixels and memory
//! (RELIABILITY F10, T10).
//!
//! 1. [`decode`] reads a picture, shrinks it to what is needed and sets it upright. Of HEIC,
//!    which nothing here decodes, it takes the small JPEG in the EXIF if there is one.
//! 2. [`look`] is its perceptual hash.
//! 3. [`preview`] writes order, time and place on a copy and makes that fit its limit,
//!    whatever the picture; [`smaller`] makes the copy that is sent when the policy says so.
//!
//! Copies are written anew and hold nothing but the picture: no EXIF.

use super::{exif::ExifFacts, policy::PhotoPolicy};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use gridcrew_sync_protocol::{
    claims::{Look, NoPreview},
    media::{MAX_PIXELS, PictureFormat},
    stamp,
};
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};
use std::io::Cursor;

/// Most memory that decoding may take: 50 megapixels of three bytes, and room to work.
const MAX_DECODING_BYTES: u64 = 320 * 1024 * 1024;
/// Most pixels of one side.
const MAX_SIDE: u32 = 30_000;
/// Least longest side of a preview: below it nothing can be seen.
const LEAST_SIDE: u32 = 64;
/// From this quality on, fewer pixels look better than a lower quality.
const LEAST_QUALITY: u8 = 50;
/// A look with fewer bits of either kind is that of a wall, a night or a plain sheet, and
/// tells nothing.
const LEAST_BITS: u32 = 4;

/// A decoded picture, upright.
#[derive(Debug)]
pub(super) struct Picture {
    image: DynamicImage,
    /// It was decoded of the picture itself, not of a small copy in it.
    pub(super) whole: bool,
}

/// Decodes a picture; its longest side is then at most `side` pixels.
///
/// # Errors
/// Why it is not decoded.
pub(super) fn decode(
    content: &[u8],
    format: PictureFormat,
    exif: &ExifFacts,
    side: u32,
) -> Result<Picture, NoPreview> {
    let decodable = match format {
        PictureFormat::Jpeg => Some(ImageFormat::Jpeg),
        PictureFormat::Png => Some(ImageFormat::Png),
        PictureFormat::Webp => Some(ImageFormat::WebP),
        PictureFormat::Heic => None,
    };
    let (image, turned) = match (decodable, &exif.thumbnail) {
        (Some(format), _) => pixels(content, format)?,
        (None, Some(small)) => pixels(small, ImageFormat::Jpeg)?,
        (None, None) => return Err(NoPreview::HeicNotDecoded),
    };
    let mut image = fit(DynamicImage::ImageRgb8(image.into_rgb8()), side)?;
    let said = exif.orientation.and_then(Orientation::from_exif);
    image.apply_orientation(said.unwrap_or(turned));
    Ok(Picture {
        image,
        whole: decodable.is_some(),
    })
}

/// The pixels as they lie, and which way up the decoder found them to be.
fn pixels(content: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), NoPreview> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODING_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(content), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(why)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width).saturating_mul(u64::from(height)) > MAX_PIXELS {
        return Err(NoPreview::TooManyPixels);
    }
    // A picture whose EXIF is broken is shown as it lies.
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(why)?;
    Ok((image, turned))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "given to `map_err`, which gives it away"
)]
fn why(error: ImageError) -> NoPreview {
    match error {
        ImageError::Limits(_) => NoPreview::TooManyPixels,
        _ => NoPreview::Broken,
    }
}

/// The picture with no side longer than `side`.
fn fit(picture: DynamicImage, side: u32) -> Result<DynamicImage, NoPreview> {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= side {
        return Ok(picture);
    }
    let scale = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longest.max(1));
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    let mut small = DynamicImage::new(scale(width), scale(height), ColorType::Rgb8);
    Resizer::new()
        .resize(&picture, &mut small, None)
        .map_err(|_| NoPreview::Broken)?;
    Ok(small)
}

fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, NoPreview> {
    let mut out = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality))
        .map_err(|_| NoPreview::Broken)?;
    Ok(out)
}

/// A copy of at most the policy's bytes, with `lines` written on it: first the quality goes
/// down, then the size.
///
/// # Errors
/// [`NoPreview::TooLarge`] when the policy allows too few bytes for any picture.
pub(super) fn preview(
    picture: &Picture,
    policy: &PhotoPolicy,
    lines: &[String],
) -> Result<Vec<u8>, NoPreview> {
    let (mut side, mut quality) = (policy.preview_side, policy.preview_quality);
    while side >= LEAST_SIDE {
        let mut small = fit(picture.image.clone(), side)?.into_rgb8();
        let width = small.width();
        stamp::draw(&mut small, width, lines);
        let out = jpeg(&DynamicImage::ImageRgb8(small), quality)?;
        if out.len() as u64 <= policy.preview_bytes {
            return Ok(out);
        }
        if quality > LEAST_QUALITY {
            quality = quality.saturating_sub(15).max(LEAST_QUALITY);
        } else {
            side = side / 4 * 3;
        }
    }
    Err(NoPreview::TooLarge)
}

/// A copy with at most `side` pixels on its longest side.
///
/// # Errors
/// [`NoPreview::Broken`] when it cannot be written.
pub(super) fn smaller(picture: &Picture, side: u32, quality: u8) -> Result<Vec<u8>, NoPreview> {
    jpeg(&fit(picture.image.clone(), side)?, quality)
}

/// What the picture looks like; nothing when it is too plain to tell.
pub(super) fn look(picture: &Picture) -> Option<Look> {
    let grey = DynamicImage::ImageLuma8(picture.image.to_luma8());
    let mut small = DynamicImage::new(9, 8, ColorType::L8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&grey, &mut small, &options).ok()?;
    let small = small.into_luma8();
    let bits = small
        .rows()
        .flat_map(|row| {
            let row: Vec<u8> = row.map(|pixel| pixel.0[0]).collect();
            let steps: Vec<bool> = row.windows(2).map(|two| two[0] < two[1]).collect();
            steps
        })
        .fold(0u64, |bits, grows| (bits << 1) | u64::from(grows));
    let plain = bits.count_ones().min(bits.count_zeros()) < LEAST_BITS;
    (!plain).then_some(Look(bits))
}
