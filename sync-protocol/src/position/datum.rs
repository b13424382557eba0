//! The four datums, one type for each, and the ways to and from WGS-84.
//!
//! GCJ-02 is WGS-84 moved by a published series in longitude and latitude (parameters
//! a = 6378245, ee = 0.00669342162296594323); BD-09 is GCJ-02 moved once more. Both ways
//! back are solved by fixed-point iteration on the way there, so that a round trip
//! returns to the same place within a micrometre.
//!
//! Two formulas for BD-09 are in circulation; their waves have the frequencies 3000 pi / 180
//! and pi, and they lie up to 45 m apart. This is the first: the one that most libraries
//! have. The second is a slip of one of them.
//!
//! **Where the shift applies.** Inside the box of longitude 72.004 to 137.8347 and
//! latitude 0.8293 to 55.8271, borders included, judged by the WGS-84 position; outside
//! it all datums are the same numbers. China lies at least 100 km within. At the border
//! the map is not one-to-one: a strip about 1 km wide (2 km for BD-09) is hit twice or not
//! at all. There the way back prefers the answer inside the box: it is the input itself
//! only where the input lies outside the box and no point inside would have been moved
//! onto it.

use super::point::PositionError;
use serde::{Deserialize, Serialize};
use std::{f64::consts::PI, fmt, str::FromStr};
use utoipa::ToSchema;

/// The reference system that a pair of coordinates belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Datum {
    /// What satellite receivers give.
    #[serde(rename = "WGS-84")]
    Wgs84,
    /// What Chinese map services give (except Baidu).
    #[serde(rename = "GCJ-02")]
    Gcj02,
    /// What Baidu's map services give.
    #[serde(rename = "BD-09")]
    Bd09,
    /// The national surveying system.
    #[serde(rename = "CGCS2000")]
    Cgcs2000,
}

impl Datum {
    /// All datums, in the order in which messages name them.
    pub const ALL: [Self; 4] = [Self::Wgs84, Self::Gcj02, Self::Bd09, Self::Cgcs2000];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wgs84 => "WGS-84",
            Self::Gcj02 => "GCJ-02",
            Self::Bd09 => "BD-09",
            Self::Cgcs2000 => "CGCS2000",
        }
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Datum {
    type Err = PositionError;

    /// Reads the exact name on the wire; anything else is
    /// [`PositionError::DatumUnknown`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|datum| datum.name() == text)
            .ok_or_else(|| PositionError::unknown_datum(text))
    }
}

/// Longitude and latitude in degrees, finite and in range; no datum yet.
pub(super) fn checked(lon: f64, lat: f64) -> Result<(f64, f64), PositionError> {
    if !lon.is_finite() || !lat.is_finite() {
        return Err(PositionError::NotFinite { lon, lat });
    }
    if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) {
        return Ok((lon, lat));
    }
    if in_shifted_area(lat, lon) {
        return Err(PositionError::Swapped { lon, lat });
    }
    Err(PositionError::OutOfRange { lon, lat })
}

/// Whether GCJ-02 and BD-09 differ from WGS-84 at this WGS-84 position (degrees; the
/// border counts as inside).
#[must_use]
pub fn in_shifted_area(lon: f64, lat: f64) -> bool {
    (72.004..=137.8347).contains(&lon) && (0.8293..=55.8271).contains(&lat)
}

macro_rules! point {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq)]
        pub struct $name {
            lon: f64,
            lat: f64,
        }

        impl $name {
            /// A point from longitude (-180 to 180) and latitude (-90 to 90) in degrees.
            ///
            /// # Errors
            /// Not finite, out of range, or out of range and evidently swapped.
            pub fn new(lon: f64, lat: f64) -> Result<Self, PositionError> {
                checked(lon, lat).map(|(lon, lat)| Self { lon, lat })
            }

            /// Longitude in degrees, east positive.
            #[must_use]
            pub const fn lon(self) -> f64 {
                self.lon
            }

            /// Latitude in degrees, north positive.
            #[must_use]
            pub const fn lat(self) -> f64 {
                self.lat
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, {})"), self.lon, self.lat)
            }
        }
    };
}

point! {
    /// A point in WGS-84: the only datum inside the program.
    ///
    /// On the wire it is written like [`super::TypedPosition`] with `"datum": "WGS-84"`,
    /// and read only so: a record that both ends fold must not depend on a conversion.
    Wgs84
}
point! {
    /// A point in GCJ-02.
    Gcj02
}
point! {
    /// A point in BD-09.
    Bd09
}
point! {
    /// A point in CGCS2000. The two frames differ from each other by centimetres, less
    /// than any receiver on a handheld can tell, so the numbers are taken over unchanged.
    Cgcs2000
}

