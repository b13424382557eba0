//! Hand-overs: open orders that are to change hands because the ground did, or because their
//! owner is away.
//!
//! The way of one: [`offer`] writes it down for an order, its owner and a receiver, with the
//! cause, notes it in the order's trace and tells the feed, so that both see it. [`answer`]
//! decides: accepted, the receiver becomes the owner in a new term, with its stored
//! explanation, as by any hand-over ([`super::route::hand_over`]); kept, nothing moves. An
//! order that changes hands otherwise, or is closed, takes the offer with it ([`lapse`]). In
//! all of that the owner stays the owner until another is ([`rule`]).
//!
//! [`move_at_once`] is an offer that its author accepts for the receiver, for who cannot wait:
//! the owner is away and someone must have his orders now. [`moved`] finds what a version of
//! the territory moved. One offer of an order is open at a time; what gives way to what stands
//! in [`rule::gives_way`]. An offer whose receiver is gone lapses ([`lapse_unreceivable`]).

pub mod list;
pub mod moved;
pub mod routes;
pub mod rows;
pub mod rule;
mod store;
mod unreceivable;

pub use rule::{Answer, Cause, CauseKind, Decider, Offer, State, gives_way};
pub use store::{
    Offered, answer, lapse, lapse_closed, move_at_once, of_cause, offer, offered_among,
};
pub(super) use unreceivable::lapse_unreceivable;

#[cfg(test)]
pub(in crate::dispatch) mod tests;
