//! Photos: what was promised, what is being uploaded, what is held.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

pub(super) fn tables() -> Vec<TableCreateStatement> {
    vec![
        // A record's promise of a photo.
        table(
            "photo_promise",
            [
                binary("photo"),
                uuid("journal_id"),
                big_integer("seq"),
                text("slot"),
                uuid("station_id"),
                uuid_null("order_id"),
                big_integer("bytes"),
            ],
            &["photo", "journal_id", "seq", "slot"],
        ),
        // Bytes that are held, verified and durable, named by their hash.
        table(
            "media_object",
            [
                binary("digest"),
                // the original that it is, or is a preview of
                binary("photo"),
                // original or preview
                text("kind"),
                big_integer("bytes"),
                text("media_type"),
                big_integer("stored_at"),
            ],
            &["digest"],
        ),
        table(
            "upload",
            [
                uuid("id"),
                uuid("journal_id"),
                binary("digest"),
                binary("photo"),
                text("kind"),
                big_integer("length"),
                big_integer("created_at"),
                big_integer("expires_at"),
            ],
            &["id"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("photo_promise", &["order_id"], false),
        index("photo_promise", &["journal_id", "seq"], false),
        index("media_object", &["photo"], false),
        index("upload", &["expires_at"], false),
    ]
}
