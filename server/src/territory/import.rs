//! Features in, with a datum that someone states.
//!
//! Three layers make a territory: its boundary, its station areas, its cells. Whatever file
//! they come in, it is read into features first ([`Layer`]: from GeoJSON here, from other
//! formats in [`exchange`](super::exchange)). Each function here takes one layer: limits
//! first, then the datum (stated with the request or by the file itself; both must agree,
//! none is refused), then every feature, converted to WGS-84 and checked by itself. What
//! belongs together is checked in [`draft`](super::draft).

mod barriers;
mod layer;
mod properties;

pub use barriers::{barriers, line, outline};
pub use layer::Layer;

use super::{
    grid::snapped,
    problem::{FeatureName, Problem, Problems},
    repair::{Repair, without_repeats},
    shape::{Ring, Shape},
};
use geojson::{Feature, Geometry, GeometryValue, Position};
use gridcrew_sync_protocol::{
    position::{Datum, PositionError, TypedPosition, Wgs84, in_shifted_area},
    workflow::AreaClass,
};
use properties::Properties;
use std::collections::HashSet;

/// At most so many features in a file.
pub const MAX_FEATURES: usize = 20_000;
/// At most so many rings in one outline.
pub const MAX_RINGS: usize = 50;
/// At most so many points in a boundary, or in a cell, which splits and merges make of many.
pub const MAX_BOUNDARY_POINTS: usize = 50_000;
/// At most so many points in an outline that somebody draws: of a station area, a barrier, an
/// edit.
pub const MAX_OUTLINE_POINTS: usize = 5_000;
/// At most so many characters in a code.
pub const MAX_CODE: usize = 64;
/// At most so many characters in a name.
pub const MAX_NAME: usize = 200;

/// What is wanted as a boundary.
const BOUNDARY: &str = "one Polygon or MultiPolygon";
/// What is wanted as station areas.
const STATION_AREAS: &str = "a FeatureCollection of Points or Polygons";
/// What is wanted as cells.
const CELLS: &str = "a FeatureCollection of Polygons";

/// What was read, and what was mended on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported<T> {
    /// What was read, in WGS-84.
    pub value: T,
    /// The datum that it came in.
    pub datum: Datum,
    /// What was mended.
    pub repairs: Vec<Repair>,
}

/// A station area as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct StationAreaDraft {
    /// Its code, unique in the file.
    pub code: String,
    /// Its name.
    pub name: String,
    /// How many customers it supplies.
    pub customers: u32,
    /// The code of its feeder; absent when it was said that it is not known.
    pub feeder: Option<String>,
    /// Urban, rural or remote.
    pub area_class: AreaClass,
    /// Where it is: the point given, or a point inside the outline given.
    pub at: Wgs84,
    /// Its outline, if it was given one.
    pub outline: Option<Shape>,
}

/// A cell as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct CellDraft {
    /// Its code, unique in the file.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The codes of its station areas, in the order given.
    pub station_areas: Vec<String>,
    /// Its outline.
    pub shape: Shape,
}

/// Reads a boundary: a Polygon or MultiPolygon, alone, as a Feature, or as the one feature
/// of a FeatureCollection.
///
/// # Errors
/// Everything found wrong with it.
pub fn boundary(text: &str, datum: Option<&str>) -> Result<Imported<Shape>, Problems> {
    boundary_of(&Layer::from_geojson(text, BOUNDARY)?, datum)
}

/// The same of a layer.
///
/// # Errors
/// Everything found wrong with it.
pub fn boundary_of(layer: &Layer, datum: Option<&str>) -> Result<Imported<Shape>, Problems> {
    let datum = layer.settle(datum, BOUNDARY)?;
    let [feature] = &layer.features[..] else {
        let why = format!("it has {} features", layer.features.len());
        return Err(Problem::NotGeoJson {
            why,
            wanted: BOUNDARY,
        }
        .into());
    };
    let mut reader = Reader::new(datum);
    let name = FeatureName {
        number: 1,
        code: None,
    };
    let shape = reader.outline(feature.geometry.as_ref(), &name, MAX_BOUNDARY_POINTS);
    reader.done(shape)
}

