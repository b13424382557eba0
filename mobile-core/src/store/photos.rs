//! The rows of photos: what each is, which entries promise it, and how each of its two
//! lanes stands.

mod standing;

pub use standing::{PhotoCounts, PhotoStanding};
pub(crate) use standing::{counts, of_order};

use super::columns::{get_digest, get_u64, int, seq as column};
use crate::error::Error;
use gridcrew_sync_protocol::{
    claims::{NoPreview, PhotoClaim},
    digest::Digest,
    ids::OrderId,
    journal::EntryId,
    media::{MediaKind, PictureFormat},
    record::PhotoRef,
    time::UnixMillis,
    workflow::SlotCode,
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// How one lane of a photo stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// There is nothing to send: no preview could be made.
    None,
    /// Waits to be sent.
    Queued,
    /// The server has it, verified.
    Held,
    /// The server refused it; the reason says why.
    Refused,
    /// The file is gone or no longer what was recorded.
    Damaged,
}

impl LaneState {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "none" => Self::None,
            "queued" => Self::Queued,
            "held" => Self::Held,
            "refused" => Self::Refused,
            "damaged" => Self::Damaged,
            _ => return None,
        })
    }
}

/// A picture that was taken over into the photo folder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    /// Its name: the hash of its bytes.
    pub(crate) digest: Digest,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its media type.
    pub(crate) format: &'static str,
    /// Its preview, or why there is none.
    pub(crate) preview: Result<(Digest, u64), NoPreview>,
    /// What was noticed about it.
    pub(crate) claim: PhotoClaim,
}

/// Stores the row of a photo, unless it is there; a row whose file had been thinned or
/// damaged is whole again, and waits again where the server does not hold it.
pub(crate) fn put(db: &Connection, taken: &Taken, now: UnixMillis) -> Result<(), Error> {
    let (digest, bytes, state, reason) = match &taken.preview {
        Ok((digest, bytes)) => (Some(digest.0), Some(int(*bytes)?), "queued", None),
        Err(reason) => (None, None, "none", Some(reason.to_string())),
    };
    db.execute(
        "INSERT INTO photo (digest, bytes, format, added_at, original_state, preview_digest,
                            preview_bytes, preview_state, preview_reason)
         VALUES (?1, ?2, ?3, ?4, 'queued', ?5, ?6, ?7, ?8)
         ON CONFLICT (digest) DO UPDATE SET
            thinned_at = NULL,
            original_state = CASE original_state WHEN 'held' THEN 'held' ELSE 'queued' END,
            preview_digest = CASE preview_state WHEN 'held' THEN preview_digest
                             ELSE excluded.preview_digest END,
            preview_bytes = CASE preview_state WHEN 'held' THEN preview_bytes
                            ELSE excluded.preview_bytes END,
            preview_state = CASE preview_state WHEN 'held' THEN 'held'
                            ELSE excluded.preview_state END",
        params![
            taken.digest.0,
            int(taken.bytes)?,
            taken.format,
            now.0,
            digest,
            bytes,
            state,
            reason
        ],
    )?;
    Ok(())
}

