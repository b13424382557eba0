//! What is shown: the lists, an order with what is next and what is missing, and the strip
//! that says in plain words what waits and why.

mod card;
mod lists;
mod strip;

pub use card::{DeadlineLine, NextStep, OrderCard, RecordLine};
pub use lists::{List, OrderLine};
pub use strip::{Status, Strip};

pub(crate) use card::card;
pub(crate) use lists::{find, is_mine, list};
pub(crate) use strip::status;
