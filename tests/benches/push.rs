//! How long a server takes for 10,000 queued records, beside a bare loop of inserts.
//!
//! `cargo bench -p gridcrew-tests --bench push` (with `gridcrew` built in release) queues
//! the records of 1,250 orders, eight each, with their fields, places and promised photos,
//! in signed batches of 500, and pushes them over loopback to a real server process on
//! SQLite: each batch verified, stored, folded and committed durably before its receipt.
//!
//! Then the very rows that the push wrote, of all tables, go into a copy of the database as
//! it was before, by prepared inserts in a bare loop, batch by batch, with the same
//! durability; the rows that were there before and changed (the orders' projections) by an
//! insert that replaces. Rounds of both take turns; the ratio is what counts. One more push
//! goes through a counting proxy: bytes on the wire, HTTP's own included.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    journal::{Batch, Entry},
    position::{Datum, TypedPosition},
    record::{Event, Fix, PhotoRef, Record, StepDone, Taken, Value},
    time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis},
};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    link::{Lane, Link, Quality},
    postgres::{Engine, TestDatabase},
    raw::RawHandheld,
    scene::{CORNER, SIDE, Scene},
    township::order,
};
use rusqlite::{Connection, TransactionBehavior, types::Value as Cell};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

const RECORDS: usize = 10_000;
const BATCH: usize = 500;
const OF_ORDER: usize = 8;
const ROUNDS: usize = 5;
/// The bars: times of the bare loop, and bytes a record.
const AT_MOST: (f64, f64) = (4.0, 100.0);

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut ratios = Vec::new();
    println!("round  push s  records/s  bare s  rows  ratio");
    for round in 1..=ROUNDS {
        let (pushed, bare, rows) = measured().await?;
        let ratio = pushed.as_secs_f64() / bare.as_secs_f64();
        println!(
            "{round:>5}  {:>6.3}  {:>9.0}  {:>6.3}  {rows:>4}  {ratio:>5.2}",
            pushed.as_secs_f64(),
            RECORDS as f64 / pushed.as_secs_f64(),
            bare.as_secs_f64(),
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ROUNDS / 2).copied().unwrap_or(f64::NAN);
    println!("median ratio {median:.2}, at most {}", AT_MOST.0);
    let (up, down) = counted().await?;
    let each = |bytes: u64| bytes as f64 / RECORDS as f64;
    println!(
        "on the wire, HTTP and signatures included: {:.1} bytes a record up, {:.1} down, at \
         most {} together",
        each(up),
        each(down),
        AT_MOST.1
    );
    Ok(())
}

/// One round: the time of the push, the time of the bare loop, and the rows of each.
async fn measured() -> Fallible<(Duration, Duration, usize)> {
    let mut stage = Stage::set().await?;
    let database = stage.scene.server.data().join("gridcrew.db");
    let before = stage.scene.folder.path().join("before.db");
    copy(&database, &before)?;
    let pushed = stage.push().await?;
    stage.scene.server.kill().await?;
    let tables = written(&before, &database)?;
    let count = tables.iter().map(|table| table.rows.len()).sum();
    let bare = write(&before, &tables)?;
    Ok((pushed, bare, count))
}

/// Bytes up and down of a push, as they pass.
async fn counted() -> Fallible<(u64, u64)> {
    let mut stage = Stage::set().await?;
    let link = Link::to(stage.scene.server.address()?, Quality::good(), 1).await?;
    stage.handheld.client = stage.handheld.client.at(&link.url());
    stage.push().await?;
    let passed = link.passed();
    let push = passed
        .get(&Lane::Push)
        .ok_or_else(|| Failure::new("nothing passed"))?;
    Ok((push.up, push.down))
}

/// A server with orders, and a handheld whose records about them wait.
struct Stage {
    scene: Scene,
    handheld: RawHandheld,
    queued: Vec<Batch>,
}

