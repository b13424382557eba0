//! Whether people can be A or B in a station.

use crate::{
    edge::Problem,
    people::{
        Role,
        rows::{org_unit, person},
        tree::UnitKind,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

/// Refuses people who are no managers of the station, or may not sign in any more.
///
/// # Errors
/// `territory.roles_invalid`, or a problem of the database.
pub(super) async fn check_managers(
    tx: &DatabaseTransaction,
    station: OrgId,
    people: impl IntoIterator<Item = PersonId>,
) -> Result<(), Problem> {
    for person in people {
        let row = person::Entity::find_by_id(person.0)
            .filter(person::Column::Role.eq(Role::Manager.as_str()))
            .filter(person::Column::DisabledAt.is_null())
            .one(tx)
            .await?;
        let theirs = match row {
            Some(row) => station_of(tx, OrgId(row.org_id)).await?,
            None => None,
        };
        if theirs != Some(station) {
            let detail = format!("{person} is no active manager of this station.");
            return Err(Problem::new(Code::TerritoryRolesInvalid, detail));
        }
    }
    Ok(())
}

/// The station that a unit is or stands under. Crews and teams stand right under theirs.
async fn station_of(tx: &DatabaseTransaction, unit: OrgId) -> Result<Option<OrgId>, Problem> {
    let is_station = |unit: &org_unit::Model| unit.kind == UnitKind::Station.as_str();
    let find = |id| org_unit::Entity::find_by_id(id).one(tx);
    let Some(unit) = find(unit.0).await? else {
        return Ok(None);
    };
    if is_station(&unit) {
        return Ok(Some(OrgId(unit.id)));
    }
    let above = match unit.parent_id {
        Some(parent) => find(parent).await?,
        None => None,
    };
    Ok(above.filter(is_station).map(|unit| OrgId(unit.id)))
}
