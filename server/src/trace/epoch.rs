//! The epoch: one life of the database (I3).
//!
//! A database that was restored from a backup has forgotten what it acknowledged. It gets
//! a new epoch, every reply carries it, and handhelds offer again what they still hold.
//! Beside the database, the data folder keeps its [`height`], a count of all that was ever
//! acknowledged; when the database knows less, or the mark is not there, it has been restored.
//! `gridcrew epoch --renew` says so by hand, for databases whose data folder was restored as
//! a whole, mark and all.

use super::rows::{feed_head, server_state, unannounced};
use crate::{app::App, edge::Problem, store::Store};
use gridcrew_sync_protocol::ids::Epoch;
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, EntityTrait, ExprTrait, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The present epoch; begins the first one in a new database.
///
/// # Errors
/// A problem of the database.
pub async fn current_or_first(app: &App) -> Result<Epoch, Problem> {
    if let Some(state) = server_state::Entity::find_by_id(1)
        .one(app.store.read())
        .await?
    {
        return Ok(Epoch(state.epoch));
    }
    begin(app, false).await
}

/// The public key that the database is signed with; none in a new database.
///
/// # Errors
/// A problem of the database.
pub async fn signed_with(store: &Store) -> Result<Option<Vec<u8>>, Problem> {
    let state = server_state::Entity::find_by_id(1)
        .one(store.read())
        .await?;
    Ok(state.map(|state| state.public_key))
}

/// Begins a new epoch, because the database was restored.
///
/// # Errors
/// A problem of the database.
pub async fn renew(app: &App) -> Result<Epoch, Problem> {
    begin(app, true).await
}

async fn begin(app: &App, replace: bool) -> Result<Epoch, Problem> {
    let state = server_state::ActiveModel {
        id: Set(1),
        epoch: Set(app.new_id()),
        public_key: Set(app.keys.trace.verifying_key().to_bytes().to_vec()),
        began_at: Set(app.now().0),
    };
    app.store
        .write(move |tx| Box::pin(async move { insert(tx, state, replace).await }))
        .await
}

async fn insert(
    tx: &DatabaseTransaction,
    state: server_state::ActiveModel,
    replace: bool,
) -> Result<Epoch, Problem> {
    let mut on_conflict = OnConflict::column(server_state::Column::Id);
    if replace {
        on_conflict.update_columns([server_state::Column::Epoch, server_state::Column::BeganAt]);
    } else {
        on_conflict.do_nothing();
    }
    server_state::Entity::insert(state)
        .on_conflict(on_conflict)
        .exec_without_returning(tx)
        .await?;
    server_state::Entity::find_by_id(1)
        .one(tx)
        .await?
        .map(|state| Epoch(state.epoch))
        .ok_or_else(|| Problem::internal("the server's state is missing"))
}

/// Counts a write that a handheld hears of although no feed position stands for it. New
/// photos, handhelds and batches set aside are counted by the database itself.
///
/// # Errors
/// A problem of the database.
pub(crate) async fn count_unannounced(tx: &DatabaseTransaction) -> Result<(), Problem> {
    use unannounced::Column;
    unannounced::Entity::update_many()
        .col_expr(Column::Writes, Expr::col(Column::Writes).add(1))
        .exec(tx)
        .await?;
    Ok(())
}

/// The sum of all feed positions and of what was written without one: grows with every
/// write that is acknowledged to a handheld.
///
/// # Errors
/// A problem of the database.
pub async fn height(app: &App) -> Result<i64, Problem> {
    let heads: Vec<i64> = feed_head::Entity::find()
        .select_only()
        .column(feed_head::Column::Position)
        .into_tuple()
        .all(app.store.read())
        .await?;
    let unannounced = unannounced::Entity::find_by_id(1)
        .one(app.store.read())
        .await?
        .map_or(0, |row| row.writes);
    Ok(heads
        .iter()
        .fold(unannounced, |sum, position| sum.saturating_add(*position)))
}

/// Compares the database's height with the mark in the data folder, begins a new epoch when
/// the database knows less, and sets the mark anew. A database that ever acknowledged
/// anything and has no mark beside it was put into a new folder: nobody can say what it has
/// forgotten, so it counts as restored. Called whenever the database is opened, and every
/// few seconds.
///
/// # Errors
/// A problem of the database or of the data folder.
pub async fn check_height(app: &App) -> Result<(), Problem> {
    let path = app.config.data.join("height");
    // The mark first: another process that shares the folder may raise it meanwhile, and
    // then only with what this process reads as well.
    let mark = fs::read_to_string(&path)
        .ok()
        .and_then(|text| text.trim().parse::<i64>().ok());
    let height = height(app).await?;
    if mark.map_or(height > 0, |mark| mark > height) {
        tracing::warn!(mark, height, "the database was restored from a backup");
        renew(app).await?;
    }
    if mark != Some(height) {
        write_mark(path, app.new_id(), height).map_err(Problem::internal)?;
    }
    if mark.is_none() {
        // The first mark survives a power cut, or its absence would be taken for a restore.
        let folder = fs::File::open(&app.config.data);
        let synced = folder.and_then(|folder| folder.sync_all());
        synced.map_err(Problem::internal)?;
    }
    Ok(())
}

/// Replaces the mark whole. `own` names the part file: processes that share the folder, even
/// from different machines, write no other's.
fn write_mark(path: PathBuf, own: Uuid, height: i64) -> io::Result<()> {
    let part = path.with_extension(format!("{own}.part"));
    let written = write_part(&part, height).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // Nobody reads it; the error that is told is the first one.
        let _ = fs::remove_file(part);
    }
    written
}

fn write_part(part: &Path, height: i64) -> io::Result<()> {
    let mut file = fs::File::create(part)?;
    writeln!(file, "{height}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
