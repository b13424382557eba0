//! Version 5: an order's outside number is its station's, and photos are seen by those whose
//! record promised them first, or whose handheld brought the bytes.

use super::columns::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

/// The fifth version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct NamesOfStations;

#[async_trait::async_trait]
impl MigrationTrait for NamesOfStations {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Two stations' halls may count alike.
        let before = Index::drop()
            .name("service_order_by_source_outside_no")
            .table("service_order")
            .to_owned();
        manager.drop_index(before).await?;
        let names = ["station_id", "source", "outside_no"];
        manager
            .create_index(index("service_order", &names, true))
            .await?;
        let brought = table(
            "photo_brought",
            [
                // SHA-256 of the original
                binary("photo"),
                // of the handheld that had the bytes
                uuid("journal_id"),
            ],
            &["photo", "journal_id"],
        );
        manager.create_table(brought).await?;
        // Who had the bytes was not written down before: whoever promised what is held.
        let held = Query::select()
            .column("photo")
            .from("media_object")
            .and_where(Expr::col("kind").eq("original"))
            .take();
        let promised = Query::select()
            .distinct()
            .columns(["photo", "journal_id"])
            .from("photo_promise")
            .and_where(Expr::col("photo").in_subquery(held))
            .take();
        let mut known = Query::insert();
        known
            .into_table("photo_brought")
            .columns(["photo", "journal_id"]);
        known
            .select_from(promised)
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        manager.execute(known).await
    }
}
