//! `gridcrew import`: what a handheld exported because it could not send it.
//!
//! The file is read frame by frame. Each batch goes the way of a pushed one: looked up by
//! its journal, checked against the journal's key, applied, parked, set aside or found to be
//! held already. So the same file may be imported any number of times, and whoever brings
//! it can alter nothing of it. A photo is taken in only if a record of that handheld
//! promises it, and verified as any other. What does not fit is said, and keeps nothing else
//! back.

use super::{
    apply::{Outcome, apply},
    handheld,
    incoming::check,
    push::Head,
};
use crate::{app::App, config::Config, edge::Problem, media, trace::commands::CommandError};
use bytes::Bytes;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    export::{About, ExportedPhoto, Frame, MAGIC},
    ids::JournalId,
    journal::{Batch, MAX_BATCH_BYTES},
    media::MAX_ORIGINAL_BYTES,
    wire,
};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read, Write},
    path::PathBuf,
};

/// `gridcrew import`
#[derive(Clone, Debug, clap::Args)]
pub struct ImportArgs {
    /// Where the data is.
    #[command(flatten)]
    pub config: Config,
    /// The file that a handheld exported.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Batches whose entries are all held now.
    pub held: u64,
    /// Entries that are new.
    pub new_entries: u64,
    /// Batches that were set aside: of a revoked handheld, or another branch.
    pub aside: u64,
    /// Batches that could not be taken in.
    pub refused: u64,
    /// Photos that are held now.
    pub photos: u64,
    /// Photos that are only named, or could not be taken in.
    pub photos_missing: u64,
    /// The file is whole.
    pub whole: bool,
}

impl Imported {
    /// Whether everything in the file is with the server now, be it set aside.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.whole && self.refused == 0 && self.photos_missing == 0
    }
}

/// Takes a file in and says line by line what became of it.
///
/// # Errors
/// When it is no such file, or a problem of the database: what was taken in before stays.
pub async fn import(
    app: &App,
    args: &ImportArgs,
    out: &mut (dyn Write + Send),
) -> Result<Imported, CommandError> {
    let mut reader = BufReader::new(File::open(&args.file)?);
    let mut magic = vec![0; MAGIC.len()];
    reader.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Err(malformed("the file is no handheld's export").into());
    }
    let mut done = Imported::default();
    let (mut batches, mut photos) = (0, 0);
    let mut journals = BTreeSet::new();
    let mut photo: Option<(ExportedPhoto, Vec<u8>)> = None;
    while let Some(frame) = next(&mut reader)? {
        if !matches!(frame, Frame::Piece(_))
            && let Some((named, bytes)) = photo.take()
        {
            one_photo(app, &journals, &named, bytes, &mut done, out).await?;
        }
        match frame {
            Frame::About(about) => say_about(&about, out)?,
            Frame::Batch(packed) => {
                batches += 1;
                let journal = one_batch(app, packed.into_vec().into(), &mut done, out).await?;
                journals.extend(journal);
            }
            Frame::Photo(named) => {
                photos += 1;
                photo = Some((named, Vec::new()));
            }
            Frame::Piece(piece) => {
                let (_, bytes) = photo
                    .as_mut()
                    .ok_or_else(|| malformed("bytes of no photo"))?;
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > MAX_ORIGINAL_BYTES {
                    return Err(malformed("a photo is too large").into());
                }
            }
            Frame::End {
                batches: all,
                photos: named,
            } => {
                done.whole = (all, named) == (batches, photos);
                break;
            }
            _ => return Err(malformed("the file was written by a newer program").into()),
        }
    }
    if !done.whole {
        writeln!(out, "the file is cut off: export it again")?;
    }
    Ok(done)
}

fn malformed(what: &str) -> Problem {
    Problem::new(Code::RequestMalformed, what.to_owned())
}

