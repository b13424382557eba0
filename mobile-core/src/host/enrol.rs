//! Enrolment: a one-time code for a journal and tokens; and signing in again after the
//! session ended, which changes nothing but the tokens.
//!
//! The key is durable before its public half leaves the device; a lost answer is asked for
//! again with the same key.
//!
//! A handheld that is enrolled can be enrolled again, for the same person with the same
//! server: a server that was restored from a backup may know neither its session nor its
//! journal. It offers the keys that it has, the oldest first, since what is known of a
//! younger journal follows from the older one being known. A key that the server knows
//! gives its journal again, by the same code as often as it is asked; a key that it does
//! not know gives a new one, and everything that was recorded goes into that.
//!
//! So is a handheld whose store was damaged so that nobody knows whose it was: all keys that
//! are left are offered. Where the keys were lost instead, a new one is, and what was not
//! known to be held goes into its journal: the rest is with the server, in the old one.

use super::{
    http::{Answer, Http},
    wipe,
};
use crate::{
    engine::{Reply, code_of},
    error::Error,
    handheld::Inner,
    journal::{Gathered, gather, lineage, open_journal},
    local::Local,
    store::{
        facts,
        identity::{self, Identity},
        journal, photos, scope,
    },
};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{EnrolReply, EnrolRequest, HandheldProof, LoginRequest, Tokens},
    journal::Seq,
    time::Millis,
};
use serde::de::DeserializeOwned;
use std::{collections::VecDeque, sync::Arc};

/// Enrols the handheld, or does so again; gives the person's name.
pub(crate) async fn enrol(
    inner: &Arc<Inner>,
    server_url: &str,
    code: &str,
    device_name: &str,
) -> Result<String, Error> {
    let _right = inner.with(|local| local.folder.sync_right())?;
    wipe::begin_anew(inner).await?;
    let mut enrolling =
        inner.with(|local| Enrolling::begin(local, server_url, code, device_name))?;
    let http = Http::new(&enrolling.server_url)?;
    while let Some(request) = inner.with(|local| enrolling.next(local)) {
        let reply = read(http.enrol(&request).await);
        inner.with(|local| enrolling.heard(local, reply))?;
    }
    inner.with(|local| enrolling.end(local))
}

/// An enrolment, question by question: who asks them is another's business.
pub(crate) struct Enrolling {
    server_url: String,
    code: String,
    device_name: String,
    /// Who it was enrolled as before.
    before: Option<Identity>,
    /// The keys of the journals that are here were lost, so that none of them is offered.
    keys_lost: bool,
    /// The keys that are still to be offered.
    keys: VecDeque<SigningKey>,
    /// The key that is being offered, and since when.
    offered: Option<([u8; 32], Millis)>,
    /// The key that the server took last, what it answered, and when it was asked.
    given: Option<([u8; 32], EnrolReply, Millis)>,
}

impl Enrolling {
    pub(crate) fn begin(
        local: &mut Local,
        server_url: &str,
        code: &str,
        device_name: &str,
    ) -> Result<Self, Error> {
        local.secrets.reload()?;
        let before = identity::get(local.store.read())?;
        let known = match &before {
            Some(before) => local.secrets.keys_to(&before.public_key).ok(),
            None => Some(local.secrets.all_keys()).filter(|keys| !keys.is_empty()),
        };
        let keys_lost = known.is_none() || !local.secrets.has_journal_key();
        let keys = match known {
            Some(keys) => keys,
            None => vec![local.secrets.spare_key(local.random.as_ref())?],
        };
        Ok(Self {
            server_url: server_url.trim_end_matches('/').to_owned(),
            code: code.trim().to_owned(),
            device_name: device_name.to_owned(),
            before,
            keys_lost,
            keys: keys.into(),
            offered: None,
            given: None,
        })
    }

    /// The next question, if there is one.
    pub(crate) fn next(&mut self, local: &Local) -> Option<EnrolRequest> {
        let key = self.keys.pop_front()?;
        let asked = local.clock.now().uptime;
        self.offered = Some((key.verifying_key().to_bytes(), asked));
        Some(request(&key, &self.code, &self.device_name))
    }

