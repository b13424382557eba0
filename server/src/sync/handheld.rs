//! The handheld's row, as far as sync reads and writes it.

use super::push::Head;
use crate::{edge::Problem, trace::ledger::digest_of};
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    ids::{JournalId, OrgId, PersonId},
    journal::Seq,
    time::UnixMillis,
};
use sea_orm::{ConnectionTrait, FromQueryResult, sea_query::{Expr, ExprTrait, Query}};
use uuid::Uuid;

/// An enrolled handheld and how far its journal is held.
#[derive(Clone, Copy, Debug)]
pub struct Handheld {
    /// Its journal.
    pub journal: JournalId,
    /// Whose it is.
    pub person: PersonId,
    /// The station that it belongs to.
    pub station: OrgId,
    /// The key that signs its journal.
    pub key: VerifyingKey,
    /// The journal that this one goes on from after a fork.
    pub continues: Option<JournalId>,
    /// It was revoked.
    pub revoked: bool,
    /// The last entry that is held of it.
    pub head: Head,
}

#[derive(FromQueryResult)]
struct Row {
    person_id: Uuid,
    station_id: Uuid,
    public_key: Vec<u8>,
    continues: Option<Uuid>,
    revoked_at: Option<i64>,
    head_seq: i64,
    head_link: Vec<u8>,
}

/// The handheld of a journal, if there is one.
///
/// # Errors
/// A problem of the database, or `internal` when the row cannot be read.
pub async fn find<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Option<Handheld>, Problem> {
    let query = Query::select()
        .columns([
            "person_id",
            "station_id",
            "public_key",
            "continues",
            "revoked_at",
            "head_seq",
            "head_link",
        ])
        .from("handheld")
        .and_where(Expr::col("id").eq(journal.0))
        .take();
    let Some(found) = db.query_one(&query).await? else {
        return Ok(None);
    };
    let row = Row::from_query_result(&found, "")?;
    let key = <[u8; 32]>::try_from(row.public_key.as_slice()).map_err(Problem::internal)?;
    let head = match u64::try_from(row.head_seq) {
        Ok(0) => Head::NOTHING,
        Ok(seq) => Head {
            seq: Seq(seq),
            link: digest_of(&row.head_link)?,
        },
        Err(error) => return Err(Problem::internal(error)),
    };
    Ok(Some(Handheld {
        journal,
        person: PersonId(row.person_id),
        station: OrgId(row.station_id),
        key: VerifyingKey::from_bytes(&key).map_err(Problem::internal)?,
        continues: row.continues.map(JournalId),
        revoked: row.revoked_at.is_some(),
        head,
    }))
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
    let seq = i64::try_from(head.seq.0).map_err(Problem::internal)?;
    let update = Query::update()
        .table("handheld")
        .values([
            ("head_seq", seq.into()),
            ("head_link", head.link.0.to_vec().into()),
            ("last_contact_at", now.0.into()),
        ])
        .and_where(Expr::col("id").eq(journal.0))
        .take();
    db.execute(&update).await?;
    Ok(())
}
