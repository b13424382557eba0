//! What comes back to somebody whose leave is over.
//!
//! It is looked for by the person, not by the leave: who stays away longer has two leaves one
//! after the other, and an order may have gone on to a third meanwhile ([`super::chain`]). One
//! that nobody has taken comes back at once. One that is worked on is offered back, and stays
//! with whom it is until that is accepted.

use super::{
    SERVER,
    chain::{Step, lenders},
    offers::kept,
    skip_if_its_own,
};
use crate::{
    app::App,
    dispatch::{
        facts,
        hand_over::{
            self, Answer, Cause, CauseKind, Decider, Offer, Offered, State,
            rows::hand_over::{self as rows, Column},
        },
        ladder::PersonFacts,
    },
    duty::{absence, leave::moments},
    edge::Problem,
    orders::rows::service_order,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrderId, OrgId, PersonId},
    record::Term,
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, TransactionTrait,
};
use uuid::Uuid;

/// Why they come back.
const BACK: &str = "the owner before is back from leave";

/// Most hand-overs or orders in one transaction: the station's lock is held meanwhile.
const PAGE: u64 = 200;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// After this one of the hand-overs that nobody answered.
    Unanswered(Uuid),
    /// After this one of the orders that others have.
    Lent(Uuid),
}

/// What is brought back to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Return {
    /// The leave that is over.
    leave: Uuid,
    /// Whose it was.
    person: PersonId,
}

/// Takes back what nobody answered and gives back what is not finished, page by page; nothing
/// while the person is still away by another absence. The leave stays due until the last page,
/// so that after a crash the next look begins again: what is back is passed over, what is
/// offered stays, and what he left with its owner is not offered to him again.
pub(super) async fn bring_back(
    app: &App,
    station: OrgId,
    leave: Uuid,
    person: PersonId,
) -> Result<(), Problem> {
    let what = Return { leave, person };
    let mut next = Some(Begin::Unanswered(Uuid::nil()));
    while let Some(begin) = next {
        next = page(app, station, what, begin, PAGE).await?;
    }
    Ok(())
}

/// A page of at most so many in one transaction; gives where the next one begins. With the last
/// one the leave is done with.
async fn page(
    app: &App,
    station: OrgId,
    what: Return,
    begin: Begin,
    most: u64,
) -> Result<Option<Begin>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let app = &state;
                let lock = StationLock::take(tx, station).await?;
                let away = absence::off_now(tx, [what.person.0], app.now()).await?;
                let next = match begin {
                    _ if !away.is_empty() => None,
                    Begin::Unanswered(after) => {
                        let last = take_back(tx, app, &lock, what.person, (after, most)).await?;
                        Some(last.map_or(Begin::Lent(Uuid::nil()), Begin::Unanswered))
                    }
                    Begin::Lent(after) => {
                        let last = give_back_some(tx, app, &lock, what, (after, most)).await?;
                        last.map(Begin::Lent)
                    }
                };
                if next.is_none() {
                    moments::brought_back(tx, &lock, what.leave).await?;
                }
                Ok(next)
            })
        })
        .await
}

/// The last of a page, if more may follow it.
fn last_of<T>(page: &[T], most: u64, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
    let full = u64::try_from(page.len()).is_ok_and(|found| found >= most);
    page.last().filter(|_| full).map(id)
}

/// What was offered because of his leave and is unanswered stays his.
async fn take_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    person: PersonId,
    (after, most): (Uuid, u64),
) -> Result<Option<Uuid>, Problem> {
    let open = rows::Entity::find()
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::OpenOrder.is_not_null())
        .filter(Column::FromPerson.eq(person.0))
        .filter(Column::Cause.eq(CauseKind::Leave.as_str()))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(tx)
        .await?;
    let last = last_of(&open, most, |row| row.id);
    for row in open {
        let decider = Decider {
            person: SERVER,
            staff_of: Some(lock.station()),
        };
        let step = tx.begin().await?;
        match hand_over::answer(&step, app, lock, row.id, (decider, Answer::Keep)).await {
            Ok(_) => step.commit().await?,
            Err(problem) => {
                step.rollback().await?;
                if problem.code != Code::HandOverDecided {
                    skip_if_its_own(OrderId(row.order_id), problem)?;
                }
            }
        }
    }
    Ok(last)
}