impl Stage {
    async fn set() -> Fallible<Self> {
        let database = TestDatabase::fresh(Engine::Sqlite)
            .await?
            .ok_or_else(|| Failure::new("no SQLite"))?;
        let scene = Scene::set(database).await?;
        let mut orders: Vec<(OrderId, UnixMillis)> = Vec::new();
        let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
        for number in 0..RECORDS / OF_ORDER {
            let number = format!("b{number}");
            let wish = order(
                scene.township.station,
                "95598",
                &number,
                Some((lon, lat)),
                "x",
            );
            let made = scene.township.intake(&wish).await?.done()?;
            let id = gridcrew_tests::township::id_of(&made, "id")?;
            let accepted = made["accepted_at"].as_i64();
            let accepted = accepted.ok_or_else(|| Failure::new("no accepted_at"))?;
            orders.push((id, UnixMillis(accepted)));
        }
        let (first, began) = *orders.first().ok_or_else(|| Failure::new("no order"))?;
        let owner = scene.owner(first).await?;
        let mut handheld = RawHandheld::enrol(&scene.township, owner).await?;
        handheld.push_on(&[handheld.opening()]).await?;
        let mut entries = Vec::with_capacity(RECORDS);
        for (number, (order, accepted)) in (0_u64..).zip(&orders) {
            for step in 0..OF_ORDER as u64 {
                let n = number * OF_ORDER as u64 + step;
                let record = record(&handheld, (*order, *accepted), began, n, step)?;
                entries.push(Entry::Record(record).to_bytes());
            }
        }
        let mut ahead = handheld.clone();
        let queued = entries
            .chunks(BATCH)
            .map(|entries| {
                let batch = ahead.batch(entries);
                ahead.went_on(&batch);
                batch
            })
            .collect();
        Ok(Self {
            scene,
            handheld,
            queued,
        })
    }

    /// Pushes all that waits; every receipt's signature is checked.
    async fn push(&mut self) -> Fallible<Duration> {
        use gridcrew_sync_protocol::push::PushOutcome;
        let began = Instant::now();
        for batch in &self.queued {
            match self.handheld.outcome(batch).await? {
                PushOutcome::Held { receipt, parked } => {
                    ensure(parked.is_empty(), || format!("parked: {parked:?}"))?;
                    ensure(receipt.is_signed_by(&self.handheld.server_key), || {
                        "a receipt that the server did not sign".to_owned()
                    })?;
                }
                other => return Err(Failure::new(format!("not held: {other:?}"))),
            }
        }
        Ok(began.elapsed())
    }
}

/// A number that looks random, the same in every run.
const fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `step`-th record of an order, as a manager makes it in a day of storm.
fn record(
    handheld: &RawHandheld,
    (order, accepted): (OrderId, UnixMillis),
    began: UnixMillis,
    n: u64,
    step: u64,
) -> Fallible<Record> {
    let random = |range: u64| scatter(n) % range;
    let text = |text: &str| json!(text);
    let (event, photo) = match step {
        0 => (None, None),
        1 => (
            Some((
                "phone_customer",
                json!({ "reached": true, "eta_minutes": random(40) }),
            )),
            None,
        ),
        2 => (
            Some(("arrived", json!({ "told_how": "in_person" }))),
            Some("site"),
        ),
        3 => {
            let fault = format!("LV-{:02}", random(40));
            let values = json!({
                "property_class": "utility", "fault_code": fault, "cause": "接户线断线",
            });
            (Some(("diagnosis", values)), Some("fault"))
        }
        4 => (
            Some(("repair", json!({ "work_done": "更换接户线并紧固接头" }))),
            Some("work"),
        ),
        5 => {
            let voltage = format!("{}.{}", 215 + random(12), n % 10);
            let values = json!({ "voltage": text(&voltage), "phases": "one" });
            (Some(("restored", values)), Some("meter"))
        }
        6 => (Some(("leave", json!({ "site_clean": true }))), None),
        _ => (
            Some(("return", json!({ "summary": "已恢复供电,客户满意" }))),
            None,
        ),
    };
    let event = match event {
        None => Event::Taken(Taken {
            eta_minutes: Some(20),
        }),
        Some((step, values)) => Event::StepDone(StepDone {
            step: step.into(),
            values: fields(&values)?,
            photos: photo
                .map(|slot| PhotoRef {
                    digest: Digest::of(&n.to_le_bytes()),
                    bytes: 180_000 + random(90_000),
                    slot: slot.into(),
                })
                .into_iter()
                .collect(),
        }),
    };
    let boot = BootId([7; 16]);
    let elapsed = Millis(accepted.0 - began.0 + i64::try_from(step * 3 + random(3))?);
    let place = |axis: u64, base: f64| {
        let moved = (scatter(n + axis) % 90_000) as f64 * 1e-6;
        ((base + moved) * 1e7).round() / 1e7
    };
    let position = TypedPosition::new(place(0, CORNER[0]), place(1, CORNER[1]), Datum::Wgs84)?;
    Ok(Record {
        time: TimeEvidence {
            wall: began.plus(elapsed),
            boot,
            uptime: elapsed,
            gnss: None,
            anchor: Some(ServerAnchor {
                server_time: began,
                boot,
                uptime: Millis(0),
            }),
        },
        fix: Some(Fix {
            position,
            accuracy_dm: 30 + u32::try_from(random(200))?,
            age: Millis(i64::try_from(random(20_000))?),
            mock: false,
        }),
        ..handheld.record(order, event)
    })
}

