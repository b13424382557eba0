//! Orders and finished traces: taken in at the desk and worked by handhelds of their own,
//! with keys, chains, signatures and photos like any other.

use super::{clock::ToldClock, picture, settle::Settled, township::Township, work};
use crate::{
    app::App,
    edge::Problem,
    media,
    orders::{
        intake::NewOrder,
        rows::service_order,
        store::{TakenIn, take_in},
    },
    people::{
        Caller,
        caller::identify,
        enrolment::{enrol, issue_enrolment_code},
        sign_in::sign_in,
    },
    sync::{apply, handheld, incoming},
};
use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::LoginRequest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Entry, Item, Opened, Seq},
    position::{Datum, TypedPosition},
    record::{Event, Fix, PhotoRef, Record, StepDone, Taken, Term},
    time::{BootId, Millis, ServerAnchor, TimeEvidence, UnixMillis},
    wire,
};
use sea_orm::EntityTrait;
use std::{
    collections::{BTreeMap, btree_map},
    net::Ipv4Addr,
};

/// How many orders there are, and how many of them are finished.
const ORDERS: usize = 24;
const FINISHED: usize = 20;
/// How long before now the first of them came.
const SPAN: Millis = Millis(4 * 24 * 3_600_000);

/// A handheld of the history.
struct Handheld {
    journal: JournalId,
    person: PersonId,
    key: SigningKey,
    next: Seq,
    link: Digest,
}

/// What a record is of.
struct About {
    order: OrderId,
    accepted_at: UnixMillis,
    place: (f64, f64),
}

/// Writes the history; gives the number of orders and of photos.
///
/// # Errors
/// A problem of the database or of the disk.
pub(super) async fn write(
    then: &App,
    clock: &ToldClock,
    now: UnixMillis,
    township: &Township,
    settled: &Settled,
) -> Result<(usize, usize), Problem> {
    let began = UnixMillis(now.0.saturating_sub(SPAN.0));
    let mut handhelds: BTreeMap<PersonId, Handheld> = BTreeMap::new();
    let mut photos = 0;
    for n in 0..ORDERS {
        let finished = n < FINISHED;
        let at = if finished {
            began.plus(Millis(
                SPAN.0 / ORDERS as i64 * i64::try_from(n).unwrap_or(0),
            ))
        } else {
            now
        };
        clock.set(at);
        let (order, place) = intake(then, township, settled, n).await?;
        if !finished {
            continue;
        }
        let Some(owner) = owner_of(then, order).await? else {
            continue;
        };
        let handheld = match handhelds.entry(owner) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(enrolled(then, settled, owner).await?)
            }
        };
        let about = About {
            order,
            accepted_at: at,
            place,
        };
        let (entries, count) = records(then, handheld, &about, n).await?;
        clock.set(at.plus(Millis::minutes(115)));
        push(then, handheld, entries).await?;
        photos += count;
    }
    Ok((ORDERS, photos))
}

/// An order of some customer, taken in by the clerk.
async fn intake(
    app: &App,
    township: &Township,
    settled: &Settled,
    n: usize,
) -> Result<(OrderId, (f64, f64)), Problem> {
    const PHENOMENA: [&str; 4] = ["全户无电", "电压低,灯光暗", "表箱处冒火花", "半户无电"];
    let missing = || Problem::internal("the township is empty");
    let area = township
        .areas
        .get(n * 37 % township.areas.len())
        .ok_or_else(missing)?;
    let customer = area
        .customers
        .get(n % area.customers.len())
        .ok_or_else(missing)?;
    let wish = NewOrder {
        source: "95598".to_owned(),
        outside_no: format!("DEMO-{:04}", n + 1),
        template: "fault_repair".to_owned(),
        account_no: Some(customer.account_no.clone()),
        position: None,
        address: customer.address.clone(),
        contact_name: customer.name.clone(),
        contact_phone: customer.phone.clone(),
        phenomenon: PHENOMENA
            .get(n % PHENOMENA.len())
            .copied()
            .unwrap_or_default()
            .to_owned(),
        area_class: None,
        station_id: None,
        reported_at: None,
    };
    let intake = wish.check()?;
    let caller = clerk(app, settled).await?;
    let shared = app.clone();
    let taken = app
        .store
        .write(move |tx| Box::pin(async move { take_in(tx, &shared, &caller, &intake).await }))
        .await?;
    let (TakenIn::New(order) | TakenIn::Before(order)) = taken;
    Ok((order, customer.at))
}

/// The clerk, signed in at the time that the clock tells.
async fn clerk(app: &App, settled: &Settled) -> Result<Caller, Problem> {
    let request = LoginRequest {
        login: "station".to_owned(),
        password: settled.password_of("station"),
        handheld: None,
    };
    let tokens = sign_in(app, Ipv4Addr::LOCALHOST.into(), request).await?;
    identify(app, &tokens.access_token).await
}

