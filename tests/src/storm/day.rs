//! The day itself: orders come in, handhelds work, things are killed; then the storm is
//! over and everything comes to rest.

use super::{
    child::{self, Killed, Told},
    figures::Times,
    ledger::Ledger,
    photos::Photos,
    requests::Request,
    setup::Crew,
    weather,
    worker::Worker,
};
use crate::{
    failure::{Failure, Fallible, ensure},
    link::Link,
    server::Server,
    township::{Township, order},
};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::ids::PersonId;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

/// Orders that may be on their way in at the same time.
const INTAKES: usize = 4;
/// Things that a handheld does between two syncs.
const BOUT: usize = 14;
/// Most seconds of a sync on the day, and of one when the storm is over.
const SYNC: (u32, u32) = (3, 40);
/// How many times each of the handhelds in processes of their own is killed.
const KILLS: u32 = 2;
/// How long an order may be on its way in, restarts of the server included.
const INTAKE_WITHIN: Duration = Duration::from_secs(60);
/// After how much of the orders the server is killed.
const SERVER_KILLS: [usize; 3] = [20, 50, 80];
/// How long the server stays down.
const DOWN: Duration = Duration::from_millis(700);
/// Most rounds until everything has come to rest.
const REST_ROUNDS: u32 = 12;

/// What a day is made of.
#[derive(Debug)]
pub struct Day {
    /// The township.
    pub township: Township,
    /// The handhelds.
    pub crews: Vec<Crew>,
    /// How many of them run as processes of their own and are killed.
    pub processes: usize,
    /// The photos.
    pub photos: Arc<Photos>,
    /// The folder of real data.
    pub data: PathBuf,
    /// Where files are made.
    pub scratch: PathBuf,
    /// How long the orders take to come in.
    pub length: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Aftermath {
    /// What each handheld attempted and was told.
    pub ledgers: Vec<Ledger>,
    /// The handhelds, at rest.
    pub handhelds: Vec<Handheld>,
    /// Their links.
    pub links: Vec<Arc<Link>>,
    /// How long each order took from being sent to the answer, the server being up.
    pub intakes: Times,
    /// How often an order was sent again because no answer came.
    pub sent_again: usize,
    /// How often the server was killed.
    pub server_kills: usize,
    /// What came of the handhelds that were killed.
    pub killed: Vec<Killed>,
    /// From the first order until everything had come to rest.
    pub took: Duration,
}

/// Lets the day pass.
///
/// # Errors
/// When anything happens that never may.
pub async fn pass(day: Day, requests: &[Request], server: &mut Server) -> Fallible<Aftermath> {
    let began = Instant::now();
    let colleagues: Vec<PersonId> = day.crews.iter().map(|crew| crew.person).collect();
    let links: Vec<Arc<Link>> = day
        .crews
        .iter()
        .map(|crew| Arc::clone(&crew.link))
        .collect();
    let over = watch::Sender::new(false);
    let mut working = JoinSet::new();
    let mut children = JoinSet::new();
    let mut winds = JoinSet::new();
    let mut ledgers = Vec::new();
    for (crew, number) in day.crews.into_iter().zip(0usize..) {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        ledgers.push(Arc::clone(&ledger));
        let seed = number as u64;
        let scratch = day.scratch.join(format!("{number:02}"));
        std::fs::create_dir_all(&scratch)?;
        let own_process = number < day.processes;
        let told = (!own_process).then(|| crew.handheld.clone());
        winds.spawn(weather::blow(crew.link, told, seed, over.subscribe()));
        if own_process {
            drop(crew.handheld);
            let told = Told {
                folder: crew.folder,
                data: day.data.clone(),
                scratch,
                colleagues: colleagues.clone(),
                seed: seed * 1_000,
                bout: BOUT,
                sync_seconds: SYNC.0,
            };
            children.spawn(process(told, day.photos.clone(), ledger, over.subscribe()));
        } else {
            let worker = worker(
                &crew.handheld,
                &day.photos,
                scratch,
                &colleagues,
                seed,
                ledger,
            );
            working.spawn(work(worker, over.subscribe()));
        }
    }
    let orders = take_in(&day.township, requests, day.length, server).await?;
    over.send_replace(true);
    while winds.join_next().await.transpose()?.is_some() {}
    let (mut workers, mut killed) = (Vec::new(), Vec::new());
    while let Some(done) = working.join_next().await {
        workers.push(done??);
    }
    while let Some(done) = children.join_next().await {
        let (worker, one) = done??;
        workers.push(worker);
        killed.push(one);
    }
    let workers = rest(workers).await?;
    Ok(Aftermath {
        ledgers: ledgers
            .iter()
            .map(|ledger| {
                ledger
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
            })
            .collect(),
        handhelds: workers
            .iter()
            .map(|worker| worker.handheld().clone())
            .collect(),
        links,
        intakes: orders.times,
        sent_again: orders.sent_again,
        server_kills: orders.kills,
        killed,
        took: began.elapsed(),
    })
}

fn worker(
    handheld: &Handheld,
    photos: &Arc<Photos>,
    scratch: PathBuf,
    colleagues: &[PersonId],
    seed: u64,
    ledger: Arc<Mutex<Ledger>>,
) -> Worker {
    let say = Box::new(move |line| {
        ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(line);
        Ok(())
    });
    let colleagues = colleagues.to_vec();
    Worker::new(
        handheld.clone(),
        Arc::clone(photos),
        scratch,
        colleagues,
        seed,
        say,
    )
}

/// Works and syncs until the storm is over.
async fn work(mut worker: Worker, over: watch::Receiver<bool>) -> Fallible<Worker> {
    while !*over.borrow() {
        tokio::task::block_in_place(|| worker.work(BOUT))?;
        worker.sync(SYNC.0).await?;
    }
    Ok(worker)
}

/// A handheld as a process that is killed, until the storm is over; then the same handheld
/// in this process.
async fn process(
    told: Told,
    photos: Arc<Photos>,
    ledger: Arc<Mutex<Ledger>>,
    over: watch::Receiver<bool>,
) -> Fallible<(Worker, Killed)> {
    let (folder, scratch) = (told.folder.clone(), told.scratch.clone());
    let (colleagues, seed) = (told.colleagues.clone(), told.seed + 500);
    let killed = child::run_and_kill(told, KILLS, Arc::clone(&ledger), over).await?;
    let handheld = Handheld::open(&folder)?;
    Ok((
        worker(&handheld, &photos, scratch, &colleagues, seed, ledger),
        killed,
    ))
}

/// Rounds of finishing all work and syncing everything, until a whole round brought nothing
/// new on any handheld: an order that was handed over needs one more.
async fn rest(mut workers: Vec<Worker>) -> Fallible<Vec<Worker>> {
    let mut quiet = 0;
    for _ in 0..REST_ROUNDS {
        let mut round = JoinSet::new();
        for mut worker in workers.drain(..) {
            round.spawn(async move {
                let before = worker.sync(SYNC.1).await?;
                let did = tokio::task::block_in_place(|| worker.work(usize::MAX))?;
                let after = if did > 0 {
                    worker.sync(SYNC.1).await?
                } else {
                    before
                };
                Ok::<_, Failure>((worker, did == 0 && after.done))
            });
        }
        let mut all_quiet = true;
        while let Some(done) = round.join_next().await {
            let (worker, is_quiet) = done??;
            all_quiet &= is_quiet;
            workers.push(worker);
        }
        quiet = if all_quiet { quiet + 1 } else { 0 };
        if quiet == 2 {
            return Ok(workers);
        }
    }
    Err(Failure::new(format!(
        "not everything came to rest in {REST_ROUNDS} rounds"
    )))
}

struct TakenIn {
    times: Times,
    sent_again: usize,
    kills: usize,
}

/// Takes the requests in, spread over the length of the day as they were over theirs, and
/// kills the server on the way.
async fn take_in(
    township: &Township,
    requests: &[Request],
    length: Duration,
    server: &mut Server,
) -> Fallible<TakenIn> {
    let began = Instant::now();
    let turns = Arc::new(Semaphore::new(INTAKES));
    let sent_again = Arc::new(AtomicUsize::new(0));
    let mut under_way = JoinSet::new();
    let count = requests.len();
    let mut kills = 0;
    for (number, request) in requests.iter().enumerate() {
        if kills < SERVER_KILLS.len() && number * 100 >= count * SERVER_KILLS[kills] {
            // Killed while orders, records and photos are on their way in.
            server.kill().await?;
            sleep(DOWN).await;
            server.start().await?;
            kills += 1;
        }
        let due = length.mul_f64(time_of_day(&request.opened)?);
        sleep(due.saturating_sub(began.elapsed())).await;
        let turn = Arc::clone(&turns).acquire_owned().await?;
        let (township, again) = (township.clone(), Arc::clone(&sent_again));
        let place = request.place.map(|place| (place.lon, place.lat));
        let body = order(
            township.station,
            "311",
            &request.number,
            place,
            &request.title,
        );
        under_way.spawn(async move {
            let time = send(&township, &body, &again).await;
            drop(turn);
            time
        });
    }
    let mut times = Times::default();
    while let Some(done) = under_way.join_next().await {
        times.add(done??);
    }
    Ok(TakenIn {
        times,
        sent_again: sent_again.load(Ordering::Relaxed),
        kills,
    })
}

/// Sends an order until it is answered; how long the answered try took.
async fn send(
    township: &Township,
    body: &serde_json::Value,
    sent_again: &AtomicUsize,
) -> Fallible<Duration> {
    let began = Instant::now();
    loop {
        let tried = Instant::now();
        let why = match township.intake(body).await {
            Ok(reply) if reply.status == 503 => reply.said(),
            Ok(reply) => {
                reply.done()?;
                return Ok(tried.elapsed());
            }
            Err(failure) => failure.to_string(),
        };
        ensure(began.elapsed() < INTAKE_WITHIN, || {
            format!("an order cannot come in: {why}")
        })?;
        sent_again.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(100)).await;
    }
}

