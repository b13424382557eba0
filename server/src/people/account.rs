//! People's accounts: adding and changing them, and what a change ends.
//!
//! Each change of rights raises the permission version, so that access tokens made before
//! it must be renewed; a disabled person's sessions end, and so do those of one whose
//! password is changed (RELIABILITY T4, T6). Handhelds of his station are told of him anew.

use super::{
    Role, field,
    password::Hashed,
    reach,
    rows::{handheld, person},
    session::{self, EndReason, Which},
    unit,
};
use crate::{
    app::App,
    edge::Problem,
    territory::store::raise,
    trace::feed_log::{StationLock, Subject},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    position::Wgs84,
    time::UnixMillis,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, SqlErr, sea_query::Expr,
};
use std::collections::{BTreeMap, BTreeSet};

/// A person to be added. He has no password yet.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// His unit.
    pub org: OrgId,
    /// His name.
    pub name: String,
    /// What he signs in with.
    pub login: String,
    /// His role.
    pub role: Role,
    /// A manager's base.
    pub base: Option<Wgs84>,
}

/// Adds a person.
///
/// # Errors
/// `request.invalid` when a field is, or when such a role may not stand in such a unit;
/// `not_found` when there is no such unit; `conflict` when the login is taken.
pub async fn create_person(
    tx: &DatabaseTransaction,
    app: &App,
    new: NewPerson,
) -> Result<person::Model, Problem> {
    check_place(tx, new.role, new.org).await?;
    let locks = lock_stations(tx, &[new.org]).await?;
    let row = person::ActiveModel {
        id: Set(app.new_id()),
        org_id: Set(new.org.0),
        name: Set(field::name("A person's name", &new.name)?),
        login: Set(field::login(&new.login)?),
        password_hash: Set(None),
        role: Set(new.role.as_str().to_owned()),
        base_lon: Set(new.base.map(|base| base.lon())),
        base_lat: Set(new.base.map(|base| base.lat())),
        disabled_at: Set(None),
        permission_version: Set(1),
    };
    let row = row.insert(tx).await.map_err(taken)?;
    announce(tx, &locks, PersonId(row.id)).await?;
    if new.base.is_some() {
        base_changed(tx, [new.org], app.now()).await?;
    }
    Ok(row)
}

/// Takes the locks of the stations around units. Before anything else is locked.
async fn lock_stations(
    tx: &DatabaseTransaction,
    units: &[OrgId],
) -> Result<BTreeMap<OrgId, StationLock>, Problem> {
    let mut stations = BTreeSet::new();
    for unit in units {
        stations.extend(reach::around(tx, *unit).await?.station_of(*unit));
    }
    StationLock::take_all(tx, &stations).await
}

/// Has the handhelds of the stations told who their colleagues are now.
async fn announce(
    tx: &DatabaseTransaction,
    locks: &BTreeMap<OrgId, StationLock>,
    person: PersonId,
) -> Result<(), Problem> {
    for lock in locks.values() {
        lock.announce(tx, Subject::Person(person), false).await?;
    }
    Ok(())
}

/// Every process knows by its snapshot of the territories where people start from.
async fn base_changed(
    tx: &DatabaseTransaction,
    units: impl IntoIterator<Item = OrgId>,
    now: UnixMillis,
) -> Result<(), Problem> {
    let mut stations = BTreeSet::new();
    for unit in units {
        stations.extend(reach::around(tx, unit).await?.station_of(unit));
    }
    for station in stations {
        raise(tx, station, now).await?;
    }
    Ok(())
}

fn taken(error: DbErr) -> Problem {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Problem::new(Code::Conflict, "Someone has this login already.")
        }
        _ => error.into(),
    }
}

async fn check_place<C: ConnectionTrait>(conn: &C, role: Role, org: OrgId) -> Result<(), Problem> {
    let kind = unit::kind_of(conn, org).await?;
    if kind.may_hold(role) {
        Ok(())
    } else {
        let detail = format!("The role {role} has no place in a {}.", kind.as_str());
        Err(Problem::new(Code::RequestInvalid, detail))
    }
}

/// What to change of a person; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// His name.
    pub name: Option<String>,
    /// His role.
    pub role: Option<Role>,
    /// His unit.
    pub org: Option<OrgId>,
    /// Whether he may sign in.
    pub disabled: Option<bool>,
    /// A manager's base.
    pub base: Option<Wgs84>,
}

