//! A handheld as a process of its own, so that it can be killed in the middle of a write.
//!
//! The process works as a [`Worker`] and says every [`Line`] on its standard output before
//! and after each write. Its parent reads along, and kills it while a write is under way:
//! after the attempt was said, before the record was. What was said stays in the parent's
//! ledger; the process is started again on the same folder and goes on.

use super::{
    ledger::{Ledger, Line},
    photos::Photos,
    worker::Worker,
};
use crate::{
    failure::{Failure, Fallible},
    server::peak_memory_kib,
};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::ids::PersonId;
use serde::{Deserialize, Serialize};
use std::{
    env,
    io::{self, Write, stdout},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::watch,
};

/// The argument that makes the storm's program a single handheld; the order follows as JSON.
pub const ARGUMENT: &str = "--as-handheld";
/// Most tries to hit a handheld in the middle of a write.
const TRIES: u32 = 25;

/// What a handheld's process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// The handheld's folder, enrolled already.
    pub folder: PathBuf,
    /// The folder of real data.
    pub data: PathBuf,
    /// Where fresh photos are made.
    pub scratch: PathBuf,
    /// Colleagues with a handheld.
    pub colleagues: Vec<PersonId>,
    /// For what is drawn.
    pub seed: u64,
    /// Things done between two syncs.
    pub bout: usize,
    /// Most seconds of a sync.
    pub sync_seconds: u32,
}

/// The whole life of a handheld's process: works until its standard input is closed.
///
/// # Errors
/// When the handheld fails in a way in which it never may.
pub async fn live(told: Told) -> Fallible<()> {
    let handheld = Handheld::open(&told.folder)?;
    let photos = Arc::new(Photos::read(&told.data)?);
    let say = Box::new(|line| {
        let mut out = stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
        Ok(out.flush()?)
    });
    let mut worker = Worker::new(
        handheld,
        photos,
        told.scratch,
        told.colleagues,
        told.seed,
        say,
    );
    let (closed, mut over) = watch::channel(false);
    std::thread::spawn(move || {
        // Whatever comes, an end or a fault: nobody listens any more.
        drop(io::copy(&mut io::stdin(), &mut io::sink()));
        closed.send_replace(true);
    });
    loop {
        tokio::task::block_in_place(|| worker.work(told.bout))?;
        tokio::select! {
            standing = worker.sync(told.sync_seconds) => { standing?; }
            _ = over.wait_for(|over| *over) => return Ok(()),
        }
    }
}

/// What came of a handheld that was killed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Killed {
    /// How often in the middle of a write.
    pub in_a_write: u32,
    /// How often otherwise, because the write was quicker.
    pub otherwise: u32,
    /// The most memory that it had resident, in KiB.
    pub peak_kib: u64,
}

/// Runs a handheld as a process until `over`, and kills it `kills` times in the middle of a
/// write; all that it says goes into `ledger`.
///
/// # Errors
/// When it cannot be started or ends by itself.
pub async fn run_and_kill(
    told: Told,
    kills: u32,
    ledger: Arc<Mutex<Ledger>>,
    mut over: watch::Receiver<bool>,
) -> Fallible<Killed> {
    let mut killed = Killed::default();
    let note = |line| {
        ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(line)
    };
    let mut told = told;
    let program = env::current_exe()?;
    loop {
        // Another seed after each start, else the same photos are taken again.
        told.seed += 1;
        let mut child = Command::new(&program)
            .arg(ARGUMENT)
            .arg(serde_json::to_string(&told)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child
            .stdout
            .take()
            .ok_or_else(|| Failure::new("no standard output"))?;
        let mut lines = BufReader::new(out).lines();
        let tries = killed.in_a_write + killed.otherwise;
        let again = killed.in_a_write < kills && tries < TRIES;
        let mut until_kill = again.then_some(6 + tries * 3);
        let ended = loop {
            let line = tokio::select! {
                line = lines.next_line() => line?,
                _ = over.wait_for(|over| *over) => break true,
            };
            let Some(line) = line else {
                let status = child.wait().await?;
                return Err(Failure::new(format!(
                    "a handheld's process ended: {status}"
                )));
            };
            let line: Line = serde_json::from_str(&line)?;
            let attempt = matches!(line, Line::Attempt { .. });
            note(line);
            if attempt && let Some(left) = &mut until_kill {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    break false;
                }
            }
        };
        killed.peak_kib = killed.peak_kib.max(memory(&child));
        if ended {
            // Its input is closed: it comes to its end and says what it still does.
            drop(child.stdin.take());
            read_rest(&mut lines, &note).await?;
            child.wait().await?;
            return Ok(killed);
        }
        // A little later each time, to hit the write at different places.
        tokio::time::sleep(Duration::from_micros(u64::from(tries) * 150)).await;
        child.start_kill()?;
        child.wait().await?;
        let confirmed = read_rest(&mut lines, &note).await?;
        ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cut_off();
        if confirmed {
            killed.otherwise += 1;
        } else {
            killed.in_a_write += 1;
        }
    }
}

fn memory(child: &Child) -> u64 {
    child
        .id()
        .and_then(|pid| peak_memory_kib(&pid.to_string()))
        .unwrap_or(0)
}

/// Reads what a process said before it ended; whether its first words were that the write
/// under way was done. A last line that broke off is no word.
async fn read_rest(
    lines: &mut Lines<BufReader<ChildStdout>>,
    note: &impl Fn(Line),
) -> Fallible<bool> {
    let mut said = false;
    while let Some(line) = lines.next_line().await? {
        if let Ok(line) = serde_json::from_str(&line) {
            said = true;
            note(line);
        }
    }
    Ok(said)
}
