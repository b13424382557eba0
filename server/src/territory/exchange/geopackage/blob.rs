//! A geometry as GeoPackage stores it: a head of its own, then well-known binary
//! (OGC 06-103r4). Counts are believed only as far as the bytes are there, and no more rings
//! are read than an outline may have.

use crate::territory::{
    exchange::layers::{Place, Polygons},
    import::MAX_RINGS,
};

/// Reads a geometry: a point, a polygon or several polygons.
///
/// # Errors
/// Why it is none of these.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Place>, String> {
    let broken = || "is broken".to_owned();
    let head: &[u8; 8] = bytes.first_chunk().ok_or_else(broken)?;
    if &head[..2] != b"GP" {
        return Err("is no geometry of a GeoPackage".to_owned());
    }
    let flags = head[3];
    if flags & 0b0001_0000 != 0 {
        return Ok(None);
    }
    let envelope = match (flags >> 1) & 0b111 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        _ => return Err(broken()),
    };
    let mut rest = bytes.get(8 + envelope..).ok_or_else(broken)?;
    let place = place(&mut rest)?.ok_or_else(broken)?;
    Ok(Some(place))
}

/// A geometry; `None` when the bytes end early.
fn place(rest: &mut &[u8]) -> Result<Option<Place>, String> {
    let Some((order, kind, wide)) = start(rest) else {
        return Ok(None);
    };
    Ok(match kind {
        1 => pair(rest, order, wide).map(Place::Point),
        3 => {
            let polygon = polygon(rest, order, wide, MAX_RINGS)?;
            polygon.map(|polygon| Place::Polygons(vec![polygon]))
        }
        6 => polygons(rest, order)?.map(Place::Polygons),
        2 | 5 => return Err("is a line; give points or polygons".to_owned()),
        other => {
            return Err(format!("is of the kind {other}; give points or polygons"));
        }
    })
}

fn polygons(rest: &mut &[u8], order: Order) -> Result<Option<Polygons>, String> {
    let Some(count) = number(rest, order) else {
        return Ok(None);
    };
    // Each has a ring at least, so there are no more of them than rings.
    if count as usize > MAX_RINGS {
        return Err(too_many(count));
    }
    let mut all = Vec::new();
    let mut left = MAX_RINGS;
    for _ in 0..count {
        let Some((order, kind, wide)) = start(rest) else {
            return Ok(None);
        };
        if kind != 3 {
            return Err("holds something that is no polygon".to_owned());
        }
        let Some(polygon) = polygon(rest, order, wide, left)? else {
            return Ok(None);
        };
        left -= polygon.len();
        all.push(polygon);
    }
    Ok(Some(all))
}

/// A polygon of at most `most` rings.
fn polygon(
    rest: &mut &[u8],
    order: Order,
    wide: usize,
    most: usize,
) -> Result<Option<Vec<Vec<[f64; 2]>>>, String> {
    let Some(count) = number(rest, order) else {
        return Ok(None);
    };
    if count as usize > most {
        return Err(too_many(count));
    }
    Ok((0..count).map(|_| ring(rest, order, wide)).collect())
}

fn ring(rest: &mut &[u8], order: Order, wide: usize) -> Option<Vec<[f64; 2]>> {
    let points = usize::try_from(number(rest, order)?).ok()?;
    if points.checked_mul(8 * wide)? > rest.len() {
        return None;
    }
    (0..points).map(|_| pair(rest, order, wide)).collect()
}

fn too_many(count: u32) -> String {
    format!("has {count} rings or more where {MAX_RINGS} are allowed at most; simplify or split it")
}

#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

/// The order of bytes, the kind, and how many numbers a point has.
fn start(rest: &mut &[u8]) -> Option<(Order, u32, usize)> {
    let (order, after) = rest.split_first()?;
    *rest = after;
    let order = match order {
        0 => Order::Big,
        1 => Order::Little,
        _ => return None,
    };
    let kind = number(rest, order)?;
    let wide = match kind / 1000 {
        0 => 2,
        1 | 2 => 3,
        3 => 4,
        _ => return None,
    };
    Some((order, kind % 1000, wide))
}

fn number(rest: &mut &[u8], order: Order) -> Option<u32> {
    let (four, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(match order {
        Order::Big => u32::from_be_bytes(*four),
        Order::Little => u32::from_le_bytes(*four),
    })
}

fn pair(rest: &mut &[u8], order: Order, wide: usize) -> Option<[f64; 2]> {
    let all = rest.get(..8 * wide)?;
    *rest = &rest[8 * wide..];
    let at = |n: usize| {
        let eight = all.get(8 * n..)?.first_chunk()?;
        Some(match order {
            Order::Big => f64::from_be_bytes(*eight),
            Order::Little => f64::from_le_bytes(*eight),
        })
    };
    Some([at(0)?, at(1)?])
}

/// Writes a geometry, polygons always as several.
pub(super) fn write(place: &Place, srs_id: i32) -> Vec<u8> {
    // Little-endian, without an envelope.
    let mut bytes = vec![b'G', b'P', 0, 1];
    bytes.extend(srs_id.to_le_bytes());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let begin = |bytes: &mut Vec<u8>, kind: u32| {
        bytes.push(1);
        bytes.extend(kind.to_le_bytes());
    };
    let point = |bytes: &mut Vec<u8>, at: [f64; 2]| {
        bytes.extend(at[0].to_le_bytes());
        bytes.extend(at[1].to_le_bytes());
    };
    match place {
        Place::Point(at) => {
            begin(&mut bytes, 1);
            point(&mut bytes, *at);
        }
        Place::Polygons(polygons) => {
            begin(&mut bytes, 6);
            bytes.extend(count(polygons.len()));
            for rings in polygons {
                begin(&mut bytes, 3);
                bytes.extend(count(rings.len()));
                for ring in rings {
                    bytes.extend(count(ring.len()));
                    ring.iter().for_each(|at| point(&mut bytes, *at));
                }
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_claims_more_than_it_holds_is_refused_without_making_room_for_it() {
        let square = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]];
        let whole = write(&Place::Polygons(vec![vec![square]]), 4326);
        assert!(matches!(read(&whole), Ok(Some(Place::Polygons(_)))));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        let mut greedy = whole;
        for place in [13, 22, 26] {
            greedy[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert!(read(&greedy).is_err(), "{place}");
        }
    }

    #[test]
    fn empty_rings_are_not_read_by_the_million() {
        let rings = |polygons: usize, rings: usize| {
            let empty = vec![vec![Vec::new(); rings]; polygons];
            read(&write(&Place::Polygons(empty), 4326))
        };
        assert!(rings(1, MAX_RINGS).is_ok() && rings(MAX_RINGS, 1).is_ok());
        for (polygons, each) in [(1, MAX_RINGS + 1), (2, 26), (MAX_RINGS + 1, 0)] {
            let why = rings(polygons, each).unwrap_err();
            assert!(why.contains("50 are allowed"), "{polygons} {each}: {why}");
        }
    }
}
