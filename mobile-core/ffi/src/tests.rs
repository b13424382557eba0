//! What the surface adds to the engine: checked values, typed errors, nothing that panics.
//! What it does with a server is tried by the whole-system tests, from Python too.

use crate::{
    error::{HandheldError, refusal_of},
    handheld::Handheld,
    input::{Datum, Place, SyncBudget},
    orders::OrderList,
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
    let handheld = Handheld::open(folder.path().display().to_string()).unwrap();
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
    let handheld = Handheld::open(folder.path().display().to_string()).unwrap();
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
