//! What was not sent, written into a file: for a handheld that no network reaches any more,
//! or one that is to be given back. `gridcrew import` takes it in as if it had been pushed.
//!
//! The file is not encrypted: it is for whoever is handed it, and holds what the records
//! hold. Nothing changes on the handheld; what was exported is still sent when it can be.

use crate::{
    error::Error,
    files::sync_folder,
    local::Local,
    photos,
    store::{identity, journal, photos as rows},
};
use gridcrew_sync_protocol::{
    export::{About, ExportedPhoto, Frame, MAGIC, PIECE_BYTES},
    journal::MAX_BATCH_BYTES,
    wire,
};
use serde_bytes::ByteBuf;
use std::{
    fs::{self, OpenOptions},
    io::{BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// Records, and the opening of a journal.
    pub records: u64,
    /// The signed batches that they are in.
    pub batches: u64,
    /// Photos with their bytes.
    pub photos: u64,
    /// Photos that are only named: their files are gone or damaged.
    pub missing: u64,
}

impl Local {
    /// Writes what the server does not hold into a new file, whole or not at all.
    pub(crate) fn export_unsynced(&self, path: &Path) -> Result<Exported, Error> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&part)?;
        let mut out = BufWriter::new(file);
        let written = self.write_export(&mut out).and_then(|done| {
            out.flush()?;
            out.get_ref().sync_all()?;
            Ok(done)
        });
        let done = match written {
            Ok(done) => done,
            Err(error) => {
                drop(fs::remove_file(&part));
                return Err(error);
            }
        };
        fs::rename(&part, path)?;
        match path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            Some(folder) => sync_folder(folder)?,
            None => sync_folder(Path::new("."))?,
        }
        Ok(done)
    }

    fn write_export(&self, out: &mut impl Write) -> Result<Exported, Error> {
        let db = self.store.read();
        let identity = identity::require(db)?;
        let mut done = Exported::default();
        out.write_all(MAGIC)?;
        let about = Frame::About(About {
            person: identity.person,
            journal: identity.journal,
            exported_at: self.wall(),
        });
        out.write_all(&about.to_bytes()?)?;
        let mut from = journal::first_queued(db, identity.journal)?;
        while let Some(first) = from {
            let Some((batch, last)) = self.signed_batch(&identity, first, MAX_BATCH_BYTES / 2)?
            else {
                break;
            };
            let frame = Frame::Batch(ByteBuf::from(wire::pack(&batch)));
            out.write_all(&frame.to_bytes()?)?;
            done.batches += 1;
            done.records += batch.items.len() as u64;
            from = Some(last.next());
        }
        let unsent = rows::unsent_originals(db)?;
        let named = unsent.len() as u64;
        for (digest, bytes) in unsent {
            let path = self.folder.photo(digest);
            let included = photos::check(&self.folder, &path, digest)?;
            let photo = Frame::Photo(ExportedPhoto {
                digest,
                bytes,
                included,
            });
            out.write_all(&photo.to_bytes()?)?;
            if !included {
                done.missing += 1;
                continue;
            }
            done.photos += 1;
            let mut file = self.folder.reader(&path, 0)?;
            loop {
                let mut piece = Vec::new();
                (&mut file)
                    .take(PIECE_BYTES as u64)
                    .read_to_end(&mut piece)?;
                if piece.is_empty() {
                    break;
                }
                out.write_all(&Frame::Piece(ByteBuf::from(piece)).to_bytes()?)?;
            }
        }
        let end = Frame::End {
            batches: done.batches,
            photos: named,
        };
        out.write_all(&end.to_bytes()?)?;
        Ok(done)
    }
}
