//! What a version of the territory moved: open orders whose cell is another manager's now.
//!
//! Each version that came into force is marked until this was looked at, so that it is done
//! once, by whichever process comes first, also when the one that made the version died. Where
//! an order belongs is asked of the snapshot in force, as for every decision; a process that
//! does not have the version yet leaves it for the next look.

use super::{
    rows::hand_over,
    rule::{Cause, Offer, State, receiver},
    store::{Offered, offer_among, withdraw},
};
use crate::{
    app::App,
    dispatch::{
        facts,
        ladder::PersonFacts,
        route::{Ground, OrderFile},
    },
    edge::Problem,
    orders::rows::service_order,
    territory::{changes::Changes, rows::territory},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::{CellId, OrderId, OrgId, PersonId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Most orders looked at in one transaction: the station's lock is held meanwhile.
const MOST: u64 = 200;

/// Looks at every version that came into force since the last look, and offers the open orders
/// that it moved to whom they belong to now. Gives how many were offered.
///
/// # Errors
/// A problem of the database; the next look tries again.
pub async fn look(app: &App) -> Result<usize, Problem> {
    let mut made = 0;
    for (station, version) in due(app.store.read()).await? {
        if app.territory.load().version_of(station) < version {
            continue;
        }
        let mut after = Uuid::nil();
        while let Some((last, offered)) = some(app, station, version, after).await? {
            (after, made) = (last, made + offered);
        }
    }
    Ok(made)
}

/// The stations that have something to be looked at, with the newest such version.
async fn due<C: ConnectionTrait>(db: &C) -> Result<Vec<(OrgId, i64)>, Problem> {
    let rows: Vec<(Uuid, i64)> = territory::Entity::find()
        .select_only()
        .column(territory::Column::StationId)
        .column_as(territory::Column::Version.max(), "latest")
        .filter(territory::Column::HandOversDue.eq(true))
        .group_by(territory::Column::StationId)
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(station, version)| (OrgId(station), version))
        .collect())
}

/// The next orders of a station, in one transaction: the last of them and how many were
/// offered; none when that was all, and the versions are marked as looked at.
async fn some(
    app: &App,
    station: OrgId,
    version: i64,
    after: Uuid,
) -> Result<Option<(Uuid, usize)>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let lock = StationLock::take(tx, station).await?;
                let moved = Moved::read(tx, station, version).await?;
                let Some(moved) = moved else { return Ok(None) };
                let orders = moved.next(tx, station, after).await?;
                match orders.last() {
                    Some(last) => {
                        let last = *last;
                        let offered = moved.offer_all(tx, &state, &lock, orders).await?;
                        Ok(Some((last, offered)))
                    }
                    None => moved.done(tx, station).await.map(|()| None),
                }
            })
        })
        .await
}

/// What the versions that are due changed.
struct Moved {
    version: i64,
    reason: String,
    author: PersonId,
    /// The cells that they changed; orders of other cells stay where they are.
    cells: BTreeSet<CellId>,
}

impl Moved {
    /// None when another process did it all.
    async fn read(
        tx: &DatabaseTransaction,
        station: OrgId,
        version: i64,
    ) -> Result<Option<Self>, Problem> {
        let due = territory::Entity::find()
            .filter(territory::Column::StationId.eq(station.0))
            .filter(territory::Column::HandOversDue.eq(true))
            .filter(territory::Column::Version.lte(version))
            .order_by_asc(territory::Column::Version)
            .all(tx)
            .await?;
        let mut cells = BTreeSet::new();
        for row in &due {
            let changes = Changes::stored(&row.changes)?;
            cells.extend(changes.cells.iter().map(|change| change.cell));
        }
        Ok(due.into_iter().next_back().map(|newest| Self {
            version: newest.version,
            author: PersonId(newest.author),
            reason: newest.reason,
            cells,
        }))
    }

