//! The handheld's surface for Kotlin, Swift and Python: UniFFI bindings over
//! [`gridcrew_mobile_core::Handheld`], and nothing that decides anything.
//!
//! A call comes in through [`handheld`], where its plain values (`input`) are checked and
//! become the engine's own; what the engine gives is put into plain records on the way out
//! (`orders`, `card`, `forms`, `trace`, `review`, `people`, `standing`). Ids are text and
//! checked on the way in, times are milliseconds and named so, pictures are paths: no bytes
//! of a photo cross the boundary. [`device`] is for a device that several people use, each
//! with a handheld of his own, and [`keys`] what the host keeps for the library.
//!
//! What needs the network is async and runs on threads of this library (`online`), never on
//! the caller's; the caller may let go of it at any time. The rest is synchronous, works
//! without a network and may write to the disk: a host calls it away from its main thread.
//! How a sync goes on is told to a [`listener::SyncListener`] of the host.
//!
//! Nothing panics across the boundary: a fault of the library comes back as
//! [`error::HandheldError::Internal`], and the handheld goes on.

pub mod acting;
pub mod answers;
pub mod card;
pub mod device;
pub mod error;
pub mod forms;
pub mod handheld;
pub mod input;
pub mod keys;
pub mod listener;
pub mod locking;
mod online;
pub mod orders;
pub mod people;
pub mod review;
pub mod settings;
pub mod standing;
pub mod trace;

#[cfg(test)]
mod tests;

uniffi::setup_scaffolding!();
