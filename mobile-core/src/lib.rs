//! The handheld's engine: everything that a manager's handheld does without a network, and
//! the sync that brings it to the server when there is one.
//!
//! The way of an act through these modules:
//!
//! 1. [`Handheld::step`] judges it by `rules`, takes its pictures over into the photo
//!    folder (`photos`), and `journal` makes a chained entry of it in the `store`: durable
//!    before the call returns.
//! 2. `fold` derives the order's state from what is here, with the server's own code, so
//!    that `views` show it at once.
//! 3. [`Handheld::sync`] runs the [`engine`], which decides and never acts, in a `host`
//!    that acts and never decides. Records go first, then previews, then originals; pages
//!    of the feed come in and `feed` applies each with its cursor in one transaction.
//!
//! Time and randomness come in through [`clock`].

pub mod clock;
#[cfg(feature = "simulated")]
pub mod disk;
pub mod drive;
pub mod engine;
mod error;
mod feed;
mod files;
#[cfg(test)]
mod fixture;
mod fold;
mod handheld;
mod host;
mod journal;
mod local;
mod photos;
#[cfg(feature = "planted")]
mod planted;
mod rules;
mod secrets;
mod store;
mod views;

pub use engine::{Budget, Ended, Problem, SyncReport};
pub use error::{Error, missing_words};
pub use handheld::{Handheld, PhotoInput, Recorded, StepInput};
pub use journal::Place;
pub use photos::Thinned;
pub use store::{
    photos::{LaneState, PhotoCounts, PhotoStanding},
    waiting::Waits,
};
pub use views::{DeadlineLine, List, NextStep, OrderCard, OrderLine, RecordLine, Status, Strip};
