//! Founding the world.
//!
//! ```text
//! top ─┬─ north ─┬─ ding ── crew      cells G1 G2 G3
//!      │         └─ sui               cell  G4
//!      └─ south ─── meng              cell  G5
//! ```
//!
//! | person | where | role | A of | B of |
//! |---|---|---|---|---|
//! | root, admin_north, admin_ding | top, north, ding | administrator | | |
//! | center_top, center_north, center_south | | center | | |
//! | staff_ding, staff_crew, staff_sui, staff_meng | | station | | |
//! | wei (also at a desk, wei_desk) | ding | manager | G1 | G3 |
//! | lan | crew | manager | G2 | G1 |
//! | bo | ding | manager | G3 | |
//! | yun | crew | manager, was given an order of G2 | | |
//! | tao | sui, came from ding, where his order went to another | manager | | G2 |
//! | xue | sui, came from ding | station | | |
//! | ping | sui | manager | G4 | |
//! | gao | meng | manager | G5 | |
//! | jin | ding | station, disabled | | |
//! | qiao | sui | manager, his handheld revoked | | G4 |

use super::{
    making::SPARE_BYTES,
    world::{Caller, Cell, Fallen, Hand, Photo, Places, Role, Unit, UnitKind, World},
};
use crate::{
    client::Client,
    failure::{Failure, Fallible},
    raw::{PACKED, RawHandheld, picture},
    server::Server,
    township::id_of,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::Tokens,
    ids::{OrderId, OrgId, PersonId},
    journal::{Batch, Entry},
    record::{Event, PhotoRef, StepDone},
    wire,
    workflow::{SlotCode, StepCode},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Side of every cell, degrees.
pub(super) const SIDE: f64 = 1.0 / COLUMNS;
/// How many columns a degree has.
const COLUMNS: f64 = 50.0;
/// South edge of every cell.
pub(super) const SOUTH: f64 = 33.0;
/// Photos that every handheld promises and does not have.
const SPARE: usize = 24;

/// Founds it on an empty server.
///
/// # Errors
/// When the server refuses any of it.
pub(super) async fn found(server: &Server) -> Fallible<World> {
    let mut world = organisation(server).await?;
    let place = world.places;
    for (name, unit, role) in [
        ("admin_north", place.north, Role::Administrator),
        ("admin_ding", place.ding, Role::Administrator),
        ("center_top", place.top, Role::Center),
        ("center_north", place.north, Role::Center),
        ("center_south", place.south, Role::Center),
        ("staff_ding", place.ding, Role::Station),
        ("staff_crew", place.crew, Role::Station),
        ("staff_sui", place.sui, Role::Station),
        ("staff_meng", place.meng, Role::Station),
    ] {
        let person = world.add_person(unit, role).await?;
        let caller = world.at_desk(name, person).await?;
        world.callers.push(caller);
    }
    let managers = world.managers().await?;
    world.ground(&managers).await?;
    let moving = world.about_to_move(&managers).await?;
    world.work(&managers, &moving).await?;
    world.journals().await?;
    world.fall(moving, &managers).await?;
    for (staff, manager) in [
        ("staff_ding", "wei"),
        ("staff_sui", "ping"),
        ("staff_meng", "gao"),
    ] {
        let person = managers.get(manager).copied();
        let person = person.ok_or_else(|| Failure::new(format!("no {manager}")))?;
        world.ask_leave(staff, person).await?;
    }
    Ok(world)
}

/// Those who work in cells, by name.
type Managers = BTreeMap<&'static str, PersonId>;

/// Two who are about to move.
struct Moving {
    manager: Caller,
    staff: Caller,
}

async fn organisation(server: &Server) -> Fallible<World> {
    let password = server.bootstrap("Top center", "root").await?;
    let nobody = Client::of(&server.url()?)?;
    let wish = json!({ "login": "root", "password": password });
    let reply = nobody.post("/auth/login", &wish).await?.done()?;
    let tokens: Tokens = serde_json::from_value(reply)?;
    let root = nobody.with_token(&tokens.access_token);
    let me = root.get("/me").await?.done()?;
    let top: OrgId = id_of(&me["person"], "org")?;
    let mut units = vec![Unit {
        id: top,
        parent: None,
        kind: UnitKind::Center,
    }];
    let mut add = async |parent: OrgId, kind: UnitKind, name: &str| {
        let wish = json!({ "parent": parent, "kind": word(kind), "name": name, "code": name });
        let made = root.post("/org-units", &wish).await?.done()?;
        let id: OrgId = id_of(&made, "id")?;
        units.push(Unit {
            id,
            parent: Some(parent),
            kind,
        });
        Ok::<OrgId, Failure>(id)
    };
    let north = add(top, UnitKind::Center, "north").await?;
    let south = add(top, UnitKind::Center, "south").await?;
    let ding = add(north, UnitKind::Station, "ding").await?;
    let places = Places {
        top,
        north,
        south,
        ding,
        crew: add(ding, UnitKind::Crew, "crew").await?,
        sui: add(north, UnitKind::Station, "sui").await?,
        meng: add(south, UnitKind::Station, "meng").await?,
    };
    let person = id_of(&me["person"], "id")?;
    let mut world = World::new(nobody, places, units);
    world.people.push(super::world::Person {
        id: person,
        unit: top,
        role: Role::Administrator,
        disabled: false,
    });
    world.sessions.push((person, id_of(&me, "session")?));
    world.callers.push(Caller {
        name: "root",
        person,
        role: Role::Administrator,
        unit: top,
        client: root,
        tokens,
        hand: None,
    });
    Ok(world)
}

/// The west edge of a column, the same number for both cells that share it.
fn edge(column: i32) -> f64 {
    f64::from(column) / COLUMNS
}

/// How far east the middle of a cell is, degrees.
pub(super) fn middle(cell: &Cell) -> f64 {
    edge(cell.column) + SIDE / 2.0
}

/// A kind of unit as the API names it.
pub(super) const fn word(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Center => "center",
        UnitKind::Station => "station",
        UnitKind::Crew => "crew",
        UnitKind::Team => "team",
    }
}

