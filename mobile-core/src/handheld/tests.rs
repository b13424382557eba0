//! The surface, offline: what a person can do with it and what it says.

use super::*;
use crate::{
    engine::Change,
    fixture::{ME, OTHER, TestClock, TestRandom, bring_order, enrolled, folder, order, picture},
    journal::Place,
};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Doubt},
    claims::PhotoFlag,
    code::Code,
    journal::EntryId,
    media::MediaKind,
    order::{DeadlineOutcome, Status as Standing},
    position::{Datum, TypedPosition},
    record::{Event, Fix, Value},
    time::{Millis, Sureness, TrustedTime, UnixMillis},
    workflow::Missing,
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;

fn world() -> (TempDir, Arc<TestClock>, Handheld) {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let data = folder.path().join("data");
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    drop(local);
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 40)));
    let handheld = Handheld::open_with(&data, Arc::clone(&clock) as _, random).unwrap();
    (folder, clock, handheld)
}

fn step(step: &str) -> StepInput {
    StepInput {
        step: step.to_owned(),
        ..StepInput::default()
    }
}

fn restored() -> StepInput {
    let voltage = Value::Text("219.5".into());
    StepInput {
        values: BTreeMap::from([("voltage".into(), voltage)]),
        ..step("restored")
    }
}

#[test]
fn an_order_is_worked_from_taking_to_returning_without_a_network() {
    let (folder, clock, handheld) = world();
    clock.pass(10 * 60_000);
    handheld.take(order(1), Some(20), None).unwrap();
    let card = handheld.show(order(1)).unwrap();
    assert_eq!(card.state.unwrap().status, Standing::Taken);
    assert_eq!(card.next[0].spec.code.0, "arrived");
    let arrived = StepInput {
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: picture(folder.path(), 1, 40),
        }],
        ..step("arrived")
    };
    let recorded = handheld.step(order(1), arrived, None).unwrap();
    assert!(handheld.photo_path(recorded.photos[0].digest).exists());
    handheld.step(order(1), restored(), None).unwrap();
    handheld.step(order(1), step("return"), None).unwrap();
    let card = handheld.show(order(1)).unwrap();
    assert_eq!(card.state.as_ref().unwrap().status, Standing::Returned);
    assert_eq!(card.records.iter().filter(|line| !line.held).count(), 4);
    assert_eq!(card.photos.len(), 1);
    assert!(handheld.list(List::ToDo).unwrap().is_empty());
    let waiting = handheld.list(List::Waiting).unwrap();
    assert_eq!((waiting[0].waits.records, waiting[0].waits.photos), (4, 1));
    assert!(handheld.list(List::Sent).unwrap().is_empty());
    assert!(matches!(
        handheld.step(order(1), step("arrived"), None),
        Err(Error::Closed)
    ));
}

#[test]
fn a_step_that_is_not_complete_is_refused_with_everything_that_is_missing() {
    let (folder, _, handheld) = world();
    let refused = handheld.step(order(1), step("restored"), None);
    let Err(Error::Incomplete(missing)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        missing,
        [
            Missing::StepBefore("arrived".into()),
            Missing::Field("voltage".into())
        ]
    );
    let wrong_slot = StepInput {
        photos: vec![PhotoInput {
            slot: "roof".into(),
            path: picture(folder.path(), 1, 16),
        }],
        ..step("arrived")
    };
    let refused = handheld.step(order(1), wrong_slot, None).unwrap_err();
    assert_eq!(refused.code(), Code::RecordIncomplete);
    let no_picture = folder.path().join("a.jpg");
    std::fs::write(&no_picture, b"hello").unwrap();
    let no_picture = StepInput {
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: no_picture,
        }],
        ..step("arrived")
    };
    let refused = handheld.step(order(1), no_picture, None).unwrap_err();
    assert_eq!(refused.code(), Code::MediaNoPicture);
    // Nothing of all this was recorded.
    assert_eq!(handheld.status().unwrap().records_waiting, 1);
}

