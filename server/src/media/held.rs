//! What is held, as rows: written after the bytes are verified, durable and in their place,
//! never before.

use super::{
    blocking, looks, owners, promise,
    rows::{media_object, photo_brought, photo_promise},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::JournalId,
    media::{MediaKind, PictureFormat},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict, Query},
};
use std::sync::Arc;

/// An original or a preview that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// The photo.
    pub(super) photo: Digest,
    /// Which of the two.
    pub(super) kind: MediaKind,
    /// The hash that names the file. Of a preview, that of the bytes written anew here.
    pub(super) digest: Digest,
    /// How many bytes.
    pub(super) bytes: u64,
    /// What they are.
    pub(super) format: PictureFormat,
    /// A preview that was made of the original, not brought by a handheld.
    pub(super) derived: bool,
}

impl Held {
    fn read(row: &media_object::Model) -> Result<Self, Problem> {
        let broken = || Problem::internal("a row of what is held is broken");
        let digest = |bytes: &[u8]| bytes.try_into().map(Digest).map_err(|_| broken());
        Ok(Self {
            photo: digest(&row.photo)?,
            kind: [MediaKind::Original, MediaKind::Preview]
                .into_iter()
                .find(|kind| kind.as_str() == row.kind)
                .ok_or_else(broken)?,
            digest: digest(&row.digest)?,
            bytes: u64::try_from(row.bytes).map_err(|_| broken())?,
            format: [
                PictureFormat::Jpeg,
                PictureFormat::Png,
                PictureFormat::Webp,
                PictureFormat::Heic,
            ]
            .into_iter()
            .find(|format| format.media_type() == row.media_type)
            .ok_or_else(broken)?,
            derived: row.derived,
        })
    }
}

/// The row of a photo's original or preview, if it is held.
///
/// # Errors
/// A problem of the database.
pub(super) async fn find<C: ConnectionTrait>(
    db: &C,
    photo: Digest,
    kind: MediaKind,
) -> Result<Option<Held>, Problem> {
    let key = (photo.0.to_vec(), kind.as_str().to_owned());
    let row = media_object::Entity::find_by_id(key).one(db).await?;
    row.as_ref().map(Held::read).transpose()
}

/// What is held of those photos that records of the handheld promised and that its person
/// may call his own ([`owners`](super::owners)), file and all: a file that was lost is asked
/// for again.
///
/// # Errors
/// A problem of the database.
pub(super) async fn of_handheld(
    app: &App,
    journal: JournalId,
    photos: &[Digest],
) -> Result<Vec<Held>, Problem> {
    use photo_promise::Column;
    let db = app.store.read();
    let journals = promise::lineage(db, journal).await?;
    let promise = |column| Expr::col(("photo_promise", column));
    let promised = Query::select()
        .expr(promise(Column::Photo))
        .from("photo_promise")
        .and_where(promise(Column::JournalId).is_in(journals.iter().map(|journal| journal.0)))
        .and_where(promise(Column::Photo).is_in(photos.iter().map(|photo| photo.0.to_vec())))
        .take();
    let rows = media_object::Entity::find()
        .filter(media_object::Column::Photo.in_subquery(promised))
        .all(db)
        .await?;
    let own = owners::own(db, journal, photos).await?;
    let mut held = rows.iter().map(Held::read).collect::<Result<Vec<_>, _>>()?;
    held.retain(|held| own.contains(&held.photo));
    let folder = Arc::clone(&app.photos);
    blocking(move || {
        held.retain(|held| {
            let there = folder.has(held.digest, held.bytes);
            if !there {
                tracing::error!(photo = %held.photo, digest = %held.digest, "a held photo is lost");
            }
            there
        });
        held
    })
    .await
}

/// Records that something is held, and which handheld had the bytes of an original. Its file
/// must be durable.
///
/// # Errors
/// A problem of the database.
pub(super) async fn record(
    app: &App,
    held: Held,
    brought_by: Option<JournalId>,
) -> Result<(), Problem> {
    use media_object::Column;
    let row = media_object::ActiveModel {
        photo: Set(held.photo.0.to_vec()),
        kind: Set(held.kind.as_str().to_owned()),
        digest: Set(held.digest.0.to_vec()),
        bytes: Set(i64::try_from(held.bytes).unwrap_or(i64::MAX)),
        media_type: Set(held.format.media_type().to_owned()),
        stored_at: Set(app.now().0),
        derived: Set(held.derived),
    };
    // Two handhelds may bring one photo at once, and a lost file may come again.
    let mut again = OnConflict::columns([Column::Photo, Column::Kind]);
    again.update_columns([
        Column::Digest,
        Column::Bytes,
        Column::MediaType,
        Column::StoredAt,
        Column::Derived,
    ]);
    if !held.derived {
        // What a handheld brings does not take the place of what was made of the original.
        let stands = Expr::col(("media_object", Column::Derived)).eq(false);
        again.action_and_where(stands);
    }
    let brought = brought_by.map(|journal| photo_brought::ActiveModel {
        photo: Set(held.photo.0.to_vec()),
        journal_id: Set(journal.0),
    });
    app.store
        .write(move |tx| {
            Box::pin(async move {
                media_object::Entity::insert(row)
                    .on_conflict(again)
                    .exec_without_returning(tx)
                    .await?;
                if let Some(brought) = brought.filter(|_| held.kind == MediaKind::Original) {
                    photo_brought::Entity::insert(brought)
                        .on_conflict(OnConflict::new().do_nothing().to_owned())
                        .exec_without_returning(tx)
                        .await?;
                }
                if !held.derived {
                    looks::remember(tx, held.photo).await?;
                }
                Ok(())
            })
        })
        .await
}
