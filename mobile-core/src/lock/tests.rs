//! The lock through the surface.

use super::{Lock, Unlocked};
use crate::{
    Error, Handheld, List,
    clock::SystemRandom,
    fixture::{START, TestClock, bring_order, enrolled, folder, order},
    store::identity,
};
use gridcrew_sync_protocol::time::{BootId, Millis, ServerAnchor, UnixMillis};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

const PIN: &str = "270513";
const HOUR: i64 = 60 * 60_000;

fn reopen(data: &Path, clock: &Arc<TestClock>) -> Handheld {
    let clock = Arc::clone(clock);
    Handheld::open_with(data, clock, Arc::new(SystemRandom)).unwrap()
}

/// A handheld with an order and a PIN, as it is after opening.
fn locked(data: &Path) -> (Arc<TestClock>, Handheld) {
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(data, &clock);
    bring_order(&mut local, order(1));
    let anchor = ServerAnchor {
        server_time: UnixMillis(START),
        boot: BootId([1; 16]),
        uptime: Millis(0),
    };
    local
        .store
        .write(|db| identity::set_anchor(db, &anchor))
        .unwrap();
    drop(local);
    let handheld = reopen(data, &clock);
    assert_eq!(handheld.lock_state().unwrap(), Lock::Open);
    assert_eq!(handheld.unlock("anything").unwrap(), Unlocked::Open);
    for bad in ["12345", "abcdef", "111111", "1234567890123"] {
        assert!(matches!(
            handheld.set_pin(None, bad),
            Err(Error::Invalid(_))
        ));
    }
    assert_eq!(handheld.set_pin(None, PIN).unwrap(), Unlocked::Open);
    assert_eq!(handheld.list(List::ToDo).unwrap().len(), 1);
    drop(handheld);
    let handheld = reopen(data, &clock);
    (clock, handheld)
}

fn is_locked<T: std::fmt::Debug>(found: Result<T, Error>) {
    assert!(matches!(found, Err(Error::Locked(_))), "{found:?}");
}

#[test]
fn while_it_is_locked_nothing_is_read_or_recorded_and_what_waits_stays() {
    let folder = folder();
    let (_, handheld) = locked(&folder.path().join("data"));
    is_locked(handheld.list(List::All));
    is_locked(handheld.show(order(1)));
    is_locked(handheld.find("abc"));
    is_locked(handheld.me());
    is_locked(handheld.note(order(1), "x", None));
    is_locked(handheld.take(order(1), None, None));
    is_locked(handheld.step(order(1), crate::StepInput::default(), None));
    is_locked(handheld.states());
    is_locked(handheld.records(order(1)));
    is_locked(handheld.photo(gridcrew_sync_protocol::digest::Digest::ZERO));
    assert_eq!(handheld.status().unwrap().records_waiting, 1);
    assert_eq!(handheld.unlock(PIN).unwrap(), Unlocked::Open);
    handheld.note(order(1), "x", None).unwrap();
    handheld.lock();
    is_locked(handheld.list(List::All));
    assert_eq!(handheld.status().unwrap().records_waiting, 2);
}

#[test]
fn wrong_tries_wait_longer_and_longer_through_restarts_and_set_clocks() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, mut handheld) = locked(&data);
    for tries in 1..=5 {
        let wait = Millis(if tries == 5 { 30_000 } else { 0 });
        let wrong = Unlocked::Wrong { tries, wait };
        assert_eq!(handheld.unlock("000001").unwrap(), wrong);
        // The program is ended after each try.
        drop(handheld);
        handheld = reopen(&data, &clock);
    }
    clock.wall_ahead.store(1_000 * HOUR, Ordering::SeqCst);
    clock.pass(29_999);
    // The right one, too early, is not looked at, and costs nothing.
    let early = Unlocked::TooEarly { wait: Millis(1) };
    assert_eq!(handheld.unlock(PIN).unwrap(), early);
    clock.pass(1);
    assert_eq!(
        handheld.lock_state().unwrap(),
        Lock::Pin { wait: Millis(0) }
    );
    let wrong = Unlocked::Wrong {
        tries: 6,
        wait: Millis(60_000),
    };
    assert_eq!(handheld.unlock("000001").unwrap(), wrong);
    clock.pass(60_000);
    assert_eq!(handheld.unlock(PIN).unwrap(), Unlocked::Open);
    handheld.lock();
    let wrong = Unlocked::Wrong {
        tries: 1,
        wait: Millis(0),
    };
    assert_eq!(handheld.unlock("000001").unwrap(), wrong);
}

#[test]
fn a_try_is_counted_before_it_is_judged() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = locked(&data);
    for _ in 0..5 {
        // The program is ended between counting and judging.
        assert!(
            handheld
                .inner
                .with(|local| local.count_try())
                .unwrap()
                .is_ok()
        );
    }
    drop(handheld);
    let handheld = reopen(&data, &clock);
    assert!(matches!(
        handheld.unlock(PIN).unwrap(),
        Unlocked::TooEarly { .. }
    ));
}

