//! Dispatch.
pub mod explain;
pub mod ladder;
pub mod limits;
pub mod place;
