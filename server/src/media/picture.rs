//! What a picture is, and how its preview is made.
//!
//! An original is evidence, so little is asked of it: its first bytes announce a kind that
//! is taken, its header can be read, and it has no more pixels than allowed. Broken EXIF
//! or missing rows at the end are no reason to refuse what a signed record promised. HEIC
//! is taken by its first bytes alone, because nothing here decodes it.
//!
//! A preview is no evidence. It is decoded and written anew, upright, without EXIF, so that
//! no place and no camera number leaves the station with it (T12), and nothing but a
//! picture hides in it (T11). What cannot be decoded within the limits has no preview.

use fast_image_resize::Resizer;
use gridcrew_sync_protocol::{
    code::Code,
    media::{MAX_PIXELS, MAX_PREVIEW_BYTES, PictureFormat},
    stamp,
};
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder,
};
use std::io::{self, BufRead, Seek, SeekFrom};

/// Most memory that decoding one picture may take, in bytes (T10).
const MAX_DECODED_BYTES: u64 = 256 * 1024 * 1024;
/// Longest side of a picture that is decoded, in pixels.
const MAX_SIDE: u32 = 32_768;
/// Longest side and quality of a preview: the first that is small enough is taken. The
/// last is small enough whatever the picture shows.
const PREVIEW_SIZES: [(u32, u8); 7] = [
    (960, 75),
    (960, 55),
    (800, 55),
    (640, 55),
    (480, 55),
    (320, 50),
    (160, 40),
];

/// Why something is not taken as a picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum PictureError {
    /// Not a picture of a kind that is taken, or its header is broken.
    #[error("The bytes are no picture that can be taken: {0}. JPEG, PNG, WebP and HEIC can.")]
    NoPicture(String),
    /// Too many pixels, or too much memory needed.
    #[error("The picture is too large: {0}.")]
    TooLarge(String),
    /// The file cannot be read.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl PictureError {
    /// The stable code, unless the fault is the server's.
    pub(super) fn code(&self) -> Option<Code> {
        match self {
            Self::NoPicture(_) => Some(Code::MediaNoPicture),
            Self::TooLarge(_) => Some(Code::MediaTooManyPixels),
            Self::Disk(_) => None,
        }
    }
}

impl From<ImageError> for PictureError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(limit) => Self::TooLarge(limit.to_string()),
            // A reader that ends too early is a picture that ends too early.
            ImageError::IoError(io) if io.kind() != io::ErrorKind::UnexpectedEof => Self::Disk(io),
            other => Self::NoPicture(other.to_string()),
        }
    }
}

/// Looks at the first bytes and the header of an original.
///
/// # Errors
/// [`PictureError`]
pub(super) fn check<R: BufRead + Seek>(mut file: R) -> Result<PictureFormat, PictureError> {
    let (format, decodable) = announced(&mut file)?;
    if let Some(decodable) = decodable {
        decoder(file, decodable)?;
    }
    Ok(format)
}

/// Makes a preview: upright, without metadata, at most [`MAX_PREVIEW_BYTES`] long, JPEG, with
/// `lines` written on it.
///
/// # Errors
/// [`PictureError`]
pub(super) fn preview<R: BufRead + Seek>(
    mut file: R,
    lines: &[String],
) -> Result<Vec<u8>, PictureError> {
    let (format, decodable) = announced(&mut file)?;
    let Some(decodable) = decodable else {
        let reason = format!("{} is not decoded here", format.media_type());
        return Err(PictureError::NoPicture(reason));
    };
    let streams = format != PictureFormat::Jpeg || jpeg_streams(&mut file)?;
    file.rewind()?;
    let mut decoder = decoder(file, decodable)?;
    let (width, height) = decoder.dimensions();
    // What a JPEG decoder keeps of a picture that comes in several scans: three 16-bit
    // coefficients a pixel.
    let beside = if streams {
        0
    } else {
        6 * u64::from(width) * u64::from(height)
    };
    if decoder.total_bytes().saturating_add(beside) > MAX_DECODED_BYTES {
        let reason = format!("{width} × {height} pixels take too much memory to decode");
        return Err(PictureError::TooLarge(reason));
    }
    let orientation = decoder.orientation()?;
    let mut picture = shrunk(DynamicImage::from_decoder(decoder)?, PREVIEW_SIZES[0].0)?;
    picture.apply_orientation(orientation);
    encoded(picture, lines)
}

