//! What the tests of this crate share: clocks and randomness that stand still, an enrolled
//! handheld, an order in its scope, and pictures.

use crate::{
    FreeSpace, Settings,
    clock::{Clock, Moment, Random},
    feed,
    journal::open_journal,
    local::Local,
    photos::{Taking, policy::PhotoPolicy},
    store::{
        identity::{self, Identity},
        photos::Taken,
    },
};
use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::Tokens,
    feed::{FeedEntry, FeedItem, FeedPage, OrderItem},
    ids::{CellId, Epoch, JournalId, OrderId, OrgId, PersonId},
    journal::{Entry, EntryId, Seq},
    order::{OrderState, Sourced, fold},
    position::TypedPosition,
    record::{Accepted, Assigned, Event, Noted, OrderDetails, Owner, Record, Rung, Term},
    time::{BootId, Millis, TimeEvidence, UnixMillis},
    wire,
    workflow::{AreaClass, Template, TemplateRef},
};
use serde_bytes::ByteBuf;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const ME: PersonId = PersonId(Uuid::from_u128(1));
pub(crate) const OTHER: PersonId = PersonId(Uuid::from_u128(2));
pub(crate) const CELL: CellId = CellId(Uuid::from_u128(7));
pub(crate) const JOURNAL: JournalId = JournalId(Uuid::from_u128(100));
pub(crate) const EPOCH: Epoch = Epoch(Uuid::from_u128(500));
/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000;

const TEMPLATE: &str = r#"
code = "fault_repair"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "抢修", en = "repair" }

[[decline_reasons]]
code = "ill"
title = { zh = "生病", en = "ill" }

[[steps]]
code = "arrived"
title = { zh = "到达", en = "arrived" }
counts_from_previous_owner = true
[[steps.photos]]
code = "site"
title = { zh = "现场", en = "site" }
min = 0
max = 3

[[steps]]
code = "restored"
title = { zh = "恢复", en = "restored" }
after = ["arrived"]
[[steps.fields]]
code = "voltage"
title = { zh = "电压", en = "voltage" }
kind = "decimal"

[[steps]]
code = "return"
title = { zh = "回单", en = "return" }
after = ["restored"]
closes = true

[[deadlines]]
code = "arrive"
title = { zh = "到达", en = "arrive" }
from = "accepted"
to = { step = "arrived" }
urban_minutes = 45
rural_minutes = 90
remote_minutes = 120
source = "test"

[[deadlines]]
code = "take"
title = { zh = "接单", en = "take" }
from = "accepted"
to = "taken"
# Later than all others, which the tests look at.
urban_minutes = 1440
rural_minutes = 1440
remote_minutes = 1440
source = "test"
"#;

pub(crate) fn template() -> Template {
    Template::from_toml(TEMPLATE).unwrap()
}

pub(crate) fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(0xabc0_0000 + number))
}

/// A clock that goes on only when it is told to.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    pub(crate) uptime: AtomicI64,
    pub(crate) wall_ahead: AtomicI64,
}

impl TestClock {
    pub(crate) fn pass(&self, millis: i64) {
        self.uptime.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        let uptime = self.uptime.load(Ordering::SeqCst);
        let ahead = self.wall_ahead.load(Ordering::SeqCst);
        Moment {
            wall: UnixMillis(START + uptime + ahead),
            boot: BootId([1; 16]),
            uptime: Millis(uptime),
        }
    }
}

/// Bytes that differ each time and are the same in each run.
#[derive(Debug)]
pub(crate) struct TestRandom(pub(crate) AtomicU64);

impl Random for TestRandom {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            let digest = Digest::of(&count.to_be_bytes());
            chunk.copy_from_slice(&digest.0[..chunk.len()]);
        }
    }
}

pub(crate) fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// A folder in memory where there is one: the tests make many small durable writes.
pub(crate) fn folder() -> TempDir {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory).unwrap(),
        _ => tempfile::tempdir().unwrap(),
    }
}

