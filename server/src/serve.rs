//! Starting a server process, and what it does beside answering requests.

use crate::{
    app::App,
    clock::{
        Clock, Randomness, SteadyClock, SystemClock, SystemRandomness,
        mark::{self, Marker},
    },
    config::Config,
    dispatch,
    edge::{Problem, RequestSpan},
    http,
    keys::{KeyError, ServerKeys},
    media::{self, PhotoFolder},
    orders::{Templates, templates},
    people::Gate,
    store::Store,
    territory::{checks, index::TerritoryIndex, refresh},
    trace::{epoch, scratch},
};
use actix_web::{HttpServer, dev::ServerHandle, rt::net::TcpStream};
use arc_swap::ArcSwap;
use gridcrew_sync_protocol::{ids::Epoch, time::UnixMillis};
use socket2::SockRef;
use std::{
    any::Any,
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
    time::Duration,
};
use tracing_actix_web::TracingLogger;
use uuid::Uuid;

/// How long a client may take nothing of what was sent to it.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// How often the write-ahead log is moved into the database.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How often the height of the database is marked beside it, and the time in it.
const MARK_EVERY: Duration = Duration::from_secs(5);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or an address.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server's keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::OpenError),
    /// Another process serves this SQLite database.
    #[error("another gridcrew serves the data folder {0}; SQLite takes one, PostgreSQL any number")]
    Taken(String),
    /// The machine's clock went back since this database was last served.
    #[error(transparent)]
    Clock(#[from] mark::WentBack),
    /// Something else.
    #[error("{0}")]
    Problem(#[from] Problem),
}

/// Opens everything that handlers and commands share. A database that was restored begins a
/// new epoch here, before anything is written: a command that writes would raise its height
/// and so hide the restore from the server that is started next.
///
/// # Errors
/// [`StartError`]
pub async fn open(config: Config) -> Result<App, StartError> {
    open_with(config, Arc::new(SystemClock), Arc::new(SystemRandomness)).await
}

/// [`open`] by another clock and with other chance than the machine's.
///
/// # Errors
/// [`StartError`]
pub async fn open_with(
    config: Config,
    machine: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
) -> Result<App, StartError> {
    make_private(&config.data)?;
    let store = Store::open(&config.database_url()).await?;
    let signed_with = epoch::signed_with(&store).await?;
    let known = signed_with.as_deref();
    let keys = ServerKeys::open(&config.data, randomness.as_ref(), known)?;
    let keys = Arc::new(keys);
    let least = mark::check(mark::latest(&store).await?, machine.now())?;
    let clock = Arc::new(SteadyClock::from(machine, least));
    let templates = Arc::new(Templates::load(&store).await?);
    let photos = Arc::new(PhotoFolder::open(&config.data)?);
    let app = App {
        store,
        clock,
        randomness,
        gate: Arc::new(Gate::new(&keys)),
        config: Arc::new(config),
        keys,
        epoch: Arc::new(ArcSwap::from_pointee(Epoch(Uuid::nil()))),
        templates,
        recent: Arc::default(),
        territory: Arc::new(TerritoryIndex::default()),
        splits: Arc::default(),
        photos,
    };
    watch_height(&app).await?;
    // Of two processes that start at once in a new database, with keys of their own, one does
    // not go on.
    app.keys
        .check(epoch::signed_with(&app.store).await?.as_deref())?;
    refresh::refresh(&app).await?;
    Ok(app)
}

/// Takes the machine's clock as right although the database was told a later time; gives
/// that time and what the clock says.
///
/// # Errors
/// [`StartError`]
pub async fn clock(
    config: &Config,
    accept: bool,
) -> Result<(Option<UnixMillis>, UnixMillis), StartError> {
    make_private(&config.data)?;
    let store = Store::open(&config.database_url()).await?;
    let (marked, wall) = (mark::latest(&store).await?, SystemClock.now());
    if accept {
        mark::accept(&store, wall).await?;
    }
    Ok((marked, wall))
}

/// Makes the data folder, readable by its owner only: it holds keys, photos and addresses.
/// One that is there is left as it is.
fn make_private(data: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
}

/// A server that listens.
#[must_use]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Stops it.
    pub handle: ServerHandle,
    server: actix_web::dev::Server,
    _lock: Option<File>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When a socket fails.
    pub async fn wait(self) -> io::Result<()> {
        self.server.await
    }
}

/// Starts to listen and starts the work beside requests.
///
/// # Errors
/// [`StartError`]
pub async fn start(app: App) -> Result<Running, StartError> {
    let lock = lock_data(&app)?;
    let marker = make_ready(&app).await?;
    let (workers, listen) = (app.config.workers, app.config.listen);
    let document = http::api_document();
    let beside = app.clone();
    let server = HttpServer::new(move || {
        let (app, document) = (app.clone(), document.clone());
        actix_web::App::new()
            .wrap_fn(http::around)
            .wrap(TracingLogger::<RequestSpan>::new())
            .configure(move |config| http::routes(config, &app, &document))
    })
    .workers(workers)
    .on_connect(|connection, _| end_when_stuck(connection))
    .client_request_timeout(Duration::from_secs(5))
    .client_disconnect_timeout(Duration::from_secs(2))
    .shutdown_timeout(8)
    .bind(listen)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    let server = server.run();
    work_beside(&beside, marker);
    Ok(Running {
        address,
        handle: server.handle(),
        server,
        _lock: lock,
    })
}

