//! Wiping: only by a genuine order, whole also when it is killed, and only when it is safe
//! if the order says so.

use super::{Wipe, finish};
use crate::{
    engine::Change,
    fixture::{
        JOURNAL, START, TestClock, bring_order, enrolled, folder, note, open, order, picture,
        server_key, taken,
    },
    local::Local,
    store::{identity, journal},
};
use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::{
    ids::{Epoch, JournalId},
    journal::Seq,
    time::UnixMillis,
    wipe::{WipeForm, WipeOrder},
};
use std::{fs, path::Path, sync::Arc};
use uuid::Uuid;

fn filled(data: &Path, clock: &Arc<TestClock>) -> Local {
    let mut local = enrolled(data, clock);
    bring_order(&mut local, order(1));
    let photo = picture(data, 1, 60);
    let taken = taken(&local, &photo);
    fs::remove_file(photo).unwrap();
    let photos = [(taken, "site".into())];
    local
        .record(order(1), note("secret"), None, &photos)
        .unwrap();
    local
}

fn ordered(journal: JournalId, form: WipeForm, key: &SigningKey) -> WipeOrder {
    WipeOrder::sign(journal, form, UnixMillis(START), key)
}

/// The files that are left, without locks.
fn left(data: &Path) -> Vec<String> {
    let mut left: Vec<String> = fs::read_dir(data)
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    left.sort();
    left
}

#[test]
fn nothing_is_left_and_the_confirmation_is_genuine() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock);
    let key = identity::require(local.store.read()).unwrap().public_key;
    let at_once = ordered(JOURNAL, WipeForm::AtOnce, &server_key());
    let wipe = local.obey(&at_once).unwrap().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
    assert!(wipe.confirmation.done && wipe.confirmation.is_signed_by(JOURNAL, &key));
    assert_eq!(left(&data), ["wipe.json"]);
    // What is still open knows nothing either.
    assert_eq!(identity::get(local.store.read()).unwrap(), None);
    assert!(local.secrets.tokens().is_none());
    drop(local);
    let local = open(&data, &clock);
    assert_eq!(identity::get(local.store.read()).unwrap(), None);
    assert!(Wipe::begun(&local.folder).unwrap().is_some());
    Wipe::confirmed(&local.folder).unwrap();
    assert!(Wipe::begun(&local.folder).unwrap().is_none());
}

#[test]
fn an_order_of_anyone_else_or_for_another_is_none() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock);
    let stranger = SigningKey::from_bytes(&[3; 32]);
    let other = JournalId(Uuid::from_u128(9));
    for order in [
        ordered(JOURNAL, WipeForm::AtOnce, &stranger),
        ordered(other, WipeForm::AtOnce, &server_key()),
    ] {
        assert!(local.obey(&order).unwrap().is_none());
    }
    let forged = WipeOrder {
        form: WipeForm::AtOnce,
        ..ordered(JOURNAL, WipeForm::WhenSafe, &server_key())
    };
    assert!(local.obey(&forged).unwrap().is_none());
    assert!(left(&data).contains(&"handheld.db".to_owned()));
}

#[test]
fn when_safe_waits_until_the_server_has_everything() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock);
    let when_safe = ordered(JOURNAL, WipeForm::WhenSafe, &server_key());
    assert!(local.obey(&when_safe).unwrap().is_none());
    let hold = |db: &rusqlite::Connection| {
        journal::mark_held(db, JOURNAL, Seq(99), UnixMillis(1)).map(|_| ())
    };
    local.store.write(hold).unwrap();
    assert!(local.obey(&when_safe).unwrap().is_none(), "the photo waits");
    local
        .store
        .write(|db| Ok(db.execute("UPDATE photo SET original_state = 'held'", [])?))
        .unwrap();
    assert!(local.obey(&when_safe).unwrap().is_some());
    assert_eq!(left(&data), ["wipe.json"]);
}

