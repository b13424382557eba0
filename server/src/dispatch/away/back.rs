//! What comes back to somebody whose leave is over.
//!
//! It is looked for by the person, not by the leave: who stays away longer has two leaves one
//! after the other, and an order may have gone on to a third meanwhile ([`super::chain`]). One
//! that nobody has taken comes back at once. One that is worked on is offered back, and stays
//! with whom it is until that is accepted.

use super::{
    SERVER,
    chain::{Step, lenders},
    skip_if_its_own,
};
use crate::{
    app::App,
    dispatch::hand_over::{
        self, Answer, Cause, CauseKind, Decider, Offer, Offered, State,
        rows::hand_over::{self as rows, Column},
    },
    duty::absence,
    edge::Problem,
    orders::rows::service_order,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrderId, PersonId},
    record::Term,
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, TransactionTrait,
};
use uuid::Uuid;

/// Why they come back.
const BACK: &str = "the owner before is back from leave";

/// Gives back what is not finished, and takes back what nobody answered; nothing while the
/// person is still away by another absence.
pub(super) async fn bring_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    leave: Uuid,
    person: PersonId,
) -> Result<(), Problem> {
    let away = absence::off_now(tx, [person.0], app.now()).await?;
    if away.contains(&person.0) {
        return Ok(());
    }
    take_back(tx, app, lock, person).await?;
    for order in lent(tx, lock, person).await? {
        let step = tx.begin().await?;
        match give_back(&step, app, lock, leave, person, &order).await {
            Ok(()) => step.commit().await?,
            Err(problem) => {
                step.rollback().await?;
                skip_if_its_own(OrderId(order.id), problem)?;
            }
        }
    }
    Ok(())
}

/// What was offered because of his leave and is unanswered stays his.
async fn take_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    person: PersonId,
) -> Result<(), Problem> {
    let open = rows::Entity::find()
        .filter(Column::StationId.eq(lock.station().0))
        .filter(Column::OpenOrder.is_not_null())
        .filter(Column::FromPerson.eq(person.0))
        .filter(Column::Cause.eq(CauseKind::Leave.as_str()))
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
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
    Ok(())
}

/// The open orders of others that somebody gave away because of leave once.
async fn lent(
    tx: &DatabaseTransaction,
    lock: &StationLock,
    person: PersonId,
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
        .order_by_asc(Order::Id)
        .all(tx)
        .await?)
}

/// Gives one order back if its owner has it because of leave alone.
async fn give_back(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    leave: Uuid,
    person: PersonId,
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
        hand_over::move_at_once(tx, app, lock, offer, why, SERVER).await?
    } else {
        hand_over::offer(tx, app, lock, offer, why, SERVER).await?
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
