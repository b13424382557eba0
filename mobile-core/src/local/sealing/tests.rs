//! A sealed folder. What needs a cipher runs only in the build that has one
//! (`--features sqlcipher`); without one, a key is refused.

use crate::{
    Error, Handheld, KeyFault, KeyStore, Settings, clock::SystemRandom, fixture::TestClock,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

/// A keystore in memory.
#[derive(Default)]
struct Keys(Mutex<BTreeMap<String, Vec<u8>>>);

impl KeyStore for Keys {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, KeyFault> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }
    fn store(&self, name: &str, key: &[u8]) -> Result<(), KeyFault> {
        self.0.lock().unwrap().insert(name.to_owned(), key.to_vec());
        Ok(())
    }
    fn forget(&self, name: &str) -> Result<(), KeyFault> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

fn open(data: &Path, keys: &Arc<Keys>) -> Result<Handheld, Error> {
    let keys: Arc<dyn KeyStore> = Arc::clone(keys) as _;
    let clock = Arc::new(TestClock::default());
    Handheld::open_sealed(
        data,
        keys,
        "main",
        clock,
        Arc::new(SystemRandom),
        Settings::default(),
    )
}

#[cfg(not(feature = "sqlcipher"))]
#[test]
fn a_key_without_a_cipher_is_an_error_and_never_a_plain_file() {
    let folder = crate::fixture::folder();
    let data = folder.path().join("data");
    let keys = Arc::new(Keys::default());
    assert!(matches!(open(&data, &keys), Err(Error::NoCipher)));
    assert!(!data.join("handheld.db").exists());
    assert!(keys.0.lock().unwrap().is_empty());
}

#[cfg(feature = "sqlcipher")]
mod with_cipher {
    use super::{super::Keys as Named, Keys, open};
    use crate::{
        Error, Handheld, List, PhotoInput, StepInput,
        clock::SystemRandom,
        fixture::{TestClock, TestRandom, bring_order, enroll, enrolled, folder, order, picture},
        local::Local,
    };
    use std::{
        fs,
        path::{Path, PathBuf},
        sync::{Arc, atomic::AtomicU64},
    };

    const NOTE: &str = "turn left behind the old mill";

    /// A sealed handheld with an order, a note and a photo; gives its journal's secret key.
    fn filled(root: &Path, data: &Path, keys: &Arc<Keys>) -> (Handheld, Vec<u8>) {
        let named = Named {
            store: Arc::clone(keys) as _,
            name: "main".to_owned(),
        };
        let clock = Arc::new(TestClock::default());
        let random = Arc::new(TestRandom(AtomicU64::new(5)));
        let mut local = Local::open(data, Some(&named), clock, random).unwrap();
        enroll(&mut local);
        bring_order(&mut local, order(1));
        let identity = crate::store::identity::require(local.store.read()).unwrap();
        let secret = local.secrets.key(&identity.public_key).unwrap().to_bytes();
        drop(local);
        let handheld = open(data, keys).unwrap();
        record(root, &handheld);
        (handheld, secret.to_vec())
    }

    fn record(root: &Path, handheld: &Handheld) {
        handheld.take(order(1), None, None).unwrap();
        handheld.note(order(1), NOTE, None).unwrap();
        let input = StepInput {
            step: "arrived".to_owned(),
            photos: vec![PhotoInput {
                slot: "site".to_owned(),
                path: picture(root, 1, 300),
            }],
            ..StepInput::default()
        };
        handheld.step(order(1), input, None).unwrap();
        handheld.set_pin(None, "270513").unwrap();
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                all.extend(files(&path));
            } else {
                all.push(path);
            }
        }
        all
    }

    /// Where in the folder any of these can be read.
    fn found_in(data: &Path, secrets: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        for path in files(data) {
            let content = fs::read(&path).unwrap();
            for secret in secrets {
                if content.windows(secret.len()).any(|part| part == *secret) {
                    let secret = String::from_utf8_lossy(secret).into_owned();
                    found.push(format!("{} in {}", secret, path.display()));
                }
            }
        }
        found
    }

    fn photo_bytes(root: &Path) -> Vec<u8> {
        let whole = fs::read(picture(root, 1, 300)).unwrap();
        whole[1_000..1_032].to_vec()
    }

    #[test]
    fn nothing_of_the_content_can_be_read_from_the_folder() {
        let folder = folder();
        let (root, data) = (folder.path(), folder.path().join("data"));
        let keys = Arc::new(Keys::default());
        let (handheld, secret) = filled(root, &data, &keys);
        let data_key = keys.0.lock().unwrap()["main"].clone();
        let (picture, hex) = (photo_bytes(root), hex::encode(&secret));
        let secrets: Vec<&[u8]> = vec![
            NOTE.as_bytes(),
            "王".as_bytes(),
            "李".as_bytes(),
            "村口".as_bytes(),
            b"access-0",
            b"refresh-0",
            b"argon2",
            b"CREATE TABLE",
            b"SQLite format",
            &secret,
            hex.as_bytes(),
            &data_key,
            &picture,
        ];
        // While it is open, and after it was closed.
        assert_eq!(found_in(&data, &secrets), Vec::<String>::new());
        handheld.unlock("270513").unwrap();
        let card = handheld.show(order(1)).unwrap();
        assert_eq!(card.order, order(1));
        drop(handheld);
        assert_eq!(found_in(&data, &secrets), Vec::<String>::new());
        assert!(
            files(&data)
                .iter()
                .any(|path| path.ends_with("handheld.db"))
        );
        // The same search finds them in a plain folder.
        let plain = root.join("plain");
        let clock = Arc::new(TestClock::default());
        let mut local = enrolled(&plain, &clock);
        bring_order(&mut local, order(1));
        drop(local);
        let handheld = Handheld::open_with(&plain, clock, Arc::new(SystemRandom)).unwrap();
        record(root, &handheld);
        drop(handheld);
        let found = found_in(&plain, &secrets);
        for readable in [NOTE, "王", "access-0", "SQLite format"] {
            assert!(
                found.iter().any(|line| line.contains(readable)),
                "{readable}"
            );
        }
    }

    #[test]
    fn a_wrong_key_or_none_is_told_apart_from_damage_and_touches_nothing() {
        let folder = folder();
        let (root, data) = (folder.path(), folder.path().join("data"));
        let keys = Arc::new(Keys::default());
        drop(filled(root, &data, &keys));
        let before = fs::read(data.join("handheld.db")).unwrap();
        let right = keys
            .0
            .lock()
            .unwrap()
            .insert("main".to_owned(), vec![9; 32]);
        assert!(matches!(open(&data, &keys), Err(Error::WrongKey)));
        // The file that tells is gone or damaged: the store tells.
        let check = fs::read(data.join("key.check")).unwrap();
        fs::remove_file(data.join("key.check")).unwrap();
        assert!(matches!(open(&data, &keys), Err(Error::WrongKey)));
        fs::write(data.join("key.check"), &check[..20]).unwrap();
        assert!(matches!(open(&data, &keys), Err(Error::WrongKey)));
        keys.0.lock().unwrap().clear();
        assert!(matches!(open(&data, &keys), Err(Error::KeyMissing)));
        let clock = Arc::new(TestClock::default());
        let plain = Handheld::open_with(&data, clock, Arc::new(SystemRandom));
        assert!(matches!(plain, Err(Error::KeyMissing)));
        assert!(keys.0.lock().unwrap().is_empty(), "no new key");
        keys.0
            .lock()
            .unwrap()
            .insert("main".to_owned(), vec![9; 31]);
        assert!(matches!(open(&data, &keys), Err(Error::KeyStore(_))));
        assert_eq!(fs::read(data.join("handheld.db")).unwrap(), before);
        assert!(!data.join("handheld.db.damaged-1").exists());
        keys.0
            .lock()
            .unwrap()
            .insert("main".to_owned(), right.unwrap());
        let handheld = open(&data, &keys).unwrap();
        handheld.unlock("270513").unwrap();
        assert_eq!(handheld.list(List::All).unwrap().len(), 1);
        assert_eq!(fs::read(data.join("key.check")).unwrap(), check);
    }

    #[test]
    fn a_damaged_page_is_damage_also_under_a_cipher_and_the_rest_is_kept() {
        let folder = folder();
        let (root, data) = (folder.path(), folder.path().join("data"));
        let keys = Arc::new(Keys::default());
        let (handheld, _) = filled(root, &data, &keys);
        for number in 0..300 {
            handheld
                .note(order(1), &format!("note {number}"), None)
                .unwrap();
        }
        let records = handheld.status().unwrap().records_waiting;
        drop(handheld);
        let path = data.join("handheld.db");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 4096 / 2 * 4096;
        bytes[middle + 100] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let handheld = open(&data, &keys).unwrap();
        assert_eq!(fs::read(data.join("handheld.db.damaged-1")).unwrap(), bytes);
        // Before that, its status says numbers only.
        handheld.unlock("270513").unwrap();
        let status = handheld.status().unwrap();
        assert!(
            status.findings[0].contains("set aside"),
            "{:?}",
            status.findings
        );
        let kept = status.records_waiting + status.records_held;
        assert!(
            kept > records / 2 && status.person.is_some(),
            "{kept} of {records}"
        );
    }

    #[test]
    fn a_plain_folder_is_sealed_when_a_key_comes_and_keeps_everything() {
        let folder = folder();
        let (root, data) = (folder.path(), folder.path().join("data"));
        let clock = Arc::new(TestClock::default());
        let mut local = enrolled(&data, &clock);
        bring_order(&mut local, order(1));
        drop(local);
        let handheld = Handheld::open_with(&data, clock, Arc::new(SystemRandom)).unwrap();
        record(root, &handheld);
        let before = handheld.status().unwrap();
        drop(handheld);
        let keys = Arc::new(Keys::default());
        let handheld = open(&data, &keys).unwrap();
        let after = handheld.status().unwrap();
        assert_eq!(after.records_waiting, before.records_waiting);
        assert_eq!((after.journal, after.head), (before.journal, before.head));
        handheld.unlock("270513").unwrap();
        let photo =
            gridcrew_sync_protocol::digest::Digest::of(&fs::read(picture(root, 1, 300)).unwrap());
        let kept = handheld.photo(photo).unwrap();
        assert_eq!(kept, fs::read(picture(root, 1, 300)).unwrap());
        drop(handheld);
        let picture = photo_bytes(root);
        let secrets: [&[u8]; 4] = [NOTE.as_bytes(), b"access-0", b"SQLite format", &picture];
        assert_eq!(found_in(&data, &secrets), Vec::<String>::new());
        open(&data, &keys).unwrap();
    }

    /// What sealing costs; run by hand:
    /// `cargo test --features sqlcipher what_sealing_costs -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn what_sealing_costs() {
        use std::time::{Duration, Instant};
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        // On the disk, not in memory: what counts is what is durable.
        let root = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        for sealed in [false, true] {
            let data = root.path().join(format!("sealed-{sealed}"));
            let keys = Named {
                store: Arc::new(Keys::default()),
                name: "main".to_owned(),
            };
            let keys = sealed.then_some(&keys);
            let open = || {
                let random = Arc::new(SystemRandom);
                Local::open(&data, keys, Arc::new(TestClock::default()), random).unwrap()
            };
            let mut local = open();
            enroll(&mut local);
            bring_order(&mut local, order(1));
            let mut times = Vec::new();
            let all = Instant::now();
            for number in 0..1_000 {
                let event = crate::fixture::note(&format!("note {number}"));
                let one = Instant::now();
                local
                    .record(order(1 + number / 50), event, None, &[])
                    .unwrap_or_else(|_| {
                        bring_order(&mut local, order(1 + number / 50));
                        let event = crate::fixture::note(&format!("note {number}"));
                        local
                            .record(order(1 + number / 50), event, None, &[])
                            .unwrap()
                    });
                times.push(one.elapsed());
            }
            let took = all.elapsed();
            times.sort();
            drop(local);
            let mut opened: Vec<Duration> = (0..9)
                .map(|_| {
                    let one = Instant::now();
                    drop(open());
                    one.elapsed()
                })
                .collect();
            opened.sort();
            let mut local = open();
            let appends = Instant::now();
            local
                .store
                .write(|db| {
                    let journal = crate::fixture::JOURNAL;
                    for number in 0..10_000u32 {
                        let opened = gridcrew_sync_protocol::journal::Opened {
                            person: crate::fixture::ME,
                            continues: Some((
                                journal,
                                u64::from(number),
                                gridcrew_sync_protocol::digest::Digest::ZERO,
                            )),
                        };
                        let entry = gridcrew_sync_protocol::journal::Entry::Opened(opened);
                        let now = gridcrew_sync_protocol::time::UnixMillis(0);
                        crate::store::journal::append(db, journal, &entry, now)?;
                    }
                    Ok(())
                })
                .unwrap();
            let appends = appends.elapsed();
            let reopened = Instant::now();
            drop(local);
            drop(open());
            let reopened = reopened.elapsed();
            let photo = picture(root.path(), 7, 1_600);
            let folder = &open().folder;
            let content = fs::read(&photo).unwrap();
            let path = folder.photo(gridcrew_sync_protocol::digest::Digest::of(&content));
            let written = Instant::now();
            folder.write(&path, &content).unwrap();
            let written = written.elapsed();
            let read = Instant::now();
            assert_eq!(folder.read(&path).unwrap().len(), content.len());
            let read = read.elapsed();
            println!(
                "sealed {sealed}, SQLite {}: open {:.1} ms; a step p50 {:.2} p99 {:.2} ms, {:.0} a \
                 second; 10,000 appends {:.0} ms; open with them {:.1} ms; photo of {:.1} MB \
                 written {:.1} read {:.1} ms",
                rusqlite::version(),
                ms(opened[4]),
                ms(times[500]),
                ms(times[990]),
                1_000.0 / took.as_secs_f64(),
                ms(appends),
                ms(reopened),
                content.len() as f64 / 1e6,
                ms(written),
                ms(read),
            );
        }
    }
}