    /// The next open orders that a person owns in a cell that was changed, or in none.
    async fn next(
        &self,
        tx: &DatabaseTransaction,
        station: OrgId,
        after: Uuid,
    ) -> Result<Vec<Uuid>, Problem> {
        use service_order::Column;
        let cells = self.cells.iter().map(|cell| cell.0);
        let there = Condition::any()
            .add(Column::CellId.is_in(cells))
            .add(Column::CellId.is_null());
        Ok(service_order::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::StationId.eq(station.0))
            .filter(Column::Status.is_in(["routed", "taken", "working"]))
            .filter(Column::OwnerPerson.is_not_null())
            .filter(there)
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(MOST)
            .into_tuple()
            .all(tx)
            .await?)
    }

    async fn offer_all(
        &self,
        tx: &DatabaseTransaction,
        app: &App,
        lock: &StationLock,
        orders: Vec<Uuid>,
    ) -> Result<usize, Problem> {
        let people = facts::people_of(tx, lock.station(), app.now()).await?;
        let why = (
            Cause::Territory {
                version: self.version,
            },
            self.reason.as_str(),
        );
        let mut made = 0;
        for order in orders {
            let file = OrderFile::read(tx, app, lock, OrderId(order)).await?;
            let offer = self.wanted(tx, app, &file, &people).await?;
            // What an earlier version led to and this one does not is taken back.
            withdraw(tx, app, lock, file.state.order, offer.map(|offer| offer.to)).await?;
            let Some(offer) = offer else { continue };
            if !kept_before(tx, &file, &offer).await? {
                let offered = offer_among(tx, app, lock, &people, offer, why, self.author).await?;
                made += usize::from(matches!(offered, Offered::Made(_)));
            }
        }
        Ok(made)
    }

    /// To whom the order would go, by where it belongs now.
    async fn wanted(
        &self,
        tx: &DatabaseTransaction,
        app: &App,
        file: &OrderFile,
        people: &[PersonFacts],
    ) -> Result<Option<Offer>, Problem> {
        let Some(from) = file.present_owner() else {
            return Ok(None);
        };
        let station = file.state.station;
        let ground = Ground::of_file(tx, app, file).await?;
        let cell = ground.placed.cell;
        let now = ground.managers(app.now());
        let can_own = |one: PersonId| {
            let able =
                |person: &PersonFacts| person.id == one && !person.disabled && !person.off_duty;
            people.iter().any(able)
        };
        let there = ground.placed.station == Some(station);
        let to = receiver(from, file.state.cell, cell, [now.a, now.b], can_own);
        Ok(to.filter(|_| there).map(|to| Offer {
            order: file.state.order,
            from,
            to,
            from_cell: file.state.cell,
            to_cell: cell,
        }))
    }

    async fn done(&self, tx: &DatabaseTransaction, station: OrgId) -> Result<(), Problem> {
        territory::Entity::update_many()
            .col_expr(territory::Column::HandOversDue, Expr::value(false))
            .filter(territory::Column::StationId.eq(station.0))
            .filter(territory::Column::Version.lte(self.version))
            .filter(territory::Column::HandOversDue.eq(true))
            .exec(tx)
            .await?;
        Ok(())
    }
}

/// Whether the same was offered in this term and its owner kept the order: then he is not
/// asked again.
async fn kept_before(
    tx: &DatabaseTransaction,
    file: &OrderFile,
    offer: &Offer,
) -> Result<bool, Problem> {
    use hand_over::Column;
    let kept = hand_over::Entity::find()
        .filter(Column::OrderId.eq(offer.order.0))
        .filter(Column::Term.eq(i64::from(file.state.term.0)))
        .filter(Column::ToPerson.eq(offer.to.0))
        .filter(Column::ToCell.eq(offer.to_cell.map(|cell| cell.0)))
        .filter(Column::State.eq(State::Kept.as_str()))
        .one(tx)
        .await?;
    Ok(kept.is_some())
}
