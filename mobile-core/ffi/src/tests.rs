//! What the surface adds to the engine: checked values, typed errors, nothing that panics.
//! What it does with a server is tried by the whole-system tests, from Python too.

use crate::{
    error::{HandheldError, refusal_of},
    handheld::Handheld,
    input::{Datum, Place, SyncBudget},
    keys::{KeyFault, PlatformKeyStore},
    locking::{LockState, PinOutcome},
    orders::OrderList,
    settings::HandheldSettings,
};
use gridcrew_mobile_core::{
    self as core,
    clock::{Clock, Moment, SystemClock, SystemRandom},
};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The system's clock, which can be made to panic.
struct BrokenClock {
    clock: SystemClock,
    broken: AtomicBool,
}

impl Clock for BrokenClock {
    fn now(&self) -> Moment {
        assert!(!self.broken.load(Ordering::SeqCst), "the clock broke");
        self.clock.now()
    }
}

fn place() -> Place {
    Place {
        lon: 116.6,
        lat: 32.8,
        datum: Datum::Wgs84,
        accuracy_m: 8.0,
        age_ms: 500,
        mock: false,
        gnss_unix_ms: None,
        speed_m_s: None,
    }
}

fn invalid(error: HandheldError) -> String {
    assert!(matches!(error, HandheldError::Invalid { .. }), "{error:?}");
    refusal_of(error).code
}

#[test]
fn ids_and_places_are_checked_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let handheld = Handheld::open(folder.path().display().to_string(), None).unwrap();
    let order = "0192f0c0-0000-7000-8000-000000000001".to_owned();
    let error = handheld.note("nonsense".into(), "a".into(), None);
    assert_eq!(invalid(error.unwrap_err()), "request.invalid");
    let error = handheld.hand_over(order.clone(), "him".into(), String::new(), None);
    assert_eq!(invalid(error.unwrap_err()), "request.invalid");
    assert_eq!(
        invalid(handheld.photo_path("../x".into()).unwrap_err()),
        "request.invalid"
    );
    let wrong = [
        Place {
            lon: 32.8,
            lat: 116.6,
            ..place()
        },
        Place {
            lat: f64::NAN,
            ..place()
        },
        Place {
            accuracy_m: f64::NAN,
            ..place()
        },
        Place {
            accuracy_m: -1.0,
            ..place()
        },
        Place {
            speed_m_s: Some(f64::INFINITY),
            ..place()
        },
        Place {
            age_ms: -1,
            ..place()
        },
    ];
    for wrong in wrong {
        let error = handheld.take(order.clone(), None, Some(wrong.clone()));
        assert_eq!(invalid(error.unwrap_err()), "request.invalid", "{wrong:?}");
    }
    let error = handheld.take(order, None, Some(place())).unwrap_err();
    assert_eq!(refusal_of(error).code, "auth.required");
}