/// How much of its day had passed at `2011-08-28 06:00:00`: 0.25.
fn time_of_day(opened: &str) -> Fallible<f64> {
    let odd = || Failure::new(format!("not a time: {opened}"));
    let (_, time) = opened.split_once(' ').ok_or_else(odd)?;
    let mut parts = time.split(':').map(str::parse::<f64>);
    let mut next = || parts.next().and_then(Result::ok).ok_or_else(odd);
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Ok(((hours * 60.0 + minutes) * 60.0 + seconds) / 86_400.0)
}

/// The bytes of all links by what they were for.
#[must_use]
pub fn on_the_wire(links: &[Arc<Link>]) -> BTreeMap<crate::link::Lane, crate::link::Passed> {
    let mut sum = BTreeMap::new();
    for (lane, passed) in links.iter().flat_map(|link| link.passed()) {
        let total: &mut crate::link::Passed = sum.entry(lane).or_default();
        total.requests += passed.requests;
        total.up += passed.up;
        total.down += passed.down;
    }
    sum
}

/// The requests of a day in the order of their time.
#[must_use]
pub fn of_day(requests: &[Request], day: &str) -> Vec<Request> {
    let mut found: Vec<Request> = requests
        .iter()
        .filter(|request| request.is_of(day))
        .cloned()
        .collect();
    found.sort_by(|a, b| (&a.opened, &a.number).cmp(&(&b.opened, &b.number)));
    found
}

/// Where files are made: a folder of its own below `folder`.
///
/// # Errors
/// When it cannot be made.
pub fn folder_for(folder: &Path, name: &str) -> Fallible<PathBuf> {
    let path = folder.join(name);
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::time_of_day;

    #[test]
    fn six_in_the_morning_is_a_quarter_of_the_day() {
        assert!((time_of_day("2011-08-28 06:00:00").unwrap() - 0.25).abs() < 1e-9);
        assert!(time_of_day("2011-08-28").is_err());
    }
}