/// The fields of a step, from JSON.
fn fields(
    values: &serde_json::Value,
) -> Fallible<BTreeMap<gridcrew_sync_protocol::workflow::FieldCode, Value>> {
    let object = values.as_object().into_iter().flatten();
    object
        .map(|(code, value)| {
            let value = match value {
                serde_json::Value::Bool(flag) => Value::Flag(*flag),
                serde_json::Value::Number(number) => {
                    Value::Whole(number.as_i64().unwrap_or_default())
                }
                serde_json::Value::String(text) => Value::Text(text.clone()),
                other => return Err(Failure::new(format!("no field: {other}"))),
            };
            Ok((code.as_str().into(), value))
        })
        .collect()
}

/// A copy of a database that a server has open, page by page.
fn copy(from: &Path, to: &Path) -> Fallible<()> {
    let source = Connection::open(from)?;
    let mut target = Connection::open(to)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut target)?;
    backup.run_to_completion(1_000, Duration::ZERO, None)?;
    Ok(())
}

/// Rows of one table that a push wrote, and the statement that writes them.
struct Written {
    statement: String,
    rows: Vec<Vec<Cell>>,
}

/// What was written into each table since the copy: the new rows in the order in which they
/// were inserted, and the rows of before that are others now.
fn written(before: &Path, after: &Path) -> Fallible<Vec<Written>> {
    let database = Connection::open(after)?;
    database.execute("ATTACH ?1 AS old", [before.display().to_string()])?;
    let tables: Vec<String> = rows(
        &database,
        "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        |row| row.get(0),
    )?;
    let mut found = Vec::new();
    for table in tables {
        let columns: Vec<(String, bool)> = rows(
            &database,
            &format!("SELECT name, pk > 0 FROM pragma_table_info('{table}')"),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let all = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect();
        let last = format!("(SELECT coalesce(max(rowid), 0) FROM old.\"{table}\")");
        let new = format!("SELECT * FROM main.\"{table}\" WHERE rowid > {last} ORDER BY rowid");
        let changed = format!(
            "SELECT * FROM main.\"{table}\" WHERE rowid <= {last} EXCEPT SELECT * FROM \
             old.\"{table}\""
        );
        let marks = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT INTO \"{table}\" VALUES ({marks})");
        let list = |key: bool, form: &dyn Fn(&str) -> String| {
            let named = columns.iter().filter(|(_, is_key)| *is_key == key);
            let named: Vec<String> = named.map(|(name, _)| form(name)).collect();
            named.join(", ")
        };
        let update = format!(
            "{insert} ON CONFLICT ({}) DO UPDATE SET {}",
            list(true, &|name| format!("\"{name}\"")),
            list(false, &|name| format!("\"{name}\" = excluded.\"{name}\"")),
        );
        for (query, statement) in [(new, insert), (changed, update)] {
            let rows = rows(&database, &query, all)?;
            if !rows.is_empty() {
                found.push(Written { statement, rows });
            }
        }
    }
    Ok(found)
}

fn rows<T>(
    database: &Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Fallible<Vec<T>> {
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes the rows in as many transactions as there were batches, each with its share of
/// every table.
fn write(database: &Path, tables: &[Written]) -> Fallible<Duration> {
    let batches = RECORDS / BATCH;
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    let began = Instant::now();
    for batch in 0..batches {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for Written { statement, rows } in tables {
            let share = rows.len() * batch / batches..rows.len() * (batch + 1) / batches;
            let mut statement = transaction.prepare_cached(statement)?;
            for row in rows.get(share).unwrap_or_default() {
                statement.execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()?;
    }
    Ok(began.elapsed())
}
