//! The sync of the week's queue, by the handheld's own process, watched from outside: over
//! loopback to its end, and over the recorded 3G link for two minutes.

use super::making::{PHOTOS, RECORDS, Week};
use gridcrew_mobile_core::Handheld;
use gridcrew_tests::{
    Fallible,
    bars::Bars,
    failure::ensure,
    link::{Lane, Link, Passed, Quality, Trace},
    server::{peak_memory_kib, program},
};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::Command;

/// Most time to the first acknowledgement.
const FIRST_ACK: Duration = Duration::from_secs(2);
/// Fewest records a second over loopback.
const RECORDS_A_SECOND: f64 = 5_000.0;
/// Most bytes a record, and most bytes for each byte of a photo.
const BYTES_A_RECORD: f64 = 120.0;
const PHOTO_SHARE: f64 = 1.05;
/// Most memory of the process, MB.
const MEMORY_MB: f64 = 30.0;

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

/// What was sent, against what may be: 120 bytes a record and 1.05 of the photos' bytes that
/// the server has. A photo's bytes are those of its original and of its preview.
fn weigh(seen: &Watched, photos: u64, records: u64, over: &str, bars: &mut Bars) {
    let up: u64 = seen.passed.values().map(|lane| lane.up).sum();
    let push = seen.passed.get(&Lane::Push).copied().unwrap_or_default();
    let media = seen.passed.get(&Lane::Media).copied().unwrap_or_default();
    let allowed = PHOTO_SHARE * photos as f64 + BYTES_A_RECORD * records as f64;
    println!(
        "{over}: {up} bytes up in all lanes, HTTP included, {:.3} of what may be sent; {:.1} \
         bytes a record up ({:.1} with the receipts); photos {} up for {photos} held: {:.4}",
        up as f64 / allowed,
        push.up as f64 / records as f64,
        (push.up + push.down) as f64 / records as f64,
        media.up,
        media.up as f64 / photos as f64,
    );
    bars.hold(format!("{over}: bytes sent"), up as f64 <= allowed);
}

/// Everything, over loopback.
pub async fn loopback(week: &Week, bars: &mut Bars) -> Fallible<()> {
    let (folder, server) = week.copy("loopback").await?;
    let link = Link::to(server.address()?, Quality::good(), 1).await?;
    let held_before = held_bytes(server.data())?;
    let seen = watched(&folder, &link, 900).await?;
    let drained = seen.records_done.saturating_sub(seen.first_ack);
    let rate = RECORDS as f64 / seen.records_done.as_secs_f64();
    println!(
        "loopback: first acknowledgement after {:?}, all records after {:?} ({rate:.0} a \
         second, the process's start included; {drained:?} after the first), all after {:?}, \
         peak {:.1} MB",
        seen.first_ack, seen.records_done, seen.took, seen.peak_mb
    );
    let photos = held_bytes(server.data())?.saturating_sub(held_before);
    bars.hold(
        "loopback: first acknowledgement",
        seen.first_ack < FIRST_ACK,
    );
    bars.hold("loopback: records a second", rate > RECORDS_A_SECOND);
    bars.hold(
        "loopback: no photo before the records",
        seen.records_before_photos,
    );
    weigh(&seen, photos, RECORDS as u64, "loopback", bars);
    bars.hold("loopback: memory of the process", seen.peak_mb < MEMORY_MB);
    let waits = Handheld::open(&folder)?.status()?;
    bars.hold(
        "loopback: everything arrived",
        waits.records_waiting == 0 && waits.photos.originals_waiting == 0,
    );
    Ok(())
}

/// The recorded 3G link, for two minutes.
pub async fn recorded_link(week: &Week, bars: &mut Bars) -> Fallible<()> {
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
    let (folder, server) = week.copy("3g").await?;
    let link = Link::to(server.address()?, quality, 3).await?;
    let held_before = held_bytes(server.data())?;
    let seen = watched(&folder, &link, 120).await?;
    println!(
        "recorded 3G link: first acknowledgement after {:?}, all records after {:?}",
        seen.first_ack, seen.records_done
    );
    bars.hold("3G: first acknowledgement", seen.first_ack < FIRST_ACK);
    bars.hold(
        "3G: no photo before the records",
        seen.records_before_photos,
    );
    let waits = Handheld::open(&folder)?.status()?;
    bars.hold("3G: all records are in", waits.records_waiting == 0);
    let originals = waits.photos.originals_waiting;
    bars.hold(
        "3G: no original before the last preview",
        waits.photos.previews_waiting == 0 || originals == PHOTOS as u64,
    );
    let photos = held_bytes(server.data())?.saturating_sub(held_before);
    weigh(&seen, photos, RECORDS as u64, "3G, two minutes", bars);
    Ok(())
}

/// Bytes of photos that a server has: those that are whole, and those of uploads under way.
fn held_bytes(data: &Path) -> Fallible<u64> {
    fn sum(folder: &Path) -> Fallible<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            bytes += if entry.file_type()?.is_dir() {
                sum(&entry.path())?
            } else {
                entry.metadata()?.len()
            };
        }
        Ok(bytes)
    }
    Ok(sum(&data.join("photos"))? + sum(&data.join("uploads"))?)
}