/// The server is said to hold everything that is here.
fn hold_all(local: &mut Local) {
    let hold = |db: &rusqlite::Connection| {
        journal::mark_held(db, JOURNAL, Seq(99), UnixMillis(1))?;
        db.execute("UPDATE photo SET original_state = 'held'", [])?;
        Ok(())
    };
    local.store.write(hold).unwrap();
}

#[test]
fn when_safe_waits_while_what_the_server_said_before_is_void() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock);
    hold_all(&mut local);
    let when_safe = ordered(JOURNAL, WipeForm::WhenSafe, &server_key());
    // The server was restored from a backup that is older than the records.
    let anew = Epoch(Uuid::from_u128(501));
    local.persist(Change::NewEpoch(anew)).unwrap();
    assert!(local.obey(&when_safe).unwrap().is_none(), "nothing is sure");
    let (head, link) = journal::head(local.store.read(), JOURNAL).unwrap();
    local
        .persist(Change::Held {
            journal: JOURNAL,
            first: head,
            last: head,
            held: head,
            link,
            parked: Vec::new(),
        })
        .unwrap();
    assert!(local.obey(&when_safe).unwrap().is_none(), "photos are not");
    local.persist(Change::AskedAll).unwrap();
    assert!(local.obey(&when_safe).unwrap().is_some());
}

#[test]
fn a_revoked_handheld_is_not_safe_for_what_a_server_kept_before_it_began_anew() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = filled(&data, &clock);
    hold_all(&mut local);
    local.record(order(1), note("late"), None, &[]).unwrap();
    let when_safe = ordered(JOURNAL, WipeForm::WhenSafe, &server_key());
    let anew = Epoch(Uuid::from_u128(501));
    local.persist(Change::NewEpoch(anew)).unwrap();
    let last = journal::head(local.store.read(), JOURNAL).unwrap().0;
    let journal = JOURNAL;
    local.persist(Change::KeptApart { journal, last }).unwrap();
    assert!(local.obey(&when_safe).unwrap().is_none());
}

#[test]
fn when_safe_waits_for_photos_that_were_refused_or_could_not_be_read() {
    for state in ["refused", "damaged"] {
        let folder = folder();
        let data = folder.path().join("data");
        let clock = Arc::new(TestClock::default());
        let mut local = filled(&data, &clock);
        hold_all(&mut local);
        let sql = format!("UPDATE photo SET original_state = '{state}'");
        local.store.write(|db| Ok(db.execute(&sql, [])?)).unwrap();
        let when_safe = ordered(JOURNAL, WipeForm::WhenSafe, &server_key());
        assert!(local.obey(&when_safe).unwrap().is_none(), "{state}");
        hold_all(&mut local);
        assert!(local.obey(&when_safe).unwrap().is_some(), "{state}");
    }
}

#[test]
fn a_wipe_that_was_begun_goes_on_wherever_it_was_killed() {
    let clock = Arc::new(TestClock::default());
    let names = {
        let folder = folder();
        let data = folder.path().join("data");
        drop(filled(&data, &clock));
        left(&data)
    };
    // Killed before anything was removed, and after each of the files.
    for removed in 0..=names.len() {
        let folder = folder();
        let data = folder.path().join("data");
        let local = filled(&data, &clock);
        let (_, journal, confirmation) = local.wipe_question().unwrap().unwrap();
        let wipe = Wipe {
            journal,
            server_url: "http://127.0.0.1:1".to_owned(),
            confirmation,
            done: false,
        };
        fs::write(local.folder.wipe(), serde_json::to_vec(&wipe).unwrap()).unwrap();
        drop(local);
        for name in names.iter().take(removed) {
            let path = data.join(name);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else if path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
        let local = open(&data, &clock);
        assert_eq!(identity::get(local.store.read()).unwrap(), None);
        assert!(
            fs::read_dir(local.folder.photos())
                .unwrap()
                .next()
                .is_none()
        );
        let secrets = data.join("secrets.json");
        assert!(!secrets.exists());
        assert!(finish(&local.folder, None).unwrap());
    }
}
