//! Who covers cells that were cut from one whose A or B is on leave: whoever covers that one,
//! for as long as was named. Covers are bound to cells, and those of cells that are gone wait
//! for them to come back.

use crate::{app::App, duty::rows::leave_cover, edge::Problem, territory::store::CHUNK};
use gridcrew_sync_protocol::{ids::CellId, time::UnixMillis};
use leave_cover::{ActiveModel, Column, Entity};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Names for each new cell who covers the present one that it was `cut` from, now and later.
pub(super) async fn inherit(
    tx: &DatabaseTransaction,
    app: &App,
    cut: &[(CellId, CellId)],
    now: UnixMillis,
) -> Result<(), Problem> {
    let both = |(parent, new): &(CellId, CellId)| [parent.0, new.0];
    let concerned: BTreeSet<Uuid> = cut.iter().flat_map(both).collect();
    if concerned.is_empty() {
        return Ok(());
    }
    let not_over = Condition::any()
        .add(Column::UntilAt.is_null())
        .add(Column::UntilAt.gt(now.0));
    let held = Entity::find()
        .filter(Column::CellId.is_in(concerned))
        .filter(not_over)
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    let mut rows = Vec::new();
    for (parent, new) in cut {
        let has = |of: &leave_cover::Model| {
            held.iter().any(|row| {
                (row.cell_id, row.leave_id, row.person_id) == (new.0, of.leave_id, of.person_id)
            })
        };
        let of_parent = held.iter().filter(|row| row.cell_id == parent.0);
        rows.extend(of_parent.filter(|row| !has(row)).map(|row| ActiveModel {
            id: Set(app.new_id()),
            leave_id: Set(row.leave_id),
            station_id: Set(row.station_id),
            cell_id: Set(new.0),
            person_id: Set(row.person_id),
            from_at: Set(row.from_at.max(now.0)),
            until_at: Set(row.until_at),
        }));
    }
    for chunk in rows.chunks(CHUNK) {
        Entity::insert_many(chunk.to_vec())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}
