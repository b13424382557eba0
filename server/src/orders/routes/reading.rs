//! Reading orders, their traces and how they were routed. Whoever reads personal data of a
//! customer is written down.

use super::{RoutingView, visible};
use crate::{
    app::App,
    dispatch::ladder::Candidate,
    edge::{Problem, ProblemDocument},
    orders::{
        list::{ListQuery, OrderPage, list},
        names::{NamedOwner, Wanted},
        rows::routing_decision,
        show::show,
        trace_view::{TraceQuery, TraceView, trace},
        view::OrderView,
    },
    people::{Caller, Permission, audit},
};
use actix_web::{
    get,
    web::{Data, Json, Path, Query},
};
use gridcrew_sync_protocol::{ids::OrderId, order::OrderState, wire};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an order was routed, term by term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoutingHistory {
    /// The order.
    pub order: OrderId,
    /// The decisions, the first first.
    pub decisions: Vec<RoutingView>,
    /// The names of everyone in them.
    pub names: Vec<NamedOwner>,
}

/// Orders in scope: one of the four lists, filtered, page by page, with counts.
#[utoipa::path(
    operation_id = "list_orders",
    tag = "orders",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of the list", body = OrderPage),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/orders")]
pub(super) async fn list_orders(
    app: Data<App>,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<Json<OrderPage>, Problem> {
    caller.may(Permission::ReadOrders)?;
    list(app.store.read(), &caller, &query).await.map(Json)
}

/// One order: its state, deadlines and how they were come by, next steps, contact.
#[utoipa::path(
    operation_id = "read_order",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "The order", body = OrderView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/orders/{id}")]
pub(super) async fn read_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
) -> Result<Json<OrderView>, Problem> {
    caller.may(Permission::ReadOrders)?;
    let db = app.store.read();
    let row = visible(db, &caller, *id).await?;
    let view = show(db, &app, &caller, &row).await?;
    audit::record_reading(&app, &caller, "order.read", *id).await?;
    Ok(Json(view))
}

/// What happened to an order: who, when, where, how sure, with photos and flags.
#[utoipa::path(
    operation_id = "read_order_trace",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order"), TraceQuery),
    responses(
        (status = 200, description = "A page of the trace", body = TraceView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/orders/{id}/trace")]
pub(super) async fn read_trace(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    query: Query<TraceQuery>,
) -> Result<Json<TraceView>, Problem> {
    caller.may(Permission::ReadOrders)?;
    let db = app.store.read();
    let row = visible(db, &caller, *id).await?;
    let state: OrderState = wire::decode(&row.state).map_err(Problem::internal)?;
    let template = app.templates.edition(&state.template)?;
    let view = trace(db, &caller.scope, &state, template, &query).await?;
    audit::record_reading(&app, &caller, "trace.read", *id).await?;
    Ok(Json(view))
}

/// Why an order went where it went, term by term.
#[utoipa::path(
    operation_id = "read_order_routing",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "The decisions", body = RoutingHistory),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/orders/{id}/routing")]
pub(super) async fn read_routing(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
) -> Result<Json<RoutingHistory>, Problem> {
    caller.may(Permission::ReadOrders)?;
    let db = app.store.read();
    visible(db, &caller, *id).await?;
    let rows = routing_decision::Entity::find()
        .filter(routing_decision::Column::OrderId.eq(id.0))
        .order_by_asc(routing_decision::Column::Term)
        .all(db)
        .await?;
    let decisions = rows
        .into_iter()
        .map(RoutingView::of)
        .collect::<Result<Vec<_>, _>>()?;
    let candidates = decisions
        .iter()
        .flat_map(|d| &d.explanation.decision.candidates);
    let names = named(&app, candidates).await?;
    Ok(Json(RoutingHistory {
        order: *id,
        decisions,
        names,
    }))
}

/// Everyone among the candidates once, with his name.
async fn named(
    app: &App,
    candidates: impl Iterator<Item = &Candidate>,
) -> Result<Vec<NamedOwner>, Problem> {
    let mut owners = Vec::new();
    for who in candidates.filter_map(|candidate| candidate.who) {
        if !owners.contains(&who) {
            owners.push(who);
        }
    }
    let mut wanted = Wanted::default();
    owners.iter().for_each(|owner| wanted.owner(*owner));
    let names = wanted.look_up(app.store.read()).await?;
    Ok(owners.into_iter().map(|owner| names.owner(owner)).collect())
}
