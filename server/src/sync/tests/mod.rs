//! Pushes and feeds against a real database in a temporary folder.

mod aside;
mod feed;
mod push;
pub(crate) mod world;