#[test]
fn only_the_owner_may_act_and_reasons_and_steps_are_those_of_the_workflow() {
    let (_folder, _, handheld) = world();
    let refused = |done: Result<EntryId, Error>| done.unwrap_err().code();
    assert_eq!(
        refused(handheld.decline(order(1), "lazy", "", None)),
        Code::OrderUnknownReason
    );
    assert_eq!(refused(handheld.take(order(9), None, None)), Code::NotFound);
    assert_eq!(
        refused(handheld.note(order(1), " ", None)),
        Code::RequestInvalid
    );
    assert!(matches!(
        handheld.step(order(1), step("dance"), None),
        Err(Error::UnknownStep { .. })
    ));
    handheld.decline(order(1), "ill", "", None).unwrap();
    handheld.hand_over(order(1), OTHER, "", None).unwrap();
    // The server gave it to another.
    handheld.inner.with(|local| {
        use gridcrew_sync_protocol::feed::FeedItem;
        let mut entries = crate::fixture::server_entries(order(1), ME);
        entries.push(crate::fixture::assigned(order(1), 3, 2, OTHER));
        let item = crate::fixture::order_item(order(1), entries, true);
        let page = crate::fixture::page("2", vec![FeedItem::Order(item)]);
        local
            .store
            .write(|db| crate::feed::apply(db, ME, &page))
            .unwrap();
    });
    assert_eq!(
        refused(handheld.take(order(1), None, None)),
        Code::OrderNotOwner
    );
    assert!(matches!(
        handheld.step(order(1), restored(), None),
        Err(Error::NotOwner)
    ));
    // The arrival counts from whoever was there first.
    handheld.step(order(1), step("arrived"), None).unwrap();
    handheld.note(order(1), "I was there", None).unwrap();
}

#[test]
fn a_record_carries_its_time_as_evidence_and_its_place_with_its_datum() {
    let (_folder, clock, handheld) = world();
    handheld.inner.with(|local| {
        local
            .hear_time(UnixMillis(5_000_000), local.clock.now().uptime)
            .unwrap();
    });
    clock.pass(2_000);
    clock
        .wall_ahead
        .store(400 * 86_400_000, std::sync::atomic::Ordering::SeqCst);
    let fix = Fix {
        position: TypedPosition::new(118.5, 31.2, Datum::Gcj02).unwrap(),
        accuracy_dm: 75,
        age: Millis(0),
        mock: false,
    };
    let place = Place::from(fix.clone());
    let id = handheld.note(order(1), "here", Some(place)).unwrap();
    let records = handheld.records(order(1)).unwrap();
    let record = &records.iter().find(|one| one.id == id).unwrap().record;
    assert_eq!(record.fix.as_ref(), Some(&fix));
    let trusted = record.time.trusted();
    assert_eq!(trusted.at, UnixMillis(5_002_000));
    assert_eq!(trusted.sureness, Sureness::Server);
    assert_eq!(record.actor, ME);
}

#[test]
fn the_satellites_time_is_evidence_only_of_a_fresh_fix_that_was_not_mocked() {
    let (_folder, _, handheld) = world();
    let trusted = |age: i64, mock: bool| {
        let fix = Fix {
            position: TypedPosition::new(118.5, 31.2, Datum::Wgs84).unwrap(),
            accuracy_dm: 75,
            age: Millis(age),
            mock,
        };
        let place = Place {
            fix,
            gnss_time: Some(UnixMillis(crate::fixture::START + 7_000_000)),
            speed_dm_s: None,
        };
        let id = handheld.note(order(1), "here", Some(place)).unwrap();
        let records = handheld.records(order(1)).unwrap();
        let record = records.iter().find(|one| one.id == id).unwrap();
        record.record.time.trusted()
    };
    let fresh = trusted(20_000, false);
    assert_eq!(fresh.sureness, Sureness::Gnss);
    assert_eq!(fresh.at, UnixMillis(crate::fixture::START + 7_020_000));
    for (age, mock) in [(0, true), (-1, false), (60_001, false), (i64::MIN, false)] {
        assert_eq!(
            trusted(age, mock).sureness,
            Sureness::Unsure,
            "{age} {mock}"
        );
    }
}

/// A photo that the server is said to hold, and its file.
fn held_photo(folder: &TempDir, handheld: &Handheld) -> PathBuf {
    let arrived = StepInput {
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: picture(folder.path(), 1, 40),
        }],
        ..step("arrived")
    };
    let photo = handheld.step(order(1), arrived, None).unwrap().photos[0].digest;
    handheld.inner.with(|local| {
        for kind in [MediaKind::Preview, MediaKind::Original] {
            local.persist(Change::PhotoHeld { photo, kind }).unwrap();
        }
    });
    handheld.photo_path(photo)
}

