//! The trace: what happened, who recorded it, and that nobody changed it since.
//!
//! Everything that happens to an order is an entry of a journal (I1, I4). Entries come in
//! two ways: the server writes its own through [`ledger::append`] (accepted, assigned, what
//! a person does at a desk), and handhelds push theirs ([`crate::sync`]). Either way, in the
//! same transaction the order is folded anew ([`ledger::refold`]), its projection is
//! replaced, and the change is announced to the feed ([`feed_log`]).

pub mod epoch;
pub mod feed_log;
pub mod ledger;
pub mod recent;
pub mod refold;
pub mod rows;

pub use recent::Recent;
