//! Databases: each test has its own, and runs on both engines.
//!
//! A private PostgreSQL cluster is named by `GRIDCREW_TEST_POSTGRES` (a `postgres://`
//! address of a superuser on the loopback interface; `deploy/test` starts one). Each test
//! makes a database of its own in it. Without the variable the PostgreSQL half of a test
//! says aloud that it was skipped.

use crate::failure::Fallible;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use std::{env, path::Path};
use uuid::Uuid;

/// The variable that names the cluster.
pub const CLUSTER: &str = "GRIDCREW_TEST_POSTGRES";

/// The two engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// A database in the private cluster.
    Postgres,
}

/// A database of one test; dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: Option<String>,
    name: String,
}

impl TestDatabase {
    /// A fresh database of that engine; `None`, said aloud, when there is no cluster.
    ///
    /// # Errors
    /// When the cluster cannot be reached.
    pub async fn fresh(engine: Engine) -> Fallible<Option<Self>> {
        let name = format!("gridcrew_{}", Uuid::from_bytes(rand::random()).simple());
        if engine == Engine::Sqlite {
            let cluster = None;
            return Ok(Some(Self { cluster, name }));
        }
        let Ok(cluster) = env::var(CLUSTER) else {
            skipped(&format!("PostgreSQL, because {CLUSTER} is not set"));
            return Ok(None);
        };
        Self::made(cluster, name).await.map(Some)
    }

    /// A fresh database in the cluster at this address.
    ///
    /// # Errors
    /// When the cluster cannot be reached.
    pub async fn in_cluster(cluster: &str) -> Fallible<Self> {
        let name = format!("gridcrew_{}", Uuid::from_bytes(rand::random()).simple());
        Self::made(cluster.to_owned(), name).await
    }

    async fn made(cluster: String, name: String) -> Fallible<Self> {
        execute(&cluster, &format!("CREATE DATABASE {name}")).await?;
        let cluster = Some(cluster);
        Ok(Self { cluster, name })
    }

    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `gridcrew --database` takes; `None` for SQLite in the data folder.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        self.cluster
            .as_deref()
            .map(|cluster| address_in(cluster, &self.name))
    }

    /// How the test itself reaches the database of a server that works on `data`, for
    /// looking at it from outside.
    #[must_use]
    pub fn url_for(&self, data: &Path) -> String {
        self.url()
            .unwrap_or_else(|| format!("sqlite:{}", data.join("gridcrew.db").display()))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(cluster) = self.cluster.take() else {
            return;
        };
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because this may run inside an async test. When it fails the
        // database stays in a cluster that is thrown away anyway.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.is_ok_and(|runtime| runtime.block_on(execute(&cluster, &statement)).is_ok())
        });
        drop(dropping.join());
    }
}

/// The address of another database in the same cluster.
fn address_in(cluster: &str, name: &str) -> String {
    let (address, options) = cluster
        .split_once('?')
        .map_or((cluster, None), |(address, options)| {
            (address, Some(options))
        });
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let host_end = address[after_scheme..]
        .find('/')
        .map_or(address.len(), |at| after_scheme + at);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{}/{name}{options}", &address[..host_end])
}

async fn execute(url: &str, statement: &str) -> Fallible<()> {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    connection.execute_unprepared(statement).await?;
    connection.close().await?;
    Ok(())
}

/// Says aloud that something was not tested.
#[expect(
    clippy::print_stderr,
    reason = "a test that was skipped must say so where it is read"
)]
pub fn skipped(what: &str) {
    eprintln!("SKIPPED: {what}");
}

/// Makes two tests, `sqlite` and `postgres`, of an async function that takes a
/// [`TestDatabase`]: `both_databases! { nothing_is_lost }`.
#[macro_export]
macro_rules! both_databases {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::postgres::{Engine, TestDatabase};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() -> $crate::Fallible<()> {
                match TestDatabase::fresh(Engine::Sqlite).await? {
                    Some(database) => super::$name(database).await,
                    None => Ok(()),
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() -> $crate::Fallible<()> {
                match TestDatabase::fresh(Engine::Postgres).await? {
                    Some(database) => super::$name(database).await,
                    None => Ok(()),
                }
            }
        })+
    };
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_name_of_the_database_is_replaced_and_the_options_stay() {
        let given = "postgres://root@127.0.0.1:5433/postgres?sslmode=disable";
        let wanted = "postgres://root@127.0.0.1:5433/x?sslmode=disable";
        assert_eq!(address_in(given, "x"), wanted);
        assert_eq!(
            address_in("postgres://root@127.0.0.1:5433", "x"),
            "postgres://root@127.0.0.1:5433/x"
        );
    }
}
