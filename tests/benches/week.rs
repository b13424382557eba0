//! A week without a network: 10,000 records and 1,000 photos wait on one handheld.
//!
//! `cargo bench -p gridcrew-tests --bench week` (with `gridcrew` and `gridcrew-handheld`
//! built in release; `GRIDCREW_REAL_DATA` for the recorded 3G link, default
//! `../shared/data`) enrols a real handheld, works 250 orders through with four photos each
//! and 8,000 notes, everything by the public surface and durable one by one, and then looks
//! at
//!
//! - how long recording took, and how soon the program opens on that store;
//! - the sync over loopback, by the handheld's own process: when the first record was
//!   acknowledged, how fast the records drained, what memory it took, what went over the
//!   wire beside the photos;
//! - the order of things on the recorded 3G link: records, previews, originals;
//! - what a cut costs.
//!
//! A bound that is not kept ends it with a failure.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use gridcrew_mobile_core::{Budget, Handheld, PhotoInput, StepInput};
use gridcrew_sync_protocol::{
    arrival::NOT_THERE_REASON,
    ids::OrderId,
    record::Value,
    workflow::{FieldKind, FieldSpec, StepSpec},
};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    link::{Lane, Link, Passed, Quality, Trace},
    postgres::{Engine, TestDatabase},
    scene::{CORNER, SIDE, Scene},
    server::{Server, peak_memory_kib, program},
    township::order,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::Command;

const ORDERS: usize = 250;
const RECORDS: usize = 10_000;
const PHOTOS: usize = 1_000;
/// Most of what the issue allows: seconds to the first acknowledgement, bytes a record, the
/// share of photo bytes, milliseconds to record a step, of a cold open, and MB of memory.
const FIRST_ACK: Duration = Duration::from_secs(2);
const RECORDS_A_SECOND: f64 = 5_000.0;
const BYTES_A_RECORD: f64 = 120.0;
const PHOTO_SHARE: f64 = 1.05;
const STEP_P99: Duration = Duration::from_millis(20);
const COLD_OPEN: Duration = Duration::from_millis(100);
const MEMORY_MB: f64 = 30.0;
/// Bytes of a chunk: what a cut may cost at most.
const CHUNK: u64 = 256 * 1024;

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut stage = Stage::set().await?;
    let steps = stage.work().await?;
    let mut kept = Kept::default();
    println!(
        "recording, durable one by one: p50 {:?}, p99 {:?}, most {:?} of {} records",
        steps.at(0.50),
        steps.at(0.99),
        steps.at(1.0),
        steps.0.len()
    );
    kept.hold("a record is durable soon, p99", steps.at(0.99) < STEP_P99);
    let opened = stage.cold_open().await?;
    println!("cold open, status said, process and all: {opened:?}");
    kept.hold("cold open", opened < COLD_OPEN);
    // Each sync meets a server that knows nothing of the week yet.
    stage.scene.server.kill().await?;
    loopback(&stage, &mut kept).await?;
    recorded_link(&stage, &mut kept).await?;
    cuts(&stage, &mut kept).await?;
    kept.verdict()
}

