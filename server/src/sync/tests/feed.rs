//! A model handheld that applies whatever pages it gets always ends with exactly its scope.

use super::world::{Device, World};
use crate::{
    people::{
        account::{Change, change_person},
        rows::audit_log,
    },
    sync::{
        cursor,
        feed::Told,
        page::{self, Size},
        wait::Heads,
    },
    territory::rows::{cell, cell_role, customer, station_area},
    trace::{epoch, feed_log::Subject, ledger},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    feed::{Closed, FeedItem, FeedPage, OrderItem},
    ids::{CellId, CustomerId, OrderId, PersonId},
    journal::{Entry, EntryId, Seq},
    order::{OrderState, Sourced, fold},
    position::Wgs84,
    record::{Event, Owner, Taken},
    time::Millis,
    wire,
};
use proptest::prelude::*;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

const MANAGERS: usize = 3;
const CELLS: usize = 4;

/// The territory and the truth about it, told apart from the code under test.
pub(super) struct Ground {
    pub(super) world: World,
    pub(super) devices: Vec<Device>,
    pub(super) cells: Vec<CellId>,
    pub(super) areas: Vec<(Uuid, usize)>,
    customers: Vec<(CustomerId, usize)>,
    roles: Vec<(usize, usize)>,
    pub(super) orders: Vec<(OrderId, u32, usize, usize)>,
}

impl Ground {
    pub(super) async fn new() -> Self {
        Self::with_corners([3; CELLS]).await
    }

    /// With cells whose rings have so many corners.
    async fn with_corners(corners: [usize; CELLS]) -> Self {
        let world = World::new().await;
        let mut devices = Vec::new();
        for n in 0..MANAGERS {
            let manager = world.manager().await;
            devices.push(world.device(manager, n as u8 + 1).await);
        }
        let mut ground = Self {
            world,
            devices,
            cells: Vec::new(),
            areas: Vec::new(),
            customers: Vec::new(),
            roles: vec![(0, 1); CELLS],
            orders: Vec::new(),
        };
        for (n, corners) in corners.into_iter().enumerate() {
            ground.add_cell(n, corners).await;
            ground.set_roles(n, n % MANAGERS, (n + 1) % MANAGERS).await;
        }
        ground
    }

