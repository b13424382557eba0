//! Enrolment: a one-time code for a journal and tokens.
//!
//! The key is durable before its public half leaves the device; a lost answer is asked for
//! again with the same key. A handheld that is enrolled already can be enrolled again by
//! the same person, after its session ended: what waits goes into the new journal. What
//! the server holds without our knowing, because its answer was lost just before, would
//! then come twice; the steps of an order count once all the same.

use super::http::{Answer, Http};
use crate::{
    engine::{Reply, code_of},
    error::Error,
    handheld::Inner,
    journal::{change_over, open_journal},
    local::Local,
    store::{
        identity::{self, Identity},
        journal,
        scope::{self, FeedState},
    },
};
use ed25519_dalek::{Signer, VerifyingKey};
use gridcrew_sync_protocol::{
    enrol::{EnrolReply, EnrolRequest},
    time::Millis,
};
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
        local.secrets.reload()?;
        let key = local.fresh_key()?;
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

fn read(answer: Answer) -> Result<EnrolReply, Error> {
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

impl Local {
    /// A key that no journal has: the spare one, unless it is the present journal's.
    fn fresh_key(&mut self) -> Result<ed25519_dalek::SigningKey, Error> {
        let taken = identity::get(self.store.read())?.map(|identity| identity.public_key);
        let key = self.secrets.spare_key(self.random.as_ref())?;
        if Some(key.verifying_key().to_bytes()) != taken {
            return Ok(key);
        }
        self.secrets.take_spare()?;
        self.secrets.spare_key(self.random.as_ref())
    }
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
    let before = identity::get(local.store.read())?;
    if let Some(before) = &before
        && before.person != new.person
    {
        return Err(Error::AlreadyEnrolled(before.person_name.clone()));
    }
    local.secrets.set_tokens(reply.tokens)?;
    let now = local.wall();
    local.store.write(|db| {
        // The new handheld has nothing of the scope yet, by the server's book.
        let feed = FeedState {
            cursor: None,
            start_over: before.is_some(),
        };
        scope::set_feed(db, &feed)?;
        match before {
            None => {
                identity::put(db, &new)?;
                open_journal(db, &new, None, now)
            }
            Some(before) => {
                let mut new = new;
                new.ask_photos = before.epoch != new.epoch;
                let common = journal::last_held(db, before.journal)?;
                change_over(db, &new, (before.journal, common), None, now)
            }
        }
    })?;
    local.secrets.take_spare()?;
    local.hear_time(reply.server_time, asked)?;
    Ok(reply.person_name)
}
