//! An order is the list of its records; its state is a fold over them (I1, I2).
//!
//! [`state`] says what the state of an order is, [`fold`](mod@fold) derives it. Both ends
//! run the same code: the server to keep its projection, the handheld to show the order
//! without a network. [`line`] puts the records in line by trusted time, then journal, then
//! sequence number, and each record counts once, so that neither the order of arrival nor
//! repetition matters.

pub mod fold;
mod line;
pub mod state;

pub use fold::{Sourced, fold};
pub use state::{
    Assignment, Deadline, DeadlineOutcome, DoneStep, Evidence, EvidenceReason, OrderState, Status,
};
