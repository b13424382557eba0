//! A zip archive that a stranger made, unpacked entry by entry and only so far.
//!
//! Nothing is written to a disk and names are only compared, so a name with `..` does no
//! harm. What can harm is size: few bytes may unpack to very many. So there is a limit for
//! the entries, one for all that comes out, and one for how much may come out of how little.

use crate::territory::problem::Problem;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// At most so many entries.
const MAX_ENTRIES: usize = 200;
/// At most so many bytes in all, unpacked.
const MAX_UNPACKED: u64 = 96 * 1024 * 1024;
/// An entry larger than this must not be larger than [`MAX_RATIO`] times its packed size.
const RATIO_COUNTS_FROM: u64 = 4 * 1024 * 1024;
/// Deflate makes at most 1,032 of 1; files that people make stay far below this.
const MAX_RATIO: u64 = 200;

/// An archive, and how much may still come out of it.
pub(in crate::territory) struct Archive<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
    left: u64,
}

impl<'b> Archive<'b> {
    /// Opens an archive.
    ///
    /// # Errors
    /// `file.unreadable` when it is none, `file.too_large` when it has too many entries.
    pub(in crate::territory) fn open(bytes: &'b [u8]) -> Result<Self, Problem> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| Problem::Unreadable {
            what: "the zip archive".to_owned(),
            why: error.to_string(),
        })?;
        if zip.len() > MAX_ENTRIES {
            return Err(Problem::Unpacked {
                what: "the archive".to_owned(),
                limit: format!("{MAX_ENTRIES} entries"),
            });
        }
        Ok(Self {
            zip,
            left: MAX_UNPACKED,
        })
    }

    /// The names of the entries that can be named in UTF-8.
    pub(in crate::territory) fn names(&self) -> Vec<String> {
        let names = self.zip.file_names().filter_map(Result::ok);
        names.map(std::borrow::Cow::into_owned).collect()
    }

    /// An entry, or `None` when there is no such.
    ///
    /// # Errors
    /// `file.unreadable` when it is damaged or encrypted, `file.too_large` when too much
    /// comes out.
    pub(in crate::territory) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        if self.zip.index_for_name(name).is_none() {
            return Ok(None);
        }
        let unreadable = |error: String| Problem::Unreadable {
            what: format!("{name:?} in the archive"),
            why: error,
        };
        let entry = self
            .zip
            .by_name(name)
            .map_err(|error| unreadable(error.to_string()))?;
        let packed = entry.compressed_size();
        let allowed = self
            .left
            .min(RATIO_COUNTS_FROM.max(packed.saturating_mul(MAX_RATIO)));
        let mut bytes = Vec::new();
        entry
            .take(allowed + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(error.to_string()))?;
        let length = bytes.len() as u64;
        if length > allowed {
            return Err(Problem::Unpacked {
                what: format!("{name:?} in the archive"),
                limit: format!(
                    "{MAX_RATIO} times its packed size, and {} MiB with all others",
                    MAX_UNPACKED / 1024 / 1024
                ),
            });
        }
        self.left -= length;
        Ok(Some(bytes))
    }
}
