//! The deterministic simulation: the real engine and the real store of handhelds, in a world
//! of networks, clocks, people and disks that is drawn from a seed and can be played again
//! byte for byte.
//!
//! 1. A seed gives a [`step::Schedule`]: what people do, what becomes of each request, who
//!    is killed, cloned, set back, revoked, when.
//! 2. A [`world::World`] begins from the [`origin::Origin`] (a founded server and enrolled
//!    handhelds) and carries out step by step: [`seat`] is the process on a device, `people`
//!    and `devices` what they do and what befalls them, `network` the fate of requests,
//!    [`disk`] what is written. Of the [`server`] there are two: the [`real`] one over SQLite,
//!    and a [`model`] of it.
//! 3. At the end everything comes through, and `settle` compares handhelds and server with
//!    the [`ledger`] that stands outside of both.
//! 4. [`run`] does so for many seeds, and makes a failing schedule short enough to be read.
//!
//! How to run it, and how to read its stories, is in `docs/simulation.md`.

mod chance;
mod devices;
mod disk;
pub mod fault;
mod faults_seen;
mod hardware;
mod ledger;
mod model;
#[cfg(feature = "planted")]
pub mod mutations;
mod network;
pub mod origin;
mod people;
mod real;
pub mod run;
mod scene;
mod seat;
pub mod server;
mod settle;
pub mod step;
mod world;
