//! Handhelds as their stations see them: listing and revoking.

use super::{
    rows::{handheld, person},
    scope::Scope,
    session::{self, EndReason, Which},
};
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    ids::{JournalId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait, sea_query::Expr,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A handheld and its person's name; columns as in [`handheld::Model`].
#[derive(Clone, Debug, FromQueryResult)]
pub struct Listed {
    /// Its id, which is its journal's.
    pub id: Uuid,
    /// Whose it is.
    pub person_id: Uuid,
    /// His name.
    pub person_name: String,
    /// His station.
    pub station_id: Uuid,
    /// What it calls itself.
    pub device_name: String,
    /// When it was enrolled.
    pub enrolled_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last heard.
    pub last_contact_at: Option<i64>,
    /// The last journal entry held.
    pub head_seq: i64,
}

/// The handheld, if it is of a station in scope.
#[must_use]
pub fn in_scope(scope: &Scope, handheld: JournalId) -> Condition {
    let stations = scope.of_stations("handheld");
    stations.add(handheld::Column::Id.eq(handheld.0))
}

/// At most `limit` handhelds that meet `condition`, in the order of their ids.
///
/// # Errors
/// Problems of the database.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    condition: Condition,
    limit: u64,
) -> Result<Vec<Listed>, Problem> {
    use handheld::Column;
    let found = handheld::Entity::find()
        .select_only()
        .columns([Column::Id, Column::PersonId, Column::StationId])
        .columns([Column::DeviceName, Column::EnrolledAt, Column::RevokedAt])
        .columns([Column::LastContactAt, Column::HeadSeq])
        .column_as(person::Column::Name, "person_name")
        .join(JoinType::InnerJoin, handheld::Relation::Person.def())
        .filter(condition)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_model()
        .all(conn);
    Ok(found.await?)
}

/// Revokes a handheld and ends its sessions, with every journal from which it goes on after
/// a fork or that goes on from it: they are one device. Revoked before, they stay as they
/// were. Gives the journals that were revoked now.
///
/// # Errors
/// Problems of the database.
pub async fn revoke<C: ConnectionTrait>(
    conn: &C,
    handheld: &Listed,
    now: UnixMillis,
) -> Result<Vec<JournalId>, Problem> {
    let person = PersonId(handheld.person_id);
    let mut lineage = BTreeSet::new();
    let mut found = BTreeSet::from([handheld.id]);
    let mut revoked = Vec::new();
    // Revoked first, searched after: a journal that is being opened meanwhile waits for the
    // row of the one it goes on from, or is there when it is searched for.
    while !found.is_empty() {
        for id in std::mem::take(&mut found) {
            lineage.insert(id);
            if revoke_one(conn, person, JournalId(id), now).await? {
                revoked.push(JournalId(id));
            }
        }
        for (id, continues) in forks_of(conn, person).await? {
            match (lineage.contains(&id), lineage.contains(&continues)) {
                (true, false) => drop(found.insert(continues)),
                (false, true) => drop(found.insert(id)),
                (true, true) | (false, false) => {}
            }
        }
    }
    Ok(revoked)
}

/// The journals of one device: the one given, those from which it goes on after a fork, and
/// those that go on from it.
///
/// # Errors
/// Problems of the database.
pub async fn lineage<C: ConnectionTrait>(
    conn: &C,
    person: PersonId,
    of: Uuid,
) -> Result<BTreeSet<Uuid>, Problem> {
    let forks = forks_of(conn, person).await?;
    let mut lineage = BTreeSet::from([of]);
    loop {
        let before = lineage.len();
        for (id, continues) in &forks {
            if lineage.contains(id) || lineage.contains(continues) {
                lineage.extend([*id, *continues]);
            }
        }
        if lineage.len() == before {
            return Ok(lineage);
        }
    }
}

/// Whether it was not revoked before.
async fn revoke_one<C: ConnectionTrait>(
    conn: &C,
    person: PersonId,
    handheld: JournalId,
    now: UnixMillis,
) -> Result<bool, Problem> {
    let done = handheld::Entity::update_many()
        .col_expr(handheld::Column::RevokedAt, Expr::value(now.0))
        .filter(handheld::Column::Id.eq(handheld.0))
        .filter(handheld::Column::PersonId.eq(person.0))
        .filter(handheld::Column::RevokedAt.is_null())
        .exec(conn)
        .await?;
    let which = Which::OfHandheld(handheld);
    session::end_of(conn, person, which, EndReason::Revoked, now).await?;
    Ok(done.rows_affected > 0)
}

/// The person's journals that go on from another, each with that one.
async fn forks_of<C: ConnectionTrait>(
    conn: &C,
    person: PersonId,
) -> Result<Vec<(Uuid, Uuid)>, Problem> {
    let rows = handheld::Entity::find()
        .select_only()
        .columns([handheld::Column::Id, handheld::Column::Continues])
        .filter(handheld::Column::PersonId.eq(person.0))
        .filter(handheld::Column::Continues.is_not_null())
        .into_tuple()
        .all(conn);
    Ok(rows.await?)
}

#[cfg(test)]
mod tests;
