//! A station with managers, handhelds that keep their journal in memory, cells and orders.

use crate::{
    edge::{Packed, Problem},
    orders::rows::service_order,
    people::{
        Caller, Role,
        fixture::{Fixture, Organisation},
        reach,
        rows::handheld,
    },
    sync::routes,
    trace::{
        feed_log::{StationLock, Subject},
        ledger,
        rows::entry,
    },
};
use ed25519_dalek::SigningKey;
use futures_util::future::BoxFuture;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{CellId, CustomerId, JournalId, OrderId, OrgId, PersonId},
    journal::{Batch, Entry, Item, Opened, Seq},
    position::TypedPosition,
    push::PushOutcome,
    record::{
        Accepted, Assigned, Event, Noted, OrderDetails, Owner, Record, Rung, StepDone, Taken, Term,
    },
    time::{TimeEvidence, UnixMillis},
    wire,
    workflow::{AreaClass, TemplateRef},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The world of a test.
pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) station: OrgId,
    pub(crate) sibling: OrgId,
}

/// What an order is about.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Its number at its source; its id when it is empty.
    pub(crate) outside_no: String,
    /// Contact and address.
    pub(crate) details: OrderDetails,
    /// The customer.
    pub(crate) customer: Option<CustomerId>,
    /// The place.
    pub(crate) position: Option<TypedPosition>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            outside_no: String::new(),
            details: OrderDetails {
                phenomenon: "no light".to_owned(),
                contact_phone: "13800138000".to_owned(),
                salt: vec![7; 16],
                ..OrderDetails::default()
            },
            customer: None,
            position: None,
        }
    }
}

/// A handheld whose journal is kept in memory.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) journal: JournalId,
    pub(crate) person: PersonId,
    pub(crate) key: SigningKey,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Device {
    /// A record of the person's, appended to the journal.
    pub(crate) fn record(&mut self, order: OrderId, term: u32, at: UnixMillis, event: Event) {
        let record = Record {
            order,
            actor: self.person,
            term: Term(term),
            time: TimeEvidence::of_server(at),
            fix: None,
            event,
            claims: None,
        };
        self.entries.push(Entry::Record(record).to_bytes());
    }

    pub(crate) fn note(&mut self, order: OrderId, text: &str) {
        let event = Event::Noted(Noted {
            text: text.to_owned(),
        });
        self.record(order, 1, UnixMillis(1_800_000_100_000), event);
    }

    pub(crate) fn take(&mut self, order: OrderId) {
        let event = Event::Taken(Taken { eta_minutes: None });
        self.record(order, 1, UnixMillis(1_800_000_100_000), event);
    }

    pub(crate) fn step(&mut self, order: OrderId, step: &str) {
        let event = Event::StepDone(StepDone {
            step: step.into(),
            values: BTreeMap::new(),
            photos: Vec::new(),
        });
        self.record(order, 1, UnixMillis(1_800_000_200_000), event);
    }

    /// The link of entry `seq`; zero before the first.
    pub(crate) fn link(&self, seq: usize) -> Digest {
        let items = self.items(1, seq);
        Batch::sign(self.journal, Seq(1), Digest::ZERO, items, &self.key).head()
    }

    fn items(&self, first: usize, last: usize) -> Vec<Item> {
        self.entries[first - 1..last]
            .iter()
            .map(|bytes| Item::Bytes(bytes.clone().into()))
            .collect()
    }

    /// Entries `first` to `last` as a signed batch.
    pub(crate) fn batch(&self, first: usize, last: usize) -> Batch {
        let before = if first == 1 {
            Digest::ZERO
        } else {
            self.link(first - 1)
        };
        let items = self.items(first, last);
        Batch::sign(self.journal, Seq(first as u64), before, items, &self.key)
    }

    pub(crate) fn all(&self) -> Batch {
        self.batch(1, self.entries.len())
    }
}

