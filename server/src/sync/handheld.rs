//! The handheld's row, as far as sync reads and writes it.

use super::{aside::Aside, incoming::Writer, push::Head};
use crate::{
    edge::Problem,
    people::rows::{handheld, person},
    trace::ledger::digest_of,
};
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    ids::{JournalId, OrgId, PersonId},
    journal::Seq,
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::Expr,
};

/// An enrolled handheld and how far its journal is held.
#[derive(Clone, Copy, Debug)]
pub struct Handheld {
    /// Who writes its journal, and with which key.
    pub writer: Writer,
    /// The station that it belongs to.
    pub station: OrgId,
    /// Why what it sends is kept apart instead of being applied, if it is.
    pub apart: Option<Aside>,
    /// The last entry that is held of it.
    pub head: Head,
}

/// The handheld of a journal, if there is one.
///
/// # Errors
/// A problem of the database, or `internal` when the row cannot be read.
pub async fn find<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Option<Handheld>, Problem> {
    let found = handheld::Entity::find_by_id(journal.0)
        .join(JoinType::LeftJoin, handheld::Relation::Person.def())
        .select_also(person::Entity)
        .one(db)
        .await?;
    found
        .map(|(row, person)| {
            let disabled = person.is_some_and(|person| person.disabled_at.is_some());
            read(&row, disabled)
        })
        .transpose()
}

fn read(row: &handheld::Model, disabled: bool) -> Result<Handheld, Problem> {
    let key = <[u8; 32]>::try_from(row.public_key.as_slice()).map_err(Problem::internal)?;
    let head = match u64::try_from(row.head_seq).map_err(Problem::internal)? {
        0 => Head::NOTHING,
        seq => Head {
            seq: Seq(seq),
            link: digest_of(&row.head_link)?,
        },
    };
    Ok(Handheld {
        writer: Writer {
            journal: JournalId(row.id),
            person: PersonId(row.person_id),
            key: VerifyingKey::from_bytes(&key).map_err(Problem::internal)?,
            continues: row.continues.map(JournalId),
        },
        station: OrgId(row.station_id),
        apart: match row.revoked_at {
            Some(_) => Some(Aside::Revoked),
            None => disabled.then_some(Aside::Disabled),
        },
        head,
    })
}

/// Notes what is held now of a handheld's journal, and that it was heard of.
///
/// # Errors
/// A problem of the database.
pub async fn store_head<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
    head: Head,
    now: UnixMillis,
) -> Result<(), Problem> {
    use handheld::Column;
    let seq = i64::try_from(head.seq.0).map_err(Problem::internal)?;
    handheld::Entity::update_many()
        .col_expr(Column::HeadSeq, Expr::value(seq))
        .col_expr(Column::HeadLink, Expr::value(head.link.0.to_vec()))
        .col_expr(Column::LastContactAt, Expr::value(now.0))
        .filter(Column::Id.eq(journal.0))
        .exec(db)
        .await?;
    Ok(())
}
