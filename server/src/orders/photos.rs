//! Which of the photos that records promise are held (I7).

use crate::edge::Problem;
use gridcrew_sync_protocol::{digest::Digest, record::PhotoRef, workflow::SlotCode};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, ExprTrait, Query},
};
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
    previews: BTreeSet<[u8; 32]>,
    originals: BTreeSet<[u8; 32]>,
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
        let statement = Query::select()
            .columns(["photo", "kind"])
            .from("media_object")
            .and_where(Expr::col("photo").is_in(photos.iter().map(|photo| photo.0.to_vec())))
            .take();
        for row in db.query_all(&statement).await? {
            let (photo, kind): (Vec<u8>, String) =
                (row.try_get("", "photo")?, row.try_get("", "kind")?);
            if let Ok(photo) = <[u8; 32]>::try_from(photo) {
                match kind.as_str() {
                    "original" => held.originals.insert(photo),
                    _ => held.previews.insert(photo),
                };
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
            preview_held: self.previews.contains(&photo.digest.0),
            original_held: self.originals.contains(&photo.digest.0),
        }
    }

    /// Whether the original is held.
    #[must_use]
    pub fn has_original(&self, photo: Digest) -> bool {
        self.originals.contains(&photo.0)
    }
}
