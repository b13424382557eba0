//! A handheld made by hand: it keeps to the protocol or breaks it, as a test wants.
//!
//! It holds its key and where its journal stands, makes entries, signs batches, pushes
//! them, reads the feed and uploads photos, each as a single request whose answer the test
//! looks at.

use crate::{
    client::{Client, Reply},
    failure::{Failure, Fallible, ensure},
    township::Township,
    wait,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest, RefreshRequest, Tokens},
    feed::{FeedItem, FeedPage},
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Entry, Item, Opened, Seq},
    media::MediaKind,
    push::{PushOutcome, PushReply, Receipt},
    record::{Event, Noted, PhotoRef, Record, StepDone, Taken, Term},
    time::{BootId, Millis, TimeEvidence, UnixMillis},
    wire,
    workflow::{SlotCode, StepCode},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The media type of packed bodies.
pub const PACKED: &str = "application/vnd.gridcrew+cbor-zstd";
/// How long a server may take until it holds what it is sent again and again.
const HEALS_WITHIN: Duration = Duration::from_secs(30);
/// The most bytes of an answer that is unpacked.
const MOST: usize = 8 * 1024 * 1024;

/// A handheld made by hand.
#[derive(Clone, Debug)]
pub struct RawHandheld {
    /// The caller with its token.
    pub client: Client,
    /// Its journal.
    pub journal: JournalId,
    /// Whose it is.
    pub person: PersonId,
    /// Its key.
    pub key: SigningKey,
    /// The last entry that it made.
    pub last: Seq,
    /// Its link.
    pub link: Digest,
    /// The server's key.
    pub server_key: VerifyingKey,
    /// The tokens it was given.
    pub tokens: Tokens,
}

impl RawHandheld {
    /// The wish to exchange a refresh token, with the proof by the handheld's key.
    pub fn renewal(&self, refresh_token: &str) -> Value {
        let proof = self.key.sign(&RefreshRequest::proof_text(refresh_token));
        let proof = hex::encode(proof.to_bytes());
        json!({ "refresh_token": refresh_token, "proof": proof })
    }

