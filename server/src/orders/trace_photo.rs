//! A photo of a record: whether it has come, what its handheld noticed about it when it was
//! taken over, where else it is used, and what follows from that.

use super::photos::PhotoView;
use gridcrew_sync_protocol::{
    claims::{Before, CameraOriginal, Look, NoPreview, PhotoClaim, PhotoFlag, Review, photos_of},
    digest::Digest,
    position::TypedPosition,
    record::Record,
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A photo of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TracePhoto {
    /// Which, and whether it has come.
    #[serde(flatten)]
    pub photo: PhotoView,
    /// When it was taken by the camera's clock, if its EXIF says so.
    pub taken_at: Option<UnixMillis>,
    /// Where it was taken, if its EXIF says so.
    pub place: Option<TypedPosition>,
    /// What the camera gave, when what is sent was made smaller by policy.
    pub camera: Option<CameraOriginal>,
    /// An earlier photo of the same handheld that it is, or looks like: to be put beside it.
    pub before: Option<Before>,
    /// Where else it is used, whatever handheld took it there: the same file first, then
    /// what looks most alike, at most five, of orders that the reader may see.
    pub elsewhere: Vec<Before>,
    /// Why the handheld made no preview of it.
    pub no_preview: Option<NoPreview>,
    /// What makes a reviewer look twice at it.
    pub flags: Vec<PhotoFlag>,
}

impl TracePhoto {
    /// A photo with what was claimed of it, the flags that follow, and its other uses.
    #[must_use]
    pub fn of(
        photo: PhotoView,
        claim: Option<&PhotoClaim>,
        flags: Vec<PhotoFlag>,
        elsewhere: Vec<Before>,
    ) -> Self {
        Self {
            photo,
            taken_at: claim.and_then(|claim| claim.taken_at),
            place: claim.and_then(|claim| claim.place),
            camera: claim.and_then(|claim| claim.camera),
            before: claim.and_then(|claim| claim.before),
            elsewhere,
            no_preview: claim.and_then(|claim| claim.no_preview),
            flags,
        }
    }
}

/// The photos of records, with what they are claimed to look like.
pub(super) fn looks<'r>(
    records: impl Iterator<Item = &'r Record>,
) -> BTreeMap<Digest, Option<Look>> {
    let mut looks = BTreeMap::new();
    for record in records {
        let claims = record.claims.as_deref();
        for (at, photo) in photos_of(&record.event).iter().enumerate() {
            let claim = claims.and_then(|claims| claims.photos.get(at));
            let look: &mut Option<Look> = looks.entry(photo.digest).or_default();
            *look = look.or(claim.and_then(|claim| claim.look));
        }
    }
    looks
}

/// Flags photos that are used elsewhere, unless their handheld said so of that order itself.
pub(super) fn flag_other_uses(
    record: &Record,
    elsewhere: &BTreeMap<Digest, Vec<Before>>,
    review: &mut Review,
) {
    let photos = photos_of(&record.event).iter().zip(&mut review.photos);
    for (photo, flags) in photos {
        for other in elsewhere.get(&photo.digest).into_iter().flatten() {
            let order = other.order;
            let is_told = flags.iter().any(|flag| match flag {
                PhotoFlag::SamePicture { order: told } => *told == order,
                PhotoFlag::LooksLike { order: told, .. } => *told == order,
                _ => false,
            });
            if !is_told {
                flags.push(match other.differs {
                    None => PhotoFlag::SamePicture { order },
                    Some(bits) => PhotoFlag::LooksLike { order, bits },
                });
            }
        }
    }
}
