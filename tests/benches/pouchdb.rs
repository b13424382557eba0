//! A handheld beside PouchDB: the same records and photos, from one process to a server on
//! the same machine, over the same kind of link, in one run.
//!
//! `deploy/bench-pouchdb` installs PouchDB and PouchDB Server into a folder of its own, builds
//! and runs this. A real handheld records 10,000 events of 1,250 orders, and 100 more with a
//! photo each, all without a network. What it recorded is written out as JSON documents, one a
//! record, put into a PouchDB, and both replicate to a fresh server on its disk through a proxy
//! that counts every byte of HTTP: the records first, then the photos with theirs.
//!
//! The two do not promise the same. Gridcrew's server verifies each batch's signature, folds
//! each order and is durable before it answers (SQLite, `synchronous=FULL`); the handheld marks
//! each record as held, durably. That is what is timed of both: until the sender knows of the
//! last record that it is held. Until the handheld has fetched the feed as well, what its
//! records brought about, is told beside it: PouchDB fetches nothing. PouchDB's LevelDB on
//! both sides does not wait for the disk. Gridcrew's photos have previews beside them; PouchDB's travel in base64.
//! A picture cannot be sent in a quarter of its bytes, so the bar of bytes is that of the
//! records; with photos the ratio is told without a bar.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use gridcrew_mobile_core::{
    Budget, Changed, Handheld, Listener, PhotoInput, Place, Progress, ProgressLane, StepInput,
};
use gridcrew_sync_protocol::{
    ids::OrderId,
    journal::Entry,
    order::Sourced,
    position::{Datum, TypedPosition},
    record::{Fix, Value},
    time::Millis,
};
use gridcrew_tests::{
    Failure, Fallible,
    bars::Bars,
    failure::ensure,
    link::{Lane, Link, Passed, Quality},
    postgres::{Engine, TestDatabase},
    scene::{CORNER, SIDE, Scene},
    township::{id_of, order},
    wait::until,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
};

const RECORDS: usize = 10_000;
const OF_ORDER: usize = 8;
const PHOTOS: usize = 100;
/// Documents in one request of PouchDB: its default, and one that favours it.
const BATCHES: [u32; 2] = [100, 1_000];
/// The bars: times the records a second, and the share of the bytes.
const AT_LEAST: f64 = 20.0;
const AT_MOST: f64 = 0.25;

/// One replication of one side.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// Until the sender knows of the last record that it is held; with photos, until all is
    /// done.
    seconds: f64,
    /// Until the feed is fetched too.
    whole: f64,
    up: u64,
    down: u64,
}

impl Leg {
    fn bytes(&self) -> u64 {
        self.up + self.down
    }

    fn print(&self, who: &str, what: &str, count: usize) {
        println!(
            "{who:<24} {what:<8} {:>8.3} s {:>9.0} a second {:>11} bytes up {:>11} down {:>8.1} bytes each",
            self.seconds,
            count as f64 / self.seconds,
            self.up,
            self.down,
            self.bytes() as f64 / count as f64,
        );
        if self.whole > self.seconds {
            println!("{:>43.3} s with the feed", self.whole);
        }
    }
}

/// Records, then photos with the records that promise them.
#[derive(Clone, Copy, Debug)]
struct Legs {
    records: Leg,
    photos: Leg,
}

