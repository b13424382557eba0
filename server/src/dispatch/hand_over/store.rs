//! Offering, answering and dropping hand-overs, each in the transaction of its caller, who
//! holds the station's lock.

use super::{
    rows::hand_over::{self, Column},
    rule::{
        Answer, Cause, CauseKind, Decider, MAX_REASON, Offer, Order, State, gives_way, may_answer,
        stands,
    },
};
use crate::{
    app::App,
    dispatch::{
        facts,
        ladder::PersonFacts,
        route::{self, OrderFile, SERVER, can_own},
    },
    edge::Problem,
    orders::rows::service_order,
    territory::store::{MovedAgain, moved_again},
    trace::{
        feed_log::{StationLock, Subject},
        ledger,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrderId, OrgId, PersonId},
    order::{OrderState, Status},
    record::{Event, HandedOver, Noted, Owner, Taken, Term},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What became of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It was made.
    Made(Uuid),
    /// One is open for this order already that does not give way; it stays.
    OpenAlready(Uuid),
    /// The order is closed or not the giver's, so there is nothing to hand over.
    NotHis,
    /// The receiver cannot own the order; why.
    CannotOwn(String),
}

/// Offers an open order of the locked station to another person. Nothing changes but that both
/// are told; the owner stays the owner. An open offer of a version of the territory gives way
/// to one of a leave: who is away cannot wait. The people of the station are read before, once
/// for many orders.
///
/// # Errors
/// `not_found` when the order is of another station, `request.invalid` when the reason is too
/// long, or a problem of the database.
pub async fn offer(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    offer: Offer,
    (cause, reason): (Cause, &str),
    author: PersonId,
) -> Result<Offered, Problem> {
    let why = (cause, reason, Haste::Waits);
    make(tx, app, lock, people, offer, why, author).await
}

/// Whether the offer is to be accepted at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    AtOnce,
    Waits,
}

