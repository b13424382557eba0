//! Hand-overs as they are shown.

use super::{
    rows::hand_over,
    rule::{CauseKind, State},
};
use crate::{
    edge::Problem,
    orders::names::{NamedCell, NamedPerson, Names, Wanted},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrderId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A hand-over with the names in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HandOverView {
    /// Its id.
    pub id: Uuid,
    /// The station.
    pub station: OrgId,
    /// The order.
    pub order: OrderId,
    /// Who owns the order until it is accepted.
    pub from: NamedPerson,
    /// Who is to own it.
    pub to: NamedPerson,
    /// The cell by which the order was routed.
    pub from_cell: Option<NamedCell>,
    /// The cell that it belongs to now.
    pub to_cell: Option<NamedCell>,
    /// What led to it.
    pub cause: CauseKind,
    /// The version of the territory, or the leave.
    pub cause_ref: String,
    /// Why, in words.
    pub reason: String,
    /// How it stands.
    pub state: State,
    /// When it was offered.
    pub offered_at: UnixMillis,
    /// When it was decided.
    pub decided_at: Option<UnixMillis>,
    /// By whom; the nil id when by the course of things.
    pub decided_by: Option<NamedPerson>,
}

/// Hand-overs with the names in them.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored makes no sense.
pub async fn named<C: ConnectionTrait>(
    db: &C,
    rows: Vec<hand_over::Model>,
) -> Result<Vec<HandOverView>, Problem> {
    let mut wanted = Wanted::default();
    for row in &rows {
        let people = [row.from_person, row.to_person];
        wanted
            .people
            .extend(people.into_iter().chain(row.decided_by));
        wanted
            .cells
            .extend(row.from_cell.into_iter().chain(row.to_cell));
    }
    let names = wanted.look_up(db).await?;
    rows.into_iter().map(|row| view(row, &names)).collect()
}

fn view(row: hand_over::Model, names: &Names) -> Result<HandOverView, Problem> {
    let unknown = |what: &str| Problem::internal(format!("the hand-over {} has {what:?}", row.id));
    let cell = |id: Option<Uuid>| id.map(|id| names.cell(CellId(id)));
    Ok(HandOverView {
        id: row.id,
        station: OrgId(row.station_id),
        order: OrderId(row.order_id),
        from: names.person(PersonId(row.from_person)),
        to: names.person(PersonId(row.to_person)),
        from_cell: cell(row.from_cell),
        to_cell: cell(row.to_cell),
        cause: CauseKind::stored(&row.cause).ok_or_else(|| unknown(&row.cause))?,
        state: State::stored(&row.state).ok_or_else(|| unknown(&row.state))?,
        offered_at: UnixMillis(row.offered_at),
        decided_at: row.decided_at.map(UnixMillis),
        decided_by: row.decided_by.map(|id| names.person(PersonId(id))),
        cause_ref: row.cause_ref,
        reason: row.reason,
    })
}
