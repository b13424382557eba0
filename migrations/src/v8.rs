//! Version 8: who is there and who stands in: leave with its covers, duty tables, and the
//! notice boards of cells.

use super::columns::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

/// Leave, duty tables, notice boards.
#[derive(DeriveMigrationName)]
pub(super) struct WhoIsThere;

#[async_trait::async_trait]
impl MigrationTrait for WhoIsThere {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [leave(), leave_cover(), duty_table(), duty_shift(), board()] {
            manager.create_table(table).await?;
        }
        for index in [
            index("leave", &["station_id", "state"], false),
            index("leave", &["person_id"], false),
            index("leave", &["next_change"], false),
            index("leave_cover", &["leave_id"], false),
            index("leave_cover", &["cell_id"], false),
            index("leave_cover", &["person_id"], false),
            index("duty_table", &["station_id"], false),
            index("duty_shift", &["unit_id"], false),
            index("duty_shift", &["station_id", "until_at"], false),
            index("cell_board", &["token"], true),
            index("cell_board", &["station_id"], false),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn leave() -> TableCreateStatement {
    table(
        "leave",
        [
            uuid("id"),
            uuid("station_id"),
            uuid("person_id"),
            // planned or sudden
            text("kind"),
            big_integer("from_at"),
            // open if absent
            big_integer_null("until_at"),
            text("reason"),
            // requested, approved, refused or withdrawn
            text("state"),
            uuid("asked_by"),
            big_integer("asked_at"),
            uuid_null("decided_by"),
            big_integer_null("decided_at"),
            text_null("decision"),
            // until when the written statement of a sudden one is due
            big_integer_null("statement_due"),
            text_null("statement"),
            big_integer_null("statement_at"),
            // the next moment at which it begins or ends and somebody must act
            big_integer_null("next_change"),
            // when its beginning and its end were acted upon
            big_integer_null("begun_at"),
            big_integer_null("ended_at"),
        ],
        &["id"],
    )
}

fn leave_cover() -> TableCreateStatement {
    table(
        "leave_cover",
        [
            uuid("id"),
            uuid("leave_id"),
            uuid("station_id"),
            uuid("cell_id"),
            // who stands in
            uuid("person_id"),
            big_integer("from_at"),
            big_integer_null("until_at"),
        ],
        &["id"],
    )
}

fn duty_table() -> TableCreateStatement {
    table(
        "duty_table",
        [
            // the station, or the team or crew whose cells it is for
            uuid("unit_id"),
            uuid("station_id"),
            text("name"),
            // raised by each change
            big_integer("version"),
            // what was written down, as JSON
            text("content"),
            uuid("author"),
            big_integer("changed_at"),
        ],
        &["unit_id"],
    )
}

fn duty_shift() -> TableCreateStatement {
    table(
        "duty_shift",
        [
            uuid("id"),
            uuid("unit_id"),
            uuid("station_id"),
            uuid("person_id"),
            // night, weekend or holiday
            text("kind"),
            big_integer("from_at"),
            big_integer("until_at"),
        ],
        &["id"],
    )
}

fn board() -> TableCreateStatement {
    table(
        "cell_board",
        [
            uuid("cell_id"),
            uuid("station_id"),
            // the unguessable part of its public address
            text("token"),
            // belongs to the cell, whoever is A
            text("phone"),
            text("service_zh"),
            text("service_en"),
            // the mark of what hangs out there, and since when
            text_null("posted_mark"),
            big_integer_null("posted_at"),
            uuid("author"),
            big_integer("changed_at"),
        ],
        &["cell_id"],
    )
}
