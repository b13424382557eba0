//! What a person does with an order at a desk: take, decline, hand over. The trace gets the
//! same events as from a handheld, in the server's own journal.

use super::rows::service_order;
use crate::{
    app::App,
    dispatch::{
        facts,
        ladder::LetGo,
        route::{self, OrderFile},
    },
    edge::Problem,
    people::{Caller, Permission, Role, caller::still_stands},
    trace::{feed_log::StationLock, ledger},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrderId, OrgId},
    order::{OrderState, Status},
    record::{Declined, Event, HandedOver, Owner, Taken},
};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};

/// Most characters of a note.
const MAX_NOTE: usize = 500;

/// Most minutes until arrival: a day.
const MAX_ETA_MINUTES: u32 = 1_440;

/// What an owner can do with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Take it.
    Take(Taken),
    /// Decline it.
    Decline(Declined),
    /// Hand it over.
    HandOver(HandedOver),
}

/// Does it, if the caller is the present owner, or of the staff of the station whose desk is;
/// any open order of the station the staff may hand over.
///
/// # Errors
/// `not_found` when the order is not in scope, `order.closed`, `order.not_owner`,
/// `order.unknown_reason`, `order.bad_owner`, `conflict` when a desk declines, or a problem
/// of the database.
pub async fn act(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    order: OrderId,
    act: Act,
) -> Result<OrderState, Problem> {
    caller.may(Permission::ActOnOrders)?;
    let station = visible(tx, caller, order).await?;
    let lock = StationLock::take(tx, station).await?;
    // Whose it is may have changed while the lock was waited for.
    visible(tx, caller, order).await?;
    let file = OrderFile::read(tx, app, &lock, order).await?;
    may_act(caller, &file.state, &act)?;
    let state = match act {
        Act::Take(_) if file.state.taken_at.is_some() => file.state,
        Act::Take(taken) if taken.eta_minutes.is_some_and(|eta| eta > MAX_ETA_MINUTES) => {
            let detail = format!("eta_minutes must be at most {MAX_ETA_MINUTES}.");
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
        Act::Take(taken) => {
            let events = vec![Event::Taken(taken)];
            ledger::append(tx, app, &lock, order, caller.person, events).await?
        }
        Act::Decline(declined) => decline(tx, app, &lock, caller, &file, declined).await?,
        Act::HandOver(handed) => hand_over(tx, app, &lock, caller, &file, handed).await?,
    };
    still_stands(tx, caller).await?;
    Ok(state)
}

/// The station of an order in scope.
async fn visible(
    tx: &DatabaseTransaction,
    caller: &Caller,
    order: OrderId,
) -> Result<OrgId, Problem> {
    let row = service_order::Entity::find_by_id(order.0)
        .filter(caller.scope.orders())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(OrgId(row.station_id))
}

fn may_act(caller: &Caller, state: &OrderState, act: &Act) -> Result<(), Problem> {
    if state.status == Status::Returned {
        let detail = "The work on this order is closed.";
        return Err(Problem::new(Code::OrderClosed, detail));
    }
    let staff_of = |station| caller.role == Role::Station && caller.scope.has_station(station);
    let may = match state.owner {
        Some(Owner::Person(person)) if person == caller.person => true,
        Some(Owner::Person(_)) => matches!(act, Act::HandOver(_)) && staff_of(state.station),
        Some(Owner::Desk(desk)) => staff_of(desk),
        None => false,
    };
    if may {
        Ok(())
    } else {
        let detail = "Only the present owner may do this; for a desk, and to hand over, the staff of the \
                      station.";
        Err(Problem::new(Code::OrderNotOwner, detail))
    }
}

async fn decline(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    caller: &Caller,
    file: &OrderFile,
    declined: Declined,
) -> Result<OrderState, Problem> {
    if matches!(file.state.owner, Some(Owner::Desk(_))) {
        let detail = "There is no one after the desk; hand the order over to a person.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let template = app.templates.edition(&file.state.template)?;
    let codes: Vec<&str> = template.decline_reasons.iter().map(|r| &*r.code).collect();
    if !codes.contains(&declined.reason.as_str()) {
        let detail = format!("The reason must be one of {}.", codes.join(", "));
        return Err(Problem::new(Code::OrderUnknownReason, detail));
    }
    let events = vec![Event::Declined(Declined {
        note: note(&declined.note)?,
        ..declined
    })];
    ledger::append(tx, app, lock, file.state.order, caller.person, events).await?;
    route::pass_on(tx, app, lock, file, LetGo::Declined).await
}

async fn hand_over(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    caller: &Caller,
    file: &OrderFile,
    handed: HandedOver,
) -> Result<OrderState, Problem> {
    let to = handed.to;
    let events = vec![Event::HandedOver(HandedOver {
        note: note(&handed.note)?,
        ..handed
    })];
    ledger::append(tx, app, lock, file.state.order, caller.person, events).await?;
    // A successor who cannot own it ends the transaction, and with it the event.
    let people = facts::people_of(tx, lock.station(), app.now()).await?;
    route::hand_over(tx, app, lock, &people, file, to).await
}

fn note(given: &str) -> Result<String, Problem> {
    let given = given.trim();
    let clean = given.chars().all(|c| !c.is_control() || c == '\n');
    if clean && given.chars().count() <= MAX_NOTE {
        return Ok(given.to_owned());
    }
    let detail = format!("A note has at most {MAX_NOTE} characters and none for control.");
    Err(Problem::new(Code::RequestInvalid, detail))
}
