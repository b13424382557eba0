//! Enrolment of a handheld: a station gives out a one-time code, the handheld brings it
//! with its new public key and becomes a journal of the code's person.
//!
//! The reply may get lost in a dead zone, so the same code with the same key gives the same
//! journal again, with fresh tokens. A new code with a known key does so too: that is how a
//! handheld whose session was ended comes back to the journal that holds its records.

use super::{
    Role,
    audit::{self, Outcome, Who},
    reach,
    rows::{enrolment_code, handheld, person},
    session::{self, EndReason, Which},
    spoken,
};
use crate::{app::App, edge::Problem};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{JournalId, OrgId, PersonId},
    time::{Millis, UnixMillis},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    QuerySelect, sea_query::Expr,
};

/// How long a code counts.
pub const LIFETIME: Millis = Millis(24 * 60 * 60 * 1000);
/// Three groups of four characters: 60 bits.
const GROUPS: usize = 3;

/// A code as it was given out: it is shown once and kept only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// The code, such as `7KQM-03XD-9T2B`.
    pub code: String,
    /// Until when it counts.
    pub expires_at: UnixMillis,
}

impl std::fmt::Debug for IssuedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCode")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Gives out a code for a manager. Codes that he was given before and did not use end.
///
/// # Errors
/// `not_found`; `request.invalid` when he is no manager: nobody else works with a handheld.
pub async fn issue_enrolment_code<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    person: PersonId,
    created_by: PersonId,
) -> Result<IssuedCode, Problem> {
    let now = app.now();
    let row = person::Entity::find_by_id(person.0).one(conn).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    if row.role != Role::Manager.as_str() || row.disabled_at.is_some() {
        let detail = "Only managers who may sign in get an enrolment code.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let earlier = Condition::all()
        .add(enrolment_code::Column::PersonId.eq(person.0))
        .add(enrolment_code::Column::UsedAt.is_null());
    let over = enrolment_code::Column::ExpiresAt.lte(now.0);
    enrolment_code::Entity::delete_many()
        .filter(Condition::any().add(earlier).add(over))
        .exec(conn)
        .await?;
    let code = spoken::draw(GROUPS, app.randomness.as_ref());
    let expires_at = now.plus(LIFETIME);
    let row = enrolment_code::ActiveModel {
        code_hash: Set(hash_of(&code)),
        person_id: Set(person.0),
        created_by: Set(created_by.0),
        created_at: Set(now.0),
        expires_at: Set(expires_at.0),
        used_at: Set(None),
    };
    enrolment_code::Entity::insert(row)
        .exec_without_returning(conn)
        .await?;
    Ok(IssuedCode { code, expires_at })
}

fn hash_of(code: &str) -> Vec<u8> {
    Digest::of(spoken::heard(code).as_bytes()).0.to_vec()
}

/// The public key of a request, if its holder made the proof.
///
/// # Errors
/// `enrol.bad_proof`
pub fn check_proof(request: &EnrolRequest) -> Result<VerifyingKey, Problem> {
    let (mut key, mut proof) = ([0; 32], [0; 64]);
    let read = hex::decode_to_slice(&request.public_key, &mut key)
        .and_then(|()| hex::decode_to_slice(&request.proof, &mut proof));
    let checked = read.ok().and_then(|()| {
        let key = VerifyingKey::from_bytes(&key).ok()?;
        let text = EnrolRequest::proof_text(&request.code);
        key.verify_strict(&text, &Signature::from_bytes(&proof))
            .ok()?;
        Some(key)
    });
    checked.ok_or_else(|| {
        let detail = "The proof must be the signature over the code by the public key.";
        Problem::new(Code::EnrolBadProof, detail)
    })
}

/// Enrols a handheld whose proof was checked.
///
/// # Errors
/// `enrol.bad_code`; `auth.revoked` when this very handheld was revoked.
pub async fn enrol<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    code: &str,
    key: &VerifyingKey,
    device_name: String,
) -> Result<EnrolReply, Problem> {
    let now = app.now();
    let bad_code = || Problem::new(Code::EnrolBadCode, "This code is wrong, used or too old.");
    let code = enrolment_code::Entity::find_by_id(hash_of(code))
        .lock_exclusive()
        .one(conn)
        .await?
        .filter(|code| code.expires_at > now.0)
        .ok_or_else(bad_code)?;
    let person = person::Entity::find_by_id(code.person_id)
        .one(conn)
        .await?
        .filter(|person| person.disabled_at.is_none() && person.role == Role::Manager.as_str())
        .ok_or_else(bad_code)?;
    let journal = match known(conn, &person, key).await? {
        Some(handheld) => {
            let id = PersonId(person.id);
            let this = Which::OfHandheld(handheld);
            session::end_of(conn, id, this, EndReason::SignedOut, now).await?;
            handheld
        }
        None if code.used_at.is_some() => return Err(bad_code()),
        None => add(conn, app, &person, key, device_name).await?,
    };
    enrolment_code::Entity::update_many()
        .col_expr(enrolment_code::Column::UsedAt, Expr::value(now.0))
        .filter(enrolment_code::Column::CodeHash.eq(code.code_hash))
        .exec(conn)
        .await?;
    let who = Who::of(conn, &person).await?;
    audit::record(conn, app, who, "handheld.enrolled", journal, Outcome::Done).await?;
    let tokens = session::begin(conn, app, &person, Some(journal)).await?;
    Ok(EnrolReply {
        journal,
        person: PersonId(person.id),
        person_name: person.name,
        epoch: app.epoch(),
        server_time: now,
        server_key: hex::encode(app.keys.trace.verifying_key().as_bytes()),
        tokens,
    })
}

/// The person's handheld with this key, if he has it already.
async fn known<C: ConnectionTrait>(
    conn: &C,
    person: &person::Model,
    key: &VerifyingKey,
) -> Result<Option<JournalId>, Problem> {
    let row = handheld::Entity::find()
        .filter(handheld::Column::PersonId.eq(person.id))
        .filter(handheld::Column::PublicKey.eq(key.as_bytes().to_vec()))
        .one(conn)
        .await?;
    match row {
        Some(row) if row.revoked_at.is_some() => Err(Problem::new(
            Code::AuthRevoked,
            "This handheld was revoked.",
        )),
        row => Ok(row.map(|row| JournalId(row.id))),
    }
}

async fn add<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    person: &person::Model,
    key: &VerifyingKey,
    device_name: String,
) -> Result<JournalId, Problem> {
    let org = OrgId(person.org_id);
    let station = reach::around(conn, org).await?.station_of(org);
    let station = station.ok_or_else(|| Problem::internal("a manager without a station"))?;
    let (id, now) = (app.new_id(), app.now());
    let row = handheld::ActiveModel {
        id: Set(id),
        person_id: Set(person.id),
        station_id: Set(station.0),
        device_name: Set(device_name),
        public_key: Set(key.as_bytes().to_vec()),
        continues: Set(None),
        enrolled_at: Set(now.0),
        revoked_at: Set(None),
        last_contact_at: Set(Some(now.0)),
        head_seq: Set(0),
        head_link: Set(Digest::ZERO.0.to_vec()),
    };
    handheld::Entity::insert(row)
        .exec_without_returning(conn)
        .await?;
    Ok(JournalId(id))
}

#[cfg(test)]
mod tests;
