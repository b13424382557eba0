//! Uploads as rows: what a handheld claims to bring, and until when.
//!
//! A row stands before its first byte and outlives its last one, so that a handheld that
//! missed an answer can ask. An upload that is over, because its time has passed, because
//! it was ended or because its bytes were none, keeps its row for another lifetime: it is
//! gone, not unknown.

use super::{first, promise, rows::upload};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code, digest::Digest, ids::JournalId, media::MediaKind, time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter,
    sea_query::{Expr, OnConflict, Query},
};
use uuid::Uuid;

/// How long an upload may take, in milliseconds: a week without a network (fault 37).
pub(super) const LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Most uploads that one handheld may have begun and not finished (T32).
pub(super) const MAX_UNFINISHED: u64 = 200;

/// What a handheld says that it will bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// SHA-256 of the bytes.
    pub(super) digest: Digest,
    /// SHA-256 of the original that they are, or are a preview of.
    pub(super) photo: Digest,
    /// Which of the two.
    pub(super) kind: MediaKind,
    /// How many bytes, at least one.
    pub(super) length: u64,
}

impl Claim {
    /// A claim that can be true.
    ///
    /// # Errors
    /// `media.malformed` without a byte, `media.too_large`, `media.digest_mismatch` for an
    /// original that is not its own photo.
    pub(super) fn new(
        digest: Digest,
        photo: Digest,
        kind: MediaKind,
        length: u64,
    ) -> Result<Self, Problem> {
        let most = kind.max_bytes();
        let (code, detail) = if length == 0 {
            (
                Code::MediaMalformed,
                "An upload has at least one byte.".to_owned(),
            )
        } else if length > most {
            let detail = format!("The {} may have at most {most} bytes.", kind.as_str());
            (Code::MediaTooLarge, detail)
        } else if kind == MediaKind::Original && digest != photo {
            let detail = "An original's `digest` is the `photo` itself.";
            (Code::MediaDigest, detail.to_owned())
        } else {
            return Ok(Self {
                digest,
                photo,
                kind,
                length,
            });
        };
        Err(Problem::new(code, detail))
    }
}

/// An upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    /// Its id, which names its part.
    pub(super) id: Uuid,
    /// Whose it is.
    pub(super) journal: JournalId,
    /// What it is.
    pub(super) claim: Claim,
    /// From when it is over.
    pub(super) expires_at: UnixMillis,
}

impl TryFrom<upload::Model> for Upload {
    type Error = Problem;
    fn try_from(row: upload::Model) -> Result<Self, Problem> {
        let broken = |_| Problem::internal(format!("the row of upload {} is broken", row.id));
        let kind = if row.kind == MediaKind::Original.as_str() {
            MediaKind::Original
        } else {
            MediaKind::Preview
        };
        let length = u64::try_from(row.length).map_err(|_| broken(()))?;
        let digest = row.digest.clone().try_into().map_err(|_| broken(()))?;
        let photo = row.photo.clone().try_into().map_err(|_| broken(()))?;
        Ok(Self {
            id: row.id,
            journal: JournalId(row.journal_id),
            claim: Claim::new(Digest(digest), Digest(photo), kind, length)?,
            expires_at: UnixMillis(row.expires_at),
        })
    }
}

/// The upload for a claim: the one that the handheld began before, or a new one.
///
/// # Errors
/// `media.not_promised`, `media.preview_not_wanted`, `too_many_requests`, or a problem of
/// the database.
pub(super) async fn begin(app: &App, journal: JournalId, claim: Claim) -> Result<Upload, Problem> {
    let (id, now) = (app.new_id(), app.now());
    app.store
        .write(move |tx| Box::pin(begin_in(tx, id, now, journal, claim)))
        .await
}