/// Which bounds were kept.
#[derive(Default)]
struct Kept(Vec<(&'static str, bool)>);

impl Kept {
    fn hold(&mut self, what: &'static str, kept: bool) {
        println!("{} {what}", if kept { "ok  " } else { "NOT " });
        self.0.push((what, kept));
    }

    fn verdict(self) -> Fallible<()> {
        let broken: Vec<_> = self.0.iter().filter(|(_, kept)| !kept).collect();
        ensure(broken.is_empty(), || format!("not kept: {broken:?}"))
    }
}

/// Times, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn at(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// A server with orders of one manager, and his handheld.
struct Stage {
    scene: Scene,
    handheld: Handheld,
    orders: Vec<OrderId>,
}

impl Stage {
    async fn set() -> Fallible<Self> {
        let database = TestDatabase::fresh(Engine::Sqlite)
            .await?
            .ok_or_else(|| Failure::new("no SQLite"))?;
        let scene = Scene::set(database).await?;
        let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
        let mut orders = Vec::with_capacity(ORDERS);
        for number in 0..ORDERS {
            let number = format!("w{number}");
            let wish = order(
                scene.township.station,
                "95598",
                &number,
                Some((lon, lat)),
                "x",
            );
            let made = scene.township.intake(&wish).await?.done()?;
            orders.push(gridcrew_tests::township::id_of(&made, "id")?);
        }
        let first = orders.first().copied();
        let first = first.ok_or_else(|| Failure::new("no order"))?;
        let owner = scene.owner(first).await?;
        let folder = scene.folder.path().join("handheld");
        let handheld = scene
            .township
            .handheld(owner, &scene.server.url()?, &folder)
            .await?;
        handheld.sync(Budget::default()).await?;
        Ok(Self {
            scene,
            handheld,
            orders,
        })
    }

    fn folder(&self) -> PathBuf {
        self.scene.folder.path().join("handheld")
    }

    /// A copy of the handheld as it came back, and of the server as it was then.
    async fn copy(&self, name: &str) -> Fallible<(PathBuf, Server)> {
        let place = |what: &str| self.scene.folder.path().join(format!("{what}-{name}"));
        fs_copy(&self.folder(), &place("handheld"))?;
        fs_copy(self.scene.server.data(), &place("server"))?;
        let mut server = Server::on(&place("server"), None)?;
        server.start().await?;
        Ok((place("handheld"), server))
    }

    /// The work of a week, without a network: how long each record took that carries no
    /// photo.
    async fn work(&self) -> Fallible<Times> {
        let mut shots = Shots::new(self.scene.folder.path())?;
        let mut times = Vec::with_capacity(RECORDS);
        let mut photos = 0;
        for order in &self.orders {
            let began = Instant::now();
            self.handheld.take(*order, Some(20), None)?;
            times.push(began.elapsed());
            loop {
                let card = self.handheld.show(*order)?;
                let Some(next) = card.next.iter().find(|next| !next.spec.optional) else {
                    break;
                };
                let with_photos = shots.input(&next.spec)?;
                photos += with_photos.photos.len();
                let plain = with_photos.photos.is_empty();
                let began = Instant::now();
                self.handheld.step(*order, with_photos, None)?;
                if plain {
                    times.push(began.elapsed());
                }
            }
        }
        let before = self.handheld.status()?.records_waiting;
        let notes = RECORDS.saturating_sub(usize::try_from(before)?);
        for number in 0..notes {
            let order = self.orders[number % self.orders.len()];
            let began = Instant::now();
            match self
                .handheld
                .note(order, &format!("第 {number} 次现场记录"), None)
            {
                Ok(_) => times.push(began.elapsed()),
                Err(error) => return Err(error.into()),
            }
        }
        let waiting = self.handheld.status()?;
        println!(
            "{} records and {} photos wait ({photos} taken)",
            waiting.records_waiting, waiting.photos.originals_waiting
        );
        times.sort();
        Ok(Times(times))
    }

    /// How long the program takes to open the store and say how it stands; the quickest of
    /// five.
    async fn cold_open(&self) -> Fallible<Duration> {
        let program = program("gridcrew-handheld", "GRIDCREW_HANDHELD")?;
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            let said = Command::new(&program)
                .arg("--data")
                .arg(self.folder())
                .arg("status")
                .stdin(Stdio::null())
                .output()
                .await?;
            ensure(said.status.success(), || "status failed".to_owned())?;
            best = best.min(began.elapsed());
        }
        Ok(best)
    }
}

/// Pictures, each its own.
struct Shots {
    folder: PathBuf,
    count: usize,
    randomness: ChaCha8Rng,
}

impl Shots {
    fn new(folder: &Path) -> Fallible<Self> {
        let folder = folder.join("shots");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            count: 0,
            randomness: ChaCha8Rng::seed_from_u64(7),
        })
    }

    /// What a step asks for.
    fn input(&mut self, spec: &StepSpec) -> Fallible<StepInput> {
        let mut values = BTreeMap::new();
        // No satellites here, so who arrives is asked why.
        let filled = |field: &&FieldSpec| !field.optional || field.code.0 == NOT_THERE_REASON;
        for field in spec.fields.iter().filter(filled) {
            let value = match field.kind {
                FieldKind::Flag => Value::Flag(true),
                FieldKind::Whole => Value::Whole(25),
                FieldKind::Decimal => Value::Text("219.5".to_owned()),
                FieldKind::Text => Value::Text("接户线绝缘破损,已更换".to_owned()),
                FieldKind::Choice => {
                    Value::Text(field.choices.first().cloned().unwrap_or_default())
                }
            };
            values.insert(field.code.clone(), value);
        }
        let mut photos = Vec::new();
        for slot in &spec.photos {
            for _ in 0..slot.min.max(1) {
                if self.count < PHOTOS || slot.min > 0 {
                    let path = self.shot()?;
                    let slot = slot.code.0.clone();
                    photos.push(PhotoInput { slot, path });
                }
            }
        }
        Ok(StepInput {
            step: spec.code.0.clone(),
            values,
            photos,
        })
    }

    /// A JPEG of about 200 KB that was never taken before.
    fn shot(&mut self) -> Fallible<PathBuf> {
        let (width, height) = (1_024, 768);
        let mut noise = self.randomness.random::<u32>();
        let pixels = image::RgbImage::from_fn(width, height, |x, y| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as u8;
            image::Rgb([
                (x / 5) as u8 ^ grain,
                (y / 4) as u8,
                (x ^ y) as u8 / 3 + grain,
            ])
        });
        let path = self.folder.join(format!("{}.jpg", self.count));
        self.count += 1;
        let mut out = fs::File::create(&path)?;
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 80);
        pixels.write_with_encoder(encoder)?;
        Ok(path)
    }
}