    /// What came of the question.
    pub(crate) fn heard(
        &mut self,
        local: &Local,
        reply: Result<EnrolReply, Error>,
    ) -> Result<(), Error> {
        let Some((public_key, asked)) = self.offered.take() else {
            return Ok(());
        };
        let reply = match (reply, self.given.is_some()) {
            (Ok(reply), _) => reply,
            // The older journal is known, and this one is not.
            (
                Err(Error::Refused {
                    code: Code::EnrolBadCode,
                    ..
                }),
                true,
            ) => {
                self.keys.clear();
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        if let Some(before) = &self.before {
            check_same(before, &reply)?;
        } else {
            check_owner(local, &reply)?;
        }
        // Where it is not known whose handheld it was, of a journal that the server knows
        // nothing may be left here, and of a younger one all.
        let is_here = journal::head(local.store.read(), reply.journal)?.0 > Seq(0);
        if self.before.is_some() && !is_here {
            self.keys.clear();
        }
        self.given = Some((public_key, reply, asked));
        Ok(())
    }

    /// Takes up what the server gave; gives the person's name.
    pub(crate) fn end(self, local: &mut Local) -> Result<String, Error> {
        let Some((public_key, reply, asked)) = self.given else {
            return Err(Error::Storage("there is no key to offer".to_owned()));
        };
        match self.before {
            Some(before) => {
                // A server in the same life holds what it said it holds, whatever the key.
                let what = match self.keys_lost && reply.epoch == before.epoch {
                    true => Gathered::Waiting,
                    false => Gathered::All,
                };
                let given = (reply, asked);
                come_back(local, &self.server_url, public_key, before, given, what)
            }
            None => {
                let what = match self.keys_lost {
                    true => Gathered::Waiting,
                    false => Gathered::All,
                };
                take_up(local, &self.server_url, public_key, (reply, asked), what)
            }
        }
    }
}

fn request(key: &SigningKey, code: &str, device_name: &str) -> EnrolRequest {
    let proof = key.sign(&EnrolRequest::proof_text(code));
    EnrolRequest {
        code: code.to_owned(),
        public_key: hex::encode(key.verifying_key().to_bytes()),
        proof: hex::encode(proof.to_bytes()),
        device_name: device_name.to_owned(),
    }
}

/// What is on this device is that person's, and that server's to hold.
fn check_same(before: &Identity, reply: &EnrolReply) -> Result<(), Error> {
    let same = reply.person == before.person && server_key(reply)? == before.server_key;
    if same {
        Ok(())
    } else {
        Err(Error::AlreadyEnrolled(before.person_name.clone()))
    }
}

/// Where a damaged store left only records, they tell whose they are.
fn check_owner(local: &Local, reply: &EnrolReply) -> Result<(), Error> {
    let db = local.store.read();
    for journal in journal::all(db)? {
        match journal::owner(db, journal)? {
            Some(owner) if owner != reply.person => {
                return Err(Error::AlreadyEnrolled(owner.to_string()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Goes on in the journal that the server gave again, or for the first time.
fn come_back(
    local: &mut Local,
    server_url: &str,
    public_key: [u8; 32],
    before: Identity,
    (reply, asked): (EnrolReply, Millis),
    what: Gathered,
) -> Result<String, Error> {
    let present = before.journal;
    let another = reply.journal != present;
    // The epoch stays the one last heard: another is noticed by the next sync, and what
    // follows from it is done then.
    let new = Identity {
        journal: reply.journal,
        public_key,
        person_name: reply.person_name.clone(),
        server_url: server_url.to_owned(),
        probe: true,
        ask_photos: true,
        reopen: if another { None } else { before.reopen.clone() },
        ..before
    };
    local.secrets.set_tokens(reply.tokens)?;
    let now = local.wall();
    local.store.write(|db| {
        if !another {
            return identity::put(db, &new);
        }
        gather(db, &new, &lineage(db, present)?, what, now)?;
        photos::forget_urls(db)?;
        facts::set_apart(db, None)?;
        scope::ask_anew(db)
    })?;
    local.secrets.take_spare_if(&public_key)?;
    local.hear_time(reply.server_time, asked)?;
    Ok(reply.person_name)
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

fn server_key(reply: &EnrolReply) -> Result<[u8; 32], Error> {
    let none = || Error::Unreachable("the server's key is none".to_owned());
    let mut key = [0; 32];
    hex::decode_to_slice(&reply.server_key, &mut key).map_err(|_| none())?;
    VerifyingKey::from_bytes(&key).map_err(|_| none())?;
    Ok(key)
}

fn take_up(
    local: &mut Local,
    server_url: &str,
    public_key: [u8; 32],
    (reply, asked): (EnrolReply, Millis),
    what: Gathered,
) -> Result<String, Error> {
    let left = journal::all(local.store.read())?;
    let new = Identity {
        journal: reply.journal,
        public_key,
        person: reply.person,
        person_name: reply.person_name.clone(),
        server_url: server_url.to_owned(),
        server_key: server_key(&reply)?,
        epoch: reply.epoch,
        // What a damaged store left of journals may be held, and photos too.
        probe: !left.is_empty(),
        ask_photos: !left.is_empty(),
        reopen: None,
    };
    local.secrets.set_tokens(reply.tokens)?;
    let now = local.wall();
    local.store.write(|db| {
        if !left.is_empty() {
            return gather(db, &new, &left, what, now);
        }
        identity::put(db, &new)?;
        open_journal(db, &new, None, now)
    })?;
    local.secrets.take_spare_if(&public_key)?;
    local.hear_time(reply.server_time, asked)?;
    Ok(reply.person_name)
}
