//! Version 6: how far the server's time had come.

use super::columns::table;
use sea_orm_migration::{prelude::*, schema::*};

/// The lives of the server's clock.
#[derive(DeriveMigrationName)]
pub(super) struct ServerClock;

#[async_trait::async_trait]
impl MigrationTrait for ServerClock {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let clock = table(
            "server_clock",
            // The latest time that was marked in each life of the clock.
            [integer("life"), big_integer("latest")],
            &["life"],
        );
        manager.create_table(clock).await
    }
}
