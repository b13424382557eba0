//! Stations and their ground, cells with A and B, customers.

use super::{EVERYONE, STATUS_ONLY, same, within};
use crate::{
    client::Reply,
    failure::Fallible,
    matrix::{
        ask::Ask,
        founding::{SIDE, SOUTH, middle},
        row::{Kind, Reads, Row, Target, Verdict, Who},
        world::{Caller, Role, World},
    },
    township::id_of,
};
use gridcrew_sync_protocol::ids::{CellId, OrgId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const MANAGES: Who = Who::Roles(&[Role::Station, Role::Administrator]);
const READS_ORDERS: Who = Who::Roles(&[Role::Manager, Role::Station, Role::Center]);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(writing());
    rows.extend(history());
    rows.extend(life());
    rows
}

fn reading() -> Vec<Row> {
    vec![
        Row::reading(
            "list_stations",
            Who::Roles(EVERYONE),
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "stations",
                next: "",
                queries: &[("", "", World::all_stations)],
            },
        ),
        Row::reading(
            "read_territory",
            Who::Roles(EVERYONE),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key),
            ground_if_seen,
            Reads::One(territory),
        ),
        Row::reading(
            "check_territory",
            Who::Roles(EVERYONE),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key),
            ground_if_seen,
            STATUS_ONLY,
        ),
        Row::reading(
            "split_progress",
            Who::Roles(EVERYONE),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(world.sees_station(caller, target.id()), 200),
            STATUS_ONLY,
        ),
        Row::reading(
            "export_territory_file",
            Who::Roles(EVERYONE),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).query("format", "shapefile"),
            ground_if_seen,
            STATUS_ONLY,
        ),
        Row::reading(
            "sheet_template",
            MANAGES,
            Kind::Nothing,
            |_, _, _| {
                Ask::plain()
                    .query("about", "accounts")
                    .query("format", "csv")
            },
            |_, _, _| Verdict::Done(200),
            STATUS_ONLY,
        ),
        Row::reading(
            "export_station_areas",
            Who::Roles(EVERYONE),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).query("format", "csv"),
            ground_if_seen,
            STATUS_ONLY,
        ),
        Row::reading(
            "export_customers",
            Who::Roles(&[Role::Station]),
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).query("format", "csv"),
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
            Reads::One(accounts),
        ),
        Row::reading(
            "list_cells",
            Who::Roles(EVERYONE),
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "cells",
                next: "after",
                queries: &[("", "", World::all_cells)],
            },
        ),
        Row::reading(
            "list_boards",
            Who::Roles(EVERYONE),
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "boards",
                next: "after",
                queries: &[("", "", World::all_cells)],
            },
        ),
        Row::reading(
            "read_board",
            Who::Roles(EVERYONE),
            Kind::Cell,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(world.sees_cell(caller, target.id()), 200),
            STATUS_ONLY,
        ),
        Row::reading(
            "locate",
            Who::Roles(EVERYONE),
            Kind::Cell,
            |world, _, target| {
                let middle = world.cell(target.id()).map_or(0.0, middle);
                Ask::plain().json(json!({ "position": {
                    "datum": "WGS-84", "lon": middle, "lat": SOUTH + SIDE / 2.0,
                } }))
            },
            |_, _, _| Verdict::Done(200),
            Reads::One(located),
        ),
        Row::reading(
            "find_customer",
            READS_ORDERS,
            Kind::Customer,
            |_, _, target| Ask::plain().query("account_no", &target.key),
            |world, caller, target| Verdict::done_if(world.sees_customer(caller, &target.key), 200),
            Reads::One(customer),
        ),
    ]
}

fn ground_if_seen(world: &World, caller: &Caller, target: &Target) -> Verdict {
    let station: OrgId = target.id();
    let visible = world.sees_station(caller, station);
    if visible && !world.cells.iter().any(|cell| cell.station == station) {
        return Verdict::Refused(409, "territory.none");
    }
    Verdict::done_if(visible, 200)
}

fn territory(world: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let features = shown["features"].as_array().into_iter().flatten();
    let ids = features.filter_map(|feature| feature["properties"]["id"].as_str()?.parse().ok());
    let station: OrgId = target.id();
    let of_station = world.cells.iter().filter(|cell| cell.station == station);
    let wanted: BTreeSet<Uuid> = of_station.map(|cell| cell.id.into()).collect();
    same("cells", &ids.collect(), &wanted)
}

