//! What a version of the territory moved: open orders whose cell is another manager's now.
//!
//! Each version that came into force is marked until this was looked at, so that it is done
//! once, by whichever process comes first, also when the one that made the version died. Where
//! an order belongs is asked of the snapshot in force, as for every decision; a process that
//! does not have the version yet leaves it for the next look.
//!
//! The mark stays for [`SETTLES`] after the version came, because a process that has not heard
//! of it may route an order by the ground of before until then. It stays longer, looked at
//! once a [`SLOW`], as long as an order has nobody who can take it over now or cannot be read.
//! Looking again is harmless: what is offered stays as it is.

use super::{
    rows::hand_over,
    rule::{Cause, Offer, State, receiver},
    store::{self, Offered, withdraw},
};
use crate::{
    app::App,
    dispatch::{
        LOOK_EVERY, facts,
        ladder::PersonFacts,
        route::{Ground, OrderFile},
    },
    edge::Problem,
    orders::rows::service_order,
    territory::{changes::Changes, rows::territory},
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrderId, OrgId, PersonId},
    time::{Millis, UnixMillis},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Most orders looked at in one transaction: the station's lock is held meanwhile.
const MOST: u64 = 200;

/// How long after a version came orders may still be routed by the ground of before: by
/// processes that look for changes every quarter of a second, or try again when they could not.
pub const SETTLES: Millis = Millis(10_000);

/// How often a version is looked at that came longer ago than this.
pub const SLOW: Millis = Millis(60_000);

/// Looks at every version that is marked, and offers the open orders that it moved to whom
/// they belong to now. Gives how many were offered. A station that cannot be looked at is
/// logged and holds up no other.
///
/// # Errors
/// A problem of the database; the next look tries again.
pub async fn look(app: &App) -> Result<usize, Problem> {
    let mut made = 0;
    for (station, version) in due(app.store.read(), app.now()).await? {
        if app.territory.load().version_of(station) < version {
            continue;
        }
        match of_station(app, station, version).await {
            Ok(offered) => made += offered,
            Err(problem) => {
                tracing::warn!(%station, version, %problem, "moved orders were not looked at");
            }
        }
    }
    Ok(made)
}

/// Whether a version is looked at now: every time while it is new, else once a [`SLOW`].
fn is_time(came_at: UnixMillis, now: UnixMillis) -> bool {
    // Looks are a little more than LOOK_EVERY apart: two of them never miss it.
    let window = i64::try_from(LOOK_EVERY.as_millis()).unwrap_or(SLOW.0) * 2;
    now.since(came_at) < SLOW || now.0.rem_euclid(SLOW.0) < window
}

/// The stations that have something to be looked at now, with the newest such version.
async fn due<C: ConnectionTrait>(db: &C, now: UnixMillis) -> Result<Vec<(OrgId, i64)>, Problem> {
    let rows: Vec<(Uuid, i64, i64)> = territory::Entity::find()
        .select_only()
        .column(territory::Column::StationId)
        .column_as(territory::Column::Version.max(), "latest")
        .column_as(territory::Column::CameAt.max(), "came")
        .filter(territory::Column::HandOversDue.eq(true))
        .group_by(territory::Column::StationId)
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter();
    Ok(rows
        .filter(|(_, _, came)| is_time(UnixMillis(*came), now))
        .map(|(station, version, _)| (OrgId(station), version))
        .collect())
}

/// What became of some orders.
#[derive(Default)]
struct Looked {
    /// How many were offered.
    made: usize,
    /// Whether one has nobody who can take it over now, or could not be read.
    waits: bool,
}

/// All orders of a station; gives how many were offered.
async fn of_station(app: &App, station: OrgId, version: i64) -> Result<usize, Problem> {
    let mut all = Looked::default();
    let mut after = Uuid::nil();
    while let Some((last, looked)) = some(app, (station, version), after, all.waits).await? {
        after = last;
        all.made += looked.made;
        all.waits |= looked.waits;
    }
    Ok(all.made)
}

/// The next orders of a station, in one transaction: the last of them and what became of them;
/// none when that was all, and the versions need no other look unless some order `waits`.
async fn some(
    app: &App,
    (station, version): (OrgId, i64),
    after: Uuid,
    waits: bool,
) -> Result<Option<(Uuid, Looked)>, Problem> {
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
                        let looked = moved.offer_all(tx, &state, &lock, orders).await?;
                        Ok(Some((last, looked)))
                    }
                    None if waits => Ok(None),
                    None => {
                        let settled = state.now().0.saturating_sub(SETTLES.0);
                        moved.done(tx, station, settled).await.map(|()| None)
                    }
                }
            })
        })
        .await
}

