//! Gridcrew's server: splits a territory into cells with A and B managers, routes orders to
//! them, takes in their journals and photos, and keeps the trace that anyone can check.

pub mod app;
pub mod clock;
pub mod config;
pub mod edge;
pub mod keys;
pub mod orders;
pub mod people;
pub mod store;
pub mod trace;
