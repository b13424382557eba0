//! The seeds: valid values of every kind that is fuzzed, the same in every run, made from
//! one order that was worked from intake to return.
//!
//! `cargo run -p gridcrew-tests --bin fuzz-seeds` writes them to `tests/fuzz/seeds`, where
//! they are checked in; a test compares. A seed whose name begins with `no-` is one that is
//! refused, all others are taken.

use super::files::ExportFile;
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_server::trace::manifest::{self, JournalLine, Manifest, OrderLine, PhotoLine};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Doubt, Target, TargetKind, Travel},
    claims::{Before, CameraOriginal, Claims, Look, NoPreview, PhotoClaim},
    diagnostics::Diagnostics,
    digest::Digest,
    enrol::{EnrolRequest, Tokens},
    feed::{
        Cell, Closed, Colleague, Customer, CustomerTable, FeedEntry, FeedItem, FeedPage, Me,
        OrderItem,
    },
    ids::{CellId, CustomerId, Epoch, JournalId, OrderId, OrgId, PersonId, StationAreaId},
    journal::{Batch, Entry, EntryId, Item, Opened, Seq},
    media::{HeldReply, HeldRequest},
    order::{Sourced, fold},
    position::{Datum, TypedPosition},
    push::{Parked, PushOutcome, PushReply, Receipt, ReopenReply, ReopenRequest},
    record::{
        Accepted, Assigned, Declined, Event, Fix, HandedOver, Noted, OrderDetails, Owner, PhotoRef,
        Record, Rung, StepDone, Taken, Term, Value,
    },
    time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis},
    wire,
    workflow::{AreaClass, PromptCards, Template, TemplateRef},
};
use serde_bytes::{ByteArray, ByteBuf};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

mod exchange;
mod pictures;

/// The workflow that ships.
pub const WORKFLOW: &str = include_str!("../../../server/rules/fault_repair.1.toml");
/// The prompt cards that ship.
const CARDS: &str = include_str!("../../../server/rules/fault_repair.cards.1.toml");
/// 2026-01-01T00:00:00Z: when the order was accepted.
pub const NOW: UnixMillis = UnixMillis(1_767_225_600_000);

const ORDER: OrderId = OrderId(Uuid::from_u128(0xa0));
const OTHER_ORDER: OrderId = OrderId(Uuid::from_u128(0xa1));
const PERSON: PersonId = PersonId(Uuid::from_u128(1));
const OTHER: PersonId = PersonId(Uuid::from_u128(2));
const STATION: OrgId = OrgId(Uuid::from_u128(9));
const CELL: CellId = CellId(Uuid::from_u128(7));
const AREA: StationAreaId = StationAreaId(Uuid::from_u128(8));
const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(6));
const JOURNAL: JournalId = JournalId(Uuid::from_u128(0xb0));
/// The server's journal in the order's trace: its id is the order's.
const TRACE: JournalId = JournalId(ORDER.0);
const EPOCH: Epoch = Epoch(Uuid::from_u128(5));

/// A seed.
#[derive(Debug)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// Its file.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The key of every journal and of the server.
#[must_use]
pub fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Every seed.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, list: Vec<(&'static str, Vec<u8>)>| {
        seeds.extend(list.into_iter().map(|(name, bytes)| Seed {
            target,
            name,
            bytes,
        }));
    };
    add("journal", journal());
    add("fold", folds());
    add("feed", feed());
    add("replies", replies());
    add("manifests", manifests());
    add("trace", trace());
    add("pictures", pictures::all());
    add("exif", pictures::with_exif());
    add("template", templates());
    add("intake", intake());
    add("territory", territory());
    add("layers", exchange::layers());
    add("sheets", exchange::sheets());
    add("tus", tus());
    seeds
}

/// The records of the order, the server's and the handheld's.
#[must_use]
pub fn records() -> Vec<Sourced> {
    let sourced = |journal, entries: Vec<Entry>| {
        (1..).zip(entries).filter_map(move |(seq, entry)| {
            let seq = Seq(seq);
            match entry {
                Entry::Record(record) => Some(Sourced {
                    id: EntryId { journal, seq },
                    record,
                }),
                _ => None,
            }
        })
    };
    let mut all: Vec<Sourced> = sourced(TRACE, by_server()).collect();
    all.extend(sourced(JOURNAL, by_handheld()));
    all
}