pub(crate) fn packed(batch: Batch) -> Packed<Batch> {
    let raw = wire::pack(&batch).into();
    Packed { value: batch, raw }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Fixture::new().await).await
    }

    /// On SQLite, and on PostgreSQL where there is one.
    pub(crate) async fn on_each() -> Vec<Self> {
        let mut worlds = vec![Self::new().await];
        if let Some(fixture) = Fixture::on_postgres().await {
            worlds.push(Self::on(fixture).await);
        }
        worlds
    }

    async fn on(fixture: Fixture) -> Self {
        let organisation = Organisation::in_(&fixture).await;
        Self {
            station: organisation.station,
            sibling: organisation.sibling,
            fixture,
        }
    }

    pub(crate) async fn manager(&self) -> PersonId {
        PersonId(self.fixture.person(Role::Manager, self.station).await.id)
    }

    /// Enrols a handheld; its journal is opened, but nothing was sent.
    pub(crate) async fn device(&self, person: PersonId, seed: u8) -> Device {
        let journal = JournalId(self.fixture.app.new_id());
        let key = SigningKey::from_bytes(&[seed; 32]);
        let row = handheld::ActiveModel {
            id: Set(journal.0),
            person_id: Set(person.0),
            station_id: Set(self.station.0),
            device_name: Set("test".to_owned()),
            public_key: Set(key.verifying_key().to_bytes().to_vec()),
            continues: Set(None),
            enrolled_at: Set(1),
            revoked_at: Set(None),
            last_contact_at: Set(None),
            head_seq: Set(0),
            head_link: Set(vec![0; 32]),
        };
        self.fixture
            .write(|tx, _| {
                Box::pin(async move {
                    handheld::Entity::insert(row)
                        .exec_without_returning(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
        let continues = None;
        let opened = Entry::Opened(Opened { person, continues });
        Device {
            journal,
            person,
            key,
            entries: vec![opened.to_bytes()],
        }
    }

    pub(crate) async fn caller(&self, device: &Device) -> Caller {
        let app = &self.fixture.app;
        let tree = reach::around(app.store.read(), self.station).await.unwrap();
        let (role, now) = (Role::Manager, app.now());
        Caller {
            person: device.person,
            role,
            org: self.station,
            station: Some(self.station),
            session: Uuid::nil(),
            handheld: Some(device.journal),
            now,
            scope: reach::scope(&tree, device.person, role, self.station, now),
        }
    }

    pub(crate) async fn push(&self, device: &Device, batch: Batch) -> Result<PushOutcome, Problem> {
        let caller = self.caller(device).await;
        routes::push(&self.fixture.app, &caller, packed(batch)).await
    }

    /// An order of the station, given to `owner`.
    pub(crate) async fn order(&self, owner: PersonId, cell: Option<CellId>) -> OrderId {
        let order = self.order_of(self.station).await;
        self.assign(order, 1, owner, cell).await;
        order
    }

    /// An order of a station, given to no one.
    pub(crate) async fn order_of(&self, station: OrgId) -> OrderId {
        self.take_in(station, Report::default()).await
    }

    /// An order of a station, given to no one.
    pub(crate) async fn take_in(&self, station: OrgId, report: Report) -> OrderId {
        let order = OrderId(self.fixture.app.new_id());
        let now = self.fixture.app.now();
        let outside_no = match report.outside_no.as_str() {
            "" => order.to_string(),
            given => given.to_owned(),
        };
        let details = wire::encode(&report.details);
        let accepted = Event::Accepted(Accepted {
            source: "95598".to_owned(),
            outside_no: outside_no.clone(),
            template: TemplateRef {
                code: "fault_repair".to_owned(),
                version: 1,
            },
            area_class: AreaClass::Rural,
            station,
            customer: report.customer,
            position: report.position,
            reported_at: None,
            details: Digest::of(&details),
        });
        let row = service_order::ActiveModel {
            id: Set(order.0),
            station_id: Set(station.0),
            source: Set("95598".to_owned()),
            outside_no: Set(outside_no),
            intake_digest: Set(vec![0; 32]),
            accepted_by: Set(Uuid::nil()),
            template_code: Set("fault_repair".to_owned()),
            template_version: Set(1),
            customer_id: Set(None),
            cell_id: Set(None),
            station_area_id: Set(None),
            status: Set("accepted".to_owned()),
            owner_person: Set(None),
            owner_desk: Set(None),
            term: Set(0),
            accepted_at: Set(now.0),
            next_due: Set(None),
            details: Set(details),
            server_seq: Set(0),
            server_link: Set(vec![0; 32]),
            state: Set(Vec::new()),
            state_digest: Set(vec![0; 32]),
            entry_count: Set(0),
        };
        self.fixture
            .write(move |tx, app| {
                Box::pin(async move {
                    let lock = StationLock::take(tx, station).await?;
                    service_order::Entity::insert(row)
                        .exec_without_returning(tx)
                        .await?;
                    let actor = PersonId(Uuid::nil());
                    ledger::append(tx, app, &lock, order, actor, vec![accepted]).await?;
                    Ok(())
                })
            })
            .await;
        order
    }

    pub(crate) async fn assign(
        &self,
        order: OrderId,
        term: u32,
        owner: PersonId,
        cell: Option<CellId>,
    ) {
        let assigned = Event::Assigned(Assigned {
            term: Term(term),
            owner: Owner::Person(owner),
            rung: Rung::RoleA,
            by: None,
            reason: "account_area_cell".to_owned(),
            cell,
            station_area: None,
            territory_version: 1,
        });
        let station = OrgId(self.row(order).await.station_id);
        self.fixture
            .write(move |tx, app| {
                Box::pin(async move {
                    let lock = StationLock::take(tx, station).await?;
                    let actor = PersonId(Uuid::nil());
                    ledger::append(tx, app, &lock, order, actor, vec![assigned]).await?;
                    Ok(())
                })
            })
            .await;
    }

    pub(crate) async fn row(&self, order: OrderId) -> service_order::Model {
        service_order::Entity::find_by_id(order.0)
            .one(self.fixture.app.store.read())
            .await
            .unwrap()
            .unwrap()
    }

    /// The entries of a journal as stored.
    pub(crate) async fn stored(&self, journal: JournalId) -> Vec<entry::Model> {
        entry::Entity::find()
            .filter(entry::Column::JournalId.eq(journal.0))
            .order_by_asc(entry::Column::Seq)
            .all(self.fixture.app.store.read())
            .await
            .unwrap()
    }

    /// Changes rows of other capabilities under the station's lock and announces it.
    pub(crate) async fn change<F>(&self, work: F, subjects: Vec<(Subject, bool)>)
    where
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<(), Problem>>
            + Send
            + 'static,
    {
        let station = self.station;
        self.fixture
            .write(move |tx, _| {
                Box::pin(async move {
                    let lock = StationLock::take(tx, station).await?;
                    work(tx).await?;
                    lock.announce_all(tx, &subjects).await?;
                    Ok(())
                })
            })
            .await;
    }
}
