//! PostgreSQL under the server is restarted, killed, full, only for reading, locked
//! (RELIABILITY faults 21 and 22): the server says that it cannot now, keeps what it
//! confirmed, and goes on by itself when the database does.

use super::{
    cluster::{Cluster, End, connect},
    disk::Disk,
    full::fill,
    ground::Ground,
    tally::Tally,
};
use crate::{
    Failure, Fallible,
    failure::ensure,
    postgres::TestDatabase,
    raw::{RawHandheld, picture},
    server::Server,
};
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, journal::Batch, push::PushOutcome};
use sea_orm::ConnectionTrait;
use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// Handhelds that push while the database is disturbed.
const HANDS: u32 = 4;
/// How soon after the database serves again the server does.
const HEALS_WITHIN: Duration = Duration::from_secs(5);
/// Pushes after which a database that has no room must have refused one.
const MOST_PUSHES: u32 = 600;

/// A ground on a database of the cluster.
///
/// # Errors
/// When it cannot be set up.
pub async fn ground(cluster: &Cluster) -> Fallible<Ground> {
    Ground::set(TestDatabase::in_cluster(&cluster.url()).await?).await
}

/// What was answered to a batch.
enum Answer {
    Held,
    Refused(String),
}

/// Pushes a batch once. No answer, 503 and 507 are right while the database is away, each
/// with its code; nothing else is.
async fn push(hand: &RawHandheld, batch: &Batch) -> Fallible<Answer> {
    let reply = match hand.push(batch).await {
        Ok(reply) => reply,
        Err(failure) => return Ok(Answer::Refused(failure.to_string())),
    };
    if reply.status == 200 {
        return match hand.outcome_of(&reply)? {
            PushOutcome::Held { receipt, .. } if receipt.is_signed_by(&hand.server_key) => {
                Ok(Answer::Held)
            }
            other => Err(Failure::new(format!("{other:?}"))),
        };
    }
    let code = reply.problem()?;
    let known = [("storage.full", 507), ("unavailable", 503)];
    ensure(known.contains(&(code.as_str(), reply.status)), || {
        reply.said()
    })?;
    ensure(reply.headers.contains_key("retry-after"), || {
        format!("when to come again is not said: {}", reply.said())
    })?;
    Ok(Answer::Refused(code))
}

/// What a handheld did under load.
struct Did {
    marks: Vec<String>,
    refused: u32,
    wrong: Vec<String>,
}

/// Pushes one note after the other, each again and again until it is held.
async fn notes(
    mut hand: RawHandheld,
    order: OrderId,
    name: String,
    mut over: watch::Receiver<bool>,
) -> Fallible<Did> {
    let mut did = Did {
        marks: Vec::new(),
        refused: 0,
        wrong: Vec::new(),
    };
    for number in 0u32.. {
        let mark = format!("{name}-{number}");
        let batch = hand.batch(&[hand.note(order, &mark)]);
        loop {
            match push(&hand, &batch).await {
                Ok(Answer::Held) => break,
                Ok(Answer::Refused(_)) => did.refused += 1,
                Err(failure) => did.wrong.push(failure.to_string()),
            }
            ensure(did.wrong.len() < 20, || format!("{:?}", did.wrong))?;
            sleep(Duration::from_millis(50)).await;
        }
        hand.went_on(&batch);
        did.marks.push(mark);
        if *over.borrow_and_update() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(did)
}

/// PostgreSQL ends in this way so often, under pushes and uploads.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn ends(cluster: &Cluster, how: End, times: u32) -> Fallible<Tally> {
    let name = match how {
        End::Fast => "fast",
        End::Immediate => "immediate",
        End::KillOne => "kill-one",
        End::KillAll => "kill-all",
    };
    let mut tally = Tally::of(format!("database-{name}"));
    let mut ground = ground(cluster).await?;
    let owner = ground.scene.owner(ground.order).await?;
    let process = ground.scene.server.process()?;
    let over = watch::Sender::new(false);
    let mut hands = JoinSet::new();
    for number in 0..HANDS {
        let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
        hand.push_on(&[hand.opening()]).await?;
        let name = format!("load-{number}");
        hands.spawn(notes(hand, ground.order, name, over.subscribe()));
    }
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let mut slowest = Duration::ZERO;
    for round in 0..times {
        let photo = picture(50_000_000 + round)?;
        let digest = Digest::of(&photo);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        let promise = hand.batch(&[hand.arrived(ground.order, &[&photo])]);
        let ended = async {
            sleep(Duration::from_millis(u64::from(round % 10) * 15)).await;
            cluster.end(how).await?;
            Ok::<_, Failure>(Instant::now())
        };
        // The promise and its photo are on their way meanwhile.
        let under_way = async {
            if let Ok(Answer::Held) = push(&hand, &promise).await {
                drop(hand.upload(&photo).await);
            }
        };
        let (ended, ()) = tokio::join!(ended, under_way);
        let served = ended?;
        tally.points += 1;
        tally.hits += 1;
        hand.push_until_held(&promise).await?;
        slowest = slowest.max(served.elapsed());
        hand.upload_until_held(&photo).await?;
        ground.ledger.received(&digest.to_string());
        tally.confirm(true);
    }
    over.send_replace(true);
    while let Some(done) = hands.join_next().await {
        let did = done??;
        tally.refused += did.refused;
        did.wrong.into_iter().for_each(|what| tally.wrong(what));
        for mark in did.marks {
            ground.ledger.attempt(&mark, None);
            ground.ledger.received(&mark);
            tally.confirm(true);
        }
    }
    if slowest > HEALS_WITHIN {
        tally.wrong(format!("healed only after {slowest:.1?}"));
    }
    if ground.scene.server.process()? != process || !ground.scene.server.runs()? {
        tally.wrong("the server ended");
    }
    tally.name = format!("{} (heals: {slowest:.1?})", tally.name);
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// What a ground's handheld meets while the database is disturbed: every push is refused
/// with a code, what may be read is read, and once it is over the same push is held, by the
/// same process.
struct Meeting<'a> {
    ground: &'a mut Ground,
    hand: RawHandheld,
    tally: &'a mut Tally,
}

