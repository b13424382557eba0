//! Take, decline, hand over: for people at a desk, or a manager without his handheld.

use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    orders::act::{Act, act},
    people::{Caller, Permission},
};
use actix_web::{
    post,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::{
    ids::{OrderId, PersonId},
    record::{Declined, HandedOver, Owner, Rung, Taken, Term},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Taking an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeOrder {
    /// Minutes until he is there, as told to the customer; at most a day.
    #[serde(default)]
    #[schema(maximum = 1440)]
    pub eta_minutes: Option<u32>,
}

/// Declining an order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclineOrder {
    /// One of the workflow's reason codes.
    pub reason: String,
    /// In words, at most 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Handing an order over.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOrderOver {
    /// The person who shall own it.
    pub to: PersonId,
    /// Why, at most 500 characters.
    #[serde(default)]
    pub note: String,
}

/// Whose an order is after an act. The one who acted may not see it any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Acted {
    /// The order.
    pub order: OrderId,
    /// Its owner now.
    pub owner: Option<Owner>,
    /// Its term now.
    pub term: Term,
    /// How the owner was found.
    pub rung: Option<Rung>,
    /// Whether the owner has taken it.
    pub taken: bool,
}

/// Takes an order; taking it again changes nothing.
#[utoipa::path(
    operation_id = "take_order",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    request_body = TakeOrder,
    responses(
        (status = 200, description = "Taken", body = Acted),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/orders/{id}/take")]
pub(super) async fn take(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    body: Json<TakeOrder>,
) -> Result<web::Json<Acted>, Problem> {
    let eta_minutes = body.0.eta_minutes;
    done(&app, caller, *id, Act::Take(Taken { eta_minutes })).await
}

/// Declines an order: the next on the ladder becomes its owner.
#[utoipa::path(
    operation_id = "decline_order",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    request_body = DeclineOrder,
    responses(
        (status = 200, description = "Declined", body = Acted),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/orders/{id}/decline")]
pub(super) async fn decline(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    body: Json<DeclineOrder>,
) -> Result<web::Json<Acted>, Problem> {
    let DeclineOrder { reason, note } = body.0;
    done(&app, caller, *id, Act::Decline(Declined { reason, note })).await
}

/// Hands an order over to a person of the station.
#[utoipa::path(
    operation_id = "hand_order_over",
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    request_body = HandOrderOver,
    responses(
        (status = 200, description = "Handed over", body = Acted),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/orders/{id}/hand-over")]
pub(super) async fn hand_over(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    body: Json<HandOrderOver>,
) -> Result<web::Json<Acted>, Problem> {
    let HandOrderOver { to, note } = body.0;
    done(&app, caller, *id, Act::HandOver(HandedOver { to, note })).await
}

async fn done(
    app: &App,
    caller: Caller,
    order: OrderId,
    what: Act,
) -> Result<web::Json<Acted>, Problem> {
    caller.may(Permission::ActOnOrders)?;
    let this = app.clone();
    let state = app
        .store
        .write(move |tx| Box::pin(async move { act(tx, &this, &caller, order, what).await }))
        .await?;
    Ok(web::Json(Acted {
        order,
        owner: state.owner,
        term: state.term,
        rung: state.assignments.last().map(|assignment| assignment.rung),
        taken: state.taken_at.is_some(),
    }))
}