impl World {
    /// A caller with a password.
    async fn at_desk(&mut self, name: &'static str, person: PersonId) -> Fallible<Caller> {
        self.give_password(person).await?;
        let (tokens, _) = self.sign_in(person).await?;
        self.asking(name, person, tokens, None)
    }

    /// A caller with a handheld.
    async fn in_the_field(&mut self, name: &'static str, person: PersonId) -> Fallible<Caller> {
        let raw = self.enrol(person).await?;
        let spare: Vec<Digest> = (0..SPARE).map(|_| Digest(rand::random())).collect();
        let batch = batch(&raw, None, &spare);
        let tokens = raw.tokens.clone();
        let hand = Hand { raw, batch, spare };
        self.asking(name, person, tokens, Some(Arc::new(hand)))
    }

    fn asking(
        &self,
        name: &'static str,
        person: PersonId,
        tokens: Tokens,
        hand: Option<Arc<Hand>>,
    ) -> Fallible<Caller> {
        let known = self
            .person(person)
            .ok_or_else(|| Failure::new(format!("{name} is nobody")))?;
        Ok(Caller {
            name,
            person,
            role: known.role,
            unit: known.unit,
            client: self.nobody.with_token(&tokens.access_token),
            tokens,
            hand,
        })
    }

    async fn managers(&mut self) -> Fallible<Managers> {
        let place = self.places;
        let mut managers = Managers::new();
        for (name, unit) in [
            ("wei", place.ding),
            ("lan", place.crew),
            ("bo", place.ding),
            ("yun", place.crew),
            ("tao", place.ding),
            ("ping", place.sui),
            ("qiao", place.sui),
            ("gao", place.meng),
            ("hua", place.meng),
        ] {
            managers.insert(name, self.add_person(unit, Role::Manager).await?);
        }
        // A password ends the sessions of before, so the desk comes before the handheld.
        let desk = self.at_desk("wei_desk", managers["wei"]).await?;
        self.callers.push(desk);
        for name in ["wei", "lan", "bo", "yun", "ping", "gao"] {
            let caller = self.in_the_field(name, managers[name]).await?;
            self.callers.push(caller);
        }
        Ok(managers)
    }

