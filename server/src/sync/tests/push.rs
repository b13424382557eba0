//! Every outcome of a push.

use super::world::{Device, World, packed};
use crate::{
    edge::{PACKED_MEDIA_TYPE, Problem},
    http,
    media::{self, PhotoCounts},
    people::{
        Role,
        account::{Change, change_person},
        rows::{audit_log, handheld, session},
    },
    sync::{
        page::{self, Size},
        reopen::reopen,
        routes,
    },
    trace::rows::{batch, set_aside_batch},
};
use actix_web::{http::StatusCode, test};
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    feed::FeedItem,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Entry, EntryId, Item, MAX_BATCH_ENTRIES, Opened, Seq},
    push::{PushOutcome, PushReply, Receipt, ReopenRequest},
    record::{Event, PhotoRef, StepDone, Taken},
    time::{Millis, UnixMillis},
    wire,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use std::collections::BTreeMap;
use uuid::Uuid;

fn held(outcome: PushOutcome) -> (Receipt, Vec<(u64, String)>) {
    match outcome {
        PushOutcome::Held { receipt, parked } => {
            let parked = parked.into_iter().map(|p| (p.seq.0, p.code)).collect();
            (receipt, parked)
        }
        other => panic!("not held: {other:?}"),
    }
}

fn code(outcome: Result<PushOutcome, Problem>) -> Code {
    outcome.unwrap_err().code
}

/// A manager with an order and a handheld on which he took it.
async fn working() -> (World, Device, OrderId) {
    let world = World::new().await;
    let manager = world.manager().await;
    let order = world.order(manager, None).await;
    let mut device = world.device(manager, 1).await;
    device.take(order);
    (world, device, order)
}

async fn set_aside(world: &World) -> Vec<set_aside_batch::Model> {
    set_aside_batch::Entity::find()
        .all(world.fixture.app.store.read())
        .await
        .unwrap()
}

#[actix_web::test]
async fn records_are_held_once_however_often_and_in_whatever_cut_they_come() {
    let (world, mut device, order) = working().await;
    let (receipt, parked) = held(world.push(&device, device.all()).await.unwrap());
    let app = &world.fixture.app;
    assert!(receipt.is_signed_by(&app.keys.trace.verifying_key()));
    assert_eq!((receipt.held, receipt.link), (Seq(2), device.link(2)));
    assert_eq!(receipt.epoch, app.epoch());
    assert!(parked.is_empty());
    assert_eq!(world.row(order).await.status, "taken");
    for _ in 0..6 {
        device.note(order, "on my way");
    }
    held(world.push(&device, device.batch(2, 5)).await.unwrap());
    held(world.push(&device, device.batch(1, 4)).await.unwrap());
    held(world.push(&device, device.batch(5, 8)).await.unwrap());
    let (receipt, _) = held(world.push(&device, device.batch(3, 8)).await.unwrap());
    assert_eq!((receipt.held, receipt.link), (Seq(8), device.link(8)));
    let stored: Vec<_> = world.stored(device.journal).await;
    let bytes: Vec<_> = stored.iter().map(|row| row.bytes.clone()).collect();
    assert_eq!(bytes, device.entries);
    assert_eq!(world.row(order).await.entry_count, 2 + 7);
}

#[actix_web::test]
async fn stored_batches_verify_with_the_handhelds_key() {
    let (world, mut device, order) = working().await;
    for _ in 0..6 {
        device.note(order, "x");
    }
    for (first, last) in [(1, 3), (2, 5), (5, 8)] {
        held(
            world
                .push(&device, device.batch(first, last))
                .await
                .unwrap(),
        );
    }
    let stored = world.stored(device.journal).await;
    let batches = batch::Entity::find()
        .filter(batch::Column::JournalId.eq(device.journal.0))
        .all(world.fixture.app.store.read())
        .await
        .unwrap();
    assert_eq!(batches.len(), 3);
    for row in batches {
        let items = stored
            .iter()
            .filter(|entry| (row.first_seq..=row.last_seq).contains(&entry.seq))
            .map(|entry| Item::Bytes(entry.bytes.clone().into()))
            .collect();
        let mut signed = device.batch(1, 1);
        signed.first = Seq(row.first_seq as u64);
        signed.before = Digest(row.before_link.try_into().unwrap());
        signed.items = items;
        signed.signature = serde_bytes::ByteArray::new(row.signature.try_into().unwrap());
        assert!(signed.verify(&device.key.verifying_key()).is_ok());
    }
}

