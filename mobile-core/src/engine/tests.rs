//! The engine against a model of the server, through everything that a network, a restart
//! and a restored backup can do.

mod holes;
mod laws;
mod model;
mod table;
mod world;