    /// Territories, cells with A and B, customers.
    async fn ground(&mut self, managers: &Managers) -> Fallible<()> {
        let place = self.places;
        let is = |name: &str| managers.get(name).copied();
        for (code, station, column, a, b) in [
            ("G1", place.ding, 5_800, "wei", "lan"),
            ("G2", place.ding, 5_801, "lan", "tao"),
            ("G3", place.ding, 5_802, "bo", "wei"),
            ("G4", place.sui, 5_810, "ping", "qiao"),
            ("G5", place.meng, 5_850, "gao", "hua"),
        ] {
            self.cells.push(Cell {
                id: Uuid::nil().into(),
                code,
                station,
                column,
                a: is(a),
                b: is(b),
                account: format!("30000000{}", code.replace('G', "0")),
            });
        }
        let root = self.root()?;
        for station in [place.ding, place.sui, place.meng] {
            let path = format!("/stations/{station}/territory");
            root.post(&path, &self.territory(station)).await?.done()?;
            let listed = root
                .get(&format!("/cells?station={station}"))
                .await?
                .done()?;
            for cell in self.cells.iter_mut().filter(|cell| cell.station == station) {
                let listed = listed["cells"].as_array().into_iter().flatten();
                let mut named = listed.filter(|shown| shown["code"] == cell.code);
                let shown = named
                    .next()
                    .ok_or_else(|| Failure::new(format!("no cell {}", cell.code)))?;
                cell.id = id_of(shown, "id")?;
                let path = format!("/cells/{}/roles", cell.id);
                let wish = json!({ "role_a": cell.a, "role_b": cell.b });
                root.put(&path, &wish).await?.done()?;
            }
            let path = format!("/stations/{station}/customers");
            root.post(&path, &self.customers(station)).await?.done()?;
        }
        Ok(())
    }

    /// The territory of a station, as it is imported: its cells side by side.
    pub(super) fn territory(&self, station: OrgId) -> Value {
        let cells: Vec<&Cell> = self.cells.iter().filter(|c| c.station == station).collect();
        let feature = |geometry: Value, properties: Value| json!({ "type": "Feature", "geometry": geometry, "properties": properties });
        let square = |column: i32| {
            let (west, east, north) = (edge(column), edge(column + 1), SOUTH + SIDE);
            json!([[
                [west, SOUTH],
                [east, SOUTH],
                [east, north],
                [west, north],
                [west, SOUTH]
            ]])
        };
        let outlines = cells.iter().map(|cell| {
            let outline = json!({ "type": "Polygon", "coordinates": square(cell.column) });
            let properties =
                json!({ "code": cell.code, "name": cell.code, "station_areas": [cell.code] });
            feature(outline, properties)
        });
        let areas = cells.iter().map(|cell| {
            let place = [middle(cell), SOUTH + SIDE / 2.0];
            let properties = json!({
                "code": cell.code, "name": cell.code, "customers": 1, "area_class": "02",
                "feeder": "F1",
            });
            feature(json!({ "type": "Point", "coordinates": place }), properties)
        });
        let mut edges: Vec<f64> = cells.iter().map(|cell| edge(cell.column)).collect();
        edges.extend(cells.last().map(|cell| edge(cell.column + 1)));
        let south = edges.iter().map(|east| [*east, SOUTH]);
        let north = edges.iter().rev().map(|east| [*east, SOUTH + SIDE]);
        let mut ring: Vec<[f64; 2]> = south.chain(north).collect();
        ring.extend(ring.first().copied());
        let collection =
            |features: Vec<Value>| json!({ "type": "FeatureCollection", "features": features });
        json!({
            "datum": "WGS-84",
            "boundary": { "type": "Polygon", "coordinates": [ring] },
            "station_areas": collection(areas.collect()),
            "cells": collection(outlines.collect()),
            "reason": "for the matrix",
        })
    }

