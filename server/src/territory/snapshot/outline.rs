//! An outline laid out flat: all points of all rings in one list. That is how a snapshot
//! holds outlines, and how stored ones are read, without a list for each ring in between.

use crate::territory::shape::{Pairs, Shape};
use gridcrew_sync_protocol::position::{Wgs84, distance_m};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use std::fmt;

/// Where a ring ends; it begins where the one before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingEnd {
    /// The place behind its last point.
    pub(super) end: u32,
    /// It is the outer ring of a polygon; else a hole in the polygon before.
    pub(super) outer: bool,
}

/// The rings of a cell. What is stored was checked when it was accepted
/// ([`Shape`]); here only that its points lie on the Earth.
///
/// Deserialised from the form of the store: polygons of rings of `[lon, lat]` in WGS-84.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    pub(super) points: Vec<Wgs84>,
    pub(super) rings: Vec<RingEnd>,
}

impl From<&Shape> for Outline {
    fn from(shape: &Shape) -> Self {
        let polygons = shape.polygons().iter();
        Self::of_rings(polygons.map(|rings| rings.iter().map(|ring| ring.iter().copied())))
    }
}

impl Outline {
    /// Of polygons of closed rings, the outer ring of each first. They are taken as sound.
    pub fn of_rings<P, R>(polygons: impl IntoIterator<Item = P>) -> Self
    where
        P: IntoIterator<Item = R>,
        R: IntoIterator<Item = Wgs84>,
    {
        let mut outline = Self::default();
        for polygon in polygons {
            for (number, ring) in polygon.into_iter().enumerate() {
                outline.points.extend(ring);
                outline.end_ring(number == 0);
            }
        }
        outline
    }

    /// West, south, east and north end in degrees.
    pub(super) fn bounds(&self) -> [f64; 4] {
        let wide = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        self.points.iter().fold(wide, |b, p| {
            [
                b[0].min(p.lon()),
                b[1].min(p.lat()),
                b[2].max(p.lon()),
                b[3].max(p.lat()),
            ]
        })
    }

    /// The longest piece of border in metres.
    pub(super) fn longest(&self) -> f64 {
        let mut longest = 0.0f64;
        let mut start = 0;
        for ring in &self.rings {
            let points = &self.points[start..ring.end as usize];
            start = ring.end as usize;
            let lengths = points.windows(2).map(|pair| distance_m(pair[0], pair[1]).0);
            longest = lengths.fold(longest, f64::max);
        }
        longest
    }

    fn end_ring(&mut self, outer: bool) {
        // More points than that would fill 64 GB; the count is checked where it is stored.
        let end = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        self.rings.push(RingEnd { end, outer });
    }
}

/// Rings of a flat list as polygons of pairs.
pub(super) fn pairs<'r>(rings: impl Iterator<Item = (&'r [Wgs84], bool)>) -> Pairs {
    let mut polygons: Pairs = Vec::new();
    for (ring, outer) in rings {
        let ring = ring.iter().map(|p| (p.lon(), p.lat())).collect();
        match polygons.last_mut() {
            Some(polygon) if !outer => polygon.push(ring),
            _ => polygons.push(vec![ring]),
        }
    }
    polygons
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut outline = Self::default();
        Level::Polygons(&mut outline).deserialize(deserializer)?;
        Ok(outline)
    }
}

/// How deep in the lists of lists the reader is.
enum Level<'o> {
    Polygons(&'o mut Outline),
    Rings(&'o mut Outline),
    /// Of the outer ring, or of a hole.
    Points(&'o mut Outline, bool),
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Polygons(_) => "a list of polygons",
            Self::Rings(_) => "a list of rings",
            Self::Points(..) => "a list of points",
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self {
            Self::Polygons(outline) => {
                while seq.next_element_seed(Level::Rings(outline))?.is_some() {}
            }
            Self::Rings(outline) => {
                let mut outer = true;
                while seq
                    .next_element_seed(Level::Points(outline, outer))?
                    .is_some()
                {
                    outer = false;
                }
            }
            Self::Points(outline, outer) => {
                while let Some((lon, lat)) = seq.next_element()? {
                    outline
                        .points
                        .push(Wgs84::new(lon, lat).map_err(A::Error::custom)?);
                }
                outline.end_ring(outer);
            }
        }
        Ok(())
    }
}