#[actix_web::test]
async fn a_gap_is_answered_with_what_is_held() {
    let (world, mut device, order) = working().await;
    for _ in 0..4 {
        device.note(order, "x");
    }
    let outcome = world.push(&device, device.batch(3, 6)).await.unwrap();
    assert_eq!(outcome, PushOutcome::Gap { receipt: None });
    held(world.push(&device, device.batch(1, 3)).await.unwrap());
    match world.push(&device, device.batch(5, 6)).await.unwrap() {
        PushOutcome::Gap {
            receipt: Some(receipt),
        } => {
            assert_eq!((receipt.held, receipt.link), (Seq(3), device.link(3)));
        }
        other => panic!("no gap: {other:?}"),
    }
    assert_eq!(world.stored(device.journal).await.len(), 3);
}

#[actix_web::test]
async fn a_fork_keeps_both_branches_and_goes_on_in_a_new_journal() {
    let (world, mut device, order) = working().await;
    device.note(order, "both have this");
    let mut clone = device.clone();
    device.note(order, "mine");
    clone.note(order, "the clone's");
    held(world.push(&device, device.all()).await.unwrap());
    for _ in 0..2 {
        let outcome = world.push(&clone, clone.batch(2, 4)).await.unwrap();
        let (common, link) = (Seq(3), device.link(3));
        let parked = Vec::new();
        let expected = PushOutcome::Fork {
            common,
            link,
            parked,
        };
        assert_eq!(outcome, expected);
    }
    let kept = set_aside(&world).await;
    assert_eq!(kept.len(), 1, "the same branch is kept once");
    assert_eq!(kept[0].packed, wire::pack(&clone.batch(2, 4)));
    let bytes: Vec<_> = world
        .stored(device.journal)
        .await
        .into_iter()
        .map(|e| e.bytes)
        .collect();
    assert_eq!(bytes, device.entries);

    let new_key = SigningKey::from_bytes(&[9; 32]);
    let mut caller = world.caller(&clone).await;
    let tokens = world
        .fixture
        .sign_in(&person(&world, clone.person).await)
        .await;
    assert!(!tokens.access_token.is_empty());
    caller.session = only_session(&world).await.id;
    let reply = reopen(&world.fixture.app, &caller, request(&clone, &new_key))
        .await
        .unwrap();
    assert_eq!(only_session(&world).await.journal_id, Some(reply.journal.0));
    caller.handheld = Some(reply.journal);
    let again = reopen(&world.fixture.app, &caller, request(&clone, &new_key))
        .await
        .unwrap();
    assert_eq!(reply, again, "asking again gives the same journal");
    let lines = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("handheld.continued"))
        .all(world.fixture.app.store.read())
        .await
        .unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].subject, reply.journal.to_string());

    let continues = Some((clone.journal, 3, clone.link(3)));
    let opened = Entry::Opened(Opened {
        person: clone.person,
        continues,
    });
    let mut reopened = Device {
        journal: reply.journal,
        key: new_key,
        entries: vec![opened.to_bytes()],
        ..clone
    };
    reopened.note(order, "the clone's, in its own journal");
    held(world.push(&reopened, reopened.all()).await.unwrap());
    assert_eq!(world.row(order).await.entry_count, 2 + 3 + 1);
}

