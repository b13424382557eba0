//! The photo stamp (水印): order, trusted time with how sure it is, and place with its datum,
//! written along the lower edge of a copy. The copy is no evidence; the stamp is for the eye
//! of whoever looks at it. A handheld writes it on the preview that it sends, and the server
//! on the one that it makes of the original: one rule and one hand for both, so that a photo
//! looks the same before and after its original has come.
//!
//! Letters are those of the 8 by 8 font of the old IBM screens, which is in the public domain:
//! digits, Latin letters and punctuation.

use crate::{
    arrival::{Motion, doubts},
    limits::Limits,
    record::Fix,
    time::{Sureness, TrustedTime},
};
use font8x8::{BASIC_FONTS, UnicodeFonts};
use time::{OffsetDateTime, macros::format_description, macros::offset};

/// Pixels of a letter before it is scaled, both ways.
const LETTER: usize = 8;
/// Most that letters are scaled by.
const LARGEST: usize = 3;

/// The lines of a stamp: the order by its outside number, the trusted time in Beijing with how
/// sure it is, and the place in its own datum with its accuracy in metres.
#[must_use]
pub fn lines(order_no: &str, at: TrustedTime, fix: Option<&Fix>) -> Vec<String> {
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

/// Writes lines along the lower edge of a picture, white on a darkened band, as large as fits.
/// What does not fit the width is cut off. `pixels` are rows of `width` pixels from the upper
/// left, each three bytes of red, green and blue; what is no whole row is left as it is.
pub fn draw(pixels: &mut [u8], width: u32, lines: &[String]) {
    let width = usize::try_from(width).unwrap_or(0);
    let longest = lines.iter().map(|line| line.chars().count()).max();
    let longest = longest.unwrap_or(0);
    if longest == 0 || width == 0 {
        return;
    }
    let scale = width / longest.saturating_add(1).saturating_mul(LETTER);
    let scale = scale.clamp(1, LARGEST);
    let line_height = (LETTER + 2) * scale;
    let band = line_height
        .saturating_mul(lines.len())
        .saturating_add(2 * scale);
    let mut rows: Vec<&mut [u8]> = pixels.chunks_exact_mut(width.saturating_mul(3)).collect();
    let top = rows.len().saturating_sub(band);
    for part in rows.iter_mut().skip(top).flat_map(|row| row.iter_mut()) {
        *part /= 3;
    }
    let mut y = top.saturating_add(2 * scale);
    for line in lines {
        write(&mut rows, line, (LETTER * scale / 2, y), scale);
        y = y.saturating_add(line_height);
    }
}

fn write(rows: &mut [&mut [u8]], line: &str, (mut x, y): (usize, usize), scale: usize) {
    for letter in line.chars() {
        let shape = BASIC_FONTS.get(letter).or_else(|| BASIC_FONTS.get('?'));
        for (row, bits) in shape.unwrap_or_default().into_iter().enumerate() {
            for column in (0..LETTER).filter(|column| (bits >> column) & 1 == 1) {
                let at = x.saturating_add(column * scale);
                dot(rows, (at, y.saturating_add(row * scale)), scale);
            }
        }
        x = x.saturating_add(LETTER * scale);
    }
}

/// A square of `scale` pixels, as far as it lies in the picture.
fn dot(rows: &mut [&mut [u8]], (x, y): (usize, usize), scale: usize) {
    for row in rows.iter_mut().skip(y).take(scale) {
        let pixels = row.chunks_exact_mut(3).skip(x).take(scale);
        pixels.for_each(|pixel| pixel.fill(255));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
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
        let (width, height) = (400, 300);
        let mut picture = vec![90; width * height * 3];
        let lines = lines("单-1", at(Sureness::Server), None);
        draw(&mut picture, 400, &lines);
        let (above, below) = picture.split_at(width * 250 * 3);
        assert!(above.iter().all(|part| *part == 90));
        let below = below.split_at(width * 20 * 3).1;
        assert!(below.contains(&255) && below.contains(&30) && !below.contains(&90));
        // Each letter stands upright where it should: the bar of a 1 below the line's middle.
        let mut one = vec![0; 24 * 24 * 3];
        draw(&mut one, 24, &["1".to_owned()]);
        let lit = |x: usize, y: usize| one.get((y * 24 + x) * 3) == Some(&255);
        let rows = (12..24).filter(|y| (0..24).any(|x| lit(x, *y))).count();
        assert_eq!(rows, 7, "a letter of seven rows");
        // However small, nothing panics.
        for side in 0..40u32 {
            let mut small = vec![9; (side * (40 - side) * 3 + side % 3) as usize];
            draw(&mut small, side, &["long line".to_owned()]);
        }
    }
}
