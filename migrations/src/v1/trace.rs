//! The trace: entries and batches of all journals, and the feed over their changes.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*, sea_orm::DatabaseBackend};

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
        // Branches of forked journals, and batches of revoked handhelds and of people who
        // were disabled, as they came.
        table(
            "set_aside_batch",
            [
                binary("digest"),
                uuid("journal_id"),
                // fork, revoked or disabled
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
        // One row: how many writes were acknowledged that no feed position stands for.
        table(
            "unannounced",
            [integer("id"), big_integer("writes")],
            &["id"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // an order's entries, and page by page as they came
        index("entry", &["order_id", "received_at"], false),
        index("set_aside_batch", &["journal_id"], false),
        // which subjects are announced again later on
        index(
            "feed_change",
            &["station_id", "subject_id", "position"],
            false,
        ),
    ]
}

/// Tables whose new rows are acknowledged to handhelds although the feed says nothing of
/// them: photos held, handhelds enrolled, batches set aside.
const UNANNOUNCED: [&str; 3] = ["media_object", "handheld", "set_aside_batch"];

/// Statements that begin the count of unannounced writes and have the database itself raise
/// it with every new row of those tables, so that no capability can forget to.
pub(super) fn counting(backend: DatabaseBackend) -> Vec<String> {
    let mut statements = vec!["INSERT INTO unannounced (id, writes) VALUES (1, 0)".to_owned()];
    let raise = "UPDATE unannounced SET writes = writes + 1 WHERE id = 1;";
    let postgres = backend == DatabaseBackend::Postgres;
    if postgres {
        statements.push(format!(
            "CREATE FUNCTION count_unannounced() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {raise} RETURN NULL; END $$"
        ));
    }
    for table in UNANNOUNCED {
        let trigger = format!("CREATE TRIGGER {table}_counted AFTER INSERT ON {table}");
        statements.push(if postgres {
            format!("{trigger} FOR EACH ROW EXECUTE FUNCTION count_unannounced()")
        } else {
            format!("{trigger} BEGIN {raise} END")
        });
    }
    statements
}
