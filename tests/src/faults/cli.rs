//! The command-line handheld as a process: run plainly, with a fault at a system call, or
//! with another clock.

use super::strace::{Fault, Injection, Strace};
use crate::{
    failure::{Failure, Fallible, ensure},
    server::program,
};
use gridcrew_sync_protocol::journal::{EntryId, Seq};
use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// How long one command may take.
const WITHIN: Duration = Duration::from_secs(120);
/// What it prints before the identity of what it saved.
const SAVED: &str = "recorded on this device, waiting to be sent: ";
/// What a program ends with that panicked.
const PANICKED: i32 = 101;

/// The command-line handheld on one folder.
#[derive(Clone, Debug)]
pub struct Cli {
    program: PathBuf,
    /// Its folder.
    pub folder: PathBuf,
    log: PathBuf,
    /// Variables that it is run with, such as another clock.
    pub environment: Vec<(String, String)>,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What it ended with; `None` when it was killed.
    pub code: Option<i32>,
    /// Whether the fault happened.
    pub hit: bool,
    /// What it said.
    pub out: String,
    /// What it complained about.
    pub err: String,
}

impl Ran {
    /// K1: the identity that it printed.
    #[must_use]
    pub fn saved(&self) -> Option<EntryId> {
        let (_, rest) = self.out.split_once(SAVED)?;
        let mut words = rest.lines().next()?.split_whitespace();
        Some(EntryId {
            journal: words.next()?.parse().ok()?,
            seq: Seq(words.next()?.parse().ok()?),
        })
    }

    /// Whether it was done.
    #[must_use]
    pub fn done(&self) -> bool {
        self.code == Some(0)
    }

    /// What is wrong with how it ended: only done, refused with words, or killed by the
    /// fault is right.
    #[must_use]
    pub fn fault(&self, injection: Option<&Injection>) -> Option<String> {
        let killed = injection.is_some_and(|injection| injection.fault == Fault::Kill);
        match self.code {
            Some(PANICKED) => Some(format!("panicked: {}", first_lines(&self.err))),
            Some(0) => None,
            Some(_) if self.err.trim().is_empty() => Some("failed without a word".to_owned()),
            Some(_) => None,
            None if killed && self.hit => None,
            None => Some(format!("ended by a signal: {}", self.err.trim())),
        }
    }
}

impl Cli {
    /// The handheld on a folder; traces go to a file beside it.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn on(folder: &Path) -> Fallible<Self> {
        let mut log = folder.as_os_str().to_owned();
        log.push(".strace");
        Ok(Self {
            program: program("gridcrew-handheld", "GRIDCREW_HANDHELD_BIN")?,
            folder: folder.to_owned(),
            log: log.into(),
            environment: Vec::new(),
        })
    }

    /// The file that traces go to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Fallible<Ran> {
        let output = self.output(Command::new(&self.program), arguments).await?;
        Ok(ran(&output, false))
    }

    /// Runs a command to its end; it must be done.
    ///
    /// # Errors
    /// When it is not, with what it said.
    pub async fn do_it(&self, arguments: &[&str]) -> Fallible<Ran> {
        let ran = self.run(arguments).await?;
        ensure(ran.done(), || {
            let said = [ran.out.trim(), ran.err.trim()].join(" ");
            format!("{arguments:?} ended with {:?}: {said}", ran.code)
        })?;
        Ok(ran)
    }

    /// Runs a command with a fault to its end.
    ///
    /// # Errors
    /// When it cannot be run or does not end.
    pub async fn run_with(
        &self,
        strace: &Strace,
        injection: &Injection,
        arguments: &[&str],
    ) -> Fallible<Ran> {
        let command = strace.command(injection, &self.log, &self.program);
        let output = self.output(command, arguments).await?;
        Ok(ran(&output, injection.happened(&self.log)?))
    }

    /// Runs a command and kills it after so long, if it has not ended by then; then does
    /// `next` before anything is read of what it said.
    ///
    /// # Errors
    /// When it cannot be run, or what `next` fails with.
    pub async fn run_and_kill(
        &self,
        arguments: &[&str],
        after: Duration,
        next: impl Future<Output = Fallible<()>>,
    ) -> Fallible<Ran> {
        let mut child = self
            .prepared(Command::new(&self.program), arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        sleep(after).await;
        child.start_kill()?;
        child.wait().await?;
        next.await?;
        Ok(ran(&child.wait_with_output().await?, true))
    }

    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(["--lang", "en", "--data"])
            .arg(&self.folder)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn output(&self, command: Command, arguments: &[&str]) -> Fallible<Output> {
        let mut command = self.prepared(command, arguments);
        let output = timeout(WITHIN, command.output()).await;
        let late = |_| Failure::new(format!("{arguments:?} did not end within {WITHIN:?}"));
        Ok(output.map_err(late)??)
    }
}

/// Where and why: the trace below it is long.
fn first_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines
        .get(..lines.len().min(2))
        .unwrap_or_default()
        .join(" ")
}

fn ran(output: &Output, hit: bool) -> Ran {
    Ran {
        code: output.status.code(),
        hit,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
