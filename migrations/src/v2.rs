//! Version 2: how handhelds stand.

use super::columns::table;
use sea_orm_migration::{prelude::*, schema::*};

/// The second version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct HowHandheldsStand;

#[async_trait::async_trait]
impl MigrationTrait for HowHandheldsStand {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The last one of each; what it says is in `packed`, as it came.
        let told = table(
            "handheld_diagnostics",
            [
                uuid("journal_id"),
                uuid("station_id"),
                big_integer("received_at"),
                binary("packed"),
            ],
            &["journal_id"],
        );
        manager.create_table(told).await
    }
}
