//! What the tests of territories stand on: a station with managers, and a small territory
//! two cells wide.

use super::{
    content::{AreaContent, CellContent, Content},
    draft::TerritoryDraft,
    shape::Shape,
    store::{self, Accepted, Proposal},
};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Role,
        fixture::{Fixture, Organisation},
        rows::person,
    },
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    position::Wgs84,
    workflow::AreaClass,
};
use serde_json::{Value, json};

/// A station with staff and three managers, one of them in a crew.
pub(crate) struct Ground {
    pub(crate) fixture: Fixture,
    pub(crate) organisation: Organisation,
    pub(crate) staff: person::Model,
    pub(crate) managers: Vec<PersonId>,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::on(Fixture::new().await).await
    }

    /// One on SQLite, and one on PostgreSQL if there is a server to test on.
    pub(crate) async fn on_both() -> Vec<Self> {
        let mut grounds = vec![Self::new().await];
        if let Some(fixture) = Fixture::on_postgres().await {
            grounds.push(Self::on(fixture).await);
        }
        grounds
    }

    /// On PostgreSQL, where there is one.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let fixture = Fixture::on_postgres().await?;
        Some(Self::on(fixture).await)
    }

    pub(crate) async fn on(fixture: Fixture) -> Self {
        let organisation = Organisation::in_(&fixture).await;
        let staff = fixture.person(Role::Station, organisation.station).await;
        let mut managers = Vec::new();
        for unit in [
            organisation.station,
            organisation.station,
            organisation.crew,
        ] {
            managers.push(PersonId(fixture.person(Role::Manager, unit).await.id));
        }
        Self {
            fixture,
            organisation,
            staff,
            managers,
        }
    }

    pub(crate) fn app(&self) -> &App {
        &self.fixture.app
    }

    pub(crate) fn station(&self) -> OrgId {
        self.organisation.station
    }

    /// Stores a version over the one that is there.
    pub(crate) async fn accept(&self, content: Content) -> Result<Accepted, Problem> {
        let base = store::current_version(self.app().store.read(), self.station()).await?;
        self.accept_over(base, content).await
    }

    pub(crate) async fn accept_over(
        &self,
        base: i64,
        content: Content,
    ) -> Result<Accepted, Problem> {
        self.accept_of(self.station(), base, content).await
    }

    /// Stores a version of another station.
    pub(crate) async fn accept_of(
        &self,
        station: OrgId,
        base: i64,
        content: Content,
    ) -> Result<Accepted, Problem> {
        let proposal = Proposal {
            station,
            base,
            content,
            effective_from: self.app().now(),
            author: PersonId(self.staff.id),
            reason: "a test".to_owned(),
        };
        let app = self.app().clone();
        self.app()
            .store
            .write(move |tx| Box::pin(async move { store::accept(tx, &app, proposal).await }))
            .await
    }
}

/// A box in hundredths of a degree east of 120 and north of 30.
pub(crate) fn square(west: f64, south: f64, east: f64, north: f64) -> Shape {
    let corners = [(west, south), (east, south), (east, north), (west, north)];
    let at = |(x, y): (f64, f64)| Wgs84::new(120.0 + x / 100.0, 30.0 + y / 100.0).unwrap();
    Shape::new(vec![vec![corners.map(at).to_vec()]]).unwrap()
}

/// So many squares of ten metres in a row, each a piece of its own: more than 50 are more than an
/// import takes.
pub(crate) fn islands(count: i32) -> Shape {
    let island = |n: i32| {
        let west = 120.0 + f64::from(n) / 5_000.0;
        let corners = [(0.0, 0.0), (1e-4, 0.0), (1e-4, 1e-4), (0.0, 1e-4)];
        let at = |(x, y): (f64, f64)| Wgs84::new(west + x, 30.0 + y).unwrap();
        vec![corners.map(at).to_vec()]
    };
    Shape::new((0..count).map(island).collect()).unwrap()
}

/// A territory 4 wide and 2 high: the cells `W` and `E` with two station areas each.
pub(crate) fn two_cells() -> Content {
    let area = |code: &str, x: f64, customers, cell: &str| AreaContent {
        code: code.to_owned(),
        name: format!("village {code}"),
        position: Wgs84::new(120.0 + x / 100.0, 30.01).unwrap(),
        feeder: Some("F1".to_owned()),
        customers,
        area_class: AreaClass::Rural,
        cell: Some(cell.to_owned()),
    };
    let cell = |code: &str, outline| CellContent {
        code: code.to_owned(),
        name: format!("cell {code}"),
        outline,
    };
    Content {
        boundary: square(0.0, 0.0, 4.0, 2.0),
        station_areas: vec![
            area("t1", 0.5, 30, "W"),
            area("t2", 1.5, 10, "W"),
            area("t3", 2.5, 20, "E"),
            area("t4", 3.5, 40, "E"),
        ],
        cells: vec![
            cell("W", square(0.0, 0.0, 2.0, 2.0)),
            cell("E", square(2.0, 0.0, 4.0, 2.0)),
        ],
    }
}

/// The same as an import would store it: the boundary has the points at which cells meet it.
pub(crate) fn two_sound_cells() -> Content {
    let content = two_cells();
    let drafts = content.area_drafts();
    let cells = content.cell_drafts(&drafts);
    TerritoryDraft::check(content.boundary, drafts, cells)
        .unwrap()
        .into()
}

/// The same as the body of an import.
pub(crate) fn two_cells_json() -> Value {
    let feature = |geometry: Value, properties: Value| json!({ "type": "Feature", "geometry": geometry, "properties": properties });
    let boxed = |west: f64, east: f64| {
        json!({ "type": "Polygon", "coordinates": [[
            [120.0 + west / 100.0, 30.0], [120.0 + east / 100.0, 30.0],
            [120.0 + east / 100.0, 30.02], [120.0 + west / 100.0, 30.02],
            [120.0 + west / 100.0, 30.0],
        ]] })
    };
    let area = |code: &str, lon: f64, customers: u32| {
        let point = json!({ "type": "Point", "coordinates": [lon, 30.01] });
        let properties = json!({
            "code": code, "name": format!("village {code}"), "customers": customers,
            "feeder": "F1", "area_class": "02",
        });
        feature(point, properties)
    };
    let cell = |code: &str, west: f64, east: f64, areas: [&str; 2]| {
        let properties =
            json!({ "code": code, "name": format!("cell {code}"), "station_areas": areas });
        feature(boxed(west, east), properties)
    };
    json!({
        "datum": "WGS-84",
        "reason": "first survey",
        "boundary": boxed(0.0, 4.0),
        "station_areas": { "type": "FeatureCollection", "features": [
            area("t1", 120.005, 30), area("t2", 120.015, 10),
            area("t3", 120.025, 20), area("t4", 120.035, 40),
        ] },
        "cells": { "type": "FeatureCollection", "features": [
            cell("W", 0.0, 2.0, ["t1", "t2"]), cell("E", 2.0, 4.0, ["t3", "t4"]),
        ] },
    })
}