impl Legs {
    fn print(&self, who: &str) {
        self.records.print(who, "records", RECORDS);
        self.photos.print(who, "photos", PHOTOS);
    }
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let modules = env::var_os("GRIDCREW_POUCHDB").map(PathBuf::from);
    let Some(modules) = modules.filter(|path| path.join("pouchdb-server").is_dir()) else {
        println!("skipped: GRIDCREW_POUCHDB names no node_modules with pouchdb-server");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let ours = gridcrew(folder.path()).await?;
    ours.print("Gridcrew");
    let mut bars = Bars::default();
    for batch in BATCHES {
        let theirs = pouchdb(folder.path(), &modules, batch).await?;
        theirs.print(&format!("PouchDB, {batch} a request"));
        compare(&ours, &theirs, batch, &mut bars);
    }
    bars.verdict()
}

fn compare(ours: &Legs, theirs: &Legs, batch: u32, bars: &mut Bars) {
    let faster = theirs.records.seconds / ours.records.seconds;
    let share = |ours: u64, theirs: u64| ours as f64 / theirs as f64;
    let records = share(ours.records.bytes(), theirs.records.bytes());
    let all = share(
        ours.records.bytes() + ours.photos.bytes(),
        theirs.records.bytes() + theirs.photos.bytes(),
    );
    println!(
        "records a second: {faster:.1} times (at least {AT_LEAST}); bytes: {records:.3} of the \
         records alone (at most {AT_MOST}), {all:.3} with photos"
    );
    let beside = format!("beside PouchDB with {batch} a request");
    bars.hold(format!("records a second {beside}"), faster >= AT_LEAST);
    bars.hold(format!("bytes of records {beside}"), records <= AT_MOST);
}

/// Bytes of all lanes so far.
fn passed(link: &Link) -> (u64, u64) {
    let passed: BTreeMap<Lane, Passed> = link.passed();
    let sum = |of: fn(&Passed) -> u64| passed.values().map(of).sum();
    (sum(|lane| lane.up), sum(|lane| lane.down))
}

/// Gridcrew's side. Leaves the documents for the other side in `folder`.
async fn gridcrew(folder: &Path) -> Fallible<Legs> {
    let database = TestDatabase::fresh(Engine::Sqlite)
        .await?
        .ok_or_else(|| Failure::new("no SQLite"))?;
    let scene = Scene::set(database).await?;
    let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
    let station = scene.township.station;
    let mut orders = Vec::new();
    for number in 0..RECORDS / OF_ORDER {
        let wish = order(
            station,
            "95598",
            &format!("b{number}"),
            Some((lon, lat)),
            "x",
        );
        let made = scene.township.intake(&wish).await?.done()?;
        orders.push(id_of(&made, "id")?);
    }
    let first = orders.first().ok_or_else(|| Failure::new("no order"))?;
    let owner = scene.owner(*first).await?;
    let link = Link::to(scene.server.address()?, Quality::good(), 1).await?;
    let data = folder.join("gridcrew-handheld");
    let handheld = scene.township.handheld(owner, &link.url(), &data).await?;
    synced(&handheld).await?;

    let mut random = ChaCha8Rng::seed_from_u64(1);
    for order in &orders {
        work(&handheld, *order, &mut random)?;
    }
    let records = records_leg(&handheld, &link).await?;
    let before = own(&handheld, &orders)?;
    ensure(before.len() == RECORDS, || {
        format!("{} records", before.len())
    })?;
    write_documents(&folder.join("records"), before.values())?;

    let mut photos = Vec::new();
    for (number, order) in orders.iter().take(PHOTOS).enumerate() {
        let path = folder.join(format!("{number}.jpg"));
        fs::write(&path, picture(number)?)?;
        arrive(&handheld, *order, &path, &mut random)?;
        photos.push(path);
    }
    let with_photos = leg(&handheld, &link).await?;
    let mut after = own(&handheld, &orders)?;
    after.retain(|id, _| !before.contains_key(id));
    write_photos(&folder.join("photos"), after.values(), &photos)?;
    Ok(Legs {
        records,
        photos: with_photos,
    })
}

async fn synced(handheld: &Handheld) -> Fallible<()> {
    let report = handheld.sync(Budget::seconds(600)).await?;
    let whole = report.succeeded() && report.records_waiting == 0 && report.photos_waiting == 0;
    ensure(whole, || format!("{report:?}"))
}

/// When the last record was known to be held.
#[derive(Debug, Default)]
struct LastHeld(Mutex<Option<Instant>>);

impl Listener for LastHeld {
    fn progress(&self, progress: Progress) {
        if progress.lane == ProgressLane::Records && progress.left == Some(0) {
            let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            at.get_or_insert_with(Instant::now);
        }
    }

