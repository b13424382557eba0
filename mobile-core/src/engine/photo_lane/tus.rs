//! What the server says of an upload, by tus 1.0: that it is created, where it stands, and
//! what came of a chunk.

use super::lane_of;
use crate::engine::{
    Change, Command, Engine, HttpReply, Reply,
    reading::{Trouble, not_the_server, success},
};
use gridcrew_sync_protocol::{media::MediaKind, time::Millis};

impl Engine {
    /// The answer to the creation of an upload.
    pub(super) fn created(&mut self, now: Millis, kind: MediaKind, reply: &Reply) {
        match self.tus_reply(reply, 201) {
            Ok(http) => match http.location.clone() {
                #[cfg(feature = "planted")]
                Some(url) if crate::planted::on(crate::planted::Bug::OffsetTrusted) => {
                    self.stands_at(kind, 0, Some(url));
                }
                Some(url) => self.stands_at(kind, http.upload_offset.unwrap_or(0), Some(url)),
                None => self.photo_trouble(now, kind, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => self.photo_trouble(now, kind, &trouble),
        }
    }

    /// The answer to where an upload stands.
    pub(super) fn located(&mut self, now: Millis, kind: MediaKind, reply: &Reply) {
        match self.tus_reply(reply, 200) {
            Ok(http) => match http.upload_offset {
                #[cfg(feature = "planted")]
                Some(_) if crate::planted::on(crate::planted::Bug::OffsetTrusted) => {
                    self.stands_at(kind, 0, None);
                }
                Some(offset) => self.stands_at(kind, offset, None),
                None => self.photo_trouble(now, kind, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => {
                // An answer to HEAD has no body; the epoch says whose answer it is.
                let gone = matches!(reply, Reply::Http(http)
                    if matches!(http.status, 404 | 410) && http.epoch.is_some());
                if gone {
                    self.worked();
                    self.begin_anew(kind);
                } else {
                    self.photo_trouble(now, kind, &trouble);
                }
            }
        }
    }

    /// The answer to a chunk.
    pub(super) fn chunk_sent(&mut self, now: Millis, kind: MediaKind, reply: &Reply, length: u64) {
        let before = self
            .photos(kind)
            .current
            .as_ref()
            .and_then(|current| current.offset);
        let before = before.unwrap_or(0);
        #[cfg(feature = "planted")]
        if crate::planted::on(crate::planted::Bug::PhotoHeldWhenSent)
            || (crate::planted::on(crate::planted::Bug::HtmlPhotoAck)
                && matches!(reply, Reply::Http(http) if (200..300).contains(&http.status)))
        {
            return self.stands_at(kind, before.saturating_add(length), None);
        }
        match self.tus_reply(reply, 204) {
            Ok(http) => match http.upload_offset {
                Some(offset) if offset > before && offset <= before.saturating_add(length) => {
                    self.stands_at(kind, offset, None);
                }
                _ => self.photo_trouble(now, kind, &Trouble::Unknown(not_the_server(http))),
            },
            Err(trouble) => self.photo_trouble(now, kind, &trouble),
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
    fn stands_at(&mut self, kind: MediaKind, offset: u64, url: Option<String>) {
        self.photos_worked(kind);
        let lane = self.photos(kind);
        let Some(current) = &mut lane.current else {
            lane.busy = false;
            return;
        };
        let photo = current.upload.photo;
        if current.offset.is_some_and(|before| offset > before) {
            lane.tries.remove(&photo);
        }
        if offset > current.upload.bytes {
            // Not an upload of these bytes.
            return self.begin_anew(kind);
        }
        current.offset = Some(offset);
        if offset == current.upload.bytes {
            lane.current = None;
            lane.want();
            let change = Change::PhotoHeld { photo, kind };
            self.out.push(Command::Persist(lane_of(kind), change));
        } else if url.is_some() {
            current.upload.url.clone_from(&url);
            let change = Change::UploadAt { photo, kind, url };
            self.out.push(Command::Persist(lane_of(kind), change));
        } else {
            lane.busy = false;
        }
    }

    /// Forgets where the upload was to go on, durably, so that it is created again.
    pub(super) fn begin_anew(&mut self, kind: MediaKind) {
        let lane = self.photos(kind);
        let Some(current) = &mut lane.current else {
            lane.busy = false;
            return;
        };
        current.offset = None;
        current.upload.url = None;
        let photo = current.upload.photo;
        let change = Change::UploadAt {
            photo,
            kind,
            url: None,
        };
        self.out.push(Command::Persist(lane_of(kind), change));
    }
}
