//! The trace: entries and batches of all journals, and the feed over their changes.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

pub(super) fn tables() -> Vec<TableCreateStatement> {
    vec![
        // One row: this life of the database.
        table(
            "server_state",
            [
                integer("id"),
                uuid("epoch"),
                binary("public_key"),
                big_integer("began_at"),
            ],
            &["id"],
        ),
        // Append-only. A journal is a handheld's, or the server's part of an order's trace
        // (then `journal_id` is the order's id).
        table(
            "entry",
            [
                uuid("journal_id"),
                big_integer("seq"),
                binary("link"),
                binary("bytes"),
                uuid_null("order_id"),
                big_integer("received_at"),
                // stable code of why it is not part of its order
                text_null("parked"),
                // the feed position of its station at which it came
                big_integer("feed_position"),
            ],
            &["journal_id", "seq"],
        ),
        table(
            "batch",
            [
                uuid("journal_id"),
                big_integer("first_seq"),
                big_integer("last_seq"),
                binary("before_link"),
                binary("signature"),
                big_integer("received_at"),
            ],
            &["journal_id", "first_seq"],
        ),
        // Branches of forked journals and batches of revoked handhelds, as they came.
        table(
            "set_aside_batch",
            [
                binary("digest"),
                uuid("journal_id"),
                // fork or revoked
                text("reason"),
                big_integer("received_at"),
                big_integer("first_seq"),
                big_integer("last_seq"),
                binary("packed"),
            ],
            &["digest"],
        ),
        // The last feed position handed out in a station. Taking one locks the row until
        // the transaction ends, so that no reader overtakes a writer (I6).
        table(
            "feed_head",
            [uuid("station_id"), big_integer("position")],
            &["station_id"],
        ),
        table(
            "feed_change",
            [
                uuid("station_id"),
                big_integer("position"),
                // order, cell, person or customer
                text("subject"),
                uuid("subject_id"),
                // readers need all of it, not only what is newer than their cursor
                boolean("whole"),
            ],
            &["station_id", "position"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // an order's entries, and page by page as they came
        index("entry", &["order_id", "received_at"], false),
        index("set_aside_batch", &["journal_id"], false),
    ]
}
