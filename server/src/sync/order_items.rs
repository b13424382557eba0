//! Orders for the feed: which of them are in scope, and what is told of them beside their
//! entries ([`super::order_entries`]).

use super::feed::{RETURNED_KEPT, Scan, Stage, is_past};
use crate::{
    dispatch::hand_over::{offered_among, rows::hand_over},
    edge::Problem,
    orders::{Templates, rows::service_order},
    people::{Caller, telephone},
    trace::ledger::digest_of,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{Closed, FeedEntry, OrderItem},
    ids::{CellId, OrderId, OrgId, PersonId},
    order::{DeadlineOutcome, OrderState},
    record::OrderDetails,
    time::UnixMillis,
    wire,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The status of an order on which nothing is left to do, as it is stored.
const RETURNED: &str = "returned";

/// Most bytes that an order takes beside its details and entries, in brief or not.
const ORDER_FRAME: u64 = 400;

/// An order in scope, without its entries.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// The order.
    pub(super) order: OrderId,
    /// When it was accepted.
    pub(super) accepted: UnixMillis,
    /// The cell by which it was routed.
    pub(super) cell: Option<CellId>,
    /// Who owns it, if a person.
    pub(super) owner: Option<PersonId>,
    /// The open hand-over of it.
    pub(super) hand_over: Option<hand_over::Model>,
    /// As the caller may see them, without the salt: 16 bytes that nothing squeezes and no
    /// handheld has a use for.
    details: OrderDetails,
    /// How many bytes they are.
    details_bytes: u64,
    /// Its encoded state, once it is returned.
    returned: Option<Vec<u8>>,
    state: Digest,
    count: u32,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    station_id: Uuid,
    status: String,
    accepted_at: i64,
    cell_id: Option<Uuid>,
    owner_person: Option<Uuid>,
    details: Vec<u8>,
    state: Vec<u8>,
    state_digest: Vec<u8>,
    entry_count: i64,
}

impl Head {
    /// A change of the owner and the last step are changes of the order: it is told again,
    /// and with it the details as they may be seen then.
    fn read(caller: &Caller, row: Row) -> Result<Self, Problem> {
        let details = wire::decode(&row.details).map_err(Problem::internal)?;
        let owner = row.owner_person.map(PersonId);
        let owner_while_open = owner.filter(|_| row.status != RETURNED);
        let station = OrgId(row.station_id);
        let (details, _) = telephone::details_for(caller, station, owner_while_open, details);
        let details = OrderDetails {
            salt: Vec::new(),
            ..details
        };
        Ok(Self {
            order: OrderId(row.id),
            accepted: UnixMillis(row.accepted_at),
            cell: row.cell_id.map(CellId),
            owner,
            hand_over: None,
            details,
            details_bytes: row.details.len() as u64,
            returned: (row.status == RETURNED).then_some(row.state),
            state: digest_of(&row.state_digest)?,
            count: u32::try_from(row.entry_count).map_err(Problem::internal)?,
        })
    }

    /// Most bytes that it takes in a page beside its entries.
    pub(super) fn frame(&self) -> u64 {
        self.details_bytes.saturating_add(ORDER_FRAME)
    }

    /// Whether it is an order of the past, which a scan tells in brief.
    pub(super) fn is_past(&self, now: UnixMillis) -> bool {
        self.returned.is_some() && is_past(self.accepted, now)
    }

    /// The order in brief, if nothing is left to do on it.
    pub(super) fn closed(&self, templates: &Templates) -> Result<Option<Closed>, Problem> {
        let Some(state) = &self.returned else {
            return Ok(None);
        };
        let state: OrderState = wire::decode(state).map_err(Problem::internal)?;
        let steps = &templates.edition(&state.template)?.steps;
        let closing = steps.iter().find(|step| step.closes);
        let returned = closing.and_then(|step| state.steps.get(&step.code));
        let missed = state.deadlines.iter();
        let missed = missed.filter(|deadline| deadline.outcome == DeadlineOutcome::Missed);
        Ok(Some(Closed {
            order: self.order,
            customer: state.customer,
            cell: state.cell,
            owner: state.owner,
            accepted_at: state.accepted_at,
            returned_at: returned.map(|step| step.at.at),
            missed: missed.map(|deadline| deadline.code.clone()).collect(),
            details: self.details.clone(),
            count: self.count,
            template: state.template,
        }))
    }

    /// Whether nothing is left to do on it.
    pub(super) const fn is_returned(&self) -> bool {
        self.returned.is_some()
    }

    /// The order with entries of it; `whole` when these are the first of all of them.
    pub(super) fn item(&self, whole: bool, entries: Vec<FeedEntry>) -> OrderItem {
        OrderItem {
            order: self.order,
            whole,
            details: Some(self.details.clone()),
            entries,
            state: self.state,
            count: self.count,
        }
    }
}