/// Reads station areas: a FeatureCollection of Points, Polygons or MultiPolygons with the
/// properties `code`, `name`, `customers` (a whole number), `feeder` (its code) and
/// `area_class` (`"01"` urban, `"02"` rural, `"03"` remote).
///
/// # Errors
/// Everything found wrong with them.
pub fn station_areas(
    text: &str,
    datum: Option<&str>,
) -> Result<Imported<Vec<StationAreaDraft>>, Problems> {
    station_areas_of(&Layer::from_geojson(text, STATION_AREAS)?, datum)
}

/// The same of a layer.
///
/// # Errors
/// Everything found wrong with them.
pub fn station_areas_of(
    layer: &Layer,
    datum: Option<&str>,
) -> Result<Imported<Vec<StationAreaDraft>>, Problems> {
    let mut reader = Reader::new(layer.settle(datum, STATION_AREAS)?);
    let areas = reader.each("station area", &layer.features, |reader, feature, name| {
        let properties = Properties::of(feature, name);
        let customers = reader.keep(properties.count("customers"));
        let feeder = reader.keep(properties.text_or_null("feeder", MAX_CODE));
        let area_class = reader.keep(properties.area_class());
        let title = reader.keep(properties.text("name", MAX_NAME));
        let (at, outline) = match feature.geometry.as_ref().map(|g| &g.value) {
            Some(GeometryValue::Point { coordinates }) => {
                (reader.position(coordinates, name)?, None)
            }
            _ => {
                let geometry = feature.geometry.as_ref();
                let shape = reader.outline(geometry, name, MAX_OUTLINE_POINTS)?;
                (snapped(shape.point_inside()), Some(shape))
            }
        };
        Some(StationAreaDraft {
            code: name.code.clone()?,
            name: title?,
            customers: customers?,
            feeder: feeder?,
            area_class: area_class?,
            at,
            outline,
        })
    });
    reader.done(Some(areas))
}

/// Reads cells: a FeatureCollection of Polygons or MultiPolygons with the properties
/// `code`, `name` and `station_areas` (a list of station area codes).
///
/// # Errors
/// Everything found wrong with them.
pub fn cells(text: &str, datum: Option<&str>) -> Result<Imported<Vec<CellDraft>>, Problems> {
    cells_of(&Layer::from_geojson(text, CELLS)?, datum)
}

/// The same of a layer.
///
/// # Errors
/// Everything found wrong with them.
pub fn cells_of(layer: &Layer, datum: Option<&str>) -> Result<Imported<Vec<CellDraft>>, Problems> {
    let mut reader = Reader::new(layer.settle(datum, CELLS)?);
    let cells = reader.each("cell", &layer.features, |reader, feature, name| {
        let properties = Properties::of(feature, name);
        let title = reader.keep(properties.text("name", MAX_NAME));
        let station_areas = reader.keep(properties.codes("station_areas"));
        let shape = reader.outline(feature.geometry.as_ref(), name, MAX_BOUNDARY_POINTS);
        Some(CellDraft {
            code: name.code.clone()?,
            name: title?,
            station_areas: station_areas?,
            shape: shape?,
        })
    });
    reader.done(Some(cells))
}

/// Goes through features and gathers what is wrong.
struct Reader {
    datum: Datum,
    problems: Vec<Problem>,
    repairs: Vec<Repair>,
}

impl Reader {
    fn new(datum: Datum) -> Self {
        Self {
            datum,
            problems: Vec::new(),
            repairs: Vec::new(),
        }
    }

    fn done<T>(self, value: Option<T>) -> Result<Imported<T>, Problems> {
        let Self {
            datum,
            problems,
            repairs,
        } = self;
        let value = Problems::or(problems, value)?;
        // A value is missing only after a problem.
        let wanted = "a file with at least one feature";
        let value = value.ok_or_else(|| Problem::NotGeoJson {
            why: "nothing was read".to_owned(),
            wanted,
        })?;
        Ok(Imported {
            value,
            datum,
            repairs,
        })
    }

    fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Reads features with unique codes until there are more problems than are named.
    fn each<T>(
        &mut self,
        what: &'static str,
        features: &[Feature],
        read: impl Fn(&mut Self, &Feature, &FeatureName) -> Option<T>,
    ) -> Vec<T> {
        let mut codes = HashSet::new();
        let mut values = Vec::with_capacity(features.len());
        for (number, feature) in features.iter().enumerate() {
            let mut name = FeatureName {
                number: number + 1,
                code: None,
            };
            name.code = self.keep(Properties::of(feature, &name).text("code", MAX_CODE));
            if let Some(code) = &name.code
                && !codes.insert(code.clone())
            {
                self.problems.push(Problem::CodeTwice {
                    what,
                    code: code.clone(),
                });
            }
            values.extend(read(self, feature, &name));
            if self.problems.len() >= Problems::NAMED {
                break;
            }
        }
        values
    }

    fn position(&mut self, position: &Position, feature: &FeatureName) -> Option<Wgs84> {
        let typed = match *position.as_slice() {
            [lon, lat, ..] => TypedPosition::new(lon, lat, self.datum),
            [] => Err(PositionError::CoordinateMissing { field: "lon" }),
            [_] => Err(PositionError::CoordinateMissing { field: "lat" }),
        };
        let named = |error| Problem::Position {
            feature: feature.clone(),
            error,
        };
        if let Ok(typed) = typed
            && looks_swapped(typed.lon(), typed.lat())
        {
            self.problems.push(Problem::LooksSwapped {
                feature: feature.clone(),
                lon: typed.lon(),
                lat: typed.lat(),
            });
            return None;
        }
        // On the grid, so that what is written out in another datum and read in again is the same.
        self.keep(typed.map(|typed| snapped(typed.to_wgs84())).map_err(named))
    }

    fn outline(
        &mut self,
        geometry: Option<&Geometry>,
        feature: &FeatureName,
        limit: usize,
    ) -> Option<Shape> {
        let one;
        let polygons = match geometry.map(|geometry| &geometry.value) {
            Some(GeometryValue::Polygon { coordinates }) => {
                one = [coordinates];
                one.to_vec()
            }
            Some(GeometryValue::MultiPolygon { coordinates }) => coordinates.iter().collect(),
            other => {
                let found = other.map_or("feature without geometry", |value| value.type_name());
                let wanted = "Polygon or MultiPolygon";
                let feature = feature.clone();
                self.problems.push(Problem::WrongGeometry {
                    feature,
                    found,
                    wanted,
                });
                return None;
            }
        };
        let rings: usize = polygons.iter().map(|rings| rings.len()).sum();
        let points: usize = polygons
            .iter()
            .flat_map(|rings| rings.iter())
            .map(Vec::len)
            .sum();
        for (what, count, limit) in [("rings", rings, MAX_RINGS), ("points", points, limit)] {
            if count > limit {
                let place = feature.to_string();
                self.problems.push(Problem::TooLarge {
                    place,
                    what,
                    count,
                    limit,
                });
                return None;
            }
        }
        let mut drawn: Vec<Vec<Ring>> = Vec::with_capacity(polygons.len());
        for rings in polygons {
            let mut polygon = Vec::with_capacity(rings.len());
            for ring in rings {
                let ring: Ring = ring
                    .iter()
                    .map(|p| self.position(p, feature))
                    .collect::<Option<_>>()?;
                polygon.push(without_repeats(ring, &mut self.repairs));
            }
            drawn.push(polygon);
        }
        let shape = Shape::new(drawn);
        self.keep(shape.map_err(|error| Problem::Outline {
            feature: feature.clone(),
            error,
        }))
    }
}

/// Whether longitude and latitude stand for each other: so far in the north there is only sea
/// and ice, and swapped it is in China. Farther east in China swapped ones are out of range.
#[must_use]
pub fn looks_swapped(lon: f64, lat: f64) -> bool {
    in_shifted_area(lat, lon)
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