/// The photos of which the server does not hold the original, with their lengths, the
/// earliest first.
pub(crate) fn unsent_originals(db: &Connection) -> Result<Vec<(Digest, u64)>, Error> {
    let mut statement = db.prepare(
        "SELECT digest, bytes FROM photo WHERE original_state <> 'held' ORDER BY added_at, digest",
    )?;
    let rows = statement
        .query_map([], |row| Ok((get_digest(row, 0)?, get_u64(row, 1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// The previews that photos have.
pub(crate) fn previews(db: &Connection) -> Result<BTreeSet<Digest>, Error> {
    let mut statement =
        db.prepare("SELECT preview_digest FROM photo WHERE preview_digest IS NOT NULL")?;
    let rows = statement
        .query_map([], |row| get_digest(row, 0))?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

/// Whether there is a row of that photo.
pub(crate) fn has_row(db: &Connection, photo: Digest) -> Result<bool, Error> {
    let found = db
        .prepare_cached("SELECT 1 FROM photo WHERE digest = ?1")?
        .query_row([photo.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Why an adopted photo has no preview.
const ROW_LOST: &str = "its row was lost with a damaged store";

/// Stores the row of a photo that lies in the folder and whose row was lost: it is sent again.
pub(crate) fn adopt(
    db: &Connection,
    digest: Digest,
    bytes: u64,
    format: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    db.execute(
        "INSERT INTO photo (digest, bytes, format, added_at, original_state, preview_state,
                            preview_reason)
         VALUES (?1, ?2, ?3, ?4, 'queued', 'none', ?5)",
        params![digest.0, int(bytes)?, format, now.0, ROW_LOST],
    )?;
    Ok(())
}

/// Stores the row of a photo that a record promises and whose row was lost. One that is not
/// here was sent and removed, or is lost: the server, asked whether it holds it, knows.
pub(crate) fn expect(
    db: &Connection,
    photo: &PhotoRef,
    is_here: bool,
    now: UnixMillis,
) -> Result<(), Error> {
    let state = if is_here { "queued" } else { "held" };
    db.execute(
        "INSERT INTO photo (digest, bytes, format, added_at, original_state, preview_state,
                            preview_reason)
         VALUES (?1, ?2, ?3, ?4, ?5, 'none', ?6)",
        params![
            photo.digest.0,
            int(photo.bytes)?,
            PictureFormat::Jpeg.media_type(),
            now.0,
            state,
            ROW_LOST
        ],
    )?;
    Ok(())
}

/// Says that an entry promises a photo.
pub(crate) fn add_use(
    db: &Connection,
    photo: Digest,
    entry: EntryId,
    slot: &SlotCode,
    order: OrderId,
) -> Result<(), Error> {
    db.execute(
        "INSERT OR IGNORE INTO photo_use (digest, journal, seq, slot, order_id)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            photo.0,
            entry.journal.0.as_bytes(),
            column(entry.seq)?,
            slot.0,
            order.0.as_bytes()
        ],
    )?;
    Ok(())
}

/// What is promised by an entry is promised by another from now on.
pub(crate) fn move_uses(db: &Connection, from: EntryId, to: EntryId) -> Result<(), Error> {
    #[cfg(feature = "planted")]
    if crate::planted::on(crate::planted::Bug::PhotosStayBehind) {
        return Ok(());
    }
    db.execute(
        "UPDATE photo_use SET journal = ?3, seq = ?4 WHERE journal = ?1 AND seq = ?2",
        params![
            from.journal.0.as_bytes(),
            column(from.seq)?,
            to.journal.0.as_bytes(),
            column(to.seq)?
        ],
    )?;
    Ok(())
}

/// Forgets what an entry promised that is not an entry any more.
pub(crate) fn drop_uses(db: &Connection, entry: EntryId) -> Result<(), Error> {
    db.execute(
        "DELETE FROM photo_use WHERE journal = ?1 AND seq = ?2",
        params![entry.journal.0.as_bytes(), column(entry.seq)?],
    )?;
    Ok(())
}

/// Something to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The original that it is, or is a preview of.
    pub photo: Digest,
    /// Which of the two.
    pub kind: MediaKind,
    /// Hash of the bytes to be sent.
    pub digest: Digest,
    /// How many.
    pub bytes: u64,
    /// Where the server told us to send them, if it has.
    pub url: Option<String>,
}

/// The oldest thing to upload of a kind whose record the server holds, leaving out `but`. A
/// photo whose record was lost here is sent too: the server may hold the record.
pub(crate) fn next_upload(
    db: &Connection,
    kind: MediaKind,
    but: &BTreeSet<Digest>,
) -> Result<Option<Upload>, Error> {
    let sql = match kind {
        MediaKind::Preview => {
            "SELECT digest, preview_digest, preview_bytes, preview_upload FROM photo
             WHERE preview_state = 'queued' AND (EXISTS (
                SELECT 1 FROM photo_use u JOIN journal_entry e USING (journal, seq)
                WHERE u.digest = photo.digest AND e.state = 'held')
                OR NOT EXISTS (SELECT 1 FROM photo_use u WHERE u.digest = photo.digest))
             ORDER BY added_at"
        }
        MediaKind::Original => {
            "SELECT digest, digest, bytes, original_upload FROM photo
             WHERE original_state = 'queued' AND (EXISTS (
                SELECT 1 FROM photo_use u JOIN journal_entry e USING (journal, seq)
                WHERE u.digest = photo.digest AND e.state = 'held')
                OR NOT EXISTS (SELECT 1 FROM photo_use u WHERE u.digest = photo.digest))
             ORDER BY added_at"
        }
    };
    #[cfg(feature = "planted")]
    let replaced = sql.replace("AND e.state = 'held'", "");
    #[cfg(feature = "planted")]
    let sql = if crate::planted::on(crate::planted::Bug::PhotoFirst) {
        replaced.as_str()
    } else {
        sql
    };
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let upload = Upload {
            photo: get_digest(row, 0)?,
            kind,
            digest: get_digest(row, 1)?,
            bytes: get_u64(row, 2)?,
            url: row.get(3)?,
        };
        if !but.contains(&upload.photo) {
            return Ok(Some(upload));
        }
    }
    Ok(None)
}

/// Remembers where an upload goes on, or that it must be begun anew.
pub(crate) fn set_url(
    db: &Connection,
    photo: Digest,
    kind: MediaKind,
    url: Option<&str>,
) -> Result<(), Error> {
    let sql = match kind {
        MediaKind::Preview => "UPDATE photo SET preview_upload = ?2 WHERE digest = ?1",
        MediaKind::Original => "UPDATE photo SET original_upload = ?2 WHERE digest = ?1",
    };
    db.execute(sql, params![photo.0, url])?;
    Ok(())
}

/// The server has it, verified. `now` is left out while the time is not sure: the days
/// that an original is kept then begin with [`date_held`].
pub(crate) fn set_held(
    db: &Connection,
    photo: Digest,
    kind: MediaKind,
    now: Option<UnixMillis>,
) -> Result<(), Error> {
    match kind {
        MediaKind::Preview => db.execute(
            "UPDATE photo SET preview_state = 'held', preview_reason = NULL,
                preview_upload = NULL
             WHERE digest = ?1",
            [photo.0],
        )?,
        MediaKind::Original => db.execute(
            "UPDATE photo SET original_state = 'held', original_reason = NULL,
                original_upload = NULL, original_held_at = coalesce(original_held_at, ?2)
             WHERE digest = ?1",
            params![photo.0, now.map(|now| now.0)],
        )?,
    };
    Ok(())
}

/// The originals whose holding could not be dated when it was heard of are counted as held
/// since `now`, which is sure.
pub(crate) fn date_held(db: &Connection, now: UnixMillis) -> Result<(), Error> {
    db.execute(
        "UPDATE photo SET original_held_at = ?1
         WHERE original_state = 'held' AND original_held_at IS NULL",
        [now.0],
    )?;
    Ok(())
}

/// It will not be sent again by itself, for a reason.
pub(crate) fn set_stuck(
    db: &Connection,
    photo: Digest,
    kind: MediaKind,
    state: LaneState,
    reason: &str,
) -> Result<(), Error> {
    let state = if state == LaneState::Damaged {
        "damaged"
    } else {
        "refused"
    };
    let sql = match kind {
        MediaKind::Preview => {
            "UPDATE photo SET preview_state = ?2, preview_reason = ?3, preview_upload = NULL
             WHERE digest = ?1"
        }
        MediaKind::Original => {
            "UPDATE photo SET original_state = ?2, original_reason = ?3, original_upload = NULL
             WHERE digest = ?1"
        }
    };
    db.execute(sql, params![photo.0, state, reason])?;
    Ok(())
}

/// How the reason of a photo begins whose file is there and could not be read.
pub(crate) const UNREADABLE: &str = "the file cannot be read: ";

/// Queues what could not be read once more: the fault may have been the disk's or the
/// system's, and have passed.
pub(crate) fn retry_unreadable(db: &Connection) -> Result<(), Error> {
    for lane in ["preview", "original"] {
        db.execute(
            &format!(
                "UPDATE photo SET {lane}_state = 'queued'
                 WHERE {lane}_state = 'damaged'
                       AND substr({lane}_reason, 1, length(?1)) = ?1"
            ),
            [UNREADABLE],
        )?;
    }
    Ok(())
}

/// Queues what was refused once more; gives how many lanes.
pub(crate) fn retry_refused(db: &Connection) -> Result<u64, Error> {
    let previews = db.execute(
        "UPDATE photo SET preview_state = 'queued' WHERE preview_state = 'refused'",
        [],
    )?;
    let originals = db.execute(
        "UPDATE photo SET original_state = 'queued' WHERE original_state = 'refused'",
        [],
    )?;
    Ok((previews as u64).saturating_add(originals as u64))
}

/// Photos still on this device that the server said it holds in any lane, by digest, after
/// `after`.
pub(crate) fn said_held(
    db: &Connection,
    after: Option<Digest>,
    most: u32,
) -> Result<Vec<Digest>, Error> {
    let mut statement = db.prepare_cached(
        "SELECT digest FROM photo
         WHERE digest > ?1 AND thinned_at IS NULL
               AND (original_state = 'held' OR preview_state = 'held')
         ORDER BY digest LIMIT ?2",
    )?;
    let after: Vec<u8> = after.map_or_else(Vec::new, |digest| digest.0.to_vec());
    let rows = statement
        .query_map(params![after, most], |row| get_digest(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// The server no longer holds this lane of a photo.
pub(crate) fn lost(db: &Connection, photo: Digest, kind: MediaKind) -> Result<(), Error> {
    let sql = match kind {
        MediaKind::Preview => {
            "UPDATE photo SET preview_state = 'queued', preview_upload = NULL
             WHERE digest = ?1 AND preview_state = 'held'"
        }
        MediaKind::Original => {
            "UPDATE photo SET original_state = 'queued', original_upload = NULL,
                original_held_at = NULL
             WHERE digest = ?1 AND original_state = 'held'"
        }
    };
    db.execute(sql, [photo.0])?;
    Ok(())
}

/// Forgets every place where an upload was to go on: a restored server knows none.
pub(crate) fn forget_urls(db: &Connection) -> Result<(), Error> {
    db.execute(
        "UPDATE photo SET preview_upload = NULL, original_upload = NULL
         WHERE preview_upload IS NOT NULL OR original_upload IS NOT NULL",
        [],
    )?;
    Ok(())
}

/// Originals that the server has held since before `before`, or at all, and that are still
/// here, the oldest first.
pub(crate) fn to_thin(
    db: &Connection,
    before: Option<UnixMillis>,
) -> Result<Vec<(Digest, u64)>, Error> {
    let sql = "SELECT digest, bytes FROM photo
         WHERE original_state = 'held' AND preview_state <> 'queued'
               AND (?1 IS NULL OR original_held_at <= ?1) AND thinned_at IS NULL
         ORDER BY original_held_at";
    #[cfg(feature = "planted")]
    let before = before.filter(|_| !crate::planted::on(crate::planted::Bug::ThinAtOnce));
    #[cfg(feature = "planted")]
    let sql = if crate::planted::on(crate::planted::Bug::ThinUnheld) {
        "SELECT digest, bytes FROM photo
         WHERE (?1 IS NULL OR added_at <= ?1) AND thinned_at IS NULL"
    } else {
        sql
    };
    let mut statement = db.prepare(sql)?;
    let rows = statement
        .query_map([before.map(|before| before.0)], |row| {
            Ok((get_digest(row, 0)?, get_u64(row, 1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows)
}

/// The file of a photo was removed on purpose.
pub(crate) fn set_thinned(db: &Connection, photo: Digest, now: UnixMillis) -> Result<(), Error> {
    db.execute(
        "UPDATE photo SET thinned_at = ?2 WHERE digest = ?1",
        params![photo.0, now.0],
    )?;
    Ok(())
}

/// Whether there is a row of that photo whose file should be here.
pub(crate) fn expected(db: &Connection, photo: Digest) -> Result<bool, Error> {
    let found = db
        .query_row(
            "SELECT 1 FROM photo WHERE digest = ?1 AND thinned_at IS NULL",
            [photo.0],
            |_| Ok(()),
        )
        .optional()?;
    Ok(found.is_some())
}