    /// Enrols a new handheld of a manager.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol(township: &Township, person: PersonId) -> Fallible<Self> {
        let code = township.enrolment_code(person).await?;
        let key = SigningKey::from_bytes(&rand::random());
        let proof = key.sign(&EnrolRequest::proof_text(&code));
        let request = EnrolRequest {
            code,
            public_key: hex::encode(key.verifying_key().as_bytes()),
            proof: hex::encode(proof.to_bytes()),
            device_name: "by hand".to_owned(),
        };
        let nobody = township.staff.nobody();
        let reply = nobody
            .post("/handhelds/enrol", &serde_json::to_value(&request)?)
            .await?;
        let reply: EnrolReply = serde_json::from_value(reply.done()?)?;
        let mut server_key = [0; 32];
        hex::decode_to_slice(&reply.server_key, &mut server_key)?;
        Ok(Self {
            client: nobody.with_token(&reply.tokens.access_token),
            journal: reply.journal,
            person: reply.person,
            key,
            last: Seq(0),
            link: Digest::ZERO,
            server_key: VerifyingKey::from_bytes(&server_key)?,
            tokens: reply.tokens,
        })
    }

    /// The entry that opens the journal.
    #[must_use]
    pub fn opening(&self) -> Vec<u8> {
        Entry::Opened(Opened {
            person: self.person,
            continues: None,
        })
        .to_bytes()
    }

    /// A record of the handheld's person in the first term of an order.
    #[must_use]
    pub fn record(&self, order: OrderId, event: Event) -> Record {
        Record {
            order,
            actor: self.person,
            term: Term(1),
            time: clock_says(1_763_000_000_000),
            fix: None,
            event,
            claims: None,
        }
    }

    /// A remark, as an entry.
    #[must_use]
    pub fn note(&self, order: OrderId, text: &str) -> Vec<u8> {
        let text = text.to_owned();
        Entry::Record(self.record(order, Event::Noted(Noted { text }))).to_bytes()
    }

    /// The order is taken, as an entry.
    #[must_use]
    pub fn taken(&self, order: OrderId) -> Vec<u8> {
        Entry::Record(self.record(order, Event::Taken(Taken { eta_minutes: None }))).to_bytes()
    }

    /// An arrival that promises photos, as an entry.
    #[must_use]
    pub fn arrived(&self, order: OrderId, photos: &[&[u8]]) -> Vec<u8> {
        let photos = photos
            .iter()
            .map(|photo| PhotoRef {
                digest: Digest::of(photo),
                bytes: photo.len() as u64,
                slot: SlotCode::from("site"),
            })
            .collect();
        let values = BTreeMap::new();
        let done = StepDone {
            step: StepCode::from("arrived"),
            values,
            photos,
        };
        Entry::Record(self.record(order, Event::StepDone(done))).to_bytes()
    }

    /// A signed batch of entries that follow what was made so far. The handheld itself stays
    /// where it was; see [`RawHandheld::went_on`].
    #[must_use]
    pub fn batch(&self, entries: &[Vec<u8>]) -> Batch {
        let items = entries
            .iter()
            .map(|bytes| Item::Bytes(bytes.clone().into()))
            .collect();
        Batch::sign(self.journal, self.last.next(), self.link, items, &self.key)
    }

    /// The journal goes on after this batch.
    pub fn went_on(&mut self, batch: &Batch) {
        self.last = batch.last();
        self.link = batch.head();
    }

    /// Pushes a batch; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn push(&self, batch: &Batch) -> Fallible<Reply> {
        self.post_packed("/sync/push", wire::pack(batch)).await
    }

    /// Posts a packed body; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn post_packed(&self, path: &str, body: Vec<u8>) -> Fallible<Reply> {
        let request = self
            .client
            .request(Method::POST, path)
            .header("content-type", PACKED)
            .body(body);
        self.client.send(path, request).await
    }

    /// Pushes a batch; what the server says became of it.
    ///
    /// # Errors
    /// When it was refused or the answer cannot be read.
    pub async fn outcome(&self, batch: &Batch) -> Fallible<PushOutcome> {
        self.outcome_of(&self.push(batch).await?)
    }

    /// What an answer to a push says.
    ///
    /// # Errors
    /// When it was refused or cannot be read.
    pub fn outcome_of(&self, reply: &Reply) -> Fallible<PushOutcome> {
        ensure(reply.status == 200, || reply.said())?;
        Ok(wire::unpack::<PushReply>(&reply.bytes, MOST)?.outcome)
    }

    /// Pushes entries that follow, and goes on after them; the receipt, its signature
    /// checked.
    ///
    /// # Errors
    /// When they are not held.
    pub async fn push_on(&mut self, entries: &[Vec<u8>]) -> Fallible<Receipt> {
        let batch = self.batch(entries);
        match self.outcome(&batch).await? {
            PushOutcome::Held { receipt, parked } => {
                ensure(parked.is_empty(), || format!("parked: {parked:?}"))?;
                ensure(receipt.is_signed_by(&self.server_key), || {
                    "a receipt that the server did not sign".to_owned()
                })?;
                self.went_on(&batch);
                Ok(receipt)
            }
            other => Err(Failure::new(format!("not held: {other:?}"))),
        }
    }

    /// Sends a batch again and again until it is held, as every handheld does, and goes on
    /// after it.
    ///
    /// # Errors
    /// When it is not held in time.
    pub async fn push_until_held(&mut self, batch: &Batch) -> Fallible<()> {
        let this = &*self;
        let last = Mutex::new(String::new());
        let said = &last;
        let held = wait::until("the batch is held", HEALS_WITHIN, || async move {
            let outcome = this.outcome(batch).await;
            let held = matches!(outcome, Ok(PushOutcome::Held { .. })).then_some(());
            *said.lock().unwrap_or_else(PoisonError::into_inner) = format!("{outcome:?}");
            Ok(held)
        });
        let ended = held.await;
        if let Err(failure) = ended {
            let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
            return Err(failure.during(&last));
        }
        self.went_on(batch);
        Ok(())
    }

    /// Uploads an original again and again until it is held, going on where it stands.
    ///
    /// # Errors
    /// When it is not held in time.
    pub async fn upload_until_held(&self, photo: &[u8]) -> Fallible<()> {
        wait::until("the photo is held", HEALS_WITHIN, || async move {
            Ok(self.upload(photo).await.ok())
        })
        .await
    }

    /// One page of the feed.
    ///
    /// # Errors
    /// When it was refused or cannot be read.
    pub async fn page(&self, cursor: Option<&str>, wait: u32) -> Fallible<FeedPage> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor)));
        let path = format!("/sync/feed?wait={wait}{}", cursor.unwrap_or_default());
        let reply = self.client.get(&path).await?;
        ensure(reply.status == 200, || reply.said())?;
        Ok(wire::unpack(&reply.bytes, MOST)?)
    }

    /// Everything that the feed has after `cursor`, and the cursor after it.
    ///
    /// # Errors
    /// As [`RawHandheld::page`].
    pub async fn feed(&self, cursor: Option<&str>) -> Fallible<(Vec<FeedItem>, String)> {
        let (mut items, mut cursor) = (Vec::new(), cursor.map(str::to_owned));
        loop {
            let page = self.page(cursor.as_deref(), 0).await?;
            items.extend(page.items);
            if !page.more {
                return Ok((items, page.cursor));
            }
            cursor = Some(page.cursor);
        }
    }

    /// Begins an upload that claims to be `digest`; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn begin_upload(
        &self,
        photo: Digest,
        digest: Digest,
        kind: MediaKind,
        length: u64,
    ) -> Fallible<Reply> {
        let path = "/media/uploads";
        let request = self
            .client
            .request(Method::POST, path)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata(photo, digest, kind));
        self.client.send(path, request).await
    }

    /// Sends bytes to an upload from `offset` on; the answer as it came.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send_bytes(&self, upload: &str, offset: u64, bytes: &[u8]) -> Fallible<Reply> {
        let request = self
            .client
            .request(Method::PATCH, upload)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec());
        self.client.send(upload, request).await
    }

    /// Uploads an original that a record promised, whole.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn upload(&self, photo: &[u8]) -> Fallible<()> {
        let (digest, length) = (Digest::of(photo), photo.len() as u64);
        let begun = self
            .begin_upload(digest, digest, MediaKind::Original, length)
            .await?;
        let upload = location(&begun)?;
        if offset_of(&begun)? == length {
            return Ok(());
        }
        let offset = offset_of(&begun)?;
        let rest = photo.get(usize::try_from(offset)?..).unwrap_or_default();
        let sent = self.send_bytes(&upload, offset, rest).await?;
        ensure(sent.status == 204 && offset_of(&sent)? == length, || {
            sent.said()
        })
    }
}

