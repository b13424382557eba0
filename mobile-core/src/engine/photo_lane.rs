//! Photos out, by tus 1.0, in two lanes: previews and originals, each the oldest first.
//!
//! Neither waits for what the other has under way, but an original's next chunk starts only
//! when no preview could go: a preview that was made in the middle of an original goes beside
//! the chunk under way, and the original waits for it there. A preview that fails and waits
//! stops no original. Which photos the server still holds is asked in the lane of previews.
//!
//! An upload is created (or looked up, when it was begun before), then goes chunk by chunk
//! from where the server says that it stands. Between chunks records have the way. A photo
//! that fails is left for a while and the next one is tried; after three refusals it is
//! left for this sync. Only what the server will never take is marked so.
//!
//! Chunks carry no checksum of their own: then what came of a chunk that broke off counts,
//! and the upload goes on at the byte. The whole is verified by its hash all the same.

mod tus;

use super::{
    Change, Command, Engine, Lane, Load, Problem, Reply, Request,
    backoff::{Backoff, Jitter},
    reading::{Trouble, packed},
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

#[derive(Debug)]
pub(super) struct PhotoLane {
    /// The budget wants nothing of this kind sent.
    barred: bool,
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
    tries: BTreeMap<Digest, Try>,
    /// Those of them that the last look at the store passed over.
    skipped: BTreeSet<Digest>,
}

/// The upload under way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Current {
    upload: Upload,
    /// Where it stands, once the server has said so.
    offset: Option<u64>,
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
    /// A lane with nothing under way.
    pub(super) fn new(barred: bool) -> Self {
        Self {
            barred,
            busy: false,
            wants: false,
            problem: None,
            backoff: Backoff::default(),
            refusals: 0,
            current: None,
            sent: Sent::Nothing,
            asked_to: None,
            tries: BTreeMap::new(),
            skipped: BTreeSet::new(),
        }
    }

    pub(super) fn want(&mut self) {
        self.wants = !self.barred;
    }

    /// Whether something of this lane is on its way or could be sent now.
    fn has_the_way(&self, now: Millis) -> bool {
        self.busy || self.next_try(now) == Some(now)
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
        self.want();
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

    fn skip(&self, now: Millis) -> BTreeSet<Digest> {
        self.tries
            .iter()
            .filter(|(_, one)| one.refusals >= MAX_REFUSALS || one.backoff.until(now).is_some())
            .map(|(key, _)| *key)
            .collect()
    }

    /// Leaves the current photo for a while, and goes on with the next.
    fn set_aside(&mut self, now: Millis, refused: bool, jitter: &mut Jitter) {
        if let Some(current) = self.current.take() {
            let one = self.tries.entry(current.upload.photo).or_default();
            one.backoff.fail(now, jitter);
            if refused {
                one.refusals = one.refusals.saturating_add(1);
                if one.refusals >= MAX_REFUSALS {
                    self.problem = Some(Problem::PhotosStuck);
                }
            }
        }
        self.want();
    }
}

/// The lane of that kind.
fn lane_of(kind: MediaKind) -> Lane {
    match kind {
        MediaKind::Preview => Lane::Previews,
        MediaKind::Original => Lane::Originals,
    }
}

impl Engine {
    fn photos(&mut self, kind: MediaKind) -> &mut PhotoLane {
        self.lane_and_jitter(kind).0
    }

    fn lane_and_jitter(&mut self, kind: MediaKind) -> (&mut PhotoLane, &mut Jitter) {
        let lane = match kind {
            MediaKind::Preview => &mut self.previews,
            MediaKind::Original => &mut self.originals,
        };
        (lane, &mut self.jitter)
    }

    pub(super) fn want_photos(&mut self) {
        self.previews.want();
        self.originals.want();
    }

    /// Starts both lanes, previews first.
    pub(super) fn photos_start(&mut self, now: Millis) {
        self.lane_start(now, MediaKind::Preview);
        if !self.previews.has_the_way(now) {
            self.lane_start(now, MediaKind::Original);
        }
    }

    fn lane_start(&mut self, now: Millis, kind: MediaKind) {
        let left = self.spent.left(&self.budget);
        let lane = self.photos(kind);
        if lane.next_try(now) != Some(now) {
            return;
        }
        lane.busy = true;
        let Some(current) = lane.current.clone() else {
            lane.wants = false;
            lane.skipped = lane.skip(now);
            let load = Load::Photos {
                kind,
                skip: lane.skipped.clone(),
                ask_after: lane.asked_to,
            };
            self.out.push(Command::Load(load));
            return;
        };
        match (current.upload.url.clone(), current.offset) {
            (None, _) => {
                lane.sent = Sent::Create;
                self.send(lane_of(kind), Request::Create(current.upload), 0);
            }
            (Some(url), None) => {
                lane.sent = Sent::Offset;
                self.send(lane_of(kind), Request::Offset(url), 0);
            }
            (Some(url), Some(offset)) => {
                let length = CHUNK
                    .min(current.upload.bytes.saturating_sub(offset))
                    .min(left);
                if length == 0 {
                    // What is under way in the other lanes took the rest of the budget.
                    lane.busy = false;
                    return;
                }
                lane.sent = Sent::Chunk { length };
                let request = Request::Chunk {
                    upload: current.upload,
                    url,
                    offset,
                    length,
                };
                self.send(lane_of(kind), request, length);
            }
        }
    }

    /// Photos that the server is to be asked about.
    pub(super) fn ask_photos(&mut self, photos: Vec<Digest>) {
        let body = wire::pack(&HeldRequest {
            photos: photos.clone(),
        });
        self.previews.sent = Sent::Ask(photos);
        let bytes = body.len() as u64;
        self.send(Lane::Previews, Request::Held(body), bytes);
    }

    /// All photos have been asked about.
    pub(super) fn asked_all(&mut self) {
        let change = Change::AskedAll;
        self.out.push(Command::Persist(Lane::Previews, change));
    }

    /// Something to upload.
    pub(super) fn upload_loaded(&mut self, upload: Upload) {
        let lane = self.photos(upload.kind);
        lane.busy = false;
        lane.want();
        lane.current = Some(Current {
            upload,
            offset: None,
        });
    }

    /// Nothing to upload now.
    pub(super) fn photos_empty(&mut self, kind: MediaKind) {
        let lane = self.photos(kind);
        lane.busy = false;
        // Nothing waits but what was passed over: what failed and was not is done with by
        // another way, as when the server said that it holds it.
        let PhotoLane { tries, skipped, .. } = lane;
        tries.retain(|key, _| skipped.contains(key));
    }

    pub(super) fn photos_replied(&mut self, now: Millis, kind: MediaKind, reply: &Reply) {
        match std::mem::take(&mut self.photos(kind).sent) {
            Sent::Nothing => {}
            Sent::Ask(asked) => match packed::<HeldReply>(reply, MAX_HELD_BYTES) {
                Ok(reply) if reply.epoch == self.epoch => {
                    self.photos_worked(kind);
                    self.photos(kind).asked_to = asked.last().copied();
                    let change = Change::PhotosHeld { asked, reply };
                    self.out.push(Command::Persist(lane_of(kind), change));
                }
                Ok(_) => self.photos(kind).drop_reply(),
                Err(trouble) => self.photo_trouble(now, kind, &trouble),
            },
            Sent::Create => self.created(now, kind, reply),
            Sent::Offset => self.located(now, kind, reply),
            Sent::Chunk { length } => self.chunk_sent(now, kind, reply, length),
        }
    }

    fn photos_worked(&mut self, kind: MediaKind) {
        self.worked();
        let lane = self.photos(kind);
        lane.backoff.reset();
        lane.refusals = 0;
        if lane.problem != Some(Problem::PhotosStuck) {
            lane.problem = None;
        }
    }

    fn photo_trouble(&mut self, now: Millis, kind: MediaKind, trouble: &Trouble) {
        let lane = self.photos(kind);
        lane.busy = false;
        lane.want();
        if let Some(current) = &mut lane.current {
            current.offset = None;
        }
        if self.common_trouble(now, lane_of(kind), trouble) {
            if matches!(trouble, Trouble::Busy(_)) {
                self.photos(kind).problem = Some(trouble.problem());
            }
            return;
        }
        let Trouble::Refused(code) = trouble else {
            // Perhaps the link, perhaps this photo: both wait, another photo may go first.
            self.photos(kind).problem = Some(trouble.problem());
            self.photo_lane_fails(now, kind);
            self.set_aside(now, kind, false);
            return;
        };
        match code {
            Code::NotFound | Code::MediaGone | Code::MediaDigest => {
                let current = self.photos(kind).current.clone();
                self.begin_anew(kind);
                self.photos(kind).busy = current.is_some();
                self.set_aside(now, kind, true);
            }
            Code::MediaNoPicture
            | Code::MediaTooLarge
            | Code::MediaTooManyPixels
            | Code::MediaMalformed => self.photo_refused(kind, *code),
            Code::MediaPreviewNotWanted if kind == MediaKind::Preview => self.preview_not_wanted(),
            Code::MediaNotPromised => {
                self.journal.doubt();
                self.set_aside(now, kind, true);
            }
            _ if self.photos(kind).current.is_some() => {
                self.set_aside(now, kind, true);
            }
            _ => {
                // The question about held photos was refused.
                self.photos(kind).problem = Some(trouble.problem());
                self.photo_lane_fails(now, kind);
                let lane = self.photos(kind);
                lane.refusals = lane.refusals.saturating_add(1);
                lane.wants = lane.refusals < MAX_REFUSALS;
            }
        }
    }

    fn photo_lane_fails(&mut self, now: Millis, kind: MediaKind) {
        let (lane, jitter) = self.lane_and_jitter(kind);
        lane.backoff.fail(now, jitter);
    }

    fn set_aside(&mut self, now: Millis, kind: MediaKind, refused: bool) {
        let (lane, jitter) = self.lane_and_jitter(kind);
        lane.set_aside(now, refused, jitter);
    }

    fn photo_refused(&mut self, kind: MediaKind, code: Code) {
        let lane = self.photos(kind);
        lane.problem = Some(Problem::PhotosStuck);
        if let Some(current) = lane.current.take() {
            lane.busy = true;
            let photo = current.upload.photo;
            let change = Change::PhotoStuck {
                photo,
                kind,
                state: LaneState::Refused,
                reason: code.to_string(),
            };
            self.out.push(Command::Persist(lane_of(kind), change));
        }
    }

    /// The server waits for no preview of ours: nothing of it is left to send.
    fn preview_not_wanted(&mut self) {
        let kind = MediaKind::Preview;
        let lane = self.photos(kind);
        if let Some(current) = lane.current.take() {
            lane.busy = true;
            let photo = current.upload.photo;
            let change = Change::PhotoHeld { photo, kind };
            self.out.push(Command::Persist(lane_of(kind), change));
        }
    }

    pub(super) fn photos_stored(&mut self, kind: MediaKind) {
        self.photos(kind).busy = false;
        // The server may have said that it no longer holds an original.
        self.want_photos();
    }
}
