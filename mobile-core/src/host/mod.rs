//! The host of the engine: acts and never decides. `http` makes the requests, `run` is the
//! loop between the engine, the device and the network, `enrol` what the engine
//! has no part in.

mod enrol;
mod http;
mod run;

#[cfg(test)]
mod tests;

pub(crate) use enrol::{Enrolling, enrol, login};
pub(crate) use http::piece_of;
pub(crate) use run::{begin_sync, note_end, refresh_proof, sync};
