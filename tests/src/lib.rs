//! What the whole-system tests stand on: real server processes, real databases, real
//! handhelds, and the faults that are done to them.
//!
//! A test starts a [`server`] on a folder of its own (and, with [`postgres`], on a database
//! of its own), has a [`township`] founded over HTTP as a station would do it, talks to it
//! through a [`client`] or through handhelds whose [`link`] is slow and breaks, kills
//! whatever it likes, and compares in the end with what a ledger outside of everything
//! noted. [`storm`] is the largest of them: a real day of a real storm. [`fuzzing`] stands
//! apart: everything that reads bytes from outside, behind functions that take any.
//!
//! Nothing here sleeps in the hope that something has happened by then: [`wait`] asks until
//! it has, or until a deadline.

pub mod bars;
pub mod books;
pub mod client;
pub mod failure;
pub mod faults;
pub mod fuzzing;
pub mod link;
pub mod matrix;
pub mod postgres;
pub mod raw;
pub mod scene;
pub mod server;
pub mod simulation;
pub mod storm;
pub mod township;
pub mod wait;

pub use failure::{Failure, Fallible};
