//! Faults at system calls, injected from outside by `strace`: no line of the programs under
//! test knows of it.
//!
//! `strace` counts each system call by itself and in each thread by itself, so a sweep goes
//! through one call after the other: the first `fsync`, the second, and so on until the
//! program ends without having made that many.

use crate::failure::{Failure, Fallible, ensure};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long `strace` may take to take hold of a process.
const HOLD_WITHIN: Duration = Duration::from_secs(20);

/// How long it may take to let go of it.
const LET_GO_WITHIN: Duration = Duration::from_secs(5);

/// What is done to a program at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is killed before the call.
    Kill,
    /// The call fails with this error, such as `EIO`, and does nothing.
    Error(&'static str),
    /// The call does nothing and says that all is well.
    Lie,
}

/// At which call what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The system call.
    pub call: &'static str,
    /// What is done.
    pub fault: Fault,
    /// At the how manieth in a thread, from 1; `None` for all of them.
    pub at: Option<u32>,
}

impl Injection {
    fn expression(&self) -> String {
        let fault = match self.fault {
            Fault::Kill => "signal=SIGKILL".to_owned(),
            Fault::Error(name) => format!("error={name}"),
            Fault::Lie => "retval=0".to_owned(),
        };
        let at = self.at.map(|at| format!(":when={at}")).unwrap_or_default();
        format!("inject={}:{fault}{at}", self.call)
    }

    /// Whether the log of a program says that it happened.
    ///
    /// # Errors
    /// When there is a log that cannot be read.
    pub fn happened(&self, log: &Path) -> Fallible<bool> {
        if !log.exists() {
            return Ok(false);
        }
        let log = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        Ok(match self.fault {
            Fault::Kill => log.contains("+++ killed by SIGKILL"),
            Fault::Error(_) | Fault::Lie => log.contains("(INJECTED)"),
        })
    }
}

impl std::fmt::Display for Injection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fault = match self.fault {
            Fault::Kill => "kill",
            Fault::Error(name) => name,
            Fault::Lie => "lie",
        };
        match self.at {
            Some(at) => write!(f, "{fault} at {} {at}", self.call),
            None => write!(f, "{fault} at every {}", self.call),
        }
    }
}

/// The `strace` of this machine.
#[derive(Clone, Debug)]
pub struct Strace(PathBuf);

impl Strace {
    /// The one in the path; `None` when there is none, or when it may trace nothing here.
    ///
    /// # Errors
    /// When it cannot be tried.
    pub async fn find() -> Fallible<Option<Self>> {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path)
            .map(|folder| folder.join("strace"))
            .find(|program| program.is_file());
        let Some(program) = found else {
            return Ok(None);
        };
        let tried = Command::new(&program)
            .args(["-qq", "-o", "/dev/null", "-e", "trace=none", "true"])
            .stdin(Stdio::null())
            .output()
            .await?;
        Ok(tried.status.success().then_some(Self(program)))
    }

    /// A command that runs `program` with a fault; what was called is written to `log`.
    #[must_use]
    pub fn command(&self, injection: &Injection, log: &Path, program: &Path) -> Command {
        let mut command = self.with(injection, log);
        command.arg(program);
        command
    }

    fn with(&self, injection: &Injection, log: &Path) -> Command {
        drop(fs::remove_file(log));
        let mut command = Command::new(&self.0);
        command
            .args(["-f", "-o"])
            .arg(log)
            .arg("-e")
            .arg(format!("trace={}", injection.call))
            .arg("-e")
            .arg(injection.expression())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Takes hold of a running process; calls are counted from now on. `path` narrows it to
    /// calls about this file or folder.
    ///
    /// # Errors
    /// When the process cannot be traced: another's, or the machine does not allow it.
    pub async fn attach(
        &self,
        injection: &Injection,
        log: &Path,
        process: u32,
        path: Option<&Path>,
    ) -> Fallible<Attached> {
        let mut command = self.with(injection, log);
        if let Some(path) = path {
            command.arg("-P").arg(path);
        }
        let mut child = command
            .args(["-p", &process.to_string()])
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| Failure::new("no standard error"))?;
        let mut lines = BufReader::new(stderr).lines();
        let mut said = String::new();
        let attached = async {
            while let Some(line) = lines.next_line().await? {
                if line.contains(" attached") {
                    return Ok::<_, Failure>(true);
                }
                said.push_str(&line);
            }
            Ok(false)
        };
        let attached = timeout(HOLD_WITHIN, attached).await;
        let attached = attached.map_err(|_| Failure::new("strace did not attach in time"))??;
        ensure(attached, || format!("strace cannot attach: {said}"))?;
        // Whatever it says later must not fill the pipe and stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Attached {
            child,
            injection: *injection,
            log: log.to_owned(),
        })
    }
}

/// `strace`, holding a process.
#[derive(Debug)]
pub struct Attached {
    child: Child,
    injection: Injection,
    log: PathBuf,
}

impl Attached {
    /// Lets the process go, if it still lives; whether the fault happened.
    ///
    /// # Errors
    /// When `strace` does not end.
    pub async fn let_go(mut self) -> Fallible<bool> {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(pid) = Pid::from_raw(pid)
        {
            // It may have ended meanwhile, with the process.
            if let Err(error) = kill_process(pid, Signal::TERM)
                && error != Errno::SRCH
            {
                return Err(std::io::Error::from(error).into());
            }
        }
        // It may wait for ever for the last thread of a process that it killed.
        let ended = timeout(LET_GO_WITHIN, self.child.wait()).await;
        if ended.is_err() {
            self.child.kill().await?;
        }
        Ok(self.injection.happened(&self.log)? || ended.is_err())
    }
}
