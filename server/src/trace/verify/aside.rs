//! Checking the batches that were set aside: each whole and signed by its handheld's key.

use super::{Manifest, Report, manifest};
use crate::trace::manifest::SetAsideLine;
use gridcrew_sync_protocol::{journal::Batch, wire};
use std::{collections::BTreeSet, fs, path::Path};

/// Checks every batch of the manifest, and that none lies beside it.
pub(super) fn check(folder: &Path, manifest: &Manifest, report: &mut Report) {
    let mut listed = BTreeSet::new();
    for line in &manifest.set_aside {
        if !listed.insert(&line.file) {
            report.add(&line.file, "is listed twice");
        } else if let Err(why) = check_batch(folder, manifest, line) {
            report.add(&line.file, why);
        }
        report.set_aside += 1;
    }
    for file in manifest.files.keys() {
        if file.starts_with(manifest::SET_ASIDE) && !listed.contains(file) {
            report.add(file, "was set aside, but is not listed so");
        }
    }
}

fn check_batch(folder: &Path, manifest: &Manifest, line: &SetAsideLine) -> Result<(), String> {
    if !line.file.starts_with(manifest::SET_ASIDE) || !manifest.files.contains_key(&line.file) {
        return Err("is no file of the export".to_owned());
    }
    let owner = manifest
        .journals
        .iter()
        .find(|known| known.journal == line.journal);
    if owner.is_some_and(|known| {
        known.key.as_ref() != Some(&line.key) || known.person != Some(line.person)
    }) {
        return Err("names another key or person than its journal".to_owned());
    }
    let key = manifest::read_key(&line.key)?;
    let bytes = fs::read(folder.join(&line.file)).map_err(|error| error.to_string())?;
    let batch: Batch = wire::decode(&bytes).map_err(|error| error.to_string())?;
    if wire::encode(&batch) != bytes {
        return Err("is not written as exports write it".to_owned());
    }
    let links = batch.verify(&key).map_err(|error| error.to_string())?;
    let said = (line.journal, line.first, line.last, Some(&line.head));
    if (batch.journal, batch.first, batch.last(), links.last()) == said {
        Ok(())
    } else {
        Err("is another batch than the manifest says".to_owned())
    }
}
