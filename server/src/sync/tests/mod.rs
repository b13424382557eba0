//! Pushes and feeds against a real database in a temporary folder.

mod aside;
mod diagnostics;
mod feed;
mod first_sync;
mod first_sync_bytes;
mod push;
pub(crate) mod world;