#[actix_web::test]
async fn who_forks_hears_what_of_the_common_entries_is_parked() {
    let (world, mut device, order) = working().await;
    device.note(OrderId(Uuid::from_u128(5)), "no such order");
    let mut clone = device.clone();
    device.note(order, "mine");
    clone.note(order, "the clone's");
    held(world.push(&device, device.all()).await.unwrap());
    for (first, expected) in [(1, vec![3]), (3, vec![3]), (4, vec![])] {
        let outcome = world.push(&clone, clone.batch(first, 4)).await.unwrap();
        let PushOutcome::Fork { common, parked, .. } = outcome else {
            panic!("no fork: {outcome:?}");
        };
        assert_eq!(common, Seq(3));
        let seqs: Vec<u64> = parked.iter().map(|one| one.seq.0).collect();
        assert_eq!(seqs, expected);
        let unknown = Code::RecordUnknownOrder.as_str();
        assert!(parked.iter().all(|one| one.code == unknown));
    }
}

/// What went into a journal that another handheld of the person goes on in.
async fn in_a_journal_of_its_own(world: &World, device: &Device, seed: u8) -> Device {
    let mut own = world.device(device.person, seed).await;
    own.entries.extend_from_slice(&device.entries[1..]);
    own
}

#[actix_web::test]
async fn a_record_that_copies_of_a_handheld_bring_in_journals_of_their_own_counts_once() {
    for world in World::on_each().await {
        let manager = world.manager().await;
        let order = world.order(manager, None).await;
        let mut device = world.device(manager, 1).await;
        device.take(order);
        device.note(order, "before the copy");
        let mut copy = in_a_journal_of_its_own(&world, &device, 2).await;
        copy.note(order, "after it");
        held(world.push(&device, device.all()).await.unwrap());
        let copied = |seq| (seq, Code::RecordCopied.to_string());
        for _ in 0..2 {
            let (receipt, parked) = held(world.push(&copy, copy.all()).await.unwrap());
            assert_eq!(receipt.held, Seq(4), "the chain is held whole");
            assert_eq!(parked, [copied(2), copied(3)]);
        }
        assert_eq!(world.row(order).await.entry_count, 2 + 2 + 1);
        // What another person does in the same moment is no copy, nor what he does on another
        // order, nor what stands twice in one journal.
        let mut other = world.device(world.manager().await, 3).await;
        other.note(order, "before the copy");
        let (_, parked) = held(world.push(&other, other.all()).await.unwrap());
        assert_eq!(parked, [(2, "record.never_assigned".to_owned())]);
        let second = world.order(manager, None).await;
        copy.note(second, "before the copy");
        copy.note(second, "before the copy");
        let (_, parked) = held(world.push(&copy, copy.batch(5, 6)).await.unwrap());
        assert!(parked.is_empty());
        assert_eq!(world.row(second).await.entry_count, 2 + 2);
    }
}

#[actix_web::test]
async fn a_copy_of_a_record_that_waits_for_its_order_does_not_count_when_that_is_given() {
    let world = World::new().await;
    let (first, second) = (world.manager().await, world.manager().await);
    let order = world.order(first, None).await;
    let mut device = world.device(second, 1).await;
    let taken = Event::Taken(Taken { eta_minutes: None });
    device.record(order, 2, UnixMillis(1_800_000_500_000), taken);
    let copy = in_a_journal_of_its_own(&world, &device, 2).await;
    held(world.push(&device, device.all()).await.unwrap());
    let (_, parked) = held(world.push(&copy, copy.all()).await.unwrap());
    assert_eq!(parked, [(2, Code::RecordCopied.to_string())]);
    world.assign(order, 2, second, None).await;
    assert_eq!(world.row(order).await.entry_count, 2 + 1 + 1);
}

fn request(device: &Device, new_key: &SigningKey) -> ReopenRequest {
    let public_key = new_key.verifying_key().to_bytes();
    let text = ReopenRequest::signed_text(device.journal, &public_key);
    ReopenRequest {
        old: device.journal,
        public_key: serde_bytes::ByteArray::new(public_key),
        signature: serde_bytes::ByteArray::new(device.key.sign(&text).to_bytes()),
    }
}

