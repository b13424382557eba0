//! Leave: asked for, approved or refused, begun and ended (DOMAIN 4.18).
//!
//! The way of one: [`store::ask`] writes the request down; [`store::approve`] asks the
//! [`rule`] whether any cell would be left alone and, when none is, notes the absence and the
//! covers; [`store::refuse`], [`store::record`] and [`ending`] are the other ways on.
//! Each changes one row under the station's lock. The row knows the next moment at which
//! somebody must act, and [`moments`] is where any process finds and takes it, once, late if
//! none ran at that moment. Who changes his station takes his leave along ([`following`]). Who
//! was away suddenly owes a written statement, and [`store`] keeps until when.

pub mod ending;
pub mod following;
pub mod limits;
pub mod moments;
pub mod rule;
pub mod store;

pub use rule::{Cover, LeaveKind, LeaveState};
