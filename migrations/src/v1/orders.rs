//! Orders: the projection that a fold of the trace gives, and how each was routed.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

pub(super) fn tables() -> Vec<TableCreateStatement> {
    vec![
        // Editions of the workflow templates, never changed (I10).
        table(
            "template",
            [
                text("code"),
                big_integer("version"),
                big_integer("effective_from"),
                text("body"),
            ],
            &["code", "version"],
        ),
        // The projection: can be dropped and built again from `entry` (I1).
        table(
            "service_order",
            [
                uuid("id"),
                uuid("station_id"),
                text("source"),
                text("outside_no"),
                // hash of what was asked at intake: the same again is no conflict
                binary("intake_digest"),
                // who took it in: the first-asked person
                uuid("accepted_by"),
                text("template_code"),
                big_integer("template_version"),
                uuid_null("customer_id"),
                uuid_null("cell_id"),
                uuid_null("station_area_id"),
                text("status"),
                uuid_null("owner_person"),
                uuid_null("owner_desk"),
                big_integer("term"),
                big_integer("accepted_at"),
                // the earliest deadline that still runs
                big_integer_null("next_due"),
                // contact and address as encoded once; its hash is in the trace
                binary("details"),
                // the server's own journal in this order's trace
                big_integer("server_seq"),
                binary("server_link"),
                // the folded state as encoded, its hash, and how many entries it is of
                binary("state"),
                binary("state_digest"),
                big_integer("entry_count"),
            ],
            &["id"],
        ),
        // Who was ever given the order.
        table(
            "order_person",
            [uuid("order_id"), uuid("person_id")],
            &["order_id", "person_id"],
        ),
        // Why it went where it went: candidates, distances, reasons (I11).
        table(
            "routing_decision",
            [
                uuid("order_id"),
                big_integer("term"),
                big_integer("at"),
                text("explanation"),
            ],
            &["order_id", "term"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("service_order", &["source", "outside_no"], true),
        index("service_order", &["station_id", "accepted_at", "id"], false),
        index("service_order", &["owner_person"], false),
        index("service_order", &["cell_id"], false),
        index("service_order", &["accepted_by"], false),
        index("service_order", &["status"], false),
        index("order_person", &["person_id"], false),
    ]
}
