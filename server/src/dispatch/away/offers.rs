//! Offering what somebody on leave has open to who stands in, page by page, each page in a
//! transaction of its own.
//!
//! What is open already stays; what was left with the owner in this term and for this leave is
//! not offered again. All else is, also what had no receiver before: so a later look finds who
//! came back meanwhile.

use super::{SERVER, skip_if_its_own};
use crate::{
    app::App,
    dispatch::{
        facts,
        hand_over::{
            self, Cause, CauseKind, Offer, State,
            rows::hand_over::{self as rows, Column},
        },
        ladder::PersonFacts,
        route::{Ground, OrderFile},
    },
    duty::{leave::moments, rows::leave, stand_in},
    edge::Problem,
    orders::rows::service_order,
    trace::feed_log::{StationLock, Subject},
};
use gridcrew_sync_protocol::ids::{CellId, OrderId, OrgId, PersonId};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    TransactionTrait,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Why the orders are offered; the person's own reason stays with the leave.
const ON_LEAVE: &str = "the owner is on leave";
/// Most orders of a page.
const PAGE: usize = 200;

/// Offers all that the person of a leave has open, as long as the leave lasts.
pub(super) async fn offer_all(app: &App, station: OrgId, leave: Uuid) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let state = app.clone();
        let page = app.store.write(move |tx| {
            Box::pin(async move {
                let lock = StationLock::take(tx, station).await?;
                offer_page(tx, &state, &lock, leave, after).await
            })
        });
        after = page.await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Offers a page of what comes after an order; gives the last one, if more may follow.
async fn offer_page(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    leave: Uuid,
    after: Option<Uuid>,
) -> Result<Option<Uuid>, Problem> {
    let Some(row) = moments::lasting(tx, lock, leave, app.now()).await? else {
        return Ok(None);
    };
    let page = open_orders(tx, lock.station(), row.person_id, after).await?;
    let last = page.last().filter(|_| page.len() == PAGE);
    let last = last.map(|(id, _)| *id);
    let settled = settled(tx, Cause::Leave { leave }, &page).await?;
    let open = page.iter().map(|(id, _)| *id);
    let open: Vec<OrderId> = open
        .filter(|id| !settled.contains(id))
        .map(OrderId)
        .collect();
    if open.is_empty() {
        return Ok(last);
    }
    let people = facts::people_of(tx, lock.station(), app.now()).await?;
    for order in open {
        let step = tx.begin().await?;
        match offer_one(&step, app, lock, &row, &people, order).await {
            Ok(()) => step.commit().await?,
            Err(problem) => {
                step.rollback().await?;
                skip_if_its_own(order, problem)?;
            }
        }
    }
    Ok(last)
}

async fn offer_one(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    row: &leave::Model,
    people: &[PersonFacts],
    order: OrderId,
) -> Result<(), Problem> {
    let person = PersonId(row.person_id);
    let file = OrderFile::read(tx, app, lock, order).await?;
    let ground = Ground::of_file(tx, app, &file).await?;
    let cell = ground.placed.cell;
    let Some(to) = receiver(tx, app, &ground, cell, person, people).await? else {
        return Ok(());
    };
    let offer = Offer {
        order,
        from: person,
        to,
        from_cell: file.state.cell,
        to_cell: cell,
    };
    let why = (Cause::Leave { leave: row.id }, ON_LEAVE);
    let author = row.decided_by.map_or(SERVER, PersonId);
    hand_over::offer(tx, app, lock, people, offer, why, author).await?;
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

/// A page of what somebody has open: orders with their terms.
async fn open_orders(
    tx: &DatabaseTransaction,
    station: OrgId,
    owner: Uuid,
    after: Option<Uuid>,
) -> Result<Vec<(Uuid, i64)>, Problem> {
    use service_order::Column;
    let after = Condition::all().add_option(after.map(|id| Column::Id.gt(id)));
    Ok(service_order::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Term])
        .filter(Column::StationId.eq(station.0))
        .filter(Column::OwnerPerson.eq(owner))
        .filter(Column::Status.is_in(["routed", "taken", "working"]))
        .filter(after)
        .order_by_asc(Column::Id)
        .limit(PAGE as u64)
        .into_tuple()
        .all(tx)
        .await?)
}

/// Those of a page that are offered already, or were kept before. An offer that gives way is
/// none: whoever was named by a version of the territory may take his time, who is away cannot.
async fn settled(
    tx: &DatabaseTransaction,
    cause: Cause,
    page: &[(Uuid, i64)],
) -> Result<BTreeSet<Uuid>, Problem> {
    let mut settled = kept(tx, cause, page).await?;
    let offered = hand_over::offered_among(tx, page.iter().map(|(id, _)| *id)).await?;
    let stays = |open: &hand_over::rows::hand_over::Model| {
        !hand_over::gives_way(CauseKind::stored(&open.cause), cause.kind())
    };
    let stay = offered.values().filter(|open| stays(open));
    settled.extend(stay.map(|open| open.order_id));
    Ok(settled)
}

/// Those of a page, which are orders with their terms, that were left with the owner in this
/// term when they were offered for this cause.
pub(super) async fn kept(
    tx: &DatabaseTransaction,
    cause: Cause,
    page: &[(Uuid, i64)],
) -> Result<BTreeSet<Uuid>, Problem> {
    let kept: Vec<(Uuid, i64)> = rows::Entity::find()
        .select_only()
        .columns([Column::OrderId, Column::Term])
        .filter(Column::OrderId.is_in(page.iter().map(|(id, _)| *id)))
        .filter(Column::State.eq(State::Kept.as_str()))
        .filter(Column::Cause.eq(cause.kind().as_str()))
        .filter(Column::CauseRef.eq(cause.reference()))
        .into_tuple()
        .all(tx)
        .await?;
    let in_this_term = kept.into_iter().filter(|one| page.contains(one));
    Ok(in_this_term.map(|(order, _)| order).collect())
}

/// Takes back what was offered *to* somebody who leaves because others are away or are back;
/// gives their leaves, so that it is offered to somebody else.
pub(super) async fn lapse_to(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    person: PersonId,
) -> Result<BTreeSet<Uuid>, Problem> {
    let causes = [CauseKind::Leave, CauseKind::LeaveOver].map(CauseKind::as_str);
    let open = rows::Entity::find()
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::OpenOrder.is_not_null())
        .filter(Column::ToPerson.eq(person.0))
        .filter(Column::Cause.is_in(causes))
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    let mut leaves = BTreeSet::new();
    for row in open {
        let order = OrderId(row.order_id);
        hand_over::lapse(tx, app, order).await?;
        lock.announce(tx, Subject::Order(order), true).await?;
        if row.cause == CauseKind::Leave.as_str() {
            leaves.extend(row.cause_ref.parse::<Uuid>());
        }
    }
    Ok(leaves)
}
