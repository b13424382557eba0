//! Who answers for cells that are new or come back: nobody may be without A and B because the
//! ground was cut otherwise, nor, where it was cut from another, without who covers while these
//! are on leave. A cell that goes on, also as what several became, keeps its own. For one that
//! comes back the list of gaps says when nobody covers it.

use super::{Before, How, Placed, Proposal, covers};
use crate::{
    app::App,
    edge::Problem,
    territory::{
        rows::{cell, cell_role, territory},
        store::people::active_managers,
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

/// What new cells begin with.
pub(super) struct Heirs {
    /// Their terms.
    terms: Vec<(CellId, cell_role::Model)>,
    /// Present cells, and the new ones that were cut from them and have their A and B.
    cut: Vec<(CellId, CellId)>,
}

impl Heirs {
    /// Looks up the terms: those that run in the cell that a new one was cut from, and those
    /// that ended when a cell that comes back had gone. Before anything is written.
    pub(super) async fn read(
        tx: &DatabaseTransaction,
        before: &Before,
        how: &How,
        cells: &[Placed<'_>],
        now: UnixMillis,
    ) -> Result<Self, Problem> {
        let (mut terms, mut cut) = (Vec::new(), Vec::new());
        for placed in cells {
            let code = &placed.content.code;
            if before.cells.contains_key(code) {
                continue;
            }
            let parent = how.heirs.get(code).and_then(|code| before.cells.get(code));
            let mut found = if how.revived.contains_key(code) {
                ended_with(tx, placed.id).await?
            } else {
                Vec::new()
            };
            if let Some(parent) = parent.filter(|_| found.is_empty()) {
                found = running_in(tx, CellId(parent.id), now).await?;
                cut.push((CellId(parent.id), placed.id));
            }
            terms.extend(found.into_iter().map(|term| (placed.id, term)));
        }
        Ok(Self { terms, cut })
    }

    /// Opens the terms from now on, of those who can still be A or B, and names who covers.
    pub(super) async fn store(
        self,
        tx: &DatabaseTransaction,
        app: &App,
        proposal: &Proposal,
        now: UnixMillis,
    ) -> Result<(), Problem> {
        covers::inherit(tx, app, &self.cut, now).await?;
        let people = self.terms.iter().map(|(_, term)| PersonId(term.person_id));
        let active = active_managers(tx, proposal.station, &people.collect()).await?;
        let can = |term: &cell_role::Model| active.contains(&PersonId(term.person_id));
        let rows: Vec<cell_role::ActiveModel> = self
            .terms
            .into_iter()
            .filter(|(_, term)| can(term))
            .map(|(cell, term)| cell_role::ActiveModel {
                id: Set(app.new_id()),
                station_id: Set(proposal.station.0),
                cell_id: Set(cell.0),
                role: Set(term.role),
                person_id: Set(term.person_id),
                valid_from: Set(now.0),
                valid_until: Set(None),
                author: Set(proposal.author.0),
                next_change: Set(None),
            })
            .collect();
        if !rows.is_empty() {
            cell_role::Entity::insert_many(rows)
                .exec_without_returning(tx)
                .await?;
        }
        Ok(())
    }
}

/// The terms of a cell that run now.
async fn running_in(
    tx: &DatabaseTransaction,
    cell: CellId,
    now: UnixMillis,
) -> Result<Vec<cell_role::Model>, Problem> {
    let open = Condition::any()
        .add(cell_role::Column::ValidUntil.is_null())
        .add(cell_role::Column::ValidUntil.gt(now.0));
    Ok(cell_role::Entity::find()
        .filter(cell_role::Column::CellId.eq(cell.0))
        .filter(cell_role::Column::ValidFrom.lte(now.0))
        .filter(open)
        .all(tx)
        .await?)
}

/// The terms of a cell that ended because it went.
async fn ended_with(
    tx: &DatabaseTransaction,
    cell: CellId,
) -> Result<Vec<cell_role::Model>, Problem> {
    let Some(held) = cell::Entity::find_by_id(cell.0).one(tx).await? else {
        return Ok(Vec::new());
    };
    let Some(gone_in) = held.until_version else {
        return Ok(Vec::new());
    };
    let came_at: Option<i64> = territory::Entity::find_by_id((held.station_id, gone_in))
        .select_only()
        .column(territory::Column::CameAt)
        .into_tuple()
        .one(tx)
        .await?;
    let ended_at = match came_at {
        None => return Ok(Vec::new()),
        Some(0) => last_end(tx, cell).await?,
        noted => noted,
    };
    Ok(cell_role::Entity::find()
        .filter(cell_role::Column::CellId.eq(cell.0))
        .filter(cell_role::Column::ValidUntil.eq(ended_at))
        .filter(cell_role::Column::ValidFrom.lt(ended_at))
        .all(tx)
        .await?)
}

/// When the last terms of a cell ended that had begun. When a version came was not always
/// noted, and the last terms of a cell that went ended with it.
async fn last_end(tx: &DatabaseTransaction, cell: CellId) -> Result<Option<i64>, Problem> {
    use cell_role::Column;
    let began = Expr::col(Column::ValidFrom).lt(Expr::col(Column::ValidUntil));
    Ok(cell_role::Entity::find()
        .select_only()
        .column(Column::ValidUntil)
        .filter(Column::CellId.eq(cell.0))
        .filter(Column::ValidUntil.is_not_null())
        .filter(began)
        .order_by_desc(Column::ValidUntil)
        .into_tuple()
        .one(tx)
        .await?)
}