/// In the middle of a cell: that cell, for who sees it; and nothing near by that he does not.
fn located(world: &World, caller: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let cell: Option<CellId> = serde_json::from_value(shown["cell"].clone())?;
    let id: CellId = target.id();
    let wanted = Some(id).filter(|id| world.sees_cell(caller, *id));
    same("cell", &cell, &wanted)?;
    let near = shown["candidates"].as_array().into_iter().flatten();
    let near: Fallible<BTreeSet<Uuid>> = near.map(|near| id_of(&near["cell"], "id")).collect();
    within("cells near by", &near?, &world.all_cells(caller))
}

fn customer(world: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    same("account", &shown["account_no"], &json!(target.key))?;
    let cell = world.cell_of(&target.key);
    same("cell", &shown["cell"], &json!(cell.map(|cell| cell.id)))?;
    let station = cell.map(|cell| cell.station);
    same("station", &shown["station"], &json!(station))
}

/// The accounts of the station, and no others.
fn accounts(world: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let text = String::from_utf8_lossy(&reply.bytes);
    let rows = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next());
    let shown: BTreeSet<String> = rows.map(str::to_owned).collect();
    let station: OrgId = target.id();
    let of_station = world.cells.iter().filter(|cell| cell.station == station);
    let wanted = of_station.map(|cell| cell.account.clone()).collect();
    same("accounts", &shown, &wanted)
}

