//! What reads bytes that came from outside, callable alone: no network, no handheld and no
//! folder are needed. For the fuzz targets, which throw at it what no server would send.

use crate::{engine::Stored, error::Error, feed, photos, store::schema};
use gridcrew_sync_protocol::{feed::FeedPage, ids::PersonId, media::PictureFormat};
use rusqlite::{Connection, TransactionBehavior};

pub use crate::{
    engine::{HttpReply, Reply, understood},
    photos::exif::ExifFacts,
};

/// A store in memory that pages of the feed are tried on.
#[derive(Debug)]
pub struct FeedReader {
    db: Connection,
    me: PersonId,
}

impl FeedReader {
    /// An empty store of that person.
    ///
    /// # Errors
    /// When the database cannot be made.
    pub fn new(me: PersonId) -> Result<Self, Error> {
        let mut db = Connection::open_in_memory()?;
        db.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut db)?;
        Ok(Self { db, me })
    }

    /// Applies pages one after the other, as a sync does, and undoes all of it. Gives whether
    /// the last of them let the cursor go on; `false` when the scope is asked for anew.
    ///
    /// # Errors
    /// The first that the store refused.
    pub fn try_on(&mut self, pages: &[FeedPage]) -> Result<bool, Error> {
        let undone = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut last = Stored::Done;
        for page in pages {
            last = feed::apply(&undone, self.me, page)?;
        }
        Ok(matches!(last, Stored::Done))
    }
}

/// The preview of a picture, as it is made when a photo is taken.
///
/// # Errors
/// Why there is none.
pub fn preview_of(content: &[u8]) -> Result<Vec<u8>, String> {
    let format = PictureFormat::of_head(content).ok_or("no picture")?;
    photos::preview_of(content, format).map_err(|why| format!("{why:?}"))
}

/// What a picture's own EXIF says, as it is read when a photo is taken.
#[must_use]
pub fn exif_of(content: &[u8]) -> ExifFacts {
    ExifFacts::read(content)
}
