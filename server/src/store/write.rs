//! Writing: one explicit transaction that the caller's connection cannot cancel.

use super::Store;
use crate::edge::Problem;
use futures_util::future::BoxFuture;
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use std::sync::Arc;

/// What becomes of work that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    Undo,
}

impl Store {
    /// Runs `work` in a transaction of its own and commits it, in a task of its own: when
    /// the client goes away and the handler is dropped, the work is still either done
    /// whole or not at all, and the connection goes back clean.
    ///
    /// ```ignore
    /// store.write(move |tx| Box::pin(async move { insert(tx, row).await })).await?;
    /// ```
    ///
    /// # Errors
    /// What `work` returned (then everything is rolled back), or a problem of the database.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        self.transact(work, Ending::Commit).await
    }

    /// As [`Store::write`], but nothing of it stays: whether `work` would succeed now, and what
    /// would come of it. It holds what the work locks, on SQLite the one place for writing.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn rehearse<T, F>(&self, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        self.transact(work, Ending::Undo).await
    }

    async fn transact<T, F>(&self, work: F, ending: Ending) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        let writer = self.writer.clone();
        let commits = Arc::clone(&self.commits);
        #[cfg(feature = "simulated")]
        let watcher = self.watcher.clone();
        let task = tokio::spawn(async move {
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            let transaction = writer.begin_with_options(options).await?;
            match (work(&transaction).await, ending) {
                (Ok(value), Ending::Commit) => {
                    #[cfg(feature = "simulated")]
                    super::watch::tell(watcher.as_ref(), super::watch::Moment::Commit);
                    transaction.commit().await?;
                    #[cfg(feature = "simulated")]
                    super::watch::tell(watcher.as_ref(), super::watch::Moment::Committed);
                    commits.send_modify(|count| *count = count.wrapping_add(1));
                    Ok(value)
                }
                (Ok(value), Ending::Undo) => {
                    transaction.rollback().await?;
                    Ok(value)
                }
                (Err(problem), _) => {
                    // SQLite has rolled back by itself after a fault of the disk and refuses
                    // to do it twice; what went wrong is the problem, not this.
                    if let Err(error) = transaction.rollback().await {
                        tracing::warn!(%error, "a transaction could not be rolled back");
                    }
                    Err(problem)
                }
            }
        });
        task.await.map_err(Problem::internal)?
    }
}

#[cfg(test)]
mod tests {
    use crate::{edge::Problem, people::fixture::Fixture};
    use gridcrew_sync_protocol::code::Code;
    use sea_orm::ConnectionTrait;

    const MAKE: &str = "INSERT INTO server_clock (life, latest) VALUES (77, 1)";

    async fn panics(fixture: Fixture) {
        let store = &fixture.app.store;
        for _ in 0..20 {
            let panicked = store.write(|tx| {
                Box::pin(async move {
                    tx.execute_unprepared(MAKE).await?;
                    if tx.support_returning() {
                        panic!("injected");
                    }
                    Ok::<_, Problem>(())
                })
            });
            assert_eq!(panicked.await.unwrap_err().code, Code::Internal);
        }
        // Each of them would meet the row of the one before.
        let made = store.write(|tx| {
            Box::pin(async move { Ok(tx.execute_unprepared(MAKE).await?.rows_affected()) })
        });
        assert_eq!(made.await.unwrap(), 1);
    }

    async fn rehearses(fixture: Fixture) {
        let store = &fixture.app.store;
        let commits = *store.commits().borrow();
        for _ in 0..2 {
            let made = store.rehearse(|tx| {
                Box::pin(async move { Ok(tx.execute_unprepared(MAKE).await?.rows_affected()) })
            });
            assert_eq!(made.await.unwrap(), 1, "nothing of the one before stayed");
        }
        assert_eq!(*store.commits().borrow(), commits);
    }

    #[actix_web::test]
    async fn what_is_rehearsed_leaves_nothing() {
        rehearses(Fixture::new().await).await;
        if let Some(fixture) = Fixture::on_postgres().await {
            rehearses(fixture).await;
        }
    }

    #[actix_web::test]
    async fn what_panics_is_rolled_back_and_the_next_write_goes_on() {
        panics(Fixture::new().await).await;
    }

    #[actix_web::test]
    async fn the_same_on_postgres() {
        if let Some(fixture) = Fixture::on_postgres().await {
            panics(fixture).await;
        }
    }
}
