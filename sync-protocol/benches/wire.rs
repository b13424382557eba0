//! How large and how quick records are in several encodings, in one run.
//!
//! `cargo bench -p gridcrew-sync-protocol --bench wire` prints, for 10,000 records of a
//! storm week in batches of 500: bytes a record plain and compressed, and microseconds to
//! encode, and the signed batch as it is really pushed with its receipt.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark stops when something is wrong"
)]

use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, JournalId, OrderId, PersonId},
    journal::{Batch, Entry, Item, Seq},
    position::{Datum, TypedPosition},
    push::{PushOutcome, PushReply, Receipt},
    record::{Event, Fix, Record, StepDone, Term, Value},
    time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis},
    wire,
};
use std::{collections::BTreeMap, time::Instant};
use uuid::Uuid;

const RECORDS: usize = 10_000;
const BATCH: usize = 500;

/// A number that looks random, the same in every run.
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn record(n: u64) -> Record {
    let order = n / 8;
    let elapsed = i64::try_from(n * 97_000 + scatter(n) % 60_000).unwrap();
    let step = [
        "phone_customer",
        "arrived",
        "diagnosis",
        "repair",
        "restored",
        "leave",
        "return",
    ][usize::try_from(n % 7).unwrap()];
    let mut values: BTreeMap<_, _> = BTreeMap::new();
    match step {
        "phone_customer" => {
            values.insert("reached".into(), Value::Flag(true));
            values.insert(
                "eta_minutes".into(),
                Value::Whole(i64::try_from(scatter(n) % 40).unwrap()),
            );
        }
        "arrived" => {
            values.insert("told_how".into(), Value::Text("in_person".into()));
        }
        "diagnosis" => {
            values.insert("property_class".into(), Value::Text("utility".into()));
            values.insert(
                "fault_code".into(),
                Value::Text(format!("LV-{:02}", scatter(n) % 40)),
            );
            values.insert("cause".into(), Value::Text("接户线断线".into()));
        }
        "repair" => {
            values.insert(
                "work_done".into(),
                Value::Text("更换接户线并紧固接头".into()),
            );
        }
        "restored" => {
            values.insert(
                "voltage".into(),
                Value::Text(format!("{}.{}", 215 + scatter(n) % 12, n % 10)),
            );
            values.insert("phases".into(), Value::Text("one".into()));
        }
        "leave" => {
            values.insert("site_clean".into(), Value::Flag(true));
        }
        _ => {
            values.insert("summary".into(), Value::Text("已恢复供电,客户满意".into()));
        }
    }
    let place = |axis: u64, base: f64| {
        (base
            + (scatter(order * 2 + axis) % 90_000) as f64 * 1e-6
            + (scatter(n + axis) % 300) as f64 * 1e-7)
            .mul_add(1e7, 0.0)
            .round()
            / 1e7
    };
    let position = TypedPosition::new(place(0, 116.5), place(1, 32.8), Datum::Wgs84).unwrap();
    let boot = BootId([7; 16]);
    Record {
        order: OrderId(Uuid::from_u128(
            u128::from(scatter(order)) << 64 | u128::from(scatter(order + 1)),
        )),
        actor: PersonId(Uuid::from_u128(42)),
        term: Term(1),
        time: TimeEvidence {
            wall: UnixMillis(1_795_000_000_000 + elapsed + 1_234),
            boot,
            uptime: Millis(elapsed),
            gnss: None,
            anchor: Some(ServerAnchor {
                server_time: UnixMillis(1_795_000_000_000),
                boot,
                uptime: Millis(0),
            }),
        },
        fix: Some(Fix {
            position,
            accuracy_dm: 30 + u32::try_from(scatter(n) % 200).unwrap(),
            age: Millis(i64::try_from(scatter(n + 9) % 20_000).unwrap()),
            mock: false,
        }),
        event: Event::StepDone(StepDone {
            step: step.into(),
            values,
            photos: vec![],
        }),
        claims: None,
    }
}

fn compare(name: &str, records: &[Record], encode: impl Fn(&[Record]) -> Vec<u8>) {
    let began = Instant::now();
    let encoded: Vec<Vec<u8>> = records.chunks(BATCH).map(encode).collect();
    let spent = began.elapsed();
    let plain: usize = encoded.iter().map(Vec::len).sum();
    let small: usize = encoded
        .iter()
        .map(|bytes| zstd::encode_all(bytes.as_slice(), 3).unwrap().len())
        .sum();
    let each = |bytes: usize| bytes as f64 / RECORDS as f64;
    let micros = spent.as_secs_f64() * 1e6 / RECORDS as f64;
    println!(
        "{name:<28} {:>8.1} {:>12.1} {micros:>10.2}",
        each(plain),
        each(small)
    );
}

fn main() {
    let records: Vec<Record> = (0..RECORDS as u64).map(record).collect();
    println!("{RECORDS} records in batches of {BATCH}; bytes a record, zstd level 3");
    println!(
        "{:<28} {:>8} {:>12} {:>10}",
        "encoding", "plain", "compressed", "µs encode"
    );
    compare("CBOR, named (ciborium)", &records, |batch| {
        wire::encode(&batch)
    });
    compare("MessagePack, named", &records, |batch| {
        rmp_serde::to_vec_named(batch).unwrap()
    });
    compare("MessagePack, by position", &records, |batch| {
        rmp_serde::to_vec(batch).unwrap()
    });
    compare("postcard", &records, |batch| {
        postcard::to_allocvec(batch).unwrap()
    });
    compare("JSON", &records, |batch| serde_json::to_vec(batch).unwrap());

    let key = SigningKey::from_bytes(&[3; 32]);
    let journal = JournalId(Uuid::from_u128(77));
    let (mut before, mut first, mut up, mut down) = (Digest::ZERO, Seq::FIRST, 0, 0);
    for chunk in records.chunks(BATCH) {
        let items = chunk
            .iter()
            .map(|record| Item::Bytes(Entry::Record(record.clone()).to_bytes().into()))
            .collect();
        let batch = Batch::sign(journal, first, before, items, &key);
        before = batch.head();
        first = batch.last().next();
        up += wire::pack(&batch).len();
        let epoch = Epoch(Uuid::from_u128(5));
        let receipt = Receipt::sign(
            epoch,
            journal,
            batch.last(),
            before,
            UnixMillis(1_795_000_000_000),
            &key,
        );
        let outcome = PushOutcome::Held {
            receipt,
            parked: vec![],
        };
        down += wire::pack(&PushReply {
            epoch,
            server_time: UnixMillis(1_795_000_000_000),
            outcome,
        })
        .len();
    }
    println!(
        "pushed: {:.1} up and {:.2} down a record, signatures and receipts included, HTTP headers not",
        f64::from(u32::try_from(up).unwrap()) / RECORDS as f64,
        f64::from(u32::try_from(down).unwrap()) / RECORDS as f64,
    );
}
