//! Building the snapshot from the database.
//!
//! Stations are read some at a time, in a handful of queries, and laid out while the next
//! ones are read, so that rows never lie in memory for long. After a change only the stations
//! that it concerns are read ([`super::marks`]); all others are taken over from the snapshot
//! before.

mod rows;

use super::{
    marks::{self, Marks},
    rows::{territory, territory_change},
    snapshot::{StationGround, TerritorySnapshot},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{ids::OrgId, time::Millis};
use rows::StationRows;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QuerySelect};
use std::{collections::BTreeMap, sync::Arc};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Terms that ended longer ago than this are left out: nobody asks so far back.
const ENDED_LONG_AGO: Millis = Millis(24 * 3_600_000);

/// Stations that are read at a time.
const AT_A_TIME: usize = 128;

/// The snapshot of what is stored now. What did not change since the one before is taken
/// over from it, if there is one.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored does not fit together.
pub async fn load(
    app: &App,
    before: Option<Arc<TerritorySnapshot>>,
) -> Result<TerritorySnapshot, Problem> {
    let since = app.now().0.saturating_sub(ENDED_LONG_AGO.0);
    app.store
        .snapshot(move |tx| Box::pin(async move { read(tx, before.as_deref(), since).await }))
        .await
}

async fn read(
    tx: &DatabaseTransaction,
    before: Option<&TerritorySnapshot>,
    since: i64,
) -> Result<TerritorySnapshot, Problem> {
    let (change, marks) = marks_now(tx).await?;
    let versions = versions(tx).await?;
    let changed = before.and_then(|before| {
        let still = |ground: &StationGround| versions.contains_key(&ground.station());
        if !before.stations().all(still) {
            // Nothing but a restored database takes a territory back.
            return None;
        }
        let risen = change - before.change();
        Some((before, marks.changed_since(before.marks(), risen)?))
    });
    let anew: Vec<(OrgId, i64)> = match &changed {
        None => versions.into_iter().collect(),
        Some((before, groups)) => versions
            .into_iter()
            .filter(|(station, version)| {
                groups.contains(&marks::group_of(*station))
                    || before.version_of(*station) != *version
            })
            .collect(),
    };
    let grounds = laid_out(tx, &anew, since).await?;
    match changed {
        None => TerritorySnapshot::of_grounds(
            change,
            marks,
            grounds.into_iter().map(Arc::new).collect(),
        ),
        Some((before, _)) => before.with(change, marks, grounds),
    }
    .map_err(Problem::internal)
}

/// The mark of all changes, and those of the groups of stations.
async fn marks_now(tx: &DatabaseTransaction) -> Result<(i64, Marks), Problem> {
    let rows = territory_change::Entity::find().all(tx).await?;
    let all = rows.iter().find(|row| row.id == marks::ALL);
    let change = all.map_or(0, |row| row.change);
    let rows = rows.iter().map(|row| (row.id, row.change));
    Ok((change, Marks::of(rows)))
}

/// The stations that have a territory, with its version, in the order of their ids.
async fn versions(tx: &DatabaseTransaction) -> Result<BTreeMap<OrgId, i64>, Problem> {
    let versions: Vec<(Uuid, i64)> = territory::Entity::find()
        .select_only()
        .column(territory::Column::StationId)
        .column_as(territory::Column::Version.max(), "latest")
        .group_by(territory::Column::StationId)
        .into_tuple()
        .all(tx)
        .await?;
    let versions = versions.into_iter();
    Ok(versions
        .map(|(station, version)| (OrgId(station), version))
        .collect())
}

/// Reads stations and lays them out; while some are laid out, the next are read.
async fn laid_out(
    tx: &DatabaseTransaction,
    stations: &[(OrgId, i64)],
    since: i64,
) -> Result<Vec<StationGround>, Problem> {
    let mut grounds = Vec::with_capacity(stations.len());
    let mut layout: Option<JoinHandle<Result<Vec<StationGround>, Problem>>> = None;
    for chunk in stations.chunks(AT_A_TIME) {
        let rows = StationRows::read(tx, chunk.to_vec(), since).await?;
        if let Some(before) = layout.replace(tokio::task::spawn_blocking(move || rows.lay_out())) {
            grounds.extend(before.await.map_err(Problem::internal)??);
        }
    }
    if let Some(last) = layout {
        grounds.extend(last.await.map_err(Problem::internal)??);
    }
    Ok(grounds)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
