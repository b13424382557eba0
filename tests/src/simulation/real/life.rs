//! One process of the server: from a start on the files that another left, to its death.
//!
//! The application is the one that serves, called without a socket, on a runtime of this
//! thread. It can be killed at any moment that its [`Store`](gridcrew_server::store::Store)
//! tells of: what the files are at that moment is what the next process finds, and nothing
//! that this one does afterwards counts.

use super::wire::{self, Sent};
use crate::{
    Failure, Fallible,
    simulation::{
        disk::{Died, Remains},
        hardware::{Dice, TrueTime},
        server::When,
    },
};
use actix_web::{dev::Service, test::init_service, web::ServiceConfig};
use futures_util::future::LocalBoxFuture;
use gridcrew_mobile_core::engine::HttpReply;
use gridcrew_server::{app::App, config::Config, http, serve, store::watch::Moment};
use std::{
    future::{Future, poll_fn},
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    pin::pin,
    rc::Rc,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::Poll,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::LocalSet,
};

type Routes = dyn Fn(&mut ServiceConfig, &App) + Send + Sync;
type Call = Rc<dyn Fn(Sent) -> LocalBoxFuture<'static, Fallible<HttpReply>>>;

/// What is to become of the process.
#[derive(Debug, Default)]
enum Lot {
    /// It lives.
    #[default]
    Lives,
    /// It dies after so many more moments, or commits.
    Dies(When),
    /// It died.
    Dead(Moment, io::Result<Remains>),
}

/// Kills the process when its time has come.
#[derive(Debug)]
struct Doom {
    folder: PathBuf,
    lot: Mutex<Lot>,
}

impl Doom {
    fn lot(&self) -> std::sync::MutexGuard<'_, Lot> {
        self.lot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strike(&self, moment: Moment) {
        let mut lot = self.lot();
        match &mut *lot {
            Lot::Lives => return,
            Lot::Dies(When::Commit(_)) if moment != Moment::Committed => return,
            Lot::Dies(When::Moment(left) | When::Commit(left)) if *left > 0 => {
                *left -= 1;
                return;
            }
            Lot::Dies(_) => *lot = Lot::Dead(moment, files(&self.folder)),
            Lot::Dead(..) => {}
        }
        drop(lot);
        resume_unwind(Box::new(Died));
    }

    fn is_dead(&self) -> bool {
        matches!(*self.lot(), Lot::Dead(..))
    }
}

/// The files of a server as a process that dies leaves them. The index of SQLite's log is
/// made anew by who opens it, and a lock goes with its process.
fn files(folder: &Path) -> io::Result<Remains> {
    let gone = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.ends_with("-shm") || name == "serving.lock")
    };
    Ok(Remains::of(folder)?.only(|path| !gone(path)))
}

/// The routes of a server; what they say of themselves is written down once.
fn routes() -> Arc<Routes> {
    static ROUTES: OnceLock<Arc<Routes>> = OnceLock::new();
    let routes = ROUTES.get_or_init(|| {
        let document = http::api_document();
        Arc::new(move |config: &mut ServiceConfig, app: &App| http::routes(config, app, &document))
    });
    Arc::clone(routes)
}

/// What came of work.
pub enum Came<T> {
    /// It was done.
    Done(T),
    /// The process died, and left these files.
    Died(Moment, Remains),
}

/// A process.
pub struct Life {
    app: Option<App>,
    call: Option<Call>,
    tasks: Option<LocalSet>,
    runtime: Runtime,
    doom: Arc<Doom>,
}

