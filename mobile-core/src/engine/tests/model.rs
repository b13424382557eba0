//! A model of the server, in memory: it keeps to the protocol and knows nothing else.

use crate::{
    engine::{HttpReply, PACKED, Request},
    fixture::{
        EPOCH, JOURNAL, ME, START, assigned, order_item, server_entries, server_key, template,
    },
};
use ed25519_dalek::{Signature, VerifyingKey};
use gridcrew_sync_protocol::{
    code::Code,
    diagnostics::{Diagnostics, MAX_DIAGNOSTICS_BYTES},
    digest::Digest,
    feed::{FeedEntry, FeedItem, FeedPage},
    ids::{Epoch, JournalId, OrderId},
    journal::{Batch, Entry, EntryId, Item, Seq},
    media::{HeldReply, HeldRequest, MediaKind},
    push::{Parked, PushOutcome, PushReply, Receipt, ReopenReply, ReopenRequest},
    record::Event,
    time::UnixMillis,
    wire,
};
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What of the server a backup holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Journal, entry by entry: bytes and link.
    pub(crate) journals: BTreeMap<JournalId, Vec<(Vec<u8>, Digest)>>,
    /// Photos held, verified.
    pub(crate) held: BTreeMap<(Digest, MediaKind), Vec<u8>>,
    uploads: BTreeMap<u64, Incoming>,
}

impl Books {
    /// Every upload is gone.
    pub(crate) fn forget_uploads(&mut self) {
        self.uploads.clear();
    }
}

#[derive(Clone, Debug)]
struct Incoming {
    photo: Digest,
    kind: MediaKind,
    digest: Digest,
    length: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) books: Books,
    pub(crate) epoch: Epoch,
    pub(crate) keys: BTreeMap<JournalId, VerifyingKey>,
    pub(crate) orders: Vec<OrderId>,
    /// Entries that are parked, by what they note.
    pub(crate) parks: BTreeSet<String>,
    /// The number of the access token that is taken.
    pub(crate) token: u32,
    pub(crate) revoked: bool,
    pub(crate) now: i64,
    /// The entries that were kept apart, and in how many batches.
    pub(crate) apart: (BTreeSet<Seq>, u32),
    /// How the handheld said that it stands.
    pub(crate) diagnosed: Vec<Diagnostics>,
    /// Raised to tell the whole feed anew, to whatever cursor.
    pub(crate) tells: u32,
    forked: BTreeSet<JournalId>,
    reopened: BTreeMap<[u8; 32], JournalId>,
    next_upload: u64,
}

impl Model {
    pub(crate) fn new(key: VerifyingKey, orders: Vec<OrderId>) -> Self {
        Self {
            books: Books::default(),
            epoch: EPOCH,
            keys: BTreeMap::from([(JOURNAL, key)]),
            orders,
            parks: BTreeSet::new(),
            token: 0,
            revoked: false,
            now: START,
            apart: (BTreeSet::new(), 0),
            diagnosed: Vec::new(),
            tells: 0,
            forked: BTreeSet::new(),
            reopened: BTreeMap::new(),
            next_upload: 1,
        }
    }

    /// Comes back from a backup, in a new life.
    pub(crate) fn restore(&mut self, books: Books) {
        self.books = books;
        self.epoch = Epoch(Uuid::from_u128(self.epoch.0.as_u128() + 1));
    }

    /// Answers a request that came with the access token of that number. `chunk` is the
    /// body of a chunk, or as much of it as came through.
    pub(crate) fn answer(&mut self, request: &Request, token: u32, chunk: &[u8]) -> HttpReply {
        if token != self.token && !matches!(request, Request::Refresh) {
            return self.problem(Code::AuthExpired);
        }
        if self.revoked && !matches!(request, Request::Push(_)) {
            return self.problem(Code::AuthRevoked);
        }
        match request {
            Request::Push(body) => self.push(body),
            Request::Reopen(body) => self.reopen(body),
            Request::Feed(cursor) => self.feed(cursor.as_deref()),
            Request::Held(body) => self.which_held(body),
            Request::Diagnose(body) => {
                let told = wire::unpack(body, MAX_DIAGNOSTICS_BYTES).unwrap();
                self.diagnosed.push(told);
                self.reply(204)
            }
            Request::Refresh => {
                let mut reply = self.reply(200);
                reply.media_type = "application/json".to_owned();
                reply.body = serde_json::to_vec(&crate::fixture::tokens(self.token)).unwrap();
                reply
            }
            Request::Create(upload) => {
                self.create(upload.photo, upload.kind, upload.digest, upload.bytes)
            }
            Request::Offset(url) => self.offset(url),
            Request::Chunk { url, offset, .. } => self.chunk(url, *offset, chunk),
        }
    }