impl<'a> Meeting<'a> {
    async fn of(ground: &'a mut Ground, tally: &'a mut Tally) -> Fallible<Self> {
        let owner = ground.scene.owner(ground.order).await?;
        let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
        hand.push_on(&[hand.opening()]).await?;
        Ok(Self {
            ground,
            hand,
            tally,
        })
    }

    /// Pushes notes until one is refused with one of `codes`, at most `most`.
    async fn refused(&mut self, what: &str, codes: &[&str], most: u32) -> Fallible<Batch> {
        for _ in 0..most {
            let mark = self.ground.mark();
            self.ground.ledger.attempt(&mark, None);
            let batch = self.hand.batch(&[self.hand.note(self.ground.order, &mark)]);
            self.tally.points += 1;
            match push(&self.hand, &batch).await? {
                Answer::Held => {
                    self.hand.went_on(&batch);
                    self.ground.ledger.received(&mark);
                    self.tally.confirm(true);
                }
                Answer::Refused(code) => {
                    self.tally.hits += 1;
                    self.tally.refused += 1;
                    if !codes.contains(&code.as_str()) {
                        self.tally.wrong(format!("{what}: {code}"));
                    }
                    return Ok(batch);
                }
            }
        }
        Err(Failure::new(format!(
            "{what}: {most} pushes and none refused"
        )))
    }

    /// What was refused is held now.
    async fn healed(&mut self, batch: &Batch) -> Fallible<()> {
        self.hand.push_until_held(batch).await?;
        for attempt in self.ground.ledger.attempts.values_mut() {
            // Everything that was attempted was pushed in the end.
            attempt.received = true;
        }
        self.tally.confirm(true);
        Ok(())
    }

    async fn reads(&mut self, what: &str) -> Fallible<()> {
        let read = self.ground.scene.township.staff.get("/orders").await?;
        if read.status != 200 {
            self.tally.wrong(format!("{what}: {}", read.said()));
        }
        Ok(())
    }
}

/// PostgreSQL is only for reading, locks, ends statements, has no connection left.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn refuses(cluster: &Cluster) -> Fallible<Tally> {
    let mut tally = Tally::of("database-refuses");
    // No superuser: for those there is no limit.
    cluster
        .execute("CREATE ROLE limited LOGIN CREATEDB")
        .await?;
    let database = TestDatabase::in_cluster(&cluster.url_as("limited")).await?;
    let mut ground = Ground::set(database).await?;
    let url = ground.scene.server.database_url();
    let mut meeting = Meeting::of(&mut ground, &mut tally).await?;
    let unavailable = ["unavailable"];

    cluster
        .set("default_transaction_read_only", Some("on"))
        .await?;
    let batch = meeting
        .refused("only for reading", &unavailable, 50)
        .await?;
    meeting.reads("only for reading").await?;
    cluster.set("default_transaction_read_only", None).await?;
    meeting.healed(&batch).await?;

    // Somebody holds a table; the server's own limit on waiting for it is 15 s.
    let holder = connect(&url).await?;
    for (what, setting) in [("lock timeout", None), ("statement timeout", Some("300ms"))] {
        cluster.set("statement_timeout", setting).await?;
        holder
            .execute_unprepared("SET statement_timeout = 0")
            .await?;
        holder
            .execute_unprepared("BEGIN; LOCK TABLE entry IN EXCLUSIVE MODE")
            .await?;
        let batch = meeting.refused(what, &unavailable, 5).await?;
        meeting.reads(what).await?;
        holder.execute_unprepared("ROLLBACK").await?;
        cluster.set("statement_timeout", None).await?;
        meeting.healed(&batch).await?;
    }
    holder.close().await?;

    // No connection is left for the server, and those that it has are ended.
    cluster
        .execute("ALTER ROLE limited CONNECTION LIMIT 0")
        .await?;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'limited'";
    cluster.execute(end).await?;
    let batch = meeting.refused("no connection", &unavailable, 5).await?;
    cluster
        .execute("ALTER ROLE limited CONNECTION LIMIT -1")
        .await?;
    meeting.healed(&batch).await?;
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// The disk of PostgreSQL is full: of its tables alone, or of everything it writes.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn full() -> Fallible<Result<Tally, String>> {
    let mut tally = Tally::of("database-full");
    let folder = tempfile::tempdir()?;
    // PostgreSQL is another user.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    for everything in [false, true] {
        let name = if everything { "everything" } else { "tables" };
        let disk = match Disk::make(folder.path(), name, 192).await? {
            Ok(disk) => disk,
            Err(why) => return Ok(Err(why)),
        };
        let done = on_disk(&disk, everything, &mut tally).await;
        disk.throw_away().await?;
        if let Err(why) = done? {
            return Ok(Err(why));
        }
    }
    Ok(Ok(tally))
}

