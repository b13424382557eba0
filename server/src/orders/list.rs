//! The four lists of orders, with counts: mine to do, made by me, concerning me, all.
//!
//! Every list is of the orders in scope. The newest come first; a page is continued by its
//! last order's time and id, so that orders which come meanwhile shift nothing. Lists hold no
//! personal data of customers: that is in the single order, whose reading is written down.

use super::{
    names::{NamedCell, NamedOwner, Wanted},
    rows::{order_person, service_order},
};
use crate::{
    edge::Problem,
    people::{Caller, Role},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, CustomerId, OrderId, OrgId, PersonId},
    order::Status,
    record::{Owner, Term},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query},
};
use serde::{Deserialize, Serialize};
use service_order::Column;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most orders of one page.
pub const MAX_PAGE: u64 = 200;
/// Orders of a page where the request says nothing else.
const PAGE: u64 = 50;

/// Which list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Mine to do: open orders that I own; for staff of a station, also those of its desk.
    Mine,
    /// Orders that I took in.
    Made,
    /// Orders that I was ever given, and those of my cells.
    Concerning,
    /// All that I may see.
    #[default]
    All,
}

/// What to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Which list; all when left out.
    #[param(inline)]
    pub list: List,
    /// Only orders that stand so.
    #[param(inline)]
    pub status: Option<Status>,
    /// Only orders that this person owns.
    #[param(value_type = Option<String>, format = "uuid")]
    pub owner: Option<PersonId>,
    /// Only orders routed by this cell.
    #[param(value_type = Option<String>, format = "uuid")]
    pub cell: Option<CellId>,
    /// Only orders with a deadline that is over and not reached; `false`: only the others.
    pub late: Option<bool>,
    /// Where the page before ended: its `next`.
    pub after: Option<String>,
    /// How many orders at most, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u64>,
}

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    /// The order.
    pub id: OrderId,
    /// Where it came from.
    pub source: String,
    /// Its number there.
    pub outside_no: String,
    /// The workflow's code.
    pub template: String,
    /// The station.
    pub station: OrgId,
    /// The cell by which it was last routed.
    pub cell: Option<NamedCell>,
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// Where it stands.
    pub status: Status,
    /// Who is responsible.
    pub owner: Option<NamedOwner>,
    /// The present term.
    pub term: Term,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// The earliest deadline that still runs.
    pub next_due: Option<UnixMillis>,
    /// Whether that deadline is over.
    pub late: bool,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderPage {
    /// The orders, the newest first.
    pub orders: Vec<OrderSummary>,
    /// Give it as `after` for the next page; none at the end.
    pub next: Option<String>,
    /// How many orders the list has, with all filters but `status` and `late`.
    pub counts: Counts,
}

/// How many orders a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// In all.
    pub all: u64,
    /// With a deadline that is over and not reached.
    pub late: u64,
    /// Taken in, not given to anyone yet.
    pub accepted: u64,
    /// Given to an owner who has not taken it.
    pub routed: u64,
    /// Taken.
    pub taken: u64,
    /// Being worked on.
    pub working: u64,
    /// Returned.
    pub returned: u64,
}

/// One page of the orders that the caller asked for and may see.
///
/// # Errors
/// `request.invalid` for a limit or a continuation that is none, or a problem of the
/// database.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    query: &ListQuery,
) -> Result<OrderPage, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit must be 1 to {MAX_PAGE}.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let among = Condition::all()
        .add(caller.scope.orders())
        .add(which(caller, query.list))
        .add_option(query.owner.map(|owner| Column::OwnerPerson.eq(owner.0)))
        .add_option(query.cell.map(|cell| Column::CellId.eq(cell.0)));
    let counts = counts(db, caller, among.clone()).await?;
    let after = query.after.as_deref().map(position).transpose()?;
    let narrowed = among
        .add_option(
            query
                .status
                .map(|status| Column::Status.eq(status_text(status))),
        )
        .add_option(query.late.map(|late| {
            if late {
                is_late(caller)
            } else {
                is_late(caller).not()
            }
        }))
        .add_option(after.map(older));
    let mut rows = service_order::Entity::find()
        .filter(narrowed)
        .order_by_desc(Column::AcceptedAt)
        .order_by_desc(Column::Id)
        .limit(limit + 1)
        .all(db)
        .await?;
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more).map(continuation);
    Ok(OrderPage {
        orders: summaries(db, caller, rows).await?,
        next,
        counts,
    })
}

