//! Version 10: what photos look like, to find one that was used elsewhere.

use super::columns::table;
use sea_orm_migration::{prelude::*, schema::*};

/// The looks of photos.
#[derive(DeriveMigrationName)]
pub(super) struct LooksOfPhotos;

#[async_trait::async_trait]
impl MigrationTrait for LooksOfPhotos {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let looks = table(
            "photo_look",
            [
                // of the handheld that promised it first
                uuid("station_id"),
                // A quarter of the look and which of the four it is: looks that differ in few
                // bits have one that differs in none or one.
                integer("band"),
                // SHA-256 of the original
                binary("photo"),
                // The whole look.
                big_integer("look"),
            ],
            &["station_id", "band", "photo"],
        );
        manager.create_table(looks).await
    }
}
