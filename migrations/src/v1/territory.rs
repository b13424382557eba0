//! Boundaries, cells, their A and B, station areas, feeders and customers.

use super::{index, table};
use sea_orm_migration::{prelude::*, schema::*};

pub(super) fn tables() -> Vec<TableCreateStatement> {
    vec![
        table(
            "territory",
            [
                uuid("station_id"),
                big_integer("version"),
                // polygons of rings of [lon, lat], WGS-84, as JSON
                text("boundary"),
                big_integer("effective_from"),
                uuid("author"),
                text("reason"),
                // the whole version as it was accepted, as JSON: orders remember the
                // version that they were routed by, and the tables below hold only the
                // present one
                text("content"),
            ],
            &["station_id", "version"],
        ),
        // Raised by every change of any territory: how each process notices.
        table(
            "territory_change",
            [integer("id"), big_integer("change")],
            &["id"],
        ),
        table(
            "cell",
            [
                uuid("id"),
                uuid("station_id"),
                text("code"),
                text("name"),
                text("geometry"),
                // the territory versions that have it: from, and before
                big_integer("from_version"),
                big_integer_null("until_version"),
            ],
            &["id"],
        ),
        table(
            "cell_role",
            [
                uuid("id"),
                uuid("station_id"),
                uuid("cell_id"),
                // A or B
                text("role"),
                uuid("person_id"),
                big_integer("valid_from"),
                big_integer_null("valid_until"),
                uuid("author"),
                // the next moment at which it begins or ends and handhelds must be told
                big_integer_null("next_change"),
            ],
            &["id"],
        ),
        table(
            "feeder",
            [uuid("id"), uuid("station_id"), text("code"), text("name")],
            &["id"],
        ),
        table(
            "station_area",
            [
                uuid("id"),
                uuid("station_id"),
                uuid_null("cell_id"),
                uuid_null("feeder_id"),
                text("code"),
                text("name"),
                double("lon"),
                double("lat"),
                // how many customers it supplies: the weight in a split
                big_integer("customers"),
                // urban, rural or remote
                text("area_class"),
            ],
            &["id"],
        ),
        table(
            "customer",
            [
                uuid("id"),
                uuid("station_id"),
                uuid("station_area_id"),
                text("account_no"),
                text("name"),
                text("phone"),
                text("address"),
                double_null("lon"),
                double_null("lat"),
            ],
            &["id"],
        ),
    ]
}

pub(super) fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("cell", &["station_id"], false),
        index("cell_role", &["cell_id"], false),
        index("cell_role", &["person_id"], false),
        index("cell_role", &["next_change"], false),
        index("feeder", &["station_id", "code"], true),
        index("station_area", &["station_id", "code"], true),
        index("station_area", &["cell_id"], false),
        index("customer", &["account_no"], true),
        index("customer", &["station_area_id"], false),
    ]
}
