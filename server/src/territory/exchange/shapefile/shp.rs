//! The `.shp` file: points and polygons, and the index that goes with it.
//!
//! Numbers of records, parts and points are believed only as far as the bytes are there, and
//! no more parts are read than an outline may have rings. A
//! polygon is a bag of rings; which of them are holes is said by their direction, which
//! many programs get wrong, so it is found out by what lies in what.

use crate::territory::{
    exchange::{layers::Place, table::Table},
    import::{MAX_FEATURES, MAX_RINGS},
};

const FILE_CODE: i32 = 9994;
const VERSION: i32 = 1000;
const HEADER: usize = 100;
const POINT: i32 = 1;
const POLYGON: i32 = 5;

type Ring = Vec<[f64; 2]>;

/// Reads the shapes of a file in their order; `None` for one that has no place.
///
/// # Errors
/// Why it is no such file, or one that is not taken.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Option<Place>>, String> {
    let header = bytes.get(..HEADER).ok_or("it is shorter than its head")?;
    if big(header, 0) != Some(FILE_CODE) {
        return Err("it is no shapefile".to_owned());
    }
    let mut places = Vec::new();
    let mut rest = &bytes[HEADER..];
    while !rest.is_empty() {
        if places.len() > MAX_FEATURES {
            break; // One more than allowed, so that whoever counts sees it.
        }
        let number = places.len() + 1;
        let words = big(rest, 4).and_then(|words| usize::try_from(words).ok());
        let length = words.and_then(|words| words.checked_mul(2));
        let record = length.and_then(|length| rest.get(8..8usize.checked_add(length)?));
        let record = record.ok_or_else(|| format!("it breaks off in shape {number}"))?;
        places.push(shape(record).map_err(|why| format!("shape {number} {why}"))?);
        rest = &rest[8 + record.len()..];
    }
    Ok(places)
}

fn shape(record: &[u8]) -> Result<Option<Place>, String> {
    let broken = || "is broken".to_owned();
    match little(record, 0).ok_or_else(broken)? {
        0 => Ok(None),
        // With height, with measure: what comes after x and y is left.
        1 | 11 | 21 => Ok(Some(Place::Point(pair(record, 4).ok_or_else(broken)?))),
        5 | 15 | 25 => {
            let parts = little(record, 36).ok_or_else(broken)?;
            if usize::try_from(parts).is_ok_and(|parts| parts > MAX_RINGS) {
                return Err(format!(
                    "has {parts} rings where {MAX_RINGS} are allowed at most; simplify or split it"
                ));
            }
            let rings = rings(record).ok_or_else(broken)?;
            Ok(Some(Place::Polygons(nested(rings))))
        }
        3 | 13 | 23 => Err("is a line; give points or polygons".to_owned()),
        8 | 18 | 28 => Err("is a bundle of points; give single points".to_owned()),
        other => Err(format!("is of the kind {other}; give points or polygons")),
    }
}

/// The rings of a polygon: its parts, each from its first point to the next part's.
fn rings(record: &[u8]) -> Option<Vec<Ring>> {
    let parts = usize::try_from(little(record, 36)?).ok()?;
    let points = usize::try_from(little(record, 40)?).ok()?;
    let from = 44usize.checked_add(parts.checked_mul(4)?)?;
    let coordinates = record.get(from..from.checked_add(points.checked_mul(16)?)?)?;
    let mut starts = Vec::with_capacity(parts + 1);
    for part in 0..parts {
        starts.push(usize::try_from(little(record, 44 + 4 * part)?).ok()?);
    }
    starts.push(points);
    starts
        .windows(2)
        .map(|ends| {
            let ring = coordinates.get(ends[0].checked_mul(16)?..ends[1].checked_mul(16)?)?;
            (0..ring.len() / 16).map(|n| pair(ring, 16 * n)).collect()
        })
        .collect()
}

/// Rings sorted into polygons: one that lies in an odd number of others is a hole of the
/// innermost of them.
fn nested(rings: Vec<Ring>) -> Vec<Vec<Ring>> {
    if rings.len() == 1 {
        return vec![rings];
    }
    let around: Vec<Vec<usize>> = rings
        .iter()
        .enumerate()
        .map(|(own, ring)| {
            let others = rings.iter().enumerate().filter(|(other, _)| *other != own);
            let middle = ring.windows(2).find(|pair| pair[0] != pair[1]).map(|pair| {
                [
                    f64::midpoint(pair[0][0], pair[1][0]),
                    f64::midpoint(pair[0][1], pair[1][1]),
                ]
            });
            others
                .filter(|(_, other)| middle.is_some_and(|middle| inside(other, middle)))
                .map(|(other, _)| other)
                .collect()
        })
        .collect();
    let is_hole = |ring: usize| around[ring].len() % 2 == 1;
    // The innermost around a hole has one less around itself.
    let owner = |hole: usize| {
        let mut outers = around[hole].iter().copied();
        outers.find(|outer| around[*outer].len() + 1 == around[hole].len())
    };
    let mut owners: Vec<usize> = (0..rings.len()).filter(|ring| !is_hole(*ring)).collect();
    // A hole whose owner cannot be told stands alone: what is wrong with it is named later.
    owners.extend((0..rings.len()).filter(|ring| is_hole(*ring) && owner(*ring).is_none()));
    owners
        .iter()
        .map(|outer| {
            let holes =
                (0..rings.len()).filter(|ring| is_hole(*ring) && owner(*ring) == Some(*outer));
            let all = std::iter::once(*outer).chain(holes);
            all.map(|ring| rings[ring].clone()).collect()
        })
        .collect()
}

