//! People: the organisation tree, who may do what, and who may see what.
//!
//! Every request that is not public gives a [`Caller`]: its token is verified, the person,
//! his role and his place in the organisation tree are looked up anew, so that a change of
//! any of them counts from the next request on. [`permission`] says what a role may do at
//! all, [`scope`] which rows it may see: every query of every capability takes its
//! condition from there and from nowhere else.

pub mod permission;
pub mod scope;

pub use permission::{Permission, Role};
pub use scope::{Caller, Scope};
