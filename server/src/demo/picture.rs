//! Photos for the finished traces: a drawn scene of a pole with a meter box, different for
//! each seed.

use image::{ImageEncoder, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width and height of the photo in pixels.
const SIZE: (u32, u32) = (1280, 960);
/// Draws the picture of `seed` as a JPEG.
///
/// # Errors
/// When the encoder fails, which it does not in memory.
pub(super) fn draw(seed: u64) -> Result<Vec<u8>, image::ImageError> {
    encode(&scene(&mut ChaCha8Rng::seed_from_u64(seed)), 80)
}

fn encode(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).write_image(
        picture.as_raw(),
        picture.width(),
        picture.height(),
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

fn scene(random: &mut impl Rng) -> RgbImage {
    let horizon = random.random_range(500..640);
    let pole = random.random_range(300..900);
    let box_top = random.random_range(380..480);
    let light = random.random_range(0..40u8);
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let grain = random.random_range(0..4u8);
        let colour = if (pole..pole + 34).contains(&x) && y > 90 {
            [128, 126, 120]
        } else if (pole + 40..pole + 220).contains(&x) && (box_top..box_top + 260).contains(&y) {
            meter_box(x - pole - 40, y - box_top)
        } else if y < horizon {
            let shade = u8::try_from(y / 8).unwrap_or(80);
            [150 + shade / 2, 180 + shade / 2, 215]
        } else {
            [96, 122, 70]
        };
        Rgb(colour.map(|part: u8| part.saturating_add(grain).saturating_sub(light)))
    })
}

/// The face of a meter box: a frame, a dial window and a row of breakers.
fn meter_box(x: u32, y: u32) -> [u8; 3] {
    match (x, y) {
        (0..6 | 174.., _) | (_, 0..6 | 254..) => [60, 66, 70],
        (50..130, 40..110) => [225, 232, 220],
        (30..150, 160..210) if x % 30 < 20 => [40, 44, 50],
        _ => [198, 202, 204],
    }
}
