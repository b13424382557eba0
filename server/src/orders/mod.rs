//! Orders: intake, life cycle, workflow templates, deadlines.
//!
//! The way of an order through this folder: [`intake`] checks what was sent and says what
//! counts as the same again; [`store`] takes it in, in one transaction with its first
//! owner; [`act`] is what a person does at a desk (take, decline, hand over), through the
//! same ledger as what handhelds send. [`list`] and [`show`] show orders in the
//! forms of [`view`], [`trace_view`] what happened to one, with what follows
//! from its place (by [`target`]) and its photos ([`trace_photo`]); [`names`] puts names to ids and
//! [`photos`] says which have come. [`routes`] are the operations; [`templates`] are the
//! workflows that orders keep.

pub mod act;
pub mod intake;
pub mod list;
pub mod names;
pub mod photos;
pub mod routes;
pub mod rows;
pub mod show;
pub mod store;
pub mod target;
pub mod templates;
pub mod trace_photo;
pub mod trace_view;
pub mod view;

pub use templates::Templates;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
