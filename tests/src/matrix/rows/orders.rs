//! Orders: taking in, listing, reading, acting.

use super::same;
use crate::{
    client::Reply,
    failure::Fallible,
    matrix::{
        ask::Ask,
        row::{Kind, Reads, Row, Target, Verdict, Who},
        world::{Caller, Order, Role, World},
    },
    township::id_of,
};
use gridcrew_sync_protocol::ids::{OrderId, OrgId, PersonId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const TAKES_IN: Who = Who::Roles(&[Role::Station, Role::Center]);
const READS: Who = Who::Roles(&[Role::Manager, Role::Station, Role::Center]);
const EXPORTS: Who = Who::Roles(&[Role::Station]);
const ACTS: Who = Who::Roles(&[Role::Manager, Role::Station]);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(acting());
    rows.extend(handing_over());
    rows.push(
        Row::writing(
            "take_in_order",
            TAKES_IN,
            Kind::Customer,
            |world, _, target| Ask::plain().json(world.new_order(Some(&target.key), None)),
            |world, caller, target| {
                // An account that he does not see says nothing; then his own station must.
                let placed = world.sees_customer(caller, &target.key);
                match world.station_of(caller.unit) {
                    None if !placed => Verdict::Hidden(422, "request.invalid"),
                    _ => Verdict::Done(201),
                }
            },
        )
        .comparing(taken_in)
        .learning(|world, caller, _, made| {
            world.note_order(caller, made)?;
            Ok(())
        }),
    );
    rows
}

fn taken_in(world: &World, caller: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let order: Value = serde_json::from_slice(&reply.bytes)?;
    let station: OrgId = id_of(&order, "station")?;
    let seen = world
        .cell_of(&target.key)
        .filter(|_| world.sees_customer(caller, &target.key));
    let Some(cell) = seen else {
        same("customer", &order["customer"], &Value::Null)?;
        same("cell", &order["cell"], &Value::Null)?;
        return same("station", &Some(station), &world.station_of(caller.unit));
    };
    same("station", &station, &cell.station)?;
    let of_cell: Uuid = id_of(&order["cell"], "id")?;
    same("cell", &of_cell, &cell.id.into())?;
    let owner: PersonId = id_of(&order["owner"]["person"], "id")?;
    same("owner", &Some(owner), &cell.a)
}

fn reading() -> Vec<Row> {
    let one = |id| {
        Row::reading(
            id,
            READS,
            Kind::Order,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(world.sees_order(caller, target.id()), 200),
            Reads::One(about_it),
        )
    };
    vec![
        Row::reading(
            "list_orders",
            READS,
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "orders",
                next: "next",
                queries: &[
                    ("", "", |world, caller| world.orders_such(caller, |_| true)),
                    ("list", "mine", mine),
                    ("list", "made", |world, caller| {
                        world.orders_such(caller, |order| order.taken_in_by == caller.person)
                    }),
                    ("list", "concerning", concerning),
                ],
            },
        ),
        one("read_order").comparing(order),
        one("read_order_trace"),
        one("read_order_routing"),
        Row {
            who: EXPORTS,
            ..one("export_order").comparing(exported)
        },
    ]
}

/// Orders to do: one's own, and for staff those of the desk.
fn mine(world: &World, caller: &Caller) -> BTreeSet<Uuid> {
    let desk = world
        .station_of(caller.unit)
        .filter(|_| caller.role == Role::Station);
    world.orders_such(caller, |order| match order.owner {
        Some(owner) => owner == caller.person,
        None => desk == Some(order.station),
    })
}

/// Orders that he was ever given, or of his cells.
fn concerning(world: &World, caller: &Caller) -> BTreeSet<Uuid> {
    world.orders_such(caller, |order| {
        order.given_to.contains(&caller.person)
            || order
                .cell
                .is_some_and(|cell| world.answers_for(caller, cell))
    })
}

/// The answer names the order that was asked for.
fn about_it(_: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let order: OrderId = id_of(&shown, "order")?;
    same("order", &order, &target.id())
}

/// The archive speaks of the order and of no other.
fn exported(world: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let text = String::from_utf8_lossy(&reply.bytes);
    let named = world.orders.iter().map(|order| order.id.to_string());
    let named: Vec<String> = named.filter(|id| text.contains(id)).collect();
    same("orders", &named, &vec![target.key.clone()])
}

/// The order, and the customer's number whole or in part.
fn order(world: &World, caller: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let id: OrderId = id_of(&shown, "id")?;
    same("order", &id, &target.id())?;
    let whole = world
        .order(id)
        .is_some_and(|order| world.reads_phone(caller, order));
    let phone = if whole { "13900001234" } else { "*******1234" };
    same("phone", &shown["details"]["contact_phone"], &json!(phone))
}

fn acting() -> Vec<Row> {
    let acting = |id, ask, verdict| {
        Row::writing(id, ACTS, Kind::FreshOrder, ask, verdict)
            .spending()
            .learning(|world, _, target, acted| world.note_owner(target.id(), acted))
    };
    vec![
        acting(
            "take_order",
            |_, _, target| Ask::about(&target.key).json(json!({})),
            |world, caller, target| acted(world, caller, target, Verdict::Done(200)),
        ),
        acting(
            "decline_order",
            |_, _, target| Ask::about(&target.key).json(json!({ "reason": "busy" })),
            // There is nobody after the desk.
            |world, caller, target| acted(world, caller, target, Verdict::Refused(409, "conflict")),
        ),
        acting(
            "hand_order_over",
            |world, _, target| Ask::about(&target.key).json(json!({ "to": heir(world, target) })),
            |world, caller, target| match acted(world, caller, target, Verdict::Done(200)) {
                // The staff of the station may hand over whatever is open.
                Verdict::Refused(409, _) if caller.role == Role::Station => Verdict::Done(200),
                verdict => verdict,
            },
        ),
    ]
}

/// Nothing is offered in this world: its territories move no open order.
fn handing_over() -> Vec<Row> {
    vec![
        Row::reading(
            "list_hand_overs",
            READS,
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "hand_overs",
                next: "after",
                queries: &[("", "", |_, _| BTreeSet::new())],
            },
        ),
        Row::writing(
            "answer_hand_over",
            ACTS,
            Kind::Order,
            |_, _, target| Ask::about(&target.key).json(json!({ "answer": "keep" })),
            |_, _, _| Verdict::NOT_FOUND,
        ),
    ]
}

/// Only the owner acts; for a desk, the staff of its station.
fn acted(world: &World, caller: &Caller, target: &Target, by_desk: Verdict) -> Verdict {
    let order = world
        .order(target.id())
        .filter(|order| world.sees_this_order(caller, order));
    match order {
        None => Verdict::NOT_FOUND,
        Some(Order {
            owner: Some(owner), ..
        }) if *owner == caller.person => Verdict::Done(200),
        Some(Order { owner: None, .. }) if caller.role == Role::Station => by_desk,
        Some(_) => Verdict::Refused(409, "order.not_owner"),
    }
}

/// Someone of the order's station who never is its first owner.
fn heir(world: &World, target: &Target) -> Option<PersonId> {
    let station = world.order(target.id()).map(|order| order.station);
    let station = station.unwrap_or(world.places.ding);
    let never_first = |person: PersonId| !world.cells.iter().any(|cell| cell.a == Some(person));
    let found = world.people.iter().find(|person| {
        person.role == Role::Manager
            && never_first(person.id)
            && world.station_of(person.unit) == Some(station)
    });
    found.map(|person| person.id)
}
