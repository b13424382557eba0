//! What was not sent, written into a file: for a handheld that no network reaches any more,
//! or one that is to be given back. `gridcrew import` takes it in as if it had been pushed.
//!
//! The file is not encrypted: it is for whoever is handed it, and holds what the records
//! hold. What was exported is still sent when it can be. Nothing changes on the handheld, but
//! where entries of the journal are damaged or missing: those behind them are written again
//! before ([`crate::mending`]), since the file cannot ask what the server holds.

use crate::{
    error::Error,
    files::{Folder, sync_folder},
    local::{Local, Packed},
    photos,
    store::{identity, journal, photos as rows},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    export::{About, ExportedPhoto, Frame, MAGIC, PIECE_BYTES},
    journal::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES},
    wire,
};
use serde_bytes::ByteBuf;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Most entries of a batch, and most bytes.
const MOST: (usize, usize) = (MAX_BATCH_ENTRIES, MAX_BATCH_BYTES / 2);

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// Records, and the opening of a journal.
    pub records: u64,
    /// The signed batches that they are in.
    pub batches: u64,
    /// Photos with their bytes.
    pub photos: u64,
    /// Photos that are only named: their files are gone, damaged or cannot be read.
    pub missing: u64,
}

/// An export whose records are written: what is left are the photos.
pub(crate) struct Exporting {
    folder: Folder,
    path: PathBuf,
    part: PathBuf,
    out: BufWriter<File>,
    unsent: Vec<(Digest, u64)>,
    done: Exported,
}

impl Local {
    /// Begins to write what the server does not hold: its records. The photos, which are
    /// many bytes, are written while others use the store.
    pub(crate) fn begin_export(&mut self, path: &Path) -> Result<Exporting, Error> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&part)?;
        let mut exporting = Exporting {
            folder: self.folder.clone(),
            path: path.to_owned(),
            part,
            out: BufWriter::new(file),
            unsent: Vec::new(),
            done: Exported::default(),
        };
        match self.write_records(&mut exporting) {
            Ok(()) => Ok(exporting),
            Err(error) => {
                drop(fs::remove_file(&exporting.part));
                Err(error)
            }
        }
    }

    fn write_records(&mut self, exporting: &mut Exporting) -> Result<(), Error> {
        let identity = identity::require(self.store.read())?;
        let journal = identity.journal;
        let (out, done) = (&mut exporting.out, &mut exporting.done);
        out.write_all(MAGIC)?;
        let about = Frame::About(About {
            person: identity.person,
            journal,
            exported_at: self.wall(),
        });
        out.write_all(&about.to_bytes()?)?;
        let mut from = journal::first_queued(self.store.read(), journal)?;
        while let Some(first) = from {
            // Who is handed the file cannot be asked what the server holds.
            if self.close_unasked(journal, first)? {
                continue;
            }
            let batch = match self.sound_batch(&identity, first, MOST)? {
                Packed::Batch(batch) => batch,
                Packed::Mended => continue,
                Packed::Nothing => break,
            };
            let frame = Frame::Batch(ByteBuf::from(wire::pack(&batch)));
            out.write_all(&frame.to_bytes()?)?;
            done.batches += 1;
            done.records += batch.items.len() as u64;
            from = Some(batch.last().next());
        }
        exporting.unsent = rows::unsent_originals(self.store.read())?;
        Ok(())
    }
}

impl Exporting {
    /// Writes the photos and gives the file its name: it is there whole or not at all.
    pub(crate) fn finish(mut self) -> Result<Exported, Error> {
        let written = self.write_photos().and_then(|()| {
            self.out.flush()?;
            self.out.get_ref().sync_all()?;
            Ok(())
        });
        if let Err(error) = written {
            drop(fs::remove_file(&self.part));
            return Err(error);
        }
        fs::rename(&self.part, &self.path)?;
        let folder = self.path.parent();
        match folder.filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => sync_folder(folder)?,
            None => sync_folder(Path::new("."))?,
        }
        Ok(self.done)
    }

    fn write_photos(&mut self) -> Result<(), Error> {
        let unsent = std::mem::take(&mut self.unsent);
        for (digest, bytes) in &unsent {
            let file = self.whole(*digest);
            let photo = Frame::Photo(ExportedPhoto {
                digest: *digest,
                bytes: *bytes,
                included: file.is_some(),
            });
            self.out.write_all(&photo.to_bytes()?)?;
            match file {
                None => self.done.missing += 1,
                Some(file) => {
                    self.done.photos += 1;
                    self.write_pieces(file)?;
                }
            }
        }
        let end = Frame::End {
            batches: self.done.batches,
            photos: unsent.len() as u64,
        };
        self.out.write_all(&end.to_bytes()?)?;
        Ok(())
    }

    /// The file of a photo, if it is what was recorded. One that cannot be read keeps no other
    /// from being exported.
    fn whole(&self, digest: Digest) -> Option<Box<dyn Read + Send>> {
        let path = self.folder.photo(digest);
        let file = match photos::check(&self.folder, &path, digest) {
            Ok(true) => self.folder.reader(&path, 0),
            Ok(false) => Err(io::Error::other("gone, or no longer what was recorded")),
            Err(error) => Err(error),
        };
        file.inspect_err(|error| tracing::warn!(photo = %digest, %error, "is only named"))
            .ok()
    }

    fn write_pieces(&mut self, mut file: Box<dyn Read + Send>) -> Result<(), Error> {
        loop {
            let mut piece = Vec::new();
            (&mut file)
                .take(PIECE_BYTES as u64)
                .read_to_end(&mut piece)?;
            if piece.is_empty() {
                return Ok(());
            }
            let frame = Frame::Piece(ByteBuf::from(piece));
            self.out.write_all(&frame.to_bytes()?)?;
        }
    }
}

#[cfg(test)]
mod tests;