async fn on_disk(disk: &Disk, everything: bool, tally: &mut Tally) -> Fallible<Result<(), String>> {
    let within = everything.then(|| disk.folder());
    let cluster = match Cluster::start(within).await? {
        Ok(cluster) => cluster,
        Err(why) => return Ok(Err(why)),
    };
    let mut database = TestDatabase::in_cluster(&cluster.url()).await?;
    if !everything {
        let place = disk.folder().join("tables");
        std::fs::create_dir_all(&place)?;
        cluster.own(&place).await?;
        let made = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
        cluster.execute(&made).await?;
        database = TestDatabase::in_cluster(&cluster.url()).await?;
        let moved = format!("ALTER DATABASE {} SET TABLESPACE small", database.name());
        cluster.execute(&moved).await?;
    }
    let mut ground = Ground::set(database).await?;
    let ballast = disk.folder().join("ballast");
    let mut meeting = Meeting::of(&mut ground, tally).await?;
    let codes = ["storage.full", "unavailable"];
    for room_kib in [64u64, 8, 0] {
        let what = format!("{room_kib} KiB left");
        fill(&ballast, disk.folder(), room_kib * 1024)?;
        let batch = meeting.refused(&what, &codes, MOST_PUSHES).await;
        if !everything {
            meeting.reads(&what).await?;
        }
        std::fs::remove_file(&ballast)?;
        if everything {
            // Without room for its log PostgreSQL ends, and whoever keeps it starts it.
            alive(&cluster).await?;
        }
        meeting.healed(&batch?).await?;
    }
    ground.judge(tally).await?;
    drop(ground);
    drop(cluster);
    Ok(Ok(()))
}

/// Starts the cluster if it is not there, and waits until it serves.
async fn alive(cluster: &Cluster) -> Fallible<()> {
    let serves = tokio::time::timeout(Duration::from_secs(5), cluster.serves());
    if !matches!(serves.await, Ok(Ok(()))) {
        cluster.begin().await?;
    }
    cluster.serves().await
}

/// Two servers on one database, every batch sent to both at the same time: one record, one
/// chain, whoever was first.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn two_servers(cluster: &Cluster, times: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("database-two-servers");
    let mut ground = ground(cluster).await?;
    let scene = &ground.scene;
    let mut second = Server::on(scene.server.data(), scene.database())?;
    second.start().await?;
    let owner = ground.scene.owner(ground.order).await?;
    let mut here = RawHandheld::enrol(&ground.scene.township, owner).await?;
    here.push_on(&[here.opening()]).await?;
    for round in 0..times {
        let there = RawHandheld {
            client: here.client.at(&second.url()?),
            ..here.clone()
        };
        let mark = ground.mark();
        ground.ledger.attempt(&mark, None);
        let batch = here.batch(&[here.note(ground.order, &mark)]);
        tally.points += 1;
        let (one, other) = tokio::join!(push(&here, &batch), push(&there, &batch));
        for answer in [one?, other?] {
            match answer {
                Answer::Held => tally.hits += 1,
                Answer::Refused(why) => {
                    tally.refused += 1;
                    tally.wrong(format!("round {round}: {why}"));
                }
            }
        }
        here.went_on(&batch);
        ground.ledger.received(&mark);
        tally.confirm(true);
    }
    second.kill().await?;
    ground.judge(&mut tally).await?;
    Ok(tally)
}
