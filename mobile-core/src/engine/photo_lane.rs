//! Photos out, by tus 1.0: the preview of each before any original, the oldest first.
//!
//! An upload is created (or looked up, when it was begun before), then goes chunk by chunk
//! from where the server says that it stands. Between chunks records have the way. A photo
//! that fails is left for a while and the next one is tried; after three refusals it is
//! left for this sync. Only what the server will never take is marked so.
//!
//! Chunks carry no checksum of their own: then what came of a chunk that broke off counts,
//! and the upload goes on at the byte. The whole is verified by its hash all the same.

use super::{
    Change, Command, Engine, HttpReply, Lane, Load, Loaded, Problem, Reply, Request,
    backoff::Backoff,
    reading::{Trouble, not_the_server, packed, success},
};
use crate::store::photos::{LaneState, Upload};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    media::{HeldReply, HeldRequest, MediaKind},
    time::Millis,
    wire,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a chunk: what is at stake when a request breaks off on a slow link.
const CHUNK: u64 = 256 * 1024;
/// Most bytes of an answer about held photos once decompressed.
const MAX_HELD_BYTES: usize = 256 * 1024;
/// Refusals after which a photo is left for this sync.
const MAX_REFUSALS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct PhotoLane {
    pub(super) busy: bool,
    wants: bool,
    pub(super) problem: Option<Problem>,
    pub(super) backoff: Backoff,
    /// Refusals in a row of the question which photos are held.
    refusals: u32,
    current: Option<Current>,
    sent: Sent,
    /// The last photo that the server was asked about.
    asked_to: Option<Digest>,
    /// Photos that failed in this sync.
    tries: BTreeMap<(Digest, MediaKind), Try>,
    /// Those of them that the last look at the store passed over.
    skipped: BTreeSet<(Digest, MediaKind)>,
}

/// The upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Current {
    upload: Upload,
    /// Where it stands, once the server has said so.
    offset: Option<u64>,
}

impl Current {
    fn key(&self) -> (Digest, MediaKind) {
        (self.upload.photo, self.upload.kind)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Sent {
    #[default]
    Nothing,
    Ask(Vec<Digest>),
    Create,
    Offset,
    Chunk {
        length: u64,
    },
}

#[derive(Debug, Default)]
struct Try {
    backoff: Backoff,
    refusals: u32,
}

impl PhotoLane {
    pub(super) fn want(&mut self) {
        self.wants = true;
    }

    fn brings_a_preview(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.key().1 == MediaKind::Preview)
    }

    pub(super) fn network_changed(&mut self) {
        self.backoff.reset();
        self.refusals = 0;
        for one in self.tries.values_mut() {
            one.backoff.reset();
        }
    }

    pub(super) fn offer_again(&mut self) {
        self.asked_to = None;
        self.tries.clear();
    }

    pub(super) fn drop_reply(&mut self) {
        self.busy = false;
        self.current = None;
        self.sent = Sent::Nothing;
        self.wants = true;
    }

    pub(super) fn next_try(&self, now: Millis) -> Option<Millis> {
        if self.busy {
            return None;
        }
        let lane = self.backoff.until(now).unwrap_or(now);
        if self.wants || self.current.is_some() {
            return Some(lane);
        }
        let photo = self
            .tries
            .values()
            .filter(|one| one.refusals < MAX_REFUSALS)
            .map(|one| one.backoff.until(now).unwrap_or(now))
            .min()?;
        Some(photo.max(lane))
    }

    fn skip(&self, now: Millis) -> BTreeSet<(Digest, MediaKind)> {
        self.tries
            .iter()
            .filter(|(_, one)| one.refusals >= MAX_REFUSALS || one.backoff.until(now).is_some())
            .map(|(key, _)| *key)
            .collect()
    }

    /// Leaves the current photo for a while, and goes on with the next.
    fn set_aside(&mut self, now: Millis, refused: bool, jitter: &mut super::Jitter) {
        if let Some(current) = self.current.take() {
            let one = self.tries.entry(current.key()).or_default();
            one.backoff.fail(now, jitter);
            if refused {
                one.refusals = one.refusals.saturating_add(1);
                if one.refusals >= MAX_REFUSALS {
                    self.problem = Some(Problem::PhotosStuck);
                }
            }
        }
        self.wants = true;
    }
}

impl Engine {
    pub(super) fn photos_start(&mut self, now: Millis) {
        if self.photos.next_try(now) != Some(now) {
            return;
        }
        let left = self.spent.left(&self.budget);
        let lane = &mut self.photos;
        lane.busy = true;
        let Some(current) = lane.current.clone() else {
            lane.wants = false;
            lane.skipped = lane.skip(now);
            let load = Load::Photos {
                skip: lane.skipped.clone(),
                originals: self.budget.keeps_originals().is_none(),
                ask_after: lane.asked_to,
            };
            self.out.push(Command::Load(load));
            return;
        };
        match (current.upload.url.clone(), current.offset) {
            (None, _) => {
                lane.sent = Sent::Create;
                self.send(Lane::Photos, Request::Create(current.upload), 0);
            }
            (Some(url), None) => {
                lane.sent = Sent::Offset;
                self.send(Lane::Photos, Request::Offset(url), 0);
            }
            (Some(url), Some(offset)) => {
                let length = CHUNK
                    .min(current.upload.bytes.saturating_sub(offset))
                    .min(left);
                if length == 0 {
                    lane.busy = false;
                    return self.spent_up();
                }
                lane.sent = Sent::Chunk { length };
                let request = Request::Chunk {
                    upload: current.upload,
                    url,
                    offset,
                    length,
                };
                self.send(Lane::Photos, request, length);
            }
        }
    }

