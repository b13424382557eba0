//! How far the server's time had come, remembered in the database.
//!
//! 1. A server that serves marks its time every few seconds in which something was written
//!    ([`Marker`]).
//! 2. One that starts compares ([`check`]): a machine's clock that is behind the mark by more
//!    than [`TOLERANCE`] is wrong now, or was wrong then. Which of both, a program cannot
//!    know. Nothing is written with times that go back: the server does not start, and
//!    handhelds keep what they have.
//! 3. A person who knows that the clock is right now says so ([`accept`]). From then on a
//!    new life of the clock counts; the old one stays in the table, as the flag over the
//!    times that were told ahead.

use super::TOLERANCE;
use crate::{app::App, edge::Problem, store::Store, trace::rows::rows};
use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

rows! {
    /// The lives of the server's clock, from 1: each began when a person said that the clock
    /// had been ahead.
    server_clock, "server_clock", {
        /// Which life.
        #[sea_orm(primary_key, auto_increment = false)]
        life: i32,
        /// The latest time that was marked in it, milliseconds.
        latest: i64,
    }
}

/// Longest time without a mark, even when nothing was written.
const AT_LEAST_EVERY: Millis = Millis(600_000);

/// The machine's clock went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the machine's clock says {}, and this database was told {} before: set the clock; if it is \
     right now and was ahead then, say so with `gridcrew clock --accept`",
    said(*.wall), said(*.marked)
)]
pub struct WentBack {
    /// What the machine's clock says.
    pub wall: UnixMillis,
    /// What was marked.
    pub marked: UnixMillis,
}

/// A moment as people read it.
#[must_use]
pub fn said(at: UnixMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0).saturating_mul(1_000_000))
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{} ms", at.0))
}

/// The latest time that was marked in the present life; nothing in a new database.
///
/// # Errors
/// A problem of the database.
pub async fn latest(store: &Store) -> Result<Option<UnixMillis>, Problem> {
    let row = present(store.read()).await?;
    Ok(row.map(|row| UnixMillis(row.latest)))
}

async fn present(
    db: &impl sea_orm::ConnectionTrait,
) -> Result<Option<server_clock::Model>, Problem> {
    Ok(server_clock::Entity::find()
        .order_by_desc(server_clock::Column::Life)
        .one(db)
        .await?)
}

/// The time before which this process tells none.
///
/// # Errors
/// [`WentBack`] when the machine's clock is behind it by more than [`TOLERANCE`].
pub fn check(marked: Option<UnixMillis>, wall: UnixMillis) -> Result<UnixMillis, WentBack> {
    let marked = marked.unwrap_or(wall);
    if marked.since(wall) > TOLERANCE {
        Err(WentBack { wall, marked })
    } else {
        Ok(marked)
    }
}

/// A person says that the machine's clock is right now: a new life of the clock begins with
/// `wall`.
///
/// # Errors
/// A problem of the database.
pub async fn accept(store: &Store, wall: UnixMillis) -> Result<(), Problem> {
    store
        .write(move |tx| {
            Box::pin(async move {
                let life = present(tx).await?.map_or(0, |row| row.life);
                insert(tx, life.saturating_add(1), wall).await
            })
        })
        .await?;
    tracing::warn!(wall = %said(wall), "the clock was accepted as it is: times may go back here");
    Ok(())
}

async fn insert(tx: &DatabaseTransaction, life: i32, at: UnixMillis) -> Result<(), Problem> {
    let row = server_clock::ActiveModel {
        life: Set(life),
        latest: Set(at.0),
    };
    server_clock::Entity::insert(row)
        .on_conflict(
            OnConflict::column(server_clock::Column::Life)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Marks how far the time has come; never back.
async fn raise(tx: &DatabaseTransaction, at: UnixMillis) -> Result<(), Problem> {
    use server_clock::Column;
    let Some(row) = present(tx).await? else {
        return insert(tx, 1, at).await;
    };
    server_clock::Entity::update_many()
        .col_expr(Column::Latest, Expr::value(at.0))
        .filter(Column::Life.eq(row.life))
        .filter(Column::Latest.lt(at.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Marks the time when something was written since the last mark.
#[derive(Debug, Default)]
pub struct Marker {
    /// The count of commits after the last mark.
    commits: AtomicU64,
    /// What was marked last.
    marked: AtomicI64,
}

impl Marker {
    /// Marks the time, unless nothing was written since and the last mark is not old. Says
    /// aloud when the machine's clock has gone back.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn mark(&self, app: &App) -> Result<(), Problem> {
        let behind = app.clock.behind();
        if behind > TOLERANCE {
            tracing::error!(
                behind_ms = behind.0,
                "the machine's clock went back; the server's time goes on without it"
            );
        }
        let (before, now) = (*app.store.commits().borrow(), app.now());
        let age = now.since(UnixMillis(self.marked.load(Ordering::Relaxed)));
        if before == self.commits.load(Ordering::Relaxed) && age < AT_LEAST_EVERY {
            return Ok(());
        }
        app.store
            .write(move |tx| Box::pin(async move { raise(tx, now).await }))
            .await?;
        // Its own write is one of them.
        self.commits
            .store(before.wrapping_add(1), Ordering::Relaxed);
        self.marked.store(now.0, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
