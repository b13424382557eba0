//! Version 12: how far the calendar reached when a duty table was written.

use sea_orm_migration::prelude::*;

/// The last year that was known to whoever wrote a duty table.
#[derive(DeriveMigrationName)]
pub(super) struct GuessedDays;

/// The calendar that every table before this version was written by ends with this year.
const KNOWN_TO: i32 = 2026;

#[async_trait::async_trait]
impl MigrationTrait for GuessedDays {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let known_to = ColumnDef::new("calendar_to")
            .integer()
            .not_null()
            .default(KNOWN_TO)
            .take();
        let tables = Table::alter()
            .table("duty_table")
            .add_column(known_to)
            .take();
        manager.alter_table(tables).await
    }
}