fn which(caller: &Caller, list: List) -> Condition {
    let me = caller.person.0;
    match list {
        List::All => Condition::all(),
        List::Made => Condition::all().add(Column::AcceptedBy.eq(me)),
        List::Mine => {
            let desk = caller.station.filter(|_| caller.role == Role::Station);
            Condition::all()
                .add(Column::Status.ne(status_text(Status::Returned)))
                .add(
                    Condition::any()
                        .add(Column::OwnerPerson.eq(me))
                        .add_option(desk.map(|desk| Column::OwnerDesk.eq(desk.0))),
                )
        }
        List::Concerning => {
            let given = Query::select()
                .column(order_person::Column::OrderId)
                .from("order_person")
                .and_where(order_person::Column::PersonId.eq(me))
                .take();
            let cells = Query::select()
                .expr(Expr::col(("cell", "id")))
                .from("cell")
                .cond_where(caller.scope.own_cells())
                .take();
            Condition::any()
                .add(Column::Id.in_subquery(given))
                .add(Column::CellId.in_subquery(cells))
        }
    }
}

fn is_late(caller: &Caller) -> Condition {
    Condition::all()
        .add(Column::NextDue.is_not_null())
        .add(Column::NextDue.lte(caller.now.0))
}

async fn counts<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    among: Condition,
) -> Result<Counts, Problem> {
    let by_status: Vec<(String, i64)> = service_order::Entity::find()
        .select_only()
        .column(Column::Status)
        .column_as(Column::Id.count(), "orders")
        .filter(among.clone())
        .group_by(Column::Status)
        .into_tuple()
        .all(db)
        .await?;
    let late = service_order::Entity::find()
        .filter(among)
        .filter(is_late(caller))
        .count(db)
        .await?;
    let of = |status| {
        let text = status_text(status);
        let found = by_status.iter().find(|(stored, _)| *stored == text);
        found.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0))
    };
    let mut counts = Counts {
        all: 0,
        late,
        accepted: of(Status::Accepted),
        routed: of(Status::Routed),
        taken: of(Status::Taken),
        working: of(Status::Working),
        returned: of(Status::Returned),
    };
    counts.all = counts.accepted + counts.routed + counts.taken + counts.working + counts.returned;
    Ok(counts)
}

/// A status as it is stored.
pub(super) fn status_text(status: Status) -> &'static str {
    match status {
        Status::Accepted => "accepted",
        Status::Routed => "routed",
        Status::Taken => "taken",
        Status::Working => "working",
        Status::Returned => "returned",
    }
}

fn status_of(text: &str) -> Result<Status, Problem> {
    let all = [
        Status::Accepted,
        Status::Routed,
        Status::Taken,
        Status::Working,
        Status::Returned,
    ];
    all.into_iter()
        .find(|status| status_text(*status) == text)
        .ok_or_else(|| Problem::internal(format!("no such status: {text}")))
}

/// What continues a list after an order.
fn continuation(row: &service_order::Model) -> String {
    format!("{}.{}", row.accepted_at, row.id.simple())
}

fn position(after: &str) -> Result<(i64, Uuid), Problem> {
    after
        .split_once('.')
        .and_then(|(at, id)| Some((at.parse().ok()?, Uuid::parse_str(id).ok()?)))
        .ok_or_else(|| {
            let detail = "after must be the next of a page before.";
            Problem::new(Code::RequestInvalid, detail)
        })
}

fn older((at, id): (i64, Uuid)) -> Condition {
    Condition::any().add(Column::AcceptedAt.lt(at)).add(
        Condition::all()
            .add(Column::AcceptedAt.eq(at))
            .add(Column::Id.lt(id)),
    )
}

/// Rows as they are shown in a list.
///
/// # Errors
/// A problem of the database.
pub async fn summaries<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    rows: Vec<service_order::Model>,
) -> Result<Vec<OrderSummary>, Problem> {
    let mut wanted = Wanted::default();
    for row in &rows {
        wanted.people.extend(row.owner_person);
        wanted.units.extend(row.owner_desk);
        wanted.cells.extend(row.cell_id);
    }
    let names = wanted.look_up(db).await?;
    rows.into_iter()
        .map(|row| {
            let person = row.owner_person.map(|id| Owner::Person(PersonId(id)));
            let owner = person.or(row.owner_desk.map(|id| Owner::Desk(OrgId(id))));
            let next_due = row.next_due.map(UnixMillis);
            Ok(OrderSummary {
                id: OrderId(row.id),
                status: status_of(&row.status)?,
                source: row.source,
                outside_no: row.outside_no,
                template: row.template_code,
                station: OrgId(row.station_id),
                cell: row.cell_id.map(|id| names.cell(CellId(id))),
                customer: row.customer_id.map(CustomerId),
                owner: owner.map(|owner| names.owner(owner)),
                term: Term(u32::try_from(row.term).unwrap_or(u32::MAX)),
                accepted_at: UnixMillis(row.accepted_at),
                next_due,
                late: next_due.is_some_and(|due| due <= caller.now),
            })
        })
        .collect()
}
