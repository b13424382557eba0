//! Checking an export from its folder alone, without the server and without a database.
//!
//! 1. The manifest is signed by the server's key, and every file is the one that it names;
//!    nothing is missing, nothing is there besides.
//! 2. Every journal is a chain without a hole, signed by its key, opened by its person and
//!    written by nobody else ([`journals`]).
//! 3. Every entry that is shown is accounted for once: it opens its journal, it is a record
//!    of an order of the manifest, or it is listed as parked.
//! 4. Every order folds to the state that the manifest names, and its contact and address
//!    are those that were hashed into the trace at intake.
//! 5. Every batch that was set aside is listed, whole and signed by its handheld's key: it
//!    is evidence, and changes no order.
//! 6. Every photo that a record of an order promises is listed, and of those that parked
//!    records promise as many as were exported; its bytes have its hash. One that has not come
//!    yet is missing, not broken.
//!
//! Who checks decides whose word the manifest is: with the server's key given from
//! elsewhere, an export that someone else signed is found out.

mod aside;
mod journals;

use super::manifest::{self, MANIFEST, Manifest, OrderLine, SIGNATURE};
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    journal::{Entry, EntryId},
    order::{Sourced, fold},
    record::{Event, Record},
    wire,
    workflow::Template,
};
use journals::Shown;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// How much of a file is read at a time.
const BLOCK: usize = 128 * 1024;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a file, a journal's entry, an order.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything that is broken.
    pub broken: Vec<Finding>,
    /// Photos that are promised but have not come.
    pub missing_photos: Vec<Digest>,
    /// How many orders were folded.
    pub orders: usize,
    /// How many journals were checked.
    pub journals: usize,
    /// How many of their entries are shown.
    pub entries: usize,
    /// How many batches that were set aside were checked.
    pub set_aside: usize,
    /// How many photos are there.
    pub photos: usize,
    /// The key that signed the manifest, as it says.
    pub server_key: String,
}

impl Report {
    fn add(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.broken.push(Finding {
            place: place.into(),
            what: what.into(),
        });
    }
}

/// Checks the export in `folder`. With `server_key`, it must be signed by that key.
///
/// # Errors
/// When the folder cannot be read at all.
pub fn verify(folder: &Path, server_key: Option<&VerifyingKey>) -> io::Result<Report> {
    let mut report = Report::default();
    let found = list(folder)?;
    let Some(manifest) = check_manifest(folder, server_key, &mut report) else {
        return Ok(report);
    };
    check_files(&manifest, &found, &mut report);
    let mut shown = journals::check(folder, &manifest, &mut report);
    report.entries = shown.entries;
    let evidence = check_parked(&manifest, &mut shown, &mut report);
    aside::check(folder, &manifest, &mut report);
    let mut promised = BTreeSet::new();
    for line in &manifest.orders {
        check_order(folder, line, &mut shown, &mut promised, &mut report);
        report.orders += 1;
    }
    for (order, entries) in &shown.by_order {
        for id in entries.keys() {
            let place = format!("order {order}, entry {} of {}", id.seq.0, id.journal);
            report.add(place, "is not in the manifest");
        }
    }
    check_photos(&manifest, (&promised, &evidence), &found, &mut report);
    Ok(report)
}

/// Every file of the folder with its hash, by its name below it.
fn list(folder: &Path) -> io::Result<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                found.insert(name, hash(&entry.path())?);
            }
        }
    }
    Ok(found)
}

fn hash(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            read => hasher.update(block.get(..read).unwrap_or_default()),
        }
    }
}

fn check_manifest(
    folder: &Path,
    server_key: Option<&VerifyingKey>,
    report: &mut Report,
) -> Option<Manifest> {
    let read = |name: &str| fs::read(folder.join(name)).map_err(|error| error.to_string());
    let bytes = read(MANIFEST)
        .map_err(|why| report.add(MANIFEST, why))
        .ok()?;
    let signature = read(SIGNATURE)
        .map_err(|why| report.add(SIGNATURE, why))
        .ok()?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| report.add(MANIFEST, format!("cannot be read: {error}")))
        .ok()?;
    if manifest.format != manifest::FORMAT || manifest.version != manifest::VERSION {
        let found = format!("`{}` {}", manifest.format, manifest.version);
        report.add(
            MANIFEST,
            format!("is of the format {found}, which is not known"),
        );
        return None;
    }
    let key = manifest::read_key(&manifest.server_key)
        .map_err(|why| report.add(MANIFEST, why))
        .ok()?;
    if server_key.is_some_and(|expected| *expected != key) {
        report.add(MANIFEST, "names another server key than the given one");
    }
    if !manifest::is_signed_by(&bytes, &signature, &key) {
        report.add(
            SIGNATURE,
            "is not the server key's signature over the manifest",
        );
    }
    report.server_key.clone_from(&manifest.server_key);
    Some(manifest)
}