#[tokio::test]
async fn a_panic_comes_back_as_an_error_and_the_handheld_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(BrokenClock {
        clock: SystemClock::new(),
        broken: AtomicBool::new(false),
    });
    let engine = core::Handheld::open_with(
        folder.path(),
        Arc::clone(&clock) as _,
        Arc::new(SystemRandom),
    );
    let handheld = Handheld::over(engine.unwrap());
    clock.broken.store(true, Ordering::SeqCst);
    let error = handheld.status().unwrap_err();
    assert!(matches!(error, HandheldError::Internal { .. }), "{error:?}");
    assert!(error.to_string().contains("the clock broke"), "{error}");
    let (url, code) = ("http://127.0.0.1:1".to_owned(), "code".to_owned());
    let error = handheld
        .enrol(url.clone(), code.clone(), "x".into())
        .await
        .unwrap_err();
    assert!(matches!(error, HandheldError::Internal { .. }), "{error:?}");

    clock.broken.store(false, Ordering::SeqCst);
    assert!(!handheld.status().unwrap().all_held);
    let error = handheld.enrol(url, code, "x".into()).await.unwrap_err();
    assert!(
        matches!(error, HandheldError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn before_enrolment_everything_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let handheld = Handheld::open(folder.path().display().to_string(), None).unwrap();
    let error = handheld.list(OrderList::All).unwrap_err();
    assert!(
        matches!(error, HandheldError::NotEnrolled { .. }),
        "{error:?}"
    );
    let budget = SyncBudget {
        seconds: Some(1),
        bytes: None,
        metered: false,
        battery_saver: false,
    };
    let error = handheld.sync(budget).await.unwrap_err();
    assert!(
        matches!(error, HandheldError::NotEnrolled { .. }),
        "{error:?}"
    );
    assert_eq!(handheld.me().unwrap(), None);
}

/// A keystore that is asked nothing.
struct NoKeys;

impl PlatformKeyStore for NoKeys {
    fn load(&self, _: String) -> Result<Option<Vec<u8>>, KeyFault> {
        Ok(None)
    }

    fn store(&self, _: String, _: Vec<u8>) -> Result<(), KeyFault> {
        let reason = "it keeps nothing".to_owned();
        Err(KeyFault::Failed { reason })
    }

    fn forget(&self, _: String) -> Result<(), KeyFault> {
        Ok(())
    }
}

#[test]
fn a_key_that_cannot_be_kept_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let opened = Handheld::open_sealed(path.clone(), Arc::new(NoKeys), "one".into(), None);
    let error = opened.unwrap_err();
    assert!(matches!(error, HandheldError::Key { .. }), "{error:?}");
    assert_eq!(refusal_of(error).code, "device.key");
    assert!(!folder.path().join("handheld.db").exists());
    Handheld::open(path, None).unwrap();
}

#[test]
fn a_closed_lock_says_what_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let handheld = Handheld::open(folder.path().display().to_string(), None).unwrap();
    assert_eq!(handheld.lock_state().unwrap(), LockState::Open);
    let error = handheld.set_pin(None, "111111".into()).unwrap_err();
    assert_eq!(invalid(error), "request.invalid");
    let set = handheld.set_pin(None, "135790".into()).unwrap();
    assert_eq!(set, PinOutcome::Open);
    handheld.lock().unwrap();
    let error = handheld.search("x".into(), 3).unwrap_err();
    let HandheldError::Locked { why, lock } = error else {
        panic!("{error:?}");
    };
    assert_eq!(why.code, "device.locked");
    assert_eq!(lock, LockState::PinWanted { wait_ms: 0 });
    let wrong = handheld.unlock("999998".into()).unwrap();
    assert_eq!(
        wrong,
        PinOutcome::Wrong {
            tries: 1,
            wait_ms: 0
        }
    );
    assert_eq!(handheld.unlock("135790".into()).unwrap(), PinOutcome::Open);
    assert_eq!(handheld.search("x".into(), 3).unwrap(), []);
}

#[test]
fn what_a_host_does_not_set_is_as_usual() {
    let usual = core::Settings::default();
    let left_out = core::Settings::from(HandheldSettings::default());
    assert_eq!(left_out.photos, usual.photos);
    assert_eq!(left_out.space_limits, usual.space_limits);
    let wish = HandheldSettings {
        original_side: Some(1_600),
        warn_below_bytes: Some(7),
        ..HandheldSettings::default()
    };
    let set = core::Settings::from(wish);
    assert_eq!(
        set.photos.sent,
        core::SentOriginal::Smaller {
            side: 1_600,
            quality: 85
        }
    );
    assert_eq!(set.space_limits.warn_below, 7);
    assert_eq!(set.space_limits.reserve, usual.space_limits.reserve);
}

/// The workspace forbids `unsafe`; here it is only allowed to what the macros make.
#[test]
fn no_unsafe_is_written_by_hand() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        if path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(!line.contains("unsafe"), "{}: {line}", path.display());
        }
    }
}
