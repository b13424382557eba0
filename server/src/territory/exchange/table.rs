//! A territory as three tables, the form that every writer takes.

use super::layers::Place;
use crate::territory::{
    content::{AreaContent, Content},
    export::class_code,
    shape::Shape,
};
use gridcrew_sync_protocol::position::{Datum, TypedPosition, Wgs84};

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A text.
    Text(String),
    /// A whole number.
    Whole(u32),
    /// Nothing is known.
    Nothing,
}

/// A row: where it is, and a value for each column.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) fields: Vec<Field>,
}

/// A table of features of one kind.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What one row is, as GeoJSON says it.
    pub(super) kind: &'static str,
    pub(super) columns: &'static [&'static str],
    /// Whether rows are points; else they are polygons.
    pub(super) points: bool,
    pub(super) rows: Vec<Row>,
}

/// Columns whose values are whole numbers; all others are texts.
pub(super) fn is_whole(column: &str) -> bool {
    column == "customers"
}

/// The tables of a territory: the boundary, the cells if there are any, the station areas if
/// there are any.
pub(super) fn tables(content: &Content, datum: Datum) -> Vec<Table> {
    let boundary = Table {
        name: "boundary",
        kind: "boundary",
        columns: &["kind"],
        points: false,
        rows: vec![Row {
            place: polygons(&content.boundary, datum),
            fields: vec![Field::Text("boundary".to_owned())],
        }],
    };
    let cells = Table {
        name: "cells",
        kind: "cell",
        columns: &["code", "name"],
        points: false,
        rows: content
            .cells
            .iter()
            .map(|cell| Row {
                place: polygons(&cell.outline, datum),
                fields: vec![
                    Field::Text(cell.code.clone()),
                    Field::Text(cell.name.clone()),
                ],
            })
            .collect(),
    };
    let areas = Table {
        name: "station_areas",
        kind: "station_area",
        columns: &["code", "name", "feeder", "customers", "area_class", "cell"],
        points: true,
        rows: content
            .station_areas
            .iter()
            .map(|area| area_row(area, datum))
            .collect(),
    };
    [boundary, cells, areas]
        .into_iter()
        .filter(|table| !table.rows.is_empty())
        .collect()
}

fn area_row(area: &AreaContent, datum: Datum) -> Row {
    let known = |text: &Option<String>| text.clone().map_or(Field::Nothing, Field::Text);
    Row {
        place: Place::Point(point(area.position, datum)),
        fields: vec![
            Field::Text(area.code.clone()),
            Field::Text(area.name.clone()),
            known(&area.feeder),
            Field::Whole(area.customers),
            Field::Text(class_code(area.area_class).to_owned()),
            known(&area.cell),
        ],
    }
}

fn point(at: Wgs84, datum: Datum) -> [f64; 2] {
    let position = TypedPosition::from_wgs84(at, datum);
    [position.lon(), position.lat()]
}

fn polygons(shape: &Shape, datum: Datum) -> Place {
    let ring = |ring: &Vec<Wgs84>| ring.iter().map(|at| point(*at, datum)).collect();
    let polygon = |rings: &Vec<Vec<Wgs84>>| rings.iter().map(ring).collect();
    Place::Polygons(shape.polygons().iter().map(polygon).collect())
}