async fn begin_in<C: ConnectionTrait>(
    tx: &C,
    id: Uuid,
    now: UnixMillis,
    journal: JournalId,
    claim: Claim,
) -> Result<Upload, Problem> {
    if !promise::is_promised(tx, journal, claim.photo).await? {
        let detail = "No record of this handheld promises the photo. Send the record first.";
        return Err(Problem::new(Code::MediaNotPromised, detail));
    }
    if claim.kind == MediaKind::Preview && !first::promised_first(tx, journal, claim.photo).await? {
        let detail = "Another handheld's record promised this photo first, and its preview is \
                      taken from there only. The original is taken from you as well.";
        return Err(Problem::new(Code::MediaPreviewNotWanted, detail));
    }
    if let Some(before) = same(tx, journal, claim).await? {
        let before = Upload::try_from(before)?;
        if before.expires_at > now && before.claim == claim {
            return Ok(before);
        }
        upload::Entity::delete_by_id(before.id).exec(tx).await?;
    }
    let running = Condition::all()
        .add(upload::Column::JournalId.eq(journal.0))
        .add(upload::Column::ExpiresAt.gt(now.0))
        .add(unheld());
    if upload::Entity::find().filter(running).count(tx).await? >= MAX_UNFINISHED {
        let detail = format!("At most {MAX_UNFINISHED} uploads may be unfinished. Finish some.");
        return Err(Problem::new(Code::TooManyRequests, detail));
    }
    let row = upload::ActiveModel {
        id: Set(id),
        journal_id: Set(journal.0),
        digest: Set(claim.digest.0.to_vec()),
        photo: Set(claim.photo.0.to_vec()),
        kind: Set(claim.kind.as_str().to_owned()),
        length: Set(i64::try_from(claim.length).unwrap_or(i64::MAX)),
        created_at: Set(now.0),
        expires_at: Set(now.0.saturating_add(LIFETIME_MS)),
    };
    // The same request may come twice at once; both get the upload of the first.
    upload::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    same(tx, journal, claim)
        .await?
        .ok_or_else(|| Problem::unavailable("an upload went while it was begun"))?
        .try_into()
}

async fn same<C: ConnectionTrait>(
    tx: &C,
    journal: JournalId,
    claim: Claim,
) -> Result<Option<upload::Model>, DbErr> {
    upload::Entity::find()
        .filter(upload::Column::JournalId.eq(journal.0))
        .filter(upload::Column::Photo.eq(claim.photo.0.to_vec()))
        .filter(upload::Column::Kind.eq(claim.kind.as_str()))
        .filter(upload::Column::Digest.eq(claim.digest.0.to_vec()))
        .one(tx)
        .await
}

/// Uploads of what is not held.
fn unheld() -> Condition {
    let object = |column| Expr::col(("media_object", column));
    let held = Query::select()
        .expr(object("photo"))
        .from("media_object")
        .and_where(object("photo").equals(("upload", "photo")))
        .and_where(object("kind").equals(("upload", "kind")))
        .take();
    Condition::all().add(Expr::exists(held).not())
}

/// The handheld's upload. Another's looks missing.
///
/// # Errors
/// `not_found`, `media.gone`, or a problem of the database.
pub(super) async fn find(app: &App, journal: JournalId, id: Uuid) -> Result<Upload, Problem> {
    let upload: Upload = upload::Entity::find_by_id(id)
        .filter(upload::Column::JournalId.eq(journal.0))
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)?
        .try_into()?;
    if upload.expires_at > app.now() {
        Ok(upload)
    } else {
        let detail = "The upload was ended, or its time is over. Begin a new one.";
        Err(Problem::new(Code::MediaGone, detail))
    }
}

/// An upload, whosever it is, over or not.
///
/// # Errors
/// A problem of the database.
pub(super) async fn find_any(app: &App, id: Uuid) -> Result<Option<Upload>, Problem> {
    let row = upload::Entity::find_by_id(id).one(app.store.read()).await?;
    row.map(Upload::try_from).transpose()
}

/// All uploads of what is not held, over or not.
///
/// # Errors
/// A problem of the database.
pub(super) async fn all_unheld(app: &App) -> Result<Vec<Upload>, Problem> {
    let rows = upload::Entity::find()
        .filter(unheld())
        .all(app.store.read())
        .await?;
    rows.into_iter().map(Upload::try_from).collect()
}

/// Ends an upload: from now on it is gone.
///
/// # Errors
/// A problem of the database.
pub(super) async fn end(app: &App, id: Uuid) -> Result<(), Problem> {
    let now = app.now();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                upload::Entity::update_many()
                    .col_expr(upload::Column::ExpiresAt, Expr::value(now.0))
                    .filter(upload::Column::Id.eq(id))
                    .filter(upload::Column::ExpiresAt.gt(now.0))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}

/// Forgets the uploads that were over before `before`.
///
/// # Errors
/// A problem of the database.
pub(super) async fn forget(app: &App, before: UnixMillis) -> Result<u64, Problem> {
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let gone = upload::Entity::delete_many()
                    .filter(upload::Column::ExpiresAt.lte(before.0))
                    .exec(tx)
                    .await?;
                Ok(gone.rows_affected)
            })
        })
        .await
}
