//! Version 3: what handhelds answer from without a network: meter numbers of customers, and
//! prompt cards.

use sea_orm_migration::{prelude::*, schema::*};

/// The third version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct LocalAnswers;

#[async_trait::async_trait]
impl MigrationTrait for LocalAnswers {
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