async fn person(world: &World, person: PersonId) -> crate::people::rows::person::Model {
    crate::people::rows::person::Entity::find_by_id(person.0)
        .one(world.fixture.app.store.read())
        .await
        .unwrap()
        .unwrap()
}

async fn only_session(world: &World) -> session::Model {
    let sessions = session::Entity::find()
        .all(world.fixture.app.store.read())
        .await
        .unwrap();
    assert_eq!(sessions.len(), 1);
    sessions.into_iter().next().unwrap()
}

#[actix_web::test]
async fn a_journal_that_did_not_fork_is_not_reopened_and_only_its_key_may_ask() {
    let (world, device, _) = working().await;
    held(world.push(&device, device.all()).await.unwrap());
    let app = &world.fixture.app;
    let caller = world.caller(&device).await;
    let new_key = SigningKey::from_bytes(&[9; 32]);
    let refused = |request| {
        let caller = caller.clone();
        async move { reopen(app, &caller, request).await.unwrap_err().code }
    };
    assert_eq!(refused(request(&device, &new_key)).await, Code::Conflict);
    let mut forged = request(&device, &new_key);
    forged.signature[0] ^= 1;
    assert_eq!(refused(forged).await, Code::JournalBadSignature);
    let other = world.device(world.manager().await, 7).await;
    assert_eq!(
        refused(request(&other, &new_key)).await,
        Code::JournalNotYours
    );
}

#[actix_web::test]
async fn a_batch_that_follows_another_link_is_refused() {
    let (world, mut device, order) = working().await;
    for _ in 0..3 {
        device.note(order, "x");
    }
    held(world.push(&device, device.batch(1, 4)).await.unwrap());
    let item = Item::Bytes(device.entries[4].clone().into());
    let astray = Batch::sign(
        device.journal,
        Seq(5),
        Digest([5; 32]),
        vec![item],
        &device.key,
    );
    assert_eq!(
        code(world.push(&device, astray).await),
        Code::JournalBadLink
    );
    assert_eq!(world.stored(device.journal).await.len(), 4);
    assert!(set_aside(&world).await.is_empty());
    held(world.push(&device, device.all()).await.unwrap());
}

#[actix_web::test]
async fn what_is_not_genuine_is_refused_and_changes_nothing() {
    let (world, mut device, order) = working().await;
    device.note(order, "x");
    let good = device.all();
    let mut wrong_hash = good.clone();
    wrong_hash.items[1] = Item::Bytes(device.entries[2].clone().into());
    let mut wrong_signature = good.clone();
    wrong_signature.signature[5] ^= 1;
    let mut shortened = good.clone();
    shortened.items.pop();
    for bad in [wrong_hash, wrong_signature, shortened] {
        assert_eq!(
            code(world.push(&device, bad).await),
            Code::JournalBadSignature
        );
    }
    let mut by_hash = good.clone();
    by_hash.items[1] = Item::Digest(by_hash.items[1].content());
    assert_eq!(
        code(world.push(&device, by_hash).await),
        Code::JournalMalformed
    );
    let mut false_start = good.clone();
    false_start.first = Seq(2);
    assert_eq!(
        code(world.push(&device, false_start).await),
        Code::JournalBadLink
    );
    let mut not_yours = good;
    not_yours.journal = JournalId(Uuid::from_u128(1));
    assert_eq!(
        code(world.push(&device, not_yours).await),
        Code::JournalNotYours
    );
    assert!(world.stored(device.journal).await.is_empty());
    assert_eq!(world.row(order).await.entry_count, 2);
}

#[actix_web::test]
async fn an_entry_of_another_person_refuses_the_whole_batch() {
    let (world, mut device, order) = working().await;
    let me = device.person;
    device.person = world.manager().await;
    device.note(order, "not mine");
    device.person = me;
    device.note(order, "mine");
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalOtherPerson
    );
    assert!(world.stored(device.journal).await.is_empty());
}

