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
        // Bytes that are held, verified and durable, named by their hash. Two photos may
        // have one and the same preview, and a preview may be another photo's original.
        table(
            "media_object",
            [
                // the original that it is, or is a preview of
                binary("photo"),
                // original or preview
                text("kind"),
                binary("digest"),
                big_integer("bytes"),
                text("media_type"),
                big_integer("stored_at"),
                // a preview made of the original, not brought by a handheld
                boolean("derived"),
            ],
            &["photo", "kind"],
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
                // the upload is over from then on: its time has passed, or it was ended
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
        // a handheld that begins the same upload again goes on with the first
        index("upload", &["journal_id", "photo", "kind", "digest"], true),
        index("upload", &["expires_at"], false),
    ]
}
