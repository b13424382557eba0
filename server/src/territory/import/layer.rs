//! The features of one kind, whatever file they came in.

use super::{MAX_FEATURES, Problem};
use geojson::{Feature, GeoJson, JsonObject, JsonValue};
use gridcrew_sync_protocol::position::{Datum, PositionError};

/// Features of one kind, and what their file says of its datum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// The features, coordinates as they stand in the file.
    pub features: Vec<Feature>,
    /// The datum that the file states, if it states one.
    pub datum: Option<Datum>,
}

impl Layer {
    /// Reads GeoJSON; a member `datum` states the datum.
    ///
    /// # Errors
    /// `territory.malformed` when it is no GeoJSON, `position.datum_unknown` when its datum
    /// is not known.
    pub fn from_geojson(text: &str, wanted: &'static str) -> Result<Self, Problem> {
        let json: GeoJson = text.parse().map_err(|error: geojson::Error| {
            let why = error.to_string().chars().take(200).collect();
            Problem::NotGeoJson { why, wanted }
        })?;
        let (members, features) = match json {
            GeoJson::FeatureCollection(all) => (all.foreign_members, all.features),
            GeoJson::Feature(one) => (one.foreign_members.clone(), vec![one]),
            GeoJson::Geometry(geometry) => (
                geometry.foreign_members.clone(),
                vec![Feature::from(geometry)],
            ),
        };
        let datum = datum_member(members.as_ref())?;
        Ok(Self { features, datum })
    }

    /// The datum of the coordinates, once their number is seen to be bearable.
    ///
    /// # Errors
    /// No datum, two that differ, too many features or none.
    pub(super) fn settle(
        &self,
        stated: Option<&str>,
        wanted: &'static str,
    ) -> Result<Datum, Problem> {
        let stated: Option<Datum> = stated.map(str::parse).transpose().map_err(Problem::Datum)?;
        let datum = match (stated, self.datum) {
            (Some(stated), Some(in_file)) if stated != in_file => {
                return Err(Problem::DatumConflict { stated, in_file });
            }
            (Some(datum), _) | (None, Some(datum)) => datum,
            (None, None) => return Err(Problem::Datum(PositionError::DatumMissing)),
        };
        if self.features.len() > MAX_FEATURES {
            return Err(Problem::TooLarge {
                place: "the file".to_owned(),
                what: "features",
                count: self.features.len(),
                limit: MAX_FEATURES,
            });
        }
        if self.features.is_empty() {
            return Err(Problem::NotGeoJson {
                why: "it has no features".to_owned(),
                wanted,
            });
        }
        Ok(datum)
    }
}

fn datum_member(members: Option<&JsonObject>) -> Result<Option<Datum>, Problem> {
    match members.and_then(|members| members.get("datum")) {
        None => Ok(None),
        Some(JsonValue::String(text)) => text.parse().map(Some).map_err(Problem::Datum),
        Some(other) => {
            let given = other.to_string().chars().take(40).collect();
            Err(Problem::Datum(PositionError::DatumUnknown { given }))
        }
    }
}