/// Gives back some of the orders that others have because of his leave; gives the last, if
/// more may follow.
async fn give_back_some(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    what: Return,
    (after, most): (Uuid, u64),
) -> Result<Option<Uuid>, Problem> {
    let lent = lent(tx, lock, what.person, (after, most)).await?;
    let last = last_of(&lent, most, |order| order.id);
    let cause = Cause::LeaveOver { leave: what.leave };
    let terms: Vec<(Uuid, i64)> = lent.iter().map(|order| (order.id, order.term)).collect();
    let left = kept(tx, cause, &terms).await?;
    if lent.iter().all(|order| left.contains(&order.id)) {
        return Ok(last);
    }
    let people = facts::people_of(tx, lock.station(), app.now()).await?;
    for order in lent.iter().filter(|order| !left.contains(&order.id)) {
        let step = tx.begin().await?;
        match give_back(&step, app, lock, &people, what, order).await {
            Ok(()) => step.commit().await?,
            Err(problem) => {
                step.rollback().await?;
                skip_if_its_own(OrderId(order.id), problem)?;
            }
        }
    }
    Ok(last)
}

/// Open orders of others that somebody gave away because of leave once, in the order of their
/// ids.
async fn lent(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    person: PersonId,
    (after, most): (Uuid, u64),
) -> Result<Vec<service_order::Model>, Problem> {
    let given = rows::Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::FromPerson.eq(person.0))
        .filter(Column::Cause.eq(CauseKind::Leave.as_str()))
        .filter(Column::State.eq(State::Accepted.as_str()))
        .into_query();
    use service_order::Column as Order;
    Ok(service_order::Entity::find()
        .filter(Order::StationId.eq(lock.station().0))
        .filter(Order::Status.is_in(["routed", "taken", "working"]))
        .filter(Order::OwnerPerson.ne(person.0))
        .filter(Order::Id.in_subquery(given))
        .filter(Order::Id.gt(after))
        .order_by_asc(Order::Id)
        .limit(most)
        .all(tx)
        .await?)
}

/// Gives one order back if its owner has it because of leave alone.
async fn give_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    Return { leave, person }: Return,
    order: &service_order::Model,
) -> Result<(), Problem> {
    let Some(owner) = order.owner_person.map(PersonId) else {
        return Ok(());
    };
    if !lenders(owner, term_of(order.term), &steps(tx, order.id).await?).contains(&person) {
        return Ok(());
    }
    let cell = order.cell_id.map(CellId);
    let offer = Offer {
        order: OrderId(order.id),
        from: owner,
        to: person,
        from_cell: cell,
        to_cell: cell,
    };
    let why = (Cause::LeaveOver { leave }, BACK);
    let offered = if order.status == "routed" {
        hand_over::move_at_once(tx, app, lock, people, offer, why, SERVER).await?
    } else {
        hand_over::offer(tx, app, lock, people, offer, why, SERVER).await?
    };
    if let Offered::CannotOwn(why) = offered {
        tracing::info!(order = %order.id, why, "does not come back");
    }
    Ok(())
}

/// How an order changed hands because of leave.
async fn steps(tx: &DatabaseTransaction, order: Uuid) -> Result<Vec<Step>, Problem> {
    let causes = [CauseKind::Leave, CauseKind::LeaveOver].map(CauseKind::as_str);
    let rows = rows::Entity::find()
        .filter(Column::OrderId.eq(order))
        .filter(Column::State.eq(State::Accepted.as_str()))
        .filter(Column::Cause.is_in(causes))
        .all(tx)
        .await?;
    let steps = rows.into_iter().map(|row| Step {
        from: PersonId(row.from_person),
        to: PersonId(row.to_person),
        term: term_of(row.term),
        back: row.cause == CauseKind::LeaveOver.as_str(),
    });
    Ok(steps.collect())
}

fn term_of(stored: i64) -> Term {
    Term(u32::try_from(stored).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "back_tests.rs"]
mod tests;
