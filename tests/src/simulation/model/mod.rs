//! A model of the server, in memory: it keeps to the protocol and knows nothing else. One
//! station with its people, cells and orders; sessions, journals, photos and a feed.
//!
//! Everything that a backup holds is in [`Books`]; a restore puts old ones back and begins a
//! new life. A request is answered whole or, when the server is killed before its
//! transaction is durable, not at all.

mod books;
mod feed;
mod media;
mod push;
mod sessions;

use books::Books;

use super::{
    fault::Fault,
    faults_seen::Seen,
    hardware::TrueTime,
    scene::{self, Cast},
    server::{Asking, Entries, Founded, Killed, Scope, Server, When},
};
use crate::Fallible;
use ed25519_dalek::SigningKey;
use gridcrew_mobile_core::engine::{HttpReply, Request};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{CellId, Epoch, JournalId, OrderId, PersonId},
    journal::EntryId,
    media::MediaKind,
    order::OrderState,
    time::{Millis, UnixMillis},
    wire,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The media type of packed bodies.
const PACKED: &str = "application/vnd.gridcrew+cbor-zstd";

/// The server.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it holds durably.
    books: Books,
    /// Its life.
    epoch: Epoch,
    /// How often it was restored.
    restores: u32,
    /// What was seen that a handheld should not have done.
    complaints: Vec<String>,
    /// What happened here.
    seen: Seen,
    time: TrueTime,
    next: u128,
    codes: u32,
    backup: Option<Box<Books>>,
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
            codes: 0,
            backup: None,
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

    /// Gives an order to a person, in a new term.
    fn give(&mut self, order: OrderId, to: PersonId) {
        let now = self.now();
        let before = self.books.owners_of(order);
        if before.contains(&to) && before.last() != Some(&to) {
            self.seen.note(Fault::OrderBack);
        }
        self.books.assign(order, to, now);
    }

    /// The person of a journal.
    fn person_of(&self, journal: JournalId) -> Option<PersonId> {
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

impl Server for Model {
    fn cast(&self) -> Cast {
        Cast::modelled()
    }

    fn as_founded(&self) -> Fallible<Founded> {
        Ok(Founded::Model(Box::new(self.clone())))
    }

    fn answer(&mut self, asking: Asking<'_>) -> Fallible<HttpReply> {
        let Asking {
            request,
            credentials,
            piece,
        } = asking;
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

    /// Its transactions are whole or not at all, so there is nothing between.
    fn answer_and_die(&mut self, asking: Asking<'_>, when: When) -> Fallible<Killed> {
        match when {
            When::Moment(_) => Ok(Killed::Before),
            When::Commit(_) => {
                self.answer(asking)?;
                Ok(Killed::After)
            }
        }
    }

    fn die(&mut self, _: Option<u64>) -> Fallible<bool> {
        Ok(false)
    }

    fn code_for(&mut self, _: PersonId) -> Fallible<String> {
        self.codes += 1;
        Ok(format!("code {}", self.codes))
    }

    fn enrol(
        &mut self,
        person: PersonId,
        request: &EnrolRequest,
    ) -> Fallible<Result<EnrolReply, Code>> {
        self.let_in(person, request)
    }

    fn assign(&mut self, order: OrderId, to: PersonId) -> Fallible<bool> {
        self.give(order, to);
        Ok(true)
    }

    fn move_cell(&mut self, cell: CellId, to: PersonId) -> Fallible<()> {
        if self.books.move_cell(cell, to) {
            self.seen.note(Fault::CellBack);
        }
        Ok(())
    }

    fn expire(&mut self, journal: JournalId) {
        self.expire_tokens(journal);
    }

    fn revoke(&mut self, journal: JournalId) -> Fallible<()> {
        if let Some(row) = self.books.handhelds.get_mut(&journal) {
            row.revoked = true;
        }
        Ok(())
    }

    fn back_up(&mut self) -> Fallible<()> {
        self.backup = Some(Box::new(self.books.clone()));
        Ok(())
    }

    fn restore(&mut self, _: bool) -> Fallible<()> {
        if let Some(books) = &self.backup {
            self.books = books.as_ref().clone();
        }
        self.restores += 1;
        self.epoch = Epoch(Uuid::from_u128(500 + u128::from(self.restores)));
        Ok(())
    }

    fn work_beside(&mut self) -> Fallible<()> {
        Ok(())
    }

    fn seen(&mut self) -> Vec<Fault> {
        self.seen.take()
    }

    fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn restores(&self) -> u32 {
        self.restores
    }

    fn longest_absence(&self) -> Option<Millis> {
        None
    }

    fn journals(&self) -> Fallible<BTreeMap<JournalId, Entries>> {
        Ok(self.books.journals.clone())
    }

    fn copies(&self) -> Fallible<BTreeSet<EntryId>> {
        let parked = self.books.parked.iter();
        let copies = parked.filter(|(_, code)| **code == Code::RecordCopied);
        Ok(copies.map(|(id, _)| *id).collect())
    }

    fn apart(&self) -> Fallible<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    fn photos(&self) -> Fallible<BTreeSet<Digest>> {
        let held = self.books.held.keys();
        let originals = held.filter(|(_, kind)| *kind == MediaKind::Original);
        Ok(originals.map(|(photo, _)| *photo).collect())
    }

    fn has(&self, photo: Digest, kind: MediaKind) -> Fallible<bool> {
        let held = |kind| self.books.held.get(&(photo, kind));
        let original = held(MediaKind::Original).is_some_and(|bytes| Digest::of(bytes) == photo);
        // Where the handheld's own preview never came, the server makes one of the original.
        Ok(original || (kind == MediaKind::Preview && held(kind).is_some()))
    }

    fn scope_of(&self, person: PersonId) -> Fallible<Scope> {
        let orders = self.books.scope_of(person);
        let cells = self.books.cells_of(person);
        let customers = cells.iter().flat_map(|cell| scene::customers(*cell));
        Ok(Scope {
            customers: customers.map(|customer| customer.id).collect(),
            must: orders.clone(),
            may: orders,
            cells,
        })
    }

    fn state_of(&self, order: OrderId) -> Fallible<Option<OrderState>> {
        self.books.state_of(order)
    }
}
