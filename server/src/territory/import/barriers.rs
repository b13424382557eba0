//! Barriers in: rivers, expressways, anything that is hard to cross.

use super::{Imported, Layer, MAX_BOUNDARY_POINTS, Problem, Problems, Properties, Reader};
use crate::territory::{
    problem::FeatureName,
    split::{Barrier, Crossing},
};
use geojson::GeometryValue;

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