/// Whether a point lies in a ring: how often a line to the east crosses it.
fn inside(ring: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let crossed = ring.windows(2).filter(|pair| {
        let [[ax, ay], [bx, by]] = [pair[0], pair[1]];
        (ay <= y) != (by <= y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
    });
    crossed.count() % 2 == 1
}

fn big(bytes: &[u8], at: usize) -> Option<i32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(i32::from_be_bytes(*four))
}

fn little(bytes: &[u8], at: usize) -> Option<i32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(i32::from_le_bytes(*four))
}

fn pair(bytes: &[u8], at: usize) -> Option<[f64; 2]> {
    let (x, rest) = bytes.get(at..)?.split_first_chunk()?;
    let y = rest.first_chunk()?;
    Some([f64::from_le_bytes(*x), f64::from_le_bytes(*y)])
}

/// Writes the shapes of a table, and their index.
pub(super) fn write(table: &Table) -> (Vec<u8>, Vec<u8>) {
    let kind = if table.points { POINT } else { POLYGON };
    let (mut records, mut index) = (Vec::new(), Vec::new());
    for (number, row) in (1i32..).zip(&table.rows) {
        let content = content(&row.place);
        let words = words(content.len());
        index.extend(self::words(HEADER + records.len()).to_be_bytes());
        index.extend(words.to_be_bytes());
        records.extend(number.to_be_bytes());
        records.extend(words.to_be_bytes());
        records.extend(content);
    }
    let bounds = bounds(table.rows.iter().flat_map(|row| points(&row.place)));
    let file = |body: Vec<u8>| {
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(FILE_CODE.to_be_bytes());
        bytes.extend([0; 20]);
        bytes.extend(words(HEADER + body.len()).to_be_bytes());
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        for bound in bounds {
            bytes.extend(bound.to_le_bytes());
        }
        bytes.extend([0; 32]);
        bytes.extend(body);
        bytes
    };
    (file(records), file(index))
}

/// A length in the 16-bit words that the format counts in.
fn words(bytes: usize) -> i32 {
    i32::try_from(bytes / 2).unwrap_or(i32::MAX)
}

fn points(place: &Place) -> Vec<[f64; 2]> {
    match place {
        Place::Point(at) => vec![*at],
        Place::Polygons(polygons) => polygons.iter().flatten().flatten().copied().collect(),
    }
}

fn bounds(points: impl IntoIterator<Item = [f64; 2]>) -> [f64; 4] {
    let mut points = points.into_iter();
    let [x, y] = points.next().unwrap_or_default();
    points.fold([x, y, x, y], |b, [x, y]| {
        [b[0].min(x), b[1].min(y), b[2].max(x), b[3].max(y)]
    })
}

fn content(place: &Place) -> Vec<u8> {
    let mut bytes = Vec::new();
    match place {
        Place::Point([x, y]) => {
            bytes.extend(POINT.to_le_bytes());
            bytes.extend(x.to_le_bytes());
            bytes.extend(y.to_le_bytes());
        }
        Place::Polygons(polygons) => {
            // Outer rings run clockwise here, holes the other way: the reverse of a shape.
            let rings: Vec<Ring> = polygons
                .iter()
                .flatten()
                .map(|ring| ring.iter().rev().copied().collect())
                .collect();
            let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
            bytes.extend(POLYGON.to_le_bytes());
            for bound in bounds(rings.iter().flatten().copied()) {
                bytes.extend(bound.to_le_bytes());
            }
            bytes.extend(count(rings.len()).to_le_bytes());
            bytes.extend(count(rings.iter().map(Vec::len).sum()).to_le_bytes());
            let mut start = 0;
            for ring in &rings {
                bytes.extend(count(start).to_le_bytes());
                start += ring.len();
            }
            for [x, y] in rings.iter().flatten() {
                bytes.extend(x.to_le_bytes());
                bytes.extend(y.to_le_bytes());
            }
        }
    }
    bytes
}