#[actix_web::test]
async fn a_journal_is_opened_by_its_first_entry_and_its_person() {
    let (world, mut device, order) = working().await;
    let open = |person, continues| Entry::Opened(Opened { person, continues }).to_bytes();
    let good = device.entries[0].clone();
    let other = world.manager().await;
    device.entries[0] = open(other, None);
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalBadOpening
    );
    device.entries[0] = open(
        device.person,
        Some((JournalId(Uuid::nil()), 1, Digest::ZERO)),
    );
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalBadOpening
    );
    device.entries.remove(0);
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalBadOpening
    );
    device.entries.insert(0, good.clone());
    device.entries.push(good);
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalBadOpening
    );
    device.entries.pop();
    device.note(order, "x");
    held(world.push(&device, device.all()).await.unwrap());
}

#[actix_web::test]
async fn what_cannot_be_applied_is_parked_and_blocks_nothing() {
    let (world, mut device, order) = working().await;
    let foreign = world.order(world.manager().await, None).await;
    let elsewhere = world.order_of(world.sibling).await;
    device.note(OrderId(Uuid::from_u128(5)), "no such order");
    device.note(foreign, "not given to me");
    device.note(elsewhere, "of another station");
    device.entries.push(vec![0xff, 1, 2]);
    device.entries.push(of_the_future(&device, order));
    device.note(order, "goes on");
    let expected = [
        (3, "record.unknown_order"),
        (4, "record.never_assigned"),
        (5, "record.unknown_order"),
        (6, "record.unknown_kind"),
        (7, "record.unknown_kind"),
    ]
    .map(|(seq, code)| (seq, code.to_owned()));
    for _ in 0..2 {
        let (receipt, parked) = held(world.push(&device, device.all()).await.unwrap());
        assert_eq!(receipt.held, Seq(8));
        assert_eq!(parked, expected);
    }
    let (_, parked) = held(world.push(&device, device.batch(4, 5)).await.unwrap());
    assert_eq!(parked, expected[1..3]);
    assert_eq!(world.row(order).await.entry_count, 2 + 2);
    assert_eq!(world.row(foreign).await.entry_count, 2);
    let stored = world.stored(device.journal).await;
    assert_eq!(
        stored[6].order_id,
        Some(order.0),
        "the order of an unknown event is known"
    );
}

/// A record of the device with an event that does not exist yet.
fn of_the_future(device: &Device, order: OrderId) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct Outer {
        record: Inner,
    }
    #[derive(serde::Serialize)]
    struct Inner {
        o: OrderId,
        p: PersonId,
        e: &'static str,
    }
    let (o, p) = (order, device.person);
    wire::encode(&Outer {
        record: Inner {
            o,
            p,
            e: "levitated",
        },
    })
}

#[actix_web::test]
async fn an_assignment_that_comes_late_admits_what_was_parked() {
    let world = World::new().await;
    let (first, second) = (world.manager().await, world.manager().await);
    let orders = [
        world.order(first, None).await,
        world.order(first, None).await,
    ];
    let mut device = world.device(second, 1).await;
    for order in orders {
        let taken = Event::Taken(Taken { eta_minutes: None });
        device.record(order, 2, UnixMillis(1_800_000_500_000), taken);
    }
    // The record before the assignment in one order, after it in the other.
    world.assign(orders[1], 2, second, None).await;
    let (_, parked) = held(world.push(&device, device.all()).await.unwrap());
    assert_eq!(parked, [(2, "record.never_assigned".to_owned())]);
    world.assign(orders[0], 2, second, None).await;
    let rows = [world.row(orders[0]).await, world.row(orders[1]).await];
    assert_eq!(rows[0].status, "taken");
    assert_eq!(rows[0].status, rows[1].status);
    assert_eq!(rows[0].entry_count, rows[1].entry_count);
    let (_, parked) = held(world.push(&device, device.all()).await.unwrap());
    assert!(parked.is_empty());
}

