//! A PostgreSQL cluster of the faults' own, which may be killed, restarted and starved.
//!
//! PostgreSQL refuses to run as root: then it runs as the user `postgres`.

use crate::{Failure, Fallible, failure::ensure, server::said};
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

/// How long PostgreSQL may take to start, also after a crash.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// How many connections it takes.
const CONNECTIONS: u32 = 100;

/// How PostgreSQL is made to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `pg_ctl restart -m fast`: who is connected is sent away.
    Fast,
    /// `pg_ctl restart -m immediate`: as after a crash.
    Immediate,
    /// One of the processes that serve connections is killed; PostgreSQL ends all others
    /// and recovers.
    KillOne,
    /// The first process is killed.
    KillAll,
}

/// The cluster. Ended and removed when dropped.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    as_user: bool,
    folder: TempDir,
    data: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts one, with its data in a folder `within`, or in one of its own; `Err`
    /// with the reason when this machine has none.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(within: Option<&Path>) -> Fallible<Result<Self, String>> {
        let Some(programs) = programs() else {
            return Ok(Err("PostgreSQL is not here".to_owned()));
        };
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let around = within.unwrap_or(folder.path()).join("cluster");
        fs::create_dir_all(&around)?;
        let cluster = Self {
            programs,
            as_user: rustix::process::geteuid().is_root(),
            data: around.join("data"),
            folder,
            port: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
        };
        cluster.own(&around).await?;
        let data = cluster.data.display().to_string();
        let words = "-U gridcrew -A trust -E UTF8 --locale=C";
        let arguments: Vec<&str> = ["-D", &data].into_iter().chain(words.split(' ')).collect();
        cluster.run("initdb", &arguments).await?;
        cluster.begin().await?;
        Ok(Ok(cluster))
    }

    /// Gives a folder to the user that PostgreSQL runs as.
    ///
    /// # Errors
    /// When that may not be done.
    pub async fn own(&self, folder: &Path) -> Fallible<()> {
        if !self.as_user {
            return Ok(());
        }
        let output = Command::new("chown")
            .arg("postgres")
            .arg(folder)
            .output()
            .await?;
        ensure(output.status.success(), || said(&output))
    }

    /// How it is reached, as [`crate::postgres::CLUSTER`] says it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_as("gridcrew")
    }

    /// The same for another role.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it after it ended, and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not start in time.
    pub async fn begin(&self) -> Fallible<()> {
        let data = self.data.display().to_string();
        let sockets = self.folder.path().display().to_string();
        self.own(self.folder.path()).await?;
        let log = format!("{sockets}/log");
        let options = format!(
            "-h 127.0.0.1 -p {} -k {sockets} -c max_connections={CONNECTIONS}",
            self.port
        );
        let deadline = Instant::now() + STARTS_WITHIN;
        // Right after a kill the memory of the one before may still be in use.
        loop {
            let arguments = [
                "-D", &data, "-w", "-t", "60", "-l", &log, "-o", &options, "start",
            ];
            match self.run("pg_ctl", &arguments).await {
                Ok(()) => return Ok(()),
                Err(failure) if Instant::now() > deadline => return Err(failure),
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Ends it and has it serve again; returns when it does.
    ///
    /// # Errors
    /// When it does not end or not start.
    pub async fn end(&self, how: End) -> Fallible<()> {
        let data = self.data.display().to_string();
        match how {
            End::Fast | End::Immediate => {
                let mode = if how == End::Fast {
                    "fast"
                } else {
                    "immediate"
                };
                self.run("pg_ctl", &["-D", &data, "-w", "-m", mode, "stop"])
                    .await?;
                self.begin().await
            }
            End::KillOne => {
                let url = self.url();
                let others = "SELECT pid FROM pg_stat_activity WHERE backend_type = \
                              'client backend' AND datname <> 'postgres' ORDER BY random()";
                let mut killed = false;
                for pid in numbers(&url, others).await?.into_iter().take(1) {
                    kill(pid)?;
                    killed = true;
                }
                ensure(killed, || "nobody is connected".to_owned())?;
                self.serves().await
            }
            End::KillAll => {
                let text = fs::read_to_string(self.data.join("postmaster.pid"))?;
                let first = text.lines().next().unwrap_or_default().trim().parse()?;
                kill(first)?;
                self.begin().await
            }
        }
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn serves(&self) -> Fallible<()> {
        let deadline = Instant::now() + STARTS_WITHIN;
        loop {
            match self.execute("SELECT 1").await {
                Ok(()) => return Ok(()),
                Err(failure) if Instant::now() > deadline => return Err(failure),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Runs a statement as its superuser.
    ///
    /// # Errors
    /// When it fails.
    pub async fn execute(&self, statement: &str) -> Fallible<()> {
        let connection = connect(&self.url()).await?;
        connection.execute_unprepared(statement).await?;
        Ok(connection.close().await?)
    }

    /// Sets what it is run with, for all who are connected too; `None` as it was.
    ///
    /// # Errors
    /// When it is no such setting.
    pub async fn set(&self, name: &str, value: Option<&str>) -> Fallible<()> {
        let statement = match value {
            Some(value) => format!("ALTER SYSTEM SET {name} = '{value}'"),
            None => format!("ALTER SYSTEM RESET {name}"),
        };
        self.execute(&statement).await?;
        self.execute("SELECT pg_reload_conf()").await
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Fallible<()> {
        let program = self.programs.join(program);
        let mut command = if self.as_user {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // What it starts lives on with these: pipes would be waited for.
        let log = fs::File::create(self.folder.path().join("said"))?;
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .await?;
        let text = fs::read_to_string(self.folder.path().join("said")).unwrap_or_default();
        ensure(status.success(), || {
            format!(
                "{} {arguments:?}: {status}: {}",
                program.display(),
                text.trim()
            )
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let program = self.programs.join("pg_ctl");
        let mut command = if self.as_user {
            let mut command = std::process::Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            std::process::Command::new(&program)
        };
        let ended = command
            .arg("-D")
            .arg(&self.data)
            .args(["-m", "immediate", "stop"])
            .current_dir("/")
            .stdin(Stdio::null())
            .output();
        drop(ended);
    }
}

/// The newest PostgreSQL of this machine.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop()
}

fn kill(process: i32) -> Fallible<()> {
    let process = Pid::from_raw(process).ok_or_else(|| Failure::new("no process"))?;
    Ok(kill_process(process, Signal::KILL)?)
}

/// A single connection.
///
/// # Errors
/// When it is refused.
pub async fn connect(url: &str) -> Fallible<DatabaseConnection> {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(1)
        .connect_timeout(Duration::from_secs(5))
        .sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

/// The numbers that a query gives.
async fn numbers(url: &str, query: &str) -> Fallible<Vec<i32>> {
    let connection = connect(url).await?;
    let statement = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, query);
    let rows = connection.query_all_raw(statement).await?;
    connection.close().await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
