//! Batches that are kept, but not applied: the branch of a forked journal, and what a
//! revoked handheld or a disabled person still sends. They are signed work that is part of no order, so they are
//! evidence (I3, I4): kept as they came, listed for the station ([`routes`]) and exported
//! with everything else ([`crate::trace::export`]).
//!
//! A batch is known by its journal, its first entry and its last link, which stand for all
//! that it says. So the same branch, packed or signed anew, is kept once; and how much is
//! kept of one journal is bounded, for each reason apart.

pub mod routes;

use super::{apply::stored, incoming::Incoming};
use crate::{edge::Problem, trace::rows::set_aside_batch};
use bytes::Bytes;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::JournalId,
    journal::{Batch, Seq},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

/// Most batches of one journal that are kept for one reason.
const MOST_BATCHES: i64 = 100;
/// Most bytes of them, as they came.
const MOST_BYTES: i64 = 32 * 1024 * 1024;

/// Why a batch is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// It forks from what is held.
    Fork,
    /// Its handheld is revoked.
    Revoked,
    /// Its person is disabled.
    Disabled,
}

impl Aside {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
        }
    }
}

/// What became of a batch that was to be set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept, from now on or since before.
    Kept,
    /// As much of its journal is kept as may be; this batch is not.
    Full,
}

/// Keeps a genuine batch of a handheld as it came, without applying it.
///
/// # Errors
/// A problem of the database.
pub async fn set_aside(
    tx: &DatabaseTransaction,
    reason: Aside,
    incoming: &Incoming,
    packed: &Bytes,
    now: UnixMillis,
) -> Result<Kept, Problem> {
    let batch = &incoming.batch;
    let digest = name(batch, &incoming.links);
    let before = set_aside_batch::Entity::find_by_id(digest.clone());
    if before.count(tx).await? > 0 {
        return Ok(Kept::Kept);
    }
    let (batches, bytes) = kept(tx, batch.journal, reason).await?;
    let more = i64::try_from(packed.len()).unwrap_or(i64::MAX);
    if batches >= MOST_BATCHES || bytes.saturating_add(more) > MOST_BYTES {
        tracing::warn!(journal = %batch.journal, reason = reason.as_str(), "no more is set aside");
        return Ok(Kept::Full);
    }
    let row = set_aside_batch::ActiveModel {
        digest: Set(digest),
        journal_id: Set(batch.journal.0),
        reason: Set(reason.as_str().to_owned()),
        received_at: Set(now.0),
        first_seq: Set(stored(batch.first.0)?),
        last_seq: Set(stored(batch.last().0)?),
        packed: Set(packed.to_vec()),
    };
    set_aside_batch::Entity::insert(row)
        .on_conflict(
            OnConflict::column(set_aside_batch::Column::Digest)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(Kept::Kept)
}

/// As [`set_aside`] for a handheld that may not write any more.
///
/// # Errors
/// `auth.revoked` when it has sent more than is kept, or a problem of the database.
pub async fn keep_apart(
    tx: &DatabaseTransaction,
    reason: Aside,
    incoming: &Incoming,
    packed: &Bytes,
    now: UnixMillis,
) -> Result<(), Problem> {
    match set_aside(tx, reason, incoming, packed, now).await? {
        Kept::Kept => Ok(()),
        Kept::Full => {
            let detail = "The handheld may not write any more, and no more of it is kept.";
            Err(Problem::new(Code::AuthRevoked, detail))
        }
    }
}

/// What a batch says, as one hash.
fn name(batch: &Batch, links: &[Digest]) -> Vec<u8> {
    let head = links.last().unwrap_or(&batch.before);
    let text = [
        &b"gridcrew set aside 1\0"[..],
        batch.journal.0.as_bytes(),
        &batch.first.0.to_be_bytes(),
        &head.0,
    ];
    Digest::of(&text.concat()).0.to_vec()
}

/// How many batches of a journal are kept for a reason, and how many bytes.
async fn kept<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
    reason: Aside,
) -> Result<(i64, i64), Problem> {
    let found: Option<(i64, Option<i64>)> = set_aside_batch::Entity::find()
        .select_only()
        .expr(Expr::col(set_aside_batch::Column::Digest).count())
        .expr(Expr::cust("SUM(LENGTH(packed))"))
        .filter(set_aside_batch::Column::JournalId.eq(journal.0))
        .filter(set_aside_batch::Column::Reason.eq(reason.as_str()))
        .into_tuple()
        .one(db)
        .await?;
    let (batches, bytes) = found.unwrap_or_default();
    Ok((batches, bytes.unwrap_or(0)))
}

/// A batch that was set aside, without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// `fork`, `revoked` or `disabled`.
    pub reason: String,
    /// When it came.
    pub received_at: UnixMillis,
    /// Its first entry.
    pub first: Seq,
    /// Its last entry.
    pub last: Seq,
}

/// What is set aside of a journal, the earliest first; at most as much as is kept.
///
/// # Errors
/// A problem of the database.
pub async fn of_journal<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Vec<SetAside>, Problem> {
    use set_aside_batch::Column;
    let rows: Vec<(String, i64, i64, i64)> = set_aside_batch::Entity::find()
        .select_only()
        .columns([
            Column::Reason,
            Column::ReceivedAt,
            Column::FirstSeq,
            Column::LastSeq,
        ])
        .filter(Column::JournalId.eq(journal.0))
        .order_by_asc(Column::ReceivedAt)
        .order_by_asc(Column::FirstSeq)
        .order_by_asc(Column::Digest)
        .into_tuple()
        .all(db)
        .await?;
    let seq = |seq: i64| u64::try_from(seq).map(Seq).map_err(Problem::internal);
    rows.into_iter()
        .map(|(reason, received_at, first, last)| {
            Ok(SetAside {
                reason,
                received_at: UnixMillis(received_at),
                first: seq(first)?,
                last: seq(last)?,
            })
        })
        .collect()
}