#[actix_web::test]
async fn photos_of_records_that_are_admitted_belong_to_their_order() {
    let world = World::new().await;
    let (first, second) = (world.manager().await, world.manager().await);
    let order = world.order(first, None).await;
    let mut device = world.device(second, 1).await;
    let photos = [1_u8, 2].map(|n| PhotoRef {
        digest: Digest::of(&[n]),
        bytes: 100,
        slot: "site".into(),
    });
    let step = Event::StepDone(StepDone {
        step: "arrived".into(),
        values: BTreeMap::new(),
        photos: photos.to_vec(),
    });
    device.record(order, 2, UnixMillis(1_800_000_500_000), step);
    held(world.push(&device, device.all()).await.unwrap());
    let app = &world.fixture.app;
    let counts = async || media::counts(app.store.read(), &[order]).await.unwrap();
    assert!(counts().await.is_empty());
    world.assign(order, 2, second, None).await;
    let (promised, held) = (2, 0);
    let expected = [(order, PhotoCounts { promised, held })];
    assert_eq!(counts().await, expected.into());

    // The feed tells him his own record as part of the order: it is parked no longer.
    let caller = world.caller(&device).await;
    let page = page::read(app, &caller, None, Size::default());
    let items = page.await.unwrap().items;
    let (journal, seq) = (device.journal, Seq(2));
    let admitted = EntryId { journal, seq };
    assert!(items.iter().any(|item| {
        matches!(item, FeedItem::Order(item) if item.order == order && item.whole
            && item.entries.iter().any(|entry| entry.id == admitted))
    }));
}

#[actix_web::test]
async fn who_was_given_another_role_still_delivers_what_he_recorded() {
    let (world, mut device, order) = working().await;
    let mut caller = world.caller(&device).await;
    caller.role = Role::Station;
    let app = &world.fixture.app;
    let outcome = routes::push(app, &caller, packed(device.all())).await;
    assert!(held(outcome.unwrap()).1.is_empty());
    assert_eq!(world.row(order).await.status, "taken");

    device.note(order, "more");
    caller.handheld = None;
    let refused = routes::push(app, &caller, packed(device.all())).await;
    assert_eq!(code(refused), Code::AuthForbidden);
}

#[actix_web::test]
async fn what_a_disabled_person_sends_is_kept_apart_even_when_his_token_ran_out() {
    let (world, mut device, order) = working().await;
    let access = access(&world, &device).await;
    let app = world.fixture.app.clone();
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, &app, &document)),
    )
    .await;
    let send = async |body: Vec<u8>| {
        let request = test::TestRequest::post()
            .uri("/api/v1/sync/push")
            .insert_header(("authorization", format!("Bearer {access}")))
            .insert_header(("content-type", PACKED_MEDIA_TYPE))
            .set_payload(body);
        let reply = test::call_service(&service, request.to_request()).await;
        let status = reply.status();
        let body = test::read_body(reply).await;
        (status, wire::unpack::<PushReply>(&body, 10_000).ok())
    };
    disable(&world, device.person).await;
    let all = wire::pack(&device.all());
    let (_, reply) = send(all.clone()).await;
    assert_eq!(reply.unwrap().outcome, PushOutcome::Revoked);
    let forged = Device {
        key: SigningKey::from_bytes(&[9; 32]),
        ..device.clone()
    };
    let (status, _) = send(wire::pack(&forged.all())).await;
    assert_eq!(status.as_u16(), Code::JournalBadSignature.status());

    world.fixture.pass(Millis(24 * 3_600_000));
    device.note(order, "more");
    let (_, reply) = send(wire::pack(&device.batch(3, 3))).await;
    assert_eq!(reply.unwrap().outcome, PushOutcome::Revoked);
    let (status, reply) = send(b"nothing".to_vec()).await;
    assert_eq!((status, reply), (StatusCode::UNAUTHORIZED, None));

    let kept = set_aside(&world).await;
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|kept| kept.reason == "disabled"));
    assert!(kept.iter().any(|kept| kept.packed == all));
    assert!(world.stored(device.journal).await.is_empty());
    assert_eq!(world.row(order).await.entry_count, 2);
}