fn hear_time(handheld: &Handheld, at: i64) {
    handheld.inner.with(|local| {
        let asked = local.clock.now().uptime;
        local.hear_time(UnixMillis(at), asked).unwrap();
    });
}

/// An answer that says it is `at` and took `took` to come; gives what time it is held to be.
fn answered(handheld: &Handheld, clock: &TestClock, at: i64, took: i64) -> TrustedTime {
    let asked = Millis(clock.uptime.load(Ordering::SeqCst));
    clock.pass(took);
    let hear = |local: &mut Local| local.hear_time(UnixMillis(at), asked);
    handheld.inner.with(hear).unwrap();
    handheld.status().unwrap().now
}

fn end_sync(handheld: &Handheld) {
    let report = crate::SyncReport {
        ended: crate::Ended::Done,
        problem: None,
        requests: 1,
        bytes_sent: 0,
        bytes_received: 0,
        records_waiting: 0,
        photos_waiting: 0,
    };
    let end = |local: &mut Local| host::note_end(local, report, Budget::default());
    handheld.inner.with(end).unwrap();
}

const TIME: i64 = crate::fixture::START + 500 * DAY;

#[test]
fn an_answer_that_took_long_is_believed_only_when_the_sync_brought_no_better() {
    let (_folder, clock, handheld) = world();
    let slow = answered(&handheld, &clock, TIME, 120_000);
    assert_eq!(slow.sureness, Sureness::Unsure);
    let now = answered(&handheld, &clock, TIME + 200_000, 100);
    assert_eq!(now.sureness, Sureness::Server);
    assert_eq!(now.at, UnixMillis(TIME + 200_050));
    end_sync(&handheld);
    assert_eq!(handheld.status().unwrap().now, now);

    let (_folder, clock, handheld) = world();
    // Of two that took long the quicker is kept.
    answered(&handheld, &clock, TIME, 20_000);
    answered(&handheld, &clock, TIME, 120_000);
    assert_eq!(handheld.status().unwrap().now.sureness, Sureness::Unsure);
    end_sync(&handheld);
    let now = handheld.status().unwrap().now;
    assert_eq!(now.sureness, Sureness::Server);
    assert_eq!(now.at, UnixMillis(TIME + 130_000));
}

#[test]
fn a_time_from_before_the_one_heard_is_believed_only_when_another_answer_says_so_too() {
    let (_folder, clock, handheld) = world();
    answered(&handheld, &clock, TIME, 100);
    clock.pass(60_000);
    // An answer out of some cache: as old as it is, twice.
    let held = answered(&handheld, &clock, TIME + 20_000, 100);
    assert_eq!(held.at, UnixMillis(TIME + 60_150));
    clock.pass(5_000);
    let held = answered(&handheld, &clock, TIME + 20_000, 100);
    assert_eq!(held.at, UnixMillis(TIME + 65_250));
    // As far behind as the way explains.
    let held = answered(&handheld, &clock, TIME + 65_200, 100);
    assert_eq!(held.at, UnixMillis(TIME + 65_250));
    // The server's clock was set right: two answers that fit each other.
    let held = answered(&handheld, &clock, TIME, 100);
    assert_eq!(held.at, UnixMillis(TIME + 65_350));
    clock.pass(5_000);
    let held = answered(&handheld, &clock, TIME + 5_100, 100);
    assert_eq!(held.at, UnixMillis(TIME + 5_150));
    // The device's clock gained 13 seconds in three days.
    clock.pass(3 * DAY);
    let held = answered(&handheld, &clock, TIME + 3 * DAY - 8_000, 100);
    assert_eq!(held.at, UnixMillis(TIME + 3 * DAY - 7_950));
}

const DAY: i64 = 86_400_000;

