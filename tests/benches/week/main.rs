//! A week without a network: 10,000 records and 1,000 photos wait on one handheld.
//!
//! `cargo bench -p gridcrew-tests --bench week` (with `gridcrew` and `gridcrew-handheld`
//! built in release; `GRIDCREW_REAL_DATA` for the recorded 3G link, default
//! `../shared/data`) enrols a real handheld, works 250 orders through with four photos each
//! (JPEG of 1,600 by 1,200) and remarks up to 10,000 records, everything by the public surface
//! and durable one by one, and then looks at
//!
//! - `making`: how long recording took; and how soon the program opens on that store, which
//!   no process has open and no cache holds;
//! - `syncing`: the sync over loopback, by the handheld's own process: when the first record
//!   was acknowledged, how fast the records drained, what memory it took, what went over the
//!   wire; and over the recorded 3G link for two minutes: the order of things, and the bytes;
//! - `cuts`: what a cut in the middle of a photo costs.
//!
//! A bar that is not kept ends it with a failure.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod cuts;
mod making;
mod syncing;
mod times;

use gridcrew_tests::{Fallible, bars::Bars, failure::ensure, server::program};
use making::Stage;
use rustix::fs::{Advice, fadvise};
use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use times::Times;
use tokio::process::Command;

/// Within which a step without a photo is durable, p99.
const STEP_P99: Duration = Duration::from_millis(20);
/// Within which the program opens the store and says how it stands.
const COLD_OPEN: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut stage = Stage::set().await?;
    let mut bars = Bars::default();
    let recorded = stage.work()?;
    println!("{}", recorded.steps.print("steps without a photo, durable"));
    println!(
        "{}",
        recorded.remarks.print("acceptances and remarks, durable")
    );
    println!(
        "{}",
        recorded.photos.print("steps with photos, for each photo")
    );
    bars.hold("recording a step, p99", recorded.steps.at(0.99) < STEP_P99);
    bars.hold(
        "recording a remark, p99",
        recorded.remarks.at(0.99) < STEP_P99,
    );
    cuts::cuts(&stage, &mut bars).await?;
    // From here on only copies are synced, each with a server that knows nothing of the week.
    stage.scene.server.kill().await?;
    let week = stage.close();
    let opened = cold_open(&week.folder()).await?;
    println!(
        "{}",
        opened.print("open and say how it stands, process and all")
    );
    bars.hold("cold open, median", opened.at(0.5) < COLD_OPEN);
    syncing::loopback(&week, &mut bars).await?;
    syncing::recorded_link(&week, &mut bars).await?;
    bars.verdict()
}

/// How long the program takes to open the store, of which nothing is in the system's cache,
/// and to say how it stands.
async fn cold_open(folder: &Path) -> Fallible<Times> {
    let program = program("gridcrew-handheld", "GRIDCREW_HANDHELD")?;
    let mut times = Times::default();
    for _ in 0..7 {
        forget(folder)?;
        let began = Instant::now();
        let said = Command::new(&program)
            .arg("--data")
            .arg(folder)
            .arg("status")
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure(said.status.success(), || "status failed".to_owned())?;
        times.add(began.elapsed());
    }
    Ok(times)
}

/// Has the system's cache let go of the files of a folder.
fn forget(folder: &Path) -> Fallible<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let file = fs::File::open(path)?;
            file.sync_all()?;
            fadvise(file, 0, None, Advice::DontNeed).map_err(std::io::Error::from)?;
        }
    }
    Ok(())
}
