//! Sessions: begun by a sign-in or an enrolment, carried on by refresh tokens, ended by
//! their owner, by a change of his standing, or by a copied token.

use super::{
    refresh::{self, RefreshToken},
    rows::{person, refresh_token, session},
    tokens::Access,
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::Tokens,
    ids::{JournalId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner ended it.
    SignedOut,
    /// His password was changed.
    PasswordChanged,
    /// A refresh token came twice.
    Replayed,
    /// Its handheld was revoked.
    Revoked,
    /// Its owner was disabled.
    Disabled,
}

impl EndReason {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::PasswordChanged => "password_changed",
            Self::Replayed => "replayed",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
        }
    }
}

/// Refuses a session that may not go on: by its owner's standing, its handheld's, and the
/// reason for which it ended.
///
/// # Errors
/// `auth.revoked`, `auth.replayed`, `auth.required`.
pub fn refuse_ended(disabled: bool, revoked: bool, ended: Option<&str>) -> Result<(), Problem> {
    let refuse = |code, detail| Err(Problem::new(code, detail));
    match ended {
        _ if revoked => refuse(Code::AuthRevoked, "This handheld was revoked."),
        _ if disabled => refuse(Code::AuthRevoked, "You may no longer sign in."),
        Some(reason) if reason == EndReason::Replayed.as_str() => Err(replayed()),
        Some(_) => refuse(Code::AuthRequired, "This session was ended. Sign in anew."),
        None => Ok(()),
    }
}

/// What a session that ended by a copied token answers.
pub(super) fn replayed() -> Problem {
    let detail = "A refresh token of this session came twice; someone may have copied it. \
                  Sign in anew.";
    Problem::new(Code::AuthReplayed, detail)
}

/// Begins a session and returns its first tokens.
///
/// # Errors
/// Problems of the database.
pub async fn begin<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    person: &person::Model,
    handheld: Option<JournalId>,
) -> Result<Tokens, Problem> {
    let (id, now) = (app.new_id(), app.now());
    let row = session::ActiveModel {
        id: Set(id),
        person_id: Set(person.id),
        journal_id: Set(handheld.map(|journal| journal.0)),
        created_at: Set(now.0),
        last_used_at: Set(now.0),
        ended_at: Set(None),
        end_reason: Set(None),
    };
    session::Entity::insert(row)
        .exec_without_returning(conn)
        .await?;
    let first = RefreshToken::draw(app.randomness.as_ref());
    store(conn, &first, id, now).await?;
    tokens(app, person, id, handheld, &first, now)
}

/// Keeps the hash of a refresh token given out now.
pub(super) async fn store<C: ConnectionTrait>(
    conn: &C,
    token: &RefreshToken,
    session: Uuid,
    now: UnixMillis,
) -> Result<(), Problem> {
    let row = refresh_token::ActiveModel {
        token_hash: Set(token.hash()),
        session_id: Set(session),
        issued_at: Set(now.0),
        expires_at: Set(refresh::expires_at(now).0),
        used_at: Set(None),
        successor_hash: Set(None),
    };
    refresh_token::Entity::insert(row)
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// What the holder of a session gets: a fresh access token with his refresh token.
pub(super) fn tokens(
    app: &App,
    person: &person::Model,
    session: Uuid,
    handheld: Option<JournalId>,
    refresh: &RefreshToken,
    now: UnixMillis,
) -> Result<Tokens, Problem> {
    let access = Access {
        person: PersonId(person.id),
        session,
        permission_version: person.permission_version,
        handheld,
    };
    let (access_token, expires_at) = app.gate.tokens.sign(&access, now)?;
    Ok(Tokens {
        access_token,
        expires_at,
        refresh_token: refresh.to_text(),
    })
}

/// Which of a person's sessions to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// All but this one.
    AllBut(Uuid),
    /// Those of this handheld.
    OfHandheld(JournalId),
    /// This one.
    One(Uuid),
}

/// Ends sessions of a person that have not ended yet; returns how many.
///
/// # Errors
/// Problems of the database.
pub async fn end_of<C: ConnectionTrait>(
    conn: &C,
    person: PersonId,
    which: Which,
    reason: EndReason,
    now: UnixMillis,
) -> Result<u64, Problem> {
    let column = session::Column::Id;
    let condition = match which {
        Which::All => None,
        Which::AllBut(id) => Some(column.ne(id)),
        Which::OfHandheld(journal) => Some(session::Column::JournalId.eq(journal.0)),
        Which::One(id) => Some(column.eq(id)),
    };
    let mut update = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now.0))
        .col_expr(session::Column::EndReason, Expr::value(reason.as_str()))
        .filter(session::Column::PersonId.eq(person.0))
        .filter(session::Column::EndedAt.is_null());
    if let Some(condition) = condition {
        update = update.filter(condition);
    }
    Ok(update.exec(conn).await?.rows_affected)
}
