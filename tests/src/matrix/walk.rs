//! Asking every row by every caller about every target.

use super::{
    ask::Ask,
    document::Operation,
    model::Relation,
    row::{Kind, Listed, Reads, Row, Target, Verdict, Who},
    world::{Caller, Role, World},
};
use crate::{
    client::Reply,
    failure::{Failure, Fallible, ensure},
    township::{id_of, text_of},
};
use gridcrew_sync_protocol::feed::FeedItem;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A line of the matrix: an operation and its row.
pub(super) type Line = (Operation, Row);

/// Asks everything that only reads.
///
/// # Errors
/// The first answer that is another than the matrix says.
pub(super) async fn reads(world: &mut World, table: &[Line]) -> Fallible<()> {
    walk(world, table, false).await
}

/// Asks everything that changes something.
///
/// # Errors
/// The first answer that is another than the matrix says.
pub(super) async fn writes(world: &mut World, table: &[Line]) -> Fallible<()> {
    walk(world, table, true).await
}

async fn walk(world: &mut World, table: &[Line], writing: bool) -> Fallible<()> {
    let mut wrong = Wrong::default();
    let mut seen = BTreeSet::new();
    for line in table.iter().filter(|(_, row)| row.writes == writing) {
        for caller in world.callers.clone() {
            seen.extend(row(world, line, &caller, &mut wrong).await);
        }
    }
    wrong.none()?;
    for role in Role::ALL {
        for relation in Relation::ALL {
            // Over all kinds of things each relation must have come up for each role.
            ensure(seen.contains(&(role.name(), relation)), || {
                format!("no {} was asked about anything {relation:?}", role.name())
            })?;
        }
    }
    Ok(())
}

/// What was answered otherwise than the matrix says.
#[derive(Default)]
pub(super) struct Wrong(Vec<String>);

impl Wrong {
    pub(super) fn note(&mut self, outcome: Fallible<()>, what: impl FnOnce() -> String) {
        if let Err(failure) = outcome {
            self.0.push(format!("{}: {failure}", what()));
        }
    }

    pub(super) fn none(self) -> Fallible<()> {
        const NAMED: usize = 40;
        let count = self.0.len();
        let named: Vec<String> = self.0.into_iter().take(NAMED).collect();
        ensure(count == 0, || {
            format!("{count} answers are wrong, such as\n{}", named.join("\n"))
        })
    }
}

/// One row by one caller; gives the relations that came up, be it that they were forbidden.
async fn row(
    world: &mut World,
    line: &Line,
    caller: &Caller,
    wrong: &mut Wrong,
) -> Vec<(&'static str, Relation)> {
    let (operation, row) = line;
    let by = format!("{} by {}", operation.id, caller.name);
    let targets = world.targets(row.about, caller);
    let relation = |world: &World, place| world.relation(caller, place);
    let placed = targets.iter().filter_map(|target| target.place);
    let seen = placed
        .map(|place| (caller.role.name(), relation(world, place)))
        .collect();
    if !row.who.includes(caller) {
        wrong.note(forbidden(world, line, caller).await, || by);
        return seen;
    }
    if row.by_hand {
        return seen;
    }
    for target in targets {
        let relation = target.place.map(|place| relation(world, place));
        let outcome = match (row.verdict)(world, caller, &target) {
            Verdict::Done(status) => done(world, line, caller, &target, status).await,
            Verdict::Refused(status, code) => match ask(world, line, caller, &target).await {
                Ok(reply) => refused(&reply, line, (status, code)),
                Err(failure) => Err(failure),
            },
            Verdict::Hidden(status, code) => {
                hidden(world, line, caller, &target, (status, code)).await
            }
        };
        let about = || format!("{by} about {:?} {} ({relation:?})", row.about, target.key);
        wrong.note(outcome, about);
    }
    if matches!(row.who, Who::Anybody) {
        wrong.note(without_token(world, operation).await, || by);
    }
    seen
}

async fn without_token(world: &World, operation: &Operation) -> Fallible<()> {
    let reply = Ask::plain().with(&world.nobody, operation).await?;
    ensure((200..300).contains(&reply.status), || reply.said())
}

async fn ask(world: &World, line: &Line, caller: &Caller, target: &Target) -> Fallible<Reply> {
    let (operation, row) = line;
    (row.ask)(world, caller, target).by(caller, operation).await
}