    fn changed(&self, _: Changed) {}
}

async fn records_leg(handheld: &Handheld, link: &Link) -> Fallible<Leg> {
    let held = Arc::new(LastHeld::default());
    handheld.listen(Some(held.clone()));
    let began = Instant::now();
    let leg = leg(handheld, link).await?;
    handheld.listen(None);
    let at = *held.0.lock().unwrap_or_else(PoisonError::into_inner);
    let at = at.ok_or_else(|| Failure::new("no word of the last record"))?;
    let seconds = at.duration_since(began).as_secs_f64();
    Ok(Leg { seconds, ..leg })
}

async fn leg(handheld: &Handheld, link: &Link) -> Fallible<Leg> {
    let before = passed(link);
    let began = Instant::now();
    synced(handheld).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = passed(link);
    Ok(Leg {
        seconds,
        whole: seconds,
        up: after.0 - before.0,
        down: after.1 - before.1,
    })
}

/// The records of one order: taken, customer phoned, remarks as managers write them.
fn work(handheld: &Handheld, order: OrderId, random: &mut ChaCha8Rng) -> Fallible<()> {
    const REMARKS: [&str; 6] = [
        "到达小区门口,等物业开门",
        "表箱锁损坏,已拍照,联系班组带锁",
        "接户线断线,准备更换",
        "雨大,等雨停后登杆",
        "测得电压",
        "客户不在家,电话已告知处理结果",
    ];
    handheld.take(order, Some(random.random_range(5..60)), place(random)?)?;
    let values = [
        ("reached".into(), Value::Flag(true)),
        (
            "eta_minutes".into(),
            Value::Whole(random.random_range(5..60)),
        ),
    ];
    let phoned = StepInput {
        step: "phone_customer".to_owned(),
        values: BTreeMap::from(values),
        photos: Vec::new(),
    };
    handheld.step(order, phoned, place(random)?)?;
    for remark in REMARKS {
        let text = format!("{remark} {}", random.random_range(100..9_999));
        handheld.note(order, &text, place(random)?)?;
    }
    Ok(())
}

fn arrive(
    handheld: &Handheld,
    order: OrderId,
    photo: &Path,
    random: &mut ChaCha8Rng,
) -> Fallible<()> {
    // Nobody travels as these fixes say: he is asked why his place does not prove it.
    let text = |text: &str| Value::Text(text.to_owned());
    let values = [
        ("told_how".into(), text("in_person")),
        ("not_there_reason".into(), text("客户改约在路口见面")),
    ];
    let arrived = StepInput {
        step: "arrived".to_owned(),
        values: BTreeMap::from(values),
        photos: vec![PhotoInput {
            slot: "site".to_owned(),
            path: photo.to_owned(),
        }],
    };
    handheld.step(order, arrived, place(random)?)?;
    Ok(())
}

fn place(random: &mut ChaCha8Rng) -> Fallible<Option<Place>> {
    let mut along = |from: f64| {
        let moved: f64 = random.random_range(0.0..SIDE);
        ((from + moved) * 1e7).round() / 1e7
    };
    let position = TypedPosition::new(along(CORNER[0]), along(CORNER[1]), Datum::Wgs84)?;
    let fix = Fix {
        position,
        accuracy_dm: random.random_range(30..230),
        age: Millis(random.random_range(0..20_000)),
        mock: false,
    };
    Ok(Some(fix.into()))
}

/// A picture of some 200 KB, another for each number: coarse noise under a slope.
fn picture(number: usize) -> Fallible<Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(u64::try_from(number)?);
    let picture = image::RgbImage::from_fn(1280, 960, |x, y| {
        let noise: u8 = random.random_range(0..24);
        let slope = u8::try_from((x / 8 + y / 8) % 200).unwrap_or(0);
        image::Rgb([slope.saturating_add(noise), slope / 2, 120 + noise])
    });
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 75);
    picture.write_with_encoder(encoder)?;
    Ok(bytes)
}

/// The records that this handheld made, by their identity.
fn own(handheld: &Handheld, orders: &[OrderId]) -> Fallible<BTreeMap<String, Sourced>> {
    let mut own = BTreeMap::new();
    for order in orders {
        for sourced in handheld.records(*order)? {
            if !sourced.from_server() {
                let id = format!("{}:{:08}", sourced.id.journal, sourced.id.seq.0);
                own.insert(id, sourced);
            }
        }
    }
    Ok(own)
}

/// A record as a document: its identity, and the very fields of the entry.
fn document(sourced: &Sourced) -> Fallible<serde_json::Value> {
    let mut document =
        serde_json::to_value(Entry::Record(sourced.record.clone()))?["record"].take();
    let id = format!("{}:{:08}", sourced.id.journal, sourced.id.seq.0);
    slim(&mut document);
    document["_id"] = json!(id);
    Ok(document)
}

