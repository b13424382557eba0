//! Waiting for a change, cheaply: however many requests wait, the database is asked once for
//! each write of this process, and once a second for those of others.

use crate::{app::App, edge::Problem, trace::rows::feed_head};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::EntityTrait;
use std::{collections::HashMap, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

/// How often the writes of other processes are looked for.
const EVERY: Duration = Duration::from_secs(1);

/// The stations' heads as they were read last; shared by all who wait.
#[derive(Debug, Default)]
pub struct Heads {
    known: Mutex<Option<Known>>,
}

#[derive(Debug)]
struct Known {
    /// The commit of this process after which they were read.
    commit: u64,
    /// When they were read.
    at: Instant,
    heads: HashMap<OrgId, i64>,
}

impl Heads {
    /// Waits until something is announced in the station after `position`, at most until
    /// `deadline`. Says whether it was.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn beyond(
        &self,
        app: &App,
        station: OrgId,
        position: i64,
        deadline: Instant,
    ) -> Result<bool, Problem> {
        let mut commits = app.store.commits();
        loop {
            let commit = *commits.borrow_and_update();
            if self.position(app, station, commit).await? > position {
                return Ok(true);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            // Either a commit of this process or the end of the second: look again.
            let next = deadline.min(now + EVERY);
            drop(timeout_at(next, commits.changed()).await);
        }
    }

    /// The station's head, not older than `commit` or than a second.
    async fn position(&self, app: &App, station: OrgId, commit: u64) -> Result<i64, Problem> {
        let mut known = self.known.lock().await;
        let fresh = known
            .as_ref()
            .is_some_and(|known| known.commit >= commit && known.at.elapsed() < EVERY);
        if !fresh {
            let at = Instant::now();
            let rows = feed_head::Entity::find().all(app.store.read()).await?;
            let heads = rows
                .into_iter()
                .map(|row| (OrgId(row.station_id), row.position))
                .collect();
            *known = Some(Known { commit, at, heads });
        }
        Ok(known
            .as_ref()
            .and_then(|known| known.heads.get(&station).copied())
            .unwrap_or(0))
    }
}
