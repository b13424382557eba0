//! What proposals of A and B need to know, and storing a whole set of pairs at once.

use super::{people, roles, set_roles};
use crate::{
    app::App,
    edge::Problem,
    people::{Role, reach, rows::person},
    territory::{assign::Wish, rows::cell_role},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};
use std::{collections::BTreeSet, fmt::Write};

/// The managers of a station who may sign in, in the order of their ids.
///
/// # Errors
/// A problem of the database.
pub async fn station_managers<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
) -> Result<Vec<person::Model>, Problem> {
    let tree = reach::around(db, station).await?;
    let units: Vec<_> = tree.subtree(station).iter().map(|unit| unit.id.0).collect();
    Ok(person::Entity::find()
        .filter(person::Column::OrgId.is_in(units))
        .filter(person::Column::Role.eq(Role::Manager.as_str()))
        .filter(person::Column::DisabledAt.is_null())
        .order_by_asc(person::Column::Id)
        .all(db)
        .await?)
}

/// A mark of who is A and B in a station, now and as planned, and of its version: it is
/// another as soon as any of that is.
///
/// # Errors
/// A problem of the database.
pub async fn roles_mark<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    now: UnixMillis,
) -> Result<Digest, Problem> {
    let version = super::current_version(db, station).await?;
    let rows = cell_role::Entity::find()
        .filter(cell_role::Column::StationId.eq(station.0))
        .order_by_asc(cell_role::Column::Id)
        .all(db)
        .await?;
    let mut text = format!("{version}\n");
    for row in rows {
        let term = roles::stored_term(&row)?;
        let over = term
            .until
            .is_some_and(|until| until <= now || until <= term.from);
        if !over {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{} {} {} {} {:?}",
                row.cell_id, row.role, row.person_id, row.valid_from, row.valid_until
            );
        }
    }
    Ok(Digest::of(text.as_bytes()))
}

/// Stores pairs of many cells, all or none, if nobody has changed anything since `mark`.
/// Gives in how many cells something changes.
///
/// # Errors
/// `conflict` when the mark is another now, `not_found` when the station has no such cell,
/// `territory.roles_invalid` naming the cell, or a problem of the database.
pub async fn set_pairs(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    mark: Digest,
    pairs: Vec<(CellId, Wish)>,
    author: PersonId,
) -> Result<usize, Problem> {
    StationLock::take(tx, station).await?;
    if roles_mark(tx, station, app.now()).await? != mark {
        let detail = "A and B were changed meanwhile, or the territory was. Look again.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let everyone: BTreeSet<PersonId> = pairs
        .iter()
        .flat_map(|(_, wish)| [wish.a, wish.b])
        .flatten()
        .collect();
    people::check_managers(tx, station, everyone).await?;
    let mut changed = 0;
    for (cell, wish) in pairs {
        let set = set_roles(tx, app, (station, cell), wish, author).await;
        let set = set.map_err(|problem| match problem.code {
            Code::TerritoryRolesInvalid => {
                Problem::new(problem.code, format!("Cell {cell}: {}", problem.detail))
            }
            _ => problem,
        })?;
        changed += usize::from(set.changed);
    }
    Ok(changed)
}
