//! What is checked of a batch before anything is stored: that it is of the journal that it
//! says, whole, signed, opened by its person, and all of it his.
//!
//! This is pure and heavy (hashes, a signature, decoding): it runs beside the workers and
//! before the database is asked for its lock. An entry that cannot be read is no reason to
//! refuse the others: it is taken along as [`Content::Unknown`] and parked.

use crate::edge::Problem;
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, BatchError, Entry, Item, Opened, Seq},
    record::Record,
    wire,
};
use serde::Deserialize;

/// Whose journal it is.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// The journal.
    pub journal: JournalId,
    /// The person, who must have done everything in it.
    pub person: PersonId,
    /// The key that signs it.
    pub key: VerifyingKey,
    /// The journal that it goes on from after a fork.
    pub continues: Option<JournalId>,
}

/// A genuine batch.
#[derive(Debug)]
pub struct Incoming {
    /// As it came.
    pub batch: Batch,
    /// The link of each entry.
    pub links: Vec<Digest>,
    /// Each entry read.
    pub contents: Vec<Content>,
}

/// An entry, read.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are records")]
pub enum Content {
    /// It opens the journal.
    Opened,
    /// It is an event of an order.
    Record(Record),
    /// It is of a kind or shape that this version does not know.
    Unknown {
        /// The order that it is of, as far as can be seen.
        order: Option<OrderId>,
    },
}

impl Content {
    /// The order that the entry is an event of.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Opened => None,
            Self::Record(record) => Some(record.order),
            Self::Unknown { order } => *order,
        }
    }
}

/// Checks a batch.
///
/// # Errors
/// `journal.not_yours`, `journal.malformed`, `journal.bad_link`, `journal.bad_signature`,
/// `journal.bad_opening`, `journal.other_person`.
pub fn check(batch: Batch, writer: &Writer) -> Result<Incoming, Problem> {
    if batch.journal != writer.journal {
        let detail = "The batch is of another journal than that of the handheld that sends it.";
        return Err(Problem::new(Code::JournalNotYours, detail));
    }
    let links = batch.verify(&writer.key).map_err(of_batch)?;
    let mut contents = Vec::with_capacity(batch.items.len());
    for (item, seq) in batch.items.iter().zip(batch.first.0..) {
        contents.push(read(item, Seq(seq), writer)?);
    }
    Ok(Incoming {
        batch,
        links,
        contents,
    })
}

fn of_batch(error: BatchError) -> Problem {
    let code = match error {
        BatchError::BadSignature => Code::JournalBadSignature,
        BatchError::BadStart => Code::JournalBadLink,
        BatchError::Empty
        | BatchError::TooMany(_)
        | BatchError::EntryTooLong(..)
        | BatchError::Overflow => Code::JournalMalformed,
    };
    Problem::new(code, format!("The batch is not accepted: {error}."))
}

fn read(item: &Item, seq: Seq, writer: &Writer) -> Result<Content, Problem> {
    let Item::Bytes(bytes) = item else {
        let detail = format!("Entry {} is given by its hash only; send it whole.", seq.0);
        return Err(Problem::new(Code::JournalMalformed, detail));
    };
    let content = match Entry::from_bytes(bytes) {
        Ok(Entry::Opened(opened)) => return opening(&opened, seq, writer),
        Ok(Entry::Record(record)) => {
            check_actor(record.actor, seq, writer)?;
            Content::Record(record)
        }
        Ok(_) => Content::Unknown { order: None },
        Err(_) => outline(bytes, seq, writer)?,
    };
    if seq == Seq::FIRST {
        let detail = "The first entry of a journal must open it.";
        return Err(Problem::new(Code::JournalBadOpening, detail));
    }
    Ok(content)
}

fn opening(opened: &Opened, seq: Seq, writer: &Writer) -> Result<Content, Problem> {
    let wrong = if seq != Seq::FIRST {
        format!("Entry {} opens the journal, but is not its first.", seq.0)
    } else if opened.person != writer.person {
        format!(
            "The journal is opened by {}, not by its person.",
            opened.person
        )
    } else if opened.continues.map(|(journal, ..)| journal) != writer.continues {
        "The journal does not name the one that it goes on from.".to_owned()
    } else {
        return Ok(Content::Opened);
    };
    Err(Problem::new(Code::JournalBadOpening, wrong))
}

fn check_actor(actor: PersonId, seq: Seq, writer: &Writer) -> Result<(), Problem> {
    if actor == writer.person {
        return Ok(());
    }
    let detail = format!("Entry {} names {actor}, not the journal's person.", seq.0);
    Err(Problem::new(Code::JournalOtherPerson, detail))
}

/// What can be seen of a record whose event is not known here.
#[derive(Deserialize)]
struct Outline {
    record: OutlineOfRecord,
}

#[derive(Deserialize)]
struct OutlineOfRecord {
    #[serde(rename = "o")]
    order: OrderId,
    #[serde(rename = "p")]
    actor: PersonId,
}

fn outline(bytes: &[u8], seq: Seq, writer: &Writer) -> Result<Content, Problem> {
    match wire::decode::<Outline>(bytes) {
        Ok(Outline { record }) => {
            check_actor(record.actor, seq, writer)?;
            let order = Some(record.order);
            Ok(Content::Unknown { order })
        }
        Err(_) => Ok(Content::Unknown { order: None }),
    }
}