    /// The customers of a station, as they are imported.
    pub(super) fn customers(&self, station: OrgId) -> Value {
        let of_station = self.cells.iter().filter(|cell| cell.station == station);
        let customers: Vec<Value> = of_station
            .map(|cell| {
                json!({
                    "account_no": cell.account, "name": "Li", "station_area": cell.code,
                })
            })
            .collect();
        json!({ "customers": customers })
    }

    async fn about_to_move(&mut self, managers: &Managers) -> Fallible<Moving> {
        let person = self.add_person(self.places.ding, Role::Station).await?;
        Ok(Moving {
            manager: self.in_the_field("tao", managers["tao"]).await?,
            staff: self.at_desk("xue", person).await?,
        })
    }

    /// Orders in every cell and at two desks; two of them handed over by their owner.
    async fn work(&mut self, managers: &Managers, moving: &Moving) -> Fallible<()> {
        let place = self.places;
        for (by, code) in [
            ("staff_ding", "G1"),
            ("staff_crew", "G2"),
            ("staff_ding", "G3"),
            ("staff_sui", "G4"),
            ("staff_meng", "G5"),
        ] {
            self.take_in_at(by, code).await?;
        }
        self.take_in("staff_ding", None, Some(place.ding)).await?;
        self.take_in("staff_sui", None, Some(place.sui)).await?;
        let owner = self.caller("lan").map(|lan| lan.client.clone());
        let owner = owner.ok_or_else(|| Failure::new("no lan"))?;
        for to in [managers["yun"], moving.manager.person] {
            let order = self.take_in_at("staff_ding", "G2").await?;
            let path = format!("/orders/{order}/hand-over");
            let acted = owner.post(&path, &json!({ "to": to })).await?.done()?;
            self.note_owner(order, &acted)?;
        }
        Ok(())
    }

    async fn take_in_at(&mut self, by: &str, code: &str) -> Fallible<OrderId> {
        let cell = self.cells.iter().find(|cell| cell.code == code);
        let account = cell.map(|cell| cell.account.clone());
        self.take_in(by, account.as_deref(), None).await
    }

    /// Every handheld opens its journal and promises photos; two of them bring one for an
    /// order of theirs.
    async fn journals(&mut self) -> Fallible<()> {
        for (number, caller) in (1..).zip(self.callers.clone()) {
            let Some(hand) = &caller.hand else { continue };
            let order = self
                .orders
                .iter()
                .find(|order| order.owner == Some(caller.person))
                .filter(|_| ["wei", "ping"].contains(&caller.name))
                .map(|order| order.id);
            let photo = picture(number)?;
            let digest = Digest::of(&photo);
            let promise = order.map(|order| (order, digest, photo.len() as u64));
            let batch = batch(&hand.raw, promise, &hand.spare);
            let reply = hand.raw.push(&batch).await?;
            hand.raw.outcome_of(&reply)?;
            if let Some(order) = order {
                hand.raw.upload(&photo).await?;
                self.photos.push(Photo { digest, order });
            }
            let (raw, spare) = (hand.raw.clone(), hand.spare.clone());
            let hand = Some(Arc::new(Hand { raw, batch, spare }));
            let known = self.callers.iter_mut().find(|c| c.name == caller.name);
            if let Some(known) = known {
                known.hand = hand;
            }
            let journal = caller.hand.as_ref().map(|hand| hand.raw.journal);
            if let Some(journal) = journal.filter(|_| order.is_some()) {
                self.begin_upload(journal).await?;
            }
        }
        Ok(())
    }