#[test]
fn the_days_that_an_original_is_kept_do_not_go_by_the_wall_clock() {
    let (folder, clock, handheld) = world();
    hear_time(&handheld, crate::fixture::START);
    clock.wall_ahead.store(-2_000 * DAY, Ordering::SeqCst);
    let file = held_photo(&folder, &handheld);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    clock.pass(29 * DAY);
    hear_time(&handheld, crate::fixture::START + 29 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    assert!(file.exists());
    clock.pass(DAY);
    hear_time(&handheld, crate::fixture::START + 30 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 1);
}

#[test]
fn while_the_server_is_not_heard_no_original_grows_old_enough_to_be_removed() {
    let (folder, clock, handheld) = world();
    hear_time(&handheld, crate::fixture::START);
    let file = held_photo(&folder, &handheld);
    // It may have been restored from a backup of before the photo came.
    clock.pass(400 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    assert!(file.exists());
    hear_time(&handheld, crate::fixture::START + 400 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 1);
    assert!(!file.exists());
}

#[test]
fn while_the_time_is_not_sure_nothing_is_removed() {
    let (folder, clock, handheld) = world();
    let file = held_photo(&folder, &handheld);
    clock.wall_ahead.store(400 * DAY, Ordering::SeqCst);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    // The time is sure from now on, and so the days begin.
    hear_time(&handheld, crate::fixture::START);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    clock.pass(29 * DAY);
    hear_time(&handheld, crate::fixture::START + 29 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 0);
    assert!(file.exists());
    clock.pass(DAY);
    hear_time(&handheld, crate::fixture::START + 30 * DAY);
    assert_eq!(handheld.thin().unwrap().photos, 1);
}

/// A disk that is full.
struct Full;

impl crate::FreeSpace for Full {
    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn what_a_server_said_before_it_began_anew_removes_nothing() {
    let (folder, clock, handheld) = world();
    hear_time(&handheld, crate::fixture::START);
    let file = held_photo(&folder, &handheld);
    clock.pass(31 * DAY);
    hear_time(&handheld, crate::fixture::START + 31 * DAY);
    handheld.inner.with(|local| {
        local.settings.space = Arc::new(Full);
        let anew = gridcrew_sync_protocol::ids::Epoch(uuid::Uuid::from_u128(501));
        local.persist(Change::NewEpoch(anew)).unwrap();
    });
    assert_eq!(handheld.thin().unwrap().photos, 0);
    // Nor is room made for another photo.
    let again = StepInput {
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: picture(folder.path(), 2, 40),
        }],
        ..step("arrived")
    };
    handheld.step(order(1), again, None).unwrap();
    assert!(file.exists());
    handheld.inner.with(|local| {
        let journal = crate::fixture::JOURNAL;
        let head = crate::store::journal::head(local.store.read(), journal);
        let (last, link) = head.unwrap();
        let held = Change::Held {
            journal,
            first: last,
            last,
            held: last,
            link,
            parked: Vec::new(),
        };
        local.persist(held).unwrap();
    });
    assert_eq!(handheld.thin().unwrap().photos, 0);
    let asked = |local: &mut Local| local.persist(Change::AskedAll).unwrap();
    handheld.inner.with(asked);
    assert_eq!(handheld.thin().unwrap().photos, 1);
    assert!(!file.exists());
}

#[test]
fn while_it_is_locked_the_status_counts_and_says_nothing_of_the_content() {
    let (_folder, _, handheld) = world();
    handheld.note(order(1), "secret", None).unwrap();
    handheld.inner.with(|local| {
        let journal = crate::fixture::JOURNAL;
        let head = crate::store::journal::head(local.store.read(), journal);
        let (last, link) = head.unwrap();
        let held = Change::Held {
            journal,
            first: last,
            last,
            held: last,
            link,
            parked: vec![(last, "record.never_assigned".to_owned())],
        };
        local.persist(held).unwrap();
        local
            .store
            .write(|db| {
                crate::store::facts::add_finding(db, "a stray file")?;
                orders::set_agrees(db, order(1), false)
            })
            .unwrap();
    });
    handheld.set_pin(None, "270513").unwrap();
    let open = handheld.status().unwrap();
    assert_eq!((open.parked.len(), open.disagreeing.len()), (1, 1));
    assert_eq!(open.findings.len(), 1);
    handheld.lock();
    let locked = handheld.status().unwrap();
    assert!(locked.parked.is_empty() && locked.disagreeing.is_empty());
    assert!(locked.findings.is_empty());
    assert_eq!((locked.records_parked, locked.records_held), (1, 2));
    handheld.unlock("270513").unwrap();
    assert_eq!(handheld.status().unwrap().parked.len(), 1);
}

#[test]
fn deadlines_count_down_and_say_when_the_time_is_not_sure() {
    let (_folder, clock, handheld) = world();
    clock.pass(30 * 60_000);
    let line = &handheld.list(List::ToDo).unwrap()[0];
    let deadline = line.next_deadline.as_ref().unwrap();
    assert_eq!(deadline.outcome, DeadlineOutcome::Running);
    assert_eq!(deadline.left, Some(Millis::minutes(60)));
    assert!(deadline.unsure, "no server time was heard in this boot");
    clock.pass(90 * 60_000);
    let card = handheld.show(order(1)).unwrap();
    assert_eq!(card.deadlines[0].left, Some(Millis(-30 * 60_000)));
}

#[test]
fn orders_are_named_by_either_end_of_their_id() {
    let (_folder, _, handheld) = world();
    let id = order(1).to_string();
    assert_eq!(handheld.find(&id).unwrap(), order(1));
    assert_eq!(handheld.find(&id[30..]).unwrap(), order(1));
    assert_eq!(handheld.find(&id.to_uppercase()[..6]).unwrap(), order(1));
    assert!(matches!(handheld.find(""), Err(Error::UnknownOrder(_))));
    handheld.inner.with(|local| bring_order(local, order(2)));
    assert!(matches!(
        handheld.find("0000"),
        Err(Error::AmbiguousOrder { count: 2, .. })
    ));
}

#[test]
fn the_strip_says_what_waits_and_never_says_sent_before_the_server_did() {
    let (_folder, _, handheld) = world();
    let strip = handheld.status().unwrap().strip;
    assert!(!strip.all_held);
    assert!(strip.words.zh.contains("待发送") && strip.words.zh.contains("尚未成功同步过"));
    assert!(strip.words.en.contains("1 record(s)"), "{}", strip.words.en);
}

#[test]
fn before_enrolment_everything_says_so() {
    let folder = folder();
    let handheld = Handheld::open(&folder.path().join("new")).unwrap();
    assert!(matches!(handheld.list(List::All), Err(Error::NotEnrolled)));
    let status = handheld.status().unwrap();
    assert_eq!(status.person, None);
    assert!(status.strip.words.zh.contains("尚未注册"));
}

fn place_at(lat: f64) -> Place {
    Place::from(Fix {
        position: TypedPosition::new(116.0, lat, Datum::Wgs84).unwrap(),
        accuracy_dm: 50,
        age: Millis(0),
        mock: false,
    })
}

fn arrival_of(handheld: &Handheld, number: u128) -> gridcrew_sync_protocol::claims::Review {
    let card = handheld.show(order(number)).unwrap();
    let is_step = |line: &&crate::RecordLine| matches!(line.event, Event::StepDone(_));
    card.records
        .iter()
        .rev()
        .find(is_step)
        .unwrap()
        .review
        .clone()
}

/// A world whose order has a place: 116° east, 32° north.
fn placed_world() -> (TempDir, Arc<TestClock>, Handheld) {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let data = folder.path().join("data");
    let mut local = enrolled(&data, &clock);
    crate::fixture::bring_order_at(&mut local, order(1), place_at(32.0).fix.position);
    crate::fixture::bring_order_at(&mut local, order(2), place_at(32.0).fix.position);
    drop(local);
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 40)));
    let handheld = Handheld::open_with(&data, Arc::clone(&clock) as _, random).unwrap();
    (folder, clock, handheld)
}