async fn make(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    offer: Offer,
    (cause, reason, haste): (Cause, &str, Haste),
    author: PersonId,
) -> Result<Offered, Problem> {
    if reason.chars().count() > MAX_REASON {
        let detail = format!("The reason of a hand-over has at most {MAX_REASON} characters.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let file = OrderFile::read(tx, app, lock, offer.order).await?;
    let order = asked(&file.state);
    if !stands(file.state.term, offer.from, &order) {
        return Ok(Offered::NotHis);
    }
    let open = open_of_order(tx, offer.order).await?;
    let stays = |open: &hand_over::Model| {
        haste == Haste::Waits && !gives_way(CauseKind::stored(&open.cause), cause.kind())
    };
    if let Some(open) = open.as_ref().filter(|open| stays(open)) {
        return Ok(Offered::OpenAlready(open.id));
    }
    if let Err(problem) = can_own(people, &file, offer.to) {
        return Ok(Offered::CannotOwn(problem.detail));
    }
    if let Some(open) = open {
        take_back(tx, app, lock, open).await?;
    }
    let id = app.new_id();
    let row = hand_over::ActiveModel {
        id: Set(id),
        station_id: Set(lock.station().0),
        order_id: Set(offer.order.0),
        open_order: Set(Some(offer.order.0)),
        from_person: Set(offer.from.0),
        to_person: Set(offer.to.0),
        from_cell: Set(offer.from_cell.map(|cell| cell.0)),
        to_cell: Set(offer.to_cell.map(|cell| cell.0)),
        cause: Set(cause.kind().as_str().to_owned()),
        cause_ref: Set(cause.reference()),
        reason: Set(reason.to_owned()),
        author: Set(author.0),
        term: Set(i64::from(file.state.term.0)),
        offered_at: Set(app.now().0),
        state: Set(State::Offered.as_str().to_owned()),
        decided_at: Set(None),
        decided_by: Set(None),
    };
    hand_over::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    note(
        tx,
        app,
        lock,
        offer.order,
        &noted(id, State::Offered, cause, reason),
    )
    .await?;
    // It enters the scope of the receiver.
    lock.announce(tx, Subject::Order(offer.order), true).await?;
    Ok(Offered::Made(id))
}

/// Decides on an open hand-over of the locked station. One that does not stand any more,
/// because the order is closed or in other hands, lapses by being answered: the state that is
/// given back is then [`State::Lapsed`].
///
/// # Errors
/// `not_found` when the station has no such hand-over, `hand_over.not_yours` when this person
/// may not answer so, `hand_over.decided` when it was decided already or lapsed,
/// `order.bad_owner` when the receiver cannot own the order now, or a problem of the database.
pub async fn answer(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    id: Uuid,
    (decider, answer): (Decider, Answer),
) -> Result<State, Problem> {
    let people = match answer {
        Answer::Accept => facts::people_of(tx, lock.station(), app.now()).await?,
        Answer::Keep => Vec::new(),
    };
    answer_among(tx, app, lock, &people, id, (decider, answer)).await
}

/// As [`answer`], with the people of the station read before; who keeps an order needs none.
async fn answer_among(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    id: Uuid,
    (decider, answer): (Decider, Answer),
) -> Result<State, Problem> {
    let row = hand_over::Entity::find_by_id(id)
        .filter(Column::StationId.eq(lock.station().0))
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    let both = (PersonId(row.from_person), PersonId(row.to_person));
    if !may_answer(decider, lock.station(), both, answer) {
        let detail = "Only the receiver can accept; the receiver and the owner can leave the \
                      order where it is, and the staff of the station decides either way.";
        return Err(Problem::new(Code::HandOverNotYours, detail));
    }
    let order = OrderId(row.order_id);
    let file = OrderFile::read(tx, app, lock, order).await?;
    let term = Term(u32::try_from(row.term).unwrap_or(u32::MAX));
    if row.open_order.is_none() {
        return Err(decided(&row.state));
    }
    if !stands(term, both.0, &asked(&file.state)) {
        take_back(tx, app, lock, row).await?;
        return Ok(State::Lapsed);
    }
    let state = match answer {
        Answer::Accept => State::Accepted,
        Answer::Keep => State::Kept,
    };
    let reason = row.reason.clone();
    end(tx, app, row, state, decider.person).await?;
    match answer {
        Answer::Accept => {
            let to = (both.1, decider.person);
            hand(tx, app, lock, people, &file, to, reason).await?;
        }
        Answer::Keep => {
            let text = format!("hand_over.kept: {id}");
            note(tx, app, lock, order, &text).await?;
        }
    }
    // It leaves the scope of who has nothing to do with it any more.
    lock.announce(tx, Subject::Order(order), true).await?;
    Ok(state)
}

/// The answer to who decides on a hand-over that is over.
pub(super) fn decided(state: &str) -> Problem {
    let detail = format!("This hand-over is {state}; the order is as it shows now.");
    Problem::new(Code::HandOverDecided, detail)
}

/// An offer that its author accepts for the receiver: the order changes hands now. What cannot
/// be handed over is answered as by [`offer`]; an offer that is open, of whatever cause, lapses.
/// The people of the station are read before, as for an offer.
///
/// # Errors
/// As [`offer`] and [`answer`].
pub async fn move_at_once(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    wish: Offer,
    (cause, reason): (Cause, &str),
    author: PersonId,
) -> Result<Offered, Problem> {
    let why = (cause, reason, Haste::AtOnce);
    let offered = make(tx, app, lock, people, wish, why, author).await?;
    if let Offered::Made(id) = offered {
        let decider = Decider {
            person: author,
            staff_of: Some(lock.station()),
        };
        answer_among(tx, app, lock, people, id, (decider, Answer::Accept)).await?;
    }
    Ok(offered)
}

/// The order changes hands: the trace says who let it go and who has it, and keeps why. Who
/// accepts for himself has taken it.
async fn hand(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    file: &OrderFile,
    (to, decided_by): (PersonId, PersonId),
    note: String,
) -> Result<(), Problem> {
    let order = file.state.order;
    let handed = Event::HandedOver(HandedOver { to, note });
    ledger::append(tx, app, lock, order, decided_by, vec![handed]).await?;
    route::hand_over(tx, app, lock, people, file, to).await?;
    if decided_by == to {
        let taken = Event::Taken(Taken { eta_minutes: None });
        ledger::append(tx, app, lock, order, to, vec![taken]).await?;
    }
    Ok(())
}

/// Ends the open hand-over of an order that changes hands otherwise. Called wherever an order
/// gets another owner.
///
/// # Errors
/// A problem of the database.
pub async fn lapse(tx: &DatabaseTransaction, app: &App, order: OrderId) -> Result<(), Problem> {
    if let Some(row) = open_of_order(tx, order).await? {
        end(tx, app, row, State::Lapsed, SERVER).await?;
    }
    Ok(())
}

/// Takes back what a version of the territory offered for an order, unless it is to this
/// person.
pub(super) async fn withdraw(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    order: OrderId,
    unless_to: Option<PersonId>,
) -> Result<(), Problem> {
    let Some(row) = open_of_order(tx, order).await? else {
        return Ok(());
    };
    let by_ground = row.cause == CauseKind::Territory.as_str();
    if by_ground && unless_to != Some(PersonId(row.to_person)) {
        take_back(tx, app, lock, row).await?;
    }
    Ok(())
}

/// Ends an open offer that nobody is to answer any more; the trace and the feed say so.
pub(super) async fn take_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    row: hand_over::Model,
) -> Result<(), Problem> {
    let (order, text) = (
        OrderId(row.order_id),
        format!("hand_over.lapsed: {}", row.id),
    );
    end(tx, app, row, State::Lapsed, SERVER).await?;
    note(tx, app, lock, order, &text).await?;
    lock.announce(tx, Subject::Order(order), true).await?;
    Ok(())
}

/// Ends the open hand-overs of those of `orders` that are closed by now; all are of stations
/// whose locks `lock_of` gives.
///
/// # Errors
/// A problem of the database, or one of `lock_of`.
pub async fn lapse_closed<'l>(
    tx: &DatabaseTransaction,
    app: &App,
    orders: impl IntoIterator<Item = OrderId>,
    lock_of: impl Fn(OrgId) -> Result<&'l StationLock, Problem>,
) -> Result<(), Problem> {
    for (order, row) in offered_among(tx, orders.into_iter().map(|order| order.0)).await? {
        let closed = service_order::Entity::find_by_id(order.0)
            .filter(service_order::Column::Status.eq("returned"))
            .one(tx)
            .await?;
        if closed.is_some() {
            let lock = lock_of(OrgId(row.station_id))?;
            end(tx, app, row, State::Lapsed, SERVER).await?;
            lock.announce(tx, Subject::Order(order), true).await?;
        }
    }
    Ok(())
}