pub(crate) fn open(folder: &Path, clock: &Arc<TestClock>) -> Local {
    let clock = Arc::clone(clock);
    let seed = clock.uptime.load(Ordering::SeqCst).unsigned_abs() << 20;
    let random = Arc::new(TestRandom(AtomicU64::new(seed)));
    let mut local = Local::open(folder, None, clock, random).unwrap();
    local.configure(Settings {
        space: Arc::new(Plenty),
        ..Settings::default()
    });
    local
}

/// A disk that others do not write to.
struct Plenty;

impl FreeSpace for Plenty {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(1 << 40)
    }
}

/// A handheld enrolled for [`ME`] with [`JOURNAL`].
pub(crate) fn enrolled(folder: &Path, clock: &Arc<TestClock>) -> Local {
    let mut local = open(folder, clock);
    enroll(&mut local);
    local
}

/// Enrols a handheld as [`enrolled`] does.
pub(crate) fn enroll(local: &mut Local) {
    let key = local.secrets.spare_key(local.random.as_ref()).unwrap();
    local.secrets.set_tokens(tokens(0)).unwrap();
    local.secrets.take_spare().unwrap();
    let identity = Identity {
        journal: JOURNAL,
        public_key: key.verifying_key().to_bytes(),
        person: ME,
        person_name: "王".to_owned(),
        server_url: "http://127.0.0.1:1".to_owned(),
        server_key: server_key().verifying_key().to_bytes(),
        epoch: EPOCH,
        probe: false,
        ask_photos: false,
        reopen: None,
    };
    let now = local.wall();
    local
        .store
        .write(|db| {
            identity::put(db, &identity)?;
            open_journal(db, &identity, None, now)
        })
        .unwrap();
}

pub(crate) fn tokens(generation: u32) -> Tokens {
    Tokens {
        access_token: format!("access-{generation}"),
        expires_at: UnixMillis(i64::MAX),
        refresh_token: format!("refresh-{generation}"),
    }
}

fn server_entry(order: OrderId, seq: u64, term: u32, minute: i64, event: Event) -> FeedEntry {
    let entry = Entry::Record(Record {
        order,
        actor: OTHER,
        term: Term(term),
        time: TimeEvidence::of_server(UnixMillis(START + minute * 60_000)),
        fix: None,
        event,
        claims: None,
    });
    FeedEntry {
        id: EntryId {
            journal: JournalId(order.0),
            seq: Seq(seq),
        },
        bytes: ByteBuf::from(entry.to_bytes()),
    }
}

pub(crate) fn assigned(order: OrderId, seq: u64, term: u32, to: PersonId) -> FeedEntry {
    let event = Event::Assigned(Assigned {
        term: Term(term),
        owner: Owner::Person(to),
        rung: Rung::RoleA,
        by: None,
        reason: "account_area_cell".into(),
        cell: Some(CELL),
        station_area: None,
        territory_version: 1,
    });
    server_entry(order, seq, term, i64::from(term), event)
}

/// The server's own part of an order's trace: accepted, and assigned to `owner`.
pub(crate) fn server_entries(order: OrderId, owner: PersonId) -> Vec<FeedEntry> {
    server_entries_at(order, owner, 1, None)
}

fn server_entries_at(
    order: OrderId,
    owner: PersonId,
    edition: u32,
    position: Option<TypedPosition>,
) -> Vec<FeedEntry> {
    let accepted = Event::Accepted(Accepted {
        source: "95598".into(),
        outside_no: order.to_string(),
        template: TemplateRef {
            code: "fault_repair".into(),
            version: edition,
        },
        area_class: AreaClass::Rural,
        station: OrgId(Uuid::from_u128(9)),
        customer: None,
        position,
        reported_at: None,
        details: Digest::ZERO,
    });
    vec![
        server_entry(order, 1, 0, 0, accepted),
        assigned(order, 2, 1, owner),
    ]
}

