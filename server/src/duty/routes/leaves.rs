//! The routes of leave: [`asking`] for it, [`deciding`] on it, and what follows ([`ending`]).
//! All show it the same way ([`view`]).

pub(super) mod asking;
pub(super) mod deciding;
pub(super) mod ending;
mod view;

pub use asking::LeaveWish;
pub use deciding::{Approval, CoverWish, Refusal};
pub use ending::{EndWish, Statement};
pub use view::{CoverView, LeaveList, LeaveView};

use crate::{
    app::App,
    duty::rows::leave,
    edge::Problem,
    people::{
        Caller,
        audit::{self, Outcome, Who},
        caller::act,
    },
};
use actix_web::web;
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

/// Most characters of a reason.
const MOST_REASON: usize = 500;

/// A leave in the caller's scope.
async fn visible<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    id: Uuid,
) -> Result<leave::Model, Problem> {
    leave::Entity::find_by_id(id)
        .filter(caller.scope.leaves())
        .one(db)
        .await?
        .ok_or_else(Problem::not_found)
}

/// Changes a leave that the caller may see, with its line in the log.
async fn changed<F>(
    app: &App,
    caller: &Caller,
    id: Uuid,
    action: &'static str,
    change: F,
) -> Result<web::Json<LeaveView>, Problem>
where
    F: for<'t> FnOnce(
            &'t DatabaseTransaction,
            &'t App,
            &'t Caller,
            leave::Model,
        )
            -> futures_util::future::BoxFuture<'t, Result<leave::Model, Problem>>
        + Send
        + 'static,
{
    let view = act(app, caller, move |tx, app, caller| {
        Box::pin(async move {
            let row = visible(tx, caller, id).await?;
            let row = change(tx, app, caller, row).await?;
            audit::record(tx, app, Who::from(caller), action, id, Outcome::Done).await?;
            view::one(tx, row, app.now()).await
        })
    })
    .await?;
    Ok(web::Json(view))
}