/// The open hand-overs of these orders, by order.
///
/// # Errors
/// A problem of the database.
pub async fn offered_among<C: ConnectionTrait>(
    db: &C,
    orders: impl IntoIterator<Item = Uuid>,
) -> Result<BTreeMap<OrderId, hand_over::Model>, Problem> {
    let orders: Vec<Uuid> = orders.into_iter().collect();
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = hand_over::Entity::find()
        .filter(Column::OpenOrder.is_in(orders))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (OrderId(row.order_id), row))
        .collect())
}

/// All hand-overs of a station that a cause led to, the oldest first.
///
/// # Errors
/// A problem of the database.
pub async fn of_cause<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    cause: Cause,
) -> Result<Vec<hand_over::Model>, Problem> {
    Ok(hand_over::Entity::find()
        .filter(Column::StationId.eq(station.0))
        .filter(Column::Cause.eq(cause.kind().as_str()))
        .filter(Column::CauseRef.eq(cause.reference()))
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

async fn open_of_order(
    tx: &DatabaseTransaction,
    order: OrderId,
) -> Result<Option<hand_over::Model>, Problem> {
    Ok(hand_over::Entity::find()
        .filter(Column::OpenOrder.eq(order.0))
        .one(tx)
        .await?)
}

async fn end(
    tx: &DatabaseTransaction,
    app: &App,
    row: hand_over::Model,
    state: State,
    by: PersonId,
) -> Result<(), Problem> {
    // While it was open, no version could offer the order: they are looked at again.
    let stays = matches!(state, State::Kept | State::Lapsed);
    if stays && row.cause != CauseKind::Territory.as_str() {
        let since = MovedAgain::Since(UnixMillis(row.offered_at));
        moved_again(tx, OrgId(row.station_id), since).await?;
    }
    let mut ended = row.into_active_model();
    ended.open_order = Set(None);
    ended.state = Set(state.as_str().to_owned());
    ended.decided_at = Set(Some(app.now().0));
    ended.decided_by = Set(Some(by.0));
    hand_over::Entity::update(ended).exec(tx).await?;
    Ok(())
}

/// What the rules ask of an order.
fn asked(state: &OrderState) -> Order {
    let owner = match state.owner {
        Some(Owner::Person(person)) if state.status != Status::Returned => Some(person),
        _ => None,
    };
    Order {
        status: state.status,
        term: state.term,
        owner,
    }
}

/// What the trace says of an offer: a stable code, which hand-over, and why.
fn noted(id: Uuid, state: State, cause: Cause, reason: &str) -> String {
    let (kind, which) = (cause.kind().as_str(), cause.reference());
    format!(
        "hand_over.{}: {id} ({kind} {which}) {reason}",
        state.as_str()
    )
}

async fn note(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    order: OrderId,
    text: &str,
) -> Result<(), Problem> {
    let noted = Event::Noted(Noted {
        text: text.trim_end().to_owned(),
    });
    ledger::append(tx, app, lock, order, SERVER, vec![noted]).await?;
    Ok(())
}