fn writing() -> Vec<Row> {
    vec![
        Row::writing(
            "import_territory_file",
            MANAGES,
            Kind::Ground,
            |world, _, target| {
                Ask::about(&target.key)
                    .query("format", "geojson")
                    .query("reason", "matrix")
                    .file(file_of(&ground_of(world, target)))
            },
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
        Row::writing(
            "import_station_areas",
            MANAGES,
            Kind::Ground,
            |_, _, target| {
                let sheet = b"code,name\n".to_vec();
                Ask::about(&target.key).query("format", "csv").file(sheet)
            },
            ground_if_seen,
        ),
        Row::writing(
            "import_customers_sheet",
            MANAGES,
            Kind::Ground,
            |world, _, target| {
                let customers = world.customers(target.id());
                let mut sheet = "account_no,name,station_area\n".to_owned();
                for customer in customers["customers"].as_array().into_iter().flatten() {
                    let cell = |name: &str| customer[name].as_str().unwrap_or_default().to_owned();
                    let (account, area) = (cell("account_no"), cell("station_area"));
                    sheet += &format!("{account},{},{area}\n", cell("name"));
                }
                let ask = Ask::about(&target.key).query("format", "csv");
                ask.file(sheet.into_bytes())
            },
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
        Row::writing(
            "import_territory",
            MANAGES,
            Kind::Ground,
            |world, _, target| Ask::about(&target.key).json(ground_of(world, target)),
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
        Row::writing(
            "split_territory",
            MANAGES,
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).json(json!({ "cells": 1, "accept": false })),
            ground_if_seen,
        ),
        Row::writing(
            "set_cell_roles",
            MANAGES,
            Kind::Cell,
            |world, _, target| {
                let cell = world.cell(target.id());
                let cell = cell.or_else(|| world.cells.first());
                let roles = cell.map(|cell| (cell.a, cell.b)).unwrap_or_default();
                Ask::about(&target.key).json(json!({ "role_a": roles.0, "role_b": roles.1 }))
            },
            |world, caller, target| Verdict::done_if(world.sees_cell(caller, target.id()), 200),
        ),
        Row::writing(
            "propose_pairs",
            MANAGES,
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).json(json!({})),
            ground_if_seen,
        ),
        Row::writing(
            "accept_pairs",
            MANAGES,
            Kind::Ground,
            |_, _, target| {
                let wish = json!({ "of": "0".repeat(64), "pairs": [] });
                Ask::about(&target.key).json(wish)
            },
            |world, caller, target| conflict_if(world.sees_station(caller, target.id())),
        ),
        Row::writing(
            "set_board",
            MANAGES,
            Kind::Cell,
            |_, _, target| {
                Ask::about(&target.key).json(json!({ "phone": "95598", "service_zh": "x" }))
            },
            |world, caller, target| Verdict::done_if(world.sees_cell(caller, target.id()), 200),
        ),
        Row::writing(
            "board_posted",
            MANAGES,
            Kind::Cell,
            |_, _, target| Ask::about(&target.key).json(json!({ "mark": "old" })),
            |world, caller, target| conflict_if(world.sees_cell(caller, target.id())),
        ),
        Row::writing(
            "board_taken_down",
            MANAGES,
            Kind::Cell,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| conflict_if(world.sees_cell(caller, target.id())),
        ),
        Row::writing(
            "import_customers",
            MANAGES,
            Kind::Ground,
            |world, _, target| Ask::about(&target.key).json(world.customers(target.id())),
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
    ]
}

/// It is visible, but something else is there than was looked at.
fn conflict_if(visible: bool) -> Verdict {
    if visible {
        Verdict::Refused(409, "conflict")
    } else {
        Verdict::NOT_FOUND
    }
}

/// What was, and what is planned.
fn history() -> Vec<Row> {
    let reading = |id, ask, verdict| {
        Row::reading(
            id,
            Who::Roles(EVERYONE),
            Kind::Ground,
            ask,
            verdict,
            STATUS_ONLY,
        )
    };
    vec![
        reading(
            "list_territory_versions",
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
        reading(
            "list_territory_plans",
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(has_cells(world, caller, target), 200),
        ),
        reading(
            "read_territory_at",
            |_, _, target| Ask::about(&target.key).query("at", LATER),
            ground_if_seen,
        ),
        reading(
            "whose_was_it",
            |_, _, target| {
                Ask::about(&target.key)
                    .query("at", LATER)
                    .query("village", "a")
            },
            ground_if_seen,
        ),
    ]
}

/// A moment after all that happens in this world, milliseconds since 1970.
const LATER: i64 = 4_000_000_000_000;

/// Editing and undoing are looked at only; nothing is planned in this world.
fn life() -> Vec<Row> {
    let on_plan =
        |id, ask| Row::writing(id, MANAGES, Kind::Ground, ask, |_, _, _| Verdict::NOT_FOUND);
    vec![
        Row::writing(
            "edit_territory",
            MANAGES,
            Kind::Ground,
            |world, _, target| {
                let own = world.cells.iter().find(|cell| cell.station == target.id());
                let edit = json!({
                    "do": "rename", "cell": own.map_or("none", |cell| cell.code), "name": "other",
                });
                Ask::about(&target.key).json(json!({ "edits": [edit] }))
            },
            ground_if_seen,
        ),
        Row::writing(
            "undo_territory",
            MANAGES,
            Kind::Ground,
            |_, _, target| Ask::about(&target.key).json(json!({ "version": 1 })),
            |world, caller, target| match ground_if_seen(world, caller, target) {
                Verdict::Done(_) => Verdict::Refused(409, "territory.cannot_undo"),
                verdict => verdict,
            },
        ),
        on_plan("rebase_territory_plan", |_, _, target| {
            Ask::about(&target.key).json(json!({}))
        }),
        on_plan("cancel_territory_plan", |_, _, target| {
            Ask::about(&target.key)
        }),
    ]
}

/// The territory of the target, or that of some station where it has none.
fn ground_of(world: &World, target: &Target) -> Value {
    let station: OrgId = target.id();
    let own = world.cells.iter().any(|cell| cell.station == station);
    world.territory(if own { station } else { world.places.ding })
}

/// The three parts of an import as one file.
fn file_of(ground: &Value) -> Vec<u8> {
    let mut features = vec![json!({
        "type": "Feature",
        "geometry": ground["boundary"],
        "properties": { "kind": "boundary" },
    })];
    for (part, kind) in [("cells", "cell"), ("station_areas", "station_area")] {
        for feature in ground[part]["features"].as_array().into_iter().flatten() {
            let mut feature = feature.clone();
            feature["properties"]["kind"] = json!(kind);
            features.push(feature);
        }
    }
    let datum = &ground["datum"];
    json!({ "type": "FeatureCollection", "datum": datum, "features": features })
        .to_string()
        .into_bytes()
}

fn has_cells(world: &World, caller: &Caller, target: &Target) -> bool {
    world.sees_station(caller, target.id())
}
