//! The edge to HTTP that all capabilities share: problem documents, bodies that have a
//! deadline and a limit, and the epoch on each reply.
//!
//! A request passes [`body::pace`] first, so that no handler can be held up by a slow
//! body; handlers take [`body::Json`] or [`body::Packed`], which read no more than they
//! are told to; where a request comes from says [`origin`]; whatever goes wrong becomes a [`Problem`], an RFC 9457 document with a
//! code of the register.

pub mod body;
pub mod health;
pub mod origin;
pub mod problem;
mod span;

pub use body::{Json, PACKED_MEDIA_TYPE, Packed};
pub use problem::{Problem, ProblemDocument};
pub use span::RequestSpan;

/// The header that carries the server's epoch on each reply.
pub const EPOCH_HEADER: &str = "Gridcrew-Epoch";
