//! Storing who is A and who is B.

use super::{
    again::{MovedAgain, moved_again},
    changed, people, tell_roles,
};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        assign::{StoredTerm, TermChange, Wish, next_change, plan},
        roles::CellRole,
        rows::{cell, cell_role},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

/// What came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolesChange {
    /// Whether anything changed or will change.
    pub changed: bool,
    /// From when it is so: the wished moment, or the one at which it was granted.
    pub from: UnixMillis,
}

/// Makes the people of the wish A and B of a cell of the station from that moment on; the
/// terms before end there, planned ones are taken back.
///
/// # Errors
/// `not_found` when the station has no such cell now, `territory.roles_invalid` when the
/// people cannot be A and B or the wish would change the past, or a problem of the
/// database.
pub async fn set_roles(
    tx: &DatabaseTransaction,
    app: &App,
    (station, cell): (OrgId, CellId),
    wish: Wish,
    author: PersonId,
) -> Result<RolesChange, Problem> {
    let lock = StationLock::take(tx, station).await?;
    let now = app.now();
    let from = wish.from.unwrap_or(now);
    cell::Entity::find_by_id(cell.0)
        .filter(cell::Column::StationId.eq(station.0))
        .filter(cell::Column::UntilVersion.is_null())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    people::check_managers(tx, station, wish.a.into_iter().chain(wish.b)).await?;
    let changes = plan(&stored_terms(tx, cell).await?, wish, now)
        .map_err(|error| Problem::new(Code::TerritoryRolesInvalid, format!("{error}.")))?;
    if changes.is_empty() {
        let changed = false;
        return Ok(RolesChange { changed, from });
    }
    for change in changes {
        match change {
            TermChange::End { term, until } => end(tx, term, until, now).await?,
            TermChange::Open { role, person, from } => {
                let row = cell_role::ActiveModel {
                    id: Set(app.new_id()),
                    station_id: Set(station.0),
                    cell_id: Set(cell.0),
                    role: Set(role_text(role).to_owned()),
                    person_id: Set(person.0),
                    valid_from: Set(from.0),
                    valid_until: Set(None),
                    author: Set(author.0),
                    next_change: Set(next_change(from, None, now).map(|at| at.0)),
                };
                cell_role::Entity::insert(row)
                    .exec_without_returning(tx)
                    .await?;
            }
        }
    }
    if from <= now {
        tell_roles(tx, &lock, cell).await?;
    }
    // Orders that belong to this cell since a version may have somebody to go to now.
    moved_again(tx, station, MovedAgain::OfCell(cell)).await?;
    changed(tx, app, station).await?;
    let changed = true;
    Ok(RolesChange { changed, from })
}

async fn end(
    tx: &DatabaseTransaction,
    term: StoredTerm,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<(), Problem> {
    let row = cell_role::ActiveModel {
        id: Set(term.id),
        valid_until: Set(until.map(|at| at.0)),
        next_change: Set(next_change(term.from, until, now).map(|at| at.0)),
        ..cell_role::ActiveModel::default()
    };
    cell_role::Entity::update(row).exec(tx).await?;
    Ok(())
}

async fn stored_terms(tx: &DatabaseTransaction, cell: CellId) -> Result<Vec<StoredTerm>, Problem> {
    let rows = cell_role::Entity::find()
        .filter(cell_role::Column::CellId.eq(cell.0))
        .all(tx)
        .await?;
    rows.iter().map(stored_term).collect()
}

/// A row as a term.
///
/// # Errors
/// `internal` when the row names a role that there is not.
pub fn stored_term(row: &cell_role::Model) -> Result<StoredTerm, Problem> {
    Ok(StoredTerm {
        id: row.id,
        role: role_of(&row.role)?,
        person: PersonId(row.person_id),
        from: UnixMillis(row.valid_from),
        until: row.valid_until.map(UnixMillis),
    })
}

/// A role as it is stored.
const fn role_text(role: CellRole) -> &'static str {
    match role {
        CellRole::A => "A",
        CellRole::B => "B",
    }
}

/// A role from how it is stored.
///
/// # Errors
/// `internal` when there is no such role.
pub(in crate::territory) fn role_of(text: &str) -> Result<CellRole, Problem> {
    [CellRole::A, CellRole::B]
        .into_iter()
        .find(|role| role_text(*role) == text)
        .ok_or_else(|| Problem::internal(format!("no role {text:?} in a cell")))
}
