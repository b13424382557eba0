//! Orders to wipe a handheld: given by its station, heard and confirmed by the handheld.
//!
//! An order counts for the whole device: for every journal from which the one named goes on
//! after a fork, or that goes on from it, also when that fork comes later. A later order
//! replaces an earlier one, and begins anew what was confirmed. One that was given to the wrong
//! handheld can be taken back until the handheld hears of it.

use super::{
    handheld::{Listed, lineage},
    rows::{handheld, handheld_wipe},
};
use crate::edge::Problem;
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    code::Code,
    ids::{JournalId, PersonId},
    time::UnixMillis,
    wipe::{WipeAsk, WipeForm},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

/// How many forks back an order is looked for.
const LONGEST_LINEAGE: usize = 16;

/// Orders that a device be wiped; gives its journals.
///
/// # Errors
/// Problems of the database.
pub async fn order<C: ConnectionTrait>(
    conn: &C,
    handheld: &Listed,
    form: WipeForm,
    by: PersonId,
    now: UnixMillis,
) -> Result<Vec<JournalId>, Problem> {
    use handheld_wipe::Column;
    let journals = lineage(conn, PersonId(handheld.person_id), handheld.id).await?;
    for journal in &journals {
        let row = handheld_wipe::ActiveModel {
            handheld_id: Set(*journal),
            station_id: Set(handheld.station_id),
            form: Set(form.as_str().to_owned()),
            ordered_at: Set(now.0),
            ordered_by: Set(by.0),
            done_at: Set(None),
        };
        let mut again = OnConflict::column(Column::HandheldId);
        again.update_columns([
            Column::StationId,
            Column::Form,
            Column::OrderedAt,
            Column::OrderedBy,
            Column::DoneAt,
        ]);
        handheld_wipe::Entity::insert(row)
            .on_conflict(again)
            .exec_without_returning(conn)
            .await?;
    }
    Ok(journals.into_iter().map(JournalId).collect())
}

/// Takes an order back, if there is one; gives the journals for which one stood. A device that
/// heard of it before goes on with it.
///
/// # Errors
/// `conflict` when the device confirmed it, or problems of the database.
pub async fn take_back<C: ConnectionTrait>(
    conn: &C,
    handheld: &Listed,
) -> Result<Vec<JournalId>, Problem> {
    use handheld_wipe::Column;
    let journals = lineage(conn, PersonId(handheld.person_id), handheld.id).await?;
    let ordered = Column::HandheldId.is_in(journals);
    let found = handheld_wipe::Entity::find()
        .filter(ordered.clone())
        .order_by_asc(Column::HandheldId)
        .all(conn)
        .await?;
    if found.iter().any(|order| order.done_at.is_some()) {
        let detail = "The handheld was wiped already; it said so.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let delete = handheld_wipe::Entity::delete_many().filter(ordered);
    delete.exec(conn).await?;
    let journals = found.into_iter().map(|order| JournalId(order.handheld_id));
    Ok(journals.collect())
}

/// Who asks: the handheld of the journal, if the question was signed by its key.
///
/// # Errors
/// Problems of the database.
pub async fn asker<C: ConnectionTrait>(
    conn: &C,
    journal: JournalId,
    ask: &WipeAsk,
) -> Result<Option<handheld::Model>, Problem> {
    let row = handheld::Entity::find_by_id(journal.0).one(conn).await?;
    Ok(row.filter(|row| {
        let key = <[u8; 32]>::try_from(row.public_key.as_slice()).ok();
        key.and_then(|key| VerifyingKey::from_bytes(&key).ok())
            .is_some_and(|key| ask.is_signed_by(journal, &key))
    }))
}

/// What is ordered and not confirmed for a handheld, or for a journal that it goes on from.
///
/// # Errors
/// Problems of the database.
pub async fn ordered<C: ConnectionTrait>(
    conn: &C,
    handheld: &handheld::Model,
) -> Result<Option<handheld_wipe::Model>, Problem> {
    let mut next = Some((handheld.id, handheld.continues));
    for _ in 0..LONGEST_LINEAGE {
        let Some((id, continues)) = next else { break };
        let order = handheld_wipe::Entity::find_by_id(id).one(conn).await?;
        if let Some(order) = order.filter(|order| order.done_at.is_none()) {
            return Ok(Some(order));
        }
        next = match continues {
            Some(before) => handheld::Entity::find_by_id(before)
                .one(conn)
                .await?
                .map(|row| (row.id, row.continues)),
            None => None,
        };
    }
    Ok(None)
}

/// Notes that a device says that it was wiped. Gives whether that was asked for and is new.
///
/// # Errors
/// Problems of the database.
pub async fn confirm<C: ConnectionTrait>(
    conn: &C,
    handheld: &handheld::Model,
    now: UnixMillis,
) -> Result<bool, Problem> {
    use handheld_wipe::Column;
    let journals: Vec<Uuid> = lineage(conn, PersonId(handheld.person_id), handheld.id)
        .await?
        .into_iter()
        .collect();
    let done = handheld_wipe::Entity::update_many()
        .col_expr(Column::DoneAt, Expr::value(now.0))
        .filter(Column::HandheldId.is_in(journals))
        .filter(Column::DoneAt.is_null())
        .exec(conn)
        .await?;
    Ok(done.rows_affected > 0)
}
