//! The host of the engine: acts and never decides. `http` makes the requests, `run` is the
//! loop between the engine, the device and the network, `enrol` and `wipe` what the
//! engine has no part in.

mod enrol;
mod http;
mod run;
mod wipe;

#[cfg(test)]
mod tests;

pub(crate) use enrol::{enrol, login};
pub(crate) use run::sync;