/// A copy of a handheld's folder that nobody has open for writing.
fn fs_copy(from: &Path, to: &Path) -> Fallible<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs_copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A sync by a process of its own, watched from outside.
struct Watched {
    first_ack: Duration,
    records_done: Duration,
    took: Duration,
    peak_mb: f64,
    passed: BTreeMap<Lane, Passed>,
    records_before_photos: bool,
}

/// Syncs the handheld in `folder` through `link` for at most `seconds`.
async fn watched(folder: &Path, link: &Link, seconds: u32) -> Fallible<Watched> {
    let program = program("gridcrew-handheld", "GRIDCREW_HANDHELD")?;
    point_at(folder, &link.url())?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .arg("--data")
        .arg(folder)
        .args(["sync", "--seconds", &seconds.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let process = child.id().map(|id| id.to_string()).unwrap_or_default();
    let mut seen = Watched {
        first_ack: Duration::ZERO,
        records_done: Duration::ZERO,
        took: Duration::ZERO,
        peak_mb: 0.0,
        passed: BTreeMap::new(),
        records_before_photos: true,
    };
    let mut pushed_before_photos = None;
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = tick.tick() => {
                let passed = link.passed();
                let push = passed.get(&Lane::Push).copied().unwrap_or_default();
                if seen.first_ack.is_zero() && push.down > 0 {
                    seen.first_ack = began.elapsed();
                }
                if pushed_before_photos.is_none() && passed.contains_key(&Lane::Media) {
                    seen.records_done = began.elapsed();
                    pushed_before_photos = Some(push.requests);
                }
                seen.peak_mb = peak_memory_kib(&process)
                    .map_or(seen.peak_mb, |kib| kib as f64 * 1_024.0 / 1e6);
            }
        }
    };
    seen.took = began.elapsed();
    seen.passed = link.passed();
    let pushes = seen.passed.get(&Lane::Push).map(|push| push.requests);
    seen.records_before_photos = pushed_before_photos == pushes;
    ensure(status.success(), || format!("sync ended with {status}"))?;
    Ok(seen)
}

/// Makes a handheld take another address for its server's, as a new network would.
fn point_at(folder: &Path, url: &str) -> Fallible<()> {
    let db = rusqlite::Connection::open(folder.join("handheld.db"))?;
    db.execute("UPDATE identity SET server_url = ?1", [url])?;
    Ok(())
}