async fn owner_of(app: &App, order: OrderId) -> Result<Option<PersonId>, Problem> {
    let row = service_order::Entity::find_by_id(order.0)
        .one(app.store.read())
        .await?;
    Ok(row.and_then(|row| row.owner_person).map(PersonId))
}

async fn enrolled(app: &App, settled: &Settled, person: PersonId) -> Result<Handheld, Problem> {
    let mut secret = [0; 32];
    app.randomness.fill(&mut secret);
    let key = SigningKey::from_bytes(&secret);
    let (shared, verifying, clerk) = (app.clone(), key.verifying_key(), settled.clerk);
    let device = "演示终端".to_owned();
    let reply = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let issued = issue_enrolment_code(tx, &shared, person, clerk).await?;
                enrol(tx, &shared, &issued.code, &verifying, device).await
            })
        })
        .await?;
    Ok(Handheld {
        journal: reply.journal,
        person,
        key,
        next: Seq::FIRST,
        link: Digest::ZERO,
    })
}

/// The entries of a whole job, and how many photos they promise; the photos are kept first.
async fn records(
    app: &App,
    handheld: &Handheld,
    about: &About,
    n: usize,
) -> Result<(Vec<Entry>, usize), Problem> {
    let mut entries = Vec::new();
    if handheld.next == Seq::FIRST {
        entries.push(Entry::Opened(Opened {
            person: handheld.person,
            continues: None,
        }));
    }
    let taken = Event::Taken(Taken {
        eta_minutes: Some(25),
    });
    entries.push(record(handheld, about, 2, taken)?);
    let mut photos = 0;
    for (step, work) in work::steps(n).into_iter().enumerate() {
        let mut promised = Vec::new();
        if let Some(slot) = work.photo {
            let picture_seed = super::SEED.wrapping_add((n * 10 + step) as u64);
            let drawn = picture::draw(picture_seed).map_err(Problem::internal)?;
            let bytes = drawn.len() as u64;
            let digest = media::take_in(app, drawn).await?;
            promised.push(PhotoRef {
                digest,
                bytes,
                slot: slot.into(),
            });
            photos += 1;
        }
        let values = work
            .values
            .into_iter()
            .map(|(code, value)| (code.into(), value))
            .collect();
        let done = StepDone {
            step: work.step.into(),
            values,
            photos: promised,
        };
        entries.push(record(handheld, about, work.minute, Event::StepDone(done))?);
    }
    Ok((entries, photos))
}

fn record(handheld: &Handheld, about: &About, minute: u32, event: Event) -> Result<Entry, Problem> {
    let boot = BootId([1; 16]);
    let anchor = ServerAnchor {
        server_time: about.accepted_at,
        boot,
        uptime: Millis::seconds(600),
    };
    let uptime = Millis(anchor.uptime.0.saturating_add(Millis::minutes(minute).0));
    let wall = about
        .accepted_at
        .plus(Millis::minutes(minute))
        .plus(Millis(1_700));
    let position = TypedPosition::new(about.place.0, about.place.1, Datum::Wgs84)
        .map_err(Problem::internal)?;
    Ok(Entry::Record(Record {
        order: about.order,
        actor: handheld.person,
        term: Term(1),
        time: TimeEvidence {
            wall,
            boot,
            uptime,
            gnss: None,
            anchor: Some(anchor),
        },
        fix: Some(Fix {
            position,
            accuracy_dm: 80,
            age: Millis::seconds(4),
            mock: false,
        }),
        event,
        claims: None,
    }))
}

/// Pushes entries as the handheld would.
async fn push(app: &App, handheld: &mut Handheld, entries: Vec<Entry>) -> Result<(), Problem> {
    let items = entries
        .iter()
        .map(|entry| Item::Bytes(entry.to_bytes().into()))
        .collect();
    let batch = Batch::sign(
        handheld.journal,
        handheld.next,
        handheld.link,
        items,
        &handheld.key,
    );
    (handheld.link, handheld.next) = (batch.head(), batch.last().next());
    let packed = wire::pack(&batch);
    let row = handheld::find(app.store.read(), handheld.journal)
        .await?
        .ok_or_else(|| Problem::internal("the handheld is not enrolled"))?;
    let incoming = incoming::check(batch, &row.writer)?;
    match apply::apply(app, row, incoming, packed.into()).await? {
        apply::Outcome::Held { .. } => Ok(()),
        other => Err(Problem::internal(format!(
            "the history was not taken in: {other:?}"
        ))),
    }
}