/// `Upload-Metadata` of a photo.
#[must_use]
pub fn metadata(photo: Digest, digest: Digest, kind: MediaKind) -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    [
        pair("digest", &digest.to_string()),
        pair("photo", &photo.to_string()),
        pair("kind", kind.as_str()),
    ]
    .join(",")
}

/// A text as it stands in a query (RFC 3986).
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Where an upload goes on, as a path under `/api/v1`.
///
/// # Errors
/// When the answer names none.
pub fn location(begun: &Reply) -> Fallible<String> {
    ensure(begun.status == 201, || begun.said())?;
    let location = begun
        .headers
        .get("location")
        .and_then(|value| value.to_str().ok());
    location
        .and_then(|location| location.split_once("/api/v1"))
        .map(|(_, path)| path.to_owned())
        .ok_or_else(|| Failure::new(format!("no location: {:?}", begun.headers)))
}

/// `Upload-Offset` of an answer.
///
/// # Errors
/// When there is none.
pub fn offset_of(reply: &Reply) -> Fallible<u64> {
    let offset = reply
        .headers
        .get("upload-offset")
        .and_then(|value| value.to_str().ok());
    offset
        .and_then(|offset| offset.parse().ok())
        .ok_or_else(|| Failure::new(format!("no offset: {}", reply.said())))
}

/// Time evidence of a device whose wall clock says so, and that never heard a server.
#[must_use]
pub fn clock_says(wall: i64) -> TimeEvidence {
    TimeEvidence {
        wall: UnixMillis(wall),
        boot: BootId([7; 16]),
        uptime: Millis(1_000),
        gnss: None,
        anchor: None,
    }
}

/// A small picture, another for each number: a JPEG with real pixels.
///
/// # Errors
/// When it cannot be encoded.
pub fn picture(number: u32) -> Fallible<Vec<u8>> {
    let [red, green, blue, _] = number.wrapping_mul(2_654_435_761).to_le_bytes();
    let picture = image::RgbImage::from_fn(160, 120, |x, y| {
        let mix = |channel: u8, other: u32| channel.wrapping_add((other & 0xff) as u8);
        image::Rgb([mix(red, x), mix(green, y), mix(blue, x ^ y)])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg)?;
    let jpeg = bytes.into_inner();
    crate::storm::photos::fresh(&jpeg, &format!("picture {number}"))
        .ok_or_else(|| Failure::new("no JPEG came of it"))
}
