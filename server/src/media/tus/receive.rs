//! The bytes of a chunk, from the network to the disk.
//!
//! A chunk is never held in memory whole: it is written block by block, synced, and only
//! then answered. When it breaks off, comes too slowly, or a newer request wants the
//! upload, what came until then is synced and counts.

use super::protocol::Checksum;
use crate::{
    app::App,
    edge::Problem,
    media::{blocking, completion, folder::disk_problem, part::Part, turns, uploads::Upload},
};
use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use gridcrew_sync_protocol::code::Code;
use std::io;

/// Bytes that are gathered before they are written.
const BLOCK: usize = 256 * 1024;

/// A chunk of an upload.
pub(in crate::media) struct Chunk<S> {
    /// Its bytes.
    pub(in crate::media) body: S,
    /// How many of them the upload has already.
    pub(in crate::media) skip: u64,
    /// What they must sum up to.
    pub(in crate::media) checksum: Option<Checksum>,
}

/// Takes in a chunk, and completes the upload when it was the last. Gives the new offset.
///
/// # Errors
/// `media.too_large`, `media.checksum_mismatch`, `media.busy`, `request.timeout`,
/// `request.malformed` when the body broke off, `storage.full`, and what
/// [`completion::finish`] may say.
pub(in crate::media) async fn receive<S>(
    app: &App,
    upload: &Upload,
    mut part: Part,
    chunk: Chunk<S>,
) -> Result<u64, Problem>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    if chunk.checksum.is_some() {
        part = on_disk(part, Part::distrust).await?;
    }
    let mut intake = Intake {
        room: upload.claim.length.saturating_sub(part.offset()),
        skip: chunk.skip,
        checksum: chunk.checksum,
        block: BytesMut::new(),
    };
    let (part, ended) = intake.run(part, chunk.body).await?;
    let fits = intake.checksum.is_none_or(Checksum::fits);
    let accepted = ended.is_ok() && fits;
    let part = on_disk(part, move |part| {
        if accepted { part.accept() } else { part.sync() }.map(|_| ())
    })
    .await?;
    ended?;
    if !fits {
        let detail = "The chunk does not have its checksum. None of it is kept; send it again.";
        return Err(Problem::new(Code::MediaChecksum, detail));
    }
    let standing = completion::finish(app, upload, part).await?;
    Ok(standing.offset(upload))
}

/// Reads a body that brings nothing new to its end.
///
/// # Errors
/// `media.too_large` when it brings more than `known` bytes, or what broke the body off.
pub(in crate::media) async fn skip<S>(known: u64, mut body: S) -> Result<(), Problem>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut skipped = 0u64;
    while let Some(bytes) = body.next().await {
        skipped = skipped.saturating_add(bytes?.len() as u64);
        if skipped > known {
            return Err(too_large());
        }
    }
    Ok(())
}

/// A chunk on its way in.
struct Intake {
    /// Bytes that the upload still takes.
    room: u64,
    /// Bytes that it has already.
    skip: u64,
    checksum: Option<Checksum>,
    /// Gathered and not yet written.
    block: BytesMut,
}

impl Intake {
    /// Writes the body to the part until it ends, one way or another.
    async fn run<S>(
        &mut self,
        mut part: Part,
        mut body: S,
    ) -> Result<(Part, Result<(), Problem>), Problem>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        let mut wanted = Box::pin(part.wanted());
        let ended = loop {
            let next = tokio::select! {
                biased;
                () = &mut wanted => break Err(turns::busy()),
                next = body.next() => next,
            };
            match next {
                None => break Ok(()),
                Some(Err(broken)) => break Err(broken.into()),
                Some(Ok(bytes)) => {
                    if let Err(problem) = self.take(bytes) {
                        break Err(problem);
                    }
                }
            }
            if self.block.len() >= BLOCK {
                part = self.write(part).await?;
            }
        };
        Ok((self.write(part).await?, ended))
    }

    fn take(&mut self, mut bytes: Bytes) -> Result<(), Problem> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&bytes);
        }
        let known = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
        self.skip -= known as u64;
        let new = bytes.split_off(known);
        self.room = self
            .room
            .checked_sub(new.len() as u64)
            .ok_or_else(too_large)?;
        self.block.extend_from_slice(&new);
        Ok(())
    }

    async fn write(&mut self, part: Part) -> Result<Part, Problem> {
        let block = self.block.split();
        on_disk(part, move |part| part.write(&block)).await
    }
}

/// Works on a part beside the executor.
async fn on_disk<F>(mut part: Part, work: F) -> Result<Part, Problem>
where
    F: FnOnce(&mut Part) -> io::Result<()> + Send + 'static,
{
    blocking(move || work(&mut part).map(|()| part))
        .await?
        .map_err(|error| disk_problem(&error))
}

fn too_large() -> Problem {
    Problem::new(
        Code::MediaTooLarge,
        "The chunk goes beyond the length that the upload was begun with.",
    )
}

#[cfg(test)]
mod tests;
