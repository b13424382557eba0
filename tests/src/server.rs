//! A real server process: started, killed without warning, started again where it was.

use crate::{
    failure::{Failure, Fallible, ensure},
    faults::strace::{Injection, Strace},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    env,
    fs::{self, OpenOptions},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a server may take to end.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// What a server prints before its address once it is ready.
const READY: &str = "listening on http://";

/// The path of a program of this workspace: of the variable `variable` if it is set, else
/// the one built beside the running test.
///
/// # Errors
/// When there is no such file.
pub fn program(name: &str, variable: &str) -> Fallible<PathBuf> {
    if let Some(path) = env::var_os(variable) {
        let path = PathBuf::from(path);
        ensure(path.is_file(), || {
            format!("{variable} names {}, which is no file", path.display())
        })?;
        return Ok(path);
    }
    let here = env::current_exe()?;
    here.ancestors()
        .skip(1)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Failure::new(format!(
                "there is no `{name}` beside {}: build the workspace's programs first, or name \
                 it in {variable}",
                here.display()
            ))
        })
}

/// The server's program.
///
/// # Errors
/// As [`program`].
pub fn gridcrew() -> Fallible<PathBuf> {
    program("gridcrew", "GRIDCREW_BIN")
}

/// A server and the folder it works on. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    data: PathBuf,
    database: Option<String>,
    address: Option<SocketAddr>,
    child: Option<Child>,
    peak_kib: u64,
    /// What its next start is run under.
    trace: Option<(Strace, Injection, PathBuf)>,
    /// Whether the child is a tracer and the server is the tracer's child.
    traced: bool,
    /// Variables that it is run with, such as another clock.
    environment: Vec<(String, String)>,
}

