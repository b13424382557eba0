//! Wiping a handheld.

use super::Short;
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        handheld::{find, in_scope},
        wipe,
    },
};
use actix_web::{
    HttpResponse, delete, post,
    web::{Data, Json, Path},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{JournalId, OrgId, PersonId},
    time::UnixMillis,
    wipe::{WipeAnswer, WipeAsk, WipeForm, WipeOrder},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a handheld is to be wiped.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WipeWish {
    /// When the server has everything, or at once.
    pub form: WipeForm,
}

/// What was ordered.
#[derive(Debug, Serialize, ToSchema)]
pub struct WipeView {
    /// The journals of the device.
    pub journals: Vec<JournalId>,
    /// When.
    pub form: WipeForm,
    /// When it was ordered.
    pub ordered_at: UnixMillis,
}

/// Orders that everything on a handheld be removed. It hears of it when it next reaches the
/// server, revoked or not. What it recorded and did not send is lost by `at_once`.
#[utoipa::path(
    operation_id = "wipe_handheld",
    tag = "people",
    params(("id" = Uuid, Path, description = "The handheld")),
    request_body = WipeWish,
    responses(
        (status = 200, description = "What was ordered", body = WipeView),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/handhelds/{id}/wipe")]
pub(super) async fn wipe_handheld(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Short<WipeWish>,
) -> Result<Json<WipeView>, Problem> {
    caller.may(Permission::ManageHandhelds)?;
    let (id, form, now) = (JournalId(id.into_inner()), body.0.form, caller.now);
    let journals = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let found = find(tx, in_scope(&caller.scope, id), 1).await?;
            let found = found.first().ok_or_else(Problem::not_found)?;
            let journals = wipe::order(tx, found, form, caller.person, now).await?;
            let action = match form {
                WipeForm::WhenSafe => "handheld.wipe_when_safe_ordered",
                WipeForm::AtOnce => "handheld.wipe_at_once_ordered",
            };
            for journal in &journals {
                let who = Who::from(caller);
                audit::record(tx, app, who, action, journal, Outcome::Done).await?;
            }
            Ok(journals)
        })
    })
    .await?;
    Ok(Json(WipeView {
        journals,
        form,
        ordered_at: now,
    }))
}

/// Takes an order to wipe back. A handheld that heard of it before goes on with it.
#[utoipa::path(
    operation_id = "take_wipe_back",
    tag = "people",
    params(("id" = Uuid, Path, description = "The handheld")),
    responses(
        (status = 204, description = "Nothing is ordered any more"),
        (status = "default", description = "auth.forbidden; not_found; conflict, when the \
            handheld confirmed that it was wiped", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[delete("/handhelds/{id}/wipe")]
pub(super) async fn take_wipe_back(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManageHandhelds)?;
    let id = JournalId(id.into_inner());
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let found = find(tx, in_scope(&caller.scope, id), 1).await?;
            let found = found.first().ok_or_else(Problem::not_found)?;
            for journal in wipe::take_back(tx, found).await? {
                let (who, done) = (Who::from(caller), Outcome::Done);
                let action = "handheld.wipe_taken_back";
                audit::record(tx, app, who, action, journal, done).await?;
            }
            Ok(())
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A handheld asks whether it is to be wiped, or says that it was. Signed by its journal's
/// key, and so also possible when its session is over.
#[utoipa::path(
    operation_id = "ask_wipe_order",
    tag = "people",
    security(()),
    params(("id" = Uuid, Path, description = "The handheld")),
    request_body = WipeAsk,
    responses(
        (status = 200, description = "What is ordered, signed", body = WipeAnswer),
        (status = "default", description = "not_found, also when the proof is none",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/handhelds/{id}/wipe-order")]
pub(super) async fn ask_wipe_order(
    app: Data<App>,
    id: Path<Uuid>,
    body: Short<WipeAsk>,
) -> Result<Json<WipeAnswer>, Problem> {
    let (journal, ask) = (JournalId(id.into_inner()), body.0);
    let asker = wipe::asker(app.store.read(), journal, &ask).await?;
    let asker = asker.ok_or_else(Problem::not_found)?;
    if ask.done {
        let this = App::clone(&app);
        app.store
            .write(move |tx| {
                Box::pin(async move {
                    if wipe::confirm(tx, &asker, this.now()).await? {
                        let who = Who {
                            person: Some(PersonId(asker.person_id)),
                            station: Some(OrgId(asker.station_id)),
                        };
                        let done = Outcome::Done;
                        audit::record(tx, &this, who, "handheld.wiped", asker.id, done).await?;
                    }
                    Ok::<_, Problem>(())
                })
            })
            .await?;
        return Ok(Json(WipeAnswer { order: None }));
    }
    let Some(order) = wipe::ordered(app.store.read(), &asker).await? else {
        return Ok(Json(WipeAnswer { order: None }));
    };
    let form = WipeForm::parse(&order.form)
        .ok_or_else(|| Problem::new(Code::Internal, "The order's form is none."))?;
    let at = UnixMillis(order.ordered_at);
    let order = Some(WipeOrder::sign(journal, form, at, &app.keys.trace));
    Ok(Json(WipeAnswer { order }))
}
