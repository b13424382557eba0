//! The language that Gridcrew's server and handheld speak, and the rules that both ends
//! must decide alike.

pub mod ids;
pub mod position;
