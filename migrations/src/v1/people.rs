//! The organisation tree, people, sessions, handhelds, and the log of who saw what.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

pub(super) fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "org_unit",
            [
                uuid("id"),
                uuid_null("parent_id"),
                // center, station, crew or team
                text("kind"),
                text("name"),
                text("code"),
            ],
            &["id"],
        ),
        table(
            "person",
            [
                uuid("id"),
                uuid("org_id"),
                text("name"),
                text("login"),
                text_null("password_hash"),
                // manager, station, center or administrator
                text("role"),
                // manager's base, WGS-84 degrees
                double_null("base_lon"),
                double_null("base_lat"),
                big_integer_null("disabled_at"),
                // raised by every change of role, place or standing: older tokens end
                big_integer("permission_version"),
            ],
            &["id"],
        ),
        table(
            "session",
            [
                uuid("id"),
                uuid("person_id"),
                // the handheld that it belongs to, if any
                uuid_null("journal_id"),
                big_integer("created_at"),
                big_integer("last_used_at"),
                big_integer_null("ended_at"),
                text_null("end_reason"),
            ],
            &["id"],
        ),
        table(
            "refresh_token",
            [
                binary("token_hash"),
                uuid("session_id"),
                big_integer("issued_at"),
                big_integer("expires_at"),
                // exchanged at; the exchange may be repeated until the successor is used
                big_integer_null("used_at"),
                binary_null("successor_hash"),
            ],
            &["token_hash"],
        ),
        table(
            "enrolment_code",
            [
                binary("code_hash"),
                uuid("person_id"),
                uuid("created_by"),
                big_integer("created_at"),
                big_integer("expires_at"),
                big_integer_null("used_at"),
            ],
            &["code_hash"],
        ),
        // One installation of the handheld: its id is its journal's.
        table(
            "handheld",
            [
                uuid("id"),
                uuid("person_id"),
                uuid("station_id"),
                text("device_name"),
                binary("public_key"),
                // the journal that forked into this one
                uuid_null("continues"),
                big_integer("enrolled_at"),
                big_integer_null("revoked_at"),
                big_integer_null("last_contact_at"),
                // the last entry held, 0 when none, and its link
                big_integer("head_seq"),
                binary("head_link"),
            ],
            &["id"],
        ),
        // When someone is not to be given orders. An absence that was taken back before it
        // began ends when it begins.
        table(
            "duty_off",
            [
                uuid("person_id"),
                big_integer("from_at"),
                big_integer_null("until_at"),
                text("reason"),
                uuid("author"),
            ],
            &["person_id", "from_at"],
        ),
        table(
            "audit_log",
            [
                uuid("id"),
                big_integer("at"),
                uuid_null("person_id"),
                uuid_null("station_id"),
                text("action"),
                text("subject"),
                text("outcome"),
            ],
            &["id"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("org_unit", &["parent_id"], false),
        index("person", &["login"], true),
        index("person", &["org_id"], false),
        index("session", &["person_id"], false),
        index("refresh_token", &["session_id"], false),
        index("handheld", &["person_id"], false),
        index("handheld", &["station_id"], false),
        index("audit_log", &["at"], false),
    ]
}