/// To whom an order would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// To this person.
    To(Offer),
    /// To A or B of its cell, but neither can own it now.
    Nobody,
    /// To nobody: it is where it belongs, or has no A and B to go to until some are named,
    /// which marks the version anew.
    Stays,
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

    /// The next open orders that a person owns in a cell that was changed, or in none, or that
    /// were offered to such a cell before.
    async fn next(
        &self,
        tx: &DatabaseTransaction,
        station: OrgId,
        after: Uuid,
    ) -> Result<Vec<Uuid>, Problem> {
        use service_order::Column;
        let cells = || self.cells.iter().map(|cell| cell.0);
        let asked = [State::Offered.as_str(), State::Kept.as_str()];
        let offered = hand_over::Entity::find()
            .select_only()
            .column(hand_over::Column::OrderId)
            .filter(hand_over::Column::StationId.eq(station.0))
            .filter(hand_over::Column::ToCell.is_in(cells()))
            .filter(hand_over::Column::State.is_in(asked));
        let there = Condition::any()
            .add(Column::CellId.is_in(cells()))
            .add(Column::CellId.is_null())
            .add(Column::Id.in_subquery(offered.into_query()));
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
    ) -> Result<Looked, Problem> {
        let people = facts::people_of(tx, lock.station(), app.now()).await?;
        let why = (
            Cause::Territory {
                version: self.version,
            },
            self.reason.as_str(),
        );
        let mut looked = Looked::default();
        for order in orders {
            let read = self.read_one(tx, app, lock, OrderId(order), &people).await;
            let (file, wanted) = match read {
                Ok(read) => read,
                // It is left for people to mend, or for the edition of its workflow to be known
                // here; the others go on. Where the database fails, so does what they write.
                Err(problem) => {
                    tracing::warn!(%order, %problem, "an order cannot be read");
                    looked.waits = true;
                    continue;
                }
            };
            looked.waits |= wanted == Wanted::Nobody;
            let offer = match wanted {
                Wanted::To(offer) => Some(offer),
                Wanted::Nobody | Wanted::Stays => None,
            };
            // What an earlier version led to and this one does not is taken back.
            withdraw(tx, app, lock, file.state.order, offer.map(|offer| offer.to)).await?;
            let Some(offer) = offer else { continue };
            if !kept_before(tx, &file, &offer).await? {
                let made = store::offer(tx, app, lock, &people, offer, why, self.author);
                looked.made += usize::from(matches!(made.await?, Offered::Made(_)));
            }
        }
        Ok(looked)
    }

    async fn read_one(
        &self,
        tx: &DatabaseTransaction,
        app: &App,
        lock: &StationLock,
        order: OrderId,
        people: &[PersonFacts],
    ) -> Result<(OrderFile, Wanted), Problem> {
        let file = OrderFile::read(tx, app, lock, order).await?;
        let wanted = self.wanted(tx, app, &file, people).await?;
        Ok((file, wanted))
    }

    /// To whom the order would go, by where it belongs now.
    async fn wanted(
        &self,
        tx: &DatabaseTransaction,
        app: &App,
        file: &OrderFile,
        people: &[PersonFacts],
    ) -> Result<Wanted, Problem> {
        let Some(from) = file.present_owner() else {
            return Ok(Wanted::Stays);
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
        if ground.placed.station != Some(station) {
            return Ok(Wanted::Stays);
        }
        let both = [now.a, now.b];
        let to =
            |able: &dyn Fn(PersonId) -> bool| receiver(from, file.state.cell, cell, both, able);
        Ok(match (to(&can_own), to(&|_| true)) {
            (Some(to), _) => Wanted::To(Offer {
                order: file.state.order,
                from,
                to,
                from_cell: file.state.cell,
                to_cell: cell,
            }),
            (None, Some(_)) => Wanted::Nobody,
            (None, None) => Wanted::Stays,
        })
    }

    /// The versions that came at `settled` or before need no other look.
    async fn done(
        &self,
        tx: &DatabaseTransaction,
        station: OrgId,
        settled: i64,
    ) -> Result<(), Problem> {
        territory::Entity::update_many()
            .col_expr(territory::Column::HandOversDue, Expr::value(false))
            .filter(territory::Column::StationId.eq(station.0))
            .filter(territory::Column::Version.lte(self.version))
            .filter(territory::Column::CameAt.lte(settled))
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