impl Change {
    /// Whether it changes what the person may do or see.
    #[must_use]
    pub const fn of_rights(&self) -> bool {
        self.role.is_some() || self.org.is_some() || self.disabled.is_some()
    }

    /// Whether it changes what colleagues know of the person.
    const fn is_told(&self) -> bool {
        self.name.is_some() || self.of_rights()
    }
}

/// Changes a person. His handhelds follow him to his new station.
///
/// # Errors
/// As [`create_person`]; `unavailable` when he is moved by someone else at this moment.
pub async fn change_person(
    tx: &DatabaseTransaction,
    id: PersonId,
    change: Change,
    now: UnixMillis,
) -> Result<person::Model, Problem> {
    let locks = if change.is_told() {
        let seen = find(tx, id).await?;
        let units: Vec<OrgId> = change.org.into_iter().chain([OrgId(seen.org_id)]).collect();
        Some((lock_stations(tx, &units).await?, seen.org_id))
    } else {
        None
    };
    let before = lock(tx, id).await?;
    let before_org = OrgId(before.org_id);
    if locks
        .as_ref()
        .is_some_and(|(_, seen)| *seen != before.org_id)
    {
        return Err(Problem::unavailable("a person moved while he was changed"));
    }
    let mut row = before.clone().into_active_model();
    if let Some(name) = &change.name {
        row.name = Set(field::name("A person's name", name)?);
    }
    if let Some(base) = change.base {
        row.base_lon = Set(Some(base.lon()));
        row.base_lat = Set(Some(base.lat()));
    }
    if change.role.is_some() || change.org.is_some() {
        let role = change.role.map_or_else(|| before.role.parse(), Ok);
        let role: Role = role.map_err(Problem::internal)?;
        let org = change.org.unwrap_or(OrgId(before.org_id));
        check_place(tx, role, org).await?;
        row.role = Set(role.as_str().to_owned());
        row.org_id = Set(org.0);
    }
    if let Some(disabled) = change.disabled {
        row.disabled_at = Set(disabled.then(|| before.disabled_at.unwrap_or(now.0)));
    }
    if change.of_rights() {
        row.permission_version = Set(before.permission_version.saturating_add(1));
    }
    let row = if row.is_changed() {
        row.update(tx).await?
    } else {
        before
    };
    if change.org.is_some() {
        move_handhelds(tx, &row).await?;
    }
    if change.disabled == Some(true) {
        session::end_of(tx, id, Which::All, EndReason::Disabled, now).await?;
    }
    if let Some((locks, _)) = locks {
        announce(tx, &locks, id).await?;
    }
    if change.base.is_some() || (change.org.is_some() && row.base_lon.is_some()) {
        base_changed(tx, [before_org, OrgId(row.org_id)], now).await?;
    }
    Ok(row)
}

async fn move_handhelds<C: ConnectionTrait>(
    conn: &C,
    person: &person::Model,
) -> Result<(), Problem> {
    let org = OrgId(person.org_id);
    let Some(station) = reach::around(conn, org).await?.station_of(org) else {
        return Ok(());
    };
    handheld::Entity::update_many()
        .col_expr(handheld::Column::StationId, Expr::value(station.0))
        .filter(handheld::Column::PersonId.eq(person.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// Gives a person a password and ends his sessions, or all but one.
///
/// # Errors
/// `not_found`
pub async fn set_password<C: ConnectionTrait>(
    conn: &C,
    id: PersonId,
    hashed: Hashed,
    end: Which,
    now: UnixMillis,
) -> Result<(), Problem> {
    let before = lock(conn, id).await?;
    let version = before.permission_version.saturating_add(1);
    let mut row = before.into_active_model();
    row.password_hash = Set(Some(hashed.0));
    row.permission_version = Set(version);
    row.update(conn).await?;
    session::end_of(conn, id, end, EndReason::PasswordChanged, now).await?;
    Ok(())
}

async fn find<C: ConnectionTrait>(conn: &C, id: PersonId) -> Result<person::Model, Problem> {
    person::Entity::find_by_id(id.0)
        .one(conn)
        .await?
        .ok_or_else(Problem::not_found)
}

async fn lock<C: ConnectionTrait>(conn: &C, id: PersonId) -> Result<person::Model, Problem> {
    person::Entity::find_by_id(id.0)
        .lock_exclusive()
        .one(conn)
        .await?
        .ok_or_else(Problem::not_found)
}