#[test]
fn without_contact_for_three_days_it_closes_and_opens_with_the_next() {
    let folder = folder();
    let (clock, handheld) = locked(&folder.path().join("data"));
    handheld.unlock(PIN).unwrap();
    clock.pass(72 * HOUR);
    handheld.list(List::All).unwrap();
    clock.pass(1);
    // Setting the clock back wins nothing.
    clock.wall_ahead.store(-100 * HOUR, Ordering::SeqCst);
    let offline = Lock::Offline {
        since: UnixMillis(START),
    };
    assert_eq!(handheld.lock_state().unwrap(), offline);
    is_locked(handheld.list(List::All));
    let heard = UnixMillis(START + 73 * HOUR);
    let asked = Millis(clock.uptime.load(Ordering::SeqCst));
    let hear = |local: &mut crate::local::Local| local.hear_time(heard, asked);
    handheld.inner.with(hear).unwrap();
    handheld.list(List::All).unwrap();
    handheld.set_offline_limit(Some(Millis(HOUR))).unwrap();
    clock.pass(2 * HOUR);
    is_locked(handheld.list(List::All));
}

#[test]
fn taking_the_file_with_the_pin_away_opens_nothing() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = locked(&data);
    drop(handheld);
    std::fs::remove_file(data.join("lock.json")).unwrap();
    let handheld = reopen(&data, &clock);
    assert_eq!(handheld.lock_state().unwrap(), Lock::Broken);
    is_locked(handheld.list(List::All));
    is_locked(handheld.unlock(PIN));
}

#[test]
fn taking_the_file_with_the_pin_away_while_the_program_runs_opens_nothing_either() {
    let folder = folder();
    let data = folder.path().join("data");
    let (_, handheld) = locked(&data);
    std::fs::remove_file(data.join("lock.json")).unwrap();
    is_locked(handheld.unlock("anything"));
    is_locked(handheld.set_pin(Some("anything"), "998877"));
    is_locked(handheld.list(List::All));
    assert_eq!(handheld.lock_state().unwrap(), Lock::Broken);
}

#[test]
fn a_book_without_the_pin_that_was_set_opens_nothing() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = locked(&data);
    handheld.unlock(PIN).unwrap();
    let book = data.join("lock.json");
    let whole = std::fs::read(&book).unwrap();
    // Setting the limit makes no book that has no PIN.
    std::fs::remove_file(&book).unwrap();
    is_locked(handheld.set_offline_limit(None));
    assert!(!book.exists());
    let mut forged: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    forged["pin"] = serde_json::Value::Null;
    std::fs::write(&book, forged.to_string()).unwrap();
    is_locked(handheld.unlock("anything"));
    drop(handheld);
    let handheld = reopen(&data, &clock);
    assert_eq!(handheld.lock_state().unwrap(), Lock::Broken);
    is_locked(handheld.unlock("anything"));
    // What was there all along opens.
    std::fs::write(&book, whole).unwrap();
    assert_eq!(handheld.unlock(PIN).unwrap(), Unlocked::Open);
    assert_eq!(handheld.lock_state().unwrap(), Lock::Open);
}

#[test]
fn a_pin_that_another_program_set_meanwhile_is_not_replaced_without_it() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    drop(enrolled(&data, &clock));
    let (one, two) = (reopen(&data, &clock), reopen(&data, &clock));
    one.set_pin(None, PIN).unwrap();
    is_locked(two.set_pin(None, "998877"));
    assert_eq!(two.unlock(PIN).unwrap(), Unlocked::Open);
}

#[test]
fn a_new_pin_needs_the_old_one() {
    let folder = folder();
    let (_, handheld) = locked(&folder.path().join("data"));
    is_locked(handheld.set_pin(None, "998877"));
    handheld.unlock(PIN).unwrap();
    assert!(matches!(
        handheld.set_pin(Some("000001"), "998877").unwrap(),
        Unlocked::Wrong { .. }
    ));
    assert_eq!(
        handheld.set_pin(Some(PIN), "998877").unwrap(),
        Unlocked::Open
    );
    handheld.lock();
    assert!(matches!(
        handheld.unlock(PIN).unwrap(),
        Unlocked::Wrong { .. }
    ));
    assert_eq!(handheld.unlock("998877").unwrap(), Unlocked::Open);
}

#[test]
fn a_damaged_file_of_the_lock_leaves_it_closed_and_the_handheld_open_for_its_password() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = locked(&data);
    drop(handheld);
    std::fs::write(data.join("lock.json"), b"{\"pin\": 7").unwrap();
    for _ in 0..2 {
        let handheld = reopen(&data, &clock);
        assert_eq!(handheld.lock_state().unwrap(), Lock::Broken);
        is_locked(handheld.list(List::ToDo));
    }
    let kept = std::fs::read(data.join("lock.json.damaged-1")).unwrap();
    assert_eq!(kept, b"{\"pin\": 7");
}

#[test]
fn damaged_keys_and_tokens_are_set_aside_and_the_records_stay() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    drop(local);
    std::fs::write(data.join("secrets.json"), b"\xff\xff").unwrap();
    for _ in 0..2 {
        let handheld = reopen(&data, &clock);
        let status = handheld.status().unwrap();
        assert_eq!(status.records_waiting, 1);
        assert_eq!(status.findings.len(), 1);
        assert!(status.findings[0].contains("enrol it again"));
    }
    assert!(data.join("secrets.json.damaged-1").exists());
    let handheld = reopen(&data, &clock);
    handheld.acknowledge_findings().unwrap();
    assert!(handheld.status().unwrap().findings.is_empty());
}
