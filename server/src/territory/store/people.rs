//! Whether people can be A or B in a station.

use crate::{
    edge::Problem,
    people::{Role, reach, rows::person},
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
            Some(row) => {
                let unit = OrgId(row.org_id);
                reach::around(tx, unit).await?.station_of(unit)
            }
            None => None,
        };
        if theirs != Some(station) {
            let detail = format!("{person} is no active manager of this station.");
            return Err(Problem::new(Code::TerritoryRolesInvalid, detail));
        }
    }
    Ok(())
}
