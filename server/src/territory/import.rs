//! GeoJSON in, with a datum that someone states.
//!
//! Three files make a territory: its boundary, its station areas, its cells. Each function
//! here reads one: limits first, then the datum (stated with the request or as a member
//! `datum` of the file; both must agree, none is refused), then every feature, converted to
//! WGS-84 and checked by itself. What belongs together is checked in
//! [`draft`](super::draft).

mod barriers;

pub use barriers::{barriers, line, outline};

use super::{
    problem::{FeatureName, Problem, Problems},
    repair::{Repair, without_repeats},
    shape::{Ring, Shape},
};
use geojson::{Feature, GeoJson, Geometry, GeometryValue, JsonObject, JsonValue, Position};
use gridcrew_sync_protocol::{
    position::{Datum, PositionError, TypedPosition, Wgs84},
    workflow::AreaClass,
};
use std::collections::HashSet;

/// At most so many features in a file.
pub const MAX_FEATURES: usize = 20_000;
/// At most so many rings in one outline.
pub const MAX_RINGS: usize = 50;
/// At most so many points in a boundary.
pub const MAX_BOUNDARY_POINTS: usize = 50_000;
/// At most so many points in the outline of a cell or station area.
pub const MAX_OUTLINE_POINTS: usize = 5_000;
/// At most so many characters in a code.
pub const MAX_CODE: usize = 64;
/// At most so many characters in a name.
pub const MAX_NAME: usize = 200;

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
    /// The code of its feeder.
    pub feeder: String,
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
    /// The codes of its station areas.
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
    const WANTED: &str = "one Polygon or MultiPolygon";
    let file = File::read(text, datum, WANTED)?;
    let [feature] = &file.features[..] else {
        let why = format!("it has {} features", file.features.len());
        return Err(Problem::NotGeoJson {
            why,
            wanted: WANTED,
        }
        .into());
    };
    let mut reader = Reader::new(file.datum);
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
    let file = File::read(text, datum, "a FeatureCollection of Points or Polygons")?;
    let mut reader = Reader::new(file.datum);
    let areas = reader.each("station area", &file.features, |reader, feature, name| {
        let properties = Properties::of(feature, name);
        let customers = reader.keep(properties.count("customers"));
        let feeder = reader.keep(properties.text("feeder", MAX_CODE));
        let area_class = reader.keep(properties.area_class());
        let title = reader.keep(properties.text("name", MAX_NAME));
        let (at, outline) = match feature.geometry.as_ref().map(|g| &g.value) {
            Some(GeometryValue::Point { coordinates }) => {
                (reader.position(coordinates, name)?, None)
            }
            _ => {
                let geometry = feature.geometry.as_ref();
                let shape = reader.outline(geometry, name, MAX_OUTLINE_POINTS)?;
                (shape.point_inside(), Some(shape))
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
    let file = File::read(text, datum, "a FeatureCollection of Polygons")?;
    let mut reader = Reader::new(file.datum);
    let cells = reader.each("cell", &file.features, |reader, feature, name| {
        let properties = Properties::of(feature, name);
        let title = reader.keep(properties.text("name", MAX_NAME));
        let station_areas = reader.keep(properties.codes("station_areas"));
        let shape = reader.outline(feature.geometry.as_ref(), name, MAX_OUTLINE_POINTS);
        Some(CellDraft {
            code: name.code.clone()?,
            name: title?,
            station_areas: station_areas?,
            shape: shape?,
        })
    });
    reader.done(Some(cells))
}

struct File {
    features: Vec<Feature>,
    datum: Datum,
}

impl File {
    fn read(text: &str, stated: Option<&str>, wanted: &'static str) -> Result<Self, Problem> {
        let stated: Option<Datum> = stated.map(str::parse).transpose().map_err(Problem::Datum)?;
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
        let in_file = datum_member(members.as_ref())?;
        let datum = match (stated, in_file) {
            (Some(stated), Some(in_file)) if stated != in_file => {
                return Err(Problem::DatumConflict { stated, in_file });
            }
            (Some(datum), _) | (None, Some(datum)) => datum,
            (None, None) => return Err(Problem::Datum(PositionError::DatumMissing)),
        };
        if features.len() > MAX_FEATURES {
            return Err(Problem::TooLarge {
                place: "the file".to_owned(),
                what: "features",
                count: features.len(),
                limit: MAX_FEATURES,
            });
        }
        if features.is_empty() {
            return Err(Problem::NotGeoJson {
                why: "it has no features".to_owned(),
                wanted,
            });
        }
        Ok(Self { features, datum })
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
        self.keep(typed.map(TypedPosition::to_wgs84).map_err(named))
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

/// The properties of a feature.
struct Properties<'a> {
    values: Option<&'a JsonObject>,
    feature: &'a FeatureName,
}

impl<'a> Properties<'a> {
    fn of(feature: &'a Feature, name: &'a FeatureName) -> Self {
        Self {
            values: feature.properties.as_ref(),
            feature: name,
        }
    }

    fn problem(&self, property: &'static str, why: impl Into<String>) -> Problem {
        Problem::Property {
            feature: self.feature.clone(),
            property,
            why: why.into(),
        }
    }

    fn get(&self, property: &'static str) -> Result<&'a JsonValue, Problem> {
        self.values
            .and_then(|values| values.get(property))
            .filter(|value| !value.is_null())
            .ok_or_else(|| self.problem(property, "is missing; give it"))
    }

    fn text(&self, property: &'static str, limit: usize) -> Result<String, Problem> {
        let text = match self.get(property)? {
            JsonValue::String(text) => text.trim().to_owned(),
            // Codes are often written as numbers.
            JsonValue::Number(number) if number.is_u64() => number.to_string(),
            other => {
                return Err(self.problem(property, format!("is {other}; give a text")));
            }
        };
        let length = text.chars().count();
        if length == 0 || length > limit || text.chars().any(char::is_control) {
            let why = format!("has {length} characters; give 1 to {limit}, none of them control");
            return Err(self.problem(property, why));
        }
        Ok(text)
    }

    fn count(&self, property: &'static str) -> Result<u32, Problem> {
        let value = self.get(property)?;
        value
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| {
                self.problem(
                    property,
                    format!("is {value}; give a whole number, 0 or more"),
                )
            })
    }

    fn area_class(&self) -> Result<AreaClass, Problem> {
        match self.text("area_class", MAX_CODE)?.as_str() {
            "01" => Ok(AreaClass::Urban),
            "02" => Ok(AreaClass::Rural),
            "03" => Ok(AreaClass::Remote),
            other => {
                let why = format!("is {other:?}; give 01 (urban), 02 (rural) or 03 (remote)");
                Err(self.problem("area_class", why))
            }
        }
    }

    fn codes(&self, property: &'static str) -> Result<Vec<String>, Problem> {
        let wrong = |value: &JsonValue| {
            self.problem(
                property,
                format!("holds {value}; give a list of codes as texts"),
            )
        };
        let value = self.get(property)?;
        let list = value.as_array().ok_or_else(|| wrong(value))?;
        list.iter()
            .map(|code| {
                code.as_str()
                    .map(|c| c.trim().to_owned())
                    .ok_or_else(|| wrong(code))
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
