//! Stores whose pages are damaged (RELIABILITY fault 35), and a server that runs out of
//! memory (39).

use super::{
    ground::{Ground, files_of, is_saved},
    ledger::mark_of,
    open::copy_folder,
    tally::Tally,
};
use crate::{Failure, Fallible, failure::ensure, raw::RawHandheld, server::said};
use gridcrew_mobile_core::{Budget, Handheld};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{fs, process::Stdio};
use tokio::process::Command;

/// Every how manieth damaged handheld is also synced.
const SYNCED: u32 = 10;

/// Bytes of a handheld's store are changed, or its end cut off, `times` times, each time in
/// a fresh copy: it opens, what was damaged is set aside as it was and never deleted, and
/// after a sync nothing that the server has is there twice.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn pages(ground: &mut Ground, times: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("damage-store");
    for _ in 0..12 {
        ground.note(None).await?;
        ground.step(None).await?;
    }
    ground.heal().await?;
    let copy = ground.scene.folder.path().join("damaged");
    let mut randomness = ChaCha8Rng::seed_from_u64(35);
    let (mut aside, mut synced, mut whole) = (0, 0, 0);
    for round in 0..times {
        drop(fs::remove_dir_all(&copy));
        copy_folder(&ground.cli.folder, &copy)?;
        let file = copy.join("handheld.db");
        let mut bytes = fs::read(&file)?;
        if round % 20 == 0 {
            bytes.truncate(randomness.random_range(1..bytes.len()));
        } else {
            for _ in 0..randomness.random_range(1..64) {
                let at = randomness.random_range(0..bytes.len());
                bytes[at] = randomness.random();
            }
        }
        fs::write(&file, &bytes)?;
        tally.points += 1;
        tally.hits += 1;
        let handheld = match Handheld::open(&copy) {
            Ok(handheld) => handheld,
            Err(error) => {
                tally.wrong(format!("damage {round}: cannot be opened: {error}"));
                continue;
            }
        };
        let kept = files_of(&copy)?
            .into_iter()
            .find(|path| path.to_string_lossy().ends_with(".damaged-1"));
        let set_aside = kept.is_some();
        match kept {
            Some(kept) => {
                aside += 1;
                if fs::read(kept)? != bytes {
                    tally.wrong(format!("damage {round}: not set aside as it was"));
                }
                if handheld.status()?.findings.is_empty() {
                    tally.wrong(format!("damage {round}: set aside and not said"));
                }
            }
            // What the check of SQLite does not see: bytes within a value.
            None => tally.confirm(true),
        }
        if round % SYNCED == 0 && handheld.status()?.journal.is_some() {
            let budget = Budget {
                seconds: Some(20),
                ..Budget::default()
            };
            synced += 1;
            let ended = handheld.sync(budget).await?;
            let there: Vec<String> = handheld
                .records(ground.order)
                .unwrap_or_default()
                .iter()
                .filter_map(|sourced| mark_of(&sourced.record.event))
                .collect();
            let found = ground
                .ledger
                .compare(there.iter().map(String::as_str), is_saved);
            // What was not seen to be damaged may be: then a value is wrong, and stays so.
            let is_whole = found.lost.is_empty() && found.doubled.is_empty();
            whole += u32::from(is_whole);
            if !found.doubled.is_empty() || (set_aside && !is_whole) {
                tally.wrong(format!("damage {round}: {ended:?}: {found:?}"));
            }
        }
    }
    tally.name = format!(
        "{} ({aside} set aside, {whole} of {synced} whole after a sync)",
        tally.name
    );
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Less and less memory may be used by the running server while large batches come: it
/// answers, or it ends and is started again; what was confirmed is there.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn memory(ground: &mut Ground) -> Fallible<Tally> {
    let mut tally = Tally::of("memory-server");
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    for spare_kib in [
        65_536u64, 16_384, 8_192, 4_096, 2_048, 1_024, 512, 128, 32, 0,
    ] {
        let process = ground.scene.server.process()?;
        let size = memory_kib(process)?;
        limit(process, (size + spare_kib) * 1024).await?;
        let mark = ground.mark();
        ground.ledger.attempt(&mark, None);
        // A remark of some length: memory is wanted for it.
        let mut entries = vec![hand.note(ground.order, &mark)];
        let filler = "x".repeat(1_900);
        for _ in 0..420 {
            let more = ground.mark();
            ground.ledger.attempt(&format!("{more}{filler}"), None);
            entries.push(hand.note(ground.order, &format!("{more}{filler}")));
        }
        let batch = hand.batch(&entries);
        tally.points += 1;
        let held = hand.outcome(&batch).await;
        // The limit was met: the server said no, or ended and said nothing.
        if held.is_err() {
            tally.hits += 1;
            tally.refused += 1;
        }
        if !ground.scene.server.runs()? {
            ground.restart().await?;
        }
        ground.scene.server.kill_and_start().await?;
        hand.push_until_held(&batch).await?;
        for attempt in ground.ledger.attempts.values_mut() {
            attempt.received = true;
        }
        tally.confirm(true);
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// What a process may write to of what it has mapped.
fn memory_kib(process: u32) -> Fallible<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmData:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Failure::new("the size of a process is not known"))
}

async fn limit(process: u32, bytes: u64) -> Fallible<()> {
    let output = Command::new("prlimit")
        .args(["--pid", &process.to_string()])
        .arg(format!("--data={bytes}:{bytes}"))
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure(output.status.success(), || said(&output))
}
