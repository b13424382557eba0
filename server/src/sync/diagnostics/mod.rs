//! How handhelds stand: the last that each of them said, kept for its station.
//!
//! A handheld says it after everything else ([`routes`]), by its own journal only; what it
//! says is counts and codes, kept as it came and read only here. It is a claim of the
//! device: nothing in the server goes by it.

pub mod routes;
mod view;

use super::handheld::Handheld;
use crate::{edge::Problem, people::rows::handheld, trace::rows::rows};
use gridcrew_sync_protocol::{
    code::Code,
    diagnostics::{Diagnostics, MAX_DIAGNOSTICS_BYTES},
    ids::JournalId,
    time::UnixMillis,
    wire,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait, sea_query::OnConflict,
};

rows! {
    /// What handhelds said last of how they stand.
    told, "handheld_diagnostics", {
        /// The handheld.
        #[sea_orm(primary_key, auto_increment = false)]
        journal_id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// When it said so, milliseconds.
        received_at: i64,
        /// What it said, packed.
        packed: Vec<u8>,
    }
}

/// Checks what a handheld says against the limits of the protocol.
///
/// # Errors
/// `request.malformed` when it is too much.
pub fn check(diagnostics: &Diagnostics) -> Result<(), Problem> {
    if diagnostics.is_within_limits() {
        return Ok(());
    }
    let detail = "More findings or orders, or longer ones, than are taken.".to_owned();
    Err(Problem::new(Code::RequestMalformed, detail))
}

/// Keeps what a handheld says in place of what it said before.
///
/// # Errors
/// Problems of the database.
pub async fn keep(
    tx: &DatabaseTransaction,
    handheld: &Handheld,
    packed: Vec<u8>,
    now: UnixMillis,
) -> Result<(), Problem> {
    let row = told::ActiveModel {
        journal_id: Set(handheld.writer.journal.0),
        station_id: Set(handheld.station.0),
        received_at: Set(now.0),
        packed: Set(packed),
    };
    use told::Column::{JournalId, Packed, ReceivedAt, StationId};
    let newest = OnConflict::column(JournalId)
        .update_columns([StationId, ReceivedAt, Packed])
        .to_owned();
    told::Entity::insert(row)
        .on_conflict(newest)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// What a handheld said last, and when.
///
/// # Errors
/// Problems of the database, or a row that cannot be read.
pub async fn last<C: ConnectionTrait>(
    conn: &C,
    handheld: &handheld::Model,
) -> Result<Option<(UnixMillis, Diagnostics)>, Problem> {
    let Some(row) = told::Entity::find_by_id(handheld.id).one(conn).await? else {
        return Ok(None);
    };
    let said = wire::unpack(&row.packed, MAX_DIAGNOSTICS_BYTES).map_err(Problem::internal)?;
    Ok(Some((UnixMillis(row.received_at), said)))
}

/// The id of a handheld, which is its journal's.
#[must_use]
pub fn id_of(handheld: &handheld::Model) -> JournalId {
    JournalId(handheld.id)
}