    pub(super) fn photos_loaded(&mut self, loaded: Loaded) {
        let lane = &mut self.photos;
        match loaded {
            Loaded::AskPhotos(photos) => {
                let body = wire::pack(&HeldRequest {
                    photos: photos.clone(),
                });
                lane.sent = Sent::Ask(photos);
                let bytes = body.len() as u64;
                self.send(Lane::Photos, Request::Held(body), bytes);
            }
            Loaded::AskedAll => {
                let change = Change::AskedAll;
                self.out.push(Command::Persist(Lane::Photos, change));
            }
            Loaded::Upload(upload) => {
                lane.busy = false;
                lane.wants = true;
                lane.current = Some(Current {
                    upload,
                    offset: None,
                });
            }
            _ => {
                lane.busy = false;
                // Nothing waits but what was passed over: what failed and was not is done
                // with by another way, as when the server said that it holds it.
                let PhotoLane { tries, skipped, .. } = lane;
                tries.retain(|key, _| skipped.contains(key));
            }
        }
    }

    pub(super) fn photos_replied(&mut self, now: Millis, reply: &Reply) {
        match std::mem::take(&mut self.photos.sent) {
            Sent::Nothing => {}
            Sent::Ask(asked) => match packed::<HeldReply>(reply, MAX_HELD_BYTES) {
                Ok(reply) if reply.epoch == self.epoch => {
                    self.photos_worked();
                    self.photos.asked_to = asked.last().copied();
                    let change = Change::PhotosHeld { asked, reply };
                    self.out.push(Command::Persist(Lane::Photos, change));
                }
                Ok(_) => self.photos.drop_reply(),
                Err(trouble) => self.photo_trouble(now, &trouble),
            },
            Sent::Create => self.created(now, reply),
            Sent::Offset => self.located(now, reply),
            Sent::Chunk { length } => self.chunk_sent(now, reply, length),
        }
    }

    fn photos_worked(&mut self) {
        self.worked();
        self.photos.backoff.reset();
        self.photos.refusals = 0;
        if self.photos.problem != Some(Problem::PhotosStuck) {
            self.photos.problem = None;
        }
    }

