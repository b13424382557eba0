//! Whether people can be A or B in a station.

use crate::{
    edge::Problem,
    people::{Role, reach, rows::person},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use std::collections::{BTreeMap, BTreeSet};

/// Refuses people who are no managers of the station, or may not sign in any more.
///
/// # Errors
/// `territory.roles_invalid`, or a problem of the database.
pub(super) async fn check_managers(
    tx: &DatabaseTransaction,
    station: OrgId,
    people: impl IntoIterator<Item = PersonId>,
) -> Result<(), Problem> {
    let people: BTreeSet<PersonId> = people.into_iter().collect();
    let active = active_managers(tx, station, &people).await?;
    if let Some(person) = people.difference(&active).next() {
        let detail = format!("{person} is no active manager of this station.");
        return Err(Problem::new(Code::TerritoryRolesInvalid, detail));
    }
    Ok(())
}

/// Who of these people is a manager of the station and may sign in: who can be A or B.
///
/// # Errors
/// A problem of the database.
pub async fn active_managers<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    people: &BTreeSet<PersonId>,
) -> Result<BTreeSet<PersonId>, Problem> {
    let rows = person::Entity::find()
        .filter(person::Column::Id.is_in(people.iter().map(|person| person.0)))
        .filter(person::Column::Role.eq(Role::Manager.as_str()))
        .filter(person::Column::DisabledAt.is_null())
        .all(db)
        .await?;
    // A station has a handful of units, and each is looked up once.
    let mut stations = BTreeMap::new();
    let mut active = BTreeSet::new();
    for row in rows {
        let unit = OrgId(row.org_id);
        let theirs = match stations.get(&unit) {
            Some(known) => *known,
            None => {
                let found = reach::around(db, unit).await?.station_of(unit);
                stations.insert(unit, found);
                found
            }
        };
        if theirs == Some(station) {
            active.insert(PersonId(row.id));
        }
    }
    Ok(active)
}
