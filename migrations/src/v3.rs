//! Version 3: what handhelds answer from without a network: meter numbers of customers, and
//! prompt cards.

use sea_orm_migration::{prelude::*, schema::*};

/// The third version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct LocalAnswers;

#[async_trait::async_trait]
impl MigrationTrait for LocalAnswers {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let meter = ColumnDef::new("meter_no")
            .text()
            .not_null()
            .default("")
            .take();
        let customer = Table::alter().table("customer").add_column(meter).take();
        manager.alter_table(customer).await?;
        let cards = Table::create()
            .table("prompt_card")
            // the code of the workflow that they are for
            .col(text("workflow"))
            .col(big_integer("version"))
            .col(big_integer("effective_from"))
            // as TOML
            .col(text("body"))
            .primary_key(Index::create().col("workflow").col("version"))
            .take();
        manager.create_table(cards).await
    }
}