/// The orders in scope that fulfil `which`, the newest first, at most `limit`: ids are made
/// with the time.
async fn heads<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    which: Condition,
    limit: u64,
) -> Result<Vec<Head>, Problem> {
    use service_order::Column;
    let rows: Vec<Row> = service_order::Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::StationId,
            Column::Status,
            Column::AcceptedAt,
            Column::CellId,
            Column::OwnerPerson,
            Column::Details,
            Column::State,
            Column::StateDigest,
            Column::EntryCount,
        ])
        .filter(caller.scope.orders())
        .filter(which)
        .order_by_desc(Column::Id)
        .limit(limit)
        .into_model()
        .all(db)
        .await?;
    let open = rows.iter().filter(|row| row.status != RETURNED);
    let mut offered = offered_among(db, open.map(|row| row.id)).await?;
    rows.into_iter()
        .map(|row| {
            let hand_over = offered.remove(&OrderId(row.id));
            let head = Head::read(caller, row)?;
            Ok(Head { hand_over, ..head })
        })
        .collect()
}

/// Those of `orders` that are in scope.
pub(super) async fn in_scope<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    orders: &[OrderId],
) -> Result<BTreeMap<OrderId, Head>, Problem> {
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let which =
        Condition::all().add(service_order::Column::Id.is_in(orders.iter().map(|order| order.0)));
    let found = heads(db, caller, which, orders.len() as u64).await?;
    Ok(found.into_iter().map(|head| (head.order, head)).collect())
}

/// The next orders of a scan, at most `limit`.
pub(super) async fn of_scan<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    scan: &Scan,
    limit: u64,
) -> Result<Vec<Head>, Problem> {
    use service_order::Column;
    let of_cells = Column::CellId.is_in(scan.cells.iter().map(|cell| cell.0));
    let own = Column::OwnerPerson.eq(caller.person.0);
    // What is offered to him he needs as much as what is his.
    let offered = || caller.scope.offered_orders();
    let own_or_offered = Condition::any().add(own.clone()).add(offered());
    let open = Column::Status.ne(RETURNED);
    let kept_from = caller.scope.now.0.saturating_sub(RETURNED_KEPT.0);
    let all = Condition::all();
    let (after, which) = match scan.stage {
        Stage::Own(after) => (after, all.add(own_or_offered).add(open)),
        Stage::Open(after) if scan.owned => {
            let others = Column::OwnerPerson.ne(caller.person.0);
            let others = Condition::any()
                .add(others)
                .add(Column::OwnerPerson.is_null());
            let others = Condition::all().add(others).add(offered().not());
            (after, all.add(of_cells).add(others).add(open))
        }
        Stage::Open(after) => (after, all.add(of_cells).add(open)),
        Stage::Returned(after) => {
            let mut whose = Condition::any().add(of_cells);
            if scan.owned {
                whose = whose.add(own);
            }
            let kept = Column::AcceptedAt.gte(kept_from);
            let returned = Column::Status.eq(RETURNED);
            (after, all.add(whose).add(returned).add(kept))
        }
        Stage::Cells(_) | Stage::Customers(_) => return Ok(Vec::new()),
    };
    let which = match after {
        Some(after) => which.add(Column::Id.lt(after.0)),
        None => which,
    };
    heads(db, caller, which, limit).await
}

/// Orders of `cells` that are not the person's own: what goes when the cells go. Those that
/// are long returned are left out: a scan did not tell them, and who was told of one before
/// drops it with its cell.
pub(super) async fn of_lost_cells<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    cells: &BTreeSet<CellId>,
) -> Result<Vec<OrderId>, Problem> {
    use service_order::Column;
    // Twice as long as one is kept: it was told until then, and may have been asked for late.
    let long_ago = RETURNED_KEPT.0.saturating_mul(2);
    let lately = Column::AcceptedAt.gte(caller.scope.now.0.saturating_sub(long_ago));
    let of_late = Condition::any()
        .add(Column::Status.ne(RETURNED))
        .add(lately);
    let rows: Vec<Uuid> = service_order::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(caller.scope.of_stations("service_order"))
        .filter(Column::CellId.is_in(cells.iter().map(|cell| cell.0)))
        .filter(of_late)
        .filter(
            Condition::any()
                .add(Column::OwnerPerson.is_null())
                .add(Column::OwnerPerson.ne(caller.person.0)),
        )
        .filter(caller.scope.offered_orders().not())
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(OrderId).collect())
}

/// Those of `orders`, which are not in scope, that had an owner before the present one or were
/// offered to the caller: only these can ever have been in the scope of someone else.
pub(super) async fn had_other_owners<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    orders: &[OrderId],
) -> Result<Vec<OrderId>, Problem> {
    use service_order::Column;
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let offered = hand_over::Entity::find()
        .select_only()
        .column(hand_over::Column::OrderId)
        .filter(hand_over::Column::ToPerson.eq(caller.person.0))
        .into_query();
    let rows: Vec<Uuid> = service_order::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(caller.scope.of_stations("service_order"))
        .filter(Column::Id.is_in(orders.iter().map(|order| order.0)))
        .filter(
            Condition::any()
                .add(Column::Term.gt(1))
                .add(Column::Id.in_subquery(offered)),
        )
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(OrderId).collect())
}