async fn loopback(stage: &Stage, kept: &mut Kept) -> Fallible<()> {
    let (folder, server) = stage.copy("loopback").await?;
    let link = Link::to(server.address()?, Quality::good(), 1).await?;
    let seen = watched(&folder, &link, 600).await?;
    let drained = seen.records_done.saturating_sub(seen.first_ack);
    let rate = RECORDS as f64 / seen.records_done.as_secs_f64();
    let push = seen.passed.get(&Lane::Push).copied().unwrap_or_default();
    let media = seen.passed.get(&Lane::Media).copied().unwrap_or_default();
    let each = (push.up + push.down) as f64 / RECORDS as f64;
    let (originals, previews) = photo_bytes(&folder)?;
    let share = media.up as f64 / (originals + previews) as f64;
    println!(
        "loopback: first acknowledgement after {:?}, all records after {:?} ({rate:.0} a \
         second, the process's start included; {drained:?} after the first), all after {:?}, \
         peak {:.1} MB",
        seen.first_ack, seen.records_done, seen.took, seen.peak_mb
    );
    println!(
        "on the wire: {each:.1} bytes a record; photos {} up for {} of originals and {} of \
         previews: {share:.3}",
        media.up, originals, previews
    );
    kept.hold(
        "the first record is acknowledged soon",
        seen.first_ack < FIRST_ACK,
    );
    kept.hold("records drain fast", rate > RECORDS_A_SECOND);
    kept.hold("no photo before the records", seen.records_before_photos);
    kept.hold("bytes a record", each <= BYTES_A_RECORD);
    kept.hold("bytes of photos", share <= PHOTO_SHARE);
    kept.hold("memory of the process", seen.peak_mb < MEMORY_MB);
    let waits = Handheld::open(&folder)?.status()?;
    kept.hold(
        "everything arrived",
        waits.records_waiting == 0 && waits.photos.originals_waiting == 0,
    );
    Ok(())
}

/// The recorded 3G link, for two minutes: the order of things.
async fn recorded_link(stage: &Stage, kept: &mut Kept) -> Fallible<()> {
    let data = env::var_os("GRIDCREW_REAL_DATA")
        .map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let trace = |way: &str| data.join(format!("net_traces/TMobile-UMTS-driving.{way}.gz"));
    if !trace("up").exists() {
        println!("no recorded link at {}: left out", data.display());
        return Ok(());
    }
    let quality = Quality {
        up: Trace::read(&trace("up"))?,
        down: Trace::read(&trace("down"))?,
        delay: Duration::from_millis(60),
        breaks_after: None,
    };
    let (folder, server) = stage.copy("3g").await?;
    let link = Link::to(server.address()?, quality, 3).await?;
    let seen = watched(&folder, &link, 120).await?;
    println!(
        "recorded 3G link: first acknowledgement after {:?}, all records after {:?}",
        seen.first_ack, seen.records_done
    );
    kept.hold(
        "3G: the first record is acknowledged soon",
        seen.first_ack < FIRST_ACK,
    );
    kept.hold(
        "3G: no photo before the records",
        seen.records_before_photos,
    );
    Ok(())
}

/// Twenty cuts while photos go: what was sent again.
async fn cuts(stage: &Stage, kept: &mut Kept) -> Fallible<()> {
    const CUTS: u64 = 20;
    let (folder, server) = stage.copy("cuts").await?;
    let quality = Quality {
        up: Trace::steady(2),
        ..Quality::good()
    };
    let link = Link::to(server.address()?, quality, 5).await?;
    point_at(&folder, &link.url())?;
    let handheld = Handheld::open(&folder)?;
    let working = handheld.clone();
    let syncing = tokio::spawn(async move { working.sync(Budget::default()).await });
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let (mut cut, mut last) = (0, 0);
    while cut < CUTS && !syncing.is_finished() {
        tick.tick().await;
        let up = link.passed().get(&Lane::Media).map_or(0, |media| media.up);
        if up > last + 700_000 {
            (cut, last) = (cut + 1, up);
            link.cut();
            link.mend();
            handheld.network_changed();
        }
    }
    let report = syncing.await??;
    let media = link.passed().get(&Lane::Media).copied().unwrap_or_default();
    let (originals, previews) = photo_bytes(&folder)?;
    let surplus = media.up.saturating_sub(originals + previews);
    // What the requests themselves take is no repetition.
    let heads = media.requests * 700;
    let each = surplus.saturating_sub(heads) / cut.max(1);
    println!(
        "{cut} cuts: {} bytes up for {}, {each} sent again for each ({:?})",
        media.up,
        originals + previews,
        report.ended
    );
    kept.hold("a cut costs at most a chunk", cut > 0 && each <= CHUNK);
    Ok(())
}

/// Bytes of all originals and all previews of a handheld.
fn photo_bytes(folder: &Path) -> Fallible<(u64, u64)> {
    let sum = |name: &str| -> Fallible<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(folder.join(name))? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    };
    Ok((sum("photos")?, sum("previews")?))
}
