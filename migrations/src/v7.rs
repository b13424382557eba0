//! Version 7: the life of cells: who made which version and what it changed, versions planned
//! for later, where an account belonged before, hand-overs, and what the checks found.

use super::columns::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

/// The seventh version of the schema.
#[derive(DeriveMigrationName)]
pub(super) struct LifeOfCells;

#[async_trait::async_trait]
impl MigrationTrait for LifeOfCells {
    /// Whole or not at all: a server that is killed here starts again at a version.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in of_versions() {
            let alter = Table::alter().table("territory").add_column(column).take();
            manager.alter_table(alter).await?;
        }
        for made in tables() {
            manager.create_table(made).await?;
        }
        for made in indexes() {
            manager.create_index(made).await?;
        }
        // Every station that has a territory is to be checked.
        let stations = Query::select()
            .column("station_id")
            .expr(Expr::value(0i64))
            .expr(Expr::value("{}"))
            .distinct()
            .from("territory")
            .take();
        let mut due = Query::insert();
        due.into_table("territory_check")
            .columns(["station_id", "due_at", "kinds"]);
        due.select_from(stations)
            .map_err(|error| DbErr::Custom(error.to_string()))?;
        manager.execute(due).await
    }
}

/// What versions that are there already get is what was known of them: they came into force
/// when they count from, and what they changed is not told.
fn of_versions() -> [ColumnDef; 4] {
    [
        // when it came into force here; 0 when that was before this version of the schema
        big_integer("came_at").default(0).take(),
        // what it changed, as JSON
        text("changes").default("{}").take(),
        // the version that it undid
        big_integer_null("undoes"),
        // whether hand-overs of open orders are still to be looked for
        boolean("hand_overs_due").default(false).take(),
    ]
}

fn tables() -> [TableCreateStatement; 4] {
    [
        // Versions that count from a later day.
        table(
            "territory_plan",
            [
                uuid("id"),
                uuid("station_id"),
                // the version that it was worked out from
                big_integer("base_version"),
                big_integer("effective_from"),
                uuid("author"),
                text("reason"),
                big_integer("made_at"),
                // what is to be done with the present territory, as JSON; empty when it
                // cannot be done again on another one
                text("edits"),
                // the whole territory as it shall be, as JSON
                text("content"),
                // what it would change, as JSON
                text("changes"),
                big_integer_null("undoes"),
                // planned, stale, in_force or cancelled
                text("state"),
                // why it is stale
                text("flaw"),
                // when and by whom it was put in force or cancelled
                big_integer_null("ended_at"),
                uuid_null("ended_by"),
                // the version that it became
                big_integer_null("version"),
            ],
            &["id"],
        ),
        // Where an account belonged before it was linked to another station area.
        table(
            "account_area_link",
            [
                uuid("customer_id"),
                // until then, excluded
                big_integer("until_at"),
                uuid("station_id"),
                // by its code: the row of the station area may be gone
                text("station_area"),
            ],
            &["customer_id", "until_at"],
        ),
        table(
            "hand_over",
            [
                uuid("id"),
                uuid("station_id"),
                uuid("order_id"),
                // the order as long as the hand-over is open: one at a time for each
                uuid_null("open_order"),
                uuid("from_person"),
                uuid("to_person"),
                uuid_null("from_cell"),
                uuid_null("to_cell"),
                // territory, leave or leave_over
                text("cause"),
                // the version of the territory, or the leave
                text("cause_ref"),
                text("reason"),
                uuid("author"),
                // the term of the order in which it was offered
                big_integer("term"),
                big_integer("offered_at"),
                // offered, accepted, kept or lapsed
                text("state"),
                big_integer_null("decided_at"),
                uuid_null("decided_by"),
            ],
            &["id"],
        ),
        // What the checks of a station found last, and when they are due again.
        table(
            "territory_check",
            [
                uuid("station_id"),
                big_integer("due_at"),
                big_integer_null("checked_at"),
                big_integer_null("version"),
                big_integer_null("found"),
                // how many of each kind, as JSON
                text("kinds"),
            ],
            &["station_id"],
        ),
    ]
}

fn indexes() -> [IndexCreateStatement; 8] {
    [
        index("territory", &["hand_overs_due"], false),
        index("territory_plan", &["station_id"], false),
        index("territory_plan", &["state", "effective_from"], false),
        index("hand_over", &["open_order"], true),
        index("hand_over", &["order_id"], false),
        index("hand_over", &["station_id", "id"], false),
        index("hand_over", &["to_person"], false),
        index("territory_check", &["due_at"], false),
    ]
}
