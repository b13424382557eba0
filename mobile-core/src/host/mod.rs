//! The host of the engine: acts and never decides. `http` makes the requests, `run` is the
//! loop between the engine, the device and the network, `enrol` the one thing that the
//! engine has no part in.

mod enrol;
mod http;
mod run;

#[cfg(test)]
mod tests;

pub(crate) use enrol::enrol;
pub(crate) use run::sync;