/// Writes bytes as hex, and leaves out what is not there: as anyone would for PouchDB.
fn slim(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => {
            let byte = |item: &serde_json::Value| u8::try_from(item.as_u64()?).ok();
            let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
            match bytes.filter(|bytes| bytes.len() >= 16) {
                Some(bytes) => *value = json!(hex::encode(bytes)),
                None => items.iter_mut().for_each(slim),
            }
        }
        serde_json::Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(slim);
        }
        _ => {}
    }
}

fn write_documents<'r>(to: &Path, records: impl Iterator<Item = &'r Sourced>) -> Fallible<()> {
    let mut file = fs::File::create(to)?;
    for sourced in records {
        writeln!(file, "{}", document(sourced)?)?;
    }
    Ok(())
}

fn write_photos<'r>(
    to: &Path,
    records: impl Iterator<Item = &'r Sourced>,
    photos: &[PathBuf],
) -> Fallible<()> {
    let mut file = fs::File::create(to)?;
    let mut count = 0;
    for (sourced, photo) in records.zip(photos) {
        let line = json!({ "doc": document(sourced)?, "photo": photo });
        writeln!(file, "{line}")?;
        count += 1;
    }
    ensure(count == PHOTOS, || format!("{count} photos"))
}

/// PouchDB's side, on the documents in `folder`.
async fn pouchdb(folder: &Path, modules: &Path, batch: u32) -> Fallible<Legs> {
    let here = folder.join(format!("pouchdb-{batch}"));
    fs::create_dir_all(here.join("server"))?;
    let server = PouchServer::start(modules, &here.join("server")).await?;
    let link = Link::to(server.address, Quality::good(), 1).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("independent/pouchdb/replicate.js");
    let mut child = Command::new("node")
        .arg(script)
        .args([folder.join("records"), folder.join("photos"), here])
        .arg(format!("{}/trace", link.url()))
        .arg(batch.to_string())
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let piped = child.stdin.take().zip(child.stdout.take());
    let (go, said) = piped.ok_or_else(|| Failure::new("no pipes"))?;
    let mut turns = Turns {
        go,
        said: BufReader::new(said).lines(),
    };
    turns.heard("ready").await?;
    let records = turns.leg("records", RECORDS, &link).await?;
    let photos = turns.leg("photos", PHOTOS, &link).await?;
    let held = turns.heard("held").await?;
    ensure(held.written == RECORDS + PHOTOS, || format!("{held:?}"))?;
    child.wait().await?;
    Ok(Legs { records, photos })
}

/// What the script says of a step.
#[derive(Debug, Deserialize)]
struct Said {
    phase: String,
    seconds: f64,
    written: usize,
}

struct Turns {
    go: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Turns {
    async fn heard(&mut self, phase: &str) -> Fallible<Said> {
        let line = self.said.next_line().await?;
        let line = line.ok_or_else(|| Failure::new(format!("no answer to {phase}")))?;
        let said: Said = serde_json::from_str(&line)?;
        ensure(said.phase == phase, || format!("{said:?}, not {phase}"))?;
        Ok(said)
    }

    async fn leg(&mut self, phase: &str, count: usize, link: &Link) -> Fallible<Leg> {
        let before = passed(link);
        self.go.write_all(b"go\n").await?;
        let said = self.heard(phase).await?;
        let after = passed(link);
        ensure(said.written == count, || format!("{said:?}"))?;
        Ok(Leg {
            seconds: said.seconds,
            whole: said.seconds,
            up: after.0 - before.0,
            down: after.1 - before.1,
        })
    }
}

/// A PouchDB server on a folder of its own. Killed when dropped.
struct PouchServer {
    address: SocketAddr,
    _child: Child,
}

impl PouchServer {
    async fn start(modules: &Path, folder: &Path) -> Fallible<Self> {
        // It takes no port of the system's choosing: one that is free now is named.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let port = address.port().to_string();
        let child = Command::new("node")
            .arg(modules.join("pouchdb-server/bin/pouchdb-server"))
            .args(["--host", "127.0.0.1", "--port", &port, "--no-stdout-logs"])
            .arg("--dir")
            .arg(folder)
            .arg("--config")
            .arg(folder.join("config.json"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let within = Duration::from_secs(60);
        until("PouchDB Server listens", within, || async {
            Ok(TcpStream::connect(address).await.ok())
        })
        .await?;
        Ok(Self {
            address,
            _child: child,
        })
    }
}