/// Whatever it is about, there or not, seen or not: the answer is the same.
async fn forbidden(world: &World, line: &Line, caller: &Caller) -> Fallible<()> {
    let about = line.1.about;
    let mut targets = world.targets(about, caller);
    targets.push(made_up(about));
    let mut first: Option<Reply> = None;
    for target in targets {
        let reply = ask(world, line, caller, &target).await?;
        refused(&reply, line, (403, "auth.forbidden"))?;
        let first = first.get_or_insert_with(|| reply.clone());
        ensure(first.bytes == reply.bytes, || {
            format!("{} and {}", first.said(), reply.said())
        })?;
    }
    Ok(())
}

/// A refusal; without a body where the method has none.
pub(super) fn refused(reply: &Reply, line: &Line, (status, code): (u16, &str)) -> Fallible<()> {
    if line.0.method == Method::HEAD {
        ensure(reply.status == status, || reply.said())
    } else {
        reply.refused(status, code)
    }
}

async fn done(
    world: &mut World,
    line: &Line,
    caller: &Caller,
    target: &Target,
    status: u16,
) -> Fallible<()> {
    let row = &line.1;
    let target = if row.spends {
        world.one_like(row.about, target).await?
    } else {
        target.clone()
    };
    let reply = ask(world, line, caller, &target).await?;
    ensure(reply.status == status, || {
        format!("wanted {status}: {}", reply.said())
    })?;
    match row.reads {
        Reads::Nothing => {}
        Reads::One(compare) => compare(world, caller, &target, &reply)
            .map_err(|failure| failure.during(&reply.said()))?,
        Reads::List {
            items,
            next,
            queries,
        } => {
            for (name, value, listed) in queries {
                list(world, line, caller, (items, next), (name, value, *listed)).await?;
            }
        }
        Reads::Feed => feed(world, caller).await?,
    }
    if let Some(learns) = row.learns {
        let said = match reply.bytes.as_slice() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes)?,
        };
        learns(world, caller, &target, &said)?;
    }
    Ok(())
}

/// The answer about something hidden and the answer about something made up are one.
async fn hidden(
    world: &World,
    line: &Line,
    caller: &Caller,
    target: &Target,
    (status, code): (u16, &str),
) -> Fallible<()> {
    let made_up = made_up(line.1.about);
    let foreign = ask(world, line, caller, target).await?;
    let missing = ask(world, line, caller, &made_up).await?;
    refused(&foreign, line, (status, code))?;
    let text = |reply: &Reply, target: &Target| {
        let text = String::from_utf8_lossy(&reply.bytes).into_owned();
        text.replace(&target.key, "KEY")
    };
    ensure(
        foreign.status == missing.status && text(&foreign, target) == text(&missing, &made_up),
        || format!("{} but {}", foreign.said(), missing.said()),
    )
}

