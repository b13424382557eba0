//! A photo of a record: whether it has come, what its handheld noticed about it when it was
//! taken over, and what follows from that.

use super::photos::PhotoView;
use gridcrew_sync_protocol::{
    claims::{Before, CameraOriginal, NoPreview, PhotoClaim, PhotoFlag},
    position::TypedPosition,
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
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
    /// Why the handheld made no preview of it.
    pub no_preview: Option<NoPreview>,
    /// What makes a reviewer look twice at it.
    pub flags: Vec<PhotoFlag>,
}

impl TracePhoto {
    /// A photo with what was claimed of it and the flags that follow.
    #[must_use]
    pub fn of(photo: PhotoView, claim: Option<&PhotoClaim>, flags: Vec<PhotoFlag>) -> Self {
        Self {
            photo,
            taken_at: claim.and_then(|claim| claim.taken_at),
            place: claim.and_then(|claim| claim.place),
            camera: claim.and_then(|claim| claim.camera),
            before: claim.and_then(|claim| claim.before),
            no_preview: claim.and_then(|claim| claim.no_preview),
            flags,
        }
    }
}
