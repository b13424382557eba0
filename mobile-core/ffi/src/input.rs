//! What a host gives: checked here, before the engine sees it.

use crate::error::HandheldError;
use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::{
    digest::Digest,
    position,
    record::{Fix, Value},
    time::{Millis, UnixMillis},
    workflow::FieldCode,
};
use std::{collections::HashMap, str::FromStr};

/// The least sure place that is taken, metres.
const MAX_ACCURACY_M: f64 = 100_000.0;
/// The fastest that a receiver is believed to mean, metres a second.
const MAX_SPEED_M_S: f64 = 1_000.0;

/// What the two numbers of a position refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Datum {
    /// What satellite receivers give: Android's and Apple's own location services.
    Wgs84,
    /// What Chinese map services give (except Baidu).
    Gcj02,
    /// What Baidu's map services give.
    Bd09,
    /// The national surveying system.
    Cgcs2000,
}

/// Where something was done, as the device's location service gave it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Place {
    /// Longitude in degrees, east positive.
    pub lon: f64,
    /// Latitude in degrees, north positive.
    pub lat: f64,
    /// What the two refer to.
    pub datum: Datum,
    /// Radius of the 68 % circle in metres.
    pub accuracy_m: f64,
    /// How old the fix is, milliseconds.
    pub age_ms: i64,
    /// The system says that a mock provider gave it.
    pub mock: bool,
    /// The satellites' time of the fix, if the service gives it.
    pub gnss_unix_ms: Option<i64>,
    /// The speed by the receiver in metres a second, if the service gives it.
    #[uniffi(default = None)]
    pub speed_m_s: Option<f64>,
}

/// What a field is filled with.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FieldValue {
    /// Yes or no.
    Flag {
        /// Which.
        value: bool,
    },
    /// A whole number.
    Whole {
        /// Which.
        value: i64,
    },
    /// Text, the code of a choice, or a decimal number such as `219.5`.
    Text {
        /// Which.
        value: String,
    },
}

/// A step to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StepInput {
    /// Which step of the workflow.
    pub step: String,
    /// What was filled in, by field.
    pub values: HashMap<String, FieldValue>,
    /// The pictures.
    pub pictures: Vec<PictureInput>,
}

/// A picture for a slot of a step.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PictureInput {
    /// The slot that it fills.
    pub slot: String,
    /// Where it lies. It is copied before the call returns; the file may go then.
    pub path: String,
}

/// What a sync may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SyncBudget {
    /// Most seconds; none for no limit.
    pub seconds: Option<u32>,
    /// Most bytes both ways together, headers not counted; none for no limit.
    pub bytes: Option<u64>,
    /// The link costs by the byte: records and previews go, originals wait.
    pub metered: bool,
    /// The device saves its battery: records and previews go, originals and diagnostics
    /// wait.
    pub battery_saver: bool,
}

impl From<SyncBudget> for core::Budget {
    fn from(budget: SyncBudget) -> Self {
        let SyncBudget {
            seconds,
            bytes,
            metered,
            battery_saver,
        } = budget;
        Self {
            seconds,
            bytes,
            metered,
            battery_saver,
        }
    }
}

impl From<Datum> for position::Datum {
    fn from(datum: Datum) -> Self {
        match datum {
            Datum::Wgs84 => Self::Wgs84,
            Datum::Gcj02 => Self::Gcj02,
            Datum::Bd09 => Self::Bd09,
            Datum::Cgcs2000 => Self::Cgcs2000,
        }
    }
}

impl From<position::Datum> for Datum {
    fn from(datum: position::Datum) -> Self {
        match datum {
            position::Datum::Wgs84 => Self::Wgs84,
            position::Datum::Gcj02 => Self::Gcj02,
            position::Datum::Bd09 => Self::Bd09,
            position::Datum::Cgcs2000 => Self::Cgcs2000,
        }
    }
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Flag { value } => Self::Flag(value),
            FieldValue::Whole { value } => Self::Whole(value),
            FieldValue::Text { value } => Self::Text(value),
        }
    }
}

impl From<Value> for FieldValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(value) => Self::Flag { value },
            Value::Whole(value) => Self::Whole { value },
            Value::Text(value) => Self::Text { value },
        }
    }
}

impl From<StepInput> for core::StepInput {
    fn from(input: StepInput) -> Self {
        let values = input.values.into_iter();
        let pictures = input.pictures.into_iter();
        Self {
            step: input.step,
            values: values
                .map(|(field, value)| (FieldCode(field), value.into()))
                .collect(),
            photos: pictures
                .map(|picture| core::PhotoInput {
                    slot: picture.slot,
                    path: picture.path.into(),
                })
                .collect(),
        }
    }
}

/// A place, checked.
pub(crate) fn place(place: Option<Place>) -> Result<Option<core::Place>, HandheldError> {
    let Some(place) = place else { return Ok(None) };
    let position = position::TypedPosition::new(place.lon, place.lat, place.datum.into())
        .map_err(|error| HandheldError::invalid(error.to_string()))?;
    if !(0.0..=MAX_ACCURACY_M).contains(&place.accuracy_m) {
        return Err(HandheldError::invalid(format!(
            "an accuracy of {} m: 0 to {MAX_ACCURACY_M} are taken",
            place.accuracy_m
        )));
    }
    if place.age_ms < 0 {
        return Err(HandheldError::invalid(format!(
            "a fix {} ms old: it cannot be of the future",
            place.age_ms
        )));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be between 0 and 100 km"
    )]
    let accuracy_dm = (place.accuracy_m * 10.0).round() as u32;
    let speed_dm_s = match place.speed_m_s {
        None => None,
        Some(speed) if (0.0..=MAX_SPEED_M_S).contains(&speed) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be between 0 and 1000 m/s"
            )]
            let speed = (speed * 10.0).round() as u32;
            Some(speed)
        }
        Some(speed) => {
            return Err(HandheldError::invalid(format!(
                "a speed of {speed} m/s: 0 to {MAX_SPEED_M_S} are taken"
            )));
        }
    };
    Ok(Some(core::Place {
        fix: Fix {
            position,
            accuracy_dm,
            age: Millis(place.age_ms),
            mock: place.mock,
        },
        gnss_time: place.gnss_unix_ms.map(UnixMillis),
        speed_dm_s,
    }))
}

/// An id, checked; `what` it is of goes into the message.
pub(crate) fn id<T: FromStr>(what: &str, text: &str) -> Result<T, HandheldError> {
    text.parse()
        .map_err(|_| HandheldError::invalid(format!("{text:?} is no id of {what}")))
}

/// The name of a photo, checked.
pub(crate) fn photo(text: &str) -> Result<Digest, HandheldError> {
    text.parse()
        .map_err(|_| HandheldError::invalid(format!("{text:?} is no name of a photo")))
}
