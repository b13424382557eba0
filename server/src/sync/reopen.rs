//! A new journal after a fork (I4): the handheld names the old one and proves with the old
//! key that it may go on from it. Both branches are kept; nothing of either is lost.

use super::aside::Aside;
use crate::{
    app::App,
    edge::Problem,
    people::{
        Caller,
        audit::{self, Outcome, Who},
        rows::{handheld, session},
    },
    trace::rows::set_aside_batch,
};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::JournalId,
    push::{ReopenReply, ReopenRequest},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QuerySelect, sea_query::Expr,
};

/// Opens a journal that goes on from a forked one, or gives the one that was opened for the
/// same key before.
///
/// # Errors
/// `auth.revoked`, `journal.not_yours`, `journal.bad_signature`, `journal.malformed` when the new key is
/// none, `conflict` when the journal did not fork.
pub async fn reopen(
    app: &App,
    caller: &Caller,
    request: ReopenRequest,
) -> Result<ReopenReply, Problem> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| Box::pin(async move { reopen_in(tx, &this, &caller, &request).await }))
        .await
}

async fn reopen_in(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    request: &ReopenRequest,
) -> Result<ReopenReply, Problem> {
    let old = handheld::Entity::find_by_id(request.old.0)
        .filter(handheld::Column::PersonId.eq(caller.person.0))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or_else(not_yours)?;
    // Revoked since the request began, with all journals that there were then.
    if old.revoked_at.is_some() {
        let detail = "This handheld was revoked.";
        return Err(Problem::new(Code::AuthRevoked, detail));
    }
    check_signature(&old, request)?;
    if let Some(journal) = opened_before(tx, request).await? {
        bind(tx, caller, journal).await?;
        return Ok(ReopenReply { journal });
    }
    if caller.handheld != Some(request.old) {
        return Err(not_yours());
    }
    if !has_forked(tx, request.old).await? {
        let detail = "The journal did not fork: go on in it.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let id = app.new_id();
    let row = handheld::ActiveModel {
        id: Set(id),
        person_id: Set(old.person_id),
        station_id: Set(old.station_id),
        device_name: Set(old.device_name),
        public_key: Set(request.public_key.to_vec()),
        continues: Set(Some(old.id)),
        enrolled_at: Set(caller.now.0),
        revoked_at: Set(None),
        last_contact_at: Set(Some(caller.now.0)),
        head_seq: Set(0),
        head_link: Set(Digest::ZERO.0.to_vec()),
    };
    handheld::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    let journal = JournalId(id);
    bind(tx, caller, journal).await?;
    let who = Who::from(caller);
    audit::record(tx, app, who, "handheld.continued", journal, Outcome::Done).await?;
    Ok(ReopenReply { journal })
}

fn not_yours() -> Problem {
    let detail = "The journal is not that of the handheld that asks.";
    Problem::new(Code::JournalNotYours, detail)
}

fn check_signature(old: &handheld::Model, request: &ReopenRequest) -> Result<(), Problem> {
    VerifyingKey::from_bytes(&request.public_key)
        .map_err(|_| Problem::new(Code::JournalMalformed, "The new public key is none."))?;
    let key = <[u8; 32]>::try_from(old.public_key.as_slice()).map_err(Problem::internal)?;
    let key = VerifyingKey::from_bytes(&key).map_err(Problem::internal)?;
    let text = ReopenRequest::signed_text(request.old, &request.public_key);
    key.verify_strict(&text, &Signature::from_bytes(&request.signature))
        .map_err(|_| {
            let detail = "The signature is not the old journal's key's over the new key.";
            Problem::new(Code::JournalBadSignature, detail)
        })
}

async fn opened_before<C: ConnectionTrait>(
    db: &C,
    request: &ReopenRequest,
) -> Result<Option<JournalId>, Problem> {
    let row = handheld::Entity::find()
        .filter(handheld::Column::Continues.eq(request.old.0))
        .filter(handheld::Column::PublicKey.eq(request.public_key.to_vec()))
        .filter(handheld::Column::RevokedAt.is_null())
        .one(db)
        .await?;
    Ok(row.map(|row| JournalId(row.id)))
}

async fn has_forked<C: ConnectionTrait>(db: &C, journal: JournalId) -> Result<bool, Problem> {
    let branches = set_aside_batch::Entity::find()
        .filter(set_aside_batch::Column::JournalId.eq(journal.0))
        .filter(set_aside_batch::Column::Reason.eq(Aside::Fork.as_str()))
        .count(db)
        .await?;
    Ok(branches > 0)
}

/// From now on the session counts for the new journal. Tokens that name the old one end;
/// the next ones name the new.
async fn bind<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    journal: JournalId,
) -> Result<(), Problem> {
    session::Entity::update_many()
        .col_expr(session::Column::JournalId, Expr::value(journal.0))
        .filter(session::Column::Id.eq(caller.session))
        .exec(db)
        .await?;
    Ok(())
}