impl Server {
    /// A server on the folder `data`, not started yet; on SQLite when `database` is `None`.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn on(data: &Path, database: Option<String>) -> Fallible<Self> {
        Ok(Self {
            program: gridcrew()?,
            data: data.to_owned(),
            database,
            address: None,
            child: None,
            peak_kib: 0,
            trace: None,
            traced: false,
            environment: Vec::new(),
        })
    }

    /// Has its next start run under a fault, from its first system call on; what it called
    /// is written to `log`.
    pub fn trace_next_start(&mut self, strace: &Strace, injection: &Injection, log: &Path) {
        self.trace = Some((strace.clone(), *injection, log.to_owned()));
    }

    /// Sets the variables that it is run with from its next start on.
    pub fn set_environment(&mut self, variables: Vec<(String, String)>) {
        self.environment = variables;
    }

    /// The folder it works on.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// How its database is reached from outside, for looking at it.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data.join("gridcrew.db").display()))
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    ///
    /// # Errors
    /// When it was never started.
    pub fn url(&self) -> Fallible<String> {
        Ok(format!("http://{}", self.address()?))
    }

    /// Where it listens; the same after each start.
    ///
    /// # Errors
    /// When it was never started.
    pub fn address(&self) -> Fallible<SocketAddr> {
        self.address
            .ok_or_else(|| Failure::new("the server was never started"))
    }

    /// Starts it and waits until it is ready: on a free port the first time, on the same
    /// port ever after.
    ///
    /// # Errors
    /// When it runs already, ends at once, or is not ready in time; its log is beside its
    /// data in `server.log`.
    pub async fn start(&mut self) -> Fallible<()> {
        ensure(self.child.is_none(), || "the server runs already".into())?;
        let listen = self
            .address
            .map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data.join("server.log"))?;
        let trace = self.trace.take();
        self.traced = trace.is_some();
        let command = match &trace {
            Some((strace, injection, log)) => strace.command(injection, log, &self.program),
            None => Command::new(&self.program),
        };
        let mut child = self
            .with_arguments(command, "serve")
            .args(["--listen", &listen])
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Failure::new("no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(READY) {
                    return Ok(address.trim().trim_end_matches('/').parse()?);
                }
            }
            Err(Failure::new(format!(
                "the server ended before it was ready; see {}",
                self.data.join("server.log").display()
            )))
        };
        let address = match timeout(READY_WITHIN, ready).await {
            Ok(Ok(address)) => address,
            Ok(Err(failure)) => {
                // What it ended with is written before its tracer ends.
                drop(timeout(GONE_WITHIN, child.wait()).await);
                return Err(failure);
            }
            Err(_) => {
                if let Some(tracer) = child.id().filter(|_| self.traced) {
                    kill_child_of(tracer)?;
                }
                return Err(Failure::new("the server was not ready in time"));
            }
        };
        // Whatever it prints later must not fill the pipe and stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.address = Some(address);
        self.child = Some(child);
        Ok(())
    }

    /// Ends it with SIGKILL, as a power cut of the process would, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Fallible<()> {
        self.note_memory();
        let mut child = self
            .child
            .take()
            .ok_or_else(|| Failure::new("the server does not run"))?;
        match child.id().filter(|_| self.traced) {
            Some(tracer) => kill_child_of(tracer)?,
            None => child.start_kill()?,
        }
        child.wait().await?;
        Ok(())
    }

    /// Tells it to end (SIGTERM), as a service manager does, and waits until it has.
    ///
    /// # Errors
    /// When it does not run, or does not end in time.
    pub async fn terminate(&mut self) -> Fallible<ExitStatus> {
        if let Some(process) = Pid::from_raw(self.process()?.try_into()?) {
            kill_process(process, Signal::TERM)?;
        }
        self.gone().await
    }

    /// Waits until it has ended by itself or by somebody else's hand.
    ///
    /// # Errors
    /// When it does not run, or does not end in time.
    pub async fn gone(&mut self) -> Fallible<ExitStatus> {
        let mut child = self
            .child
            .take()
            .ok_or_else(|| Failure::new("the server does not run"))?;
        let ended = timeout(GONE_WITHIN, child.wait()).await;
        Ok(ended.map_err(|_| Failure::new("the server did not end in time"))??)
    }

    /// Whether its process still runs.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn runs(&mut self) -> Fallible<bool> {
        let Some(child) = &mut self.child else {
            return Ok(false);
        };
        Ok(child.try_wait()?.is_none())
    }

    /// Kills it and starts it again at once.
    ///
    /// # Errors
    /// As [`Server::kill`] and [`Server::start`].
    pub async fn kill_and_start(&mut self) -> Fallible<()> {
        self.kill().await?;
        self.start().await
    }

    /// Its process's id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&self) -> Fallible<u32> {
        self.child
            .as_ref()
            .and_then(Child::id)
            .ok_or_else(|| Failure::new("the server does not run"))
    }

    /// The most memory that any of its processes so far had resident, in KiB.
    pub fn peak_memory_kib(&mut self) -> u64 {
        self.note_memory();
        self.peak_kib
    }

    fn note_memory(&mut self) {
        let peak = self
            .child
            .as_ref()
            .and_then(Child::id)
            .and_then(|pid| peak_memory_kib(&pid.to_string()));
        self.peak_kib = self.peak_kib.max(peak.unwrap_or(0));
    }

    /// The first administrator's one-time password, in an empty database.
    ///
    /// # Errors
    /// When the command fails or prints no password.
    pub async fn bootstrap(&self, organisation: &str, login: &str) -> Fallible<String> {
        let output = self
            .run(&[
                "bootstrap",
                "--organisation",
                organisation,
                "--login",
                login,
            ])
            .await?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed
            .lines()
            .find_map(|line| line.split_once("password:"))
            .map(|(_, password)| password.trim().to_owned())
            .ok_or_else(|| Failure::new(format!("no password printed: {}", said(&output))))
    }

    /// Runs another command of the server's program on the same data to its end.
    ///
    /// # Errors
    /// When it cannot be run or fails; what it said is in the failure.
    pub async fn run(&self, arguments: &[&str]) -> Fallible<Output> {
        let (name, rest) = arguments
            .split_first()
            .ok_or_else(|| Failure::new("no command"))?;
        let output = self.command(name).args(rest).output().await?;
        ensure(output.status.success(), || {
            format!(
                "`gridcrew {}` failed: {}",
                arguments.join(" "),
                said(&output)
            )
        })?;
        Ok(output)
    }

    /// Runs `gridcrew` with exactly these arguments, without data or database, and says
    /// whether it succeeded and what it said.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn run_bare(&self, arguments: &[&str]) -> Fallible<(bool, String)> {
        let output = Command::new(&self.program).args(arguments).output().await?;
        Ok((output.status.success(), said(&output)))
    }

    fn command(&self, name: &str) -> Command {
        self.with_arguments(Command::new(&self.program), name)
    }

    fn with_arguments(&self, mut command: Command, name: &str) -> Command {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let words: Vec<&str> = name.split(' ').collect();
        command.args(words).arg("--data").arg(&self.data);
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// Kills the first child of a process.
fn kill_child_of(process: u32) -> Fallible<()> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    if let Some(first) = children.split_whitespace().next()
        && let Some(child) = Pid::from_raw(first.parse()?)
    {
        kill_process(child, Signal::KILL)?;
    }
    Ok(())
}

/// What a command said, for a message.
#[must_use]
pub fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&text).trim()
    )
}

/// The most memory that a process had resident, in KiB: `VmHWM` of `/proc/PID/status`;
/// `process` is a number or `self`.
#[must_use]
pub fn peak_memory_kib(process: &str) -> Option<u64> {
    memory_kib(process, "VmHWM:")
}

/// The memory that a process has resident now, in KiB: `VmRSS` of the same file.
#[must_use]
pub fn resident_memory_kib(process: &str) -> Option<u64> {
    memory_kib(process, "VmRSS:")
}

fn memory_kib(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}
