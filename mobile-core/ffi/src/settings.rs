//! What a host may set at opening.

use gridcrew_mobile_core::{self as core, PhotoPolicy, SentOriginal, SpaceLimits};

/// JPEG quality of originals that are made smaller, unless the host says another.
const ORIGINAL_QUALITY: u8 = 85;

/// What a host may set at opening; what it leaves out is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct HandheldSettings {
    /// Longest side of a preview in pixels, 64 to 4,096; usually 800.
    #[uniffi(default = None)]
    pub preview_side: Option<u32>,
    /// JPEG quality of a preview, 40 to 95; usually 72.
    #[uniffi(default = None)]
    pub preview_quality: Option<u8>,
    /// Whether order, time and place are written on the preview; usually yes.
    #[uniffi(default = None)]
    pub stamp: Option<bool>,
    /// Originals are sent as JPEGs with at most so many pixels on the longest side, where
    /// that is fewer bytes; usually they are sent as they were taken.
    #[uniffi(default = None)]
    pub original_side: Option<u32>,
    /// JPEG quality of originals made smaller, 40 to 95; usually 85.
    #[uniffi(default = None)]
    pub original_quality: Option<u8>,
    /// Fewer free bytes than this are too few: the status warns; usually 500 MB.
    #[uniffi(default = None)]
    pub warn_below_bytes: Option<u64>,
    /// Bytes kept back for the last record on a full disk; usually 1 MiB.
    #[uniffi(default = None)]
    pub reserve_bytes: Option<u64>,
}

impl From<HandheldSettings> for core::Settings {
    fn from(wish: HandheldSettings) -> Self {
        let usual = Self::default();
        let (photos, space) = (usual.photos, usual.space_limits);
        Self {
            photos: PhotoPolicy {
                preview_side: wish.preview_side.unwrap_or(photos.preview_side),
                preview_quality: wish.preview_quality.unwrap_or(photos.preview_quality),
                stamp: wish.stamp.unwrap_or(photos.stamp),
                sent: match wish.original_side {
                    None => photos.sent,
                    Some(side) => SentOriginal::Smaller {
                        side,
                        quality: wish.original_quality.unwrap_or(ORIGINAL_QUALITY),
                    },
                },
                ..photos
            },
            space_limits: SpaceLimits {
                warn_below: wish.warn_below_bytes.unwrap_or(space.warn_below),
                reserve: wish.reserve_bytes.unwrap_or(space.reserve),
            },
            space: usual.space,
        }
    }
}

/// The engine's settings for what a host wishes, if it wishes anything.
pub(crate) fn engine(wish: Option<HandheldSettings>) -> core::Settings {
    wish.unwrap_or_default().into()
}