#[test]
fn an_arrival_says_what_it_proves_and_is_never_refused_for_it() {
    let (_folder, clock, handheld) = placed_world();
    handheld
        .step(order(1), step("arrived"), Some(place_at(32.001)))
        .unwrap();
    let review = arrival_of(&handheld, 1);
    assert_eq!(review.arrival, Some(ArrivalProof::Proved { metres: 111 }));
    assert!(review.doubts.is_empty() && !review.claims_differ);
    // 11 km in a minute.
    clock.pass(60_000);
    handheld
        .step(order(2), step("arrived"), Some(place_at(32.1)))
        .unwrap();
    let review = arrival_of(&handheld, 2);
    assert_eq!(review.doubts, [Doubt::ImpossibleSpeed]);
    assert!(matches!(review.arrival, Some(ArrivalProof::Unsure { .. })));
    clock.pass(3_600_000);
    let far = handheld
        .prove_arrival(order(1), Some(&place_at(32.01)))
        .unwrap();
    assert_eq!(
        far,
        ArrivalProof::FarAway {
            metres: 1109,
            allowed: 205
        }
    );
    let none = handheld.prove_arrival(order(1), None).unwrap();
    assert_eq!(
        none,
        ArrivalProof::Unsure {
            doubts: vec![Doubt::NoFix],
            metres: None
        }
    );
}