fn check_files(manifest: &Manifest, found: &BTreeMap<String, Digest>, report: &mut Report) {
    for (name, digest) in &manifest.files {
        match found.get(name) {
            None => report.add(name, "is missing"),
            Some(held) if held != digest => {
                report.add(
                    name,
                    format!("has the hash {held}, the manifest says {digest}"),
                );
            }
            Some(_) => {}
        }
    }
    for name in found.keys() {
        if name != MANIFEST && name != SIGNATURE && !manifest.files.contains_key(name) {
            report.add(name, "is not in the manifest");
        }
    }
}

/// Takes the parked entries out of what is shown; gives the photos that they promise.
fn check_parked(manifest: &Manifest, shown: &mut Shown, report: &mut Report) -> BTreeSet<Digest> {
    let mut promised = BTreeSet::new();
    for line in &manifest.parked {
        let id = EntryId {
            journal: line.journal,
            seq: line.seq,
        };
        match shown.take(id) {
            Some(record) => promised.extend(record.iter().flat_map(photos)),
            None => {
                let place = format!("entry {} of {}", line.seq.0, line.journal);
                report.add(place, "is parked, but not in its journal");
            }
        }
    }
    for id in &shown.unread {
        let place = format!("entry {} of {}", id.seq.0, id.journal);
        report.add(place, "cannot be read and is not parked");
    }
    promised
}

fn check_order(
    folder: &Path,
    line: &OrderLine,
    shown: &mut Shown,
    promised: &mut BTreeSet<Digest>,
    report: &mut Report,
) {
    let place = format!("order {}", line.order);
    let mut entries = shown.by_order.remove(&line.order).unwrap_or_default();
    let mut records = Vec::new();
    for (journal, seqs) in &line.entries {
        for seq in seqs {
            let id = EntryId {
                journal: *journal,
                seq: *seq,
            };
            match entries.remove(&id) {
                Some(record) => records.push(Sourced { id, record }),
                None => report.add(
                    place.clone(),
                    format!("lacks entry {} of {journal}, or names it twice", seq.0),
                ),
            }
        }
    }
    if !entries.is_empty() {
        shown.by_order.insert(line.order, entries);
    }
    promised.extend(records.iter().flat_map(|sourced| photos(&sourced.record)));
    if let Err(why) = check_state(folder, line, &records) {
        report.add(place.clone(), why);
    }
    if let Err(why) = check_details(folder, line.order, &records) {
        report.add(place, why);
    }
}

fn photos(record: &Record) -> Vec<Digest> {
    match &record.event {
        Event::StepDone(done) => done.photos.iter().map(|photo| photo.digest).collect(),
        _ => Vec::new(),
    }
}

fn check_state(folder: &Path, line: &OrderLine, records: &[Sourced]) -> Result<(), String> {
    let file = manifest::template_file(&line.template);
    let text = fs::read_to_string(folder.join(&file)).map_err(|e| format!("{file}: {e}"))?;
    let template = Template::from_toml(&text).map_err(|error| format!("{file}: {error}"))?;
    if template.reference() != line.template {
        return Err(format!("{file} holds another workflow"));
    }
    let state = fold(&template, records).ok_or("was never accepted")?;
    if state.template != line.template {
        return Err("was accepted under another workflow".to_owned());
    }
    let digest = Digest::of(&wire::encode(&state));
    if digest != line.state {
        return Err(format!(
            "folds to {digest}, the manifest says {}",
            line.state
        ));
    }
    Ok(())
}

fn check_details(folder: &Path, order: OrderId, records: &[Sourced]) -> Result<(), String> {
    let accepted = records
        .iter()
        .find_map(|sourced| match &sourced.record.event {
            Event::Accepted(accepted) if sourced.from_server() => Some(accepted.details),
            _ => None,
        });
    let file = manifest::details_file(order);
    let bytes = fs::read(folder.join(&file)).map_err(|error| format!("{file}: {error}"))?;
    if accepted == Some(Digest::of(&bytes)) {
        Ok(())
    } else {
        Err("contact and address are not those that were hashed at intake".to_owned())
    }
}

fn check_photos(
    manifest: &Manifest,
    (promised, evidence): (&BTreeSet<Digest>, &BTreeSet<Digest>),
    found: &BTreeMap<String, Digest>,
    report: &mut Report,
) {
    let mut listed = BTreeSet::new();
    for line in &manifest.photos {
        let file = manifest::photo_file(line.photo);
        let known = promised.contains(&line.photo) || evidence.contains(&line.photo);
        if !listed.insert(line.photo) || !known {
            report.add(&file, "is listed twice, or no record promises it");
        }
        match found.get(&file) {
            Some(hash) if *hash != line.photo => {
                report.add(&file, "has another hash than its name")
            }
            Some(_) if line.held => report.photos += 1,
            None if line.held => report.add(&file, "is not there, but the manifest says it is"),
            None => report.missing_photos.push(line.photo),
            Some(_) => report.add(
                &file,
                "is there, but the manifest says that it has not come",
            ),
        }
    }
    for photo in promised.difference(&listed) {
        report.add(
            manifest::photo_file(*photo),
            "is promised, but not in the manifest",
        );
    }
}

/// Reads an entry for [`journals`].
fn read(bytes: &[u8]) -> Option<Entry> {
    Entry::from_bytes(bytes).ok()
}
