//! What a file holds: layers of features, and what is worth saying of how they were read.

use super::text::Encoding;
use crate::territory::{content::Content, import::Layer};
use geojson::{Feature, Geometry, JsonObject, JsonValue};
use std::{collections::HashMap, fmt};

/// The layers of a file, each if it is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers {
    /// The boundary.
    pub boundary: Option<Layer>,
    /// The cells.
    pub cells: Option<Layer>,
    /// The station areas; the property `cell` names the cell that one is in.
    pub station_areas: Option<Layer>,
    /// What is worth saying.
    pub notes: Vec<Note>,
}

/// Something that is worth saying of how a file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Part of the file is none of the three layers.
    Ignored {
        /// What it is called, and how much it is.
        what: String,
    },
    /// Text was read in another encoding than UTF-8.
    ReadAs {
        /// Which part of the file.
        what: String,
        /// The encoding.
        encoding: Encoding,
        /// Who says that it is that.
        by: &'static str,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { what } => write!(
                f,
                "{what} was passed over: it is none of boundary, cells, station_areas"
            ),
            Self::ReadAs { what, encoding, by } => {
                write!(f, "the text of {what} was read as {encoding}, as {by} says")
            }
        }
    }
}

impl Layers {
    /// The place for the layer of a name.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<Layer>> {
        match name.to_ascii_lowercase().as_str() {
            "boundary" => Some(&mut self.boundary),
            "cells" => Some(&mut self.cells),
            "station_areas" => Some(&mut self.station_areas),
            _ => None,
        }
    }

    /// The cell that each station area names, by the codes of both.
    #[must_use]
    pub fn cell_of_area(&self) -> HashMap<String, String> {
        let areas = self.station_areas.iter().flat_map(|layer| &layer.features);
        areas
            .filter_map(|area| Some((code_in(area, "code")?, code_in(area, "cell")?)))
            .collect()
    }

    /// Gives cells that do not list their station areas those that name them: of the file,
    /// else of the territory that is there.
    pub(in crate::territory) fn fill_members(&mut self, held: Option<&Content>) {
        let mut members: HashMap<String, Vec<JsonValue>> = HashMap::new();
        let mut add = |cell: String, area: String| {
            members.entry(cell).or_default().push(area.into());
        };
        if let Some(areas) = &self.station_areas {
            for area in &areas.features {
                if let (Some(code), Some(cell)) = (code_in(area, "code"), code_in(area, "cell")) {
                    add(cell, code);
                }
            }
        } else {
            for area in held.iter().flat_map(|held| &held.station_areas) {
                if let Some(cell) = &area.cell {
                    add(cell.clone(), area.code.clone());
                }
            }
        }
        let cells = self.cells.iter_mut().flat_map(|layer| &mut layer.features);
        for cell in cells {
            let listed = cell.property("station_areas").is_some_and(|v| !v.is_null());
            if let Some(code) = code_in(cell, "code")
                && !listed
            {
                let own = members.get(&code).cloned().unwrap_or_default();
                cell.set_property("station_areas", own);
            }
        }
    }
}

/// A property that is a code: a text, or a whole number.
fn code_in(feature: &Feature, property: &str) -> Option<String> {
    match feature.property(property)? {
        JsonValue::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        JsonValue::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Polygons of rings of coordinates, the outer ring of each first.
pub(super) type Polygons = Vec<Vec<Vec<[f64; 2]>>>;

/// Where a feature is, as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// One point.
    Point([f64; 2]),
    /// Polygons of rings, the outer one first.
    Polygons(Polygons),
}

/// A feature with its properties.
pub(super) fn feature(place: Option<Place>, properties: JsonObject) -> Feature {
    let ring = |ring: Vec<[f64; 2]>| ring.into_iter().map(|p| p.to_vec()).collect();
    let polygon = |rings: Vec<Vec<[f64; 2]>>| rings.into_iter().map(ring).collect();
    let geometry = place.map(|place| match place {
        Place::Point(at) => Geometry::new_point(at.to_vec()),
        Place::Polygons(polygons) => {
            let polygons: Vec<Vec<Vec<Vec<f64>>>> = polygons.into_iter().map(polygon).collect();
            Geometry::new_multi_polygon(polygons)
        }
    });
    Feature {
        geometry,
        properties: Some(properties),
        ..Feature::default()
    }
}
