//! The handheld's engine: everything that a manager's handheld does without a network, and
//! the sync that brings it to the server when there is one.
//!
//! The way of an act through these modules:
//!
//! 1. [`Handheld::step`] judges it by `rules`, takes its pictures over into the photo
//!    folder (`photos`), notes what it noticed about place and photos (`claims`), and
//!    `journal` makes a chained entry of it in the `store`: durable before the call returns,
//!    also when `space` is short.
//! 2. `fold` derives the order's state from what is here, with the server's own code, so
//!    that `views` show it at once.
//! 3. [`Handheld::sync`] runs the [`engine`], which decides and never acts, in a `host`
//!    that acts and never decides. Records go first, then previews, then originals; pages
//!    of the feed come in and `feed` applies each with its cursor in one transaction.
//!
//! What a person asks on the way (which cell is this, who lives there, what comes next) is
//! answered by `views` and `answers`, from what is here.
//!
//! Time and randomness come in through [`clock`].

mod answers;
mod claims;
pub mod clock;
mod device;
#[cfg(feature = "simulated")]
pub mod disk;
pub mod drive;
pub mod engine;
mod error;
mod export;
mod feed;
mod files;
#[cfg(test)]
mod fixture;
mod fold;
pub mod from_outside;
mod handheld;
mod host;
mod journal;
mod local;
mod lock;
mod mending;
mod photos;
#[cfg(feature = "planted")]
mod planted;
mod rules;
mod seal;
mod secrets;
mod settings;
mod space;
mod store;
mod views;
mod wipe;

pub use answers::{
    parked::{ParkedRecord, Reason, reason},
    place::{CellHere, Named, OrderNear},
    review::{arrival_words, review_lines},
    search::{CustomerHit, Fits},
};
pub use device::{Device, PersonHere, ShiftChange};
pub use engine::{Budget, Ended, Problem, SyncReport};
pub use error::{Error, lock_words, missing_words};
pub use export::Exported;
pub use handheld::{Handheld, PhotoInput, Recorded, StepInput};
pub use host::{Changed, Listener, Progress, ProgressLane};
pub use journal::Place;
pub use lock::{Lock, OFFLINE_AFTER, Unlocked};
pub use photos::{
    Thinned,
    exif::ExifFacts,
    policy::{PhotoPolicy, SentOriginal},
};
pub use seal::{KeyFault, KeyStore, KeysInFolder};
pub use settings::Settings;
pub use space::{FreeSpace, SpaceLimits, SpaceStanding, SystemSpace};
pub use store::{
    photos::{LaneState, PhotoCounts, PhotoStanding},
    waiting::Waits,
};
pub use views::{DeadlineLine, List, NextStep, OrderCard, OrderLine, RecordLine, Status, Strip};
