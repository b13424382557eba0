//! Reading: several queries that see one and the same moment.

use super::Store;
use crate::edge::Problem;
use futures_util::future::BoxFuture;
use sea_orm::{
    DatabaseBackend, DatabaseTransaction, IsolationLevel, TransactionOptions, TransactionTrait,
};

impl Store {
    /// Runs `work`, which only reads, on one snapshot of the database: what another writer
    /// commits meanwhile is not seen. Runs in a task of its own, so that a vanished client
    /// cannot leave a connection behind that looks at an old snapshot for ever.
    ///
    /// # Errors
    /// What `work` returned, or a problem of the database.
    pub async fn snapshot<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        let reader = self.reader.clone();
        let task = tokio::spawn(async move {
            // SQLite in WAL mode reads a snapshot in every transaction and has no levels.
            let isolation_level = (reader.get_database_backend() == DatabaseBackend::Postgres)
                .then_some(IsolationLevel::RepeatableRead);
            let options = TransactionOptions {
                isolation_level,
                ..TransactionOptions::default()
            };
            let transaction = reader.begin_with_options(options).await?;
            let outcome = work(&transaction).await;
            transaction.rollback().await?;
            outcome
        });
        task.await.map_err(Problem::internal)?
    }
}