/// The format that the first bytes announce, and how it is decoded. Reads from the start.
fn announced<R: BufRead + Seek>(
    file: &mut R,
) -> Result<(PictureFormat, Option<ImageFormat>), PictureError> {
    let mut head = Vec::with_capacity(12);
    io::Read::read_to_end(&mut io::Read::take(&mut *file, 12), &mut head)?;
    file.rewind()?;
    let format = PictureFormat::of_head(&head)
        .ok_or_else(|| PictureError::NoPicture("they begin like none".to_owned()))?;
    let decodable = match format {
        PictureFormat::Jpeg => Some(ImageFormat::Jpeg),
        PictureFormat::Png => Some(ImageFormat::Png),
        PictureFormat::Webp => Some(ImageFormat::WebP),
        PictureFormat::Heic => None,
    };
    Ok((format, decodable))
}

/// Reads the header and holds it against the limits.
fn decoder<'a, R: BufRead + Seek + 'a>(
    file: R,
    format: ImageFormat,
) -> Result<impl ImageDecoder + 'a, PictureError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits);
    let decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        let reason = format!("{width} × {height} pixels, at most {MAX_PIXELS} are allowed");
        return Err(PictureError::TooLarge(reason));
    }
    Ok(decoder)
}

/// Whether a JPEG can be decoded row by row: a sequential one whose first scan has all its
/// components. Anything that is not plainly so is taken not to be.
fn jpeg_streams<R: BufRead + Seek>(file: &mut R) -> io::Result<bool> {
    let mut components = None;
    file.seek(SeekFrom::Start(2))?;
    loop {
        let mut head = [0; 5];
        if let Err(error) = file.read_exact(&mut head) {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof => Ok(false),
                _ => Err(error),
            };
        }
        let [0xff, marker, high, low, first] = head else {
            return Ok(false);
        };
        let length = u16::from_be_bytes([high, low]);
        match marker {
            0xc0 | 0xc1 => {
                // precision, height, width, then the number of components
                file.seek_relative(4)?;
                let mut count = [0];
                file.read_exact(&mut count)?;
                components = Some(count[0]);
                file.seek_relative(i64::from(length) - 8)?;
            }
            0xda => return Ok(components == Some(first)),
            0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe if length >= 3 => {
                file.seek_relative(i64::from(length) - 3)?;
            }
            _ => return Ok(false),
        }
    }
}

/// The picture with no side longer than `side`.
fn shrunk(picture: DynamicImage, side: u32) -> Result<DynamicImage, PictureError> {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= side {
        return Ok(picture);
    }
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longest);
        u32::try_from(scaled).unwrap_or(side).max(1)
    };
    let mut small = DynamicImage::new(scaled(width), scaled(height), picture.color());
    Resizer::new()
        .resize(&picture, &mut small, None)
        .map_err(|error| PictureError::NoPicture(error.to_string()))?;
    Ok(small)
}

/// The picture as a JPEG that is small enough, with `lines` written on it.
fn encoded(picture: DynamicImage, lines: &[String]) -> Result<Vec<u8>, PictureError> {
    let mut picture = DynamicImage::ImageRgb8(picture.into_rgb8());
    for (side, quality) in PREVIEW_SIZES {
        picture = shrunk(picture, side)?;
        let mut stamped = picture.to_rgb8();
        let width = stamped.width();
        stamp::draw(&mut stamped, width, lines);
        let mut bytes = Vec::new();
        stamped.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
        if bytes.len() as u64 <= MAX_PREVIEW_BYTES {
            return Ok(bytes);
        }
    }
    Err(PictureError::TooLarge(
        "no preview of it is small enough".to_owned(),
    ))
}

#[cfg(test)]
mod tests;
