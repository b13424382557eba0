//! Founding the real server: a center, a station, its people, cells, customers and orders,
//! over its own API as people would.

use super::{Came, Life, wire::Sent};
use crate::{
    Failure, Fallible,
    failure::ensure,
    simulation::{
        disk::Remains,
        hardware::{Dice, TrueTime},
        run::Scratch,
        scene::{self, Cast},
    },
    township::{Area, PASSWORD, id_of, order, row_of_areas, square, territory, text_of},
};
use gridcrew_server::people::{bootstrap::bootstrap, tokens::Access};
use gridcrew_sync_protocol::ids::{CellId, OrderId, OrgId, PersonId};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::{Value, json};
use std::sync::Arc;

/// What sets the server's random bytes at its founding apart.
const DICE: u64 = 0xfe << 48;
/// The south-west corner of the territory, and its side: degrees.
const CORNER: [f64; 2] = [116.0, 33.0];
const SIDE: f64 = 0.03;

/// A founded server.
#[derive(Debug)]
pub struct Founded {
    /// Its files.
    pub files: Remains,
    /// Its people, cells and orders.
    pub cast: Cast,
    /// Who sits at the station's desk.
    pub desk: Access,
}

/// Founds one.
///
/// # Errors
/// When it refuses something.
pub fn found(time: &TrueTime) -> Fallible<Founded> {
    let scratch = Scratch::new()?;
    let folder = scratch.path().join("server");
    let dice = Arc::new(Dice::of(DICE));
    let mut life = Life::begin(&folder, time, &dice)?;
    life.publish()?;
    life.make_ready(None)?;
    let (cast, desk) = life.township()?;
    let files = life.files()?;
    Ok(Founded { files, cast, desk })
}

impl Life {
    /// Publishes the simulation's workflow, as a newer build would.
    fn publish(&self) -> Fallible<()> {
        let app = self.app()?.clone();
        let insert = Statement::from_sql_and_values(
            DatabaseBackend::Sqlite,
            "INSERT INTO template (code, version, effective_from, body) VALUES (?, 1, 0, ?)",
            [scene::WORKFLOW.into(), scene::TEMPLATE.into()],
        );
        let publish = async {
            let write = app.store.write(move |tx| {
                Box::pin(async move {
                    tx.execute_raw(insert).await?;
                    Ok(())
                })
            });
            write.await?;
            Ok(app.templates.read_again(&app.store).await?)
        };
        self.work(None, publish).map(|_| ())
    }

