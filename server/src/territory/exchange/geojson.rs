//! A whole territory as one feature collection (RFC 7946) that says its datum.

use super::{
    layers::{Layers, Note, Place},
    table::{Field, Table},
};
use crate::territory::{export, import::Layer, problem::Problem};
use geojson::JsonValue;
use gridcrew_sync_protocol::position::Datum;
use serde_json::{Map, Value, json};

const WANTED: &str = "one FeatureCollection whose features say in the property `kind` \
                      whether they are a boundary, a cell or a station_area";

/// Reads a collection: the property `kind` says to which layer a feature belongs.
pub(super) fn read(bytes: &[u8]) -> Result<Layers, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| Problem::Encoding {
        what: "the GeoJSON".to_owned(),
        encoding: "UTF-8".to_owned(),
        gbk: super::text::as_gbk(
            &bytes[error.valid_up_to()..bytes.len().min(error.valid_up_to() + 40)],
        ),
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let Layer { features, datum } = Layer::from_geojson(text, WANTED)?;
    let mut layers = Layers::default();
    let mut others = 0;
    for feature in features {
        let slot = match feature.property("kind").and_then(JsonValue::as_str) {
            Some("boundary") => &mut layers.boundary,
            Some("cell") => &mut layers.cells,
            Some("station_area") => &mut layers.station_areas,
            _ => {
                others += 1;
                continue;
            }
        };
        let layer = slot.get_or_insert_with(|| Layer {
            features: Vec::new(),
            datum,
        });
        layer.features.push(feature);
    }
    if others > 0 {
        layers.notes.push(Note::Ignored {
            what: format!(
                "what {others} features hold, whose property `kind` says something else,"
            ),
        });
    }
    Ok(layers)
}

/// Writes a collection: a station area names its cell, as in the other formats.
pub(super) fn write(tables: &[Table], datum: Datum) -> Vec<u8> {
    let mut features = Vec::new();
    for table in tables {
        for row in &table.rows {
            let mut properties = Map::new();
            properties.insert("kind".to_owned(), table.kind.into());
            for (column, field) in table.columns.iter().zip(&row.fields) {
                let value = match field {
                    Field::Text(text) => Value::from(text.as_str()),
                    Field::Whole(number) => Value::from(*number),
                    Field::Nothing => Value::Null,
                };
                properties.insert((*column).to_owned(), value);
            }
            features.push(export::feature(geometry(&row.place), properties.into()));
        }
    }
    export::collection(features, datum).to_string().into_bytes()
}

fn geometry(place: &Place) -> Value {
    match place {
        Place::Point(at) => json!({ "type": "Point", "coordinates": at }),
        Place::Polygons(polygons) => match &polygons[..] {
            [only] => json!({ "type": "Polygon", "coordinates": only }),
            all => json!({ "type": "MultiPolygon", "coordinates": all }),
        },
    }
}
