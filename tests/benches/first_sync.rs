//! What a manager's first sync costs: 1,000 customers, 300 orders, workflows and prompt
//! cards.
//!
//! `cargo bench -p gridcrew-tests --bench first_sync` (with `gridcrew` built in release)
//! fills a real server process on SQLite: customers with names, addresses, account and meter
//! numbers, and places that look real; 20 open orders, 10 that were done today, and 270 that
//! were done in the days before, each with its eight records and promised photos. All ids
//! are the server's own. Then new handhelds of the same person sync over loopback, one after
//! the other: seconds until the first page is stored, when his open orders can be worked on,
//! and until everything is. One more goes through a counting proxy: bytes on the wire, of
//! both directions, HTTP's own included. Beside them stand the bytes of the same things as
//! plain JSON, records written out. That orders were done in the past is written into the
//! server's projection, behind its events, which are all of today.
//!
//! In the end 4,000 more customers come, and searches over 5,000 are timed.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use gridcrew_mobile_core::{Budget, Handheld, List};
use gridcrew_server::demo::names;
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{FeedItem, FeedPage},
    ids::{OrderId, OrgId},
    journal::Entry,
    record::{Event, PhotoRef, Record, StepDone, Taken, Value},
    time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis},
    wire,
};
use gridcrew_tests::{
    Failure, Fallible,
    bars::Bars,
    failure::ensure,
    link::{Link, Quality},
    postgres::{Engine, TestDatabase},
    raw::RawHandheld,
    scene::{CORNER, SIDE, Scene},
    township::{id_of, order},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use serde_json::{Value as Json, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const CUSTOMERS: usize = 1_000;
const ALL_CUSTOMERS: usize = 5_000;
const ORDERS: usize = 300;
const OPEN: usize = 20;
const TODAY: usize = 10;
const ROUNDS: usize = 5;
const SEARCHES: usize = 200;
const DAY: i64 = 24 * 3_600_000;
/// The bars: seconds, bytes on the wire, milliseconds of a search.
const AT_MOST: (f64, u64, f64) = (1.0, 80_000, 20.0);
/// What people report.
const PHENOMENA: [&str; 8] = [
    "全户停电",
    "电压低",
    "表前开关跳闸",
    "线路断线落地",
    "灯光闪烁",
    "漏电保护器频繁跳闸",
    "电表箱冒烟",
    "树碰线",
];

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    let database = database.ok_or_else(|| Failure::new("no database"))?;
    let mut scene = Scene::set(database).await?;
    let customers: Vec<Json> = (0..ALL_CUSTOMERS)
        .map(|n| customer(n, &mut random))
        .collect();
    let (held, more) = customers.split_at(CUSTOMERS);
    import(&scene, held).await?;
    let orders = take_in(&scene, held, &mut random).await?;
    let first = orders.first().ok_or_else(|| Failure::new("no order"))?.0;
    let person = scene.owner(first).await?;
    let mut worker = RawHandheld::enrol(&scene.township, person).await?;
    worker.push_on(&[worker.opening()]).await?;
    for (number, order) in orders.iter().enumerate().skip(OPEN) {
        let entries = work(&worker, number, *order, &mut random)?;
        worker.push_on(&entries).await?;
    }
    set_back(&mut scene, &orders).await?;

    println!("round  first page s  all s");
    let mut all = Vec::new();
    for round in 1..=ROUNDS {
        let folder = scene.folder.path().join(format!("h{round}"));
        let server = scene.server.url()?;
        let handheld = scene.township.handheld(person, &server, &folder).await?;
        let (usable, whole) = synced(&handheld).await?;
        println!(
            "{round:>5}  {:>12.3}  {:>5.3}",
            usable.as_secs_f64(),
            whole.as_secs_f64()
        );
        all.push(whole.as_secs_f64());
    }
    all.sort_by(f64::total_cmp);
    let median = all.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
    println!("median {median:.3} s, at most {} s", AT_MOST.0);
    let mut bars = Bars::default();
    bars.hold("first sync, median", median < AT_MOST.0);

    let link = Link::to(scene.server.address()?, Quality::good(), 1).await?;
    let folder = scene.folder.path().join("counted");
    let handheld = scene
        .township
        .handheld(person, &link.url(), &folder)
        .await?;
    let before = passed(&link);
    synced(&handheld).await?;
    let (up, down) = passed(&link);
    let (up, down) = (up - before.0, down - before.1);
    println!(
        "on the wire, HTTP included: {up} bytes up, {down} down, {} together, at most {}",
        up + down,
        AT_MOST.1
    );
    bars.hold("first sync, bytes", up + down <= AT_MOST.1);

    let told = RawHandheld::enrol(&scene.township, person).await?;
    let pages = pages(&told).await?;
    println!("page  items  CBOR bytes  packed bytes");
    for (page, number) in pages.iter().zip(1..) {
        println!(
            "{number:>4}  {:>5}  {:>10}  {:>12}",
            page.items.len(),
            wire::encode(page).len(),
            wire::pack_tight(page).len()
        );
    }
    let plain: usize = pages.iter().flat_map(|page| &page.items).map(as_json).sum();
    println!(
        "as plain JSON: {plain} bytes, {:.1} times as many",
        plain as f64 / (up + down) as f64
    );
    search(&scene, &handheld, more, &mut bars).await?;
    bars.verdict()
}

/// Bytes up and down so far.
fn passed(link: &Link) -> (u64, u64) {
    let passed = link.passed();
    let up = passed.values().map(|passed| passed.up).sum();
    let down = passed.values().map(|passed| passed.down).sum();
    (up, down)
}

/// The time until the first page is stored and can be worked with, and until all is there.
async fn synced(handheld: &Handheld) -> Fallible<(Duration, Duration)> {
    let began = Instant::now();
    let syncing = handheld.clone();
    let sync = tokio::spawn(async move { syncing.sync(Budget::default()).await });
    let mut usable = None;
    while !sync.is_finished() {
        if usable.is_none() && handheld.me()?.is_some() {
            usable = Some(began.elapsed());
            let to_do = handheld.list(List::ToDo)?;
            ensure(to_do.len() == OPEN, || {
                format!("{} orders to do after the first page", to_do.len())
            })?;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sync.await??;
    let whole = began.elapsed();
    let status = handheld.status()?;
    let orders = handheld.list(List::All)?.len();
    ensure(
        orders == ORDERS && status.customers >= CUSTOMERS as u64,
        || format!("{orders} orders and {} customers came", status.customers),
    )?;
    Ok((usable.unwrap_or(whole), whole))
}

/// A customer of the western cell.
fn customer(n: usize, random: &mut impl Rng) -> Json {
    let place = |random: &mut ChaCha8Rng, from: f64, side: f64| {
        ((from + random.random_range(0.0..side)) * 1e7).round() / 1e7
    };
    let mut near = ChaCha8Rng::seed_from_u64(n as u64);
    let (lon, lat) = (
        place(&mut near, CORNER[0], SIDE * 0.3),
        place(&mut near, CORNER[1], SIDE),
    );
    let village = names::village(n % 12);
    let (group, house) = (random.random_range(1..9), random.random_range(1..60));
    json!({
        "account_no": format!("3408{n:04}{:05}", random.random_range(0..100_000)),
        "meter_no": format!("34{:010}", random.random_range(0..100_000_000_u64)),
        "name": names::person(random),
        "phone": format!("1990000{:04}", random.random_range(0..10_000)),
        "address": format!("{village}村{group}组{house}号"),
        "station_area": format!("T{:03}", n % 4),
        "position": { "lon": lon, "lat": lat, "datum": "WGS-84" },
    })
}

async fn import(scene: &Scene, customers: &[Json]) -> Fallible<()> {
    let path = format!("/stations/{}/customers", scene.township.station);
    let body = json!({ "customers": customers });
    scene.township.staff.post(&path, &body).await?.done()?;
    Ok(())
}

/// Takes in the orders of customers; each with when it was accepted.
async fn take_in(
    scene: &Scene,
    customers: &[Json],
    random: &mut impl Rng,
) -> Fallible<Vec<(OrderId, UnixMillis)>> {
    let station: OrgId = scene.township.station;
    let mut orders = Vec::new();
    for number in 0..ORDERS {
        let customer = customers
            .get(random.random_range(0..customers.len()))
            .ok_or_else(|| Failure::new("no customer"))?;
        let what = PHENOMENA[random.random_range(0..PHENOMENA.len())];
        let mut wish = order(station, "95598", &format!("2611{number:06}"), None, what);
        wish["account_no"] = customer["account_no"].clone();
        wish["contact_name"] = customer["name"].clone();
        wish["contact_phone"] = customer["phone"].clone();
        wish["address"] = customer["address"].clone();
        wish["position"] = customer["position"].clone();
        let made = scene.township.intake(&wish).await?.done()?;
        let accepted = made["accepted_at"].as_i64();
        let accepted = accepted.ok_or_else(|| Failure::new("no accepted_at"))?;
        orders.push((id_of(&made, "id")?, UnixMillis(accepted)));
    }
    Ok(orders)
}

/// A step with its fields, and the slot of its photo.
type Worked = (
    &'static str,
    Vec<(&'static str, Value)>,
    Option<&'static str>,
);

/// The eight records of an order that was done.
fn work(
    worker: &RawHandheld,
    number: usize,
    (order, accepted): (OrderId, UnixMillis),
    random: &mut impl Rng,
) -> Fallible<Vec<Vec<u8>>> {
    let text = |text: &str| Value::Text(text.to_owned());
    let voltage = format!("{}.{}", random.random_range(215..227), number % 10);
    let steps: [Worked; 7] = [
        (
            "phone_customer",
            vec![
                ("reached", Value::Flag(true)),
                ("eta_minutes", Value::Whole(random.random_range(5..40))),
            ],
            None,
        ),
        (
            "arrived",
            vec![("told_how", text("in_person"))],
            Some("site"),
        ),
        (
            "diagnosis",
            vec![
                ("property_class", text("utility")),
                ("fault_code", text("LV-07")),
                ("cause", text("接户线断线")),
            ],
            Some("fault"),
        ),
        (
            "repair",
            vec![("work_done", text("更换接户线并紧固接头"))],
            Some("work"),
        ),
        (
            "restored",
            vec![("voltage", text(&voltage)), ("phases", text("one"))],
            Some("meter"),
        ),
        ("leave", vec![("site_clean", Value::Flag(true))], None),
        (
            "return",
            vec![("summary", text("已恢复供电,客户满意"))],
            None,
        ),
    ];
    let mut events = vec![Event::Taken(Taken {
        eta_minutes: Some(random.random_range(5..40)),
    })];
    for (step, values, slot) in steps {
        let photo = slot.map(|slot| PhotoRef {
            digest: Digest(random.random()),
            bytes: random.random_range(150_000..270_000),
            slot: slot.into(),
        });
        events.push(Event::StepDone(StepDone {
            step: step.into(),
            values: values
                .into_iter()
                .map(|(field, value)| (field.into(), value))
                .collect(),
            photos: photo.into_iter().collect(),
        }));
    }
    let boot = BootId([7; 16]);
    let mut entries = Vec::new();
    for (event, at) in events.into_iter().zip(1..) {
        let elapsed = Millis(at * 3 + random.random_range(0..3));
        let time = TimeEvidence {
            wall: accepted.plus(elapsed),
            boot,
            uptime: elapsed,
            gnss: None,
            anchor: Some(ServerAnchor {
                server_time: accepted,
                boot,
                uptime: Millis(0),
            }),
        };
        let record = Record {
            time,
            ..worker.record(order, event)
        };
        entries.push(Entry::Record(record).to_bytes());
    }
    Ok(entries)
}

/// Lets most orders have been accepted in the days before, in the server's books.
async fn set_back(scene: &mut Scene, orders: &[(OrderId, UnixMillis)]) -> Fallible<()> {
    scene.server.kill().await?;
    let database: &Path = &scene.server.data().join("gridcrew.db");
    let database = Connection::open(database)?;
    for (number, (order, _)) in (0_i64..).zip(orders).skip(OPEN + TODAY) {
        let changed = database.execute(
            "UPDATE service_order SET accepted_at = accepted_at - ?1 WHERE id = ?2",
            rusqlite::params![2 * DAY + number * DAY / 12, order.0.as_bytes()],
        )?;
        ensure(changed == 1, || format!("{changed} rows for an order"))?;
    }
    drop(database);
    scene.server.start().await
}

/// All pages of the feed.
async fn pages(handheld: &RawHandheld) -> Fallible<Vec<FeedPage>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = handheld.page(cursor.as_deref(), 0).await?;
        cursor = Some(page.cursor.clone());
        let more = page.more;
        pages.push(page);
        if !more {
            return Ok(pages);
        }
    }
}

/// How many bytes an item takes as plain JSON, customers one by one and records written out.
fn as_json(item: &FeedItem) -> usize {
    let length = |value: Json| value.to_string().len();
    match item {
        FeedItem::Customers(table) => table
            .0
            .iter()
            .map(|customer| length(json!({ "customer": customer })))
            .sum(),
        FeedItem::Order(item) => {
            let records: Vec<Json> = item
                .entries
                .iter()
                .map(|entry| match Entry::from_bytes(&entry.bytes) {
                    Ok(Entry::Record(record)) => json!({ "id": entry.id, "record": record }),
                    _ => json!(entry.id),
                })
                .collect();
            length(json!({
                "order": item.order, "whole": item.whole, "details": item.details,
                "records": records, "state": item.state.to_string(), "count": item.count,
            }))
        }
        other => length(json!(other)),
    }
}

/// Times searches over 5,000 customers.
async fn search(
    scene: &Scene,
    handheld: &Handheld,
    more: &[Json],
    bars: &mut Bars,
) -> Fallible<()> {
    import(scene, more).await?;
    handheld.sync(Budget::default()).await?;
    let customers = handheld.status()?.customers;
    ensure(customers == ALL_CUSTOMERS as u64, || {
        format!("{customers} customers came")
    })?;
    println!("search over {customers} customers  hits  median ms  slowest ms");
    let queries = [
        "王建国",
        "wjg",
        "zhangsan",
        "wang liujia",
        "34080042",
        "7731",
        "柳家庄3组",
    ];
    let mut slowest_median = 0.0_f64;
    for query in queries {
        let mut times = Vec::with_capacity(SEARCHES);
        let mut hits = 0;
        for _ in 0..SEARCHES {
            let began = Instant::now();
            hits = handheld.search(query, 20)?.len();
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(SEARCHES / 2).copied().unwrap_or(f64::NAN);
        let slowest = times.last().copied().unwrap_or(f64::NAN);
        println!("{query:<30}  {hits:>4}  {median:>9.2}  {slowest:>10.2}");
        slowest_median = slowest_median.max(median);
    }
    bars.hold(
        "search, median of the slowest query",
        slowest_median < AT_MOST.2,
    );
    Ok(())
}
