//! An installation of the handheld: one person's data folder on one device, the process on
//! it, and the sync that it runs.

use super::{
    chance::Chance,
    disk::{Blow, Died, Disk},
    hardware::{Dice, Hardware},
    server::Server,
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::{
    Budget, Ended, Error, FreeSpace, Handheld, Problem, Settings,
    clock::{Clock, Random},
    disk::{Watcher, watch},
    drive::{Credentials, Driver},
    engine::{Command, Engine, Event, Lane, Reply, Request},
};
use gridcrew_sync_protocol::{code::Code, ids::PersonId, time::Millis};
use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
};

/// A disk whose free space is the same in every play; when it is full, writing fails.
struct Roomy;

impl FreeSpace for Roomy {
    fn free_bytes(&self, _: &std::path::Path) -> std::io::Result<u64> {
        Ok(8 << 30)
    }
}

/// Bytes of a question that may go beyond the budget: which photos are held, a new journal.
const QUESTION: u64 = 4 * 1024;

/// The longest that a sync waits for anything: an hour that the server may ask for, and a
/// quarter of it by chance.
const LONGEST_WAIT: i64 = 76 * 60_000;

/// A request under way.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose it is.
    pub lane: Lane,
    /// What is asked.
    pub request: Request,
    /// What it carries.
    pub credentials: Credentials,
    /// The body of a chunk.
    pub piece: Vec<u8>,
    /// The device's uptime when it was asked.
    pub asked: Millis,
    /// The true time when it was asked.
    pub since: i64,
    /// The answer that waits on its way.
    pub answer: Option<Reply>,
    /// The server was restored since it gave that answer.
    pub outlived: bool,
}

impl Asked {
    /// Body bytes that go up.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &self.request {
            Request::Push(body)
            | Request::Reopen(body)
            | Request::Held(body)
            | Request::Diagnose(body) => body.len() as u64,
            _ => self.piece.len() as u64,
        }
    }
}

/// The sync that runs.
pub struct Running {
    pub engine: Engine,
    pub budget: Budget,
    /// The true time at which it began.
    pub began: i64,
    pub asked: Vec<Asked>,
    /// When the engine wants to be woken, in its own time.
    pub wake: Option<i64>,
    /// Until when the server asked for quiet, in the engine's time.
    pub quiet: i64,
    /// Events told so far.
    pub events: u64,
}

/// What came of something that was done on the device.
#[derive(Debug)]
pub enum Did<T> {
    /// It was done.
    Done(T),
    /// It was refused.
    Refused(Error),
    /// The process died.
    Died,
}

/// How a process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// At a write, while something was saved.
    Saving,
    /// Between a command and its effect.
    BeforeEffect,
    /// Between an effect and its telling.
    AfterEffect,
}

/// An installation.
pub struct Seat {
    pub number: usize,
    /// The installation that it is a copy of, or itself.
    pub family: usize,
    pub person: PersonId,
    /// Which device it is on.
    pub device: usize,
    pub folder: PathBuf,
    /// Most records that it sends at once.
    pub batches: usize,
    pub hardware: Arc<Hardware>,
    pub dice: Arc<Dice>,
    pub disk: Rc<Disk>,
    pub handheld: Option<Handheld>,
    pub sync: Option<Running>,
    /// How the last sync ended.
    pub ended: Option<(Ended, Option<Problem>)>,
    /// Commands until the process dies, and whether after the effect.
    pub die_at: Option<(u32, bool)>,
    /// Answers that a cache keeps, each with what was asked and since when, in true time.
    pub cached: Vec<(Request, Reply, i64)>,
    /// Something was done after which a person may have to let it in again.
    pub estranged: bool,
    /// The server let it in no more: it was revoked for good.
    pub shut_out: bool,
    /// Its copy was let in after it, which ended its session.
    pub displaced: bool,
    /// Rules that the engine broke.
    pub broken: Vec<String>,
}

impl Seat {
    /// Opens the handheld, if it is not open.
    ///
    /// # Errors
    /// When it cannot be opened although the disk is fine.
    pub fn open(&mut self) -> Fallible<Did<()>> {
        if self.handheld.is_some() {
            return Ok(Did::Done(()));
        }
        let clock: Arc<dyn Clock> = Arc::<Hardware>::clone(&self.hardware);
        let random: Arc<dyn Random> = Arc::<Dice>::clone(&self.dice);
        let folder = self.folder.clone();
        let settings = Settings {
            space: Arc::new(Roomy),
            ..Settings::default()
        };
        match self.guard(|| Handheld::open_configured(&folder, clock, random, settings)) {
            Did::Done(handheld) => {
                self.handheld = Some(handheld);
                Ok(Did::Done(()))
            }
            Did::Refused(error) if self.disk.calm().is_none() => Err(Failure::new(format!(
                "a handheld that cannot be opened: {error}"
            ))),
            other => Ok(match other {
                Did::Refused(error) => Did::Refused(error),
                _ => Did::Died,
            }),
        }
    }

