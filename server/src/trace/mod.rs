//! The trace: what happened, who recorded it, and that nobody changed it since.
//!
//! Everything that happens to an order is an entry of a journal (I1, I4). Entries come in
//! two ways: the server writes its own through [`ledger::append`] (accepted, assigned, what
//! a person does at a desk), and handhelds push theirs ([`crate::sync`]). Either way, in the
//! same transaction the order is folded anew ([`ledger::refold`]), its projection is
//! replaced, and the change is announced to the feed ([`feed_log`]).
//!
//! Whoever wants to know whether the trace is whole does not have to believe the server:
//! [`export`](mod@export) writes orders with their signed journals into a folder, as
//! [`manifest`] says, and [`verify`](mod@verify) checks such a folder without the server.
//! [`rebuild`](mod@rebuild) folds everything anew and compares it with the projection.
//! [`commands`] are these three on the command line, [`routes`] exports over HTTP out of
//! [`scratch`] folders.

pub mod commands;
pub mod epoch;
pub mod export;
pub mod feed_log;
pub mod folder;
pub mod ledger;
pub mod manifest;
mod readable;
pub mod rebuild;
pub mod recent;
pub mod refold;
pub mod routes;
pub mod rows;
pub mod scratch;
mod tar;
pub mod verify;

pub use recent::Recent;

#[cfg(test)]
mod tests;
