//! Which of the photos that records promise are held (I7).

use crate::{edge::Problem, media::rows::media_object, trace::ledger::digest_of};
use gridcrew_sync_protocol::{
    digest::Digest, media::MediaKind, record::PhotoRef, workflow::SlotCode,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A photo of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhotoView {
    /// SHA-256 of the original: its name.
    pub digest: Digest,
    /// Length of the original in bytes.
    pub bytes: u64,
    /// The slot that it fills.
    pub slot: SlotCode,
    /// Whether its preview is held.
    pub preview_held: bool,
    /// Whether the original is held.
    pub original_held: bool,
}

/// Which photos are held.
#[derive(Clone, Debug, Default)]
pub struct PhotosHeld {
    previews: BTreeSet<Digest>,
    originals: BTreeSet<Digest>,
}

impl PhotosHeld {
    /// Looks up which of these photos are held.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn among<C: ConnectionTrait>(
        db: &C,
        photos: impl IntoIterator<Item = Digest>,
    ) -> Result<Self, Problem> {
        let photos: BTreeSet<Digest> = photos.into_iter().collect();
        let mut held = Self::default();
        if photos.is_empty() {
            return Ok(held);
        }
        let rows = media_object::Entity::find()
            .filter(media_object::Column::Photo.is_in(photos.iter().map(|photo| photo.0.to_vec())))
            .all(db)
            .await?;
        for row in rows {
            let photo = digest_of(&row.photo)?;
            if row.kind == MediaKind::Original.as_str() {
                held.originals.insert(photo);
            } else {
                held.previews.insert(photo);
            }
        }
        Ok(held)
    }

    /// A photo as it is shown.
    #[must_use]
    pub fn view(&self, photo: &PhotoRef) -> PhotoView {
        PhotoView {
            digest: photo.digest,
            bytes: photo.bytes,
            slot: photo.slot.clone(),
            preview_held: self.previews.contains(&photo.digest),
            original_held: self.originals.contains(&photo.digest),
        }
    }
}
