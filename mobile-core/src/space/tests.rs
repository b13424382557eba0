//! A disk that is full, or nearly.

use super::*;
use crate::{
    Handheld, Settings,
    fixture::{TestClock, TestRandom, bring_order, enrolled, folder, order, picture},
    handheld::{PhotoInput, StepInput},
    lock::Unlocked,
};
use gridcrew_sync_protocol::journal::EntryId;
use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

struct Told(AtomicU64);

impl FreeSpace for Told {
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// A handheld with an order in a data folder, by these settings.
fn handheld(data: &Path, settings: Settings) -> Handheld {
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(data, &clock);
    bring_order(&mut local, order(1));
    drop(local);
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 40)));
    Handheld::open_configured(data, clock, random, settings).unwrap()
}

#[test]
fn the_status_warns_before_storage_is_full() {
    let folder = folder();
    let told = Arc::new(Told(AtomicU64::new(500_000_000)));
    let settings = Settings {
        space: Arc::clone(&told) as _,
        ..Settings::default()
    };
    let handheld = handheld(&folder.path().join("data"), settings);
    let status = handheld.status().unwrap();
    assert!(!status.space.short && status.space.reserve);
    told.0.store(499_999_999, Ordering::SeqCst);
    let status = handheld.status().unwrap();
    assert!(status.space.short);
    assert!(
        status
            .strip
            .words
            .en
            .contains("storage is short, 499 MB left")
    );
}

#[test]
fn the_system_tells_how_much_is_free() {
    let folder = folder();
    assert!(SystemSpace.free_bytes(folder.path()).unwrap() > 0);
    assert!(SystemSpace.free_bytes(&folder.path().join("none")).is_err());
}

/// A disk of its own, of some megabytes; none where that is not allowed.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn of(megabytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let size = format!("size={megabytes}m");
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(disk.0.path())
            .output();
        if made.is_ok_and(|made| made.status.success()) {
            Some(disk)
        } else {
            eprintln!("SKIPPED: no small disk can be mounted here");
            None
        }
    }

    /// Writes until nothing more fits; gives the file to be removed.
    fn fill(&self) -> PathBuf {
        self.fill_as("full")
    }

    fn fill_as(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        let mut file = fs::File::create(&path).unwrap();
        for chunk in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![1; chunk]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

#[test]
fn on_a_full_disk_the_last_record_goes_in_and_the_next_is_refused_before_it_is_said_to_be_saved() {
    let Some(disk) = SmallDisk::of(8) else { return };
    let data = disk.0.path().join("data");
    let handheld = handheld(&data, Settings::default());
    let photo = picture(disk.0.path(), 1, 40);
    let full = disk.fill();

    // A photo does not get the space that is kept back for records.
    let step = StepInput {
        step: "arrived".into(),
        photos: vec![PhotoInput {
            slot: "site".into(),
            path: photo,
        }],
        ..StepInput::default()
    };
    let refused = handheld.step(order(1), step.clone(), None);
    assert!(matches!(refused, Err(Error::DiskFull(_))), "{refused:?}");
    assert!(handheld.status().unwrap().space.reserve);

    let (mut kept, mut refused) = (Vec::new(), 0);
    for n in 0..2_000 {
        match handheld.note(order(1), &format!("note {n} {}", "x".repeat(500)), None) {
            Ok(id) => kept.push(id),
            Err(Error::DiskFull(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        if refused == 3 {
            break;
        }
    }
    assert!(!kept.is_empty(), "the reserve lets the last record in");
    assert_eq!(refused, 3, "and then it is said");
    assert!(!handheld.status().unwrap().space.reserve);

    // With space again it goes on, and the reserve is there again.
    fs::remove_file(full).unwrap();
    kept.push(handheld.step(order(1), step, None).unwrap().id);
    assert!(handheld.status().unwrap().space.reserve);
    let records = handheld.records(order(1)).unwrap();
    let own: Vec<_> = records.iter().map(|one| one.id).collect();
    assert!(kept.iter().all(|id| own.contains(id)));
    assert_eq!(
        records.len(),
        kept.len() + 2,
        "what was refused is not there"
    );
}

/// Opens a handheld on a full disk and looks at what was kept.
fn looks_on_a_full_disk(data: &Path, kept: &[EntryId]) -> Handheld {
    let clock = Arc::new(TestClock::default());
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 41)));
    let opened = Handheld::open_configured(data, clock, random, Settings::default()).unwrap();
    let records = opened.records(order(1)).unwrap();
    let there = |id: &EntryId| records.iter().filter(|one| one.id == *id).count();
    assert!(kept.iter().all(|id| there(id) == 1));
    opened.show(order(1)).unwrap();
    assert!(opened.status().unwrap().space.free.is_some());
    opened
}

#[test]
fn a_full_disk_does_not_keep_the_store_shut_and_nothing_is_recorded_on_it_that_is_not_kept() {
    let Some(disk) = SmallDisk::of(8) else { return };
    let data = disk.0.path().join("data");
    let first = handheld(&data, Settings::default());
    let mut kept = vec![first.note(order(1), "with room", None).unwrap()];
    drop(first);
    let full = disk.fill();

    // With the reserve it opens, and the last record goes in.
    let opened = looks_on_a_full_disk(&data, &kept);
    assert!(opened.status().unwrap().space.reserve);
    kept.push(opened.note(order(1), "the last", None).unwrap());
    drop(opened);

    // Somebody else takes what was given up. Still it opens, and what it refuses is not there.
    let more = disk.fill_as("fuller");
    for _ in 0..3 {
        let opened = looks_on_a_full_disk(&data, &kept);
        assert!(!opened.status().unwrap().space.reserve);
        let refused = opened.note(order(1), "too many", None);
        assert!(matches!(refused, Err(Error::DiskFull(_))), "{refused:?}");
    }

    // Room comes while it is open.
    let opened = looks_on_a_full_disk(&data, &kept);
    fs::remove_file(more).unwrap();
    kept.push(opened.note(order(1), "with room again", None).unwrap());
    drop(opened);
    fs::remove_file(full).unwrap();
    let opened = looks_on_a_full_disk(&data, &kept);
    assert!(opened.status().unwrap().space.reserve);
    let records = opened.records(order(1)).unwrap();
    assert_eq!(
        records.len(),
        kept.len() + 2,
        "what was refused is not there"
    );
}

#[test]
fn a_full_disk_does_not_keep_the_lock_shut() {
    let Some(disk) = SmallDisk::of(8) else { return };
    let data = disk.0.path().join("data");
    let first = handheld(&data, Settings::default());
    let set = first.set_pin(None, "135790").unwrap();
    assert_eq!(set, Unlocked::Open);
    drop(first);
    disk.fill();
    let clock = Arc::new(TestClock::default());
    let random = Arc::new(TestRandom(AtomicU64::new(1 << 42)));
    let opened = Handheld::open_configured(&data, clock, random, Settings::default()).unwrap();
    assert_eq!(opened.unlock("135790").unwrap(), Unlocked::Open);
    opened.show(order(1)).unwrap();
}
