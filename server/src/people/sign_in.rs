//! Signing in with login and password.
//!
//! A login that does not exist, one that is disabled and a wrong password cost the same
//! time and get the same answer (RELIABILITY T18). A handheld whose session was ended signs
//! in with the proof that it holds its journal's key, and goes on in its journal.

use super::{
    audit::{self, Outcome, Who},
    field,
    rows::{handheld, person},
    session,
    throttle::Target,
};
use crate::{app::App, edge::Problem};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{HandheldProof, LoginRequest, Tokens},
    ids::{JournalId, PersonId},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::net::IpAddr;

const SIGN_IN: &str = "session.begun";

/// Signs a person in.
///
/// # Errors
/// `auth.wrong_password`, `too_many_requests`; with a handheld also `enrol.bad_proof` and
/// `auth.revoked`.
pub async fn sign_in(app: &App, from: IpAddr, request: LoginRequest) -> Result<Tokens, Problem> {
    let login = field::folded_login(&request.login);
    let person = if field::is_findable(&login) {
        let found = person::Entity::find().filter(person::Column::Login.eq(&login));
        found.one(app.store.read()).await?
    } else {
        None
    };
    let proven = check_password(app, from, &login, request.password, person, SIGN_IN).await?;
    let (this, proof) = (app.clone(), request.handheld);
    let person = PersonId(proven.id);
    let begun = app
        .store
        .write(move |tx| Box::pin(async move { begin(tx, &this, &proven, proof.as_ref()).await }))
        .await;
    if let Err(problem) = &begun
        && matches!(problem.code, Code::EnrolBadProof | Code::AuthRevoked)
    {
        let who = Who {
            person: Some(person),
            station: None,
        };
        audit::record_refusal(app, who, SIGN_IN, person, problem.code).await?;
    }
    begun
}

/// The person, if the password is his and he may sign in. A refusal is recorded as one of
/// `action`.
///
/// # Errors
/// `auth.wrong_password`, `too_many_requests`.
pub async fn check_password(
    app: &App,
    from: IpAddr,
    login: &str,
    password: String,
    person: Option<person::Model>,
    action: &'static str,
) -> Result<person::Model, Problem> {
    let target = Target::Login(login);
    let gate = &app.gate;
    gate.throttle.begin(target, from, app.now())?;
    let stored = person
        .as_ref()
        .filter(|person| person.disabled_at.is_none())
        .and_then(|person| person.password_hash.clone());
    let fits = match gate.passwords.fits(password, stored).await {
        Ok(fits) => fits,
        Err(problem) => {
            gate.throttle.forgive(target, from, app.now(), false);
            return Err(problem);
        }
    };
    match person {
        Some(person) if fits => {
            gate.throttle.forgive(target, from, app.now(), true);
            Ok(person)
        }
        person => {
            refused(app, person.map(|person| PersonId(person.id)), action).await?;
            Err(wrong_password())
        }
    }
}

fn wrong_password() -> Problem {
    Problem::new(Code::AuthWrongPassword, "Login or password is wrong.")
}

async fn refused(app: &App, person: Option<PersonId>, action: &'static str) -> Result<(), Problem> {
    // The station is not looked up: that would take time only where there is a person.
    let who = Who {
        person,
        station: None,
    };
    let subject = person.map_or_else(|| "unknown".to_owned(), |person| person.to_string());
    audit::record_refusal(app, who, action, subject, Code::AuthWrongPassword).await
}

async fn begin<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    proven: &person::Model,
    proof: Option<&HandheldProof>,
) -> Result<Tokens, Problem> {
    let person = person::Entity::find_by_id(proven.id)
        .lock_exclusive()
        .one(conn)
        .await?
        .filter(|now| now.disabled_at.is_none() && now.password_hash == proven.password_hash)
        .ok_or_else(wrong_password)?;
    let handheld = match proof {
        Some(proof) => Some(check_handheld(conn, &person, proof).await?),
        None => None,
    };
    let who = Who::of(conn, &person).await?;
    audit::record(conn, app, who, SIGN_IN, person.id, Outcome::Done).await?;
    session::begin(conn, app, &person, handheld).await
}

/// The person's handheld, if the proof is by its key.
async fn check_handheld<C: ConnectionTrait>(
    conn: &C,
    person: &person::Model,
    proof: &HandheldProof,
) -> Result<JournalId, Problem> {
    let bad_proof = || {
        let detail = "The proof must be made by the key of a handheld of yours.";
        Problem::new(Code::EnrolBadProof, detail)
    };
    let row = handheld::Entity::find_by_id(proof.journal.0)
        .one(conn)
        .await?
        .filter(|row| row.person_id == person.id)
        .ok_or_else(bad_proof)?;
    let mut signature = [0; 64];
    hex::decode_to_slice(&proof.proof, &mut signature).map_err(|_| bad_proof())?;
    let key: [u8; 32] = row.public_key.try_into().map_err(|_| bad_proof())?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| bad_proof())?;
    let text = HandheldProof::text(proof.journal, &person.login);
    key.verify_strict(&text, &Signature::from_bytes(&signature))
        .map_err(|_| bad_proof())?;
    if row.revoked_at.is_some() {
        return Err(Problem::new(
            Code::AuthRevoked,
            "This handheld was revoked.",
        ));
    }
    Ok(proof.journal)
}

#[cfg(test)]
mod tests;