impl Life {
    /// Starts a process on the files in `folder`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn begin(folder: &Path, time: &TrueTime, dice: &Arc<Dice>) -> Fallible<Self> {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.to_owned(),
            database: None,
            workers: 1,
            trusted_proxy: Vec::new(),
            // Small, so that a scope takes several pages.
            feed_page_bytes: 16_384,
            public_url: None,
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        let doom = Arc::new(Doom {
            folder: folder.to_owned(),
            lot: Mutex::default(),
        });
        let (clock, randomness) = (Arc::new(time.clone()), Arc::clone(dice));
        let app = tasks.block_on(&runtime, async {
            let mut app = serve::open_with(config, clock, randomness).await?;
            let doom = Arc::clone(&doom);
            app.store.watch(move |moment| doom.strike(moment));
            Fallible::Ok(app)
        })?;
        Ok(Self {
            app: Some(app),
            call: None,
            tasks: Some(tasks),
            runtime,
            doom,
        })
    }

    /// Makes the process ready to be asked; it dies of that `when` it is said to.
    ///
    /// # Errors
    /// When it does not start.
    pub fn make_ready(&mut self, when: Option<When>) -> Fallible<Came<()>> {
        let app = self.app()?.clone();
        let readied = self.work(when, async {
            serve::make_ready(&app).await?;
            Ok(())
        })?;
        if let Came::Died(..) = readied {
            return Ok(readied);
        }
        let routes = routes();
        let call = self.work(None, async {
            let service = init_service(
                actix_web::App::new()
                    .wrap_fn(http::around)
                    .configure(move |config| routes(config, &app)),
            );
            let service = Rc::new(service.await);
            let call: Call = Rc::new(move |sent: Sent| {
                let service = Rc::clone(&service);
                Box::pin(async move {
                    let (test, payload) = sent.into_test();
                    let (request, _) = test.to_request().replace_payload(payload);
                    match service.call(request).await {
                        Ok(response) => wire::read(response).await,
                        Err(error) => Err(Failure::new(error.to_string())),
                    }
                })
            });
            Ok(call)
        })?;
        if let Came::Done(call) = call {
            self.call = Some(call);
        }
        Ok(Came::Done(()))
    }

    /// What handlers share.
    ///
    /// # Errors
    /// When the process is dead.
    pub fn app(&self) -> Fallible<&App> {
        self.app
            .as_ref()
            .ok_or_else(|| Failure::new("a dead server"))
    }

    /// Answers a request; dies of that `when` it is said to.
    ///
    /// # Errors
    /// When the server breaks.
    pub fn answer(&self, sent: Sent, when: Option<When>) -> Fallible<Came<HttpReply>> {
        let call = self.call.as_ref();
        let call = call.ok_or_else(|| Failure::new("a server that is not ready"))?;
        self.work(when, call(sent))
    }

    /// Does work in the process; it dies of that `when` it is said to.
    ///
    /// # Errors
    /// As `work`.
    pub fn work<T>(
        &self,
        when: Option<When>,
        work: impl Future<Output = Fallible<T>>,
    ) -> Fallible<Came<T>> {
        *self.doom.lot() = when.map_or(Lot::Lives, Lot::Dies);
        let tasks = self.tasks.as_ref();
        let tasks = tasks.ok_or_else(|| Failure::new("a dead server"))?;
        let came = catch_unwind(AssertUnwindSafe(|| {
            let mut work = pin!(work);
            let until_dead = poll_fn(|context| {
                if self.doom.is_dead() {
                    return Poll::Ready(None);
                }
                work.as_mut().poll(context).map(Some)
            });
            tasks.block_on(&self.runtime, until_dead)
        }));
        if let Lot::Dead(moment, files) = std::mem::take(&mut *self.doom.lot()) {
            return Ok(Came::Died(moment, files?));
        }
        match came {
            Ok(Some(done)) => Ok(Came::Done(done?)),
            Ok(None) => Err(Failure::new("a server that died of nothing")),
            Err(payload) => resume_unwind(payload),
        }
    }

    /// The files as they are now.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn files(&self) -> Fallible<Remains> {
        Ok(files(&self.doom.folder)?)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Connections go back to their pool on the runtime.
        let _within = self.runtime.enter();
        self.call = None;
        self.tasks = None;
        self.app = None;
    }
}