#[actix_web::test]
async fn only_so_much_is_kept_apart_and_again_what_is_kept() {
    let (world, mut device, order) = working().await;
    for _ in 0..100 {
        device.note(order, "x");
    }
    disable(&world, device.person).await;
    for seq in 1..=100 {
        let outcome = world.push(&device, device.batch(seq, seq)).await;
        assert_eq!(outcome.unwrap(), PushOutcome::Revoked);
    }
    let more = world.push(&device, device.batch(101, 101)).await;
    assert_eq!(code(more), Code::AuthRevoked);
    let again = world.push(&device, device.batch(100, 100)).await;
    assert_eq!(again.unwrap(), PushOutcome::Revoked);
    assert_eq!(set_aside(&world).await.len(), 100);
}

async fn disable(world: &World, person: PersonId) {
    let disabled = Change {
        disabled: Some(true),
        ..Change::default()
    };
    world
        .fixture
        .write(move |tx, app| {
            let now = app.now();
            Box::pin(async move { change_person(tx, person, disabled, now).await })
        })
        .await;
}

/// An access token of a session that is bound to the handheld.
async fn access(world: &World, device: &Device) -> String {
    let (person, journal) = (person(world, device.person).await, device.journal);
    let tokens = world
        .fixture
        .write(move |tx, app| {
            Box::pin(
                async move { crate::people::session::begin(tx, app, &person, Some(journal)).await },
            )
        })
        .await;
    tokens.access_token
}

#[actix_web::test]
async fn the_limits_on_a_batch_hold() {
    let (world, mut device, order) = working().await;
    while device.entries.len() <= MAX_BATCH_ENTRIES {
        device.note(order, "x");
    }
    assert_eq!(
        code(world.push(&device, device.all()).await),
        Code::JournalMalformed
    );
    let (receipt, _) = held(world.push(&device, device.batch(1, 500)).await.unwrap());
    assert_eq!(receipt.held, Seq(500));
    let mut empty = device.batch(1, 1);
    empty.items.clear();
    assert_eq!(
        code(world.push(&device, empty).await),
        Code::JournalMalformed
    );
    let mut long = world.device(device.person, 2).await;
    long.note(order, &"x".repeat(70_000));
    assert_eq!(
        code(world.push(&long, long.all()).await),
        Code::JournalMalformed
    );
}