pub(crate) fn folded(entries: &[(EntryId, Vec<u8>)]) -> Option<OrderState> {
    let records: Vec<Sourced> = entries
        .iter()
        .filter_map(|(id, bytes)| match Entry::from_bytes(bytes) {
            Ok(Entry::Record(record)) => Some(Sourced { id: *id, record }),
            _ => None,
        })
        .collect();
    fold(&template(), &records)
}

/// An item of the feed with these entries, and the state that the server folds of them.
pub(crate) fn order_item(order: OrderId, entries: Vec<FeedEntry>, whole: bool) -> OrderItem {
    let plain: Vec<(EntryId, Vec<u8>)> = entries
        .iter()
        .map(|entry| (entry.id, entry.bytes.to_vec()))
        .collect();
    OrderItem {
        order,
        whole,
        details: Some(OrderDetails {
            phenomenon: "no power".into(),
            contact_name: "李".into(),
            contact_phone: "1".into(),
            address: "村口".into(),
            account_no: None,
            salt: vec![0; 16],
        }),
        count: u32::try_from(entries.len()).unwrap(),
        state: Digest::of(&wire::encode(&folded(&plain))),
        entries,
    }
}

pub(crate) fn page(cursor: &str, items: Vec<FeedItem>) -> FeedPage {
    FeedPage {
        epoch: EPOCH,
        server_time: UnixMillis(START),
        items,
        cursor: cursor.to_owned(),
        more: false,
    }
}

/// Brings an order of [`ME`] into the handheld's scope.
pub(crate) fn bring_order(local: &mut Local, order: OrderId) {
    let item = order_item(order, server_entries(order, ME), true);
    let page = page(
        "1",
        vec![FeedItem::Template(template()), FeedItem::Order(item)],
    );
    local.store.write(|db| feed::apply(db, ME, &page)).unwrap();
}

/// Brings an order of [`ME`] with a place into the handheld's scope.
pub(crate) fn bring_order_at(local: &mut Local, order: OrderId, position: TypedPosition) {
    bring_under(local, order, template(), position);
}

/// The same under an edition that asks who is not there for his reason.
pub(crate) fn bring_asking_order(local: &mut Local, order: OrderId, position: TypedPosition) {
    let field = r#"
[[steps.fields]]
code = "not_there_reason"
title = { zh = "原因", en = "why" }
kind = "text"
optional = true
[[steps.photos]]
code = "site""#;
    let asking = TEMPLATE.replace("version = 1", "version = 2").replacen(
        "[[steps.photos]]\ncode = \"site\"",
        field.trim_start(),
        1,
    );
    bring_under(
        local,
        order,
        Template::from_toml(&asking).unwrap(),
        position,
    );
}

fn bring_under(local: &mut Local, order: OrderId, template: Template, position: TypedPosition) {
    let entries = server_entries_at(order, ME, template.version, Some(position));
    let item = order_item(order, entries, true);
    let items = vec![FeedItem::Template(template), FeedItem::Order(item)];
    let page = page("1", items);
    local.store.write(|db| feed::apply(db, ME, &page)).unwrap();
}

pub(crate) fn note(text: &str) -> Event {
    Event::Noted(Noted {
        text: text.to_owned(),
    })
}

/// A JPEG that differs by `seed`; `side` pixels square, noisy, so that it does not squeeze.
pub(crate) fn picture(folder: &Path, seed: u64, side: u32) -> PathBuf {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let image = image::RgbImage::from_fn(side, side, |_, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bytes = state.to_be_bytes();
        image::Rgb([bytes[0], bytes[1], bytes[2]])
    });
    let path = folder.join(format!("picture-{seed}-{side}.jpg"));
    image.save(&path).unwrap();
    path
}

/// A picture, taken over as by default.
pub(crate) fn taken(local: &Local, path: &Path) -> Taken {
    let taking = Taking {
        folder: &local.folder,
        random: local.random.as_ref(),
        policy: PhotoPolicy::default(),
        stamp: &[],
    };
    taking.take_over(path).unwrap()
}
