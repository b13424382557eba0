//! The host of the engine: acts and never decides. `http` makes the requests, `run` is the
//! loop between the engine, the device and the network, `progress` what a listener hears of
//! it, `enrol` and `wipe` what the engine has no part in.

mod enrol;
mod http;
mod progress;
mod run;
mod wipe;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use enrol::{Enrolling, enrol, login};
pub(crate) use http::piece_of;
pub use progress::{Changed, Listener, Progress, ProgressLane};
pub(crate) use run::{begin_sync, note_end, refresh_proof, sync};
