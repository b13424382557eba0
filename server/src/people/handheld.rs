//! Handhelds as their stations see them: listing and revoking.

use super::{
    rows::{handheld, person},
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

/// Revokes a handheld and ends its sessions. Revoked before, it stays as it was.
///
/// # Errors
/// Problems of the database.
pub async fn revoke<C: ConnectionTrait>(
    conn: &C,
    handheld: &Listed,
    now: UnixMillis,
) -> Result<(), Problem> {
    handheld::Entity::update_many()
        .col_expr(handheld::Column::RevokedAt, Expr::value(now.0))
        .filter(handheld::Column::Id.eq(handheld.id))
        .filter(handheld::Column::RevokedAt.is_null())
        .exec(conn)
        .await?;
    let (person, this) = (PersonId(handheld.person_id), JournalId(handheld.id));
    session::end_of(
        conn,
        person,
        Which::OfHandheld(this),
        EndReason::Revoked,
        now,
    )
    .await?;
    Ok(())
}