    fn done(&self, sent: Sent) -> Fallible<Value> {
        let Came::Done(reply) = self.answer(sent, None)? else {
            return Err(Failure::new("the server died at its founding"));
        };
        ensure((200..300).contains(&reply.status), || {
            String::from_utf8_lossy(&reply.body).into_owned()
        })?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&reply.body)?)
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> Fallible<Value> {
        self.done(Sent::json(&format!("/api/v1{path}"), body)?.bearing(token))
    }

    fn get(&self, token: &str, path: &str) -> Fallible<Value> {
        self.done(Sent::get(&format!("/api/v1{path}")).bearing(token))
    }

    fn sign_in(&self, login: &str, password: &str) -> Fallible<String> {
        let wish = json!({ "login": login, "password": password });
        let tokens = self.done(Sent::json("/api/v1/auth/login", &wish)?)?;
        text_of(&tokens, "access_token")
    }

    fn township(&self) -> Fallible<(Cast, Access)> {
        let app = self.app()?.clone();
        let begin = async { Ok(bootstrap(&app, "Huaibei center", "admin").await?) };
        let Came::Done(Some(password)) = self.work(None, begin)? else {
            return Err(Failure::new("the server is founded already"));
        };
        let root = self.sign_in("admin", &password)?;
        let units = self.get(&root, "/org-units")?;
        let center: OrgId = id_of(&units["items"][0], "id")?;
        let unit =
            json!({ "parent": center, "kind": "station", "name": "Dingji station", "code": "D1" });
        let station: OrgId = id_of(&self.post(&root, "/org-units", &unit)?, "id")?;
        let clerk = json!({ "org": station, "name": "desk", "login": "desk", "role": "station" });
        let clerk: PersonId = id_of(&self.post(&root, "/people", &clerk)?, "id")?;
        let path = format!("/people/{clerk}/password");
        self.post(&root, &path, &json!({ "password": PASSWORD }))?;
        let desk = self.sign_in("desk", PASSWORD)?;
        let mut people = Vec::new();
        for name in scene::NAMES {
            let login = name.to_lowercase();
            let person = json!({ "org": station, "name": name, "login": login, "role": "manager" });
            people.push(id_of(&self.post(&root, "/people", &person)?, "id")?);
        }
        let people: [PersonId; scene::PEOPLE as usize] = all(people)?;
        let cells = self.ground(&desk, station, &people)?;
        let orders = self.orders(&desk, station)?;
        let cast = Cast {
            people,
            cells,
            orders,
        };
        let access = app.gate.tokens.verify(&desk, app.now())?;
        Ok((cast, access))
    }

    /// The territory with its cells, each with an A and a B, and its customers.
    fn ground(
        &self,
        desk: &str,
        station: OrgId,
        people: &[PersonId; scene::PEOPLE as usize],
    ) -> Fallible<[CellId; scene::CELLS as usize]> {
        let areas = areas();
        let wish = territory("WGS-84", &square(CORNER, SIDE), &areas);
        self.post(desk, &format!("/stations/{station}/territory"), &wish)?;
        let wish = json!({ "cells": scene::CELLS, "seed": 1, "accept": true });
        self.post(desk, &format!("/stations/{station}/territory/split"), &wish)?;
        let customers: Vec<Value> = (0..scene::ORDERS)
            .map(|number| {
                let area = &areas[usize::try_from(number % scene::CELLS).unwrap_or(0)].code;
                json!({ "account_no": account(number), "name": "张", "station_area": area })
            })
            .collect();
        let path = format!("/stations/{station}/customers");
        self.post(desk, &path, &json!({ "customers": customers }))?;
        let listed = self.get(desk, &format!("/cells?station={station}"))?;
        let listed = listed["cells"].as_array().cloned().unwrap_or_default();
        let cells = listed.iter().map(|cell| id_of(cell, "id"));
        let cells = all(cells.collect::<Fallible<Vec<CellId>>>()?)?;
        for (place, cell) in cells.iter().enumerate() {
            let b = people[(place + 1) % people.len()];
            let wish = json!({ "role_a": people[place % people.len()], "role_b": b });
            let path = format!("/api/v1/cells/{cell}/roles");
            self.done(Sent::json(&path, &wish)?.put().bearing(desk))?;
        }
        Ok(cells)
    }

    fn orders(&self, desk: &str, station: OrgId) -> Fallible<[OrderId; scene::ORDERS as usize]> {
        let mut orders = Vec::new();
        for number in 0..scene::ORDERS {
            let outside = format!("{number:04}");
            let mut wish = order(station, "95598", &outside, None, "no power");
            wish["template"] = json!(scene::WORKFLOW);
            wish["account_no"] = json!(account(number));
            orders.push(id_of(&self.post(desk, "/orders", &wish)?, "id")?);
        }
        all(orders)
    }
}

/// A station area in each cell.
fn areas() -> Vec<Area> {
    row_of_areas(CORNER, SIDE, u32::try_from(scene::CELLS).unwrap_or(1))
}

fn account(number: u64) -> String {
    format!("{:010}", number + 1)
}

fn all<T, const MANY: usize>(some: Vec<T>) -> Fallible<[T; MANY]> {
    let count = some.len();
    let all = <[T; MANY]>::try_from(some);
    all.map_err(|_| Failure::new(format!("{count} instead of {MANY}")))
}
