//! What becomes of open orders when their owner goes on leave, and when he is back.
//!
//! The moment a leave begins its person is given no more orders: that is the absence
//! ([`crate::duty::absence`]), which every decision reads. What he has open is offered to who
//! stands in: the other of A and B, else who covers the cell. The stand-in accepts each or
//! leaves it, and the staff of the station decides either way; until then the order stays
//! where it is, and one that nobody can take over stays, too. The moment the leave is over
//! what was accepted and is not finished comes back, and what nobody answered stays.
//!
//! Any process may act; each moment is taken once ([`crate::duty::leave::moments`]).

use super::{
    facts,
    hand_over::{self, Answer, Cause, Decider, Offer, Offered, State},
    ladder::PersonFacts,
    route::{Ground, OrderFile, SERVER},
};
use crate::{
    app::App,
    duty::{
        leave::moments::{self, Moment},
        rows::leave,
        stand_in,
    },
    edge::Problem,
    orders::rows::service_order,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrderId, OrgId, PersonId},
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::time::Duration;
use uuid::Uuid;

/// How often a process looks for leave that begins or ends.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why the orders are offered; the person's own reason stays with the leave.
const ON_LEAVE: &str = "the owner is on leave";
/// Why they come back.
const BACK: &str = "the owner before is back from leave";

/// Acts upon every leave whose moment has come; gives how many that were. One that cannot be
/// acted upon is logged and tried again at the next look: it holds up no other.
///
/// # Errors
/// A problem of the database.
pub async fn look(app: &App) -> Result<usize, Problem> {
    let mut acted = 0;
    for (leave, station) in moments::due(app.store.read(), app.now()).await? {
        match act_upon(app, station, leave).await {
            Ok(Some(moment)) => {
                tracing::info!(%leave, ?moment, "leave");
                acted += 1;
            }
            Ok(None) => {}
            Err(problem) => tracing::warn!(%leave, %problem, "leave not acted upon"),
        }
    }
    Ok(acted)
}

/// Takes the moment and acts upon it, in one transaction.
async fn act_upon(app: &App, station: OrgId, id: Uuid) -> Result<Option<Moment>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let app = &state;
                let lock = StationLock::take(tx, station).await?;
                let Some((row, moment)) = moments::take(tx, app, &lock, id).await? else {
                    return Ok(None);
                };
                match moment {
                    Moment::Begins => offer_all(tx, app, &lock, &row).await?,
                    Moment::Ends => bring_back(tx, app, &lock, &row).await?,
                    Moment::Passed => {}
                }
                Ok(Some(moment))
            })
        })
        .await
}

/// Offers what the person has open to who stands in.
async fn offer_all(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    row: &leave::Model,
) -> Result<(), Problem> {
    let person = PersonId(row.person_id);
    let people = facts::people_of(tx, lock.station(), app.now()).await?;
    let why = (Cause::Leave { leave: row.id }, ON_LEAVE);
    let author = row.decided_by.map_or(SERVER, PersonId);
    for order in open_orders(tx, lock.station(), person).await? {
        let file = OrderFile::read(tx, app, lock, order).await?;
        let ground = Ground::of_file(tx, app, &file).await?;
        let cell = ground.placed.cell;
        let Some(to) = receiver(tx, app, &ground, cell, person, &people).await? else {
            continue;
        };
        let offer = Offer {
            order,
            from: person,
            to,
            from_cell: file.state.cell,
            to_cell: cell,
        };
        hand_over::offer(tx, app, lock, offer, why, author).await?;
    }
    Ok(())
}

/// Who stands in for somebody in a cell: the other of A and B, else who covers.
async fn receiver(
    tx: &DatabaseTransaction,
    app: &App,
    ground: &Ground,
    cell: Option<CellId>,
    person: PersonId,
    people: &[PersonFacts],
) -> Result<Option<PersonId>, Problem> {
    let Some(cell) = cell else { return Ok(None) };
    let managers = ground.managers(app.now());
    let covers = stand_in::covers(tx, cell, app.now()).await?;
    let able = |one: &PersonId| {
        let there = |facts: &PersonFacts| facts.id == *one && !facts.disabled && !facts.off_duty;
        *one != person && people.iter().any(there)
    };
    let pair = [managers.a, managers.b].into_iter().flatten();
    Ok(pair.chain(covers).find(able))
}

async fn open_orders(
    tx: &DatabaseTransaction,
    station: OrgId,
    owner: PersonId,
) -> Result<Vec<OrderId>, Problem> {
    use service_order::Column;
    let ids: Vec<Uuid> = service_order::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::StationId.eq(station.0))
        .filter(Column::OwnerPerson.eq(owner.0))
        .filter(Column::Status.is_in(["routed", "taken", "working"]))
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// Gives back what was accepted and is not finished; takes back what nobody answered.
async fn bring_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    row: &leave::Model,
) -> Result<(), Problem> {
    let (station, person) = (lock.station(), PersonId(row.person_id));
    let why = (Cause::LeaveOver { leave: row.id }, BACK);
    for one in hand_over::of_cause(tx, station, Cause::Leave { leave: row.id }).await? {
        match State::stored(&one.state) {
            Some(State::Offered) => {
                let decider = Decider {
                    person: SERVER,
                    staff_of: Some(station),
                };
                let kept = hand_over::answer(tx, app, lock, one.id, (decider, Answer::Keep)).await;
                match kept {
                    Err(problem) if problem.code != Code::HandOverDecided => return Err(problem),
                    _ => {}
                }
            }
            Some(State::Accepted) => {
                let offer = Offer {
                    order: OrderId(one.order_id),
                    from: PersonId(one.to_person),
                    to: person,
                    from_cell: one.to_cell.map(CellId),
                    to_cell: one.to_cell.map(CellId),
                };
                let moved = hand_over::move_at_once(tx, app, lock, offer, why, SERVER).await?;
                if let Offered::CannotOwn(why) = moved {
                    tracing::info!(order = %one.order_id, why, "does not come back");
                }
            }
            _ => {}
        }
    }
    Ok(())
}
