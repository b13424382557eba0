//! Signing in and out, and renewing tokens.

use super::Short;
use crate::{
    app::App,
    edge::{Problem, ProblemDocument, origin::address},
    people::{
        Caller,
        audit::{self, Outcome, Who},
        caller::act,
        refresh::RefreshToken,
        renewal::{Exchange, exchange},
        session::{self, EndReason, Which},
        sign_in::sign_in,
    },
};
use actix_web::{
    HttpRequest, HttpResponse, post,
    web::{Data, Json},
};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{LoginRequest, RefreshRequest, Tokens},
};

/// Signs in with login and password.
#[utoipa::path(
    operation_id = "login",
    tag = "people",
    security(()),
    request_body = LoginRequest,
    responses(
        (status = 200, description = "Signed in", body = Tokens),
        (status = "default", description = "auth.wrong_password, too_many_requests, \
            enrol.bad_proof, auth.revoked", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/auth/login")]
pub(super) async fn login(
    app: Data<App>,
    request: HttpRequest,
    body: Short<LoginRequest>,
) -> Result<Json<Tokens>, Problem> {
    let from = address(&request, &app.config.trusted_proxy);
    sign_in(&app, from, body.0).await.map(Json)
}

/// Exchanges a refresh token for new tokens.
///
/// When the answer was lost, the same token gives the same new one again, until that is
/// used; without a handheld only for a minute. After that, using the old one ends the
/// session. A handheld proves with its journal's key that it asks itself.
#[utoipa::path(
    operation_id = "refresh",
    tag = "people",
    security(()),
    request_body = RefreshRequest,
    responses(
        (status = 200, description = "New tokens", body = Tokens),
        (status = "default", description = "auth.required, auth.replayed, auth.revoked",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/auth/refresh")]
pub(super) async fn refresh(
    app: Data<App>,
    body: Short<RefreshRequest>,
) -> Result<Json<Tokens>, Problem> {
    let token = RefreshToken::parse(&body.0.refresh_token)
        .ok_or_else(|| Problem::new(Code::AuthRequired, "This refresh token is not valid here."))?;
    let (this, proof) = (App::clone(&app), body.0.proof);
    let exchanged = app
        .store
        .write(move |tx| {
            Box::pin(async move { exchange(tx, &this, &token, proof.as_deref()).await })
        })
        .await?;
    match exchanged {
        Exchange::Renewed(tokens) => Ok(Json(tokens)),
        Exchange::Refused(problem) => Err(problem),
    }
}

/// Ends the session of this token.
#[utoipa::path(
    operation_id = "logout",
    tag = "people",
    responses(
        (status = 204, description = "Signed out"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[post("/auth/logout")]
pub(super) async fn logout(app: Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    act(&app, &caller, |tx, app, caller| {
        Box::pin(async move {
            let which = Which::One(caller.session);
            let (reason, now) = (EndReason::SignedOut, caller.now);
            session::end_of(tx, caller.person, which, reason, now).await?;
            let (who, this) = (Who::from(caller), caller.session);
            audit::record(tx, app, who, "session.ended", this, Outcome::Done).await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
