//! A township founded over HTTP, step by step as people would: a center, a station, staff,
//! managers, a territory split into cells, A and B, handhelds.

use crate::{
    client::{Client, Reply},
    failure::{Failure, Fallible, ensure},
    server::Server,
};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::ids::{CellId, OrderId, OrgId, PersonId};
use serde_json::{Value, json};
use std::{path::Path, str::FromStr};

/// The name that the first administrator signs in with.
const ADMINISTRATOR: &str = "admin";
/// Staff's password in every test: long, and nowhere else.
pub const PASSWORD: &str = "lantern-otter-gravel-41";

/// A station area to be imported.
#[derive(Clone, Debug)]
pub struct Area {
    /// Its code within the station.
    pub code: String,
    /// East positive, degrees of WGS-84.
    pub lon: f64,
    /// North positive.
    pub lat: f64,
    /// How many customers it supplies.
    pub customers: u32,
}

/// A cell as the server lists it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its id.
    pub id: CellId,
    /// Its code.
    pub code: String,
}

/// A township and those who run it.
#[derive(Clone, Debug)]
pub struct Township {
    /// The administrator, signed in.
    pub administrator: Client,
    /// Somebody of the station's staff, signed in.
    pub staff: Client,
    /// The center.
    pub center: OrgId,
    /// The station.
    pub station: OrgId,
}

impl Township {
    /// Founds a township on an empty server: center, station, and one of the staff.
    ///
    /// # Errors
    /// When the server refuses any of it.
    pub async fn found(server: &Server) -> Fallible<Self> {
        let password = server.bootstrap("Huaibei center", ADMINISTRATOR).await?;
        let anybody = Client::of(&server.url()?)?;
        let administrator = anybody.login(ADMINISTRATOR, &password).await?;
        let units = administrator.get("/org-units").await?.done()?;
        let center: OrgId = id_of(&units["items"][0], "id")?;
        let mut township = Self {
            staff: anybody,
            administrator,
            center,
            station: center,
        };
        township.station = township.add_station("Dingji station", "D1").await?;
        township.staff = township.add_staff(township.station, "staff").await?;
        Ok(township)
    }

    /// Adds a station below the center.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_station(&self, name: &str, code: &str) -> Fallible<OrgId> {
        let unit = json!({ "parent": self.center, "kind": "station", "name": name, "code": code });
        let made = self.administrator.post("/org-units", &unit).await?.done()?;
        id_of(&made, "id")
    }

    /// Adds one of a station's staff and signs him in.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_staff(&self, station: OrgId, login: &str) -> Fallible<Client> {
        let person = json!({ "org": station, "name": login, "login": login, "role": "station" });
        let made = self.administrator.post("/people", &person).await?.done()?;
        let person: PersonId = id_of(&made, "id")?;
        let password = json!({ "password": PASSWORD });
        let path = format!("/people/{person}/password");
        self.administrator.post(&path, &password).await?.done()?;
        self.administrator.nobody().login(login, PASSWORD).await
    }

    /// The same township, its people signed in anew at `server`: tokens live ten minutes.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn signed_in_anew(&self, server: &str) -> Fallible<Self> {
        let staff = self
            .staff
            .nobody()
            .at(server)
            .login("staff", PASSWORD)
            .await?;
        Ok(Self {
            staff,
            ..self.clone()
        })
    }

    /// Adds a manager to the station. He works with a handheld and needs no password.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_manager(&self, login: &str) -> Fallible<PersonId> {
        let person =
            json!({ "org": self.station, "name": login, "login": login, "role": "manager" });
        let made = self.administrator.post("/people", &person).await?.done()?;
        id_of(&made, "id")
    }

    /// Imports boundary and station areas; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn import(&self, boundary: &[[f64; 2]], areas: &[Area]) -> Fallible<Reply> {
        let body = territory("WGS-84", boundary, areas);
        self.staff
            .post(&format!("/stations/{}/territory", self.station), &body)
            .await
    }

    /// Splits the territory into so many cells, for good.
    ///
    /// # Errors
    /// When the server refuses or makes another number of cells.
    pub async fn split(&self, cells: usize) -> Fallible<Vec<Cell>> {
        let path = format!("/stations/{}/territory/split", self.station);
        let wish = json!({ "cells": cells, "seed": 1, "accept": true });
        self.staff.post(&path, &wish).await?.done()?;
        let found = self.cells().await?;
        ensure(found.len() == cells, || {
            format!("{} cells instead of {cells}", found.len())
        })?;
        Ok(found)
    }

    /// The cells of the station.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn cells(&self) -> Fallible<Vec<Cell>> {
        let path = format!("/cells?station={}", self.station);
        let listed = self.staff.get(&path).await?.done()?;
        let cells = listed["cells"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        cells
            .iter()
            .map(|cell| {
                let code = cell["code"].as_str().unwrap_or_default().to_owned();
                Ok(Cell {
                    id: id_of(cell, "id")?,
                    code,
                })
            })
            .collect()
    }

    /// Makes two people A and B of a cell.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn set_roles(&self, cell: CellId, a: PersonId, b: PersonId) -> Fallible<()> {
        let wish = json!({ "role_a": a, "role_b": b });
        self.staff
            .put(&format!("/cells/{cell}/roles"), &wish)
            .await?
            .done()?;
        Ok(())
    }

    /// Notes that a person is off duty from now on.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn off_duty(&self, person: PersonId) -> Fallible<()> {
        let absence = json!({ "reason": "on leave" });
        self.staff
            .post(&format!("/people/{person}/off-duty"), &absence)
            .await?
            .done()?;
        Ok(())
    }

    /// A one-time code for a manager's handheld.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrolment_code(&self, person: PersonId) -> Fallible<String> {
        let path = format!("/people/{person}/enrolment-codes");
        let request = self.staff.request(reqwest::Method::POST, &path);
        let issued = self.staff.send(&path, request).await?.done()?;
        text_of(&issued, "code")
    }

    /// A handheld of a manager, enrolled by way of `server`, its folder at `folder`.
    ///
    /// # Errors
    /// When it cannot be enrolled.
    pub async fn handheld(
        &self,
        person: PersonId,
        server: &str,
        folder: &Path,
    ) -> Fallible<Handheld> {
        let code = self.enrolment_code(person).await?;
        let handheld = Handheld::open(folder)?;
        handheld.enrol(server, &code, "test").await?;
        Ok(handheld)
    }

    /// Takes in an order; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn intake(&self, order: &Value) -> Fallible<Reply> {
        self.staff.post("/orders", order).await
    }

    /// Takes in a plain order at a place.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn order_at(&self, number: &str, lon: f64, lat: f64) -> Fallible<OrderId> {
        let order = order(self.station, "95598", number, Some((lon, lat)), "no light");
        id_of(&self.intake(&order).await?.done()?, "id")
    }
}

