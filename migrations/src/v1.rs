//! Version 1: people, territory, orders, the trace with its feed, and photos.

mod media;
mod orders;
mod people;
mod territory;
mod trace;

use super::columns::{index, table};
use sea_orm_migration::prelude::*;

/// The first version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct FirstLight;

#[async_trait::async_trait]
impl MigrationTrait for FirstLight {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in people::tables()
            .into_iter()
            .chain(territory::tables())
            .chain(orders::tables())
            .chain(trace::tables())
            .chain(media::tables())
        {
            manager.create_table(table).await?;
        }
        for index in people::indexes()
            .into_iter()
            .chain(territory::indexes())
            .chain(orders::indexes())
            .chain(trace::indexes())
            .chain(media::indexes())
        {
            manager.create_index(index).await?;
        }
        let connection = manager.get_connection();
        for statement in trace::counting(connection.get_database_backend()) {
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
