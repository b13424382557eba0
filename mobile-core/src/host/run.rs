//! The loop of a sync: what the engine wants is done, what becomes of it is told to the
//! engine, until it says that it is over.
//!
//! Looking up and storing are done at once, in threads for blocking work, before anything
//! else is heard; requests go on beside that and beside each other. When the sync is over or
//! dropped, requests under way are cut, and nothing that was stored is undone.

use super::{
    http::{Answer, Http, Needs},
    progress::{Count, Listener, News, Nobody, Tally},
    wipe,
};
use crate::{
    engine::{Budget, Command, Ended, Engine, Event, Lane, Problem, Request, Stored, SyncReport},
    error::Error,
    handheld::Inner,
    local::Local,
    store::{facts, identity, journal, photos},
};
use ed25519_dalek::{Signer, VerifyingKey};
use gridcrew_sync_protocol::{enrol::RefreshRequest, media::MediaKind, time::Millis};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};

/// Runs a sync to its end.
pub(crate) async fn sync(inner: &Arc<Inner>, budget: Budget) -> Result<SyncReport, Error> {
    let _right = inner.with(|local| local.folder.sync_right())?;
    let stop = inner.stop.subscribe();
    let time = budget
        .seconds
        .map(|seconds| Duration::from_secs(seconds.into()));
    let mut patience = wipe::Patience {
        until: time.and_then(|time| Instant::now().checked_add(time)),
        stop: stop.clone(),
    };
    wipe::tell(inner, &mut patience).await?;
    let (engine, http) = on_device(inner, move |local| begin(local, budget)).await??;
    let mut run = Run {
        inner: Arc::clone(inner),
        engine,
        http,
        began: Instant::now(),
        asked: JoinSet::new(),
        wake: None,
        stop,
        tally: Tally::default(),
    };
    let (ended, problem) = run.until_over().await;
    let spent = run.engine.spent();
    let cut = !run.asked.is_empty();
    // Nothing of this sync goes on beside what comes after it.
    run.asked.shutdown().await;
    tracing::debug!(?ended, ?problem, ?spent, cut, "sync ended");
    let report = SyncReport::of(spent, ended, problem);
    let report = on_device(inner, move |local| note_end(local, report, budget)).await??;
    wipe::ask(inner, ended, &mut patience).await?;
    Ok(report)
}

/// Does blocking work on what is on the device.
pub(super) async fn on_device<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&mut Local) -> T + Send + 'static,
) -> Result<T, Error> {
    let inner = Arc::clone(inner);
    tokio::task::spawn_blocking(move || inner.with(work))
        .await
        .map_err(|error| Error::Storage(format!("work on the store broke off: {error}")))
}

fn begin(local: &mut Local, budget: Budget) -> Result<(Engine, Http), Error> {
    let engine = begin_sync(local, budget)?;
    let identity = identity::require(local.store.read())?;
    Ok((engine, Http::new(&identity.server_url)?))
}

/// Makes ready what a sync needs of the device, and gives its engine.
pub(crate) fn begin_sync(local: &mut Local, budget: Budget) -> Result<Engine, Error> {
    #[cfg(feature = "planted")]
    crate::planted::write_again(&mut local.store)?;
    let identity = identity::require(local.store.read())?;
    local.secrets.reload()?;
    let mut sync = facts::sync(local.store.read())?;
    sync.last_attempt = Some(local.wall());
    local.store.write(|db| {
        photos::retry_unreadable(db)?;
        facts::set_sync(db, &sync)
    })?;
    let key = VerifyingKey::from_bytes(&identity.server_key)
        .map_err(|_| Error::Storage("the stored key of the server is none".to_owned()))?;
    let mut seed = [0; 8];
    local.random.fill(&mut seed);
    let seed = u64::from_le_bytes(seed);
    Ok(Engine::new(budget, key, identity.epoch, seed))
}

