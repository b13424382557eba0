//! Who is calling: from the token of a request to a [`Caller`].
//!
//! The token is verified, then person, session and handheld are read anew in one query and
//! the organisation tree around the person in another. So a change of role, place or
//! standing counts from the next request on (RELIABILITY T4).

use super::{Caller, reach, rows, session::refuse_ended, tokens::Access};
use crate::{app::App, edge::Problem};
use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web::Data};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{JournalId, OrgId},
    time::{Millis, UnixMillis},
};
use rows::{handheld, person, session};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult,
    JoinType, QueryFilter, QuerySelect, RelationTrait, sea_query::Expr,
};
use uuid::Uuid;

/// `last_contact_at` is written at most this often.
const CONTACT: Millis = Millis(60_000);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<Data<App>>().cloned();
        let token = bearer(request).map(str::to_owned);
        Box::pin(async move {
            let app = app.ok_or_else(|| Problem::internal("the application has no state"))?;
            let token = token.ok_or_else(|| {
                Problem::new(Code::AuthRequired, "Sign in and send the access token.")
            })?;
            identify(&app, &token).await
        })
    }
}

/// The one bearer token of a request (RFC 6750, section 2.1).
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let value = headers.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let one = headers.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
    one.then_some(token.trim())
}

/// Who holds this access token now.
///
/// # Errors
/// `auth.required`, `auth.expired`, `auth.revoked`, `auth.replayed`.
pub async fn identify(app: &App, token: &str) -> Result<Caller, Problem> {
    let now = app.now();
    let access = app.gate.tokens.verify(token, now)?;
    let standing = Standing::read(app.store.read(), &access).await?;
    standing.refuse()?;
    if standing.permission_version != access.permission_version {
        let detail = "Your rights have changed. Renew the access token.";
        return Err(Problem::new(Code::AuthExpired, detail));
    }
    let org = OrgId(standing.org_id);
    let role = standing.role.parse().map_err(Problem::internal)?;
    let tree = reach::around(app.store.read(), org).await?;
    let contact = standing.last_contact_at.map(UnixMillis);
    if let Some(journal) = access.handheld
        && contact.is_none_or(|last| now.since(last) >= CONTACT)
    {
        note_contact(app, journal, now).await;
    }
    Ok(Caller {
        person: access.person,
        role,
        org,
        station: tree.station_of(org),
        session: access.session,
        handheld: access.handheld,
        now,
        scope: reach::scope(&tree, access.person, role, org, now),
    })
}

/// Refuses a caller who has lost his standing since the request began: for writes that
/// check and act in one transaction (RELIABILITY T33).
///
/// # Errors
/// As [`identify`].
pub async fn still_stands<C: ConnectionTrait>(conn: &C, caller: &Caller) -> Result<(), Problem> {
    let access = Access {
        person: caller.person,
        session: caller.session,
        permission_version: 0,
        handheld: caller.handheld,
    };
    Standing::read(conn, &access).await?.refuse()
}

/// Runs `work` in a transaction for a caller who still stands when it begins.
///
/// # Errors
/// As [`still_stands`], and what `work` returned.
pub async fn act<T, F>(app: &App, caller: &Caller, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: for<'t> FnOnce(
            &'t DatabaseTransaction,
            &'t App,
            &'t Caller,
        ) -> BoxFuture<'t, Result<T, Problem>>
        + Send
        + 'static,
{
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            Box::pin(async move {
                still_stands(tx, &caller).await?;
                work(tx, &this, &caller).await
            })
        })
        .await
}

/// What the rows say of a token's person, session and handheld.
#[derive(Debug, FromQueryResult)]
struct Standing {
    org_id: Uuid,
    role: String,
    disabled_at: Option<i64>,
    permission_version: i64,
    ended_at: Option<i64>,
    end_reason: Option<String>,
    revoked_at: Option<i64>,
    last_contact_at: Option<i64>,
}

impl Standing {
    async fn read<C: ConnectionTrait>(conn: &C, access: &Access) -> Result<Self, Problem> {
        let bound = match access.handheld {
            Some(JournalId(journal)) => session::Column::JournalId.eq(journal),
            None => session::Column::JournalId.is_null(),
        };
        session::Entity::find_by_id(access.session)
            .select_only()
            .columns([session::Column::EndedAt, session::Column::EndReason])
            .columns([
                person::Column::OrgId,
                person::Column::Role,
                person::Column::DisabledAt,
                person::Column::PermissionVersion,
            ])
            .columns([handheld::Column::RevokedAt, handheld::Column::LastContactAt])
            .join(JoinType::InnerJoin, session::Relation::Person.def())
            .join(JoinType::LeftJoin, session::Relation::Handheld.def())
            .filter(session::Column::PersonId.eq(access.person.0))
            .filter(bound)
            .into_model()
            .one(conn)
            .await?
            .ok_or_else(|| Problem::new(Code::AuthRequired, "There is no such session."))
    }

    fn refuse(&self) -> Result<(), Problem> {
        refuse_ended(
            self.disabled_at.is_some(),
            self.revoked_at.is_some(),
            self.ended_at
                .map(|_| self.end_reason.as_deref().unwrap_or_default()),
        )
    }
}

/// Notes that the handheld was heard. Not noting it must not stop its work: the next
/// request notes it.
async fn note_contact(app: &App, journal: JournalId, now: UnixMillis) {
    let noted = app.store.write(move |tx| {
        Box::pin(async move {
            let before = now.0.saturating_sub(CONTACT.0);
            handheld::Entity::update_many()
                .col_expr(handheld::Column::LastContactAt, Expr::value(now.0))
                .filter(handheld::Column::Id.eq(journal.0))
                .filter(
                    Condition::any()
                        .add(handheld::Column::LastContactAt.is_null())
                        .add(handheld::Column::LastContactAt.lte(before)),
                )
                .exec(tx)
                .await?;
            Ok(())
        })
    });
    if let Err(problem) = noted.await {
        tracing::warn!(%problem, %journal, "contact not noted");
    }
}

#[cfg(test)]
mod tests;
