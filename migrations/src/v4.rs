//! Version 4: orders to wipe a handheld.

use super::columns::table;
use sea_orm_migration::{prelude::*, schema::*};

/// Orders to wipe a handheld.
#[derive(DeriveMigrationName)]
pub(super) struct Wipes;

#[async_trait::async_trait]
impl MigrationTrait for Wipes {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let wipes = table(
            "handheld_wipe",
            [
                uuid("handheld_id"),
                uuid("station_id"),
                // when_safe or at_once
                text("form"),
                big_integer("ordered_at"),
                uuid("ordered_by"),
                // the handheld says that everything is removed
                big_integer_null("done_at"),
            ],
            &["handheld_id"],
        );
        manager.create_table(wipes).await
    }
}
