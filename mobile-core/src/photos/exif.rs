//! What a picture's own EXIF says: when, where and which way up it was taken, and the small
//! JPEG in it if there is one.
//!
//! EXIF is a claim of the camera, never a condition: what is missing, broken or absurd is
//! simply not known. Reading is bounded by the length of the file, because a container can
//! point at the same bytes many times.

use exif::{DateTime, Exif, In, Reader, Tag, Value};
use gridcrew_sync_protocol::{
    position::{Datum, TypedPosition},
    time::UnixMillis,
};
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

/// What the EXIF of a picture says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExifFacts {
    /// When it was taken by the camera's clock; Beijing time where no offset is given.
    pub taken_at: Option<UnixMillis>,
    /// When the satellites said it was taken.
    pub gnss_at: Option<UnixMillis>,
    /// Where it was taken; EXIF's coordinates are WGS-84.
    pub place: Option<TypedPosition>,
    /// Which way up, 1 to 8 as in TIFF.
    pub orientation: Option<u8>,
    /// The small JPEG in it.
    pub thumbnail: Option<Vec<u8>>,
}

impl ExifFacts {
    /// Reads what a JPEG, PNG, WebP or HEIC says of itself. Never fails: what cannot be read
    /// is not known.
    #[must_use]
    pub fn read(content: &[u8]) -> Self {
        let mut reader = Bounded {
            left: content.len().saturating_mul(2).saturating_add(64 * 1024),
            inner: Cursor::new(content),
        };
        let read = Reader::new()
            .continue_on_error(true)
            .read_from_container(&mut reader)
            .or_else(|error| error.distill_partial_result(drop));
        let Ok(exif) = read else {
            return Self::default();
        };
        Self {
            taken_at: taken_at(&exif),
            gnss_at: gnss_at(&exif),
            place: place(&exif),
            orientation: orientation(&exif),
            thumbnail: thumbnail(&exif),
        }
    }
}

fn ascii(exif: &Exif, tag: Tag) -> Option<&[u8]> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    }
}

fn taken_at(exif: &Exif) -> Option<UnixMillis> {
    /// In China there is one time zone.
    const BEIJING_MINUTES: i16 = 8 * 60;
    let mut said = DateTime::from_ascii(ascii(exif, Tag::DateTimeOriginal)?).ok()?;
    for tag in [Tag::OffsetTimeOriginal, Tag::OffsetTime] {
        if said.offset.is_none()
            && let Some(offset) = ascii(exif, tag)
        {
            // One that cannot be read is one that is not there.
            drop(said.parse_offset(offset));
        }
    }
    let offset = i32::from(said.offset.unwrap_or(BEIJING_MINUTES));
    let offset = UtcOffset::from_whole_seconds(offset.checked_mul(60)?).ok()?;
    let date = date(said.year.into(), said.month, said.day)?;
    let time = Time::from_hms(said.hour, said.minute, said.second).ok()?;
    moment(date, time, offset)
}

fn gnss_at(exif: &Exif) -> Option<UnixMillis> {
    let text = std::str::from_utf8(ascii(exif, Tag::GPSDateStamp)?).ok()?;
    let mut parts = text.trim().split(':');
    let mut part = || parts.next()?.parse::<u16>().ok();
    let (year, month, day) = (part()?, part()?, part()?);
    let small = |number: u16| u8::try_from(number).ok();
    let date = date(year.into(), small(month)?, small(day)?)?;
    let [hours, minutes, seconds] = three(exif, Tag::GPSTimeStamp)?;
    let seconds = hours * 3_600.0 + minutes * 60.0 + seconds;
    if !(0.0..86_400.0).contains(&seconds) {
        return None;
    }
    let time = Time::MIDNIGHT + time::Duration::seconds_f64(seconds);
    moment(date, time, UtcOffset::UTC)
}

fn date(year: i32, month: u8, day: u8) -> Option<Date> {
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
}

fn moment(date: Date, time: Time, offset: UtcOffset) -> Option<UnixMillis> {
    let moment = PrimitiveDateTime::new(date, time).assume_offset(offset);
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    i64::try_from(millis).ok().map(UnixMillis)
}

/// Degrees, minutes and seconds, or hours, minutes and seconds.
fn three(exif: &Exif, tag: Tag) -> Option<[f64; 3]> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else {
        return None;
    };
    let part = |at: usize| parts.get(at).map_or(0.0, exif::Rational::to_f64);
    let three = [part(0), part(1), part(2)];
    let known = !parts.is_empty() && three.iter().all(|part| part.is_finite());
    known.then_some(three)
}

fn place(exif: &Exif) -> Option<TypedPosition> {
    let degrees = |tag, reference, negative: u8| {
        let [degrees, minutes, seconds] = three(exif, tag)?;
        let degrees = degrees + minutes / 60.0 + seconds / 3_600.0;
        let side = ascii(exif, reference)?.first()?.to_ascii_uppercase();
        Some(if side == negative { -degrees } else { degrees })
    };
    let lat = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S')?;
    let lon = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W')?;
    // Off the coast of Africa is where cameras are that do not know.
    if lat == 0.0 && lon == 0.0 {
        return None;
    }
    TypedPosition::new(lon, lat, Datum::Wgs84).ok()
}

fn orientation(exif: &Exif) -> Option<u8> {
    let field = exif.get_field(Tag::Orientation, In::PRIMARY)?;
    let said = u8::try_from(field.value.get_uint(0)?).ok()?;
    (1..=8).contains(&said).then_some(said)
}

fn thumbnail(exif: &Exif) -> Option<Vec<u8>> {
    let number = |tag| {
        let field = exif.get_field(tag, In::THUMBNAIL)?;
        usize::try_from(field.value.get_uint(0)?).ok()
    };
    let from = number(Tag::JPEGInterchangeFormat)?;
    let length = number(Tag::JPEGInterchangeFormatLength)?;
    let bytes = exif.buf().get(from..from.checked_add(length)?)?;
    bytes
        .starts_with(&[0xff, 0xd8, 0xff])
        .then(|| bytes.to_vec())
}

/// A file in memory of which only so many bytes are read in all.
struct Bounded<'c> {
    inner: Cursor<&'c [u8]>,
    left: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = out.len().min(self.left);
        let count = self.inner.read(out.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(count);
        Ok(count)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let rest = self.inner.fill_buf()?;
        Ok(rest.get(..rest.len().min(self.left)).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.inner.consume(count);
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
pub(super) mod tests;
