//! Orders: intake, life cycle, workflow templates, deadlines.

pub mod rows;
pub mod templates;

pub use templates::Templates;