impl From<Wgs84> for Gcj02 {
    fn from(p: Wgs84) -> Self {
        let (lon, lat) = there(p.lon, p.lat, wgs_to_gcj);
        Self { lon, lat }
    }
}

impl From<Gcj02> for Wgs84 {
    fn from(p: Gcj02) -> Self {
        let (lon, lat) = back(p.lon, p.lat, wgs_to_gcj);
        Self { lon, lat }
    }
}

impl From<Wgs84> for Bd09 {
    fn from(p: Wgs84) -> Self {
        let (lon, lat) = there(p.lon, p.lat, wgs_to_bd);
        Self { lon, lat }
    }
}

impl From<Bd09> for Wgs84 {
    fn from(p: Bd09) -> Self {
        let (lon, lat) = back(p.lon, p.lat, wgs_to_bd);
        Self { lon, lat }
    }
}

impl From<Wgs84> for Cgcs2000 {
    fn from(p: Wgs84) -> Self {
        Self {
            lon: p.lon,
            lat: p.lat,
        }
    }
}

impl From<Cgcs2000> for Wgs84 {
    fn from(p: Cgcs2000) -> Self {
        Self {
            lon: p.lon,
            lat: p.lat,
        }
    }
}

type Shift = fn(f64, f64) -> (f64, f64);

fn there(lon: f64, lat: f64, shift: Shift) -> (f64, f64) {
    if in_shifted_area(lon, lat) {
        shift(lon, lat)
    } else {
        (lon, lat)
    }
}

fn back(lon: f64, lat: f64, shift: Shift) -> (f64, f64) {
    // Far from the box nothing can have been moved here, and the series means nothing.
    let near = (71.0..=139.0).contains(&lon) && (0.0..=57.0).contains(&lat);
    if !near {
        return (lon, lat);
    }
    let (mut at_lon, mut at_lat) = (lon, lat);
    // The shift changes by less than 1 % of the way moved, so that each round wins two
    // digits or more; the last rounds only make sure of it.
    for _ in 0..12 {
        let (got_lon, got_lat) = shift(at_lon, at_lat);
        let (miss_lon, miss_lat) = (lon - got_lon, lat - got_lat);
        at_lon += miss_lon;
        at_lat += miss_lat;
        if miss_lon.abs() < 1e-13 && miss_lat.abs() < 1e-13 {
            break;
        }
    }
    // A point on the border itself must not fall out by a rounding: 1e-9 degrees, 0.1 mm.
    let (inner_lon, inner_lat) = (
        at_lon + 1e-9 * (105.0 - at_lon).signum(),
        at_lat + 1e-9 * (35.0 - at_lat).signum(),
    );
    if in_shifted_area(inner_lon, inner_lat) || in_shifted_area(lon, lat) {
        (at_lon, at_lat)
    } else {
        (lon, lat)
    }
}

fn wgs_to_gcj(lon: f64, lat: f64) -> (f64, f64) {
    const A: f64 = 6_378_245.0;
    const EE: f64 = 0.006_693_421_622_965_943;
    let (x, y) = (lon - 105.0, lat - 35.0);
    let wave = (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0;
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + wave
        + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + wave
        + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let phi = lat.to_radians();
    let magic = 1.0 - EE * phi.sin() * phi.sin();
    let d_lat = north * 180.0 / ((A * (1.0 - EE)) / (magic * magic.sqrt()) * PI);
    let d_lon = east * 180.0 / (A / magic.sqrt() * phi.cos() * PI);
    (lon + d_lon, lat + d_lat)
}

fn wgs_to_bd(lon: f64, lat: f64) -> (f64, f64) {
    let (x, y) = wgs_to_gcj(lon, lat);
    gcj_to_bd(x, y)
}

pub(super) fn gcj_to_bd(x: f64, y: f64) -> (f64, f64) {
    const X_PI: f64 = PI * 3000.0 / 180.0;
    let z = x.hypot(y) + 0.000_02 * (y * X_PI).sin();
    let theta = y.atan2(x) + 0.000_003 * (x * X_PI).cos();
    (z * theta.cos() + 0.0065, z * theta.sin() + 0.006)
}