#[actix_web::test]
async fn what_a_revoked_handheld_sends_is_kept_apart() {
    let (world, device, order) = working().await;
    world
        .fixture
        .write(|tx, _| {
            Box::pin(async move {
                handheld::Entity::update_many()
                    .col_expr(handheld::Column::RevokedAt, Expr::value(5))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    for _ in 0..2 {
        let outcome = world.push(&device, device.all()).await.unwrap();
        assert_eq!(outcome, PushOutcome::Revoked);
    }
    let kept = set_aside(&world).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].reason, "revoked");
    assert!(world.stored(device.journal).await.is_empty());
    assert_eq!(world.row(order).await.entry_count, 2);
}

#[actix_web::test]
async fn many_batches_fold_like_one_and_like_no_memory_at_all() {
    let world = World::new().await;
    let manager = world.manager().await;
    let orders = [
        world.order(manager, None).await,
        world.order(manager, None).await,
    ];
    let mut device = world.device(manager, 1).await;
    for n in 0..40 {
        device.take(orders[n % 2]);
        device.step(orders[n % 2], ["arrived", "diagnosis", "nonsense"][n % 3]);
    }
    let mut first = 1;
    while first <= device.entries.len() {
        let last = (first + 6).min(device.entries.len());
        held(
            world
                .push(&device, device.batch(first, last))
                .await
                .unwrap(),
        );
        first = last + 1;
    }
    for order in orders {
        let row = world.row(order).await;
        let app = &world.fixture.app;
        let state = crate::trace::ledger::folded(app.store.read(), app, &row)
            .await
            .unwrap();
        assert_eq!(row.state, wire::encode(&state));
        assert_eq!(row.entry_count, 2 + 40);
    }
}

#[actix_web::test]
async fn over_http_a_body_cut_anywhere_is_refused_and_the_whole_one_is_held() {
    let (world, device, _) = working().await;
    let app = world.fixture.app.clone();
    let access = access(&world, &device).await;
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, &app, &document)),
    )
    .await;
    let body = wire::pack(&device.all());
    let send = |body: &[u8]| {
        test::TestRequest::post()
            .uri("/api/v1/sync/push")
            .insert_header(("authorization", format!("Bearer {access}")))
            .insert_header(("content-type", PACKED_MEDIA_TYPE))
            .set_payload(body.to_vec())
            .to_request()
    };
    for cut in 0..body.len() {
        let reply = test::call_service(&service, send(&body[..cut])).await;
        assert_eq!(
            reply.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "cut at {cut}"
        );
    }
    assert!(world.stored(device.journal).await.is_empty());
    let reply = test::call_and_read_body(&service, send(&body)).await;
    let reply: PushReply = wire::unpack(&reply, 10_000).unwrap();
    assert_eq!(held(reply.outcome).0.held, Seq(2));

    // A journal of another handheld of the same person.
    let other = world.device(device.person, 8).await;
    let reply = test::call_service(&service, send(&wire::pack(&other.all()))).await;
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    let handler = routes::push(&app, &world.caller(&other).await, packed(other.all())).await;
    assert!(handler.is_ok());
}

#[actix_web::test]
async fn a_batch_came_when_it_was_there_not_when_its_request_began() {
    let (world, device, _) = working().await;
    let caller = world.caller(&device).await;
    world.fixture.pass(Millis::minutes(17));
    let app = &world.fixture.app;
    let outcome = routes::push(app, &caller, packed(device.all())).await;
    held(outcome.unwrap());
    let came: Vec<_> = world.stored(device.journal).await;
    assert!(came.iter().all(|entry| entry.received_at == app.now().0));
}

#[actix_web::test]
async fn a_photo_slot_that_no_table_takes_parks_its_record_and_blocks_nothing() {
    for world in World::on_each().await {
        let manager = world.manager().await;
        let order = world.order(manager, None).await;
        let mut device = world.device(manager, 1).await;
        device.take(order);
        let digest = Digest::of(b"a photo");
        let long = "x".repeat(5_000);
        for slot in ["meter\0", &long, "", "meter"] {
            let photo = PhotoRef {
                digest,
                bytes: 7,
                slot: slot.into(),
            };
            let done = StepDone {
                step: "arrived".into(),
                values: BTreeMap::new(),
                photos: vec![photo],
            };
            let at = UnixMillis(1_800_000_200_000);
            device.record(order, 1, at, Event::StepDone(done));
        }
        device.note(order, "behind them");
        let (receipt, parked) = held(world.push(&device, device.all()).await.unwrap());
        assert_eq!(receipt.held, Seq(7));
        let why = "record.bad_slot".to_owned();
        assert_eq!(parked, [(3, why.clone()), (4, why.clone()), (5, why)]);
        // Their photos are let in all the same: they are evidence.
        let promised = media::rows::photo_promise::Entity::find()
            .filter(media::rows::photo_promise::Column::Photo.eq(digest.0.to_vec()))
            .all(world.fixture.app.store.read())
            .await
            .unwrap();
        let of: std::collections::BTreeSet<i64> = promised.iter().map(|row| row.seq).collect();
        assert_eq!(of, [3, 4, 5, 6].into());
    }
}
