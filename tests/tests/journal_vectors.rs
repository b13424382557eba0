//! The chain of journals against another's reading of it: `tests/independent` holds vectors
//! that a Python script made with nothing of Gridcrew's own, and the script checks what is
//! made here. Bytes, hashes, links, signatures, and for what a batch is refused.

use ed25519_dalek::{SigningKey, VerifyingKey};
use gridcrew_server::trace::{
    manifest::{self, JournalLine, MANIFEST, Manifest, SIGNATURE},
    verify::verify,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{Epoch, JournalId, OrderId, PersonId},
    journal::{Batch, BatchError, Entry, Item, Opened, Seq},
    record::{Event, Noted, Record, Taken, Term},
    time::{TimeEvidence, UnixMillis},
    wire,
};
use gridcrew_tests::{Failure, Fallible, failure::ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use uuid::Uuid;

/// A file of vectors, as `tests/independent/journal_vectors.py` describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    format: String,
    seed: String,
    key: String,
    journal: JournalId,
    entries: Vec<EntryVector>,
    journals: Vec<JournalVector>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryVector {
    seq: Seq,
    says: String,
    bytes: String,
    hash: Digest,
    link: Digest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalVector {
    name: String,
    verdict: String,
    key: String,
    batches: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("independent")
}

fn script(arguments: &[&Path]) -> Fallible<Output> {
    let run = Command::new("python3")
        .arg("-B")
        .arg(folder().join("journal_vectors.py"))
        .args(arguments)
        .output();
    run.map_err(|error| Failure::new(format!("python3 is needed: {error}")))
}

fn checked_in() -> Fallible<Vectors> {
    let text = fs::read_to_string(folder().join("journal_vectors.json"))?;
    Ok(serde_json::from_str(&text)?)
}

fn seed_of(vectors: &Vectors) -> Fallible<SigningKey> {
    let mut seed = [0; 32];
    hex::decode_to_slice(&vectors.seed, &mut seed)?;
    Ok(SigningKey::from_bytes(&seed))
}

fn key_of(text: &str) -> Fallible<VerifyingKey> {
    manifest::read_key(text).map_err(Failure::new)
}

fn batches_of(vector: &JournalVector) -> Fallible<Vec<Batch>> {
    let mut batches = Vec::new();
    for text in &vector.batches {
        let bytes = hex::decode(text)?;
        let batch: Batch = wire::decode(&bytes)?;
        ensure(wire::encode(&batch) == bytes, || {
            format!("{}: a batch that is written otherwise here", vector.name)
        })?;
        batches.push(batch);
    }
    Ok(batches)
}

/// What becomes of batches, one after the other, in the words of the file.
fn verdict(journal: JournalId, key: &VerifyingKey, batches: &[Batch]) -> &'static str {
    let (mut last, mut head) = (Seq(0), Digest::ZERO);
    for batch in batches {
        let links = match batch.verify(key) {
            Ok(links) => links,
            Err(BatchError::Empty) => return "empty",
            Err(BatchError::TooMany(_)) => return "too_many",
            Err(BatchError::EntryTooLong(..)) => return "entry_too_long",
            Err(BatchError::BadStart) => return "bad_start",
            Err(BatchError::Overflow) => return "overflow",
            Err(BatchError::BadSignature) => return "bad_signature",
        };
        if batch.journal != journal {
            return "another_journal";
        }
        if batch.first != last.next() || batch.before != head {
            return "does_not_go_on";
        }
        last = batch.last();
        head = links.last().copied().unwrap_or(head);
    }
    "accepted"
}

/// Whether `gridcrew trace verify` takes the batches for the journal.
fn taken_in_an_export(journal: JournalId, key: &str, batches: &[Batch]) -> Fallible<bool> {
    let folder = tempfile::tempdir()?;
    let file = manifest::journal_file(journal);
    let bytes: Vec<u8> = batches.iter().flat_map(wire::encode).collect();
    fs::create_dir(folder.path().join("journals"))?;
    fs::write(folder.path().join(&file), &bytes)?;
    let opened = batches.iter().flat_map(|batch| &batch.items).next();
    let person = match opened {
        Some(Item::Bytes(bytes)) => match Entry::from_bytes(bytes)? {
            Entry::Opened(opened) => Some(opened.person),
            _ => None,
        },
        _ => None,
    };
    let end = batches.last().map(|batch| (batch.last(), batch.head()));
    let (last, head) = end.unwrap_or((Seq(0), Digest::ZERO));
    let server = SigningKey::from_bytes(&[1; 32]);
    let written = manifest::written(&Manifest {
        format: manifest::FORMAT.to_owned(),
        version: manifest::VERSION,
        epoch: Epoch(Uuid::nil()),
        exported_at: UnixMillis(0),
        server_key: manifest::key_text(&server.verifying_key()),
        journals: vec![JournalLine {
            journal,
            person: Some(person.unwrap_or(PersonId(Uuid::nil()))),
            key: Some(key.to_owned()),
            continues: None,
            last,
            head,
        }],
        orders: Vec::new(),
        parked: Vec::new(),
        set_aside: Vec::new(),
        photos: Vec::new(),
        files: BTreeMap::from([(file.clone(), Digest::of(&bytes))]),
    })
    .map_err(|problem| Failure::new(problem.to_string()))?;
    fs::write(
        folder.path().join(SIGNATURE),
        manifest::sign(&written, &server),
    )?;
    fs::write(folder.path().join(MANIFEST), written)?;
    let report = verify(folder.path(), None)?;
    // The orders of the entries are not in the manifest: that is not what is asked here.
    Ok(report.broken.iter().all(|finding| finding.place != file))
}

/// What an entry says, in the words of the file.
fn says(bytes: &[u8]) -> Fallible<String> {
    Ok(match Entry::from_bytes(bytes)? {
        Entry::Opened(opened) => format!("opened by {}", opened.person),
        Entry::Record(record) => {
            let event = match &record.event {
                Event::Accepted(_) => "accepted",
                Event::Assigned(_) => "assigned",
                Event::Taken(_) => "taken",
                Event::Declined(_) => "declined",
                Event::HandedOver(_) => "handed_over",
                Event::StepDone(_) => "step_done",
                Event::Noted(_) => "noted",
                _ => "unknown",
            };
            let Record {
                order, actor, term, ..
            } = record;
            let wall = record.time.wall.0;
            format!("{event} of {order} by {actor} in term {} at {wall}", term.0)
        }
        _ => "unknown".to_owned(),
    })
}

/// The entries of a journal, each with its link.
fn entry_vectors(journal: JournalId, entries: &[Vec<u8>]) -> Fallible<Vec<EntryVector>> {
    let mut before = Digest::ZERO;
    let mut vectors = Vec::new();
    for (seq, bytes) in (1..).map(Seq).zip(entries) {
        let hash = Digest::of(bytes);
        before = gridcrew_sync_protocol::journal::link(journal, seq, before, hash);
        vectors.push(EntryVector {
            seq,
            says: says(bytes)?,
            bytes: hex::encode(bytes),
            hash,
            link: before,
        });
    }
    Ok(vectors)
}

#[test]
fn what_the_script_made_is_read_here_as_the_script_says() -> Fallible<()> {
    let vectors = checked_in()?;
    let signer = seed_of(&vectors)?;
    assert_eq!(manifest::key_text(&signer.verifying_key()), vectors.key);
    let entries: Result<Vec<_>, _> = vectors
        .entries
        .iter()
        .map(|entry| hex::decode(&entry.bytes))
        .collect();
    assert_eq!(entry_vectors(vectors.journal, &entries?)?, vectors.entries);

    let mut verdicts = BTreeSet::new();
    for vector in &vectors.journals {
        let batches = batches_of(vector)?;
        let key = key_of(&vector.key)?;
        let found = verdict(vectors.journal, &key, &batches);
        assert_eq!(found, vector.verdict, "{}", vector.name);
        let exported = taken_in_an_export(vectors.journal, &vector.key, &batches)?;
        assert_eq!(exported, found == "accepted", "{}", vector.name);
        if found == "accepted" {
            // Signing is deterministic: the same entries give the same batch here.
            for batch in batches {
                let Batch {
                    journal,
                    first,
                    before,
                    ref items,
                    ..
                } = batch;
                assert_eq!(
                    Batch::sign(journal, first, before, items.clone(), &signer),
                    batch
                );
            }
        }
        verdicts.insert(found);
    }
    let all = [
        "accepted",
        "another_journal",
        "bad_signature",
        "bad_start",
        "does_not_go_on",
        "empty",
        "overflow",
    ];
    assert_eq!(verdicts, BTreeSet::from(all));
    Ok(())
}

#[test]
fn the_vectors_that_are_checked_in_are_those_that_the_script_makes() -> Fallible<()> {
    let made = script(&[Path::new("--make")])?;
    ensure(made.status.success(), || format!("{made:?}"))?;
    let kept = fs::read(folder().join("journal_vectors.json"))?;
    ensure(made.stdout == kept, || {
        "write them anew: tests/independent/journal_vectors.py --make".to_owned()
    })
}

/// A journal of remarks, cut into batches anywhere, then broken in one of many ways.
struct Making {
    random: ChaCha8Rng,
    journal: JournalId,
    key: SigningKey,
    entries: Vec<Vec<u8>>,
}

impl Making {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut id = || Uuid::from_u128(random.random());
        let (journal, person, order) = (JournalId(id()), PersonId(id()), OrderId(id()));
        let opened = Entry::Opened(Opened {
            person,
            continues: None,
        });
        let mut entries = vec![opened.to_bytes()];
        for number in 1..=random.random_range(5..30) {
            let event = if random.random_bool(0.2) {
                Event::Taken(Taken {
                    eta_minutes: random.random_bool(0.5).then(|| random.random()),
                })
            } else {
                Event::Noted(Noted {
                    text: "记".repeat(random.random_range(0..300)),
                })
            };
            let record = Record {
                order,
                actor: person,
                term: Term(random.random()),
                time: TimeEvidence::of_server(UnixMillis(random.random_range(0..1 << 50))),
                fix: None,
                event,
                claims: None,
            };
            let entry = Entry::Record(record).to_bytes();
            entries.push(if number % 7 == 0 {
                entries[0].clone()
            } else {
                entry
            });
        }
        let key = SigningKey::from_bytes(&random.random());
        Self {
            random,
            journal,
            key,
            entries,
        }
    }

    fn batches(&mut self) -> Vec<Batch> {
        let mut rest = self.entries.as_slice();
        let (mut first, mut before) = (Seq::FIRST, Digest::ZERO);
        let mut batches = Vec::new();
        while !rest.is_empty() {
            let cut = self.random.random_range(1..=rest.len());
            let (part, after) = rest.split_at(cut);
            let item = |bytes: &Vec<u8>| Item::Bytes(ByteBuf::from(bytes.clone()));
            let items = part.iter().map(item).collect();
            let batch = Batch::sign(self.journal, first, before, items, &self.key);
            first = batch.last().next();
            before = batch.head();
            batches.push(batch);
            rest = after;
        }
        batches
    }

    /// Breaks one of the batches, or hides an entry, which breaks nothing.
    fn broken(&mut self, mut batches: Vec<Batch>) -> Vec<Batch> {
        let at = self.random.random_range(0..batches.len());
        let batch = &mut batches[at];
        let entry = self.random.random_range(0..batch.items.len());
        let byte = self.random.random_range(0..64);
        match self.random.random_range(0..9) {
            0 => batch.signature[byte] ^= 1 << (byte % 8),
            1 => batch.before.0[byte % 32] ^= 1,
            2 => batch.items[entry] = Item::Digest(batch.items[entry].content()),
            3 => batch.items[entry] = Item::Digest(Digest::of(b"another")),
            4 => drop(batch.items.remove(entry)),
            5 => drop(batches.remove(at)),
            6 => batch.first = batch.first.next(),
            7 => batches.push(batches[at].clone()),
            _ => {
                let Batch {
                    journal,
                    first,
                    before,
                    ref items,
                    ..
                } = *batch;
                let stranger = SigningKey::from_bytes(&self.random.random());
                *batch = Batch::sign(journal, first, before, items.clone(), &stranger);
            }
        }
        batches
    }

    fn vectors(mut self, journals: usize) -> Fallible<Vectors> {
        let key = manifest::key_text(&self.key.verifying_key());
        let mut made = Vec::new();
        for number in 0..journals {
            let mut batches = self.batches();
            if number % 4 > 0 {
                batches = self.broken(batches);
            }
            let written = batches.iter().map(wire::encode).map(hex::encode);
            made.push(JournalVector {
                name: format!("made here {number}"),
                verdict: verdict(self.journal, &self.key.verifying_key(), &batches).to_owned(),
                key: key.clone(),
                batches: written.collect(),
            });
        }
        Ok(Vectors {
            format: "gridcrew journal vectors 1".to_owned(),
            seed: hex::encode(self.key.to_bytes()),
            key,
            journal: self.journal,
            entries: entry_vectors(self.journal, &self.entries)?,
            journals: made,
        })
    }
}