/// A territory without cells, as `POST /stations/{id}/territory` takes it.
#[must_use]
pub fn territory(datum: &str, boundary: &[[f64; 2]], areas: &[Area]) -> Value {
    let features: Vec<Value> = areas
        .iter()
        .map(|area| {
            json!({
                "type": "Feature",
                "geometry": { "type": "Point", "coordinates": [area.lon, area.lat] },
                "properties": {
                    "code": area.code, "name": area.code, "customers": area.customers,
                    "feeder": "F01", "area_class": "02",
                },
            })
        })
        .collect();
    json!({
        "datum": datum,
        "boundary": { "type": "Polygon", "coordinates": [boundary] },
        "station_areas": { "type": "FeatureCollection", "features": features },
        "reason": "first import",
    })
}

/// An order, as `POST /orders` takes it; without a position when nobody knows the place.
#[must_use]
pub fn order(
    station: OrgId,
    source: &str,
    number: &str,
    place: Option<(f64, f64)>,
    phenomenon: &str,
) -> Value {
    let mut order = json!({
        "source": source,
        "outside_no": number,
        "template": "fault_repair",
        "address": "",
        "contact_name": "Li",
        "contact_phone": "13900000000",
        "phenomenon": phenomenon,
        "station_id": station,
    });
    if let Some((lon, lat)) = place {
        order["position"] = json!({ "datum": "WGS-84", "lon": lon, "lat": lat });
    }
    order
}

/// A square of `side` degrees whose south-west corner is `corner`, as a closed ring.
#[must_use]
pub fn square(corner: [f64; 2], side: f64) -> Vec<[f64; 2]> {
    let [x, y] = corner;
    vec![
        [x, y],
        [x + side, y],
        [x + side, y + side],
        [x, y + side],
        [x, y],
    ]
}

/// `count` station areas in a row through the middle of that square.
#[must_use]
pub fn row_of_areas(corner: [f64; 2], side: f64, count: u32) -> Vec<Area> {
    (0..count)
        .map(|n| Area {
            code: format!("T{n:03}"),
            lon: corner[0] + side * (f64::from(n) + 0.5) / f64::from(count),
            lat: corner[1] + side / 2.0,
            customers: 50,
        })
        .collect()
}

/// The id in a member of a JSON object.
///
/// # Errors
/// When there is none.
pub fn id_of<T: FromStr>(object: &Value, member: &str) -> Fallible<T> {
    let text = text_of(object, member)?;
    text.parse()
        .map_err(|_| Failure::new(format!("{member} is no id: {text}")))
}

/// The text in a member of a JSON object.
///
/// # Errors
/// When there is none.
pub fn text_of(object: &Value, member: &str) -> Fallible<String> {
    object[member]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("no {member} in {object}")))
}