/// Completes the report and keeps for the person how it went.
pub(crate) fn note_end(
    local: &mut Local,
    mut report: SyncReport,
    budget: Budget,
) -> Result<SyncReport, Error> {
    let records = journal::counts(local.store.read())?;
    let photos = photos::counts(local.store.read())?;
    report.records_waiting = records.queued;
    report.photos_waiting = photos.originals_waiting;
    if report.problem.is_none() && photos.originals_waiting > 0 {
        report.problem = budget.keeps_originals();
    }
    local.believe_late()?;
    let now = local.wall();
    local.store.write(|db| {
        let mut sync = facts::sync(db)?;
        if report.succeeded() {
            sync.last_success = Some(now);
        }
        sync.problem.clone_from(&report.problem);
        facts::set_sync(db, &sync)
    })?;
    Ok(report)
}

struct Run {
    inner: Arc<Inner>,
    engine: Engine,
    http: Http,
    began: Instant,
    /// Requests under way, in tasks of their own: they go on while something is stored here.
    asked: JoinSet<Event>,
    wake: Option<Instant>,
    stop: watch::Receiver<()>,
    tally: Tally,
}

impl Run {
    /// Time since the sync began: the engine's clock.
    fn now(&self) -> Millis {
        Millis(i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    async fn until_over(&mut self) -> (Ended, Option<Problem>) {
        let mut event = Event::Begin;
        self.tell(News::Recount).await;
        loop {
            let moved = Moved::by(&event);
            let mut commands = VecDeque::from(self.engine.on(self.now(), event));
            self.tell_moved(moved).await;
            while let Some(command) = commands.pop_front() {
                match self.carry_out(command).await {
                    Done::Nothing => {}
                    Done::Happened(event) => {
                        let more = self.engine.on(self.now(), event);
                        commands.extend(more);
                    }
                    Done::Over(ended, problem) => return (ended, problem),
                }
            }
            match self.next_event().await {
                Some(next) => event = next,
                None => return (Ended::Stopped, None),
            }
        }
    }

    async fn carry_out(&mut self, command: Command) -> Done {
        match command {
            Command::Load(load) => {
                let found = on_device(&self.inner, move |local| local.load(load)).await;
                Done::Happened(told(found, Event::Loaded))
            }
            Command::Persist(lane, change) => {
                let news = News::of(&change);
                let found = on_device(&self.inner, move |local| local.persist(change)).await;
                if matches!(found, Ok(Ok(Stored::Done | Stored::Anew))) {
                    self.tell(news).await;
                }
                Done::Happened(told(found, |stored| Event::Stored(lane, stored)))
            }
            Command::Hear { server_time, asked } => {
                let heard = on_device(&self.inner, move |local| {
                    local.hear_time(server_time, asked)
                })
                .await;
                match heard {
                    Ok(Ok(())) => Done::Nothing,
                    failed => Done::Happened(told(failed, |()| Event::Tick)),
                }
            }
            Command::Send(lane, request) => {
                self.ask(lane, request);
                Done::Nothing
            }
            Command::Wake(at) => {
                let at = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
                self.wake = self.began.checked_add(at);
                Done::Nothing
            }
            Command::Finish { ended, problem } => Done::Over(ended, problem),
        }
    }

    /// Takes news in, so that whoever begins to listen later hears what is so, and tells the
    /// listener, if there is one.
    async fn tell(&mut self, news: News) {
        let (what, left) = (news.needs(), self.tally.left());
        if what != Count::Nothing {
            match on_device(&self.inner, move |local| left.count(what, local)).await {
                Ok(Ok(left)) => self.tally.counted(left),
                // Whoever needs the store next says so.
                Ok(Err(error)) | Err(error) => {
                    tracing::debug!(%error, "what waits is not counted");
                    return;
                }
            }
        }
        let listener = self.inner.listener();
        let listener: &dyn Listener = listener.as_deref().unwrap_or(&Nobody);
        self.tally.tell(news, self.engine.spent(), listener);
    }

    async fn tell_moved(&mut self, moved: Moved) {
        match moved {
            Moved::Nothing => {}
            Moved::Recorded => self.tell(News::Recount).await,
            Moved::Photo(kind) => {
                if let Some(listener) = self.inner.listener() {
                    self.tally
                        .tell_photo(kind, self.engine.spent(), listener.as_ref());
                }
            }
        }
    }

    fn ask(&mut self, lane: Lane, request: Request) {
        let (needs, asked) = self.inner.with(|local| {
            let refresh_proof = match request {
                Request::Refresh => refresh_proof(local),
                _ => None,
            };
            let mut once = [0; 8];
            local.random.fill(&mut once);
            let tokens = local.secrets.tokens();
            let needs = Needs {
                refresh_proof,
                access_token: tokens
                    .map(|tokens| tokens.access_token.clone())
                    .unwrap_or_default(),
                refresh_token: tokens
                    .map(|tokens| tokens.refresh_token.clone())
                    .unwrap_or_default(),
                once: hex::encode(once),
                folder: local.folder.clone(),
            };
            (needs, local.clock.now().uptime)
        });
        let http = self.http.clone();
        self.asked.spawn(async move {
            let Answer {
                reply,
                sent,
                received,
            } = http.make(request, needs).await;
            Event::Replied {
                lane,
                reply,
                sent,
                received,
                asked,
            }
        });
    }

    /// What happens next; `None` when the host wants the sync to end.
    async fn next_event(&mut self) -> Option<Event> {
        let wake = self.wake;
        let inner = Arc::clone(&self.inner);
        tokio::select! {
            Ok(()) = self.stop.changed() => None,
            Some(event) = self.asked.join_next() => Some(of_task(event)?),
            () = inner.recorded.notified() => Some(Event::Recorded),
            () = inner.network.notified() => Some(Event::NetworkChanged),
            () = inner.foreground.notified() => Some(Event::Foreground),
            () = sleep_or_never(wake) => {
                self.wake = None;
                Some(Event::Tick)
            }
        }
    }
}

/// The proof that the refresh token is sent by who holds the journal's key. When the key
/// cannot be read there is none, and the server says that the session is over.
pub(crate) fn refresh_proof(local: &Local) -> Option<String> {
    let token = &local.secrets.tokens()?.refresh_token;
    let identity = identity::require(local.store.read()).ok()?;
    let key = local.secrets.key(&identity.public_key).ok()?;
    let proof = key.sign(&RefreshRequest::proof_text(token));
    Some(hex::encode(proof.to_bytes()))
}

/// What a request came to. That it broke is the sync's own break, as if it had run in it; only
/// a runtime that shuts down cuts one off.
fn of_task(event: Result<Event, JoinError>) -> Option<Event> {
    match event {
        Ok(event) => Some(event),
        Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
        Err(_) => None,
    }
}

/// What an event tells a listener before anything is made durable.
enum Moved {
    Nothing,
    /// More waits than before.
    Recorded,
    /// Bytes of a photo of that kind went.
    Photo(MediaKind),
}

impl Moved {
    fn by(event: &Event) -> Self {
        match event {
            Event::Recorded => Self::Recorded,
            Event::Replied {
                lane: Lane::Previews,
                ..
            } => Self::Photo(MediaKind::Preview),
            Event::Replied {
                lane: Lane::Originals,
                ..
            } => Self::Photo(MediaKind::Original),
            _ => Self::Nothing,
        }
    }
}

enum Done {
    Nothing,
    Happened(Event),
    Over(Ended, Option<Problem>),
}

fn told<T>(found: Result<Result<T, Error>, Error>, event: impl FnOnce(T) -> Event) -> Event {
    match found {
        Ok(Ok(value)) => event(value),
        Ok(Err(error)) | Err(error) => Event::StorageFailed(error.to_string()),
    }
}

/// Waits until then; for ever when there is no then.
pub(super) async fn sleep_or_never(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
