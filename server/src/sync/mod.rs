//! Sync: journals in, the feed out.
//!
//! **In.** A handheld pushes a signed batch of its journal. [`incoming`] checks that it is
//! genuine, beside the workers and without the database. [`apply`] then takes it in within
//! one transaction: [`push`] decides by comparing links (held already, new, a gap, a fork),
//! [`intake`] stores what is new and everything that follows from it. The answer is a value
//! with a signed receipt; a lost answer is asked for again and is the same. After a fork,
//! [`reopen`] gives the handheld a new journal that names the old. What is not applied is
//! kept all the same: [`aside`].
//!
//! How the handheld itself stands comes last, and the last one is kept: [`diagnostics`].
//!
//! **Out.** A handheld asks for what is new since its [`cursor`], which is opaque, cannot be
//! forged, and says what it was told. [`feed`] holds the rules of what it must be told so
//! that it holds its scope and nothing else, [`page`] puts the answer together from one
//! snapshot of the database, [`wait`] holds the request open until there is something.

pub mod apply;
pub mod aside;
pub mod cursor;
pub mod diagnostics;
pub mod feed;
pub mod handheld;
mod import;
pub mod incoming;
mod intake;
mod order_entries;
mod order_items;
pub mod page;
pub mod push;
pub mod reopen;
pub mod routes;
mod surroundings;
pub mod wait;

pub use import::{ImportArgs, Imported, import};
pub use routes::configure;

#[cfg(test)]
pub(crate) mod tests;
