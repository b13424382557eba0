//! Checking the journals of an export: each a chain without a hole, signed by its key.

use super::{Manifest, Report, manifest, read};
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    journal::{Batch, Entry, EntryId, Item, Seq},
    record::Record,
    wire,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::super::manifest::JournalLine;

/// The entries that an export shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Records by the order that they name.
    pub(super) by_order: BTreeMap<OrderId, BTreeMap<EntryId, Record>>,
    /// The order of each record.
    orders: BTreeMap<EntryId, OrderId>,
    /// Entries that cannot be read.
    pub(super) unread: BTreeSet<EntryId>,
    /// How many entries are shown in all.
    pub(super) entries: usize,
}

impl Shown {
    fn add(&mut self, id: EntryId, record: Record) {
        self.orders.insert(id, record.order);
        self.by_order
            .entry(record.order)
            .or_default()
            .insert(id, record);
    }

    /// Takes an entry out, if it was there: its record, if it can be read.
    pub(super) fn take(&mut self, id: EntryId) -> Option<Option<Record>> {
        if self.unread.remove(&id) {
            return Some(None);
        }
        let order = self.orders.remove(&id)?;
        let of_order = self.by_order.get_mut(&order)?;
        let record = of_order.remove(&id);
        if of_order.is_empty() {
            self.by_order.remove(&order);
        }
        record.map(Some)
    }
}

/// Checks every journal; gives the entries that are shown.
pub(super) fn check(folder: &Path, manifest: &Manifest, report: &mut Report) -> Shown {
    let mut shown = Shown::default();
    let mut seen = BTreeSet::new();
    for line in &manifest.journals {
        let file = manifest::journal_file(line.journal);
        if !seen.insert(line.journal) {
            report.add(&file, "is listed twice");
            continue;
        }
        if let Err(why) = check_journal(folder, &file, manifest, line, &mut shown) {
            report.add(&file, why);
        }
        report.journals += 1;
    }
    shown
}

fn check_journal(
    folder: &Path,
    file: &str,
    manifest: &Manifest,
    line: &JournalLine,
    shown: &mut Shown,
) -> Result<(), String> {
    let key: VerifyingKey = match &line.key {
        Some(key) => manifest::read_key(key)?,
        None => manifest::read_key(&manifest.server_key)?,
    };
    let bytes = fs::read(folder.join(file)).map_err(|error| error.to_string())?;
    let mut rest = bytes.as_slice();
    let (mut last, mut head) = (Seq(0), Digest::ZERO);
    while !rest.is_empty() {
        let from = rest;
        let batch: Batch = ciborium::de::from_reader_with_recursion_limit(&mut rest, 32)
            .map_err(|error| format!("after entry {}: {error}", last.0))?;
        // The signature covers the entries, not how the batch around them is written.
        let written = wire::encode(&batch);
        let length = from.len().saturating_sub(rest.len());
        if from.get(..length) != Some(written.as_slice()) {
            return Err(format!(
                "after entry {}: a batch that is not written as exports write it",
                last.0
            ));
        }
        if batch.journal != line.journal {
            return Err(format!(
                "after entry {}: a batch of another journal",
                last.0
            ));
        }
        if batch.first != last.next() || batch.before != head {
            return Err(format!("does not go on after entry {}", last.0));
        }
        let links = batch
            .verify(&key)
            .map_err(|error| format!("entries {} to {}: {error}", batch.first.0, batch.last().0))?;
        for (item, seq) in batch.items.iter().zip(batch.first.0..) {
            check_entry(item, Seq(seq), line, shown)?;
        }
        last = batch.last();
        head = links.last().copied().unwrap_or(head);
    }
    if (last, head) == (line.last, line.head) {
        Ok(())
    } else {
        Err(format!(
            "ends with entry {}, the manifest says {}",
            last.0, line.last.0
        ))
    }
}

fn check_entry(item: &Item, seq: Seq, line: &JournalLine, shown: &mut Shown) -> Result<(), String> {
    let Item::Bytes(bytes) = item else {
        return Ok(());
    };
    shown.entries += 1;
    let id = EntryId {
        journal: line.journal,
        seq,
    };
    let place = || format!("entry {}", seq.0);
    let opens = line.person.is_some() && seq == Seq::FIRST;
    match read(bytes) {
        Some(Entry::Opened(opened)) if opens => {
            let continues = opened.continues.map(|(journal, ..)| journal);
            if Some(opened.person) != line.person || continues != line.continues {
                return Err(format!("{}: opened by or after another", place()));
            }
        }
        Some(Entry::Record(record)) if !opens => {
            if line.person.is_some_and(|person| person != record.actor) {
                return Err(format!("{}: of another person", place()));
            }
            if line.person.is_none() && record.order.0 != line.journal.0 {
                return Err(format!("{}: of another order", place()));
            }
            shown.add(id, record);
        }
        None if !opens => {
            shown.unread.insert(id);
        }
        _ => return Err(format!("{}: not what stands there in a journal", place())),
    }
    Ok(())
}