fn details() -> OrderDetails {
    OrderDetails {
        phenomenon: "全村停电".to_owned(),
        contact_name: "李四".to_owned(),
        contact_phone: "13800138000".to_owned(),
        address: "七组12号".to_owned(),
        account_no: Some("1234567890".to_owned()),
        salt: vec![9; 16],
    }
}

fn place(datum: Datum) -> Option<TypedPosition> {
    TypedPosition::new(104.0123, 30.5678, datum).ok()
}

fn reference() -> TemplateRef {
    TemplateRef {
        code: "fault_repair".to_owned(),
        version: 1,
    }
}

fn by_server() -> Vec<Entry> {
    let record = |minute: u32, term, event| {
        Entry::Record(Record {
            order: ORDER,
            actor: OTHER,
            term: Term(term),
            time: TimeEvidence::of_server(NOW.plus(Millis::minutes(minute))),
            fix: None,
            event,
            claims: None,
        })
    };
    let assigned = |term, owner, rung| {
        Event::Assigned(Assigned {
            term: Term(term),
            owner,
            rung,
            reason: "account_area_cell".to_owned(),
            cell: Some(CELL),
            station_area: Some(AREA),
            territory_version: 3,
        })
    };
    let accepted = Event::Accepted(Accepted {
        source: "95598".to_owned(),
        outside_no: "2026-1".to_owned(),
        template: reference(),
        area_class: AreaClass::Rural,
        station: STATION,
        customer: Some(CUSTOMER),
        position: place(Datum::Gcj02),
        reported_at: Some(UnixMillis(NOW.0 - 60_000)),
        details: Digest::of(&wire::encode(&details())),
    });
    vec![
        record(0, 0, accepted),
        record(0, 1, assigned(1, Owner::Desk(STATION), Rung::Station)),
        record(1, 2, assigned(2, Owner::Person(PERSON), Rung::RoleA)),
    ]
}