    /// Does something under the eyes of the disk.
    fn guard<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Did<T> {
        let disk: Rc<dyn Watcher> = Rc::<Disk>::clone(&self.disk);
        watch(Some(disk));
        let came = catch_unwind(AssertUnwindSafe(work));
        watch(None);
        match came {
            Ok(Ok(value)) => Did::Done(value),
            Ok(Err(error)) => Did::Refused(error),
            Err(payload) if payload.is::<Died>() => Did::Died,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Does something with the handheld, which is open.
    pub fn with<T>(&self, work: impl FnOnce(&Handheld) -> Result<T, Error>) -> Did<T> {
        match &self.handheld {
            Some(handheld) => self.guard(|| work(handheld)),
            None => Did::Refused(Error::NotEnrolled),
        }
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self, time: i64) -> i64 {
        self.sync.as_ref().map_or(0, |sync| time - sync.began)
    }

    /// Begins a sync. Whether the process lives.
    ///
    /// # Errors
    /// When it cannot begin although the disk is fine.
    pub fn begin(&mut self, budget: Budget, time: i64) -> Fallible<Result<(), Death>> {
        self.sync = None;
        let engine = match self.with(|handheld| Driver::of(handheld).begin(budget)) {
            Did::Done(engine) => engine.in_batches_of(self.batches),
            Did::Refused(error) => {
                return match self.disk.calm() {
                    Some(Blow::Full) => Ok(Ok(())),
                    _ => Err(Failure::new(format!("a sync cannot begin: {error}"))),
                };
            }
            Did::Died => return Ok(Err(Death::Saving)),
        };
        self.ended = None;
        self.sync = Some(Running {
            engine,
            budget,
            began: time,
            asked: Vec::new(),
            wake: None,
            quiet: i64::MIN,
            events: 0,
        });
        self.tell(Event::Begin, time)
    }

    /// Tells the running sync something and does what it wants. Whether the process lives.
    ///
    /// # Errors
    /// When the device cannot do what it must although the disk is fine.
    pub fn tell(&mut self, event: Event, time: i64) -> Fallible<Result<(), Death>> {
        let now = self.now(time);
        let Some(mut sync) = self.sync.take() else {
            return Ok(Ok(()));
        };
        sync.events += 1;
        let mut commands = VecDeque::from(sync.engine.on(Millis(now), event));
        let mut steps = 0;
        while let Some(command) = commands.pop_front() {
            steps += 1;
            if steps > 5_000 {
                return Err(Failure::new("the engine turns in place"));
            }
            let die = match &mut self.die_at {
                Some((0, after)) => Some(*after),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            };
            if die == Some(false) {
                self.die_at = None;
                return Ok(Err(Death::BeforeEffect));
            }
            let happened = match self.carry_out(&mut sync, command, (now, time))? {
                Ok(Some(event)) => event,
                Ok(None) if self.ended.is_some() => return Ok(Ok(())),
                Ok(None) => continue,
                Err(death) => return Ok(Err(death)),
            };
            if die == Some(true) {
                self.die_at = None;
                return Ok(Err(Death::AfterEffect));
            }
            commands.extend(sync.engine.on(Millis(now), happened));
        }
        self.sync = Some(sync);
        Ok(Ok(()))
    }

    fn carry_out(
        &mut self,
        sync: &mut Running,
        command: Command,
        (now, time): (i64, i64),
    ) -> Fallible<Result<Option<Event>, Death>> {
        let did = match command {
            Command::Load(load) => {
                self.with(|handheld| Driver::of(handheld).load(load).map(Event::Loaded))
            }
            Command::Persist(lane, change) => self.with(|handheld| {
                let stored = Driver::of(handheld).persist(change)?;
                Ok(Event::Stored(lane, stored))
            }),
            Command::Hear { server_time, asked } => {
                match self.with(|handheld| Driver::of(handheld).hear(server_time, asked)) {
                    Did::Done(()) => return Ok(Ok(None)),
                    Did::Refused(error) => Did::Refused(error),
                    Did::Died => Did::Died,
                }
            }
            Command::Send(lane, request) => {
                self.send(sync, lane, request, (now, time))?;
                return Ok(Ok(None));
            }
            Command::Wake(at) => {
                if at.0 <= now {
                    return Err(Failure::new("a wake-up in the past"));
                }
                if at.0 - now > LONGEST_WAIT && sync.engine.deadline() != Some(at) {
                    let minutes = (at.0 - now) / 60_000;
                    self.broken
                        .push(format!("the sync wants to wait for {minutes} minutes"));
                }
                sync.wake = Some(at.0);
                return Ok(Ok(None));
            }
            Command::Finish { ended, problem } => return self.finish(sync, (ended, problem), now),
        };
        match did {
            Did::Done(event) => Ok(Ok(Some(event))),
            Did::Refused(error) => match self.disk.calm() {
                Some(Blow::Full) => Ok(Ok(Some(Event::StorageFailed(error.to_string())))),
                _ => Err(Failure::new(format!("a fine disk that fails: {error}"))),
            },
            Did::Died => Ok(Err(Death::Saving)),
        }
    }

    fn send(
        &mut self,
        sync: &mut Running,
        lane: Lane,
        request: Request,
        (now, time): (i64, i64),
    ) -> Fallible<()> {
        if sync.asked.iter().any(|other| other.lane == lane) {
            self.broken
                .push(format!("{lane:?} has two requests under way"));
        }
        if now < sync.quiet && lane != Lane::Session {
            self.broken
                .push("something was sent while the server wanted quiet".to_owned());
        }
        let seconds = sync.budget.seconds.map_or(i64::MAX, i64::from);
        if now >= seconds.saturating_mul(1_000) {
            self.broken
                .push("something was sent after the deadline".to_owned());
        }
        let handheld = self
            .handheld
            .as_ref()
            .ok_or_else(|| Failure::new("a sync without a handheld"))?;
        let driver = Driver::of(handheld);
        let mut answer = None;
        let mut piece = Vec::new();
        if let Request::Chunk {
            upload,
            offset,
            length,
            ..
        } = &request
        {
            match driver.piece(upload, *offset, *length) {
                Ok(bytes) => piece = bytes,
                Err(error) => answer = Some(Reply::Broken(error.to_string())),
            }
        }
        if let Request::Create(upload) = &request
            && sync.budget.metered
            && upload.kind == gridcrew_sync_protocol::media::MediaKind::Original
        {
            self.broken
                .push("an original was sent over a metered link".to_owned());
        }
        sync.asked.push(Asked {
            lane,
            request,
            credentials: driver.credentials(),
            piece,
            asked: self.hardware.uptime(),
            since: time,
            answer,
            outlived: false,
        });
        Ok(())
    }

    fn finish(
        &mut self,
        sync: &mut Running,
        (ended, problem): (Ended, Option<Problem>),
        now: i64,
    ) -> Fallible<Result<Option<Event>, Death>> {
        let spent = sync.engine.spent();
        if let (Ended::BudgetSpent, None, Some(seconds)) =
            (ended, sync.budget.bytes, sync.budget.seconds)
        {
            let left = i64::from(seconds) * 1_000 - now;
            if left > LONGEST_WAIT {
                let minutes = left / 60_000;
                self.broken.push(format!(
                    "a sync ends as if its time were spent, {minutes} minutes early"
                ));
            }
        }
        if let Some(most) = sync.budget.bytes
            && spent.sent > most + QUESTION
        {
            self.broken
                .push(format!("{} bytes were sent of {most} allowed", spent.sent));
        }
        let budget = sync.budget;
        self.ended = Some((ended, problem.clone()));
        match self
            .with(|handheld| Driver::of(handheld).end(spent, (ended, problem.clone()), budget))
        {
            Did::Done(_) => Ok(Ok(None)),
            Did::Refused(error) => match self.disk.calm() {
                Some(Blow::Full) => Ok(Ok(None)),
                _ => Err(Failure::new(format!("a fine disk that fails: {error}"))),
            },
            Did::Died => Ok(Err(Death::Saving)),
        }
    }

    /// Enrols the handheld with a code of its person; whether the server lets it in, which
    /// it does not when it was revoked for good.
    ///
    /// # Errors
    /// When the server does not let it in for another reason.
    pub fn enrol(&mut self, server: &mut dyn Server) -> Fallible<bool> {
        self.sync = None;
        let person = self.person;
        let code = server.code_for(person)?;
        let did = self.with(|handheld| {
            Driver::of(handheld).enrol("http://server", &code, "simulated", |request| match server
                .enrol(person, request)
            {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(code)) => Err(Error::Refused {
                    code,
                    detail: String::new(),
                }),
                Err(failure) => Err(Error::Unreachable(failure.to_string())),
            })
        });
        match did {
            Did::Done(_) => Ok(true),
            Did::Refused(Error::Refused {
                code: Code::AuthRevoked,
                ..
            }) => Ok(false),
            Did::Refused(error) => Err(Failure::new(format!("enrolment failed: {error}"))),
            Did::Died => Err(Failure::new("the process died while it enrolled")),
        }
    }

    /// The process is gone; gives the requests that were under way.
    pub fn close(&mut self) -> Vec<Asked> {
        self.handheld = None;
        self.die_at = None;
        let asked = self.sync.take().map(|sync| sync.asked);
        asked.unwrap_or_default()
    }

    /// The power is gone: what was not durable is lost. Gives the requests that were under
    /// way, and whether a write is torn.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn lose_power(&mut self, chance: &mut Chance) -> Fallible<(Vec<Asked>, bool)> {
        let (remains, torn) = self.disk.remains(&self.folder, chance.draw())?;
        let asked = self.close();
        remains.put(&self.folder)?;
        Ok((asked, torn))
    }
}
