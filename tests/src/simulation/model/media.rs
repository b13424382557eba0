//! Photos in, by tus.

use super::{Model, books::Incoming};
use crate::Fallible;
use gridcrew_mobile_core::engine::HttpReply;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    media::{HeldReply, HeldRequest, MediaKind},
    wire,
};

/// More uploads than a server begins between two restores.
const UPLOADS_OF_A_LIFE: u64 = 1_000_000;

impl Model {
    pub(super) fn which_held(&mut self, body: &[u8]) -> Fallible<HttpReply> {
        let request: HeldRequest = wire::unpack(body, 1 << 20)?;
        let of = |kind| {
            let photos = request.photos.iter().copied();
            photos
                .filter(|photo| self.books.held.contains_key(&(*photo, kind)))
                .collect()
        };
        Ok(self.packed(&HeldReply {
            epoch: self.epoch,
            originals: of(MediaKind::Original),
            previews: of(MediaKind::Preview),
        }))
    }

    pub(super) fn create(
        &mut self,
        photo: Digest,
        kind: MediaKind,
        digest: Digest,
        length: u64,
    ) -> HttpReply {
        if !self.books.promised.contains(&photo) {
            if self.restores == 0 {
                self.complaints
                    .push("a photo was sent before the record that promises it".into());
            }
            return self.problem(Code::MediaNotPromised);
        }
        let mut uploads = self.books.uploads.iter();
        let same =
            uploads.find(|(_, one)| (one.photo, one.kind, one.digest) == (photo, kind, digest));
        let id = match same {
            Some((id, _)) => *id,
            None => {
                // A number that a restored server gave out and forgot is never given out again:
                // the real server's are random.
                let begin = u64::from(self.restores) * UPLOADS_OF_A_LIFE;
                let last = self.books.uploads.keys().last().copied().unwrap_or(0);
                let last = last.max(begin);
                let incoming = Incoming {
                    photo,
                    kind,
                    digest,
                    length,
                    bytes: Vec::new(),
                };
                self.books.uploads.insert(last + 1, incoming);
                last + 1
            }
        };
        let stands = self.books.uploads.get(&id).map_or(0, |one| one.bytes.len());
        HttpReply {
            location: Some(format!("/api/v1/media/uploads/{id}")),
            upload_offset: Some(stands as u64),
            ..self.reply(201)
        }
    }

    pub(super) fn offset(&self, url: &str) -> HttpReply {
        match self.books.uploads.get(&id_of(url)) {
            Some(incoming) => HttpReply {
                upload_offset: Some(incoming.bytes.len() as u64),
                ..self.reply(200)
            },
            None => self.reply(404),
        }
    }

    pub(super) fn chunk(&mut self, url: &str, offset: u64, piece: &[u8]) -> HttpReply {
        let id = id_of(url);
        let Some(incoming) = self.books.uploads.get_mut(&id) else {
            return self.problem(Code::NotFound);
        };
        let stands = incoming.bytes.len() as u64;
        if stands != offset || incoming.length - stands < piece.len() as u64 {
            return HttpReply {
                upload_offset: Some(stands),
                ..self.problem(Code::MediaWrongOffset)
            };
        }
        incoming.bytes.extend_from_slice(piece);
        let stands = incoming.bytes.len() as u64;
        if stands == incoming.length {
            if Digest::of(&incoming.bytes) != incoming.digest {
                self.books.uploads.remove(&id);
                return self.problem(Code::MediaDigest);
            }
            let key = (incoming.photo, incoming.kind);
            self.books.held.insert(key, incoming.bytes.clone());
        }
        HttpReply {
            upload_offset: Some(stands),
            ..self.reply(204)
        }
    }
}

fn id_of(url: &str) -> u64 {
    let last = url.rsplit('/').next();
    last.and_then(|id| id.parse().ok()).unwrap_or(0)
}
