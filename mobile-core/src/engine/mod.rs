//! The sync engine.

mod budget;
mod problem;

pub use budget::{Budget, Ended, SyncReport};
pub use problem::Problem;