    /// Two move, one is disabled, one handheld is revoked.
    async fn fall(&mut self, moving: Moving, managers: &Managers) -> Fallible<()> {
        let person = self.add_person(self.places.ding, Role::Station).await?;
        let disabled = self.at_desk("jin", person).await?;
        let revoked = self.in_the_field("qiao", managers["qiao"]).await?;
        let root = self.root()?;
        let change = async |person: PersonId, change: Value| {
            let path = format!("/people/{person}");
            let request = root.request(Method::PATCH, &path).json(&change);
            root.send(&path, request).await?.done()
        };
        change(person, json!({ "disabled": true })).await?;
        let sui = self.places.sui;
        for mover in [&moving.staff, &moving.manager] {
            change(mover.person, json!({ "org": sui })).await?;
        }
        if let Some(journal) = revoked.hand.as_ref().map(|hand| hand.raw.journal) {
            let path = format!("/handhelds/{journal}/revoke");
            root.post(&path, &json!({})).await?.done()?;
        }
        for known in &mut self.people {
            known.disabled |= known.id == person;
            if known.id == moving.staff.person || known.id == moving.manager.person {
                known.unit = sui;
            }
        }
        self.passed_on(moving.manager.person).await?;
        let ended = [person, revoked.person];
        self.sessions.retain(|(person, _)| !ended.contains(person));
        for mover in [&moving.staff, &moving.manager] {
            let renewed = self.renewed(mover).await?;
            self.callers.push(renewed);
        }
        self.fallen = Some(Fallen {
            disabled,
            revoked,
            moved_staff: moving.staff,
            moved_manager: moving.manager,
        });
        Ok(())
    }

    /// The same session with tokens that name the place where its person is now.
    async fn renewed(&self, caller: &Caller) -> Fallible<Caller> {
        let token = &caller.tokens.refresh_token;
        let wish = match &caller.hand {
            Some(hand) => hand.raw.renewal(token),
            None => json!({ "refresh_token": token }),
        };
        let reply = self.nobody.post("/auth/refresh", &wish).await?.done()?;
        let tokens: Tokens = serde_json::from_value(reply)?;
        let mut hand = caller.hand.as_deref().cloned();
        if let Some(hand) = &mut hand {
            hand.raw.client = self.nobody.with_token(&tokens.access_token);
            let packed = wire::pack(&hand.batch);
            let request = hand.raw.client.request(Method::POST, "/sync/push");
            let request = request.header("content-type", PACKED).body(packed);
            hand.raw.client.send("/sync/push", request).await?;
        }
        self.asking(caller.name, caller.person, tokens, hand.map(Arc::new))
    }
}

/// A journal's first batch: its opening, the photo of an order if there is one, and promises
/// for an order that nobody knows.
fn batch(raw: &RawHandheld, promise: Option<(OrderId, Digest, u64)>, spare: &[Digest]) -> Batch {
    let photo = |digest: Digest, bytes: u64| PhotoRef {
        digest,
        bytes,
        slot: SlotCode::from("site"),
    };
    let step = |order: OrderId, photos: Vec<PhotoRef>| {
        let done = StepDone {
            step: StepCode::from("arrived"),
            values: BTreeMap::new(),
            photos,
        };
        Entry::Record(raw.record(order, Event::StepDone(done))).to_bytes()
    };
    let mut entries = vec![raw.opening()];
    entries.extend(promise.map(|(order, digest, bytes)| step(order, vec![photo(digest, bytes)])));
    let unknown = OrderId(Uuid::from_bytes(rand::random()));
    let spare = spare.iter().map(|digest| photo(*digest, SPARE_BYTES));
    entries.push(step(unknown, spare.collect()));
    raw.batch(&entries)
}