#[test]
fn a_fix_that_is_doubtful_itself_makes_no_honest_arrival_impossible() {
    let doubtful: [fn(&mut Fix); 3] = [
        |fix| fix.mock = true,
        |fix| fix.accuracy_dm = 2_001,
        |fix| fix.age = Millis(60_001),
    ];
    for spoil in doubtful {
        let (_folder, clock, handheld) = placed_world();
        // 111 km away, and there a minute later.
        let mut away = place_at(33.0);
        spoil(&mut away.fix);
        handheld.note(order(1), "far", Some(away)).unwrap();
        clock.pass(60_000);
        handheld
            .step(order(1), step("arrived"), Some(place_at(32.0)))
            .unwrap();
        let review = arrival_of(&handheld, 1);
        assert_eq!(review.doubts, []);
        assert_eq!(review.arrival, Some(ArrivalProof::Proved { metres: 0 }));
    }
}

#[test]
fn where_the_workflow_asks_who_is_not_there_says_why_with_a_photo() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let data = folder.path().join("data");
    let mut local = enrolled(&data, &clock);
    crate::fixture::bring_asking_order(&mut local, order(1), place_at(32.0).fix.position);
    drop(local);
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 40)));
    let handheld = Handheld::open_with(&data, clock, random).unwrap();
    let far = || Some(place_at(32.01));
    let refused = handheld.step(order(1), step("arrived"), far()).unwrap_err();
    let Error::Incomplete(missing) = refused else {
        panic!("{refused}");
    };
    assert_eq!(missing.len(), 2, "{missing:?}");
    let explained = StepInput {
        values: BTreeMap::from([("not_there_reason".into(), Value::Text("flood".into()))]),
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: picture(folder.path(), 1, 40),
        }],
        ..step("arrived")
    };
    handheld.step(order(1), explained, far()).unwrap();
    let review = arrival_of(&handheld, 1);
    assert!(matches!(review.arrival, Some(ArrivalProof::FarAway { .. })));
    assert_eq!(review.photos, [[PhotoFlag::FarFromPlace { metres: 1109 }]]);
}

#[test]
fn a_picture_used_before_is_found_by_its_bytes_and_by_its_look() {
    let (folder, _, handheld) = placed_world();
    let scene = |name: &str, side: u32| {
        let path = folder.path().join(name);
        let picture = image::RgbImage::from_fn(640, 480, |x, y| {
            let wave = f64::from(x * 5 + y * 3) / 97.0;
            let level = 127.0 + 120.0 * (wave.sin() * f64::from(y + 40) / 520.0);
            image::Rgb([level as u8; 3])
        });
        let filter = image::imageops::FilterType::Triangle;
        image::imageops::resize(&picture, side, side * 3 / 4, filter)
            .save(&path)
            .unwrap();
        path
    };
    let arrive = |number: u128, path: PathBuf| {
        let photos = vec![PhotoInput {
            slot: "site".into(),
            path,
        }];
        let input = StepInput {
            photos,
            ..step("arrived")
        };
        handheld
            .step(order(number), input, Some(place_at(32.0)))
            .unwrap();
        arrival_of(&handheld, number).photos[0].clone()
    };
    let first = scene("first.jpg", 640);
    assert_eq!(arrive(1, first.clone()), []);
    let smaller = arrive(2, scene("smaller.jpg", 480));
    let [PhotoFlag::LooksLike { order: of, bits }] = smaller.as_slice() else {
        panic!("{smaller:?}");
    };
    assert!(*of == order(1) && *bits <= 6);
    let same = arrive(2, first);
    assert_eq!(same, [PhotoFlag::SamePicture { order: order(1) }]);
}