/// Has the system end a connection whose client takes nothing of what was sent for so long:
/// nothing else would ever end one that asks and does not read (RELIABILITY, fault 15).
fn end_when_stuck(connection: &dyn Any) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else {
        return;
    };
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(STUCK_AFTER)) {
        tracing::warn!(%error, "a client that does not read cannot be given up");
    }
}

/// What a start does before the first request: notices that the database was restored, and
/// finishes what a process that died had begun. Gives what marks the time from then on.
///
/// # Errors
/// A problem of the database or of the disk.
pub async fn make_ready(app: &App) -> Result<Marker, Problem> {
    watch_height(app).await?;
    let marker = Marker::default();
    marker.mark(app).await?;
    media::recover(app).await?;
    scratch::sweep(app).await?;
    Ok(marker)
}

/// On SQLite, one process serves a data folder.
fn lock_data(app: &App) -> Result<Option<File>, StartError> {
    if !app.config.database_url().starts_with("sqlite:") {
        return Ok(None);
    }
    let file = File::create(app.config.data.join("serving.lock"))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(StartError::Taken(app.config.data.display().to_string()))
        }
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// What runs beside requests until the process ends.
fn work_beside(app: &App, marker: Marker) {
    refresh::watch(app.clone());
    media::clean_hourly(app.clone());
    let sweeping = "removing exports left behind";
    every(scratch::SWEEP_EVERY, sweeping, app, scratch::sweep);
    templates::watch(app.clone());
    every(
        CHECKPOINT_EVERY,
        "moving the log into the database",
        app,
        async |app: &App| Ok(app.store.checkpoint().await?),
    );
    every(MARK_EVERY, "marking the height", app, watch_height);
    every(
        MARK_EVERY,
        "marking the time",
        app,
        async move |app: &App| marker.mark(app).await,
    );
    every(
        dispatch::away::LOOK_EVERY,
        "acting upon leave",
        app,
        async |app: &App| dispatch::away::look(app).await.map(drop),
    );
    every(
        dispatch::away::OFFER_EVERY,
        "offering orders of people on leave",
        app,
        async |app: &App| dispatch::away::offer_left(app).await,
    );
    let checking = "checking territories";
    every(checks::run::LOOK_EVERY, checking, app, async |app: &App| {
        checks::run::run_due(app).await.map(drop)
    });
    let reachable_since = app.now();
    every(
        dispatch::LOOK_EVERY,
        "passing orders on",
        app,
        async move |app: &App| dispatch::escalate(app, reachable_since).await,
    );
}

/// Does `work` again and again, `pause` after it was last done. What fails is logged and
/// tried again.
fn every<W>(pause: Duration, what: &'static str, app: &App, work: W)
where
    W: AsyncFn(&App) -> Result<(), Problem> + 'static,
{
    let app = app.clone();
    actix_web::rt::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            if let Err(problem) = work(&app).await {
                tracing::warn!(%problem, what, "to be tried again");
            }
        }
    });
}

/// Begins a new epoch when the database was restored, and takes over one that another
/// process began. Called at start and every few seconds.
///
/// # Errors
/// A problem of the database or of the data folder.
pub async fn watch_height(app: &App) -> Result<(), Problem> {
    epoch::check_height(app).await?;
    app.epoch
        .store(Arc::new(epoch::current_or_first(app).await?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[actix_web::test]
    async fn a_trace_key_that_is_lost_or_another_is_not_taken_for_the_databases() {
        let around = tempfile::tempdir().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: around.path().to_owned(),
            database: None,
            workers: 1,
            trusted_proxy: Vec::new(),
            feed_page_bytes: crate::config::FEED_PAGE_BYTES,
            public_url: None,
        };
        open(config.clone()).await.unwrap();
        let file = around.path().join("keys/trace.key");
        let key = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let lost = open(config.clone()).await.unwrap_err().to_string();
        assert!(lost.contains("trace.key"), "{lost}");
        assert!(!file.exists(), "no other key is made");
        fs::write(&file, [7; 32]).unwrap();
        let other = open(config.clone()).await.unwrap_err().to_string();
        assert!(other.contains("trace.key"), "{other}");
        fs::write(&file, key).unwrap();
        open(config).await.unwrap();
    }

    #[test]
    fn a_new_data_folder_is_its_owners_alone() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("data");
        for _ in 0..2 {
            make_private(&data).unwrap();
            let mode = fs::metadata(&data).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}
