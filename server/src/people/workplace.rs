//! Where people work: who is no longer at the station that a row names. He was disabled, moved
//! to another station, or has a role with which nobody does field work.
//!
//! [`with_people`] joins rows with a person of theirs and his unit; [`gone`] and [`elsewhere`]
//! are conditions on that. They find rows in bulk and without a lock; who acts upon one asks
//! [`works_at`] again under the station's lock.

use super::{
    Role,
    rows::{org_unit, person},
};
use crate::edge::Problem;
use gridcrew_sync_protocol::ids::{OrgId, PersonId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, JoinType, PaginatorTrait,
    QueryFilter, QuerySelect, Select, sea_query::Expr,
};

/// The roles with which people have orders of their station and take leave from it.
pub const WORKERS: [&str; 2] = [Role::Manager.as_str(), Role::Station.as_str()];

/// Rows joined with the person whom a column names, and with his unit.
#[must_use]
pub fn with_people<E: EntityTrait>(column: E::Column) -> Select<E> {
    let person = E::belongs_to(person::Entity)
        .from(column)
        .to(person::Column::Id);
    let unit = person::Entity::belongs_to(org_unit::Entity)
        .from(person::Column::OrgId)
        .to(org_unit::Column::Id);
    E::find()
        .join(JoinType::InnerJoin, person.into())
        .join(JoinType::InnerJoin, unit.into())
}

/// Condition on rows of [`with_people`]: the person is not at the row's station any more.
#[must_use]
pub fn gone(table: &'static str) -> Condition {
    Condition::any()
        .add(person::Column::DisabledAt.is_not_null())
        .add(person::Column::Role.is_not_in(WORKERS))
        .add(elsewhere(table))
}

/// Condition on rows of [`with_people`]: the person belongs to another station than the row.
/// Crews and teams are right below their station.
#[must_use]
pub fn elsewhere(table: &'static str) -> Condition {
    let station = || Expr::col((table, "station_id"));
    Condition::all()
        .add(Expr::col((org_unit::Entity, org_unit::Column::Id)).ne(station()))
        .add(
            Condition::any()
                .add(org_unit::Column::ParentId.is_null())
                .add(Expr::col((org_unit::Entity, org_unit::Column::ParentId)).ne(station())),
        )
}

/// Whether somebody is an active manager or staff of a station, or of a crew or team of it.
///
/// # Errors
/// A problem of the database.
pub async fn works_at<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    person: PersonId,
) -> Result<bool, Problem> {
    let unit = person::Entity::belongs_to(org_unit::Entity)
        .from(person::Column::OrgId)
        .to(org_unit::Column::Id);
    let found = person::Entity::find_by_id(person.0)
        .join(JoinType::InnerJoin, unit.into())
        .filter(person::Column::DisabledAt.is_null())
        .filter(person::Column::Role.is_in(WORKERS))
        .filter(
            Condition::any()
                .add(org_unit::Column::Id.eq(station.0))
                .add(org_unit::Column::ParentId.eq(station.0)),
        )
        .count(db)
        .await?;
    Ok(found > 0)
}
