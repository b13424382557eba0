//! Exchanging a refresh token for new tokens: the rows around the rules of
//! [`super::refresh`].

use super::{
    audit::{self, Outcome, Who},
    refresh::{self, RefreshToken, Verdict},
    rows::{handheld, person, refresh_token, session as session_row},
    session::{self, EndReason, Which},
};
use crate::{app::App, edge::Problem};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{RefreshRequest, Tokens},
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

/// Exchanges a refresh token; in a session of a handheld, with the `proof` of
/// [`RefreshRequest`].
///
/// # Errors
/// `auth.required` when it is unknown or too old, and as [`session::refuse_ended`].
pub async fn exchange<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    token: &RefreshToken,
    proof: Option<&str>,
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
    let handheld = match family.journal_id {
        Some(journal) => handheld::Entity::find_by_id(journal).one(conn).await?,
        None => None,
    };
    let ended = family
        .ended_at
        .map(|_| family.end_reason.as_deref().unwrap_or_default());
    let revoked = handheld
        .as_ref()
        .is_some_and(|row| row.revoked_at.is_some());
    session::refuse_ended(person.disabled_at.is_some(), revoked, ended)?;
    if row.expires_at <= now.0 {
        return Err(unknown());
    }
    if let Some(handheld) = &handheld
        && !is_by_key_of(conn, handheld, token, proof).await?
    {
        let (who, code) = (Who::of(conn, &person).await?, Code::AuthRequired);
        let outcome = Outcome::Refused(code);
        audit::record(conn, app, who, "session.bad_proof", family.id, outcome).await?;
        let detail = "The refresh token of a handheld needs the proof by its key.";
        return Ok(Exchange::Refused(Problem::new(code, detail)));
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
    let exchanged = row.used_at.map(|at| now.since(UnixMillis(at)));
    match refresh::verdict(exchanged, successor_used, handheld.is_some()) {
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
    let handheld = handheld.map(|row| JournalId(row.id));
    session::tokens(app, &person, family.id, handheld, &next, now).map(Exchange::Renewed)
}

/// Whether the proof is by the handheld's key, or by that of the journal from which it goes
/// on: after a fork the session counts for the new journal before the handheld knows.
async fn is_by_key_of<C: ConnectionTrait>(
    conn: &C,
    handheld: &handheld::Model,
    token: &RefreshToken,
    proof: Option<&str>,
) -> Result<bool, Problem> {
    let mut signature = [0; 64];
    if proof.is_none_or(|proof| hex::decode_to_slice(proof, &mut signature).is_err()) {
        return Ok(false);
    }
    let text = RefreshRequest::proof_text(&token.to_text());
    let by = |key: &[u8]| {
        let key = <[u8; 32]>::try_from(key).ok();
        key.and_then(|key| VerifyingKey::from_bytes(&key).ok())
            .is_some_and(|key| {
                let signature = Signature::from_bytes(&signature);
                key.verify_strict(&text, &signature).is_ok()
            })
    };
    if by(&handheld.public_key) {
        return Ok(true);
    }
    let Some(before) = handheld.continues else {
        return Ok(false);
    };
    let before = handheld::Entity::find_by_id(before).one(conn).await?;
    Ok(before.is_some_and(|row| by(&row.public_key)))
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
