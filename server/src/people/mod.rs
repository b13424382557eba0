//! People: the organisation tree, who may do what, and who may see what.
//!
//! Every request that is not public gives a [`Caller`]: its token is verified, the person,
//! his role and his place in the organisation tree are looked up anew, so that a change of
//! any of them counts from the next request on. [`permission`] says what a role may do at
//! all, [`scope`] which rows it may see: every query of every capability takes its
//! condition from there and from nowhere else.

pub mod account;
pub mod audit;
pub mod bootstrap;
pub mod caller;
pub mod enrolment;
pub mod field;
pub mod gate;
pub mod handheld;
pub mod page;
pub mod password;
pub mod permission;
pub mod reach;
pub mod refresh;
pub mod renewal;
pub mod routes;
pub mod rows;
pub mod scope;
pub mod session;
pub mod sign_in;
pub mod spoken;
pub mod telephone;
pub mod throttle;
pub mod tokens;
pub mod tree;
pub mod unit;
pub mod wipe;
pub mod workplace;

pub use gate::Gate;
pub use permission::{Permission, Role};
pub use routes::configure;
pub use scope::{Caller, Scope};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod postgres_tests;
