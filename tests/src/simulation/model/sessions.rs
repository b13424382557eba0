//! Who asks: enrolment, tokens and their renewal.

use super::{
    Model,
    books::{Handheld, Session},
};
use crate::{Failure, Fallible};
use ed25519_dalek::VerifyingKey;
use gridcrew_mobile_core::{drive::Credentials, engine::HttpReply};
use gridcrew_sync_protocol::{
    code::Code,
    enrol::{EnrolReply, EnrolRequest, Tokens},
    ids::{JournalId, PersonId},
    time::UnixMillis,
};

impl Model {
    /// Enrols a handheld of `person`: a key that is known gives its journal again.
    ///
    /// # Errors
    /// When the request cannot be what a handheld sends.
    pub(super) fn let_in(
        &mut self,
        person: PersonId,
        request: &EnrolRequest,
    ) -> Fallible<Result<EnrolReply, Code>> {
        let mut key = [0; 32];
        hex::decode_to_slice(&request.public_key, &mut key)
            .map_err(|error| Failure::new(error.to_string()))?;
        let key =
            VerifyingKey::from_bytes(&key).map_err(|error| Failure::new(error.to_string()))?;
        let known = self.books.handhelds.iter().find(|(_, row)| row.key == key);
        let used = self.books.codes.contains(&request.code);
        let journal = match known.map(|(journal, _)| *journal) {
            Some(journal) => journal,
            None if used => return Ok(Err(Code::EnrolBadCode)),
            None => {
                let journal = JournalId(self.fresh_id());
                let row = Handheld {
                    person,
                    key,
                    continues: None,
                    revoked: false,
                    forked: false,
                };
                self.books.handhelds.insert(journal, row);
                journal
            }
        };
        self.books.codes.insert(request.code.clone());
        if let Some(row) = self.books.handhelds.get_mut(&journal) {
            row.revoked = false;
        }
        let session = u64::from(self.restores) * 1_000 + self.books.sessions.len() as u64 + 1;
        let row = Session {
            journal,
            newest: 1,
            expired: 0,
            ended: false,
        };
        self.books.sessions.insert(session, row);
        Ok(Ok(EnrolReply {
            journal,
            person,
            person_name: super::super::scene::name(person).to_owned(),
            epoch: self.epoch,
            server_time: self.now(),
            server_key: hex::encode(Self::key().verifying_key().to_bytes()),
            tokens: tokens(session, 1, journal),
        }))
    }

    /// The journal that an access token counts for.
    pub(super) fn caller(&self, token: &str) -> Result<JournalId, Code> {
        let (session, number, journal) = parsed(token).ok_or(Code::AuthRequired)?;
        let row = self.books.sessions.get(&session);
        let row = row
            .filter(|row| !row.ended && number <= row.newest)
            .ok_or(Code::AuthExpired)?;
        if number <= row.expired || row.journal.to_string() != journal {
            return Err(Code::AuthExpired);
        }
        Ok(row.journal)
    }

    pub(super) fn is_revoked(&self, journal: JournalId) -> bool {
        let row = self.books.handhelds.get(&journal);
        row.is_none_or(|row| row.revoked)
    }

    /// The newest access token of every session expires.
    pub(super) fn expire_tokens(&mut self, journal: JournalId) {
        for row in self.books.sessions.values_mut() {
            if row.journal == journal {
                row.expired = row.newest;
            }
        }
    }

    pub(super) fn refresh(&mut self, credentials: &Credentials) -> HttpReply {
        let Some((id, number, _)) = parsed(&credentials.refresh_token) else {
            return self.problem(Code::AuthRequired);
        };
        let Some(row) = self.books.sessions.get(&id).filter(|row| !row.ended) else {
            return self.problem(Code::AuthRequired);
        };
        let journal = row.journal;
        if self.is_revoked(journal) {
            return self.problem(Code::AuthRevoked);
        }
        if credentials.refresh_proof.is_none() {
            return self.problem(Code::AuthRequired);
        }
        let Some(row) = self.books.sessions.get_mut(&id) else {
            return self.problem(Code::AuthRequired);
        };
        if number > row.newest {
            // Given out after the backup: one that was never heard of.
            return self.problem(Code::AuthRequired);
        }
        if number == row.newest {
            row.newest += 1;
        } else if number + 1 != row.newest {
            // Exchanged long ago: somebody else has the tokens.
            row.ended = true;
            return self.problem(Code::AuthReplayed);
        }
        let tokens = tokens(id, row.newest, journal);
        self.json(&tokens)
            .unwrap_or_else(|_| self.problem(Code::Internal))
    }

    /// From now on the session counts for the new journal.
    pub(super) fn bind(&mut self, token: &str, journal: JournalId) {
        if let Some((session, ..)) = parsed(token)
            && let Some(row) = self.books.sessions.get_mut(&session)
        {
            row.journal = journal;
        }
    }
}

fn tokens(session: u64, number: u32, journal: JournalId) -> Tokens {
    Tokens {
        access_token: format!("{session}/{number}/{journal}"),
        expires_at: UnixMillis(i64::MAX),
        refresh_token: format!("{session}/{number}/-"),
    }
}

fn parsed(token: &str) -> Option<(u64, u32, String)> {
    let mut parts = token.splitn(3, '/');
    let session = parts.next()?.parse().ok()?;
    let number = parts.next()?.parse().ok()?;
    Some((session, number, parts.next()?.to_owned()))
}
