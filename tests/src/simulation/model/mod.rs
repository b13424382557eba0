//! A model of the server, in memory: it keeps to the protocol and knows nothing else. One
//! station with its people, cells and orders; sessions, journals, photos and a feed.
//!
//! Everything that a backup holds is in [`Books`]; [`Model::restore`] puts old ones back and
//! begins a new life. A request is answered whole or, when the server is killed before its
//! transaction is durable, not at all.

mod books;
mod feed;
mod media;
mod push;
mod sessions;

pub use books::Books;

use super::{fault::Fault, faults_seen::Seen, hardware::TrueTime, scene};
use crate::Fallible;
use ed25519_dalek::SigningKey;
use gridcrew_mobile_core::{
    drive::Credentials,
    engine::{HttpReply, Request},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, Epoch, JournalId, OrderId, PersonId},
    time::UnixMillis,
    wire,
};
use uuid::Uuid;

/// The media type of packed bodies.
const PACKED: &str = "application/vnd.gridcrew+cbor-zstd";

/// The server.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it holds durably.
    pub books: Books,
    /// Its life.
    pub epoch: Epoch,
    /// How often it was restored.
    pub restores: u32,
    /// What was seen that a handheld should not have done.
    pub complaints: Vec<String>,
    /// What happened here.
    pub seen: Seen,
    time: TrueTime,
    next: u128,
}

impl Model {
    /// A server with people, cells and orders, and nobody enrolled.
    #[must_use]
    pub fn new(time: &TrueTime) -> Self {
        Self {
            books: Books::founded(),
            epoch: Epoch(Uuid::from_u128(500)),
            restores: 0,
            complaints: Vec::new(),
            seen: Seen::default(),
            time: time.clone(),
            next: 0,
        }
    }

    /// The key that signs receipts.
    #[must_use]
    pub fn key() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    /// The same server in another course of time.
    #[must_use]
    pub fn at(mut self, time: &TrueTime) -> Self {
        self.time = time.clone();
        self
    }

    /// Comes back from a backup, in a new life.
    pub fn restore(&mut self, books: Books) {
        self.books = books;
        self.restores += 1;
        self.epoch = Epoch(Uuid::from_u128(500 + u128::from(self.restores)));
    }

    /// Answers a request; `piece` is the body of a chunk, or as much of it as came through.
    ///
    /// # Errors
    /// When the request cannot be what a handheld sends.
    pub fn answer(
        &mut self,
        request: &Request,
        credentials: &Credentials,
        piece: &[u8],
    ) -> Fallible<HttpReply> {
        if matches!(request, Request::Refresh) {
            return Ok(self.refresh(credentials));
        }
        let journal = match self.caller(&credentials.access_token) {
            Ok(journal) => journal,
            Err(code) => return Ok(self.problem(code)),
        };
        let revoked = self.is_revoked(journal);
        if revoked && !matches!(request, Request::Push(_)) {
            return Ok(self.problem(Code::AuthRevoked));
        }
        match request {
            Request::Push(body) => self.push(journal, body, revoked),
            Request::Reopen(body) => self.reopen(journal, &credentials.access_token, body),
            Request::Feed(cursor) => self.feed(journal, cursor.as_deref()),
            Request::Held(body) => self.which_held(body),
            Request::Create(upload) => {
                Ok(self.create(upload.photo, upload.kind, upload.digest, upload.bytes))
            }
            Request::Offset(url) => Ok(self.offset(url)),
            Request::Chunk { url, offset, .. } => Ok(self.chunk(url, *offset, piece)),
            Request::Diagnose(_) => Ok(self.reply(204)),
            Request::Refresh => Ok(self.problem(Code::NotFound)),
        }
    }

    /// Gives an order to a person, in a new term.
    pub fn assign(&mut self, order: OrderId, to: PersonId) {
        let now = self.now();
        let before = self.books.owners_of(order);
        if before.contains(&to) && before.last() != Some(&to) {
            self.seen.note(Fault::OrderBack);
        }
        self.books.assign(order, to, now);
    }

    /// Gives a cell to a person.
    pub fn move_cell(&mut self, cell: CellId, to: PersonId) {
        if self.books.move_cell(cell, to) {
            self.seen.note(Fault::CellBack);
        }
    }

    /// The journals of one installation, the first and those that go on from it.
    #[must_use]
    pub fn person_of(&self, journal: JournalId) -> Option<PersonId> {
        Some(self.books.handhelds.get(&journal)?.person)
    }

    fn now(&self) -> UnixMillis {
        self.time.now()
    }

    fn fresh_id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128((u128::from(self.restores) << 64) + 0x1000 + self.next)
    }

    fn reply(&self, status: u16) -> HttpReply {
        HttpReply {
            status,
            epoch: Some(self.epoch),
            tus: true,
            ..HttpReply::default()
        }
    }

    /// A refusal with one of the server's codes.
    #[must_use]
    pub fn problem(&self, code: Code) -> HttpReply {
        HttpReply {
            media_type: "application/problem+json".to_owned(),
            body: format!(r#"{{"code":"{code}"}}"#).into_bytes(),
            ..self.reply(code.status())
        }
    }

    fn packed<T: serde::Serialize>(&self, value: &T) -> HttpReply {
        HttpReply {
            media_type: PACKED.to_owned(),
            body: wire::pack(value),
            ..self.reply(200)
        }
    }

    fn json<T: serde::Serialize>(&self, value: &T) -> Fallible<HttpReply> {
        Ok(HttpReply {
            media_type: "application/json".to_owned(),
            body: serde_json::to_vec(value)?,
            ..self.reply(200)
        })
    }

    /// The people.
    #[must_use]
    pub fn people() -> Vec<PersonId> {
        scene::people()
    }
}