/// All pages of a list have together just what the model says.
async fn list(
    world: &World,
    line: &Line,
    caller: &Caller,
    (items, next): (&str, &str),
    (name, value, listed): (&'static str, &str, Listed),
) -> Fallible<()> {
    let mut found = BTreeSet::new();
    let mut after: Option<String> = None;
    loop {
        let mut ask = Ask::plain();
        if !name.is_empty() {
            ask = ask.query(name, value);
        }
        if let Some(after) = &after {
            ask = ask.query("after", after);
        }
        let page = ask.by(caller, &line.0).await?.done()?;
        let shown = page[items].as_array();
        let shown = shown.ok_or_else(|| Failure::new(format!("no {items} in {page}")))?;
        for item in shown {
            let id: Uuid = id_of(item, "id")?;
            ensure(found.insert(id), || format!("{id} is listed twice"))?;
        }
        match page.get(next).and_then(Value::as_str) {
            Some(more) => after = Some(more.to_owned()),
            None => break,
        }
    }
    let wanted = listed(world, caller);
    ensure(found == wanted, || {
        format!(
            "{name}={value}: listed but not his to see: {:?}; his to see but not listed: {:?}",
            found.difference(&wanted).collect::<Vec<_>>(),
            wanted.difference(&found).collect::<Vec<_>>()
        )
    })
}

/// The feed from its beginning brings the orders, cells, customers and colleagues of its
/// person, and no others.
async fn feed(world: &World, caller: &Caller) -> Fallible<()> {
    let hand = caller.hand.as_ref();
    let hand = hand.ok_or_else(|| Failure::new("no handheld"))?;
    let (items, _) = hand.raw.feed(None).await?;
    let (mut orders, mut cells) = (BTreeSet::new(), BTreeSet::new());
    let (mut accounts, mut colleagues) = (BTreeSet::new(), BTreeSet::new());
    for item in items {
        match item {
            FeedItem::Order(item) => drop(orders.insert(item.order.into())),
            FeedItem::Cell(cell) => drop(cells.insert(cell.id.into())),
            FeedItem::Closed(closed) => drop(orders.insert(closed.order.into())),
            FeedItem::Customer(customer) => drop(accounts.insert(customer.account_no)),
            FeedItem::Customers(table) => {
                accounts.extend(table.0.into_iter().map(|customer| customer.account_no));
            }
            FeedItem::Me(me) => {
                colleagues.extend(me.colleagues.into_iter().map(|one| one.person.0));
            }
            _ => {}
        }
    }
    ensure(orders == world.orders_such(caller, |_| true), || {
        format!("orders of the feed: {orders:?}")
    })?;
    ensure(cells == world.own_cells(caller), || {
        format!("cells of the feed: {cells:?}")
    })?;
    ensure(accounts == world.all_accounts(caller), || {
        format!("customers of the feed: {accounts:?}")
    })?;
    ensure(colleagues == world.colleagues(caller), || {
        format!("colleagues of the feed: {colleagues:?}")
    })
}

/// Something of that kind that is not there.
pub(super) fn made_up(kind: Kind) -> Target {
    let key = match kind {
        Kind::Customer => format!("4{:09}", rand::random::<u32>() % 1_000_000_000),
        Kind::Photo | Kind::Promise => hex::encode(rand::random::<[u8; 32]>()),
        _ => Uuid::from_bytes(rand::random()).to_string(),
    };
    Target { key, place: None }
}

impl World {
    /// The things of a kind that the caller is asked to ask about, at all places. What was
    /// made since the world was founded is not among them.
    pub(super) fn targets(&self, kind: Kind, caller: &Caller) -> Vec<Target> {
        let place = self.places;
        let target = |key: String, place| Target {
            key,
            place: Some(place),
        };
        let names = |names: &[&str]| -> Vec<Caller> {
            let known = names.iter().filter_map(|name| self.caller(name));
            known.cloned().collect()
        };
        let hands = names(&["wei", "lan", "ping", "gao"]).into_iter();
        match kind {
            Kind::Nothing => vec![Target {
                key: String::new(),
                place: None,
            }],
            Kind::Unit => [
                place.top,
                place.north,
                place.south,
                place.ding,
                place.crew,
                place.sui,
                place.meng,
            ]
            .map(|unit| target(unit.to_string(), unit))
            .to_vec(),
            Kind::Ground => [place.north, place.ding, place.crew, place.sui, place.meng]
                .map(|unit| target(unit.to_string(), unit))
                .to_vec(),
            Kind::Person => names(&[
                "admin_north",
                "center_top",
                "center_north",
                "center_south",
                "staff_ding",
                "wei",
                "yun",
                "tao",
                "ping",
                "gao",
            ])
            .into_iter()
            .map(|one| target(one.person.to_string(), one.unit))
            .collect(),
            Kind::Session => names(&["admin_ding", "center_north", "staff_ding", "wei_desk"])
                .into_iter()
                .filter_map(|one| {
                    let (_, session) = self.sessions.iter().find(|(who, _)| *who == one.person)?;
                    Some(target(session.to_string(), one.unit))
                })
                .collect(),
            Kind::Device | Kind::Journal => hands
                .chain(caller.hand.is_some().then(|| caller.clone()))
                .filter_map(|one| Some((one.hand?.raw.journal, one.unit)))
                .map(|(journal, unit)| target(journal.to_string(), unit))
                .collect(),
            Kind::Promise => hands
                .filter_map(|one| Some((one.hand?.spare.last()?.to_string(), one.unit)))
                .map(|(photo, unit)| target(photo, unit))
                .collect(),
            Kind::Upload => {
                let begun = self.uploads.iter().take(2).filter_map(|upload| {
                    let person = self.device(upload.journal)?.person;
                    Some(target(upload.id.clone(), self.person(person)?.unit))
                });
                begun.collect()
            }
            Kind::Cell | Kind::Customer => {
                // Nobody can confirm B of G2: he moved away.
                let cells = self.cells.iter().filter(|cell| cell.code != "G2");
                cells
                    .map(|cell| match kind {
                        Kind::Cell => target(cell.id.to_string(), cell.station),
                        _ => target(cell.account.clone(), cell.station),
                    })
                    .collect()
            }
            Kind::Order => {
                let founded = self.orders.iter().take(FOUNDED);
                founded
                    .map(|order| target(order.id.to_string(), order.station))
                    .collect()
            }
            Kind::FreshOrder => {
                let founded = self.orders.iter().take(FOUNDED - HANDED_OVER);
                founded
                    .map(|order| target(order.id.to_string(), order.station))
                    .collect()
            }
            Kind::Leave => {
                let founded = self.leaves.iter().take(LEAVES);
                founded
                    .map(|leave| target(leave.id.to_string(), leave.station))
                    .collect()
            }
            Kind::Photo => {
                let known = self.photos.iter().filter_map(|photo| {
                    let order = self.order(photo.order)?;
                    Some(target(photo.digest.to_string(), order.station))
                });
                known.collect()
            }
        }
    }
}

/// How many orders the world was founded with.
const FOUNDED: usize = 9;
/// How many of them, the last, were handed over.
const HANDED_OVER: usize = 2;
/// How many leaves it was founded with.
const LEAVES: usize = 3;

/// Ids that stand in bodies and queries: what is named but hidden is as what is made up.
///
/// # Errors
/// The first answer that tells them apart, and the first filter that shows what is hidden.
pub(super) async fn references(world: &World) -> Fallible<()> {
    let get = |name: &str| {
        let found = world.caller(name);
        found.ok_or_else(|| Failure::new(format!("no {name}")))
    };
    let (admin, staff, wei) = (get("admin_ding")?, get("staff_ding")?, get("wei")?);
    let (foreign, foreign_unit) = (get("gao")?.person.to_string(), world.places.sui.to_string());
    let missing = || Uuid::from_bytes(rand::random()).to_string();
    let own_cell = world.cells.first().map(|cell| cell.id.to_string());
    let own_cell = own_cell.unwrap_or_default();
    let own_order = world.orders.first().map(|order| order.id.to_string());
    let own_order = own_order.unwrap_or_default();
    let same = async |caller: &Caller,
                      method: Method,
                      path: String,
                      body: &dyn Fn(&str) -> Value,
                      hidden: &str| {
        let made_up = missing();
        let mut said = Vec::new();
        for key in [hidden, &made_up] {
            let request = caller
                .client
                .request(method.clone(), &path)
                .json(&body(key));
            let reply = caller.client.send(&path, request).await?;
            let code = reply.problem()?;
            said.push((reply.said().replace(key, "KEY"), code));
        }
        ensure(said.windows(2).all(|two| two[0] == two[1]), || {
            format!("{path}: {said:?}")
        })
    };
    let put = Method::PUT;
    let roles = format!("/cells/{own_cell}/roles");
    same(staff, put, roles, &|key| json!({ "role_b": key }), &foreign).await?;
    let hand_over = format!("/orders/{own_order}/hand-over");
    same(
        wei,
        Method::POST,
        hand_over,
        &|key| json!({ "to": key }),
        &foreign,
    )
    .await?;
    let own_person = format!("/people/{}", wei.person);
    let to_unit = |key: &str| json!({ "org": key });
    same(admin, Method::PATCH, own_person, &to_unit, &foreign_unit).await?;
    let desk = |key: &str| {
        let mut order = world.new_order(None, None);
        order["station_id"] = json!(key);
        order
    };
    same(
        staff,
        Method::POST,
        "/orders".to_owned(),
        &desk,
        &foreign_unit,
    )
    .await?;
    let foreign_cell = world.cells.last().map(|cell| cell.id.to_string());
    let foreign_cell = foreign_cell.unwrap_or_default();
    for (caller, path, items) in [
        (staff, format!("/people?org={foreign_unit}"), "items"),
        (staff, format!("/handhelds?person={foreign}"), "items"),
        (staff, format!("/cells?station={foreign_unit}"), "cells"),
        (staff, format!("/orders?owner={foreign}"), "orders"),
        (wei, format!("/orders?owner={foreign}"), "orders"),
        (wei, format!("/orders?cell={foreign_cell}"), "orders"),
        (admin, format!("/audit?person={foreign}"), "items"),
    ] {
        let page = caller.client.get(&path).await?.done()?;
        let found = page[items].as_array().map(Vec::len);
        ensure(found == Some(0), || {
            format!("{path} by {}: {page}", caller.name)
        })?;
        if items == "orders" {
            let counted = text_of(&json!({ "all": page["counts"]["all"].to_string() }), "all")?;
            ensure(counted == "0", || format!("{path} counts {counted}"))?;
        }
    }
    Ok(())
}
