//! The operations on orders. Foreign and missing orders look the same, because both are
//! simply not among the rows of the caller's scope.

mod acting;
mod reading;

use super::{
    intake::NewOrder,
    list::{OrderSummary, summaries},
    rows::{routing_decision, service_order},
    store::{TakenIn, take_in},
};
use crate::{
    app::App,
    dispatch::route::Explanation,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
};
use actix_web::{HttpResponse, post, web::Data};
use gridcrew_sync_protocol::{ids::OrderId, record::Term, time::UnixMillis};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the operations.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(take_in_order)
        .service(reading::list_orders)
        .service(reading::read_order)
        .service(reading::read_trace)
        .service(reading::read_routing)
        .service(acting::take)
        .service(acting::decline)
        .service(acting::hand_over);
}

/// An order that was taken in, and why it went where it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderTakenIn {
    /// The order as it stands.
    #[serde(flatten)]
    pub order: OrderSummary,
    /// How it was routed in its present term.
    pub routing: Option<RoutingView>,
}

/// How an order was routed in a term.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoutingView {
    /// The term.
    pub term: Term,
    /// When.
    pub at: UnixMillis,
    /// Why, with everyone who was considered.
    pub explanation: Explanation,
}

impl RoutingView {
    fn of(row: routing_decision::Model) -> Result<Self, Problem> {
        Ok(Self {
            term: Term(u32::try_from(row.term).unwrap_or(u32::MAX)),
            at: UnixMillis(row.at),
            explanation: serde_json::from_str(&row.explanation).map_err(Problem::internal)?,
        })
    }
}

/// Takes an order in, routes it and gives it to its owner. The same source and outside number
/// with the same content is the same order; with other content it is a conflict.
#[utoipa::path(
    operation_id = "take_in_order",
    tag = "orders",
    request_body = NewOrder,
    responses(
        (status = 201, description = "The order is new", body = OrderTakenIn),
        (status = 200, description = "The same was taken in before", body = OrderTakenIn),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/orders")]
async fn take_in_order(
    app: Data<App>,
    caller: Caller,
    body: Json<NewOrder>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::IntakeOrders)?;
    let intake = body.0.check()?;
    let (state, who) = (App::clone(&app), caller.clone());
    let taken = app
        .store
        .write(move |tx| Box::pin(async move { take_in(tx, &state, &who, &intake).await }))
        .await?;
    let reply = taken_in(&app, &caller, taken.order()).await?;
    Ok(match taken {
        TakenIn::New(order) => HttpResponse::Created()
            .insert_header(("Location", format!("/api/v1/orders/{order}")))
            .json(reply),
        TakenIn::Before(_) => HttpResponse::Ok().json(reply),
    })
}

async fn taken_in(app: &App, caller: &Caller, order: OrderId) -> Result<OrderTakenIn, Problem> {
    let db = app.store.read();
    let row = visible(db, caller, order).await?;
    let newest = routing_decision::Entity::find()
        .filter(routing_decision::Column::OrderId.eq(order.0))
        .order_by_desc(routing_decision::Column::Term)
        .one(db)
        .await?;
    let order = summaries(db, caller, vec![row]).await?;
    Ok(OrderTakenIn {
        order: order.into_iter().next().ok_or_else(Problem::not_found)?,
        routing: newest.map(RoutingView::of).transpose()?,
    })
}

/// The row of an order in scope.
async fn visible<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    order: OrderId,
) -> Result<service_order::Model, Problem> {
    service_order::Entity::find_by_id(order.0)
        .filter(caller.scope.orders())
        .one(db)
        .await?
        .ok_or_else(Problem::not_found)
}