fn checks(vectors: &Vectors) -> Fallible<(bool, String)> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), serde_json::to_vec(vectors)?)?;
    let run = script(&[Path::new("--check"), file.path()])?;
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    Ok((run.status.success(), said.into_owned()))
}

#[test]
fn what_is_made_here_the_script_reads_as_it_is_said_here() -> Fallible<()> {
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..4 {
        let vectors = Making::new(seed).vectors(40)?;
        let (right, said) = checks(&vectors)?;
        ensure(right, || format!("seed {seed}: {said}"))?;
        for vector in vectors.journals {
            *verdicts.entry(vector.verdict).or_default() += 1;
        }
    }
    println!("{verdicts:?}");
    for expected in ["accepted", "bad_signature", "does_not_go_on", "bad_start"] {
        let count = verdicts.get(expected).copied().unwrap_or(0);
        ensure(count >= 3, || format!("{expected}: {verdicts:?}"))?;
    }
    Ok(())
}

#[test]
fn the_script_notices_what_is_not_as_a_file_says() -> Fallible<()> {
    let vectors = checked_in()?;
    ensure(checks(&vectors)?.0, || "the file as it is".to_owned())?;
    let lies: [fn(&mut Vectors); 4] = [
        |lie| lie.entries[3].link = lie.entries[2].link,
        |lie| lie.entries[1].says.push('!'),
        |lie| lie.journals[0].verdict = "bad_signature".to_owned(),
        |lie| {
            let refused = lie
                .journals
                .iter_mut()
                .find(|one| one.verdict == "bad_signature");
            refused.unwrap().verdict = "accepted".to_owned();
        },
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let mut told = vectors.clone();
        lie(&mut told);
        let (right, said) = checks(&told)?;
        ensure(!right, || format!("lie {number} was believed: {said}"))?;
    }
    Ok(())
}
