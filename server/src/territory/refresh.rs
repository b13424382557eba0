//! How every process gets its snapshot within a second of a change.
//!
//! Whoever changes a territory moves one mark on in the same transaction. Each process
//! looks at it every [`LOOK_EVERY`], and when it has risen loads the stations that changed and
//! swaps the snapshot; the process that made the change does so at once. A database that was
//! restored meanwhile has other marks, whatever came after it ([`super::marks`]). When loading
//! fails, the old snapshot stays and the next look tries again. The same task tells the feed when
//! a term begins or ends by the calendar, and puts planned versions in force when their moment
//! has come.

use super::{load::load, store};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::time::UnixMillis;
use std::{cmp::Ordering, time::Duration};
use tokio::task::JoinHandle;

/// How often a process looks whether a territory has changed.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Loads what is stored and puts it in force in this process.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored does not fit together; the
/// snapshot in force then stays.
pub async fn refresh(app: &App) -> Result<(), Problem> {
    let next = load(app, Some(app.territory.load())).await?;
    app.territory.swap(next);
    Ok(())
}

/// After a change of one's own: the snapshot at once. A failure is only logged, because
/// the change is stored and the next look tries again.
pub async fn refresh_after_change(app: &App) {
    if let Err(problem) = refresh(app).await {
        tracing::warn!(%problem, "the territory was changed, its snapshot not yet");
    }
}

/// Watches for changes until the task is ended.
pub fn watch(app: App) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut watcher = Watcher::new(app);
        loop {
            if let Err(problem) = watcher.look().await {
                tracing::warn!(%problem, "the territory's snapshot could not be brought up to date");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

/// What a process remembers from one look to the next.
#[derive(Debug)]
pub struct Watcher {
    app: App,
    /// The change at which `due` was read.
    known: Option<i64>,
    /// When handhelds must be told of the next term that begins or ends.
    due: Option<UnixMillis>,
    /// When the next planned version comes into force.
    planned: Option<UnixMillis>,
}

impl Watcher {
    /// One that knows nothing yet.
    #[must_use]
    pub const fn new(app: App) -> Self {
        Self {
            app,
            known: None,
            due: None,
            planned: None,
        }
    }

    /// Looks once: reads one row, and only when it has risen, or something is due, does more.
    /// A snapshot that cannot be loaded, for instance because of one station, keeps neither
    /// plans from coming into force nor terms from being told, and the other way round.
    ///
    /// # Errors
    /// The first problem that was met, of the database or as of [`refresh`]; the next look
    /// tries again.
    pub async fn look(&mut self) -> Result<(), Problem> {
        // Read before the stored mark: another task may put a newer one in force meanwhile.
        let held = self.app.territory.load().change();
        let change = store::current_change(self.app.store.read()).await?;
        let snapshot = self.snapshot(held, change).await;
        if self.known != Some(change) {
            self.due = store::next_due(self.app.store.read()).await?;
            self.planned = store::next_plan(self.app.store.read()).await?;
            self.known = Some(change);
        }
        let now = self.app.now();
        let plans = self.plans(now).await;
        let terms = self.terms(now).await;
        snapshot.and(plans).and(terms)
    }

    async fn snapshot(&self, held: i64, change: i64) -> Result<(), Problem> {
        match change.cmp(&held) {
            Ordering::Greater => refresh(&self.app).await,
            Ordering::Equal => Ok(()),
            // Older than what is in force: the database was restored.
            Ordering::Less => {
                let restored = load(&self.app, None).await?;
                self.app.territory.replace(restored);
                Ok(())
            }
        }
    }

    /// Puts the plans in force whose moment has come.
    async fn plans(&mut self, now: UnixMillis) -> Result<(), Problem> {
        if self.planned.is_none_or(|planned| planned > now) {
            return Ok(());
        }
        for (station, accepted) in store::put_in_force(&self.app).await? {
            tracing::info!(%station, version = accepted.version, "a planned version is in force");
        }
        self.planned = store::next_plan(self.app.store.read()).await?;
        refresh(&self.app).await
    }

    /// Tells of terms that began or ended by the calendar.
    async fn terms(&mut self, now: UnixMillis) -> Result<(), Problem> {
        if self.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        let told = self
            .app
            .store
            .write(move |tx| Box::pin(async move { store::tell_due(tx, now).await }))
            .await?;
        tracing::info!(cells = told, "A or B changed by the calendar");
        self.due = store::next_due(self.app.store.read()).await?;
        Ok(())
    }
}