    async fn add_cell(&mut self, n: usize, corners: usize) {
        let app = &self.world.fixture.app;
        let (cell, area) = (app.new_id(), app.new_id());
        let station = self.world.station.0;
        let cell_row = cell::ActiveModel {
            id: Set(cell),
            station_id: Set(station),
            code: Set(format!("c{n}")),
            name: Set(format!("Cell {n}")),
            geometry: Set(ring(corners)),
            from_version: Set(1),
            until_version: Set(None),
        };
        let area_row = station_area::ActiveModel {
            id: Set(area),
            station_id: Set(station),
            cell_id: Set(Some(cell)),
            feeder_id: Set(None),
            code: Set(format!("a{n}")),
            name: Set(format!("Area {n}")),
            lon: Set(113.0),
            lat: Set(23.0),
            customers: Set(1),
            area_class: Set("rural".to_owned()),
        };
        self.world
            .fixture
            .write(|tx, _| {
                Box::pin(async move {
                    cell::Entity::insert(cell_row)
                        .exec_without_returning(tx)
                        .await?;
                    station_area::Entity::insert(area_row)
                        .exec_without_returning(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
        self.cells.push(CellId(cell));
        self.areas.push((area, n));
    }

    pub(super) async fn set_roles(&mut self, n: usize, a: usize, b: usize) {
        self.world.fixture.pass(Millis(10));
        let app = &self.world.fixture.app;
        let (now, station, cell) = (app.now().0, self.world.station.0, self.cells[n]);
        let row = |role: &str, person: PersonId| cell_role::ActiveModel {
            id: Set(app.new_id()),
            station_id: Set(station),
            cell_id: Set(cell.0),
            role: Set(role.to_owned()),
            person_id: Set(person.0),
            valid_from: Set(now),
            valid_until: Set(None),
            author: Set(person.0),
            next_change: Set(None),
        };
        let rows = [
            row("A", self.devices[a].person),
            row("B", self.devices[b].person),
        ];
        self.world
            .change(
                move |tx| {
                    Box::pin(async move {
                        cell_role::Entity::update_many()
                            .col_expr(cell_role::Column::ValidUntil, Expr::value(now))
                            .filter(cell_role::Column::CellId.eq(cell.0))
                            .filter(cell_role::Column::ValidUntil.is_null())
                            .exec(tx)
                            .await?;
                        cell_role::Entity::insert_many(rows)
                            .exec_without_returning(tx)
                            .await?;
                        Ok(())
                    })
                },
                vec![(Subject::Cell(cell), false)],
            )
            .await;
        self.roles[n] = (a, b);
    }

    async fn move_area(&mut self, n: usize, to: usize) {
        let (area, from) = self.areas[n];
        let cell = self.cells[to];
        let subjects = [from, to].map(|n| (Subject::Cell(self.cells[n]), true));
        self.world
            .change(
                move |tx| {
                    Box::pin(async move {
                        station_area::Entity::update_many()
                            .col_expr(station_area::Column::CellId, Expr::value(cell.0))
                            .filter(station_area::Column::Id.eq(area))
                            .exec(tx)
                            .await?;
                        Ok(())
                    })
                },
                subjects.to_vec(),
            )
            .await;
        self.areas[n].1 = to;
    }

    pub(super) async fn put_customer(&mut self, existing: Option<usize>, area: usize) {
        let app = &self.world.fixture.app;
        let id = existing.map_or_else(|| app.new_id(), |n| self.customers[n].0.0);
        let row = customer::ActiveModel {
            id: Set(id),
            station_id: Set(self.world.station.0),
            station_area_id: Set(self.areas[area].0),
            account_no: Set(id.to_string()),
            name: Set("A customer".to_owned()),
            phone: Set("1".to_owned()),
            address: Set("A street".to_owned()),
            meter_no: Set("M1".to_owned()),
            lon: Set(None),
            lat: Set(None),
        };
        self.world
            .change(
                move |tx| {
                    Box::pin(async move {
                        customer::Entity::delete_by_id(id).exec(tx).await?;
                        customer::Entity::insert(row)
                            .exec_without_returning(tx)
                            .await?;
                        Ok(())
                    })
                },
                vec![(Subject::Customer(CustomerId(id)), true)],
            )
            .await;
        match existing {
            Some(n) => self.customers[n].1 = area,
            None => self.customers.push((CustomerId(id), area)),
        }
    }

    pub(super) async fn order(&mut self, owner: usize, cell: usize) {
        let order = self
            .world
            .order(self.devices[owner].person, Some(self.cells[cell]))
            .await;
        self.orders.push((order, 1, owner, cell));
    }

    async fn assign(&mut self, n: usize, owner: usize, cell: usize) {
        let (order, term, ..) = self.orders[n];
        let (person, cell_id) = (self.devices[owner].person, self.cells[cell]);
        self.world
            .assign(order, term + 1, person, Some(cell_id))
            .await;
        self.orders[n] = (order, term + 1, owner, cell);
    }

    pub(super) async fn work(&mut self, device: usize, n: usize, closes: bool) {
        let (order, term, ..) = self.orders[n];
        let now = self.world.fixture.app.now();
        let device = &mut self.devices[device];
        let first = device.entries.len() + 1;
        if closes {
            device.step(order, "return");
        } else {
            device.note(order, "some words about the work that was done");
        }
        let event = Event::Taken(Taken { eta_minutes: None });
        device.record(order, term, now, event);
        let first = if first == 2 { 1 } else { first };
        let batch = device.batch(first, device.entries.len());
        let device = device.clone();
        self.world.push(&device, batch).await.unwrap();
    }

    fn cells_of(&self, manager: usize) -> BTreeSet<usize> {
        (0..CELLS)
            .filter(|n| self.roles[*n].0 == manager || self.roles[*n].1 == manager)
            .collect()
    }
}

/// A cell of one ring with so many corners, as it is stored.
fn ring(corners: usize) -> String {
    let corner = |n: usize| {
        let angle = std::f64::consts::TAU * n as f64 / corners as f64;
        [113.0 + 0.1 * angle.cos(), 23.0 + 0.1 * angle.sin()]
    };
    let ring: Vec<_> = (0..=corners).map(|n| corner(n % corners)).collect();
    serde_json::to_string(&[[ring]]).unwrap()
}

/// A handheld as the protocol asks for it.
struct Model {
    told: Option<Told>,
    cells: BTreeMap<CellId, gridcrew_sync_protocol::feed::Cell>,
    customers: BTreeMap<CustomerId, CellId>,
    orders: BTreeMap<OrderId, BTreeMap<EntryId, Vec<u8>>>,
    /// The number to call, as told last.
    numbers: BTreeMap<OrderId, String>,
    /// Orders that are held in brief.
    closed: BTreeMap<OrderId, Closed>,
    /// Orders that are being told whole, in parts.
    in_parts: BTreeSet<OrderId>,
    introduced: bool,
}

impl Model {
    fn new() -> Self {
        Self {
            told: None,
            cells: BTreeMap::new(),
            customers: BTreeMap::new(),
            orders: BTreeMap::new(),
            numbers: BTreeMap::new(),
            closed: BTreeMap::new(),
            in_parts: BTreeSet::new(),
            introduced: false,
        }
    }

    async fn sync(&mut self, ground: &Ground, device: usize, size: Size) -> bool {
        let caller = ground.world.caller(&ground.devices[device]).await;
        let app = &ground.world.fixture.app;
        let page = page::read(app, &caller, self.told.take(), size)
            .await
            .unwrap();
        let more = page.more || !page.items.is_empty();
        for item in page.items {
            self.apply(ground, &ground.devices[device], item);
        }
        let text = cursor::seal(&app.keys, caller.person, &page.told);
        self.told = Some(cursor::open(&app.keys, &caller, &text).unwrap());
        more
    }

    fn apply(&mut self, ground: &Ground, device: &Device, item: FeedItem) {
        match item {
            FeedItem::Me(me) => {
                assert_eq!(me.person, device.person);
                assert_eq!(me.colleagues.len(), MANAGERS - 1);
                self.introduced = true;
            }
            FeedItem::Template(_) | FeedItem::PromptCards(_) => {}
            FeedItem::Cell(cell) => {
                self.cells.insert(cell.id, cell);
            }
            FeedItem::CellGone(cell) => {
                self.cells.remove(&cell);
                self.customers.retain(|_, of| *of != cell);
                // Handhelds drop its orders too, but their own.
                let theirs = |order: &OrderId| {
                    let state = state(ground, &self.orders[order]);
                    state.is_some_and(|state| {
                        let owner = Owner::Person(device.person);
                        state.cell == Some(cell) && state.owner != Some(owner)
                    })
                };
                let gone: Vec<_> = self.orders.keys().copied().filter(theirs).collect();
                self.orders.retain(|order, _| !gone.contains(order));
                let me = Some(Owner::Person(device.person));
                self.closed
                    .retain(|_, closed| closed.cell != Some(cell) || closed.owner == me);
            }
            FeedItem::Customer(customer) => {
                self.customers.insert(customer.id, customer.cell);
            }
            FeedItem::Customers(table) => {
                let told = table.0.into_iter();
                self.customers.extend(told.map(|one| (one.id, one.cell)));
            }
            FeedItem::CustomerGone(customer) => {
                self.customers.remove(&customer);
            }
            FeedItem::Order(item) => self.order(device, &item),
            FeedItem::Closed(closed) => self.close(ground, closed),
            FeedItem::OrderGone(order) => {
                self.orders.remove(&order);
                self.closed.remove(&order);
            }
            FeedItem::StartOver => {
                let told = self.told.take();
                *self = Self {
                    told,
                    ..Self::new()
                };
            }
            other => panic!("unknown item {other:?}"),
        }
    }

    fn order(&mut self, device: &Device, item: &OrderItem) {
        let details = item.details.as_ref().unwrap();
        assert!(details.salt.is_empty());
        self.numbers
            .insert(item.order, details.contact_phone.clone());
        if item.whole {
            self.orders.insert(item.order, BTreeMap::new());
            self.closed.remove(&item.order);
        }
        // Or to who holds it in brief, and is told so anew behind it.
        let entries = match self.closed.contains_key(&item.order) {
            true => self.orders.entry(item.order).or_default(),
            false => self
                .orders
                .get_mut(&item.order)
                .expect("a part of an order comes only to who holds the rest"),
        };
        let told_whole = item.whole || self.in_parts.contains(&item.order);
        for entry in &item.entries {
            assert!(told_whole || entry.id.journal != device.journal);
            entries.insert(entry.id, entry.bytes.to_vec());
        }
        if told_whole && entries.len() < item.count as usize {
            self.in_parts.insert(item.order);
        } else {
            self.in_parts.remove(&item.order);
        }
        for (bytes, seq) in device.entries.iter().zip(1..) {
            if let Ok(Entry::Record(record)) = Entry::from_bytes(bytes)
                && record.order == item.order
            {
                let id = EntryId {
                    journal: device.journal,
                    seq: Seq(seq),
                };
                entries.insert(id, bytes.clone());
            }
        }
    }

    fn close(&mut self, ground: &Ground, closed: Closed) {
        assert!(closed.details.salt.is_empty());
        let entries = self.orders.get(&closed.order);
        let whole = entries.is_some_and(|entries| {
            entries.len() >= closed.count as usize && state(ground, entries).is_some()
        });
        if whole {
            return;
        }
        self.orders.remove(&closed.order);
        self.closed.insert(closed.order, closed);
    }

    /// Compares what is held with what the person may see.
    async fn check(&self, ground: &Ground, device: usize) {
        assert!(self.introduced);
        let mine = ground.cells_of(device);
        let cells: BTreeSet<CellId> = mine.iter().map(|n| ground.cells[*n]).collect();
        assert_eq!(self.cells.keys().copied().collect::<BTreeSet<_>>(), cells);
        for n in &mine {
            let (a, b) = ground.roles[*n];
            let held = &self.cells[&ground.cells[*n]];
            assert_eq!(held.role_a, Some(ground.devices[a].person));
            assert_eq!(held.role_b, Some(ground.devices[b].person));
        }
        let customers: BTreeMap<CustomerId, CellId> = ground
            .customers
            .iter()
            .map(|(customer, area)| (*customer, ground.areas[*area].1))
            .filter(|(_, cell)| mine.contains(cell))
            .map(|(customer, cell)| (customer, ground.cells[cell]))
            .collect();
        assert_eq!(self.customers, customers);
        for (order, _, owner, cell) in &ground.orders {
            let row = ground.world.row(*order).await;
            let in_scope = *owner == device || mine.contains(cell);
            let age = ground.world.fixture.app.now().0 - row.accepted_at;
            let old = row.status == "returned" && age > 30 * 86_400_000;
            let past = row.status == "returned" && age > 86_400_000;
            match (self.orders.get(order), self.closed.get(order)) {
                (Some(_), _) | (_, Some(_)) if !in_scope => {
                    panic!("holds an order that is out of scope")
                }
                (None, Some(closed)) => {
                    assert!(past, "holds in brief what is not of the past");
                    assert_eq!(i64::from(closed.count), row.entry_count);
                    assert_eq!(closed.details.contact_phone, "*******8000");
                }
                (None, None) if in_scope && !old => panic!("misses an order that is in scope"),
                (None, None) => {}
                (Some(held), _) => {
                    let whole = *owner == device && row.status != "returned";
                    let number = &self.numbers[order];
                    let expected = if whole { "13800138000" } else { "*******8000" };
                    assert_eq!(number, expected);
                    self.check_entries(ground, device, *order, held).await;
                }
            }
        }
    }

    async fn check_entries(
        &self,
        ground: &Ground,
        device: usize,
        order: OrderId,
        held: &BTreeMap<EntryId, Vec<u8>>,
    ) {
        let app = &ground.world.fixture.app;
        let stored = ledger::records(app.store.read(), order).await.unwrap();
        let stored: BTreeSet<EntryId> = stored.iter().map(|sourced| sourced.id).collect();
        // Its own records that are parked are not in the trace, but stay on the handheld.
        let own = ground.devices[device].journal;
        let held: BTreeMap<EntryId, Vec<u8>> = held
            .iter()
            .filter(|(id, _)| id.journal != own || stored.contains(id))
            .map(|(id, bytes)| (*id, bytes.clone()))
            .collect();
        assert_eq!(held.keys().copied().collect::<BTreeSet<_>>(), stored);
        let state = state(ground, &held).expect("all entries are there");
        let row = ground.world.row(order).await;
        assert_eq!(
            Digest::of(&wire::encode(&state)).0.to_vec(),
            row.state_digest
        );
    }
}

fn state(ground: &Ground, entries: &BTreeMap<EntryId, Vec<u8>>) -> Option<OrderState> {
    let records: Vec<Sourced> = entries
        .iter()
        .filter_map(|(id, bytes)| match Entry::from_bytes(bytes) {
            Ok(Entry::Record(record)) => Some(Sourced { id: *id, record }),
            _ => None,
        })
        .collect();
    fold(ground.world.fixture.app.templates.all().next()?, &records)
}

#[derive(Clone, Debug)]
enum Op {
    Order {
        owner: usize,
        cell: usize,
    },
    Assign {
        order: usize,
        owner: usize,
        cell: usize,
    },
    Work {
        device: usize,
        order: usize,
        closes: bool,
    },
    Roles {
        cell: usize,
        a: usize,
        b: usize,
    },
    MoveArea {
        area: usize,
        to: usize,
    },
    Customer {
        existing: Option<usize>,
        area: usize,
    },
    Days(i64),
    NewEpoch,
    Sync {
        device: usize,
        pages: usize,
        size: Size,
    },
}

fn size() -> impl Strategy<Value = Size> {
    let bytes = prop_oneof![1u64..4_000, 4_000u64..20_000];
    (bytes, 1u64..12, 50u64..2_000).prop_map(|(bytes, rows, part)| Size { bytes, rows, part })
}

fn op() -> impl Strategy<Value = Op> {
    let (managers, cells, any) = (0..MANAGERS, 0..CELLS, 0usize..1_000);
    prop_oneof![
        4 => (managers.clone(), cells.clone()).prop_map(|(owner, cell)| Op::Order { owner, cell }),
        3 => (any.clone(), managers.clone(), cells.clone())
            .prop_map(|(order, owner, cell)| Op::Assign { order, owner, cell }),
        6 => (managers.clone(), any.clone(), prop::bool::weighted(0.3))
            .prop_map(|(device, order, closes)| Op::Work { device, order, closes }),
        2 => (cells.clone(), managers.clone(), managers.clone())
            .prop_map(|(cell, a, b)| Op::Roles { cell, a, b }),
        1 => (cells.clone(), cells.clone()).prop_map(|(area, to)| Op::MoveArea { area, to }),
        3 => (prop::option::of(any), cells).prop_map(|(existing, area)| Op::Customer { existing, area }),
        1 => (1i64..40).prop_map(Op::Days),
        1 => Just(Op::NewEpoch),
        6 => (managers, 1usize..8, size())
            .prop_map(|(device, pages, size)| Op::Sync { device, pages, size }),
    ]
}

async fn run(ops: Vec<Op>, last: Size) {
    // From what always fits to what is larger than any page.
    let mut ground = Ground::with_corners([3, 60, 250, 1_100]).await;
    let mut models: Vec<Model> = (0..MANAGERS).map(|_| Model::new()).collect();
    for op in ops {
        let order = |n: usize| (!ground.orders.is_empty()).then(|| n % ground.orders.len());
        match op {
            Op::Order { owner, cell } => ground.order(owner, cell).await,
            Op::Assign {
                order: n,
                owner,
                cell,
            } => {
                if let Some(n) = order(n) {
                    ground.assign(n, owner, cell).await;
                }
            }
            Op::Work {
                device,
                order: n,
                closes,
            } => {
                if let Some(n) = order(n) {
                    ground.work(device, n, closes).await;
                }
            }
            Op::Roles { cell, a, b } => ground.set_roles(cell, a, b).await,
            Op::MoveArea { area, to } => ground.move_area(area, to).await,
            Op::Customer { existing, area } => {
                let count = ground.customers.len();
                let existing = existing.filter(|_| count > 0).map(|n| n % count);
                ground.put_customer(existing, area).await;
            }
            Op::Days(days) => ground.world.fixture.pass(Millis(days * 86_400_000)),
            Op::NewEpoch => {
                let app = &ground.world.fixture.app;
                app.epoch.store(Arc::new(epoch::renew(app).await.unwrap()));
            }
            Op::Sync {
                device,
                pages,
                size,
            } => {
                for _ in 0..pages {
                    models[device].sync(&ground, device, size).await;
                }
            }
        }
    }
    for (device, model) in models.iter_mut().enumerate() {
        let mut pages = 0;
        while model.sync(&ground, device, last).await {
            pages += 1;
            assert!(pages < 2_000, "the feed does not end");
        }
        model.check(&ground, device).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_and_however_it_is_paged_a_handheld_ends_with_its_scope(
        ops in prop::collection::vec(op(), 1..60),
        last in size(),
    ) {
        actix_web::rt::System::new().block_on(run(ops, last));
    }
}

/// How many histories are tried; `GRIDCREW_FEED_CASES` says otherwise.
fn cases() -> u32 {
    let wished = std::env::var("GRIDCREW_FEED_CASES").ok();
    wished.and_then(|text| text.parse().ok()).unwrap_or(24)
}

#[actix_web::test]
async fn cells_larger_than_a_page_that_change_behind_an_order_do_not_stop_the_feed() {
    let mut ground = Ground::with_corners([1_100; CELLS]).await;
    let size = Size::of(16_384);
    let mut model = Model::new();
    while model.sync(&ground, 0, size).await {}
    ground.order(0, 0).await;
    ground.work(0, 0, false).await;
    ground.set_roles(0, 0, 2).await;
    for n in 0..3 {
        ground.put_customer(None, n).await;
    }
    ground.set_roles(3, 2, 0).await;
    let mut pages = 0;
    while model.sync(&ground, 0, size).await {
        pages += 1;
        assert!(pages < 50, "the feed does not go on");
    }
    model.check(&ground, 0).await;
}

#[actix_web::test]
async fn an_order_too_long_for_a_page_comes_in_parts() {
    let mut ground = Ground::new().await;
    ground.order(0, 0).await;
    for _ in 0..30 {
        ground.work(0, 0, false).await;
    }
    let size = Size {
        bytes: 1_000,
        rows: 5,
        part: 1_500,
    };
    for device in [0, 1] {
        let mut model = Model::new();
        while model.sync(&ground, device, size).await {}
        model.check(&ground, device).await;
    }
}

#[actix_web::test]
async fn a_cursor_that_was_changed_or_is_anothers_is_refused() {
    let ground = Ground::new().await;
    let app = &ground.world.fixture.app;
    let caller = ground.world.caller(&ground.devices[0]).await;
    let page = page::read(app, &caller, None, Size::default())
        .await
        .unwrap();
    let text = cursor::seal(&app.keys, caller.person, &page.told);
    assert_eq!(cursor::open(&app.keys, &caller, &text).unwrap(), page.told);
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let refused = cursor::open(&app.keys, &caller, &changed);
        assert_eq!(
            refused.unwrap_err().code,
            Code::FeedBadCursor,
            "changed at {at}"
        );
    }
    let other = ground.world.caller(&ground.devices[1]).await;
    assert!(cursor::open(&app.keys, &other, &text).is_err());
    assert!(cursor::open(&app.keys, &caller, "").is_err());
}

/// All pages from the beginning.
async fn caught_up(ground: &Ground, device: usize) -> Told {
    let app = &ground.world.fixture.app;
    let caller = ground.world.caller(&ground.devices[device]).await;
    let mut told = None;
    loop {
        let page = page::read(app, &caller, told, Size::default())
            .await
            .unwrap();
        told = Some(page.told);
        if !page.more {
            return told.unwrap();
        }
    }
}

#[actix_web::test]
async fn who_waits_hears_of_a_change_at_once_and_of_none_when_the_time_is_over() {
    let mut ground = Ground::new().await;
    // Sessions are not part of this: the caller must stand.
    let (caller, told) = waiting(&ground).await;
    let app = ground.world.fixture.app.clone();
    let heads = Heads::default();
    let quiet = page::next(&app, &heads, &caller, Some(told.clone()), Duration::ZERO);
    let quiet: FeedPage = quiet.await.unwrap();
    assert!(quiet.items.is_empty() && !quiet.more);
    let patience = Duration::from_secs(50);
    let wait = page::next(&app, &heads, &caller, Some(told), patience);
    let (page, ()) = tokio::join!(wait, ground.order(0, 0));
    let page = page.unwrap();
    let order = ground.orders[0].0;
    let told = |item: &FeedItem| matches!(item, FeedItem::Order(item) if item.order == order);
    assert!(page.items.iter().any(told));
}

#[tokio::test]
async fn the_log_says_once_what_a_handheld_was_told_as_a_whole() {
    let mut ground = Ground::new().await;
    let (caller, _) = waiting(&ground).await;
    let app = ground.world.fixture.app.clone();
    let heads = Heads::default();
    let mut told = None;
    for gains in [false, true] {
        if gains {
            ground.set_roles(1, 0, 1).await;
        }
        loop {
            let mut caller = caller.clone();
            caller.scope.now = app.now();
            let page = page::next(&app, &heads, &caller, told, Duration::ZERO).await;
            let page = page.unwrap();
            told = Some(cursor::open(&app.keys, &caller, &page.cursor).unwrap());
            if page.items.is_empty() && !page.more {
                break;
            }
        }
    }
    let lines = audit_log::Entity::find()
        .filter(audit_log::Column::Action.starts_with("feed."))
        .order_by_asc(audit_log::Column::Id)
        .all(app.store.read())
        .await
        .unwrap();
    let (station, cell) = (ground.world.station, ground.cells[1]);
    let expected = [
        ("feed.begun", station.to_string()),
        ("feed.cell_begun", cell.to_string()),
    ];
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (&*line.action, line.subject.clone()))
        .collect();
    assert_eq!(lines, expected);
}

#[actix_web::test]
async fn a_colleague_who_comes_changes_or_goes_is_told_to_his_station() {
    let ground = Ground::new().await;
    let app = &ground.world.fixture.app;
    let caller = ground.world.caller(&ground.devices[0]).await;
    let mut told = caught_up(&ground, 0).await;
    let colleague = ground.world.manager().await;
    let renamed = Change {
        name: Some("Zhao Min".to_owned()),
        ..Change::default()
    };
    let moved = Change {
        org: Some(ground.world.sibling),
        ..Change::default()
    };
    let based = Change {
        base: Some(Wgs84::new(113.0, 23.0).unwrap()),
        ..Change::default()
    };
    let steps = [
        (None, Some("Li Wei")),
        (Some(renamed), Some("Zhao Min")),
        (Some(moved), None),
    ];
    for (change, expected) in steps {
        if let Some(change) = change {
            changed(&ground, colleague, change).await;
        }
        let page = page::read(app, &caller, Some(told), Size::default())
            .await
            .unwrap();
        told = page.told;
        let [FeedItem::Me(me)] = page.items.as_slice() else {
            panic!("not one Me: {:?}", page.items);
        };
        let found = me.colleagues.iter().find(|one| one.person == colleague);
        assert_eq!(found.map(|one| one.name.as_str()), expected);
    }
    changed(&ground, caller.person, based).await;
    let page = page::read(app, &caller, Some(told), Size::default());
    assert!(page.await.unwrap().items.is_empty());
}

async fn changed(ground: &Ground, person: PersonId, change: Change) {
    ground
        .world
        .fixture
        .write(move |tx, app| {
            let now = app.now();
            Box::pin(async move { change_person(tx, person, change, now).await })
        })
        .await;
}

/// A caller with a session, who is told everything.
async fn waiting(ground: &Ground) -> (crate::people::Caller, Told) {
    let device = &ground.devices[0];
    let person = crate::people::rows::person::Entity::find_by_id(device.person.0)
        .one(ground.world.fixture.app.store.read())
        .await
        .unwrap()
        .unwrap();
    let journal = device.journal;
    ground
        .world
        .fixture
        .write(move |tx, app| {
            Box::pin(
                async move { crate::people::session::begin(tx, app, &person, Some(journal)).await },
            )
        })
        .await;
    let session = crate::people::rows::session::Entity::find()
        .one(ground.world.fixture.app.store.read())
        .await
        .unwrap()
        .unwrap();
    let mut caller = ground.world.caller(device).await;
    caller.session = session.id;
    (caller, caught_up(ground, 0).await)
}
