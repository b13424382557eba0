//! The language that Gridcrew's server and handheld speak, and the rules that both ends
//! must decide alike. No I/O, no clock, no randomness: everything is passed in.
//!
//! The way of one record through these modules:
//!
//! 1. A person does a step. [`workflow`] says what the step asks for and what is missing.
//! 2. A [`record`] is made of it, with [`time`] as evidence and a [`position`] with its
//!    datum, and appended to the handheld's [`journal`], which chains and signs it.
//! 3. [`push`] carries it to the server, [`feed`] brings it to other handhelds; its photos
//!    go by the second lane, [`media`].
//! 4. What follows from its place and photos, [`arrival`] and [`claims`] say by [`limits`];
//!    [`stamp`] writes both on the copies of photos.
//! 5. Both ends fold the [`order`] from the same records and come to the same state.
//! 6. How the handheld itself stands goes last, as [`diagnostics`].
//!
//! What could not be sent travels as a file, [`export`]; [`wipe`] orders that a handheld be
//! emptied.
//!
//! [`wire`] is how all of it is written as bytes, [`digest`] how it is hashed, [`code`] the
//! register of everything that can be wrong.

pub mod arrival;
pub mod claims;
pub mod code;
pub mod diagnostics;
pub mod digest;
pub mod enrol;
pub mod export;
pub mod feed;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod media;
pub mod order;
#[cfg(feature = "planted")]
pub mod planted;
pub mod position;
pub mod push;
pub mod record;
pub mod stamp;
pub mod time;
pub mod wipe;
pub mod wire;
pub mod workflow;
