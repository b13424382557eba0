//! Faults of a handheld that stays open, as one in an app does, when its disk fails under it.
//!
//! The command line ends after each command, and with it everything that was half done. An
//! app goes on. So here the handheld lives in this process, `strace` takes hold of this
//! process, and after each refusal the folder is copied as it is: that is what a kill at
//! this moment would leave. What was refused must not be in the copy, else a person who
//! tries again has it twice (RELIABILITY fault 8).

use super::{
    field::name_of,
    ground::{Ground, files_of},
    ledger::mark_of,
    strace::{Fault, Strace},
    sweep::{Extent, Points},
    tally::Tally,
};
use crate::Fallible;
use gridcrew_mobile_core::Handheld;
use std::{fs, path::Path};

/// What a commit calls on the files of the store.
const CALLS: &[&str] = &["pwrite64", "fsync", "fdatasync", "ftruncate"];
/// The files of the store.
const FILES: [&str; 2] = ["handheld.db-wal", "handheld.db"];

/// Sweeps one error over every call of recording on an open handheld.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn sweep(
    ground: &mut Ground,
    strace: &Strace,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let mut tally = Tally::of(format!("handheld-open-{}", name_of(fault)));
    let handheld = Handheld::open(&ground.cli.folder)?;
    for file in FILES {
        let path = ground.cli.folder.join(file);
        let mut points = Points::of(CALLS, fault, extent, 1);
        while let Some(point) = points.next_point() {
            // The log is there once something was written.
            let before = next(ground);
            let id = handheld.note(ground.order, &before, None)?;
            ground.ledger.saved(&before, id);
            let mark = next(ground);
            let attached = strace
                .attach(&point, ground.cli.log(), std::process::id(), Some(&path))
                .await?;
            let noted = handheld.note(ground.order, &mark, None);
            let hit = attached.let_go().await?;
            points.happened(hit);
            tally.points += 1;
            tally.hits += u32::from(hit);
            match &noted {
                Ok(id) => {
                    tally.confirm(true);
                    ground.ledger.saved(&mark, *id);
                }
                Err(error) => {
                    tally.refused += 1;
                    ground.ledger.refused(&mark);
                    if !hit {
                        tally.wrong(format!("{point} did not happen, and yet: {error}"));
                    }
                }
            }
            let there = after_a_kill(ground, &mark)?;
            if there != noted.is_ok() {
                tally.wrong(format!(
                    "{point} on {file}: said {noted:?}, and after a kill there: {there}"
                ));
            }
        }
    }
    drop(handheld);
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// A mark that is about to be attempted.
fn next(ground: &mut Ground) -> String {
    let mark = ground.mark();
    ground.ledger.attempt(&mark, None);
    mark
}

/// Whether a record would be there if this process were killed now.
fn after_a_kill(ground: &Ground, mark: &str) -> Fallible<bool> {
    let copy = ground.scene.folder.path().join("as-killed");
    drop(fs::remove_dir_all(&copy));
    copy_folder(&ground.cli.folder, &copy)?;
    let handheld = Handheld::open(&copy)?;
    let records = handheld.records(ground.order)?;
    Ok(records
        .iter()
        .any(|sourced| mark_of(&sourced.record.event).as_deref() == Some(mark)))
}

/// Copies a handheld's folder as it is.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Fallible<()> {
    for file in files_of(from)? {
        // The index of the log is shared memory: it ends with the last process.
        if file.to_string_lossy().ends_with("-shm") {
            continue;
        }
        let place = to.join(file.strip_prefix(from)?);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, place)?;
    }
    Ok(())
}
