//! Enrolment: a one-time code for a journal and tokens; and signing in again after the
//! session ended, which changes nothing but the tokens.
//!
//! The key is durable before its public half leaves the device; a lost answer is asked for
//! again with the same key.

use super::http::{Answer, Http};
use crate::{
    engine::{Reply, code_of},
    error::Error,
    handheld::Inner,
    journal::open_journal,
    local::Local,
    store::identity::{self, Identity},
};
use ed25519_dalek::{Signer, VerifyingKey};
use gridcrew_sync_protocol::{
    enrol::{EnrolReply, EnrolRequest, HandheldProof, LoginRequest, Tokens},
    time::Millis,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Enrols the handheld; gives the person's name.
pub(crate) async fn enrol(
    inner: &Arc<Inner>,
    server_url: &str,
    code: &str,
    device_name: &str,
) -> Result<String, Error> {
    let _right = inner.with(|local| local.folder.sync_right())?;
    let server_url = server_url.trim_end_matches('/');
    let code = code.trim();
    let (request, asked) = inner.with(|local| {
        if let Some(before) = identity::get(local.store.read())? {
            return Err(Error::AlreadyEnrolled(before.person_name));
        }
        local.secrets.reload()?;
        let key = local.secrets.spare_key(local.random.as_ref())?;
        let proof = key.sign(&EnrolRequest::proof_text(code));
        let request = EnrolRequest {
            code: code.to_owned(),
            public_key: hex::encode(key.verifying_key().to_bytes()),
            proof: hex::encode(proof.to_bytes()),
            device_name: device_name.to_owned(),
        };
        Ok::<_, Error>((request, local.clock.now().uptime))
    })?;
    let answer = Http::new(server_url)?.enrol(&request).await;
    let reply = read(answer)?;
    inner.with(|local| take_up(local, server_url, &request.public_key, reply, asked))
}

/// Signs the person in again on this handheld, after its session ended.
pub(crate) async fn login(inner: &Arc<Inner>, login: &str, password: &str) -> Result<(), Error> {
    let _right = inner.with(|local| local.folder.sync_right())?;
    let (server, request) = inner.with(|local| {
        let identity = identity::require(local.store.read())?;
        local.secrets.reload()?;
        let key = local.secrets.key(&identity.public_key)?;
        let proof = key.sign(&HandheldProof::text(identity.journal, login));
        let request = LoginRequest {
            login: login.to_owned(),
            password: password.to_owned(),
            handheld: Some(HandheldProof {
                journal: identity.journal,
                proof: hex::encode(proof.to_bytes()),
            }),
        };
        Ok::<_, Error>((identity.server_url, request))
    })?;
    let answer = Http::new(&server)?.login(&request).await;
    let tokens: Tokens = read(answer)?;
    inner.with(|local| local.secrets.set_tokens(tokens))
}

fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Error> {
    let http = match answer.reply {
        Reply::Http(http) => http,
        Reply::Broken(detail) => return Err(Error::Unreachable(detail)),
    };
    if let Some(code) = code_of(&http) {
        let detail = serde_json::from_slice::<serde_json::Value>(&http.body)
            .ok()
            .and_then(|document| Some(document.get("detail")?.as_str()?.to_owned()))
            .unwrap_or_else(|| code.meaning().to_owned());
        return Err(Error::Refused { code, detail });
    }
    let strange = |why: &str| Error::Unreachable(format!("the answer is not the server's ({why})"));
    if !(200..300).contains(&http.status) || http.media_type != "application/json" {
        return Err(strange(&format!(
            "HTTP {}, {}",
            http.status, http.media_type
        )));
    }
    serde_json::from_slice(&http.body).map_err(|error| strange(&error.to_string()))
}

fn take_up(
    local: &mut Local,
    server_url: &str,
    public_key: &str,
    reply: EnrolReply,
    asked: Millis,
) -> Result<String, Error> {
    let bytes = |text: &str| {
        let mut out = [0; 32];
        hex::decode_to_slice(text, &mut out)
            .map_err(|_| Error::Unreachable("the server's key is none".to_owned()))?;
        Ok::<_, Error>(out)
    };
    let server_key = bytes(&reply.server_key)?;
    VerifyingKey::from_bytes(&server_key)
        .map_err(|_| Error::Unreachable("the server's key is none".to_owned()))?;
    let new = Identity {
        journal: reply.journal,
        public_key: bytes(public_key)?,
        person: reply.person,
        person_name: reply.person_name.clone(),
        server_url: server_url.to_owned(),
        server_key,
        epoch: reply.epoch,
        probe: false,
        ask_photos: false,
        reopen: None,
    };
    local.secrets.set_tokens(reply.tokens)?;
    let now = local.wall();
    local.store.write(|db| {
        identity::put(db, &new)?;
        open_journal(db, &new, None, now)
    })?;
    local.secrets.take_spare()?;
    local.hear_time(reply.server_time, asked)?;
    Ok(reply.person_name)
}
