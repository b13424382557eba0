//! Exports where not everything can be read.

use crate::{
    Handheld,
    clock::SystemRandom,
    fixture::{TestClock, bring_order, enrolled, folder, note, order, picture, taken},
};
use gridcrew_sync_protocol::workflow::SlotCode;
use std::{fs, sync::Arc};

#[test]
fn a_photo_that_cannot_be_read_keeps_nothing_else_from_being_exported() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    let photos: Vec<_> = (0..3)
        .map(|seed| taken(&local, &picture(folder.path(), seed, 40)))
        .collect();
    for photo in &photos {
        let with = [(photo.clone(), SlotCode::from("site"))];
        local.record(order(1), note("x"), None, &with).unwrap();
    }
    // A folder can be opened and not be read.
    let path = local.folder.photo(photos[1].digest);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let random = Arc::new(SystemRandom);
    let handheld = Handheld::open_with(&data, Arc::clone(&clock) as _, random).unwrap();
    let done = handheld
        .export_unsynced(&folder.path().join("out"))
        .unwrap();
    assert_eq!((done.records, done.photos, done.missing), (4, 2, 1));
}

#[test]
fn what_stands_behind_a_damaged_record_is_exported() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    for number in 0..5 {
        let event = note(&format!("note {number}"));
        local.record(order(1), event, None, &[]).unwrap();
    }
    let sql = "UPDATE journal_entry SET bytes = x'07' WHERE seq = 3";
    local.store.write(|db| Ok(db.execute(sql, [])?)).unwrap();
    drop(local);
    let random = Arc::new(SystemRandom);
    let handheld = Handheld::open_with(&data, Arc::clone(&clock) as _, random).unwrap();
    let done = handheld
        .export_unsynced(&folder.path().join("out"))
        .unwrap();
    assert_eq!(done.records, 5, "the opening and four notes");
    let again = handheld
        .export_unsynced(&folder.path().join("out"))
        .unwrap();
    assert_eq!(again.records, 5);
}
