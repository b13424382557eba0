//! Opening the database and bringing its schema up to date.

use super::Store;
use gridcrew_migrations::Migrator;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr,
    Statement,
    sqlx::{
        self, Connection,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Rows that wait between SQLite's thread and whoever reads them.
const ROWS_AT_ONCE: usize = 1_000;

/// Readers of one process on SQLite; WAL readers do not wait for the writer.
const SQLITE_READERS: u32 = 4;
/// Connections of one process on PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;
/// Connections of one process that may be held for long.
const LONG_READS: usize = 1;
/// How long a statement may wait for another writer.
const BUSY: Duration = Duration::from_secs(15);
/// How long to wait for a connection to PostgreSQL. While it comes back after a crash it is
/// asked again after at most a fifth of this.
const CONNECT: Duration = Duration::from_secs(10);
/// The first SQLite without the WAL-reset corruption (RELIABILITY F2).
const LEAST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither `sqlite:` nor `postgres:`.
    #[error("the database address must begin with sqlite: or postgres:, not `{0}`")]
    UnknownScheme(String),
    /// An SQLite that may corrupt its file.
    #[error("SQLite {0} may corrupt a WAL database; at least 3.51.3 is needed")]
    OldSqlite(String),
    /// The database said no.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] DbErr),
}

impl Store {
    /// Opens the database at `url` (`sqlite:path` or `postgres://…`), creates it when it
    /// is an SQLite file that does not exist, and migrates it.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let store = if url.starts_with("sqlite:") {
            // Checkpoints are made beside the writer ([`Store::checkpoint`]); by itself it makes
            // one only when those do not keep up.
            let writer = connect_sqlite(url, 1, "8000").await?;
            check_sqlite_version(&writer).await?;
            Self {
                reader: connect_sqlite(url, SQLITE_READERS, "0").await?,
                writer,
                commits: Arc::default(),
                long_reads: Arc::new(Semaphore::new(LONG_READS)),
                #[cfg(feature = "simulated")]
                watcher: None,
            }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let connection = connect_postgres(url).await?;
            Self {
                reader: connection.clone(),
                writer: connection,
                commits: Arc::default(),
                long_reads: Arc::new(Semaphore::new(LONG_READS)),
                #[cfg(feature = "simulated")]
                watcher: None,
            }
        } else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(OpenError::UnknownScheme(scheme.to_owned()));
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Migrates, one process at a time on PostgreSQL.
    async fn migrate(&self) -> Result<(), DbErr> {
        use sea_orm_migration::MigratorTrait;
        if self.writer.get_database_backend() != DatabaseBackend::Postgres {
            return Migrator::up(&self.writer, None).await;
        }
        let lock = sea_orm::TransactionTrait::begin(&self.writer).await?;
        lock.execute_unprepared("SELECT pg_advisory_xact_lock(6173001)")
            .await?;
        let outcome = Migrator::up(&self.writer, None).await;
        lock.rollback().await?;
        outcome
    }
}

async fn connect_sqlite(
    url: &str,
    connections: u32,
    checkpoint_at_pages: &'static str,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(BUSY)
                .statement_cache_capacity(256)
                // The thread that runs SQLite wakes the reader for as many rows, not for each.
                .row_buffer_size(ROWS_AT_ONCE)
                .pragma("cache_size", "-16000")
                .pragma("temp_store", "memory")
                .pragma("wal_autocheckpoint", checkpoint_at_pages)
        })
        // After a fault of the disk SQLite rolls back by itself and sqlx still counts the
        // transaction as begun. Whatever is written next over that connection is then no
        // transaction but a savepoint, and after the next refusal one that nobody ever
        // commits: it would be answered, and gone with the process. So a connection that
        // does not come back at rest is closed (`docs/faults.md`).
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // What was queued is done before this is answered.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        });
    Database::connect(options).await
}

async fn connect_postgres(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(CONNECT)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(|postgres| {
            postgres.options([
                ("synchronous_commit", "on"),
                ("idle_in_transaction_session_timeout", "60000"),
                ("lock_timeout", "15000"),
            ])
        })
        // A cancelled `begin` may leave a transaction open on a connection that goes back to
        // the pool; the next user's work would vanish with it (RELIABILITY F1).
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql("ROLLBACK").execute(connection).await?;
                    Ok(true)
                })
            })
        });
    Database::connect(options).await
}

async fn check_sqlite_version(connection: &DatabaseConnection) -> Result<(), OpenError> {
    let query = Statement::from_string(DatabaseBackend::Sqlite, "SELECT sqlite_version() AS v");
    let row = connection.query_one_raw(query).await?;
    let version: String = row.map_or(Ok(String::new()), |row| row.try_get("", "v"))?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) >= LEAST_SQLITE {
        Ok(())
    } else {
        Err(OpenError::OldSqlite(version))
    }
}

#[cfg(test)]
mod migration_tests;
