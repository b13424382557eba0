//! Two people on one device.

use super::{Device, ShiftChange};
use crate::{
    Error, Handheld, List, Settings,
    clock::SystemRandom,
    fixture::{ME, OTHER, TestClock, bring_order, enrolled, folder, order},
    host::tests::{plain, serve},
    lock::Unlocked,
    store::identity,
};
use gridcrew_sync_protocol::{enrol::EnrolRequest, ids::PersonId};
use std::{
    collections::{BTreeSet, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
};

/// A device with [`ME`] (PIN 111112, an order) and [`OTHER`] (PIN 222221).
fn device(root: &Path) -> Device {
    let clock = Arc::new(TestClock::default());
    for (name, person, pin) in [("a", ME, "111112"), ("b", OTHER, "222221")] {
        let mut local = enrolled(&root.join("persons").join(name), &clock);
        let work = |db: &rusqlite::Connection| {
            let mut identity = identity::require(db)?;
            identity.person = person;
            identity::put(db, &identity)
        };
        local.store.write(work).unwrap();
        if person == ME {
            bring_order(&mut local, order(1));
        }
        drop(local);
        let folder = root.join("persons").join(name);
        let clock = Arc::clone(&clock);
        let handheld = Handheld::open_with(&folder, clock, Arc::new(SystemRandom)).unwrap();
        handheld.set_pin(None, pin).unwrap();
    }
    Device::open(
        root,
        None,
        clock,
        Arc::new(SystemRandom),
        Settings::default(),
    )
    .unwrap()
}

fn shift(device: &Device, person: PersonId, pin: &str) -> Handheld {
    match device.change_shift(person, pin).unwrap() {
        ShiftChange::Done { handheld, .. } => handheld,
        ShiftChange::Not(outcome) => panic!("{outcome:?}"),
    }
}

#[test]
fn one_person_never_sees_what_is_anothers_and_leaves_a_list_of_what_waits() {
    let folder = folder();
    let device = device(folder.path());
    assert!(device.on_shift().unwrap().is_none());
    let mine = shift(&device, ME, "111112");
    mine.note(order(1), "mine", None).unwrap();
    let ShiftChange::Done { handheld, people } = device.change_shift(OTHER, "222221").unwrap()
    else {
        panic!("no change of shift");
    };
    let waiting: Vec<(PersonId, u64, bool)> = people
        .iter()
        .map(|here| (here.person, here.records_waiting, here.on_shift))
        .collect();
    assert_eq!(waiting, [(ME, 2, false), (OTHER, 1, true)]);
    assert!(handheld.list(List::All).unwrap().is_empty());
    assert!(matches!(mine.list(List::All), Err(Error::Locked(_))));
    assert!(matches!(
        mine.note(order(1), "x", None),
        Err(Error::Locked(_))
    ));
    device.end_shift();
    assert!(matches!(handheld.list(List::All), Err(Error::Locked(_))));
}

#[test]
fn a_wrong_pin_leaves_the_shift_as_it_is() {
    let folder = folder();
    let device = device(folder.path());
    let mine = shift(&device, ME, "111112");
    let outcome = device.change_shift(OTHER, "111112").unwrap();
    assert!(matches!(
        outcome,
        ShiftChange::Not(Unlocked::Wrong { tries: 1, .. })
    ));
    assert_eq!(mine.list(List::All).unwrap().len(), 1);
    let stranger = PersonId(uuid::Uuid::from_u128(77));
    assert!(matches!(
        device.change_shift(stranger, "111112"),
        Err(Error::NotEnrolled)
    ));
}

#[tokio::test]
async fn an_enrolment_that_is_not_answered_is_tried_again_in_the_same_folder() {
    let folder = folder();
    let device = device(folder.path());
    let unreachable = "http://127.0.0.1:1";
    for _ in 0..2 {
        let tried = device.enrol(unreachable, "code", "d", "123454").await;
        assert!(matches!(tried, Err(Error::Unreachable(_))), "{tried:?}");
    }
    let folders = std::fs::read_dir(folder.path().join("persons")).unwrap();
    assert_eq!(folders.count(), 3);
    assert_eq!(device.people().unwrap().len(), 2);
}

#[tokio::test]
async fn only_a_code_that_is_refused_takes_the_key_along_that_it_was_offered_with() {
    let answers = Mutex::new(VecDeque::from([
        ("503 Service Unavailable", "unavailable"),
        ("429 Too Many Requests", "too_many_requests"),
        ("500 Internal Server Error", "internal"),
        ("507 Insufficient Storage", "storage.full"),
        ("408 Request Timeout", "request.timeout"),
        ("401 Unauthorized", "enrol.bad_code"),
    ]));
    let keys = Arc::new(Mutex::new(BTreeSet::new()));
    let offered = Arc::clone(&keys);
    let (server, heads) = serve(move |_, body| {
        let request: EnrolRequest = serde_json::from_slice(body).unwrap();
        offered.lock().unwrap().insert(request.public_key);
        let (status, code) = answers.lock().unwrap().pop_front().unwrap();
        let problem = "content-type: application/problem+json\r\n";
        plain(status, problem, &format!(r#"{{"code":"{code}"}}"#))
    })
    .await;
    let folder = folder();
    let device = device(folder.path());
    let folders = || {
        let persons = folder.path().join("persons");
        std::fs::read_dir(persons).unwrap().count()
    };
    for _ in 0..5 {
        let tried = device.enrol(&server, "code", "d", "123454").await;
        assert!(matches!(tried, Err(Error::Refused { .. })), "{tried:?}");
        assert_eq!(folders(), 3);
    }
    let refused = device.enrol(&server, "code", "d", "123454").await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!((folders(), heads.lock().unwrap().len()), (2, 6));
    assert_eq!(keys.lock().unwrap().len(), 1, "always the same key");
}

#[test]
fn one_person_whose_folder_cannot_be_opened_keeps_nobody_else_out() {
    let folder = folder();
    drop(device(folder.path()));
    let damaged = folder.path().join("persons").join("c");
    std::fs::write(&damaged, b"no folder").unwrap();
    let device = Device::open(
        folder.path(),
        None,
        Arc::new(TestClock::default()),
        Arc::new(SystemRandom),
        Settings::default(),
    )
    .unwrap();
    assert_eq!(device.people().unwrap().len(), 2);
    shift(&device, OTHER, "222221");
    let unopened = device.unopened();
    assert_eq!(unopened.len(), 1);
    assert_eq!(unopened[0].0, damaged);
}
