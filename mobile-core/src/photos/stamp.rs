//! The photo stamp (水印): order, trusted time with how sure it is, and place with its datum,
//! written along the lower edge of a copy. The copy is no evidence; the stamp is for the eye
//! of whoever looks at it. Letters are those of the 8 by 8 font of the old IBM screens, which
//! is in the public domain: digits, Latin letters and punctuation.

use font8x8::{BASIC_FONTS, UnicodeFonts};
use gridcrew_sync_protocol::{
    arrival::{Motion, doubts},
    limits::Limits,
    record::Fix,
    time::{Sureness, TrustedTime},
};
use image::RgbImage;
use time::{OffsetDateTime, macros::format_description, macros::offset};

/// Pixels of a letter before it is scaled, both ways.
const LETTER: u32 = 8;
/// Most that letters are scaled by.
const LARGEST: u32 = 3;

/// The lines of a stamp.
pub(crate) fn lines(order_no: &str, at: TrustedTime, fix: Option<&Fix>) -> Vec<String> {
    let sureness = match at.sureness {
        Sureness::Server => "server time",
        Sureness::Gnss => "satellite time",
        Sureness::Unsure => "TIME NOT SURE",
    };
    vec![
        format!("No. {order_no}"),
        format!("{} {sureness}", beijing(at)),
        place(fix),
    ]
}

fn beijing(at: TrustedTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] +08:00");
    OffsetDateTime::from_unix_timestamp(at.at.0.div_euclid(1_000))
        .ok()
        .and_then(|moment| moment.checked_to_offset(offset!(+8)))
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_else(|| format!("{} ms", at.at.0))
}

fn place(fix: Option<&Fix>) -> String {
    let Some(fix) = fix else {
        return "NO PLACE".to_owned();
    };
    let sure = doubts(Some(fix), Motion::default(), &Limits::DOMAIN).is_empty();
    format!(
        "{:.5},{:.5} {} +-{} m{}",
        fix.position.lon(),
        fix.position.lat(),
        fix.position.datum().name(),
        fix.accuracy_dm.div_ceil(10),
        if sure { "" } else { " NOT SURE" },
    )
}

/// Writes lines along the lower edge, white on a darkened band, as large as fits. What does
/// not fit the width is cut off.
pub(super) fn draw(picture: &mut RgbImage, lines: &[String]) {
    let (width, height) = picture.dimensions();
    let longest = lines.iter().map(|line| line.chars().count()).max();
    let longest = u32::try_from(longest.unwrap_or(0)).unwrap_or(u32::MAX);
    if longest == 0 {
        return;
    }
    let scale = width / longest.saturating_add(1).saturating_mul(LETTER);
    let scale = scale.clamp(1, LARGEST);
    let line_height = (LETTER + 2) * scale;
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let band = line_height.saturating_mul(count).saturating_add(2 * scale);
    let top = height.saturating_sub(band);
    for y in top..height {
        for x in 0..width {
            if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
                pixel.0 = pixel.0.map(|part| part / 3);
            }
        }
    }
    let mut y = top.saturating_add(2 * scale);
    for line in lines {
        write(picture, line, (LETTER * scale / 2, y), scale);
        y = y.saturating_add(line_height);
    }
}

fn write(picture: &mut RgbImage, line: &str, (mut x, y): (u32, u32), scale: u32) {
    for letter in line.chars() {
        let rows = BASIC_FONTS.get(letter).or_else(|| BASIC_FONTS.get('?'));
        for (row, bits) in (0u32..).zip(rows.unwrap_or_default()) {
            for column in (0..LETTER).filter(|column| (bits >> column) & 1 == 1) {
                dot(picture, (x + column * scale, y + row * scale), scale);
            }
        }
        x = x.saturating_add(LETTER * scale);
        if x >= picture.width() {
            return;
        }
    }
}

fn dot(picture: &mut RgbImage, (x, y): (u32, u32), scale: u32) {
    for dy in 0..scale {
        for dx in 0..scale {
            if let Some(pixel) = picture.get_pixel_mut_checked(x + dx, y + dy) {
                pixel.0 = [255; 3];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{
        position::{Datum, TypedPosition},
        time::{Millis, UnixMillis},
    };

    fn at(sureness: Sureness) -> TrustedTime {
        TrustedTime {
            at: UnixMillis(1_767_225_600_000),
            sureness,
        }
    }

    #[test]
    fn a_stamp_says_order_time_and_place_and_how_sure_they_are() {
        let mut fix = Fix {
            position: TypedPosition::new(116.605, 32.85, Datum::Gcj02).unwrap(),
            accuracy_dm: 75,
            age: Millis(0),
            mock: false,
        };
        assert_eq!(
            lines("DEMO-1", at(Sureness::Server), Some(&fix)),
            [
                "No. DEMO-1",
                "2026-01-01 08:00:00 +08:00 server time",
                "116.60500,32.85000 GCJ-02 +-8 m"
            ]
        );
        fix.mock = true;
        let doubtful = lines("1", at(Sureness::Unsure), Some(&fix));
        assert!(doubtful[1].ends_with("TIME NOT SURE"), "{doubtful:?}");
        assert!(doubtful[2].ends_with("NOT SURE"), "{doubtful:?}");
        assert_eq!(lines("1", at(Sureness::Gnss), None)[2], "NO PLACE");
    }

    #[test]
    fn letters_stand_in_a_dark_band_and_the_rest_of_the_picture_stays() {
        let grey = image::Rgb([90; 3]);
        let mut picture = RgbImage::from_pixel(400, 300, grey);
        draw(&mut picture, &lines("单-1", at(Sureness::Server), None));
        assert!(picture.rows().take(250).flatten().all(|p| *p == grey));
        let below: Vec<u8> = picture.rows().skip(270).flatten().map(|p| p.0[0]).collect();
        assert!(below.contains(&255) && below.contains(&30) && !below.contains(&90));
        // However small, nothing panics.
        for side in 1..40 {
            draw(
                &mut RgbImage::new(side, 40 - side),
                &["long line".to_owned()],
            );
        }
    }
}
