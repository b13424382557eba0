//! Single shapes in: barriers (rivers, expressways, anything that is hard to cross), the
//! outline of one cell, a line that cuts cells.

use super::{
    Imported, Layer, MAX_BOUNDARY_POINTS, MAX_OUTLINE_POINTS, Problem, Problems, Properties, Reader,
};
use crate::territory::{
    problem::FeatureName,
    shape::Shape,
    split::{Barrier, Crossing},
};
use geojson::{Feature, GeometryValue};
use gridcrew_sync_protocol::position::Wgs84;

/// Reads barriers: a FeatureCollection of LineStrings or MultiLineStrings with the property
/// `crossing`: `costly` or `forbidden`.
///
/// # Errors
/// Everything found wrong with them.
pub fn barriers(text: &str, datum: Option<&str>) -> Result<Imported<Vec<Barrier>>, Problems> {
    const WANTED: &str = "a FeatureCollection of LineStrings";
    let layer = Layer::from_geojson(text, WANTED)?;
    let mut reader = Reader::new(layer.settle(datum, WANTED)?);
    let mut found = Vec::new();
    let mut points = 0;
    for (number, feature) in layer.features.iter().enumerate() {
        let name = FeatureName {
            number: number + 1,
            code: None,
        };
        let crossing = Properties::of(feature, &name).crossing();
        let lines = match feature.geometry.as_ref().map(|geometry| &geometry.value) {
            Some(GeometryValue::LineString { coordinates }) => vec![coordinates],
            Some(GeometryValue::MultiLineString { coordinates }) => coordinates.iter().collect(),
            other => {
                reader.problems.push(Problem::WrongGeometry {
                    feature: name,
                    found: other.map_or("feature without geometry", |value| value.type_name()),
                    wanted: "LineString or MultiLineString",
                });
                continue;
            }
        };
        points += lines.iter().map(|line| line.len()).sum::<usize>();
        if points > MAX_BOUNDARY_POINTS {
            reader.problems.push(Problem::TooLarge {
                place: "the barriers up to ".to_owned() + &name.to_string(),
                what: "points",
                count: points,
                limit: MAX_BOUNDARY_POINTS,
            });
            break;
        }
        let crossing = reader.keep(crossing);
        for line in lines {
            let line = line.iter().map(|at| reader.position(at, &name));
            if let (Some(line), Some(crossing)) = (line.collect(), crossing) {
                found.push(Barrier { line, crossing });
            }
        }
        if reader.problems.len() >= Problems::NAMED {
            break;
        }
    }
    reader.done(Some(found))
}

/// Reads the outline of one cell: a Polygon or MultiPolygon, alone, as a Feature, or as the one
/// feature of a FeatureCollection.
///
/// # Errors
/// Everything found wrong with it.
pub fn outline(text: &str, datum: Option<&str>) -> Result<Imported<Shape>, Problems> {
    let (mut reader, feature, name) = one(text, datum, "one Polygon or MultiPolygon")?;
    let shape = reader.outline(feature.geometry.as_ref(), &name, MAX_OUTLINE_POINTS);
    reader.done(shape)
}

/// Reads one line: a LineString, alone, as a Feature, or as the one feature of a
/// FeatureCollection.
///
/// # Errors
/// Everything found wrong with it.
pub fn line(text: &str, datum: Option<&str>) -> Result<Imported<Vec<Wgs84>>, Problems> {
    let (mut reader, feature, name) = one(text, datum, "one LineString")?;
    let coordinates = match feature.geometry.as_ref().map(|geometry| &geometry.value) {
        Some(GeometryValue::LineString { coordinates }) => coordinates,
        other => {
            return Err(Problem::WrongGeometry {
                feature: name,
                found: other.map_or("feature without geometry", |value| value.type_name()),
                wanted: "LineString",
            }
            .into());
        }
    };
    if coordinates.len() > MAX_OUTLINE_POINTS {
        return Err(Problem::TooLarge {
            place: "the line".to_owned(),
            what: "points",
            count: coordinates.len(),
            limit: MAX_OUTLINE_POINTS,
        }
        .into());
    }
    let points = coordinates
        .iter()
        .map(|at| reader.position(at, &name))
        .collect();
    reader.done(points)
}

/// The one feature of a file.
fn one(
    text: &str,
    datum: Option<&str>,
    wanted: &'static str,
) -> Result<(Reader, Feature, FeatureName), Problems> {
    let mut layer = Layer::from_geojson(text, wanted)?;
    let datum = layer.settle(datum, wanted)?;
    let count = layer.features.len();
    match layer.features.pop() {
        Some(feature) if count == 1 => {
            let name = FeatureName {
                number: 1,
                code: None,
            };
            Ok((Reader::new(datum), feature, name))
        }
        _ => {
            let why = format!("it has {count} features");
            Err(Problem::NotGeoJson { why, wanted }.into())
        }
    }
}

impl Properties<'_> {
    fn crossing(&self) -> Result<Crossing, Problem> {
        match self.text("crossing", 20)?.as_str() {
            "costly" => Ok(Crossing::Costly),
            "forbidden" => Ok(Crossing::Forbidden),
            other => {
                let why = format!("is {other:?}; give costly or forbidden");
                Err(self.problem("crossing", why))
            }
        }
    }
}
