//! Exchanging a refresh token for new tokens: the rows around the rules of
//! [`super::refresh`].

use super::{
    audit::{self, Outcome, Who},
    refresh::{self, RefreshToken, Verdict},
    rows::{handheld, person, refresh_token, session as session_row},
    session::{self, EndReason, Which},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::Tokens,
    ids::{JournalId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

/// What became of a refresh token. A refusal, too, is to be committed: it may have ended
/// the session.
#[derive(Debug)]
pub enum Exchange {
    /// New tokens; the same ones when the exchange was repeated.
    Renewed(Tokens),
    /// None.
    Refused(Problem),
}

/// Exchanges a refresh token.
///
/// # Errors
/// `auth.required` when it is unknown or too old, and as [`session::refuse_ended`].
pub async fn exchange<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    token: &RefreshToken,
) -> Result<Exchange, Problem> {
    let now = app.now();
    let unknown = || Problem::new(Code::AuthRequired, "This refresh token is not valid here.");
    let find = |hash: Vec<u8>| refresh_token::Entity::find_by_id(hash).one(conn);
    let found = find(token.hash()).await?.ok_or_else(unknown)?;
    // One exchange at a time within a session: two that come together see each other.
    let family = session_row::Entity::find_by_id(found.session_id)
        .lock_exclusive()
        .one(conn)
        .await?
        .ok_or_else(unknown)?;
    let row = find(token.hash()).await?.ok_or_else(unknown)?;
    let person = person::Entity::find_by_id(family.person_id)
        .one(conn)
        .await?
        .ok_or_else(unknown)?;
    let handheld = family.journal_id.map(JournalId);
    let ended = family
        .ended_at
        .map(|_| family.end_reason.as_deref().unwrap_or_default());
    let revoked = is_revoked(conn, handheld).await?;
    session::refuse_ended(person.disabled_at.is_some(), revoked, ended)?;
    if row.expires_at <= now.0 {
        return Err(unknown());
    }
    let next = token.successor(&app.keys.refresh, family.id);
    if row
        .successor_hash
        .is_some_and(|successor| successor != next.hash())
    {
        // Exchanged under another key: the same successor cannot be given again.
        return Err(unknown());
    }
    let successor = find(next.hash()).await?;
    let successor_used = successor.is_some_and(|successor| successor.used_at.is_some());
    match refresh::verdict(row.used_at.is_some(), successor_used) {
        Verdict::Exchange => {
            mark_exchanged(conn, token, &next, now).await?;
            session::store(conn, &next, family.id, now).await?;
            carry_on(conn, family.id, now).await?;
        }
        Verdict::Repeat => {}
        Verdict::Replayed => {
            let (owner, this) = (PersonId(person.id), Which::One(family.id));
            session::end_of(conn, owner, this, EndReason::Replayed, now).await?;
            let (who, outcome) = (
                Who::of(conn, &person).await?,
                Outcome::Refused(Code::AuthReplayed),
            );
            audit::record(conn, app, who, "session.replayed", family.id, outcome).await?;
            return Ok(Exchange::Refused(session::replayed()));
        }
    }
    session::tokens(app, &person, family.id, handheld, &next, now).map(Exchange::Renewed)
}

async fn is_revoked<C: ConnectionTrait>(
    conn: &C,
    handheld: Option<JournalId>,
) -> Result<bool, Problem> {
    let Some(JournalId(journal)) = handheld else {
        return Ok(false);
    };
    let row = handheld::Entity::find_by_id(journal).one(conn).await?;
    Ok(row.is_none_or(|row| row.revoked_at.is_some()))
}

async fn mark_exchanged<C: ConnectionTrait>(
    conn: &C,
    token: &RefreshToken,
    next: &RefreshToken,
    now: UnixMillis,
) -> Result<(), Problem> {
    use refresh_token::Column;
    refresh_token::Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now.0))
        .col_expr(Column::SuccessorHash, Expr::value(next.hash()))
        .filter(Column::TokenHash.eq(token.hash()))
        .exec(conn)
        .await?;
    Ok(())
}

/// Notes that the session is alive, and drops its tokens whose time is over.
async fn carry_on<C: ConnectionTrait>(
    conn: &C,
    session: Uuid,
    now: UnixMillis,
) -> Result<(), Problem> {
    session_row::Entity::update_many()
        .col_expr(session_row::Column::LastUsedAt, Expr::value(now.0))
        .filter(session_row::Column::Id.eq(session))
        .exec(conn)
        .await?;
    refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::SessionId.eq(session))
        .filter(refresh_token::Column::ExpiresAt.lte(now.0))
        .exec(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
