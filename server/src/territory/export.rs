//! A territory as GeoJSON (RFC 7946), in the datum that was asked for.
//!
//! GeoJSON itself knows no other datum than WGS-84, so the collection says its datum in a
//! member of its own. Features carry the properties that the import takes, so that what
//! was written can be read in again.

use super::{
    shape::Shape,
    store::{CellDetail, NamedManager, StoredTerritory},
};
use gridcrew_sync_protocol::{
    position::{Datum, TypedPosition, Wgs84},
    workflow::AreaClass,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The whole territory: its boundary, its cells with A and B, its station areas. What a
/// feature is stands in its property `kind`.
#[must_use]
pub fn territory(territory: &StoredTerritory, datum: Datum) -> Value {
    let content = &territory.content;
    let boundary = json!({
        "kind": "boundary",
        "version": territory.version,
        "effective_from": territory.effective_from,
        "reason": territory.reason,
    });
    let mut features = vec![feature(outline(&content.boundary, datum), boundary)];
    let mut members: HashMap<&str, Vec<&str>> = HashMap::new();
    for area in &content.station_areas {
        if let Some(cell) = area.cell.as_deref() {
            members.entry(cell).or_default().push(&area.code);
        }
    }
    for (cell, detail) in content.cells.iter().zip(&territory.cells) {
        let areas = members.remove(cell.code.as_str()).unwrap_or_default();
        let properties = cell_properties(detail, &areas);
        features.push(feature(outline(&cell.outline, datum), properties));
    }
    for area in &content.station_areas {
        let point = json!({ "type": "Point", "coordinates": place(area.position, datum) });
        let properties = json!({
            "kind": "station_area",
            "code": area.code,
            "name": area.name,
            "feeder": area.feeder,
            "customers": area.customers,
            "area_class": class_code(area.area_class),
            "cell": area.cell,
        });
        features.push(feature(point, properties));
    }
    collection(features, datum)
}

/// A feature collection that says its datum.
#[must_use]
pub fn collection(features: Vec<Value>, datum: Datum) -> Value {
    json!({ "type": "FeatureCollection", "datum": datum, "features": features })
}

/// A feature.
#[must_use]
pub fn feature(geometry: Value, properties: Value) -> Value {
    json!({ "type": "Feature", "geometry": geometry, "properties": properties })
}

/// An outline as a geometry.
#[must_use]
pub fn outline(shape: &Shape, datum: Datum) -> Value {
    let ring = |ring: &Vec<Wgs84>| ring.iter().map(|p| place(*p, datum)).collect::<Vec<_>>();
    let mut polygons: Vec<Vec<_>> = shape
        .polygons()
        .iter()
        .map(|rings| rings.iter().map(ring).collect())
        .collect();
    match polygons.pop() {
        Some(only) if polygons.is_empty() => json!({ "type": "Polygon", "coordinates": only }),
        last => {
            polygons.extend(last);
            json!({ "type": "MultiPolygon", "coordinates": polygons })
        }
    }
}

fn place(point: Wgs84, datum: Datum) -> [f64; 2] {
    let position = TypedPosition::from_wgs84(point, datum);
    [position.lon(), position.lat()]
}

/// The code of an area class (DOMAIN 2.3), as the import takes it.
pub(super) const fn class_code(class: AreaClass) -> &'static str {
    match class {
        AreaClass::Urban => "01",
        AreaClass::Rural => "02",
        AreaClass::Remote => "03",
    }
}

fn cell_properties(cell: &CellDetail, areas: &[&str]) -> Value {
    let manager = |named: &Option<NamedManager>| {
        named
            .as_ref()
            .map(|named| json!({ "person": named.person, "name": named.name }))
    };
    json!({
        "kind": "cell",
        "id": cell.id,
        "code": cell.code,
        "name": cell.name,
        "role_a": manager(&cell.role_a),
        "role_b": manager(&cell.role_b),
        "station_areas": areas,
        "customers": cell.customers,
    })
}