    fn created(&mut self, now: Millis, reply: &Reply) {
        match self.tus_reply(reply, 201) {
            Ok(http) => match http.location.clone() {
                #[cfg(feature = "planted")]
                Some(url) if crate::planted::on(crate::planted::Bug::OffsetTrusted) => {
                    self.stands_at(0, Some(url));
                }
                Some(url) => self.stands_at(http.upload_offset.unwrap_or(0), Some(url)),
                None => self.photo_trouble(now, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => self.photo_trouble(now, &trouble),
        }
    }

    fn located(&mut self, now: Millis, reply: &Reply) {
        match self.tus_reply(reply, 200) {
            Ok(http) => match http.upload_offset {
                #[cfg(feature = "planted")]
                Some(_) if crate::planted::on(crate::planted::Bug::OffsetTrusted) => {
                    self.stands_at(0, None);
                }
                Some(offset) => self.stands_at(offset, None),
                None => self.photo_trouble(now, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => {
                // An answer to HEAD has no body; the epoch says whose answer it is.
                let gone = matches!(reply, Reply::Http(http)
                    if matches!(http.status, 404 | 410) && http.epoch.is_some());
                if gone {
                    self.worked();
                    self.begin_anew();
                } else {
                    self.photo_trouble(now, &trouble);
                }
            }
        }
    }

    fn chunk_sent(&mut self, now: Millis, reply: &Reply, length: u64) {
        let before = self
            .photos
            .current
            .as_ref()
            .and_then(|current| current.offset);
        let before = before.unwrap_or(0);
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::PhotoHeldWhenSent)
            || (crate::planted::on(crate::planted::Bug::HtmlPhotoAck)
                && matches!(reply, Reply::Http(http) if (200..300).contains(&http.status)))
        {
            return self.stands_at(before.saturating_add(length), None);
        }
        match self.tus_reply(reply, 204) {
            Ok(http) => match http.upload_offset {
                Some(offset) if offset > before && offset <= before.saturating_add(length) => {
                    self.stands_at(offset, None);
                }
                _ => self.photo_trouble(now, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => self.photo_trouble(now, &trouble),
        }
    }

    /// A success in the form of tus, by the server that we know.
    fn tus_reply<'r>(&self, reply: &'r Reply, status: u16) -> Result<&'r HttpReply, Trouble> {
        let http = success(reply)?;
        if http.status == status && http.tus && http.epoch == Some(self.epoch) {
            Ok(http)
        } else {
            Err(Trouble::Unknown(not_the_server(http)))
        }
    }

    /// The server said where the upload stands, and with `url` where it is.
    fn stands_at(&mut self, offset: u64, url: Option<String>) {
        self.photos_worked();
        let lane = &mut self.photos;
        let Some(current) = &mut lane.current else {
            lane.busy = false;
            return;
        };
        let (photo, kind) = current.key();
        if current.offset.is_some_and(|before| offset > before) {
            lane.tries.remove(&(photo, kind));
        }
        if offset > current.upload.bytes {
            // Not an upload of these bytes.
            return self.begin_anew();
        }
        current.offset = Some(offset);
        if offset == current.upload.bytes {
            lane.current = None;
            lane.wants = true;
            let change = Change::PhotoHeld { photo, kind };
            self.out.push(Command::Persist(Lane::Photos, change));
        } else if url.is_some() {
            current.upload.url.clone_from(&url);
            let change = Change::UploadAt { photo, kind, url };
            self.out.push(Command::Persist(Lane::Photos, change));
        } else {
            lane.busy = false;
        }
    }

    /// Forgets where the upload was to go on, durably, so that it is created again.
    fn begin_anew(&mut self) {
        let lane = &mut self.photos;
        let Some(current) = &mut lane.current else {
            lane.busy = false;
            return;
        };
        current.offset = None;
        current.upload.url = None;
        let (photo, kind) = current.key();
        let change = Change::UploadAt {
            photo,
            kind,
            url: None,
        };
        self.out.push(Command::Persist(Lane::Photos, change));
    }

    fn photo_trouble(&mut self, now: Millis, trouble: &Trouble) {
        self.photos.busy = false;
        self.photos.wants = true;
        if let Some(current) = &mut self.photos.current {
            current.offset = None;
        }
        if self.common_trouble(now, Lane::Photos, trouble) {
            if matches!(trouble, Trouble::Busy(_)) {
                self.photos.problem = Some(trouble.problem());
            }
            return;
        }
        let Trouble::Refused(code) = trouble else {
            // Perhaps the link, perhaps this photo: both wait, another photo may go first.
            self.photos.problem = Some(trouble.problem());
            self.photos.backoff.fail(now, &mut self.jitter);
            self.photos.set_aside(now, false, &mut self.jitter);
            return;
        };
        match code {
            Code::NotFound | Code::MediaGone | Code::MediaDigest => {
                let current = self.photos.current.clone();
                self.begin_anew();
                self.photos.busy = current.is_some();
                self.photos.set_aside(now, true, &mut self.jitter);
            }
            Code::MediaNoPicture
            | Code::MediaTooLarge
            | Code::MediaTooManyPixels
            | Code::MediaMalformed => self.photo_refused(*code),
            Code::MediaPreviewNotWanted if self.photos.brings_a_preview() => {
                self.preview_not_wanted();
            }
            Code::MediaNotPromised => {
                self.journal.doubt();
                self.photos.set_aside(now, true, &mut self.jitter);
            }
            _ if self.photos.current.is_some() => {
                self.photos.set_aside(now, true, &mut self.jitter);
            }
            _ => {
                // The question about held photos was refused.
                self.photos.problem = Some(trouble.problem());
                self.photos.backoff.fail(now, &mut self.jitter);
                self.photos.refusals = self.photos.refusals.saturating_add(1);
                self.photos.wants = self.photos.refusals < MAX_REFUSALS;
            }
        }
    }

    fn photo_refused(&mut self, code: Code) {
        let lane = &mut self.photos;
        lane.problem = Some(Problem::PhotosStuck);
        if let Some(current) = lane.current.take() {
            lane.busy = true;
            let (photo, kind) = current.key();
            let change = Change::PhotoStuck {
                photo,
                kind,
                state: LaneState::Refused,
                reason: code.to_string(),
            };
            self.out.push(Command::Persist(Lane::Photos, change));
        }
    }

    /// The server waits for no preview of ours: nothing of it is left to send.
    fn preview_not_wanted(&mut self) {
        let lane = &mut self.photos;
        if let Some(current) = lane.current.take() {
            lane.busy = true;
            let (photo, kind) = current.key();
            let change = Change::PhotoHeld { photo, kind };
            self.out.push(Command::Persist(Lane::Photos, change));
        }
    }

    pub(super) fn photos_stored(&mut self) {
        self.photos.busy = false;
        self.photos.wants = true;
    }
}
