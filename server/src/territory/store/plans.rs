//! Versions that count from a later day: made, listed, put in force at their moment, cancelled.

use crate::{edge::Problem, territory::rows::territory_plan};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr};

/// How a planned version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanState {
    /// It waits for its moment.
    Planned,
    /// The territory changed meanwhile, or it cannot be put in force: it waits for people.
    Stale,
}

impl PlanState {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Stale => "stale",
        }
    }
}

/// Marks the plans of a station that were worked out from a version before this one.
pub(super) async fn base_is_gone(
    tx: &DatabaseTransaction,
    station: OrgId,
    version: i64,
) -> Result<(), Problem> {
    use territory_plan::Column;
    let flaw = format!("version {version} came into force meanwhile");
    territory_plan::Entity::update_many()
        .col_expr(Column::State, Expr::value(PlanState::Stale.as_str()))
        .col_expr(Column::Flaw, Expr::value(flaw))
        .filter(Column::StationId.eq(station.0))
        .filter(Column::State.eq(PlanState::Planned.as_str()))
        .filter(Column::BaseVersion.lt(version))
        .exec(tx)
        .await?;
    Ok(())
}