/// The next frame; nothing at the end of the file or where it is cut off.
fn next(reader: &mut impl Read) -> Result<Option<Frame>, CommandError> {
    let cut = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Ok(None),
        _ => Err(error.into()),
    };
    let mut length = [0; 4];
    if let Err(error) = reader.read_exact(&mut length) {
        return cut(error);
    }
    let length = Frame::length(length).map_err(|error| malformed(&error.to_string()))?;
    let mut body = vec![0; length];
    if let Err(error) = reader.read_exact(&mut body) {
        return cut(error);
    }
    let frame = Frame::from_bytes(&body).map_err(|error| malformed(&error.to_string()))?;
    Ok(Some(frame))
}

fn say_about(about: &About, out: &mut (dyn Write + Send)) -> io::Result<()> {
    writeln!(out, "person {} journal {}", about.person, about.journal)
}

/// Takes a batch in; gives its journal when it is known.
async fn one_batch(
    app: &App,
    packed: Bytes,
    done: &mut Imported,
    out: &mut (dyn Write + Send),
) -> Result<Option<JournalId>, CommandError> {
    let batch: Batch = match wire::unpack(&packed, MAX_BATCH_BYTES) {
        Ok(batch) => batch,
        Err(error) => {
            done.refused += 1;
            writeln!(out, "a batch: REFUSED, it cannot be read: {error}")?;
            return Ok(None);
        }
    };
    let (journal, first, last) = (batch.journal, batch.first.0, batch.last().0);
    let what = format!("entries {first} to {last} of {journal}");
    let Some(found) = handheld::find(app.store.read(), journal).await? else {
        done.refused += 1;
        writeln!(out, "{what}: REFUSED, the journal is not known here")?;
        return Ok(None);
    };
    let before = found.head.seq.0;
    let checked = tokio::task::spawn_blocking(move || check(batch, &found.writer)).await;
    let incoming = match checked.map_err(Problem::internal)? {
        Ok(incoming) => incoming,
        Err(problem) => {
            done.refused += 1;
            writeln!(out, "{what}: REFUSED, {}", problem.code)?;
            return Ok(None);
        }
    };
    let outcome = match apply(app, found, incoming, packed).await {
        Ok(outcome) => outcome,
        // As much of its journal is set aside as may be.
        Err(problem) if problem.code == Code::AuthRevoked => {
            done.refused += 1;
            writeln!(out, "{what}: REFUSED, {}", problem.code)?;
            return Ok(Some(journal));
        }
        Err(problem) => return Err(problem.into()),
    };
    match outcome {
        Outcome::Held { head, parked } => {
            done.held += 1;
            let new = head.seq.0.saturating_sub(before);
            done.new_entries += new;
            writeln!(out, "{what}: held, {new} new, {} parked", parked.len())?;
        }
        Outcome::Revoked => {
            done.aside += 1;
            writeln!(out, "{what}: set aside, the handheld is revoked")?;
        }
        Outcome::Fork { common, .. } => {
            done.aside += 1;
            let common = common.seq.0;
            writeln!(out, "{what}: set aside, it forks after entry {common}")?;
        }
        Outcome::Gap { head } | Outcome::BadLink { head } => {
            done.refused += 1;
            let Head { seq, .. } = head;
            writeln!(out, "{what}: REFUSED, {} entries are held", seq.0)?;
        }
    }
    Ok(Some(journal))
}

async fn one_photo(
    app: &App,
    journals: &BTreeSet<JournalId>,
    named: &ExportedPhoto,
    bytes: Vec<u8>,
    done: &mut Imported,
    out: &mut (dyn Write + Send),
) -> Result<(), CommandError> {
    let missing = if !named.included {
        Some("its file was gone".to_owned())
    } else if Digest::of(&bytes) != named.digest {
        Some("its bytes are not what its name says".to_owned())
    } else {
        match media::take_in_promised(app, journals, bytes).await {
            Ok(_) => None,
            Err(problem) if problem.code == Code::Internal => return Err(problem.into()),
            Err(problem) => Some(problem.code.as_str().to_owned()),
        }
    };
    match missing {
        None => {
            done.photos += 1;
            writeln!(out, "photo {}: held", named.digest)?;
        }
        Some(why) => {
            done.photos_missing += 1;
            writeln!(out, "photo {}: MISSING, {why}", named.digest)?;
        }
    }
    Ok(())
}