fn by_handheld() -> Vec<Entry> {
    let boot = BootId([3; 16]);
    let anchor = ServerAnchor {
        server_time: NOW,
        boot,
        uptime: Millis(1_000),
    };
    let record = |minute: u32, event| {
        let at = Millis::minutes(minute);
        let position = place(Datum::Wgs84);
        Entry::Record(Record {
            order: ORDER,
            actor: PERSON,
            term: Term(2),
            time: TimeEvidence {
                wall: NOW.plus(at),
                boot: if minute < 40 { boot } else { BootId([4; 16]) },
                uptime: Millis(1_000 + at.0),
                gnss: (minute > 30).then(|| NOW.plus(at)),
                anchor: Some(anchor),
            },
            fix: position.map(|position| Fix {
                position,
                accuracy_dm: 45,
                age: Millis(900),
                mock: minute == 50,
            }),
            claims: (minute == 20).then(|| Box::new(claims())),
            event,
        })
    };
    let step = |code: &str, values: &[(&str, Value)], photo: Option<&str>| {
        let values = values.iter().cloned();
        Event::StepDone(StepDone {
            step: code.into(),
            values: values.map(|(code, value)| (code.into(), value)).collect(),
            photos: photo
                .map(|slot| PhotoRef {
                    digest: Digest::of(PHOTO),
                    bytes: PHOTO.len() as u64,
                    slot: slot.into(),
                })
                .into_iter()
                .collect(),
        })
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let opened = Entry::Opened(Opened {
        person: PERSON,
        continues: None,
    });
    vec![
        opened,
        record(
            2,
            Event::Taken(Taken {
                eta_minutes: Some(20),
            }),
        ),
        record(
            20,
            step("arrived", &[("told_how", text("in_person"))], Some("site")),
        ),
        record(
            25,
            step(
                "diagnosis",
                &[
                    ("property_class", text("utility")),
                    ("fault_code", text("LV-07")),
                    ("cause", text("接户线断线")),
                ],
                Some("fault"),
            ),
        ),
        record(45, step("restored", &[("voltage", text("221.5"))], None)),
        record(
            50,
            Event::Noted(Noted {
                text: "等雨停".to_owned(),
            }),
        ),
        record(55, step("return", &[("summary", text("已恢复供电"))], None)),
    ]
}

/// What a handheld noticed about an arrival with one photo: one of everything.
fn claims() -> Claims {
    let travel = Travel {
        metres: 120,
        took: Millis(90_000),
    };
    Claims {
        speed_dm_s: Some(14),
        travel: Some(travel),
        target: place(Datum::Wgs84).map(|position| Target {
            position,
            kind: TargetKind::Customer,
        }),
        arrival: Some(ArrivalProof::Unsure {
            doubts: vec![Doubt::VagueFix, Doubt::MockPlace],
            metres: Some(5),
        }),
        photos: vec![PhotoClaim {
            taken_at: Some(NOW),
            gnss_at: Some(NOW),
            place: place(Datum::Wgs84),
            look: Some(Look(0xf0f0_1234_5678_9abc)),
            before: Some(Before {
                order: OTHER_ORDER,
                photo: Digest::of(b"an earlier photo"),
                differs: Some(3),
            }),
            camera: Some(CameraOriginal {
                digest: Digest::of(b"what the camera gave"),
                bytes: 4_000_000,
            }),
            no_preview: Some(NoPreview::HeicNotDecoded),
        }],
    }
}

/// Stands for a photo's bytes where only their hash matters.
const PHOTO: &[u8] = b"the bytes of a photo";

fn whole(entries: &[Entry]) -> Vec<Item> {
    let bytes = entries.iter().map(Entry::to_bytes);
    bytes
        .map(|bytes| Item::Bytes(ByteBuf::from(bytes)))
        .collect()
}

fn batch() -> Batch {
    Batch::sign(
        JOURNAL,
        Seq::FIRST,
        Digest::ZERO,
        whole(&by_handheld()),
        &key(),
    )
}

/// The part of the batch after `cut` entries, with the last of its entries as a hash only.
fn later(cut: usize) -> Batch {
    let first = batch();
    let links = first.links();
    let mut items = first.items.get(cut..).unwrap_or_default().to_vec();
    if let Some(last) = items.last_mut() {
        *last = Item::Digest(last.content());
    }
    let before = cut.checked_sub(1).and_then(|at| links.get(at).copied());
    let seq = Seq(first.first.0 + cut as u64);
    Batch::sign(JOURNAL, seq, before.unwrap_or(Digest::ZERO), items, &key())
}

fn journal() -> Vec<(&'static str, Vec<u8>)> {
    let rare = [
        Event::Declined(Declined {
            reason: "busy".to_owned(),
            note: "今天不行".to_owned(),
        }),
        Event::HandedOver(HandedOver {
            to: OTHER,
            note: String::new(),
        }),
        Event::StepDone(StepDone {
            step: "phone_customer".into(),
            values: BTreeMap::from([
                ("reached".into(), Value::Flag(true)),
                ("eta_minutes".into(), Value::Whole(-1)),
            ]),
            photos: Vec::new(),
        }),
    ];
    let rare = rare.map(|event| {
        Entry::Record(Record {
            order: OTHER_ORDER,
            actor: PERSON,
            term: Term(1),
            time: TimeEvidence::of_server(NOW),
            fix: None,
            event,
            claims: None,
        })
    });
    let continues = Entry::Opened(Opened {
        person: PERSON,
        continues: Some((JOURNAL, 4, Digest::of(b"a link"))),
    });
    let mut entries = vec![continues];
    entries.extend(rare);
    let second = Batch::sign(
        JournalId(Uuid::from_u128(0xb1)),
        Seq::FIRST,
        Digest::ZERO,
        whole(&entries),
        &key(),
    );
    let mut altered = batch();
    altered.items.swap(1, 2);
    vec![
        ("packed", wire::pack(&batch())),
        ("plain", wire::encode(&batch())),
        ("later", wire::encode(&later(3))),
        ("continues", wire::encode(&second)),
        ("server", wire::encode(&server_batch())),
        ("no-altered", wire::encode(&altered)),
        (
            "no-empty",
            wire::encode(&Batch {
                items: Vec::new(),
                ..batch()
            }),
        ),
    ]
}

fn server_batch() -> Batch {
    Batch::sign(TRACE, Seq::FIRST, Digest::ZERO, whole(&by_server()), &key())
}

fn feed_entries() -> Vec<FeedEntry> {
    let entry = |sourced: Sourced| FeedEntry {
        id: sourced.id,
        bytes: ByteBuf::from(Entry::Record(sourced.record).to_bytes()),
    };
    records().into_iter().map(entry).collect()
}

fn folds() -> Vec<(&'static str, Vec<u8>)> {
    let all = feed_entries();
    let mut mixed = all.clone();
    mixed.reverse();
    let server: Vec<_> = all.iter().take(3).cloned().collect();
    let without: Vec<_> = all.iter().skip(1).cloned().collect();
    vec![
        ("whole", wire::encode(&all)),
        ("reversed", wire::encode(&mixed)),
        ("server", wire::encode(&server)),
        ("no-accepted", wire::encode(&without)),
    ]
}

fn page(items: Vec<FeedItem>, more: bool) -> FeedPage {
    FeedPage {
        epoch: EPOCH,
        server_time: NOW,
        items,
        cursor: "b3BhcXVl".to_owned(),
        more,
    }
}

fn feed() -> Vec<(&'static str, Vec<u8>)> {
    let state = Template::from_toml(WORKFLOW)
        .ok()
        .and_then(|template| fold(&template, &records()))
        .map_or(Digest::ZERO, |state| Digest::of(&wire::encode(&state)));
    let entries = feed_entries();
    let order = |entries: &[FeedEntry], whole| {
        FeedItem::Order(OrderItem {
            order: ORDER,
            whole,
            details: Some(details()),
            entries: entries.to_vec(),
            state,
            count: u32::try_from(records().len()).unwrap_or(0),
        })
    };
    let me = FeedItem::Me(Me {
        person: PERSON,
        name: "张三".to_owned(),
        station: STATION,
        station_name: "清溪供电所".to_owned(),
        colleagues: vec![Colleague {
            person: OTHER,
            name: "王五".to_owned(),
        }],
    });
    let cell = FeedItem::Cell(Cell {
        id: CELL,
        code: "W1".to_owned(),
        name: "一网格".to_owned(),
        role_a: Some(PERSON),
        role_b: None,
        polygons: vec![vec![vec![
            (104.0, 30.5),
            (104.1, 30.5),
            (104.1, 30.6),
            (104.0, 30.5),
        ]]],
    });
    let customer = Customer {
        id: CUSTOMER,
        account_no: "1234567890".to_owned(),
        name: "李四".to_owned(),
        address: "七组12号".to_owned(),
        station_area: AREA,
        cell: CELL,
        position: place(Datum::Cgcs2000),
        meter_no: "0101".to_owned(),
    };
    let table = FeedItem::Customers(CustomerTable(vec![
        customer.clone(),
        Customer {
            id: CustomerId(Uuid::from_u128(0x60)),
            position: None,
            ..customer.clone()
        },
    ]));
    let closed = FeedItem::Closed(Closed {
        order: OTHER_ORDER,
        template: reference(),
        customer: Some(CUSTOMER),
        cell: Some(CELL),
        owner: Some(Owner::Person(PERSON)),
        accepted_at: NOW,
        returned_at: Some(NOW),
        missed: vec!["arrive".to_owned()],
        details: details(),
        count: 9,
    });
    let customer = FeedItem::Customer(customer);
    let cards = PromptCards::from_toml(CARDS)
        .ok()
        .map(FeedItem::PromptCards);
    let workflow = Template::from_toml(WORKFLOW).ok().map(FeedItem::Template);
    let scope = [me, cell, customer, table, closed].into_iter();
    let scope: Vec<FeedItem> = scope.chain(workflow).chain(cards).collect();
    let half = entries.len() / 2;
    let (first, rest) = entries.split_at(half);
    let mut everything = scope.clone();
    everything.push(order(&entries, true));
    let pages = vec![
        page(scope, true),
        page(vec![order(first, true)], true),
        page(vec![order(rest, false)], false),
    ];
    let gone = vec![
        page(everything.clone(), false),
        page(
            vec![FeedItem::OrderGone(ORDER), FeedItem::CustomerGone(CUSTOMER)],
            true,
        ),
        page(vec![FeedItem::CellGone(CELL), FeedItem::StartOver], false),
    ];
    vec![
        ("packed", wire::pack(&page(everything, false))),
        ("pages", wire::encode(&pages)),
        ("gone", wire::encode(&gone)),
        ("empty", wire::encode(&vec![page(Vec::new(), false)])),
    ]
}

fn replies() -> Vec<(&'static str, Vec<u8>)> {
    let receipt = || Receipt::sign(EPOCH, JOURNAL, Seq(7), batch().head(), NOW, &key());
    let reply = |outcome| {
        let reply = PushReply {
            epoch: EPOCH,
            server_time: NOW,
            outcome,
        };
        wire::encode(&reply)
    };
    let tokens = Tokens {
        access_token: "a.b.c".to_owned(),
        refresh_token: "r".to_owned(),
        expires_at: NOW,
    };
    let problem = json!({ "type": "urn:gridcrew:problem:unavailable", "code": "unavailable" });
    let parked = Parked {
        seq: Seq(6),
        code: "record.unknown_order".to_owned(),
    };
    // The first byte: which status (the lowest two bits) and media type (the next two).
    let in_form = |form: u8, body: Vec<u8>| [vec![form], body].concat();
    let held = |parked| PushOutcome::Held {
        receipt: receipt(),
        parked,
    };
    let fork = PushOutcome::Fork {
        common: Seq(3),
        link: Digest::of(b"a link"),
        parked: Vec::new(),
    };
    let gap = PushOutcome::Gap {
        receipt: Some(receipt()),
    };
    let reopened = ReopenReply { journal: JOURNAL };
    vec![
        ("held", in_form(0, reply(held(Vec::new())))),
        ("parked", in_form(0, reply(held(vec![parked])))),
        ("gap", in_form(0, reply(gap))),
        (
            "gap-at-nothing",
            in_form(0, reply(PushOutcome::Gap { receipt: None })),
        ),
        ("fork", in_form(0, reply(fork))),
        ("revoked", in_form(0, reply(PushOutcome::Revoked))),
        ("reopened", in_form(0, wire::pack(&reopened))),
        ("photos", in_form(0, wire::pack(&held_photos()))),
        (
            "tokens",
            in_form(4, serde_json::to_vec(&tokens).unwrap_or_default()),
        ),
        ("no-problem", in_form(11, problem.to_string().into_bytes())),
        (
            "no-portal",
            in_form(12, b"<html>Sign in to the network</html>".to_vec()),
        ),
    ]
}

fn held_photos() -> HeldReply {
    HeldReply {
        epoch: EPOCH,
        originals: vec![Digest::of(b"1")],
        previews: vec![Digest::of(b"1"), Digest::of(b"2")],
    }
}

fn manifests() -> Vec<(&'static str, Vec<u8>)> {
    let asked = HeldRequest {
        photos: vec![Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3")],
    };
    let public_key = [8; 32];
    let text = ReopenRequest::signed_text(JOURNAL, &public_key);
    let reopen = ReopenRequest {
        old: JOURNAL,
        public_key: ByteArray::new(public_key),
        signature: ByteArray::new(key().sign(&text).to_bytes()),
    };
    vec![
        ("asked", wire::encode(&asked)),
        ("asked-packed", wire::pack(&asked)),
        ("held", wire::encode(&held_photos())),
        ("reopen", wire::encode(&reopen)),
        ("stands", wire::encode(&stands())),
    ]
}

fn stands() -> Diagnostics {
    Diagnostics {
        time: TimeEvidence::of_server(NOW),
        program: "gridcrew-handheld/0.1.0".to_owned(),
        store_version: 1,
        records_waiting: 12,
        waiting_since: Some(NOW),
        records_parked: 1,
        photos_waiting: 3,
        photos_refused: 1,
        photos_damaged: 0,
        free_bytes: Some(3 << 30),
        disagreeing: vec![ORDER],
        findings: vec!["the store was damaged and set aside".to_owned()],
    }
}

/// An export of the order, as the server writes one.
fn export() -> Vec<ExportFile> {
    let template = Template::from_toml(WORKFLOW).ok();
    let state = template.and_then(|template| fold(&template, &records()));
    let (server, handheld) = (server_batch(), batch());
    let line = |batch: &Batch, of: Option<PersonId>| JournalLine {
        journal: batch.journal,
        person: of,
        key: of.map(|_| manifest::key_text(&key().verifying_key())),
        continues: None,
        last: batch.last(),
        head: batch.head(),
    };
    let seqs = |journal| {
        let of = records()
            .into_iter()
            .filter(move |one| one.id.journal == journal);
        (journal, of.map(|one| one.id.seq).collect())
    };
    let mut files = vec![
        (manifest::journal_file(TRACE), wire::encode(&server)),
        (manifest::journal_file(JOURNAL), wire::encode(&handheld)),
        (manifest::details_file(ORDER), wire::encode(&details())),
        (manifest::template_file(&reference()), WORKFLOW.into()),
        (manifest::photo_file(Digest::of(PHOTO)), PHOTO.to_vec()),
    ];
    let named = files
        .iter()
        .map(|(name, bytes)| (name.clone(), Digest::of(bytes)));
    let written = manifest::written(&Manifest {
        format: manifest::FORMAT.to_owned(),
        version: manifest::VERSION,
        epoch: EPOCH,
        exported_at: NOW,
        server_key: manifest::key_text(&key().verifying_key()),
        journals: vec![line(&server, None), line(&handheld, Some(PERSON))],
        orders: vec![OrderLine {
            order: ORDER,
            template: reference(),
            entries: BTreeMap::from([seqs(TRACE), seqs(JOURNAL)]),
            state: state.map_or(Digest::ZERO, |state| Digest::of(&wire::encode(&state))),
        }],
        parked: Vec::new(),
        set_aside: Vec::new(),
        photos: vec![PhotoLine {
            photo: Digest::of(PHOTO),
            held: true,
        }],
        files: named.collect(),
    });
    let written = written.unwrap_or_default();
    let signature = manifest::sign(&written, &key()).to_vec();
    files.insert(0, (manifest::MANIFEST.to_owned(), written));
    files.insert(1, (manifest::SIGNATURE.to_owned(), signature));
    let file = |(name, bytes)| ExportFile {
        name,
        bytes: ByteBuf::from(bytes),
    };
    files.into_iter().map(file).collect()
}

fn trace() -> Vec<(&'static str, Vec<u8>)> {
    let whole = export();
    let without: Vec<_> = whole.iter().take(4).cloned().collect();
    vec![
        ("whole", wire::encode(&whole)),
        ("no-template", wire::encode(&without)),
    ]
}

fn templates() -> Vec<(&'static str, Vec<u8>)> {
    const SMALL: &str = r#"
code = "t"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "测试", en = "test" }
decline_reasons = [{ code = "ill", title = { zh = "病", en = "ill" } }]

[[steps]]
code = "look"
title = { zh = "看", en = "look" }
fields = [{ code = "whose", title = { zh = "谁", en = "whose" }, kind = "choice", choices = ["ours", "theirs"] }]
photos = [{ code = "site", title = { zh = "现场", en = "site" }, min = 0, max = 3 }]

[[steps]]
code = "return"
title = { zh = "回", en = "return" }
after = ["look"]
closes = true
not_needed_when = { step = "look", field = "whose", is = ["theirs"] }

[[deadlines]]
code = "take"
title = { zh = "接", en = "take" }
from = "accepted"
to = "taken"
urban_minutes = 3
rural_minutes = 3
remote_minutes = 4294967295
source = "test"
"#;
    vec![
        ("small", SMALL.into()),
        ("shipped", WORKFLOW.into()),
        ("cards", CARDS.into()),
        ("no-steps", SMALL.replace("[[steps]]", "[[step]]").into()),
    ]
}

fn intake() -> Vec<(&'static str, Vec<u8>)> {
    let order = |datum: &str| {
        json!({
            "source": "95598", "outside_no": "2026-1", "template": "fault_repair",
            "account_no": "1234567890", "address": "七组12号", "contact_name": "李四",
            "contact_phone": "138 0013 8000", "phenomenon": "全村停电",
            "area_class": "rural", "station_id": STATION, "reported_at": NOW,
            "position": { "lon": 104.0123, "lat": 30.5678, "datum": datum },
        })
    };
    let enrol = EnrolRequest {
        code: "ABCD-EFGH".to_owned(),
        public_key: hex::encode([8; 32]),
        proof: hex::encode([9; 64]),
        device_name: "Mate 60".to_owned(),
    };
    let login = json!({ "login": "zhang", "password": "secret" });
    let text = |value: serde_json::Value| value.to_string().into_bytes();
    vec![
        ("wgs84", text(order("WGS-84"))),
        ("bd09", text(order("BD-09"))),
        ("no-datum", text(order(""))),
        ("enrol", serde_json::to_vec(&enrol).unwrap_or_default()),
        ("login", text(login)),
    ]
}

fn territory() -> Vec<(&'static str, Vec<u8>)> {
    let square = |x: f64, y: f64, width: f64, height: f64| {
        let (x, y) = (120.0 + x / 100.0, 30.0 + y / 100.0);
        let (w, h) = (width / 100.0, height / 100.0);
        json!([[[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]]])
    };
    let polygon = |at: serde_json::Value| json!({ "type": "Polygon", "coordinates": at });
    let feature = |geometry: serde_json::Value, properties: serde_json::Value| json!({ "type": "Feature", "geometry": geometry, "properties": properties });
    let file = |features: Vec<serde_json::Value>| json!({ "type": "FeatureCollection", "features": features });
    let cell = |code: &str, at, area: &str| {
        let properties = json!({ "code": code, "name": code, "station_areas": [area] });
        feature(polygon(at), properties)
    };
    let area = |code: &str, x: f64| {
        let properties = json!({
            "code": code, "name": code, "customers": 80, "feeder": "F1", "area_class": "02",
        });
        let point = json!({ "type": "Point", "coordinates": [120.0 + x / 100.0, 30.005] });
        feature(point, properties)
    };
    let import = |datum: &str, boundary: serde_json::Value, overlap: f64| {
        json!({
            "datum": datum,
            "boundary": boundary,
            "station_areas": file(vec![area("T1", 0.5), area("T2", 1.5)]),
            "cells": file(vec![
                cell("C1", square(0.0, 0.0, 1.0 + overlap, 1.0), "T1"),
                cell("C2", square(1.0, 0.0, 1.0, 1.0), "T2"),
            ]),
            "reason": "first",
        })
        .to_string()
        .into_bytes()
    };
    let whole = || polygon(square(0.0, 0.0, 2.0, 1.0));
    let hole = json!({ "type": "MultiPolygon", "coordinates": [[
        [[120.0, 30.0], [120.02, 30.0], [120.02, 30.01], [120.0, 30.01], [120.0, 30.0]],
        [[120.005, 30.002], [120.006, 30.002], [120.006, 30.003], [120.005, 30.002]],
    ]] });
    vec![
        ("wgs84", import("WGS-84", whole(), 0.0)),
        (
            "gcj02",
            import("GCJ-02", file(vec![feature(whole(), json!({}))]), 0.0),
        ),
        ("no-overlap", import("WGS-84", whole(), 0.3)),
        ("no-hole", import("BD-09", hole, 0.0)),
    ]
}

fn tus() -> Vec<(&'static str, Vec<u8>)> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let photo = Digest::of(PHOTO).to_string();
    let encoded = |text: &str| STANDARD.encode(text);
    let metadata = format!(
        "digest {0},photo {0},kind {1},filename {2}",
        encoded(&photo),
        encoded("original"),
        encoded("a.jpg"),
    );
    let create = |metadata: &str| {
        format!("Tus-Resumable: 1.0.0\nUpload-Length: 20\nUpload-Metadata: {metadata}\n")
    };
    let chunk = |offset: &str, checksum: &str| {
        format!(
            "Tus-Resumable: 1.0.0\nUpload-Offset: {offset}\nContent-Type: application/offset+octet-stream\nUpload-Checksum: {checksum}\n"
        )
    };
    let sha1 = "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
    let sha256 = "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    vec![
        ("create", create(&metadata).into()),
        ("chunk", chunk("5", sha1).into()),
        ("chunk-sha256", chunk("0", sha256).into()),
        (
            "no-defer",
            "Tus-Resumable: 1.0.0\nUpload-Defer-Length: 1\n".into(),
        ),
        ("no-digest", create("kind b3JpZ2luYWw").into()),
        ("no-offset", chunk("-1", "crc32 AAAA").into()),
    ]
}