    fn reply(&self, status: u16) -> HttpReply {
        HttpReply {
            status,
            epoch: Some(self.epoch),
            tus: true,
            ..HttpReply::default()
        }
    }

    pub(crate) fn problem(&self, code: Code) -> HttpReply {
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

    fn push(&mut self, body: &[u8]) -> HttpReply {
        let batch: Batch = wire::unpack(body, 1 << 20).unwrap();
        let Some(key) = self.keys.get(&batch.journal) else {
            return self.problem(Code::JournalNotYours);
        };
        let links = batch.verify(key).unwrap();
        let outcome = if self.revoked {
            let seqs = batch.first.0..=batch.last().0;
            self.apart.0.extend(seqs.map(Seq));
            self.apart.1 += 1;
            Ok(PushOutcome::Revoked)
        } else {
            self.outcome(&batch, &links)
        };
        match outcome {
            Ok(outcome) => self.packed(&PushReply {
                epoch: self.epoch,
                server_time: UnixMillis(self.now),
                outcome,
            }),
            Err(code) => self.problem(code),
        }
    }

    fn outcome(&mut self, batch: &Batch, links: &[Digest]) -> Result<PushOutcome, Code> {
        let held = self.books.journals.entry(batch.journal).or_default();
        let first = batch.first.0 as usize;
        let link_before = |held: &[(Vec<u8>, Digest)], position: usize| match position {
            0 | 1 => Digest::ZERO,
            _ => held[position - 2].1,
        };
        if first > held.len() + 1 {
            let receipt = (!held.is_empty()).then(|| self.receipt(batch.journal));
            return Ok(PushOutcome::Gap { receipt });
        }
        if batch.before != link_before(held, first) {
            self.forked.insert(batch.journal);
            return Err(Code::JournalBadLink);
        }
        let mut parked = Vec::new();
        for (at, (item, link)) in (first - 1..).zip(batch.items.iter().zip(links)) {
            let Item::Bytes(bytes) = item else {
                panic!("a handheld sends bytes");
            };
            if let Some((_, known)) = held.get(at) {
                if known != link {
                    let link = link_before(held, at + 1);
                    self.forked.insert(batch.journal);
                    return Ok(PushOutcome::Fork {
                        common: Seq(at as u64),
                        link,
                        parked,
                    });
                }
            } else {
                held.push((bytes.to_vec(), *link));
            }
            if let Ok(Entry::Record(record)) = Entry::from_bytes(bytes)
                && let Event::Noted(noted) = &record.event
                && self.parks.contains(&noted.text)
            {
                parked.push(Parked {
                    seq: Seq(at as u64 + 1),
                    code: Code::RecordUnknownOrder.to_string(),
                });
            }
        }
        Ok(PushOutcome::Held {
            receipt: self.receipt(batch.journal),
            parked,
        })
    }

    fn receipt(&self, journal: JournalId) -> Receipt {
        let held = &self.books.journals[&journal];
        let link = held.last().map_or(Digest::ZERO, |(_, link)| *link);
        Receipt::sign(
            self.epoch,
            journal,
            Seq(held.len() as u64),
            link,
            UnixMillis(self.now),
            &server_key(),
        )
    }

    fn reopen(&mut self, body: &[u8]) -> HttpReply {
        let request: ReopenRequest = wire::unpack(body, 1 << 16).unwrap();
        let text = ReopenRequest::signed_text(request.old, &request.public_key);
        self.keys[&request.old]
            .verify_strict(&text, &Signature::from_bytes(&request.signature))
            .unwrap();
        if !self.forked.contains(&request.old) {
            return self.problem(Code::Conflict);
        }
        let public: [u8; 32] = *request.public_key;
        let next = JournalId(Uuid::from_u128(
            JOURNAL.0.as_u128() + 1 + self.reopened.len() as u128,
        ));
        let journal = *self.reopened.entry(public).or_insert(next);
        let key = VerifyingKey::from_bytes(&public).unwrap();
        self.keys.insert(journal, key);
        self.packed(&ReopenReply { journal })
    }

    /// The feed: everything for who has no cursor of this life, then nothing.
    fn feed(&self, cursor: Option<&str>) -> HttpReply {
        let present = format!("{} {}", self.epoch, self.tells);
        let mut items = Vec::new();
        if cursor != Some(present.as_str()) {
            items.push(FeedItem::StartOver);
            items.push(FeedItem::Template(template()));
            for order in &self.orders {
                let entries = self.trace_of(*order);
                items.push(FeedItem::Order(order_item(*order, entries, true)));
            }
        }
        self.packed(&FeedPage {
            epoch: self.epoch,
            server_time: UnixMillis(self.now),
            items,
            cursor: present,
            more: false,
        })
    }

    /// The trace of an order: the server's own entries and every one held.
    pub(crate) fn trace_of(&self, order: OrderId) -> Vec<FeedEntry> {
        let mut trace = server_entries(order, ME);
        trace.push(assigned(order, 3, 2, ME));
        for (journal, entries) in &self.books.journals {
            for (at, (bytes, _)) in entries.iter().enumerate() {
                let Ok(Entry::Record(record)) = Entry::from_bytes(bytes) else {
                    continue;
                };
                let parked = matches!(&record.event, Event::Noted(noted)
                    if self.parks.contains(&noted.text));
                if record.order == order && !parked {
                    trace.push(FeedEntry {
                        id: EntryId {
                            journal: *journal,
                            seq: Seq(at as u64 + 1),
                        },
                        bytes: ByteBuf::from(bytes.clone()),
                    });
                }
            }
        }
        trace
    }

    fn which_held(&self, body: &[u8]) -> HttpReply {
        let request: HeldRequest = wire::unpack(body, 1 << 20).unwrap();
        assert!(request.photos.len() <= 1_000);
        let of = |kind| {
            request
                .photos
                .iter()
                .filter(|photo| self.books.held.contains_key(&(**photo, kind)))
                .copied()
                .collect()
        };
        self.packed(&HeldReply {
            epoch: self.epoch,
            originals: of(MediaKind::Original),
            previews: of(MediaKind::Preview),
        })
    }

    fn promised(&self, photo: Digest) -> bool {
        let entries = self.books.journals.values().flatten();
        entries
            .filter_map(|(bytes, _)| match Entry::from_bytes(bytes) {
                Ok(Entry::Record(record)) => Some(record.event),
                _ => None,
            })
            .any(|event| match event {
                Event::StepDone(done) => done.photos.iter().any(|one| one.digest == photo),
                _ => false,
            })
    }

    fn create(&mut self, photo: Digest, kind: MediaKind, digest: Digest, length: u64) -> HttpReply {
        if !self.promised(photo) {
            return self.problem(Code::MediaNotPromised);
        }
        let same = self
            .books
            .uploads
            .iter()
            .find(|(_, one)| (one.photo, one.kind, one.digest) == (photo, kind, digest));
        let id = match same {
            Some((id, _)) => *id,
            None => {
                self.next_upload += 1;
                let incoming = Incoming {
                    photo,
                    kind,
                    digest,
                    length,
                    bytes: Vec::new(),
                };
                self.books.uploads.insert(self.next_upload, incoming);
                self.next_upload
            }
        };
        HttpReply {
            location: Some(format!("/api/v1/media/uploads/{id}")),
            upload_offset: Some(self.books.uploads[&id].bytes.len() as u64),
            ..self.reply(201)
        }
    }

    fn id_of(url: &str) -> u64 {
        url.rsplit('/').next().unwrap().parse().unwrap()
    }

    fn offset(&self, url: &str) -> HttpReply {
        match self.books.uploads.get(&Self::id_of(url)) {
            Some(incoming) => HttpReply {
                upload_offset: Some(incoming.bytes.len() as u64),
                ..self.reply(200)
            },
            None => self.reply(404),
        }
    }

    fn chunk(&mut self, url: &str, offset: u64, chunk: &[u8]) -> HttpReply {
        let Some(incoming) = self.books.uploads.get_mut(&Self::id_of(url)) else {
            return self.problem(Code::NotFound);
        };
        let stands = incoming.bytes.len() as u64;
        if stands != offset {
            return HttpReply {
                upload_offset: Some(stands),
                ..self.problem(Code::MediaWrongOffset)
            };
        }
        incoming.bytes.extend_from_slice(chunk);
        let stands = incoming.bytes.len() as u64;
        if stands == incoming.length {
            assert_eq!(
                Digest::of(&incoming.bytes),
                incoming.digest,
                "bytes were changed"
            );
            let held = incoming.bytes.clone();
            let key = (incoming.photo, incoming.kind);
            self.books.held.insert(key, held);
        }
        HttpReply {
            upload_offset: Some(stands),
            ..self.reply(204)
        }
    }
}
