//! The checked wire form of a position: `{"lon": .., "lat": .., "datum": ".."}`.

use super::datum::{Bd09, Cgcs2000, Datum, Gcj02, Wgs84, checked};
use crate::code::Code;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// Why a position was refused. [`Self::code`] is stable; the text says with which value
/// and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PositionError {
    /// Nothing says what the numbers mean.
    #[error(
        "the position has no datum; add \"datum\": one of WGS-84, GCJ-02, BD-09, CGCS2000 \
         (a receiver gives WGS-84, Chinese map services GCJ-02, Baidu BD-09)"
    )]
    DatumMissing,
    /// A datum that is not one of the four.
    #[error("the datum {given:?} is not known; use one of WGS-84, GCJ-02, BD-09, CGCS2000")]
    DatumUnknown {
        /// What was given, cut to 40 characters.
        given: String,
    },
    /// A datum other than WGS-84 where only WGS-84 may stand.
    #[error("here only WGS-84 may stand, not {datum}; convert the position first")]
    DatumNotWgs84 {
        /// What was given.
        datum: Datum,
    },
    /// Longitude or latitude is missing.
    #[error("the position has no {field}; give lon and lat in degrees")]
    CoordinateMissing {
        /// `lon` or `lat`.
        field: &'static str,
    },
    /// Not a number, or infinite.
    #[error("lon {lon}, lat {lat} is not a place; give finite degrees")]
    NotFinite {
        /// The longitude given.
        lon: f64,
        /// The latitude given.
        lat: f64,
    },
    /// Beyond the globe.
    #[error("lon {lon}, lat {lat} is out of range; lon is -180 to 180, lat is -90 to 90 degrees")]
    OutOfRange {
        /// The longitude given.
        lon: f64,
        /// The latitude given.
        lat: f64,
    },
    /// Out of range, and a place in China when read the other way round.
    #[error(
        "lon {lon}, lat {lat} is out of range, and in China when swapped; \
         give the longitude as lon and the latitude as lat"
    )]
    Swapped {
        /// The longitude given.
        lon: f64,
        /// The latitude given.
        lat: f64,
    },
}

impl PositionError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::DatumMissing => Code::PositionDatumMissing,
            Self::DatumUnknown { .. } => Code::PositionDatumUnknown,
            Self::DatumNotWgs84 { .. } => Code::PositionDatumNotWgs84,
            Self::CoordinateMissing { .. }
            | Self::NotFinite { .. }
            | Self::OutOfRange { .. }
            | Self::Swapped { .. } => Code::PositionOutOfRange,
        }
    }

    /// Code and text in one, as the readers of wire formats report it.
    fn coded(&self) -> String {
        format!("{}: {self}", self.code().as_str())
    }

    pub(super) fn unknown_datum(given: &str) -> Self {
        Self::DatumUnknown {
            given: given.chars().take(40).collect(),
        }
    }
}

/// A position as it was sent, before any check: the type to read a request into when the
/// answer must carry the exact code; [`Self::check`] does the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PositionInput {
    /// Longitude in degrees.
    #[serde(default)]
    pub lon: Option<f64>,
    /// Latitude in degrees.
    #[serde(default)]
    pub lat: Option<f64>,
    /// The datum's name.
    #[serde(default)]
    pub datum: Option<String>,
}

impl PositionInput {
    /// The position, checked.
    ///
    /// # Errors
    /// Any [`PositionError`] but [`PositionError::DatumNotWgs84`]; the datum is looked at
    /// first.
    pub fn check(&self) -> Result<TypedPosition, PositionError> {
        let datum = self
            .datum
            .as_deref()
            .ok_or(PositionError::DatumMissing)?
            .parse()?;
        let lon = self
            .lon
            .ok_or(PositionError::CoordinateMissing { field: "lon" })?;
        let lat = self
            .lat
            .ok_or(PositionError::CoordinateMissing { field: "lat" })?;
        TypedPosition::new(lon, lat, datum)
    }
}

/// A position with its datum: the only form in which a position crosses an edge.
///
/// Reading one checks it; the error's text then begins with the stable code.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "PositionInput")]
pub struct TypedPosition {
    /// Longitude in degrees, -180 to 180, east positive.
    #[schema(minimum = -180, maximum = 180)]
    lon: f64,
    /// Latitude in degrees, -90 to 90, north positive.
    #[schema(minimum = -90, maximum = 90)]
    lat: f64,
    /// What the two numbers refer to. Required.
    datum: Datum,
}

impl TypedPosition {
    /// A position from degrees and their datum.
    ///
    /// # Errors
    /// Not finite, out of range, or evidently swapped.
    pub fn new(lon: f64, lat: f64, datum: Datum) -> Result<Self, PositionError> {
        checked(lon, lat).map(|(lon, lat)| Self { lon, lat, datum })
    }

    /// The same place written in another datum.
    #[must_use]
    pub fn from_wgs84(point: Wgs84, datum: Datum) -> Self {
        let (lon, lat) = match datum {
            Datum::Wgs84 => (point.lon(), point.lat()),
            Datum::Gcj02 => {
                let p = Gcj02::from(point);
                (p.lon(), p.lat())
            }
            Datum::Bd09 => {
                let p = Bd09::from(point);
                (p.lon(), p.lat())
            }
            Datum::Cgcs2000 => {
                let p = Cgcs2000::from(point);
                (p.lon(), p.lat())
            }
        };
        Self { lon, lat, datum }
    }

    /// The place in WGS-84.
    #[must_use]
    pub fn to_wgs84(self) -> Wgs84 {
        // `new` has checked the range for whichever datum, so only the type is missing.
        let converted = match self.datum {
            Datum::Wgs84 => Wgs84::new(self.lon, self.lat),
            Datum::Gcj02 => Gcj02::new(self.lon, self.lat).map(Wgs84::from),
            Datum::Bd09 => Bd09::new(self.lon, self.lat).map(Wgs84::from),
            Datum::Cgcs2000 => Cgcs2000::new(self.lon, self.lat).map(Wgs84::from),
        };
        #[expect(
            clippy::expect_used,
            reason = "the constructor accepted the same numbers"
        )]
        converted.expect("a typed position holds finite degrees in range")
    }

    /// Longitude in degrees, in [`Self::datum`].
    #[must_use]
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// Latitude in degrees, in [`Self::datum`].
    #[must_use]
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// What the numbers refer to.
    #[must_use]
    pub const fn datum(self) -> Datum {
        self.datum
    }
}

impl TryFrom<PositionInput> for TypedPosition {
    type Error = String;

    fn try_from(input: PositionInput) -> Result<Self, Self::Error> {
        input.check().map_err(|error| error.coded())
    }
}

impl Serialize for Wgs84 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TypedPosition::from_wgs84(*self, Datum::Wgs84).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Wgs84 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let position = TypedPosition::deserialize(deserializer)?;
        match position.datum {
            Datum::Wgs84 => Ok(position.to_wgs84()),
            datum => Err(serde::de::Error::custom(
                PositionError::DatumNotWgs84 { datum }.coded(),
            )),
        }
    }
}

impl utoipa::PartialSchema for Wgs84 {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        TypedPosition::schema()
    }
}

impl ToSchema for Wgs84 {
    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        TypedPosition::schemas(schemas);
    }
}
